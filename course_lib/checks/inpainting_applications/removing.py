"""Exercise 3 of unit 07: a mask, widened by a disc."""

from collections.abc import Callable

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.inpainting_applications.common import mask_difference, masked, same_mask
from course_lib.inpainting import removal_mask

DOT = "one pixel in the middle, margin 3"
BETWEEN = "one pixel in the middle, margin 3.7"
BLOBS = "two pictures with drawn blobs, margin 2"
CORNER = "a pixel in the corner, margin 4"
EMPTY = "three pictures, one of them without a mask, margin 2"
ZERO = "margin 0"

MISSED = "a pixel that lies within the margin of the mask is not in the result."
INVENTED = "a pixel that is further away than the margin is in the result."


def _cases(generator: torch.Generator) -> list[Case]:
    dot = masked(11, 13, (5, 6))
    blobs = torch.rand(2, 1, 14, 18, generator=generator) < 0.04
    blobs[:, :, 6:8, 3:6] = True
    empty = torch.cat([masked(9, 9, (1, 1)), masked(9, 9), masked(9, 9, (7, 7))])
    return [
        Case(DOT, (dot, 3.0)),
        Case(BETWEEN, (dot.clone(), 3.7)),
        Case(BLOBS, (blobs, 2.0)),
        Case(CORNER, (masked(10, 12, (0, 11)), 4.0)),
        Case(EMPTY, (empty, 2.0)),
        Case(ZERO, (blobs.clone(), 0.0)),
    ]


def _disc(ask: Ask, case: Case) -> Finding | None:
    return same_mask(ask, case, _MISTAKES, MISSED, INVENTED, hint="See hint 2.")


def _each_for_itself(ask: Ask, case: Case) -> Finding | None:
    mask, margin = case.inputs
    together = ask(mask, margin)
    empty = ~mask.flatten(1).any(dim=1)
    if bool(together[empty].any()):
        return Finding(
            "a picture without a mask should stay without one; yours has got one.",
            came=f"{int(together[empty].sum())} pixels",
            wanted="none",
            hint="Is each picture looked at alone? And what does a distance transform do when "
            "there is nothing to measure the distance to?",
        )
    return same_mask(ask, case, _MISTAKES, MISSED, INVENTED)


def _stays_and_grows(ask: Ask, case: Case) -> Finding | None:
    mask, margin = case.inputs
    same = mask_difference(
        ask(mask, 0.0),
        mask,
        "with margin 0 pixels of the mask get lost; the mask itself always belongs to the result.",
        "with margin 0 the mask should stay as it is.",
    )
    if same is not None:
        return same
    small, large = ask(mask, margin), ask(mask, margin + 1.5)
    lost = small & ~large
    if bool(lost.any()):
        return Finding(
            "a larger margin gives a smaller mask.", came=f"{int(lost.sum())} pixels lost"
        )
    return same_mask(ask, case, _MISTAKES, MISSED, INVENTED)


def _by_distance(
    keep: Callable[[np.ndarray, float], np.ndarray] = lambda distance, margin: distance <= margin,
    metric: Callable[[np.ndarray], np.ndarray] = ndimage.distance_transform_edt,
) -> Callable[[Tensor, float], Tensor]:
    """Widened by another distance, or up to another one."""

    def function(mask: Tensor, margin: float) -> Tensor:
        result = mask.clone()
        for one in result[:, 0]:
            if bool(one.any()):
                one.copy_(torch.from_numpy(keep(metric((~one).numpy()), margin)))
        return result

    return function


def _batch_as_volume(mask: Tensor, margin: float) -> Tensor:
    if not bool(mask.any()):
        return mask.clone()
    return torch.from_numpy(ndimage.distance_transform_edt((~mask).numpy()) <= margin)


def _unguarded(mask: Tensor, margin: float) -> Tensor:
    every = [ndimage.distance_transform_edt((~one).numpy()) <= margin for one in mask[:, 0]]
    return torch.from_numpy(np.stack(every))[:, None]


def _wrapped(mask: Tensor, margin: float) -> Tensor:
    wide = torch.cat([mask] * 3, dim=3)
    result = removal_mask(torch.cat([wide] * 3, dim=2), margin)
    height, width = mask.shape[2:]
    return result[..., height : 2 * height, width : 2 * width]


def _shrunk(mask: Tensor, margin: float) -> Tensor:
    return ~removal_mask(~mask, margin)


def _shifted(mask: Tensor, margin: float) -> Tensor:
    return removal_mask(mask, margin).roll((1, 1), dims=(2, 3))


_square = _by_distance(metric=lambda away: ndimage.distance_transform_cdt(away, "chessboard"))
_diamond = _by_distance(metric=lambda away: ndimage.distance_transform_cdt(away, "taxicab"))
_strict = _by_distance(keep=lambda distance, margin: (distance < margin) | (distance == 0))
_diameter = _by_distance(keep=lambda distance, margin: distance <= margin / 2)
_rounded = _by_distance(keep=lambda distance, margin: distance <= int(margin))
_ring = _by_distance(keep=lambda distance, margin: (distance > 0) & (distance <= margin))

_MISTAKES = {
    "the mask is widened by a square: its corners are further away than the margin.": _square,
    "the mask is widened by a diamond: rows plus columns are not the distance.": _diamond,
    "a pixel exactly at the margin's distance belongs to the result.": _strict,
    "the margin is taken for the disc's diameter; it is the radius.": _diameter,
    "the margin is cut to a whole number before it is used.": _rounded,
    "the mask itself is missing: only a ring around it is left.": _ring,
    "what leaves the picture on one side comes in again on the other.": _wrapped,
    "the mask shrinks instead of growing: True is the hole.": _shrunk,
    "the disc is not centred: the mask moves to the lower right.": _shifted,
}

REMOVAL_MASK = Check(
    name="inpainting_applications.removal_mask",
    reference=removal_mask,
    cases=_cases,
    properties=(
        Property("a pixel becomes a disc", 1, _disc, cases=(DOT, BETWEEN, CORNER, BLOBS)),
        Property(
            "each picture for itself, also one without a mask", 1, _each_for_itself, cases=(EMPTY,)
        ),
        Property(
            "margin 0 changes nothing, a larger one adds", 1, _stays_and_grows, cases=(BLOBS,)
        ),
    ),
    mutants={
        "square": _square,
        "diamond": _diamond,
        "without the rim": _strict,
        "diameter": _diameter,
        "whole numbers only": _rounded,
        "ring": _ring,
        "wrapped": _wrapped,
        "shrunk": _shrunk,
        "shifted": _shifted,
        "batch as a volume": _batch_as_volume,
        "empty not guarded": _unguarded,
        "in place": lambda mask, margin: mask.logical_or_(removal_mask(mask, margin)),
    },
)
