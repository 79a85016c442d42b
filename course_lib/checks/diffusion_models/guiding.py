"""Exercise 5 of unit 12: exaggerate what the condition changes."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.diffusion_models.common import detached, far, normal
from course_lib.checks.mistakes import compare, gradients_flow, recognise
from course_lib.generative.diffusion import classifier_free_guidance

OFF = "scale 0: no condition"
PLAIN = "scale 1: the condition as it is"
SAME = "the condition changes nothing, scale 5"
STRONG = "two predictions for three pictures, scale 4"
LESS = "a negative scale, away from the condition"
GAUSSIANS = "a Gaussian at 1 within one at 0, scale 3"
LEFT = 0.4


def _cases(generator: torch.Generator) -> list[Case]:
    def draw(*shape: int) -> Tensor:
        return normal(*shape, generator=generator)

    same, x = draw(2, 3), draw(8, 1)
    return [
        Case(OFF, (draw(2, 1, 3, 3), draw(2, 1, 3, 3), 0.0)),
        Case(PLAIN, (draw(2, 1, 3, 3), draw(2, 1, 3, 3), 1.0)),
        Case(SAME, (same, same.clone(), 5.0)),
        Case(STRONG, (draw(3, 2, 4, 4), draw(3, 2, 4, 4), 4.0)),
        Case(LESS, (draw(3, 2), draw(3, 2), -1.5)),
        Case(GAUSSIANS, (_noise_of(x, 1.0), _noise_of(x, 0.0), 3.0)),
    ]


def _noise_of(x: Tensor, mean: float) -> Tensor:
    """The noise in x when the data are N(mean, 1): minus the score, scaled."""
    return (1 - LEFT) ** 0.5 * (x - LEFT**0.5 * mean)


def _ends(ask: Ask, case: Case) -> Finding | None:
    conditional, unconditional, scale = case.inputs
    wanted = conditional if scale else unconditional
    came = ask(*case.inputs)
    place = far(came, wanted, 1e-5)
    if place is None:
        return None
    words = (
        "scale 1 is the conditional prediction, unchanged."
        if scale
        else "scale 0 forgets the condition: the unconditional prediction, unchanged."
    )
    return Finding(
        recognise(came, case.inputs, _MISTAKES, 1e-5, 1e-4) or words,
        came=f"{float(came[place]):.4g} at {place}",
        wanted=f"{float(wanted[place]):.4g}",
        hint="See hint 1.",
    )


def _nothing_to_exaggerate(ask: Ask, case: Case) -> Finding | None:
    came, wanted = ask(*case.inputs), case.inputs[0]
    place = far(came, wanted, 1e-4)
    if place is None:
        return None
    return Finding(
        "both predictions are the same, so there is nothing to exaggerate; the result is another.",
        came=f"{float(came[place]):.4g}",
        wanted=f"{float(wanted[place]):.4g}",
        hint="See hint 2.",
    )


def _gaussians(ask: Ask, case: Case) -> Finding | None:
    """p(x | c) = N(1, 1) and p(x) = N(0, 1): p (p(.|c) / p)^3 is N(3, 1)."""
    unconditional = case.inputs[1]
    came = ask(*case.inputs)
    x = unconditional / (1 - LEFT) ** 0.5
    mean = (x - came / (1 - LEFT) ** 0.5) / LEFT**0.5
    place = far(mean, torch.full_like(mean, 3.0), 1e-3)
    if place is None:
        return None
    return Finding(
        recognise(came, case.inputs, _MISTAKES, 1e-5, 1e-4)
        or "the condition moves the data from 0 to 1; three times as much should move them to 3.",
        came=f"to {float(mean[place]):.4g}",
        wanted="to 3",
    )


def _variant(conditional: Callable[[float], float], unconditional: Callable[[float], float]):  # noqa: ANN202
    """A wrong answer: other weights of the two predictions."""

    def function(c: Tensor, u: Tensor, scale: float) -> Tensor:
        return conditional(scale) * c + unconditional(scale) * u

    return function


_papers = _variant(lambda w: 1 + w, lambda w: -w)
_exchanged = _variant(lambda w: 1 - w, lambda w: w)
_added = _variant(lambda w: w, lambda w: 1.0)
_alone = _variant(lambda w: w, lambda w: 0.0)
_sign = _variant(lambda w: w, lambda w: w - 1)
_twice = _variant(lambda w: w, lambda w: -w)
_capped = _variant(lambda w: min(max(w, 0.0), 1.0), lambda w: 1 - min(max(w, 0.0), 1.0))
_ignored = _variant(lambda w: 1.0, lambda w: 0.0)


def _rescaled(c: Tensor, u: Tensor, scale: float) -> Tensor:
    guided = u + scale * (c - u)
    return guided * (c.std() / guided.std())


_MISTAKES = {
    "the scale is counted from the conditional prediction; here scale 1 *is* that one.": _papers,
    "the two predictions have changed places.": _exchanged,
    "the conditional prediction is added whole; what counts is its *difference*.": _added,
    "the unconditional prediction is not used.": _alone,
    "a sign is wrong: the two weights do not add to one.": _sign,
    "only the difference is left: the prediction that it belongs to is missing.": _twice,
    "the scale is cut off at 0 and 1: it may exaggerate.": _capped,
    "the scale makes no difference.": _ignored,
}

CLASSIFIER_FREE_GUIDANCE = Check(
    name="diffusion_models.classifier_free_guidance",
    reference=classifier_free_guidance,
    cases=_cases,
    properties=(
        Property("scales 0 and 1", 1, _ends, cases=(OFF, PLAIN)),
        Property("nothing to exaggerate", 1, _nothing_to_exaggerate, cases=(SAME,)),
        Property("Gaussians: how far the data move", 1, _gaussians, cases=(GAUSSIANS,)),
        Property(
            "values and gradients agree with the reference",
            1,
            lambda ask, case: (
                compare(ask, case, _MISTAKES, atol=1e-5)
                or gradients_flow(1, (0, 1)).holds(ask, case)
            ),
            cases=(STRONG, LESS),
            hint="See hint 2.",
        ),
    ),
    mutants={
        "counted from the condition": _papers,
        "exchanged": _exchanged,
        "condition added": _added,
        "condition alone": _alone,
        "wrong sign": _sign,
        "difference alone": _twice,
        "cut off": _capped,
        "scale ignored": _ignored,
        "rescaled": _rescaled,
        "unconditional detached": detached(classifier_free_guidance, 1),
    },
)
