"""Exercise 1 of unit 07: scratches, told from grains, from edges and from wide bands."""

from collections.abc import Callable

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.inpainting_applications.common import same_mask
from course_lib.checks.mistakes import recognise
from course_lib.inpainting import detect_scratches

LINES = "bright scratches on a shaded ground"
GRAINS = "a scratch, and short bright grains"
EDGES = "a bright half, a wide bright band, a dark line"
COLOR = "two pictures: a blue scratch, a scratch along a diagonal"
NOISE = "two noisy pictures"

MISSED = "a pixel of a scratch is missed."
INVENTED = "a pixel is found that belongs to no scratch."


def _cases(generator: torch.Generator) -> list[Case]:
    shift = int(torch.randint(0, 3, (), generator=generator))
    shaded = torch.linspace(0.2, 0.5, 24).expand(1, 3, 24, 24).contiguous()
    lines = shaded.clone()
    lines[..., 3 + shift] += 0.4
    lines[..., 17, :] += 0.3
    grains = torch.full((1, 3, 24, 24), 0.4)
    grains[..., 12 + shift] = 0.9
    grains[..., 3:7, 4], grains[..., 19, 16:21] = 0.9, 0.8
    edges = torch.full((1, 3, 24, 30), 0.2)
    edges[..., 20:] = 0.8
    edges[..., 4:8], edges[..., 13 + shift] = 0.6, 0.0
    edges[..., 10, :] += 0.19
    two = torch.full((2, 3, 20, 20), 0.3)
    two[0, 2, :, 8 + shift] = 0.9  # blue alone: 0.2 brighter in the mean of the channels
    i = torch.arange(2, 18)
    two[1, :, i, i] = 0.7
    noisy = torch.rand(2, 3, 26, 22, generator=generator)
    noisy = torch.nn.functional.avg_pool2d(noisy, 3, stride=1, padding=1)
    return [
        Case(LINES, (lines, 5, 0.15, 12)),
        Case(GRAINS, (grains, 7, 0.2, 9)),
        Case(EDGES, (edges, 7, 0.15, 10)),
        Case(COLOR, (two, 5, 0.15, 12)),
        Case(NOISE, (noisy, 5, 0.06, 6)),
    ]


def _agrees(ask: Ask, case: Case) -> Finding | None:
    return same_mask(ask, case, _MISTAKES, MISSED, INVENTED)


def _long_only(ask: Ask, case: Case) -> Finding | None:
    image, _, _, shortest = case.inputs
    came, wanted = ask(*case.inputs), ask.wanted(*case.inputs)
    grains = came & ~wanted & (image.mean(dim=1, keepdim=True) > 0.7)
    if bool(grains.any()):
        return Finding(
            recognise(came, case.inputs, _MISTAKES, 0.0, 0.0)
            or "a short grain is taken for a scratch.",
            came=f"{int(grains.sum())} pixels of pieces shorter than {shortest} pixels",
            wanted="none",
            hint="See hint 3.",
            pictures={"yours": came[0, 0].float()},
        )
    return same_mask(ask, case, _MISTAKES, MISSED, INVENTED)


def _found(
    contrast: Callable[[np.ndarray, np.ndarray], np.ndarray] = lambda grey, back: grey - back,
    background: Callable[[np.ndarray, int], np.ndarray] = lambda grey, window: (
        ndimage.median_filter(grey, size=window)
    ),
    grey: Callable[[Tensor], Tensor] = lambda picture: picture.mean(dim=0),
    corners: bool = True,
    measure: Callable[[np.ndarray, tuple[slice, slice]], float] = lambda piece, box: max(
        s.stop - s.start for s in box
    ),
    longer: Callable[[float, int], bool] = lambda length, shortest: length >= shortest,
) -> Callable[[Tensor, int, float, int], Tensor]:
    """The three steps once more, with one of them wrong."""

    def function(image: Tensor, window: int, threshold: float, shortest: int) -> Tensor:
        found = []
        for picture in image:
            g = grey(picture).numpy()
            thin = contrast(g, background(g, window)) > threshold
            pieces, count = ndimage.label(thin, np.ones((3, 3)) if corners else None)
            boxes = ndimage.find_objects(pieces)
            keep = np.zeros(count + 1, dtype=bool)
            for n, box in enumerate(boxes, start=1):
                keep[n] = longer(measure(pieces[box] == n, box), shortest)
            found.append(torch.from_numpy(keep[pieces]))
        return torch.stack(found)[:, None]

    return function


