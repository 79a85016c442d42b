"""Exercise 2 of unit 15: a corner's surroundings as 64 numbers."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.mistakes import listed, recognise, uniform
from course_lib.checks.properties import difference
from course_lib.rendering import sfm
from course_lib.rendering.sfm import describe

PLAIN = "five corners, as they are"
BETWEEN = "corners between the pixels' centres"
NORMAL = "five corners, normalised"
FAINT = "a faint picture, normalised"
EMPTY_WINDOW = "a window in which nothing changes, normalised"


def _picture(generator: torch.Generator) -> Tensor:
    rough = torch.rand(90, 110, generator=generator)
    return (0.3 * rough + 0.7 * sfm.gaussian_blur(rough, 4.0)).clamp(0, 1)


def _cases(generator: torch.Generator) -> list[Case]:
    def corners(count: int, fraction: float) -> Tensor:
        columns = torch.randint(21, 85, (count,), generator=generator)
        rows = torch.randint(21, 65, (count,), generator=generator)
        between = uniform(-fraction, fraction, count, 2, generator=generator)
        return torch.stack([columns, rows], dim=1) + 0.5 + between

    picture = _picture(generator)
    half_flat = picture.clone()
    half_flat[:, 45:] = 0.6
    two = torch.tensor([[80.5, 45.5], [25.5, 45.5]])
    return [
        Case(PLAIN, (picture, corners(5, 0.0), False)),
        Case(BETWEEN, (_picture(generator), corners(4, 0.45), False)),
        Case(NORMAL, (picture, corners(5, 0.0), True)),
        Case(FAINT, (0.5 + 0.05 * picture, corners(4, 0.0), True)),
        Case(EMPTY_WINDOW, (half_flat, two, True)),
    ]


def _same_numbers(ask: Ask, case: Case) -> Finding | None:
    came, wanted = ask(*case.inputs), ask.wanted(*case.inputs)
    found = difference(came, wanted, 1e-3, 1e-3)
    if found is None:
        return None
    message = recognise(came, case.inputs, _MISTAKES, 1e-4, 1e-4)
    return Finding(
        message or "the 64 numbers are not those of the blurred, subsampled window.",
        came="begins " + listed(came[0, :4]),
        wanted="begins " + listed(wanted[0, :4]),
        hint="See hints 1 and 2.",
    )


def _mean_and_spread(ask: Ask, case: Case) -> Finding | None:
    came = ask(*case.inputs)
    mean, spread = came.mean(dim=1), came.std(dim=1, correction=0)
    if float(mean.abs().max()) > 1e-2:
        worst = int(mean.abs().argmax())
        return Finding(
            "a normalised descriptor has mean 0: what all 64 share says nothing about the corner.",
            came=f"mean {float(mean[worst]):.3g}",
            wanted="0",
        )
    off = (spread - 1).abs()
    if float(off.max()) <= 0.02:
        return None
    return Finding(
        "a normalised descriptor has a standard deviation of 1, each one of its own.",
        came="deviations " + listed(spread),
        wanted="1",
        hint="Mean and deviation are those of the 64 numbers of one corner.",
    )


def _brightness(ask: Ask, case: Case) -> Finding | None:
    image, corners, normalize = case.inputs
    came = ask(image, corners, normalize)
    if case.name == EMPTY_WINDOW:
        if float(came[0].abs().max()) < 1e-3:
            return None
        return Finding(
            "where nothing changes there is nothing to divide by: such a descriptor is all zeros.",
            came=f"up to {float(came[0].abs().max()):.3g}",
            wanted="0",
        )
    for gain, offset, what in ((0.5, 0.0, "half the contrast"), (1.0, 0.3, "more light")):
        moved = ask(gain * image + offset, corners, normalize)
        change = float((moved - came).abs().max())
        if change > 0.02:
            return Finding(
                f"{what} changes the normalised descriptor.",
                came=f"a change of {change:.3g}",
                wanted="none",
            )
    if float((came - ask.wanted(*case.inputs)).abs().max()) > 0.02:
        return Finding("the normalised numbers are not (d - mean) / deviation.")
    return None


def _variant(
    low: int = -20,
    swap: bool = False,
    blur: str = "window",
    start: int = 2,
    flatten: Callable[[Tensor], Tensor] = lambda small: small.flatten(1),
    normal: Callable[[Tensor], Tensor] | None = None,
    rounded: bool = False,
) -> Callable[[Tensor, Tensor, bool], Tensor]:
    """A wrong answer, put together from its parts."""

    def standard(d: Tensor) -> Tensor:
        d = d - d.mean(dim=1, keepdim=True)
        spread = d.square().mean(dim=1, keepdim=True).sqrt()
        return torch.where(spread > 1e-6, d / spread.clamp_min(1e-6), 0.0)

    def function(image: Tensor, corners: Tensor, normalize: bool) -> Tensor:
        source = sfm.gaussian_blur(image, 2.0) if blur == "picture" else image
        index = (corners.round() if rounded else corners.floor()).long()
        columns, rows = index.flip(1).T if swap else index.T
        ruler = torch.arange(low, low + 40)
        down = (rows[:, None, None] + ruler[:, None]).clamp(0, image.shape[0] - 1)
        across = (columns[:, None, None] + ruler).clamp(0, image.shape[1] - 1)
        window = source[down, across]
        window = sfm.gaussian_blur(window, 2.0) if blur == "window" else window
        small = window[:, start::5, start::5]
        if blur == "after":
            small = sfm.gaussian_blur(small, 2.0)
        vectors = flatten(small)
        return (normal or standard)(vectors) if normalize else vectors

    return function


_MISTAKES = {
    "the window is not blurred before it is subsampled.": _variant(blur="none"),
    "the small picture is blurred, after the subsampling: what was lost is lost.": (
        _variant(blur="after")
    ),
    "the whole picture is blurred, so that the window knows what lies outside of it.": (
        _variant(blur="picture")
    ),
    "x and y are swapped: x is the column.": _variant(swap=True),
    "the window is one pixel off: it reaches from 20 before the corner's pixel to 19 behind it.": (
        _variant(low=-19)
    ),
    "the samples begin with the first row and column; asked are the middles of the 5 x 5 blocks.": (
        _variant(start=0)
    ),
    "the 8 x 8 are read column by column; asked is row by row.": (
        _variant(flatten=lambda small: small.mT.flatten(1))
    ),
    "the corner's pixel is rounded: pixel (i, j) reaches from j to j + 1.": _variant(rounded=True),
}


def _one_spread(d: Tensor) -> Tensor:
    return (d - d.mean(dim=1, keepdim=True)) / d.std()


DESCRIBE = Check(
    name="structure_from_motion.describe",
    reference=describe,
    cases=_cases,
    properties=(
        Property("the lecture's 64 numbers", 2, _same_numbers, cases=(PLAIN, BETWEEN)),
        Property("mean 0 and deviation 1", 1, _mean_and_spread, cases=(NORMAL, FAINT)),
        Property("blind to brightness and contrast", 1, _brightness, cases=(NORMAL, EMPTY_WINDOW)),
    ),
    mutants={
        "not blurred": _variant(blur="none"),
        "blurred afterwards": _variant(blur="after"),
        "the picture blurred": _variant(blur="picture"),
        "x and y swapped": _variant(swap=True),
        "one pixel off": _variant(low=-19),
        "first of each block": _variant(start=0),
        "column by column": _variant(flatten=lambda small: small.mT.flatten(1)),
        "pixel rounded": _variant(rounded=True),
        "never normalised": _variant(normal=lambda d: d),
        "mean only": _variant(normal=lambda d: d - d.mean(dim=1, keepdim=True)),
        "divided by the length": _variant(normal=lambda d: torch.nn.functional.normalize(d)),
        "one deviation for all": _variant(normal=_one_spread),
        "nought by nought": _variant(
            normal=lambda d: (d - d.mean(1, keepdim=True)) / d.std(1, correction=0, keepdim=True)
        ),
    },
)
