"""Exercise 2 of unit 04: find the known patch that is most like the one at the hole's rim."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import pad

from course_lib.checks.ask import Ask
from course_lib.checks.classical_inpainting.patch_scenes import Place, draw_scenes, window
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.inpainting import best_patch, distance_map, known_patches

HINTS = {
    "a planted copy": "The planted copy has distance 0 on the known pixels: see hint 1.",
    "a patch at the picture's border": "Where the target patch sticks out of the picture, compare "
    "only what lies inside. Row and column are the patch's centre.",
    "a tempting patch with a hole in it": "One missing pixel is enough to rule a patch out as a "
    "source: see hint 2.",
    "a tempting patch cut off by the border": "A source lies wholly inside the picture: see "
    "hint 2.",
    "a hole painted black": "The target patch has a hole. Which of its pixels can be compared at "
    "all? See hint 1.",
    "equally bright, but other colours": "The sum runs over the channels, too: squares first, then "
    "the sum.",
    "one large error against many small ones": "Squares make one large error weigh more than "
    "several small ones.",
    "several equally good patches": "Row-major order is the order of reading: the upper row wins, "
    "in one row the left column.",
}


def _finds_the_best(ask: Ask, case: Case) -> Finding | None:
    came, wanted = ask(*case.inputs), ask.wanted(*case.inputs)
    if came == wanted:
        return None
    image, mask, row, column, size = case.inputs
    inside = size // 2 <= came[0] < mask.shape[0] - size // 2
    inside &= size // 2 <= came[1] < mask.shape[1] - size // 2
    distance = distance_map(image, mask, row, column, size)
    least = float(distance[wanted])
    known = inside and bool(torch.isfinite(distance[came]))
    message, hint = _why(came, wanted, case, inside)
    return Finding(
        message,
        came=f"{came}" + (f", distance {float(distance[came]):.5g}" if known else ""),
        wanted=f"a whole patch at distance {least:.5g}",
        hint=hint or HINTS[case.name],
        pictures=_pictures(case, came, wanted) if inside else {},
    )


def _why(came: Place, wanted: Place, case: Case, inside: bool) -> tuple[str, str]:
    """What is wrong with this place, and a hint where the case's own does not fit."""
    image, mask, row, column, size = case.inputs
    radius = size // 2
    centre = "The result is (row, column) of the patch's centre."
    if came == wanted[::-1]:
        return "this looks like (column, row).", centre
    if came == (wanted[0] - radius, wanted[1] - radius):
        return "this is the upper left corner of the best patch.", centre
    if not inside:
        return f"the patch of {size} x {size} pixels around {came} sticks out of the picture.", ""
    missing = int(mask[window(came, size)].sum())
    if missing:
        noun = "pixel is" if missing == 1 else "pixels are"
        return f"it is no source: {missing} {noun} missing from the patch around {came}.", ""
    distance = distance_map(image, mask, row, column, size)
    if distance[came] == distance[wanted]:
        return "this patch is as good as any, but another one comes first in row-major order.", ""
    return _why_not_the_nearest(came, case), ""


def _why_not_the_nearest(came: Place, case: Case) -> str:
    image, *rest = case.inputs
    mistakes = {
        "this is the nearest patch to what was painted into the hole: missing pixels of the "
        "target take part in the comparison.": _like_painted(*case.inputs),
        "in its first channel this patch is the nearest, but not in the others.": best_patch(
            image[:1], *rest
        ),
        "as a grey picture this patch is the nearest, but its colours are others.": best_patch(
            image.mean(dim=0, keepdim=True), *rest
        ),
        "positive and negative differences cancel each other here.": _search(
            *case.inputs, distance=_summed_signs
        ),
        "this is the patch that differs most.": _search(
            *case.inputs, distance=lambda difference, known: -_squares(difference, known)
        ),
    }
    found = (message for message, place in mistakes.items() if place == came)
    return next(found, "another patch is nearer to what is known of the target.")


