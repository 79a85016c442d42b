"""Exercise 4 of unit 05: the error, in the hole and outside, each by its own number of pixels."""

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.deep_inpainting.common import blocks, pictures
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.mistakes import compare, gradients_flow, recognise

RANDOM = "three pictures in colour, holes of three sizes"
GREY = "one grey picture, hole_weight 2"
HAND = "off by 0.5 in the hole, by 0.25 elsewhere"
NOTHING = "nothing is missing"
ALL = "everything is missing"
SMALL = "a hole of one pixel, off by 0.3 there and right elsewhere"
RIGHT = "a perfect prediction"


def masked_l1(prediction: Tensor, target: Tensor, mask: Tensor, hole_weight: float) -> Tensor:
    """hole_weight times the mean absolute error in the holes, plus the mean outside."""
    error = (prediction - target).abs()
    everywhere = mask.expand_as(error)
    hole = torch.where(everywhere, error, 0.0).sum() / everywhere.sum().clamp_min(1)
    known = torch.where(everywhere, 0.0, error).sum() / (~everywhere).sum().clamp_min(1)
    return hole_weight * hole + known


def _cases(generator: torch.Generator) -> list[Case]:
    def draw(*shape: int) -> Tensor:
        return pictures(*shape, generator=generator)

    three = blocks((1, 3, 2, 5), (0, 8, 0, 4), (5, 7, 1, 7), height=8, width=7)
    middle = blocks((2, 5, 2, 6), height=8, width=8)
    one = torch.ones(1, 1, 6, 6, dtype=torch.bool)
    pixel = blocks((4, 5, 4, 5), height=16, width=16)
    half = torch.full((1, 3, 8, 8), 0.3)
    away = torch.where(middle, 0.5, -0.25)
    target = torch.full((1, 3, 16, 16), 0.4)
    same = draw(2, 3, 6, 6)
    return [
        Case(HAND, (half + away, half, middle, 6.0)),
        Case(RANDOM, (draw(3, 3, 8, 7), draw(3, 3, 8, 7), three, 6.0)),
        Case(GREY, (draw(1, 1, 8, 8), draw(1, 1, 8, 8), middle, 2.0)),
        Case(NOTHING, (draw(1, 3, 6, 6), draw(1, 3, 6, 6), ~one, 6.0)),
        Case(ALL, (draw(1, 3, 6, 6), draw(1, 3, 6, 6), one, 6.0)),
        Case(SMALL, (target - 0.3 * pixel, target, pixel, 6.0)),
        Case(RIGHT, (same, same.clone(), one.expand(2, 1, 6, 6).clone(), 6.0)),
    ]


def _by_hand(ask: Ask, case: Case) -> Finding | None:
    came, wanted = ask(*case.inputs), ask.wanted(*case.inputs)
    if abs(float(came - wanted)) <= 1e-4 * max(1.0, abs(float(wanted))):
        return None
    words = {
        HAND: "6 times 0.5 in the hole and once 0.25 outside make 3.25.",
        SMALL: "the mean error in the hole is 0.3, however small the hole; six times that is 1.8.",
        RIGHT: "a prediction without an error has no loss.",
    }[case.name]
    return Finding(
        recognise(came, case.inputs, _MISTAKES, 1e-4, 1e-4) or words,
        came=f"{float(came):.5g}",
        wanted=f"{float(wanted):.5g}",
        hint="See hint 1.",
    )


def _size_of_the_hole(ask: Ask, case: Case) -> Finding | None:
    """The same error everywhere costs the same whatever the hole's size is."""
    _, target, mask, weight = case.inputs
    for given in (mask, ~mask):
        came = ask(target + 0.1, target, given, weight)
        wanted = 0.1 * (weight + 1)
        if abs(float(came) - wanted) > 1e-4:
            return Finding(
                "the same error everywhere costs more or less with the hole's size: small holes "
                "would be forgotten.",
                came=f"{float(came):.4g} with {float(given.float().mean()):.0%} missing",
                wanted=f"{wanted:.4g}",
                hint="A mean is a sum divided by how many there are. How many numbers has a hole "
                "in a picture of three channels?",
            )
    return None


def _parts_that_are_not_there(ask: Ask, case: Case) -> Finding | None:
    prediction, target, _, weight = case.inputs
    came = ask(*case.inputs)
    factor = weight if case.name == ALL else 1.0
    wanted = factor * float((prediction - target).abs().mean())
    if abs(float(came) - wanted) <= 1e-4:
        return None
    words = "the hole" if case.name == NOTHING else "the known part"
    return Finding(
        f"{words} is empty here and counts as 0; the rest counts as always.",
        came=f"{float(came):.5g}",
        wanted=f"{wanted:.5g}",
        hint="A mean over nothing is 0 divided by 0. See hint 3.",
    )


