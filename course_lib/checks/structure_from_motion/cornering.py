"""Exercise 1 of unit 15: places that can be found again."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.mistakes import listed
from course_lib.rendering import sfm

SQUARE = "a bright square: four corners, four edges"
FLAT = "a picture without contrast"
BLOTCHES = "blotches of all brightnesses, 30 corners asked"
UNEVEN = "strong blotches on the right, faint ones on the left"
NEAR = 1.6  # pixels within which two corners are the same


def harris_corners(image: Tensor, count: int) -> Tensor:
    """At most ``count`` corners (N, 2), on the pixels' centres."""
    return sfm.harris_corners(image, count, subpixel=False).float()


def _blotches(height: int, width: int, generator: torch.Generator) -> Tensor:
    smooth = sfm.gaussian_blur(torch.randn(height, width, generator=generator), 2.0)
    return (0.5 + 1.2 * smooth).clamp(0, 1)


def _cases(generator: torch.Generator) -> list[Case]:
    top, left = (int(v) for v in torch.randint(24, 34, (2,), generator=generator))
    square = torch.full((100, 120), 0.2)
    square[top : top + 36, left : left + 50] = 0.9
    uneven = _blotches(120, 200, generator)
    uneven[:, :100] = 0.5 + 0.35 * (uneven[:, :100] - 0.5)
    return [
        Case(SQUARE, (square, 4)),
        Case(FLAT, (torch.full((70, 80), 0.4), 10)),
        Case(BLOTCHES, (_blotches(110, 130, generator), 30)),
        Case(UNEVEN, (uneven, 60)),
    ]


def _missed(found: Tensor, wanted: Tensor) -> Tensor:
    """Which of the wanted places (N, 2) have none of the found ones near, (N,) bool."""
    if len(found) == 0:
        return torch.ones(len(wanted), dtype=torch.bool)
    return torch.cdist(wanted.double(), found.double()).amin(dim=1) > NEAR


def _finds_corners(ask: Ask, case: Case) -> Finding | None:
    image, count = case.inputs
    found, wanted = ask.subject.call(case.inputs), ask.wanted(*case.inputs)
    wrong = _form(found, count)
    if wrong is not None:
        return wrong
    lost = _missed(found, wanted)
    if not bool(lost.any()) and len(found) == len(wanted):
        return None
    place = listed(wanted[lost][0]) if bool(lost.any()) else "no more than four"
    if len(found) == 0:
        message = "it finds no corner at all."
        hint = "Without a window around the pixel det M is 0 everywhere. See hint 2."
        return Finding(message, came="none", wanted=place, hint=hint)
    columns, rows = found.double().sub(0.5).round().long().unbind(dim=1)
    inside = (rows.clamp(0, image.shape[0] - 1), columns.clamp(0, image.shape[1] - 1))
    response = sfm.harris_response(image)[inside]
    message = "not all four corners of the square are among the corners."
    if not bool(_missed(found.flip(1), wanted).any()):
        message = "the coordinates are swapped: the first one is x, the column."
    elif bool((response < 0).any()):
        message = "it takes places on an edge: there a step along the edge changes nothing."
    elif len(found) < count:
        message = "corners are missing, though there is room for them."
    return Finding(message, came=listed(found[lost.nonzero()[0, 0] % len(found)]), wanted=place)


def _form(found: object, count: int) -> Finding | None:
    """A finding if this is no (N, 2) tensor of at most ``count`` finite places."""
    if not isinstance(found, Tensor) or found.ndim != 2 or found.shape[1] != 2:
        came = f"shape {tuple(found.shape)}" if isinstance(found, Tensor) else type(found).__name__
        return Finding("the result should have one row (x, y) for each corner.", came=came)
    if len(found) > count:
        return Finding(
            "it returns more corners than asked.", came=str(len(found)), wanted=str(count)
        )
    if not found.is_floating_point() or not bool(found.isfinite().all()):
        return Finding("the places should be finite, floating numbers.", came=str(found.dtype))
    return None


def _right_places(ask: Ask, case: Case) -> Finding | None:
    """Most of the corners are where the reference has them, to a quarter of a pixel."""
    found, wanted = ask.subject.call(case.inputs), ask.wanted(*case.inputs)
    wrong = _form(found, case.inputs[1])
    if wrong is not None:
        return wrong
    if len(found) == 0:
        return Finding("it finds none in a picture full of them.")
    gaps = torch.cdist(found.double(), wanted.double())
    nearest = gaps.amin(dim=1)
    if float((nearest <= NEAR).double().mean()) < 0.6:
        swapped = float((~_missed(found.flip(1), wanted)).double().mean())
        message = "few of the corners are those of the reference."
        if swapped > 0.6:
            message = "rows and columns have changed places: x is the column, y the row."
        return Finding(
            message,
            came=f"{int((nearest <= NEAR).sum())} of {len(found)}",
            wanted="nearly all",
            hint="See hints 1 and 2.",
        )
    near = nearest <= NEAR
    shift = (found.double() - wanted.double()[gaps.argmin(dim=1)])[near].median(dim=0).values
    if float(shift.abs().max()) > 0.3:
        return Finding(
            "all corners are shifted: pixel (i, j) has its centre at (j + 0.5, i + 0.5).",
            came=f"by {listed(shift)} pixels",
            wanted="(0, 0)",
        )
    return None


