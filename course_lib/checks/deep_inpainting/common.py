"""What the checks of unit 05 share: pictures with holes."""

from typing import Any

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.form import StudentError
from course_lib.checks.mistakes import uniform


def pictures(*shape: int, generator: torch.Generator) -> Tensor:
    """Random pictures that stay off 0 and 1, so that neither is taken for a hole's content."""
    return uniform(0.1, 0.9, *shape, generator=generator)


def blocks(*corners: tuple[int, int, int, int], height: int, width: int) -> Tensor:
    """One mask (B, 1, H, W) with one block (top, bottom, left, right) a picture.

    >>> blocks((0, 1, 1, 3), height=2, width=3)[0, 0].int()
    tensor([[0, 1, 1],
            [0, 0, 0]], dtype=torch.int32)
    """
    masks = torch.zeros(len(corners), 1, height, width, dtype=torch.bool)
    for mask, (top, bottom, left, right) in zip(masks, corners, strict=True):
        mask[:, top:bottom, left:right] = True
    return masks


def speckled(
    count: int, height: int, width: int, share: float, generator: torch.Generator
) -> Tensor:
    """Masks (B, 1, H, W) in which each pixel is missing by chance."""
    return torch.rand(count, 1, height, width, generator=generator) < share


def finite_or_none(ask: Ask, *inputs: Any) -> Any:
    """The answer, or None where it holds NaN or infinity: for inputs that hold NaN on purpose."""
    try:
        return ask(*inputs)
    except StudentError as error:
        if error.kind != "not finite":
            raise
        return None


def place(at: tuple[int, ...]) -> str:
    """Where a pixel is, in words.

    >>> place((0, 2, 5, 7))
    'picture 0, channel 2, row 5, column 7'
    """
    words = ("picture", "channel", "row", "column")
    return ", ".join(f"{word} {n}" for word, n in zip(words, at, strict=False))


def worst(came: Tensor, wanted: Tensor) -> tuple[float, tuple[int, ...]]:
    """The largest error of two tensors of one shape, and where it is; NaN counts as infinite."""
    off = (came.double() - wanted.double()).abs().nan_to_num(nan=torch.inf)
    if off.numel() == 0:
        return 0.0, ()
    at = torch.unravel_index(off.argmax(), off.shape)
    return float(off.max()), tuple(int(i) for i in at)
