"""Exercise 1 of unit 02: how much two boxes overlap."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.mistakes import compare, gradients_flow
from course_lib.foundations.boxes import box_iou

HAND = "boxes on a grid of unit squares"
MANY = "eight boxes against five, not square"
APART = "boxes that do not touch"
CORNERS = "boxes apart in x and in y"
EMPTY = "boxes without an area"


def boxes(count: int, generator: torch.Generator) -> Tensor:
    """Boxes in a picture of 60 x 40 pixels, wider than high, that overlap often."""
    middle = torch.rand(count, 2, generator=generator) * torch.tensor([30.0, 20.0])
    half = 4 + torch.rand(count, 2, generator=generator) * torch.tensor([14.0, 7.0])
    return torch.cat([middle + 15 - half, middle + 15 + half], dim=1)


def _cases(generator: torch.Generator) -> list[Case]:
    hand = torch.tensor([[0.0, 0, 3, 2], [1, 0, 4, 4], [0, 0, 1, 1]])
    other = torch.tensor([[2.0, 1, 5, 3], [0, 0, 3, 2]])
    a, b = boxes(8, generator), boxes(5, generator)
    far = 100 * torch.tensor([1.0, 0, 1, 0])
    corner = 100 * torch.tensor([1.0, 1, 1, 1])
    points = a[:3, [0, 1, 0, 1]]
    return [
        Case(HAND, (hand, other)),
        Case(MANY, (a, b)),
        Case(APART, (a, torch.cat([b[:2], b[:2] + far]))),
        Case(CORNERS, (a, torch.cat([b[:2], b[:2] + corner]))),
        Case(EMPTY, (torch.cat([points, a[:2]]), torch.cat([points[:2], b[:2]]))),
    ]


def _agrees(ask: Ask, case: Case) -> Finding | None:
    return compare(ask, case, _MISTAKES, atol=1e-5)


def _limits(ask: Ask, case: Case) -> Finding | None:
    """A box with itself gives 1; the first list's boxes are the rows."""
    a, b = case.inputs
    own, there, back = (ask(*pair) for pair in ((a, a), (a, b), (b, a)))
    if not torch.allclose(own.diagonal(), torch.ones(len(a)), atol=1e-5):
        worst = float(own.diagonal()[(own.diagonal() - 1).abs().argmax()])
        message = _named(ask, Case(case.name, (a, a))) or "a box and itself do not give 1."
        return Finding(message, came=f"{worst:.4g}", wanted="1")
    if not torch.allclose(there, back.mT, atol=1e-5):
        return Finding(
            _named(ask, case) or "the overlap of A with B is not that of B with A.",
            hint="Nothing in the formula knows which box came first.",
        )
    return _agrees(ask, case)


def _zeros(ask: Ask, case: Case) -> Finding | None:
    """Nothing in common gives 0, whatever the boxes' sizes; others keep their value."""
    came, wanted = ask(*case.inputs), ask.wanted(*case.inputs)
    off = (wanted == 0) & (came.abs() > 1e-6)
    if bool(off.any()):
        return Finding(
            _named(ask, case) or "boxes that have nothing in common do not give 0.",
            came=f"{float(came[off].abs().max()):.4g}",
            wanted="0",
            hint="How long is an overlap whose right side lies to the left of its left side?",
        )
    return _agrees(ask, case)


def _named(ask: Ask, case: Case) -> str:
    found = compare(ask, case, _MISTAKES)
    return found.message if found and found.message in _MISTAKES else ""


def _variant(
    side: Callable[[Tensor], Tensor] = lambda length: length.clamp_min(0),
    extra: float = 0.0,
    area: Callable[[Tensor], Tensor] = lambda sides: sides.prod(dim=-1),
    ratio: Callable[[Tensor, Tensor, Tensor], Tensor] = lambda both, a, b: both / (a + b - both),
) -> Callable[[Tensor, Tensor], Tensor]:
    """A wrong answer, put together from its parts."""

    def function(a: Tensor, b: Tensor) -> Tensor:
        low = torch.maximum(a[:, None, :2], b[:, :2])
        high = torch.minimum(a[:, None, 2:], b[:, 2:])
        both = area(side(high - low + extra))
        first, second = (area(each[:, 2:] - each[:, :2] + extra) for each in (a, b))
        result = ratio(both, first[:, None].expand_as(both), second.expand_as(both))
        return result.nan_to_num(0.0, 0.0, 0.0)

    return function


