"""Exercises 4 and 5 of unit 06: the hole's rim, and filling from there inwards."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.mistakes import compare, gradients_flow, recognise
from course_lib.checks.staged_inpainting.common import (
    Parameters,
    block,
    known_stays,
    picture,
    small_network,
    spoiled,
)
from course_lib.inpainting.learned import compose, network_input
from course_lib.inpainting.stages import apply_network, boundary_ring, progressive_fill

SQUARE = "a square hole, width 1"
WIDE = "a square hole, width 2"
FRAME = "a hole along the frame, width 2"
ISLANDS = "known islands in a hole, width 1"
TWO = "two masks, one without a hole, width 3"

Answer = tuple[Tensor, Tensor]


def _ring_cases(generator: torch.Generator) -> list[Case]:
    square, frame = block(11, 12, (2, 9), (3, 11)), block(9, 11, (0, 9), (5, 11))
    islands = torch.rand(2, 1, 10, 12, generator=generator) > 0.06
    return [
        Case(SQUARE, (square, 1)),
        Case(WIDE, (square, 2)),
        Case(FRAME, (frame, 2)),
        Case(ISLANDS, (islands, 1)),
        Case(TWO, (torch.cat([square, torch.zeros_like(square)]), 3)),
    ]


def _ring(ask: Ask, case: Case) -> Finding | None:
    came, wanted = ask(*case.inputs), ask.wanted(*case.inputs)
    if torch.equal(came, wanted):
        return None
    mask = case.inputs[0]
    extra, lost = came & ~wanted, wanted & ~came
    message = recognise(came, case.inputs, _RING_MISTAKES, 0.0, 0.0)
    if not message and bool((came & ~mask).any()):
        message = "pixels are marked that are not in the hole."
    if not message:
        message = (
            "pixels of the ring are missing." if lost.any() else "the ring has too many pixels."
        )
    return Finding(
        message,
        came=f"{int(came.sum())} pixels, {int(extra.sum())} of them wrongly",
        wanted=f"{int(wanted.sum())}",
        pictures={"the hole": mask[0, 0].float(), "came": came[0, 0].float()},
    )


def _reach(known: Tensor, width: int) -> Tensor:
    return functional.max_pool2d(known.float(), 2 * width + 1, 1, width) > 0


def _grow_cross(known: Tensor, width: int) -> Tensor:
    for _ in range(width):
        tall = functional.max_pool2d(known.float(), (3, 1), 1, (1, 0)) > 0
        known = tall | (functional.max_pool2d(known.float(), (1, 3), 1, (0, 1)) > 0)
    return known


def _ring_variant(
    reach: Callable[[Tensor, int], Tensor] = _reach,
    mark: Callable[[Tensor, Tensor], Tensor] = lambda mask, near: mask & near,
) -> Callable[[Tensor, int], Tensor]:
    """A wrong answer, put together from its parts."""
    return lambda mask, width: mark(mask, reach(~mask, width))


def _from_frame(mask: Tensor, width: int) -> Tensor:
    known = functional.pad((~mask).float(), (width,) * 4, value=1.0)
    return mask & (functional.max_pool2d(known, 2 * width + 1, 1) > 0)


def _last_layer(mask: Tensor, width: int) -> Tensor:
    before = boundary_ring(mask, width - 1) if width > 1 else torch.zeros_like(mask)
    return boundary_ring(mask, width) & ~before


_outside = _ring_variant(
    lambda known, width: _reach(~known, width), lambda mask, near: ~mask & near
)
_cross_ring = _ring_variant(_grow_cross)
_always_one = _ring_variant(lambda known, width: _reach(known, 1))
_one_more = _ring_variant(lambda known, width: _reach(known, width + 1))
_rows_only = _ring_variant(
    lambda known, width: functional.max_pool2d(known.float(), (1, 2 * width + 1), 1, (0, width)) > 0
)
_inner = _ring_variant(mark=lambda mask, near: mask & ~near)
_whole = _ring_variant(mark=lambda mask, near: mask)
_grown = _ring_variant(mark=lambda mask, near: near)

_RING_MISTAKES = {
    "the ring lies outside of the hole: these pixels are known already.": _outside,
    "diagonal neighbours are left out.": _cross_ring,
    "the width has no effect: the ring is always one pixel wide.": _always_one,
    "the ring is a pixel too wide.": _one_more,
    "only known pixels in the same row count.": _rows_only,
    "this is what is left of the hole without the ring.": _inner,
    "this is the whole hole.": _whole,
    "the known part is marked too.": _grown,
    "beyond the frame nothing is known, but the frame is taken for a boundary.": _from_frame,
    "only the innermost layer of the ring is marked.": _last_layer,
}

BOUNDARY_RING = Check(
    name="staged_inpainting.boundary_ring",
    reference=boundary_ring,
    cases=_ring_cases,
    properties=(
        Property("the hole's outermost pixels", 1, _ring, (SQUARE, ISLANDS)),
        Property("as wide as asked for", 1, _ring, (WIDE, TWO)),
        Property("the frame is no boundary", 1, _ring, (FRAME,)),
    ),
    mutants={
        "outside": _outside,
        "no diagonals": _cross_ring,
        "always one pixel": _always_one,
        "one pixel more": _one_more,
        "rows only": _rows_only,
        "the inside": _inner,
        "whole hole": _whole,
        "known too": _grown,
        "frame as boundary": _from_frame,
        "innermost layer": _last_layer,
        "as numbers": lambda mask, width: boundary_ring(mask, width).float(),
    },
)

SMALL = "a hole that is filled in one step"
LARGE = "a hole that takes three steps"
EDGE = "two pictures, one hole along the frame"
UNKNOWN = "NaN in the hole"


def _cases(generator: torch.Generator) -> list[Case]:
    network = small_network(4, 3, generator)
    image = picture(2, 12, 14, generator)
    small, large = block(12, 14, (4, 6), (4, 8)), block(12, 14, (2, 10), (3, 11))
    frame = block(12, 14, (0, 7), (8, 14))
    return [
        Case(SMALL, (image[:1], small, network, 2)),
        Case(LARGE, (image[:1], large, network, 1)),
        Case(EDGE, (image, torch.cat([large, frame]), network, 2)),
        Case(UNKNOWN, (spoiled(image[1:], large), large, network, 2)),
    ]


def _agrees(ask: Ask, case: Case) -> Finding | None:
    return compare(ask, case, _MISTAKES)


def _order(ask: Ask, case: Case) -> Finding | None:
    came, wanted = ask(*case.inputs)[1], ask.wanted(*case.inputs)[1]
    if torch.equal(came, wanted):
        return None
    made = {s: wrong(*case.inputs)[1] for s, wrong in _MISTAKES.items()}
    known = [s for s, order in made.items() if torch.equal(order, came)]
    message = (
        known[0] if len(known) == 1 else "the pixels are not filled in the order of the rings."
    )
    return Finding(
        message,
        came=f"steps {int(came.min())} to {int(came.max())}",
        wanted=f"{int(wanted.min())} to {int(wanted.max())}",
        pictures={"came": came[0, 0] / max(1, int(came.max()))},
    )


def _stays(ask: Ask, case: Case) -> Finding | None:
    return known_stays(ask, case, 0, _MISTAKES)


def _variant(
    see: Callable[[Tensor, Tensor], Tensor] = lambda now, first: now,
    told: Callable[[Tensor, Tensor], Tensor] = lambda left, mask: left,
    ring: Callable[[Tensor, int], Tensor] = boundary_ring,
    keep: Callable[[Tensor, Tensor, Tensor], Tensor] = lambda ring, left, mask: ring,
    steps: int = 10**6,
    number: Callable[[Tensor, int], Tensor] = lambda order, last: order,
    last: Callable[[Tensor, Tensor, Tensor], Tensor] = lambda image, answer, mask: image,
) -> Callable[[Tensor, Tensor, Parameters, int], Answer]:
    """A wrong answer, put together from its parts."""

    def function(image: Tensor, mask: Tensor, network: Parameters, width: int) -> Answer:
        first = now = torch.where(mask, 0.0, image)
        left, order, step = mask, torch.zeros_like(mask, dtype=torch.int64), 0
        answer = first
        while bool(left.any()) and step < steps:
            step += 1
            now_ring = ring(left, width)
            x = torch.cat([see(now, first), told(left, mask).to(now)], dim=1)
            answer = apply_network(network, x)
            now = torch.where(keep(now_ring, left, mask), answer, now)
            order, left = torch.where(now_ring, step, order), left & ~now_ring
        return last(now, answer, mask), number(order, step)

    return function


def _from_the_centre(image: Tensor, mask: Tensor, network: Parameters, width: int) -> Answer:
    """The rings in the opposite order."""
    order = progressive_fill(image, mask, network, width)[1]
    turned = torch.where(order > 0, order.amax(dim=(1, 2, 3), keepdim=True) + 1 - order, 0)
    now = torch.where(mask, 0.0, image)
    for step in range(1, int(order.max()) + 1):
        left = turned >= step
        now = compose(now, apply_network(network, network_input(now, left)), turned == step)
    return now, turned


_one_shot = _variant(ring=lambda left, width: left)
_sees_first = _variant(see=lambda now, first: first)
_told_first = _variant(told=lambda left, mask: mask)
_not_told = _variant(told=lambda left, mask: torch.zeros_like(left))
_told_ring = _variant(told=lambda left, mask: boundary_ring(left, 1))
_keeps_all = _variant(keep=lambda ring, left, mask: left)
_repaints = _variant(keep=lambda ring, left, mask: mask)
_one_wide = _variant(ring=lambda left, width: boundary_ring(left, 1))
_one_more_wide = _variant(ring=lambda left, width: boundary_ring(left, width + 1))
_first_ring = _variant(steps=1)
_from_zero = _variant(number=lambda order, last: (order - 1).clamp_min(0))
_backwards = _variant(number=lambda order, last: torch.where(order > 0, last + 1 - order, 0))
_known_changed = _variant(last=lambda image, answer, mask: torch.where(mask, image, answer))

_MISTAKES = {
    "the whole hole is filled in one step.": _one_shot,
    "the network sees the picture as it was at first, not what has been filled since.": _sees_first,
    "the network is told the first hole, not what is left of it.": _told_first,
    "the network is not told what is missing.": _not_told,
    "the network is told the ring; it must be told all that is missing.": _told_ring,
    "all of the hole is painted in each step; what is painted counts as seen.": _keeps_all,
    "rings that were filled before are painted again.": _repaints,
    "the width has no effect: the rings are one pixel wide.": _one_wide,
    "the rings are a pixel too wide.": _one_more_wide,
    "it stops after the first ring.": _first_ring,
    "the steps are counted from 0, which stands for known pixels.": _from_zero,
    "the steps are counted backwards.": _backwards,
    "known pixels are replaced by the network's.": _known_changed,
    "the hole is filled from its centre.": _from_the_centre,
}

PROGRESSIVE_FILL = Check(
    name="staged_inpainting.progressive_fill",
    reference=progressive_fill,
    cases=_cases,
    properties=(
        Property("the order runs from the boundary inwards", 1, _order, (LARGE, EDGE)),
        Property("each ring builds on those before", 2, _agrees, (LARGE, EDGE)),
        Property(
            "known pixels stay, the hole's content does not count", 1, _stays, (SMALL, UNKNOWN)
        ),
        gradients_flow(1, (0,), cases=(LARGE,)),
    ),
    mutants={
        "one shot": _one_shot,
        "sees the first picture": _sees_first,
        "told the first hole": _told_first,
        "not told": _not_told,
        "told the ring": _told_ring,
        "paints all": _keeps_all,
        "paints again": _repaints,
        "one pixel wide": _one_wide,
        "one pixel more": _one_more_wide,
        "first ring only": _first_ring,
        "from zero": _from_zero,
        "backwards": _backwards,
        "known changed": _known_changed,
        "from the centre": _from_the_centre,
        "detached": lambda i, m, n, w: progressive_fill(i.detach(), m, n, w),
    },
)
