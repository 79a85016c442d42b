"""Exercise 1 of unit 12: noise, in one jump."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.diffusion_models.common import (
    SCHEDULE,
    T,
    at,
    detached,
    falling,
    far,
    normal,
)
from course_lib.checks.mistakes import compare, gradients_flow, recognise
from course_lib.generative.diffusion import q_sample

Factor = Callable[[Tensor], Tensor]

HAND = "a schedule that leaves all, 64 % and nothing"
PICTURES = "four pictures of 4 x 4 pixels, each at a time of its own"
POINTS = "points in the plane, at forty times"
SHORT = "a schedule of your own, three channels"


def _cases(generator: torch.Generator) -> list[Case]:
    def draw(*shape: int) -> Tensor:
        return normal(*shape, generator=generator)

    own = falling(12, generator)
    return [
        Case(HAND, (draw(3, 2), torch.arange(3), draw(3, 2), torch.tensor([1.0, 0.64, 0.0]))),
        Case(
            PICTURES,
            (
                draw(4, 1, 4, 4),
                torch.randperm(T, generator=generator)[:4],
                draw(4, 1, 4, 4),
                SCHEDULE,
            ),
        ),
        Case(POINTS, (draw(T, 2), torch.arange(T), draw(T, 2), SCHEDULE)),
        Case(SHORT, (draw(2, 3, 5, 4), torch.tensor([7, 3]), draw(2, 3, 5, 4), own)),
    ]


def _by_hand(ask: Ask, case: Case) -> Finding | None:
    x_0, _, noise, _ = case.inputs
    came = ask(*case.inputs)
    parts = (
        ("where all of the picture is left, the result is the picture.", x_0[0]),
        ("64 % of the variance left means 0.8 of the picture and 0.6 of the noise.", None),
        ("where nothing is left, the result is the noise.", noise[2]),
    )
    for n, (message, wanted) in enumerate(parts):
        wanted = 0.8 * x_0[1] + 0.6 * noise[1] if wanted is None else wanted
        if place := far(came[n], wanted):
            return Finding(
                recognise(came, case.inputs, _MISTAKES, 1e-5, 1e-4) or message,
                came=f"{float(came[n][place]):.4g}",
                wanted=f"{float(wanted[place]):.4g}",
                hint="See hint 1.",
            )
    return None


def _variance_stays(ask: Ask, case: Case) -> Finding | None:
    """Pictures and noise of variance one stay at variance one: the factors' squares add to 1."""
    x_0, t, _, alpha_bar = case.inputs
    zero, one = torch.zeros_like(x_0), torch.ones_like(x_0)
    total = ask(one, t, zero, alpha_bar) ** 2 + ask(zero, t, one, alpha_bar) ** 2
    place = far(total, one)
    if place is None:
        return None
    return Finding(
        "pictures and noise of variance 1 should give a result of variance 1, at every time.",
        came=f"a variance of {float(total[place]):.4g} at time {int(t[place[0]])}",
        wanted="1: the squares of the two factors add to one",
        hint="See hint 2.",
    )


def _own_time(ask: Ask, case: Case) -> Finding | None:
    """A batch is its pictures, one by one."""
    x_0, t, noise, alpha_bar = case.inputs
    together = ask(*case.inputs)
    for n in range(len(x_0)):
        alone = ask(x_0[n : n + 1], t[n : n + 1], noise[n : n + 1], alpha_bar)
        if far(together[n : n + 1], alone):
            message = recognise(together, case.inputs, _BATCH, 1e-5, 1e-4)
            return Finding(
                message or f"picture {n} of the batch comes out differently when it is alone.",
                hint="See hint 3.",
            )
    return None


def _mixed(
    picture: Factor = torch.sqrt,
    noise_factor: Factor = lambda left: (1 - left).sqrt(),
    look: Callable[[Tensor, Tensor, Tensor], Tensor] = at,
) -> Callable[..., Tensor]:
    def function(x_0: Tensor, t: Tensor, noise: Tensor, alpha_bar: Tensor) -> Tensor:
        left = look(alpha_bar, t, x_0)
        return picture(left) * x_0 + noise_factor(left) * noise

    return function


def _columns(alpha_bar: Tensor, t: Tensor, like: Tensor) -> Tensor:
    """What happens without new axes, where the sizes allow it."""
    return alpha_bar[t] if like.shape[-1] == len(t) else at(alpha_bar, t, like)


def _single(alpha_bar: Tensor, t: Tensor, like: Tensor) -> Tensor:
    before = torch.cat([torch.ones(1), alpha_bar[:-1]])
    return at((alpha_bar / before).nan_to_num(0.0), t, like)


_no_roots = _mixed(lambda left: left, lambda left: 1 - left)
_one_root = _mixed(noise_factor=lambda left: 1 - left)
_complement = _mixed(noise_factor=lambda left: 1 - left.sqrt())
_all_noise = _mixed(noise_factor=torch.ones_like)
_all_picture = _mixed(picture=torch.ones_like)
_exchanged = _mixed(lambda left: (1 - left).sqrt(), torch.sqrt)
_minus = _mixed(noise_factor=lambda left: -(1 - left).sqrt())
_first = _mixed(look=lambda a, t, like: a[t[0]])
_in_columns = _mixed(look=_columns)
_one_step = _mixed(look=_single)
_early = _mixed(look=lambda a, t, like: at(a, (t - 1).clamp_min(0), like))

_BATCH = {
    "the time of the first picture is used for all of them.": _first,
    "the times run along the columns of each picture instead of along the batch.": _in_columns,
}
_MISTAKES = _BATCH | {
    "alpha-bar is a share of the *variance*; picture and noise are scaled by roots.": _no_roots,
    "the picture's factor is a root, and the noise's is not.": _one_root,
    "the two factors add to one; their squares should.": _complement,
    "all of the noise is added at every time.": _all_noise,
    "the picture does not fade.": _all_picture,
    "picture and noise have changed places.": _exchanged,
    "the noise is subtracted.": _minus,
    "this is a single step of noise; asked is the jump over all steps up to `t`.": _one_step,
    "the schedule is read one time too early.": _early,
}

Q_SAMPLE = Check(
    name="diffusion_models.q_sample",
    reference=q_sample,
    cases=_cases,
    properties=(
        Property("all, some and nothing left, by hand", 1, _by_hand, cases=(HAND,)),
        Property("the variance stays one", 1, _variance_stays, cases=(POINTS, SHORT)),
        Property("every picture has its own time", 1, _own_time, cases=(PICTURES,)),
        Property(
            "values agree with the reference",
            1,
            lambda ask, case: compare(ask, case, _MISTAKES),
            cases=(PICTURES, POINTS, SHORT),
            hint="See hint 1.",
        ),
        gradients_flow(1, (0, 2), cases=(SHORT,), hint="Detach nothing, and copy no numbers."),
    ),
    mutants={
        "no roots": _no_roots,
        "one root": _one_root,
        "factors add to one": _complement,
        "all of the noise": _all_noise,
        "all of the picture": _all_picture,
        "exchanged": _exchanged,
        "minus": _minus,
        "first time for all": _first,
        "times along columns": _in_columns,
        "one step": _one_step,
        "one time too early": _early,
        "picture detached": detached(q_sample, 0),
        "noise of its own": lambda x_0, t, noise, alpha_bar: q_sample(
            x_0, t, normal(*x_0.shape, generator=torch.Generator().manual_seed(1)), alpha_bar
        ),
    },
)
