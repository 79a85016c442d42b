"""Exercise 6 of unit 12: a step back that agrees with what is known."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.diffusion_models.common import detached, falling, far, normal
from course_lib.checks.form import StudentError
from course_lib.checks.mistakes import compare, gradients_flow, recognise
from course_lib.generative.diffusion import ddpm_step, q_sample, repaint_step

LAST = "the last step, t = 0"
MIDDLE = "two pictures with a block missing, in the middle of the schedule"
WHOLE = "nothing is missing"
GONE = "everything is missing"


def _cases(generator: torch.Generator) -> list[Case]:
    def draw(*shape: int) -> Tensor:
        return normal(*shape, generator=generator)

    own = falling(12, generator)
    shape = (2, 3, 6, 6)
    mask = torch.zeros(2, 1, 6, 6, dtype=torch.bool)
    mask[0, :, 1:4, 2:6] = mask[1, :, 3:, :3] = True

    def step(t: int, hole: Tensor, gone: float) -> tuple:
        known = draw(*shape).tanh().masked_fill(hole, gone)
        return draw(*shape), t, draw(*shape), known, hole, own, draw(*shape), draw(*shape)

    t = int(torch.randint(4, 9, (), generator=generator))
    return [
        Case(LAST, step(0, mask, 0.5)),
        Case(MIDDLE, step(t, mask, 0.5)),
        Case(WHOLE, step(t, torch.zeros_like(mask), 0.5)),
        Case(GONE, step(t, torch.ones_like(mask), 0.5)),
    ]


def _keeps(ask: Ask, case: Case) -> Finding | None:
    known, mask = case.inputs[3:5]
    came = ask(*case.inputs)
    outside = ~mask.expand_as(came)
    if torch.equal(came[outside], known[outside]):
        return None
    off = float((came - known)[outside].abs().max())
    words = "after the last step the known pixels are the known pixels, bit for bit."
    return Finding(
        recognise(came, case.inputs, _LAST | _MISTAKES, 1e-6, 1e-6) or words,
        came=f"off by up to {off:.3g}",
        wanted="not at all",
        hint="See hint 3.",
    )


def _right_level(ask: Ask, case: Case) -> Finding | None:
    """Outside the hole there is the known picture, with the noise of time t - 1."""
    _, t, _, known, mask, alpha_bar, _, known_noise = case.inputs
    outside = ~mask.expand_as(known)
    came = ask(*case.inputs)[outside]
    picture, noise = known[outside], known_noise[outside]
    before = alpha_bar[t - 1]
    wanted = before.sqrt() * picture + (1 - before).sqrt() * noise
    place = far(came, wanted)
    if place is None:
        return None
    words = "outside the hole stands something else than the known picture at time t - 1."
    return Finding(
        recognise(ask(*case.inputs), case.inputs, _MISTAKES, 1e-4, 1e-4) or words,
        came=f"{float(came[place]):.4g}",
        wanted=f"{float(wanted[place]):.4g}",
        hint="See hint 1.",
    )


def _fills(ask: Ask, case: Case) -> Finding | None:
    """In the hole there is what DDPM's step makes of x_t."""
    x_t, t, predicted, _, mask, alpha_bar, noise, _ = case.inputs
    inside = mask.expand_as(x_t)
    came = ask(*case.inputs)
    wanted = ddpm_step(x_t, t, predicted, alpha_bar, noise)
    place = far(came[inside], wanted[inside])
    if place is None:
        return None
    return Finding(
        recognise(came, case.inputs, _MISTAKES, 1e-4, 1e-4)
        or "in the hole stands something else than what DDPM's step makes of `x_t`.",
        came=f"{float(came[inside][place]):.4g}",
        wanted=f"{float(wanted[inside][place]):.4g}",
        hint="See hint 2.",
    )


def _never_looks(ask: Ask, case: Case) -> Finding | None:
    """What the damaged picture holds in its hole changes nothing: zeros, or NaN."""
    x_t, t, predicted, known, mask, *rest = case.inputs
    came = ask(*case.inputs)
    other = ask(x_t, t, predicted, known.masked_fill(mask, -3.0), mask, *rest)
    if far(came, other, 1e-6):
        return Finding("the result changes with what the damaged picture holds *in its hole*.")
    try:
        ask(x_t, t, predicted, known.masked_fill(mask, torch.nan), mask, *rest)
    except StudentError as error:
        if error.kind != "not finite":
            raise
        return Finding(
            "the hole of the damaged picture holds NaN, and the result does, too.",
            hint="0 times NaN is NaN. Choose, do not multiply.",
        )
    return None


