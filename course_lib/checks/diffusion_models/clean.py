"""Exercise 2 of unit 12: the picture that a prediction of the noise implies."""

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
from course_lib.generative.diffusion import predict_x0

KNOWN = "four pictures whose noise is known, each at a time of its own"
GAUSSIAN = "Gaussian data of variance 0.25, and the best prediction of the noise"
RANDOM = "a prediction that is far off"
VARIANCE = 0.25


def _cases(generator: torch.Generator) -> list[Case]:
    def draw(*shape: int) -> Tensor:
        return normal(*shape, generator=generator)

    own = falling(12, generator)
    x_0, noise = draw(4, 3, 4, 4).tanh(), draw(4, 3, 4, 4)
    t = 1 + torch.randperm(10, generator=generator)[:4]
    left = at(own, t, x_0)
    x_t = left.sqrt() * x_0 + (1 - left).sqrt() * noise
    points, times = draw(T - 1, 2), torch.arange(T - 1)
    left = SCHEDULE[times, None]
    best = (1 - left).sqrt() / (VARIANCE * left + 1 - left) * points
    return [
        Case(KNOWN, (x_t, t, noise, own)),
        Case(GAUSSIAN, (points, times, best, SCHEDULE)),
        Case(RANDOM, (draw(2, 1, 5, 3), torch.tensor([2, 9]), draw(2, 1, 5, 3), own)),
    ]


def _undoes(ask: Ask, case: Case) -> Finding | None:
    """Put the answer in again with the noise: out comes what went in."""
    x_t, t, noise, alpha_bar = case.inputs
    x_0 = ask(*case.inputs)
    left = at(alpha_bar, t, x_t)
    again = left.sqrt() * x_0 + (1 - left).sqrt() * noise
    place = far(again, x_t)
    if place is None:
        return None
    return Finding(
        recognise(x_0, case.inputs, _MISTAKES, 1e-4, 1e-4)
        or "your clean picture, with the same noise at the same time, is not the picture you got.",
        came=f"{float(again[place]):.4g} at {place}, picture {place[0]} at time {int(t[place[0]])}",
        wanted=f"{float(x_t[place]):.4g}",
        hint="See hint 1.",
    )


def _posterior_mean(ask: Ask, case: Case) -> Finding | None:
    """For Gaussian data the best guess is known: a share of x_t that shrinks with the noise."""
    x_t, t, _, alpha_bar = case.inputs
    left = alpha_bar[t, None]
    wanted = left.sqrt() * VARIANCE / (VARIANCE * left + 1 - left) * x_t
    came = ask(*case.inputs)
    place = far(came, wanted, 2e-3)
    if place is None:
        return None
    return Finding(
        recognise(came, case.inputs, _MISTAKES, 1e-3, 1e-3)
        or "for Gaussian data the answer should be the mean of what `x_t` can have come from.",
        came=f"{float(came[place]):.4g} at time {int(t[place[0]])}",
        wanted=f"{float(wanted[place]):.4g}",
    )


def _general(
    fade: Callable[[Tensor], Tensor] = torch.sqrt,
    noisy: Callable[[Tensor], Tensor] = lambda left: (1 - left).sqrt(),
    look: Callable[[Tensor, Tensor, Tensor], Tensor] = at,
) -> Callable[..., Tensor]:
    def function(x_t: Tensor, t: Tensor, predicted_noise: Tensor, alpha_bar: Tensor) -> Tensor:
        left = look(alpha_bar, t, x_t)
        return (x_t - noisy(left) * predicted_noise) / fade(left)

    return function


def _columns(alpha_bar: Tensor, t: Tensor, like: Tensor) -> Tensor:
    return alpha_bar[t] if like.shape[-1] == len(t) else at(alpha_bar, t, like)


def _divided_first(x_t: Tensor, t: Tensor, predicted_noise: Tensor, alpha_bar: Tensor) -> Tensor:
    left = at(alpha_bar, t, x_t)
    return x_t / left.sqrt() - (1 - left).sqrt() * predicted_noise


_no_division = _general(fade=torch.ones_like)
_no_roots = _general(lambda left: left, lambda left: 1 - left)
_share = _general(fade=lambda left: left)
_noise_share = _general(noisy=lambda left: 1 - left)
_whole_noise = _general(noisy=torch.ones_like)
_added = _general(noisy=lambda left: -(1 - left).sqrt())
_exchanged = _general(lambda left: (1 - left).sqrt(), torch.sqrt)
_first = _general(look=lambda a, t, like: a[t[0]])
_in_columns = _general(look=_columns)
_early = _general(look=lambda a, t, like: at(a, (t - 1).clamp_min(0), like))
_ignored = _general(noisy=torch.zeros_like)

_MISTAKES = {
    "the picture is not scaled back up after the noise is gone.": _no_division,
    "alpha-bar is a share of the *variance*; the factors are roots of shares.": _no_roots,
    "it is divided by alpha-bar; the picture was scaled by its root.": _share,
    "the noise's factor is not a root.": _noise_share,
    "all of the noise is taken away, although only a part of it went in.": _whole_noise,
    "the noise is added once more instead of taken away.": _added,
    "the factors of picture and noise have changed places.": _exchanged,
    "only the picture is scaled back up; the noise went in before the scaling.": _divided_first,
    "the time of the first picture is used for all of them.": _first,
    "the times run along the columns of each picture instead of along the batch.": _in_columns,
    "the schedule is read one time too early.": _early,
    "the predicted noise is not used.": _ignored,
}

PREDICT_X0 = Check(
    name="diffusion_models.predict_x0",
    reference=predict_x0,
    cases=_cases,
    properties=(
        Property("it undoes the noise", 1, _undoes, cases=(KNOWN,)),
        Property("the mean of all that it may have been", 1, _posterior_mean, cases=(GAUSSIAN,)),
        Property(
            "values agree with the reference, whatever was predicted",
            1,
            lambda ask, case: compare(ask, case, _MISTAKES, atol=1e-4, rtol=1e-3),
            cases=(RANDOM, KNOWN),
            hint="Nothing is cut off: that is the sampler's business.",
        ),
        gradients_flow(1, (0, 2), cases=(RANDOM,), hint="Detach nothing, and copy no numbers."),
    ),
    mutants={
        "no division": _no_division,
        "no roots": _no_roots,
        "divided by the share": _share,
        "noise without root": _noise_share,
        "all of the noise": _whole_noise,
        "noise added": _added,
        "exchanged": _exchanged,
        "divided first": _divided_first,
        "first time for all": _first,
        "times along columns": _in_columns,
        "one time too early": _early,
        "prediction ignored": _ignored,
        "cut off": lambda *inputs: predict_x0(*inputs).clamp(-1, 1),
        "prediction detached": detached(predict_x0, 2),
    },
)