def _batch_as_volume(image: Tensor, window: int, threshold: float, shortest: int) -> Tensor:
    grey = image.mean(dim=1).numpy()
    back = ndimage.median_filter(grey, size=window)
    pieces, _ = ndimage.label(grey - back > threshold, np.ones((3, 3, 3)))
    sides = [max(s.stop - s.start for s in box[1:]) for box in ndimage.find_objects(pieces)]
    keep = np.array([False] + [side >= shortest for side in sides])
    return torch.from_numpy(keep[pieces])[:, None]


_all_pieces = _found(longer=lambda length, shortest: True)
_both_signs = _found(contrast=lambda grey, back: np.abs(grey - back))
_dark = _found(contrast=lambda grey, back: back - grey)
_mean_back = _found(background=lambda grey, window: ndimage.uniform_filter(grey, size=window))
_no_back = _found(background=lambda grey, window: np.zeros_like(grey))
_global = _found(background=lambda grey, window: np.full_like(grey, np.median(grey)))
_area = _found(measure=lambda piece, box: piece.sum())
_height = _found(measure=lambda piece, box: box[0].stop - box[0].start)
_no_corners = _found(corners=False)
_short = _found(longer=lambda length, shortest: length < shortest)
_red = _found(grey=lambda picture: picture[0])
_brightest = _found(grey=lambda picture: picture.amax(dim=0))

_MISTAKES = {
    "short pieces are found, too: nothing is dropped for its length.": _all_pieces,
    "dark lines are found, too. Asked are lines that are brighter than their background.": (
        _both_signs
    ),
    "dark lines are found in place of bright ones: the difference has the wrong sign.": _dark,
    "the background seems to be a mean. A mean is pulled up by the scratch itself, and it blurs "
    "edges; the median does neither.": _mean_back,
    "the brightness itself is compared with the threshold. A bright ground is no scratch: what "
    "counts is the difference from what is around.": _no_back,
    "one background for the whole picture is not enough: light changes from place to place.": (
        _global
    ),
    "a piece's number of pixels is taken for its length. A thick grain has many, and is short.": (
        _area
    ),
    "only the rows that a piece reaches over are counted: a level scratch is long, too.": _height,
    "a scratch along a diagonal falls into single pixels: pixels that touch at a corner belong "
    "together.": _no_corners,
    "short pieces are kept and long ones dropped.": _short,
    "only the first channel is looked at; a scratch may be blue.": _red,
    "the brightest channel is taken for the grey; asked is the mean of the channels.": _brightest,
    "the pictures of the batch are stacked to a block, and medians and pieces reach through it. "
    "Look at each picture for itself.": _batch_as_volume,
}

DETECT_SCRATCHES = Check(
    name="inpainting_applications.detect_scratches",
    reference=detect_scratches,
    cases=_cases,
    properties=(
        Property("bright lines are found", 1, _agrees, cases=(LINES,)),
        Property("short grains are not", 1, _long_only, cases=(GRAINS,)),
        Property("edges, bands and dark lines are not", 1, _agrees, cases=(EDGES,)),
        Property("colours, diagonals and batches", 1, _agrees, cases=(COLOR, NOISE)),
    ),
    mutants={
        "all pieces": _all_pieces,
        "both signs": _both_signs,
        "dark for bright": _dark,
        "mean for median": _mean_back,
        "no background": _no_back,
        "one background": _global,
        "area for length": _area,
        "height for length": _height,
        "four neighbours": _no_corners,
        "short kept": _short,
        "red only": _red,
        "brightest channel": _brightest,
        "batch as a volume": _batch_as_volume,
        "mask as numbers": lambda *inputs: detect_scratches(*inputs).float(),
    },
)