def _as_width_and_height(a: Tensor, b: Tensor) -> Tensor:
    return box_iou(*(torch.cat([each[:, :2], each[:, :2] + each[:, 2:]], dim=1) for each in (a, b)))


def _around(a: Tensor, b: Tensor) -> Tensor:
    """Over the box around both."""
    both = _variant(ratio=lambda both, first, second: both)(a, b)
    low = torch.minimum(a[:, None, :2], b[:, :2])
    high = torch.maximum(a[:, None, 2:], b[:, 2:])
    return both / (high - low).prod(dim=2).clamp_min(1e-30)


def _undefined(a: Tensor, b: Tensor) -> Tensor:
    return _variant(
        ratio=lambda both, first, second: (
            1 - (first + second - 2 * both) / (first + second - both).clamp_min(1e-30)
        )
    )(a, b)


def _not_guarded(a: Tensor, b: Tensor) -> Tensor:
    low, high = torch.maximum(a[:, None, :2], b[:, :2]), torch.minimum(a[:, None, 2:], b[:, 2:])
    both = (high - low).clamp_min(0).prod(dim=2)
    areas = [(each[:, 2:] - each[:, :2]).prod(dim=1) for each in (a, b)]
    return both / (areas[0][:, None] + areas[1] - both)


_not_clamped = _variant(side=lambda length: length)
_absolute = _variant(side=torch.abs)
_clamped_late = _variant(
    side=lambda length: length, area=lambda sides: sides.prod(dim=-1).clamp_min(0)
)
_one_more_pixel = _variant(extra=1.0)
_counted_twice = _variant(ratio=lambda both, a, b: both / (a + b))
_dice = _variant(ratio=lambda both, a, b: 2 * both / (a + b))
_over_smaller = _variant(ratio=lambda both, a, b: both / torch.minimum(a, b))
_over_first = _variant(ratio=lambda both, a, b: both / a)
_perimeters = _variant(area=lambda sides: sides.sum(dim=-1))

_MISTAKES = {
    "apart in x and in y: two negative lengths make a positive area.": _clamped_late,
    "the overlap's sides are not kept from being negative.": _not_clamped,
    "the overlap's sides lose their sign: boxes apart seem to overlap.": _absolute,
    "every box is a pixel too wide and high: its last corner lies outside.": _one_more_pixel,
    "what both boxes cover is counted twice in the union.": _counted_twice,
    "this is the Dice score, twice the overlap over the sum of the areas.": _dice,
    "the overlap is divided by the smaller box, not by the union.": _over_smaller,
    "the overlap is divided by the first box, not by the union.": _over_first,
    "the overlap is divided by the box around both, not by the union.": _around,
    "the boxes are read as corner, width and height; they hold two corners.": _as_width_and_height,
    "sides are added where an area is wanted.": _perimeters,
}

BOX_IOU = Check(
    name="detection_segmentation.box_iou",
    reference=box_iou,
    cases=_cases,
    properties=(
        Property(
            "a box with itself gives 1, and the order does not count", 1, _limits, (HAND, MANY)
        ),
        Property("nothing in common gives 0", 1, _zeros, (APART, CORNERS)),
        Property("boxes without an area give 0, not NaN", 1, _zeros, (EMPTY,)),
        Property("values agree with the reference", 1, _agrees, (HAND, MANY, APART)),
        gradients_flow(1, (0, 1), cases=(MANY,)),
    ),
    mutants={
        "not clamped": _not_clamped,
        "clamped late": _clamped_late,
        "absolute": _absolute,
        "one more pixel": _one_more_pixel,
        "counted twice": _counted_twice,
        "dice": _dice,
        "over the smaller": _over_smaller,
        "over the first": _over_first,
        "over the box around": _around,
        "width and height": _as_width_and_height,
        "perimeters": _perimeters,
        "empty boxes give 1": _undefined,
        "nought over nought": _not_guarded,
        "turned": lambda a, b: box_iou(b, a),
        "detached": lambda a, b: box_iou(a.detach(), b),
    },
)
