"""Exercise 1 of unit 03: pictures cut into patches."""

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.mistakes import compare, gradients_flow, uniform
from course_lib.foundations.vision_transformer import patchify

GREY = "two grey pictures, 4 high and 6 wide, patches of 2"
COLOR = "three coloured pictures of 6 x 6, patches of 3"
PIXELS = "patches of a single pixel"
WHOLE = "one patch as large as the picture"


def _cases(generator: torch.Generator) -> list[Case]:
    def case(name: str, shape: tuple[int, ...], size: int) -> Case:
        return Case(name, (uniform(0.0, 1.0, *shape, generator=generator), size))

    return [
        case(GREY, (2, 1, 4, 6), 2),
        case(COLOR, (3, 3, 6, 6), 3),
        case(PIXELS, (2, 3, 2, 4), 1),
        case(WHOLE, (2, 2, 4, 4), 4),
    ]


def _one_patch_each(ask: Ask, case: Case) -> Finding | None:
    """A patch's numbers are those of its square of the picture, in any order."""
    images, size = case.inputs
    came, wanted = ask(*case.inputs), ask.wanted(*case.inputs)
    if torch.allclose(came.sort(dim=2).values, wanted.sort(dim=2).values, atol=1e-6):
        return None
    known = _known(ask, case)
    if known:
        return known
    as_sets = came.sort(dim=2).values.sum(dim=2).sort(dim=1).values
    right_sets = wanted.sum(dim=2).sort(dim=1).values
    message = (
        "each patch holds a square of the picture, but they do not come row by row."
        if torch.allclose(as_sets, right_sets, atol=1e-5)
        else "the numbers of a patch are not those of one square of the picture."
    )
    across = images.shape[3] // size
    place = int((came.sort(dim=2).values != wanted.sort(dim=2).values).any(dim=2)[0].int().argmax())
    row, column = divmod(place, across)
    return Finding(
        message,
        wanted=f"patch {place} is the square in row {row}, column {column} of the grid",
        hint="See hint 1.",
    )


def _same_linear_layer(ask: Ask, case: Case) -> Finding | None:
    """A linear layer on patches is a convolution with a stride as long as its kernel."""
    images, size = case.inputs
    numbers = images.shape[1] * size * size
    generator = torch.Generator().manual_seed(numbers)
    kernel = torch.randn(2, images.shape[1], size, size, generator=generator)
    came = ask(*case.inputs) @ kernel.flatten(1).T
    wanted = torch.nn.functional.conv2d(images, kernel, stride=size).flatten(2).mT
    off = float((came - wanted).abs().max())
    if off <= 1e-4:
        return None
    return _known(ask, case) or Finding(
        "a linear layer on your patches is not the convolution it should be.",
        came=f"off by up to {off:.3g}",
        wanted="Conv2d with a stride as long as its kernel",
        hint="Within a patch: channel by channel, in a channel row by row.",
    )


def _known(ask: Ask, case: Case) -> Finding | None:
    found = compare(ask, case, _MISTAKES)
    return found if found and found.message in _MISTAKES else None


def _agrees(ask: Ask, case: Case) -> Finding | None:
    return compare(ask, case, _MISTAKES)


def _grid(images: Tensor, size: int) -> Tensor:
    """(B, C, rows, size, columns, size)."""
    B, C, H, W = images.shape
    return images.reshape(B, C, H // size, size, W // size, size)


def _rows_of(tensor: Tensor, images: Tensor, size: int) -> Tensor:
    B, C, H, W = images.shape
    return tensor.reshape(B, H * W // size**2, C * size**2)


def _column_by_column(images: Tensor, size: int) -> Tensor:
    return _rows_of(_grid(images, size).permute(0, 4, 2, 1, 3, 5), images, size)


def _only_reshaped(images: Tensor, size: int) -> Tensor:
    return _rows_of(images, images, size)


def _interleaved(images: Tensor, size: int) -> Tensor:
    B, C, H, W = images.shape
    grid = images.reshape(B, C, size, H // size, size, W // size)
    return _rows_of(grid.permute(0, 3, 5, 1, 2, 4), images, size)


def _channels_last(images: Tensor, size: int) -> Tensor:
    return _rows_of(_grid(images, size).permute(0, 2, 4, 3, 5, 1), images, size)


def _turned_inside(images: Tensor, size: int) -> Tensor:
    return _rows_of(_grid(images, size).permute(0, 2, 4, 1, 5, 3), images, size)


def _channels_are_tokens(images: Tensor, size: int) -> Tensor:
    return _rows_of(_grid(images, size).permute(0, 1, 2, 4, 3, 5), images, size)


def _mean_channel(images: Tensor, size: int) -> Tensor:
    return patchify(images.mean(dim=1, keepdim=True).expand_as(images), size)


def _flipped(images: Tensor, size: int) -> Tensor:
    return patchify(images, size).flip(1)


def _detached(images: Tensor, size: int) -> Tensor:
    return patchify(images.detach(), size)


def _in_place(images: Tensor, size: int) -> Tensor:
    return patchify(images.mul_(2.0).sub_(1.0), size)


_MISTAKES = {
    "the patches come column by column; asked is row by row.": _column_by_column,
    "the numbers are only reshaped: a patch then is a piece of a row, not a square.": (
        _only_reshaped
    ),
    "the pixels of a patch do not touch: each is from all over the picture.": _interleaved,
    "within a patch the channels change fastest; asked is one channel after the other.": (
        _channels_last
    ),
    "within a patch the pixels run down the columns; asked is along the rows.": _turned_inside,
    "a row of the result mixes patches of one channel; a patch holds all channels.": (
        _channels_are_tokens
    ),
    "all channels hold the same numbers: their mean.": _mean_channel,
    "the patches come in backward order.": _flipped,
}

PATCHIFY = Check(
    name="vision_transformer.patchify",
    reference=patchify,
    cases=_cases,
    properties=(
        Property("each patch is a square of the picture", 1, _one_patch_each, (GREY, COLOR)),
        Property("a linear layer on patches is a convolution", 1, _same_linear_layer, (COLOR,)),
        Property("values agree with the reference", 1, _agrees, hint="See hint 2."),
        gradients_flow(1, (0,), cases=(GREY,), hint="Reshape and permute keep the gradient."),
    ),
    mutants={
        "column by column": _column_by_column,
        "only reshaped": _only_reshaped,
        "interleaved": _interleaved,
        "channels last": _channels_last,
        "turned inside": _turned_inside,
        "channels are tokens": _channels_are_tokens,
        "mean of the channels": _mean_channel,
        "backward": _flipped,
        "detached": _detached,
        "in place": _in_place,
    },
)
