"""Exercise 1 of unit 14: which pixels' centres lie in a triangle."""

from collections.abc import Callable
from itertools import permutations

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.differentiable_rendering.common import (
    SET_SQUARE,
    centres,
    first_difference,
    triangle_in,
)
from course_lib.checks.mistakes import Mistakes, recognise
from course_lib.rendering.soft_rasterizer import barycentric, hard_coverage, squared_distance

RANDOM = "a random triangle in a picture of 24 x 16 pixels"
SLIVER = "a long, thin triangle"
SQUARE = "a set square, tried at six points"
EDGES = "points exactly on the edges and at the corners"
FLAT = "triangles that are only a line, or only a point"

TRIED = torch.tensor([[[4.0, 3.0], [4.0, 8.0], [9.0, 9.0], [1.0, 5.0], [5.0, 1.0], [20.0, 2.5]]])
IN_SQUARE = torch.tensor([[True, True, False, False, False, False]])
ON_EDGES = torch.tensor([[[7.0, 2.0], [2.0, 5.0], [7.0, 7.0], [2.0, 2.0], [12.0, 2.0]]])


def _cases(generator: torch.Generator) -> list[Case]:
    sliver = torch.tensor([[1.0, 2.0], [22.0, 9.0], [3.0, 4.5]])
    sliver = sliver + torch.rand(3, 2, generator=generator)
    line = torch.tensor([[2.5, 2.5], [6.5, 6.5], [4.5, 4.5]])
    return [
        Case(SQUARE, (SET_SQUARE, TRIED)),
        Case(EDGES, (SET_SQUARE, ON_EDGES)),
        Case(RANDOM, (triangle_in(24, 16, generator), centres(24, 16))),
        Case(SLIVER, (sliver, centres(24, 16))),
        Case(FLAT, (line, centres(9, 9))),
    ]


def _by_hand(ask: Ask, case: Case) -> Finding | None:
    wanted = IN_SQUARE if case.name == SQUARE else torch.ones(1, 5, dtype=torch.bool)
    message = "a point that is plainly inside the set square, or plainly outside, is misjudged."
    if case.name == EDGES:
        message = "a centre that lies exactly on an edge, or at a corner, counts as inside."
    return first_difference(ask(*case.inputs), wanted, case.inputs[1], message)


def _either_way_round(ask: Ask, case: Case) -> Finding | None:
    """The six orders of the corners give one picture."""
    triangle, pixels = case.inputs
    counts = {}
    for order in permutations(range(3)):
        counts[order] = int(ask(triangle[list(order)], pixels).sum())
    if len(set(counts.values())) == 1:
        return None
    least, most = min(counts, key=counts.__getitem__), max(counts, key=counts.__getitem__)
    return Finding(
        "the same triangle, its corners listed in another order, covers other pixels.",
        came=f"{counts[least]} pixels in the order {least}, {counts[most]} in the order {most}",
        wanted="the same for all six orders",
        hint="Turning the other way round changes the sign of every area, also of the whole one.",
    )


def _nothing_without_area(ask: Ask, case: Case) -> Finding | None:
    line, pixels = case.inputs
    for triangle, what in ((line, "a line"), (line[:1].repeat(3, 1), "a point")):
        count = int(ask(triangle, pixels).sum())
        if count:
            return Finding(
                f"a triangle whose corners lie on {what} has no area and covers nothing.",
                came=f"{count} pixels",
                wanted="0 pixels",
                hint="All three areas are 0 there, and the whole one too.",
            )
    return None


def _agrees(ask: Ask, case: Case) -> Finding | None:
    """Alike wherever rounding cannot decide: a thousandth of a pixel away from all edges."""
    triangle, pixels = case.inputs
    clear = squared_distance(triangle, pixels) > 1e-6
    came, wanted = (each & clear for each in (ask(*case.inputs), ask.wanted(*case.inputs)))
    message = recognise(ask(*case.inputs), case.inputs, _MISTAKES, 0.0, 0.0)
    message = message or "pixels are covered that should not be, or the other way round."
    return first_difference(came, wanted, pixels, message)


def _by_signs(judge: Callable[[Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """A wrong answer: another judgement of the three signed areas (..., 3)."""

    def function(triangle: Tensor, pixels: Tensor) -> Tensor:
        a, b = triangle, triangle.roll(-1, dims=0)
        along, away = b - a, pixels[..., None, :] - a
        return judge(along[:, 0] * away[..., 1] - along[:, 1] * away[..., 0])

    return function


def _box(triangle: Tensor, pixels: Tensor) -> Tensor:
    low, high = triangle.amin(0), triangle.amax(0)
    area = (high > low).all() & (barycentric(triangle, triangle[0]) != 0).any()
    return ((pixels >= low) & (pixels <= high)).all(-1) & area


def _disc(triangle: Tensor, pixels: Tensor) -> Tensor:
    middle = triangle.mean(0)
    radius = (triangle - middle).norm(dim=1).mean()
    return hard_coverage(triangle, triangle[0]) & ((pixels - middle).norm(dim=-1) <= radius)


_one_way = _by_signs(lambda areas: (areas >= 0).all(-1) & (areas > 0).any(-1))
_swapped = lambda triangle, pixels: hard_coverage(triangle, pixels.flip(-1))  # noqa: E731
_shifted = lambda triangle, pixels: hard_coverage(triangle, pixels - 0.5)  # noqa: E731

_MISTAKES: Mistakes = {
    "the box around the triangle is covered, not the triangle.": _box,
    "x and y have changed places: `pixels[..., 0]` is x, the column.": _swapped,
    "all is half a pixel off: `pixels` are centres already.": _shifted,
    "what is outside is True, what is inside False.": lambda *given: ~hard_coverage(*given),
}


def _changes_input(triangle: Tensor, pixels: Tensor) -> Tensor:
    covered = hard_coverage(triangle, pixels)
    pixels.sub_(triangle[0])
    return covered


HARD_COVERAGE = Check(
    name="differentiable_rendering.hard_coverage",
    reference=hard_coverage,
    cases=_cases,
    properties=(
        Property(
            "points that can be judged by eye, and points on an edge",
            1,
            _by_hand,
            cases=(SQUARE, EDGES),
            hint="See hint 1.",
        ),
        Property(
            "the order of the corners does not matter", 1, _either_way_round, cases=(RANDOM, SQUARE)
        ),
        Property("no area, no pixels", 1, _nothing_without_area, cases=(FLAT,)),
        Property(
            "pictures agree with the reference",
            1,
            _agrees,
            cases=(RANDOM, SLIVER),
            hint="See hint 2.",
        ),
    ),
    mutants={
        "one way round only": _one_way,
        "edges outside": _by_signs(lambda areas: (areas > 0).all(-1) | (areas < 0).all(-1)),
        "lines and points covered": _by_signs(
            lambda areas: (areas >= 0).all(-1) | (areas <= 0).all(-1)
        ),
        "any of three edges": _by_signs(lambda areas: (areas > 0).any(-1) & (areas >= 0).any(-1)),
        "two of three edges": _by_signs(
            lambda areas: (areas[..., :2] >= 0).all(-1) | (areas[..., :2] <= 0).all(-1)
        ),
        "the box": _box,
        "a disc": _disc,
        "x and y swapped": _swapped,
        "half a pixel added": _shifted,
        "inside out": lambda triangle, pixels: ~hard_coverage(triangle, pixels),
        "zero and one": lambda triangle, pixels: hard_coverage(triangle, pixels).float(),
        "in place": _changes_input,
    },
)