def _leaves_room(ask: Ask, case: Case) -> Finding | None:
    """None in a flat picture, none near the rim, no two side by side."""
    image, count = case.inputs
    found = ask.subject.call(case.inputs)
    wrong = _form(found, count)
    if wrong is not None:
        return wrong
    if case.name == FLAT:
        message = "nothing changes in this picture, so there is no corner in it."
        return None if len(found) == 0 else Finding(message, came=f"{len(found)} corners")
    if len(found) == 0:
        return Finding("it finds none in a picture full of them.")
    size = torch.tensor([image.shape[1], image.shape[0]])
    room = torch.minimum(found, size - found).amin(dim=1)
    if float(room.min()) < 20:
        return Finding(
            "a window of 40 x 40 pixels around a corner has to fit into the picture.",
            came=f"a corner {float(room.min()):.3g} pixels from the rim",
            wanted="20 or more",
            hint="Drop candidates near the rim before you choose.",
        )
    gaps = torch.cdist(found, found).fill_diagonal_(torch.inf)
    if float(gaps.min()) < 1.5:
        return Finding(
            "pixels side by side are corners of their own; only the top of each hill should be.",
            came=f"two corners {float(gaps.min()):.3g} pixels apart",
            wanted="local maxima",
        )
    return None


def _spread(ask: Ask, case: Case) -> Finding | None:
    _, count = case.inputs
    found, wanted = ask.subject.call(case.inputs), ask.wanted(*case.inputs)
    wrong = _form(found, count)
    if wrong is not None:
        return wrong
    left, goal = (int((each[:, 0] < 95).sum()) for each in (found, wanted))
    if len(found) >= 0.9 * count and 0.6 * goal <= left <= 1.6 * goal:
        lost = int(_missed(found, wanted).sum())
        if lost <= 0.25 * count:
            return None
        return Finding(
            "the corners are spread, but they are not those with the largest radii.",
            came=f"{count - lost} of {count} are",
            wanted="nearly all",
            hint="A neighbour counts only if 0.9 of its response is still more.",
        )
    message = "the corners crowd where contrast is strong."
    if left > 1.6 * goal:
        message = "too many corners are faint ones: strong ones are given up for them."
    if len(found) < 0.9 * count:
        message = "there are far more local maxima than asked, yet corners are missing."
    return Finding(
        message,
        came=f"{left} of {len(found)} on the left",
        wanted=f"about {goal} of {count}",
        hint="Each candidate's radius is its distance to the nearest clearly stronger one.",
    )


def _variant(
    respond: Callable[[Tensor, Tensor, Tensor], Tensor] = lambda xx, xy, yy: (
        xx * yy - xy**2 - 0.05 * (xx + yy) ** 2
    ),
    window: float = 1.5,
    maxima: int = 3,
    border: int = 20,
    choose: str = "radius",
    finish: Callable[[Tensor], Tensor] = lambda places: places,
    floor: float = 1e-4,
) -> Callable[[Tensor, int], Tensor]:
    """A wrong answer, put together from its parts."""

    def function(image: Tensor, count: int) -> Tensor:
        down, right = torch.gradient(image)
        products = torch.stack([right**2, right * down, down**2])
        response = respond(*(sfm.gaussian_blur(products, window) if window else products))
        top = torch.nn.functional.max_pool2d(response[None], maxima, 1, maxima // 2)[0]
        keep = (response == top) & (response > max(floor * float(response.max()), 1e-12))
        if floor < 0:
            keep = response == top
        inside = torch.zeros_like(keep)
        height, width = image.shape
        inside[border : height - border, border : width - border] = True
        rows, columns = torch.where(keep & inside)
        strengths = response[rows, columns]
        order = strengths.argsort(descending=True)[:2000]
        places = torch.stack([columns, rows], dim=1)[order] + 0.5
        if choose != "strength" and len(places):
            radii = sfm.suppression_radii(places, strengths[order])
            places = places[radii.argsort(descending=choose == "radius")]
        return finish(places[:count])

    return function


HARRIS_CORNERS = Check(
    name="structure_from_motion.harris_corners",
    reference=harris_corners,
    cases=_cases,
    properties=(
        Property("the corners of a square, not its edges", 1, _finds_corners, cases=(SQUARE,)),
        Property("in the right places", 1, _right_places, cases=(BLOTCHES,)),
        Property("none in a flat picture or at the rim", 1, _leaves_room, cases=(FLAT, BLOTCHES)),
        Property("spread over the picture", 2, _spread, cases=(UNEVEN,), hint="See hint 3."),
    ),
    mutants={
        "edges, too": _variant(lambda xx, xy, yy: xx + yy),
        "no window": _variant(window=0.0),
        "only the determinant's first half": _variant(lambda xx, xy, yy: xx * yy),
        "sign of the trace": _variant(lambda xx, xy, yy: xx * yy - xy**2 + 0.5 * (xx + yy) ** 2),
        "row before column": _variant(finish=lambda places: places.flip(1)),
        "pixel corners": _variant(finish=lambda places: places - 0.5),
        "strongest only": _variant(choose="strength"),
        "smallest radii": _variant(choose="least"),
        "no local maxima": _variant(maxima=1),
        "up to the rim": _variant(border=1),
        "flat places count": _variant(floor=-1.0),
        "half of them": _variant(finish=lambda places: places[: len(places) // 2]),
    },
)