def _means(prediction: Tensor, target: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    error = (prediction - target).abs()
    channels = error.shape[1]
    hole = torch.where(mask, error, 0.0).sum() / (channels * mask.sum()).clamp_min(1)
    known = torch.where(mask, 0.0, error).sum() / (channels * (~mask).sum()).clamp_min(1)
    return hole, known


def _whole_picture(prediction: Tensor, target: Tensor, mask: Tensor, hole_weight: float) -> Tensor:
    error = (prediction - target).abs()
    return hole_weight * torch.where(mask, error, 0.0).mean() + torch.where(mask, 0, error).mean()


def _no_channels(prediction: Tensor, target: Tensor, mask: Tensor, hole_weight: float) -> Tensor:
    hole, known = _means(prediction, target, mask)
    return prediction.shape[1] * (hole_weight * hole + known)


def _squared(prediction: Tensor, target: Tensor, mask: Tensor, hole_weight: float) -> Tensor:
    error = (prediction - target).square()
    hole, known = _means(error, torch.zeros_like(error), mask)
    return hole_weight * hole + known


def _weight_outside(prediction: Tensor, target: Tensor, mask: Tensor, hole_weight: float) -> Tensor:
    hole, known = _means(prediction, target, mask)
    return hole + hole_weight * known


def _weight_on_both(prediction: Tensor, target: Tensor, mask: Tensor, hole_weight: float) -> Tensor:
    hole, known = _means(prediction, target, mask)
    return hole_weight * (hole + known)


def _fixed_weight(prediction: Tensor, target: Tensor, mask: Tensor, hole_weight: float) -> Tensor:
    return masked_l1(prediction, target, mask, 6.0)


def _hole_only(prediction: Tensor, target: Tensor, mask: Tensor, hole_weight: float) -> Tensor:
    return hole_weight * _means(prediction, target, mask)[0]


def _signed(prediction: Tensor, target: Tensor, mask: Tensor, hole_weight: float) -> Tensor:
    error = prediction - target
    everywhere = mask.expand_as(error)
    hole = torch.where(everywhere, error, 0.0).sum() / everywhere.sum().clamp_min(1)
    known = torch.where(everywhere, 0.0, error).sum() / (~everywhere).sum().clamp_min(1)
    return hole_weight * hole + known


def _empty_mean(prediction: Tensor, target: Tensor, mask: Tensor, hole_weight: float) -> Tensor:
    error, everywhere = (prediction - target).abs(), mask.expand_as(prediction)
    return hole_weight * error[everywhere].mean() + error[~everywhere].mean()


def _by_picture(prediction: Tensor, target: Tensor, mask: Tensor, hole_weight: float) -> Tensor:
    each = zip(prediction.split(1), target.split(1), mask.split(1), strict=True)
    return torch.stack([masked_l1(p, t, m, hole_weight) for p, t, m in each]).mean()


_MISTAKES = {
    "both sums are divided by the size of the whole picture, not by their own number of pixels.": (
        _whole_picture
    ),
    "the pixels are counted, and the channels forgotten: the sums run over both.": _no_channels,
    "the errors are squared; asked are their absolute values.": _squared,
    "hole_weight is applied outside the hole.": _weight_outside,
    "hole_weight is applied to both parts.": _weight_on_both,
    "hole_weight makes no difference.": _fixed_weight,
    "the known part does not count.": _hole_only,
    "errors of opposite sign cancel.": _signed,
    "the means are taken picture by picture; asked are means over the holes of all together.": (
        _by_picture
    ),
}


MASKED_L1 = Check(
    name="deep_inpainting.masked_l1",
    reference=masked_l1,
    cases=_cases,
    properties=(
        Property("losses that can be worked out by hand", 1, _by_hand, cases=(HAND, SMALL, RIGHT)),
        Property("the size of the hole makes no difference", 1, _size_of_the_hole, (RANDOM, GREY)),
        Property(
            "a part that is not there",
            1,
            _parts_that_are_not_there,
            cases=(NOTHING, ALL),
            hint="See hint 3.",
        ),
        Property(
            "values and gradients agree with the reference",
            1,
            lambda ask, case: (
                compare(ask, case, _MISTAKES) or gradients_flow(1, (0,)).holds(ask, case)
            ),
            cases=(RANDOM, GREY),
            hint="See hint 2.",
        ),
    ),
    mutants={
        "by the whole picture": _whole_picture,
        "channels not counted": _no_channels,
        "squared": _squared,
        "weight outside": _weight_outside,
        "weight on both": _weight_on_both,
        "weight fixed": _fixed_weight,
        "hole only": _hole_only,
        "signed": _signed,
        "mean over nothing": _empty_mean,
        "by picture": _by_picture,
        "detached": lambda prediction, target, mask, weight: masked_l1(
            prediction.detach(), target, mask, weight
        ),
    },
)