def _pictures(case: Case, came: Place, wanted: Place) -> dict[str, Tensor]:
    image, mask, row, column, size = case.inputs
    colour = torch.where(mask, 0.5, image).expand(3, -1, -1)
    around = pad(colour, (size // 2,) * 4, value=0.5)  # (3, H + 2r, W + 2r)
    places = {"target, missing in grey": (row, column), "yours": came, "a nearer one": wanted}
    if mask[window(came, size)].any():
        places["yours, missing in grey"] = places.pop("yours")
    return {
        name: around[:, y : y + size, x : x + size].permute(1, 2, 0)
        for name, (y, x) in places.items()
    }


Distance = Callable[[Tensor, Tensor], Tensor]


def _squares(difference: Tensor, known: Tensor) -> Tensor:
    """The sum of squares over channels and known pixels, (N, C, s s) and (s s,) to (N,)."""
    return (difference.square() * known).sum(dim=(1, 2))


def _search(
    image: Tensor,
    mask: Tensor,
    row: int,
    column: int,
    size: int,
    distance: Distance = _squares,
    sources: Tensor | None = None,
    last: bool = False,
) -> Place:
    """The search with another distance, other sources or another choice among equals."""
    radius = size // 2
    patches = torch.nn.functional.unfold(pad(image, (radius,) * 4)[None], size)[0]
    patches = patches.view(len(image), size * size, -1).permute(2, 0, 1)  # (H W, C, s s)
    known = torch.nn.functional.unfold(pad((~mask).float()[None, None], (radius,) * 4), size)[0]
    target = row * mask.shape[1] + column
    error = distance(patches - patches[target], known[:, target])  # (H W,)
    allowed = known_patches(mask, size) if sources is None else sources
    error = torch.where(allowed.flatten(), error, torch.inf)
    best = (error == error.min()).nonzero()[-1 if last else 0, 0]
    return divmod(int(best), mask.shape[1])


def _like_painted(image: Tensor, mask: Tensor, row: int, column: int, size: int) -> Place:
    return _search(image, mask, row, column, size, lambda d, known: d.square().sum(dim=(1, 2)))


def _column_major(image: Tensor, mask: Tensor, row: int, column: int, size: int) -> Place:
    return _search(image.mT.contiguous(), mask.mT, column, row, size)[::-1]


def _pushed_inside(image: Tensor, mask: Tensor, row: int, column: int, size: int) -> Place:
    """The target patch is moved into the picture instead of being cut off."""
    radius = size // 2
    row = min(max(row, radius), mask.shape[0] - radius - 1)
    return best_patch(image, mask, row, min(column, mask.shape[1] - radius - 1), size)


def _corner(image: Tensor, mask: Tensor, row: int, column: int, size: int) -> Place:
    best = best_patch(image, mask, row, column, size)
    return best[0] - size // 2, best[1] - size // 2


def _summed_signs(difference: Tensor, known: Tensor) -> Tensor:
    return (difference * known).sum(dim=(1, 2)).abs()


def _absolute(difference: Tensor, known: Tensor) -> Tensor:
    return (difference.abs() * known).sum(dim=(1, 2))


BEST_PATCH = Check(
    name="classical_inpainting.best_patch",
    reference=best_patch,
    cases=draw_scenes,
    properties=(
        Property(
            "a planted copy is found",
            1,
            _finds_the_best,
            cases=("a planted copy", "a patch at the picture's border"),
        ),
        Property(
            "sources are wholly known",
            1,
            _finds_the_best,
            cases=(
                "a tempting patch with a hole in it",
                "a tempting patch cut off by the border",
            ),
        ),
        Property(
            "only what is known of the target counts, in every colour",
            1,
            _finds_the_best,
            cases=("a hole painted black", "equally bright, but other colours"),
        ),
        Property(
            "squares are summed, and ties go to the first",
            1,
            _finds_the_best,
            cases=("one large error against many small ones", "several equally good patches"),
        ),
    ),
    mutants={
        "compares missing pixels too": _like_painted,
        "sources may have holes": lambda image, mask, row, column, size: _search(
            image, mask, row, column, size, sources=known_patches(mask, 1)
        ),
        "sources may stick out": lambda image, mask, row, column, size: _search(
            image,
            mask,
            row,
            column,
            size,
            sources=~torch.nn.functional.max_pool2d(
                mask[None].float(), size, stride=1, padding=size // 2
            )[0].bool(),
        ),
        "compares grey values": lambda image, mask, row, column, size: best_patch(
            image.mean(dim=0, keepdim=True), mask, row, column, size
        ),
        "first channel only": lambda image, mask, row, column, size: best_patch(
            image[:1], mask, row, column, size
        ),
        "absolute differences": lambda image, mask, row, column, size: _search(
            image, mask, row, column, size, _absolute
        ),
        "differences cancel": lambda image, mask, row, column, size: _search(
            image, mask, row, column, size, _summed_signs
        ),
        "last of equals": lambda image, mask, row, column, size: _search(
            image, mask, row, column, size, last=True
        ),
        "columns before rows": _column_major,
        "the corner of the patch": _corner,
        "column and row swapped": lambda *inputs: best_patch(*inputs)[::-1],
        "target pushed inside": _pushed_inside,
        "the most different patch": lambda image, mask, row, column, size: _search(
            image, mask, row, column, size, lambda d, known: -_squares(d, known)
        ),
    },
)