def _general(
    level: Callable[[int], int] = lambda t: t - 1,
    noisy: bool = True,
    join: Callable[[Tensor, Tensor, Tensor], Tensor] = torch.where,
    step: Callable[..., Tensor] = ddpm_step,
    wrap: bool = False,
) -> Callable[..., Tensor]:
    """The right answer, in parts that can be made wrong."""

    def function(
        x_t: Tensor,
        t: int,
        predicted_noise: Tensor,
        known: Tensor,
        mask: Tensor,
        alpha_bar: Tensor,
        noise: Tensor,
        known_noise: Tensor,
    ) -> Tensor:
        filled = step(x_t, t, predicted_noise, alpha_bar, noise)
        at = level(t)
        left = alpha_bar[at] if at >= 0 or wrap else torch.ones(())
        outside = left.sqrt() * known
        if noisy and (left < 1):
            outside = outside + (1 - left).sqrt() * known_noise
        return join(mask, filled, outside if left < 1 else known)

    return function


def _clean(x_t: Tensor, t: int, predicted: Tensor, alpha_bar: Tensor, noise: Tensor) -> Tensor:
    return (x_t - (1 - alpha_bar[t]).sqrt() * predicted) / alpha_bar[t].sqrt()


def _one_noise(x_t, t, predicted, known, mask, alpha_bar, noise, known_noise):  # noqa: ANN001, ANN202
    return repaint_step(x_t, t, predicted, known, mask, alpha_bar, noise, noise)


def _noise_exchanged(x_t, t, predicted, known, mask, alpha_bar, noise, known_noise):  # noqa: ANN001, ANN202
    return repaint_step(x_t, t, predicted, known, mask, alpha_bar, known_noise, noise)


def _joined_before(x_t, t, predicted, known, mask, alpha_bar, noise, known_noise):  # noqa: ANN001, ANN202
    times = torch.full((len(x_t),), t)
    joined = torch.where(mask, x_t, q_sample(known, times, known_noise, alpha_bar))
    return ddpm_step(joined, t, predicted, alpha_bar, noise)


def _known_unused(x_t, t, predicted, known, mask, alpha_bar, noise, known_noise):  # noqa: ANN001, ANN202
    return ddpm_step(x_t, t, predicted, alpha_bar, noise) + 0 * known_noise


_late = _general(level=lambda t: t)
_wrapped = _general(wrap=True)
_bare = _general(noisy=False)
_inverted = _general(join=lambda mask, a, b: torch.where(mask, b, a))
_product = _general(join=lambda mask, a, b: a * mask.float() + b * (~mask).float())
_whole_way = _general(step=_clean)
_averaged = _general(join=lambda mask, a, b: torch.where(mask, (a + b) / 2, b))

_LAST = {
    "at t = 0 there is no `alpha_bar[t - 1]`: index -1 is the *last* entry, pure noise.": _wrapped,
}
_MISTAKES = {
    "the known pixels carry the noise of time t; the step goes to time t - 1.": _late,
    "the known pixels carry no noise: they are from another time than the hole.": _bare,
    "hole and known pixels have changed places; True means hole.": _inverted,
    "in the hole stands the clean picture, not the step towards it.": _whole_way,
    "in the hole the damaged picture is mixed in.": _averaged,
    "`noise` is used for both parts; the known pixels have noise of their own.": _one_noise,
    "the two noises have changed places.": _noise_exchanged,
    "the known pixels are put in *before* the step, which then changes them.": _joined_before,
    "the known pixels are not used at all.": _known_unused,
}

REPAINT_STEP = Check(
    name="diffusion_models.repaint_step",
    reference=repaint_step,
    cases=_cases,
    properties=(
        Property("known pixels stay known", 1, _keeps, cases=(LAST,)),
        Property("outside: the known picture at time t - 1", 1, _right_level, (MIDDLE, WHOLE)),
        Property("inside: DDPM's step", 1, _fills, cases=(MIDDLE, GONE)),
        Property("the hole's content is never read", 1, _never_looks, cases=(MIDDLE, LAST)),
        Property(
            "values agree with the reference",
            1,
            lambda ask, case: compare(ask, case, _MISTAKES, atol=1e-4, rtol=1e-3),
            cases=(LAST, MIDDLE, GONE),
        ),
        gradients_flow(1, (0, 2, 3), cases=(MIDDLE,), hint="Detach nothing."),
    ),
    mutants={
        "noise of time t outside": _late,
        "last entry at the end": _wrapped,
        "no noise outside": _bare,
        "inverted": _inverted,
        "by products": _product,
        "clean picture inside": _whole_way,
        "mixed inside": _averaged,
        "one noise for both": _one_noise,
        "noises exchanged": _noise_exchanged,
        "joined before the step": _joined_before,
        "known not used": _known_unused,
        "prediction detached": detached(repaint_step, 2),
    },
)
