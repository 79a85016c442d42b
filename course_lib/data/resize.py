"""Crop to a shape and resample without aliasing: the one way pictures change size here."""

from typing import Any

import torch
from torch import Tensor

from .arguments import height_width


def overlap_weights(old: int, new: int) -> Tensor:
    """Weights with which `old` pixels in a row become `new` ones.

    New pixel `i` averages the stretch of width `r = max(old / new, 1)` around its centre
    `c_i = (i + 1/2) old / new`, measured in old pixels; `w_ij` is the part of that stretch
    that lies in old pixel `[j, j + 1]`. Shrinking is then the exact average over each new
    pixel's area, and enlarging is linear interpolation.

    Args:
        old: number of pixels before.
        new: number of pixels after.

    Returns:
        `(new, old)` float32 weights; each row adds to one.

    >>> overlap_weights(4, 2)
    tensor([[0.5000, 0.5000, 0.0000, 0.0000],
            [0.0000, 0.0000, 0.5000, 0.5000]])
    """
    stretch = max(old / new, 1.0)
    centre = (torch.arange(new, dtype=torch.float64) + 0.5) * old / new
    left = torch.arange(old, dtype=torch.float64)
    low = torch.maximum(centre[:, None] - stretch / 2, left)  # (new, old)
    high = torch.minimum(centre[:, None] + stretch / 2, left + 1)
    weights = (high - low).clamp(min=0)
    return (weights / weights.sum(dim=1, keepdim=True)).float()


def crop_and_resize(images: Tensor, size: Any) -> Tensor:
    """Cut the largest centred piece with the wanted aspect ratio and resample it to `size`.

    Args:
        images: `(B, C, H, W)` float32.
        size: the side of a square, or `(height, width)`, in pixels.

    Returns:
        `(B, C, height, width)` float32, within the range of `images`.

    Raises:
        ValueError: `images` is not a float batch, or `size` is not a size.

    >>> crop_and_resize(torch.ones(1, 3, 20, 30), (5, 6)).shape
    torch.Size([1, 3, 5, 6])
    """
    new_height, new_width = height_width(size)
    if images.ndim != 4 or not images.is_floating_point() or 0 in images.shape:
        got = f"{tuple(images.shape)} {images.dtype}"
        raise ValueError(f"images must be a float (B, C, H, W) batch, got {got}")
    height, width = images.shape[-2:]
    scale = min(height / new_height, width / new_width)
    crop_height = min(height, max(1, round(new_height * scale)))
    crop_width = min(width, max(1, round(new_width * scale)))
    top, left = (height - crop_height) // 2, (width - crop_width) // 2
    images = images[..., top : top + crop_height, left : left + crop_width]
    if (crop_height, crop_width) == (new_height, new_width):
        return images.contiguous()
    rows = overlap_weights(crop_height, new_height).to(images)
    columns = overlap_weights(crop_width, new_width).to(images)
    return (rows @ images @ columns.T).clamp(images.min(), images.max())
