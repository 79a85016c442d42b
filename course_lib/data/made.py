"""Pictures made from formulas, so that what lies under a hole is known exactly."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .arguments import height_width, real_number

SAND = (0.93, 0.80, 0.55)
TEAL = (0.10, 0.42, 0.50)


def gradient_picture(size: Any) -> Tensor:
    """Return a smooth picture that runs in a different direction in each channel.

    With `u, v` in [-1, 1] along the rows and columns,

        R = 1/2 + 0.35 u,    G = 1/2 + 0.35 v,    B = 1/2 - 0.35 u v.

    Each channel is harmonic, and stays so on the pixel grid: every inner pixel is the mean of
    its four neighbours. Whatever solves Laplace's equation therefore fills any hole exactly.

    Args:
        size: the side of a square, or `(height, width)`, in pixels.

    Returns:
        `(1, 3, H, W)` float32 in [0, 1].

    Raises:
        ValueError: `size` is not a size.

    >>> picture = gradient_picture(9)
    >>> centre, right, left = picture[0, :, 4, 4], picture[0, :, 4, 5], picture[0, :, 4, 3]
    >>> torch.allclose(centre, (right + left) / 2)
    True
    """
    height, width = height_width(size)
    u = torch.linspace(-1, 1, width).expand(height, width)
    v = torch.linspace(-1, 1, height)[:, None].expand(height, width)
    return 0.5 + 0.35 * torch.stack([u, v, -u * v])[None]


def edge_picture(
    size: Any,
    angle: float = 30.0,
    *,
    offset: float = 0.0,
    colors: Sequence[Sequence[float]] = (SAND, TEAL),
) -> Tensor:
    """Return two flat colours that meet in a straight, antialiased edge.

    With `d` the signed distance of a pixel centre from the edge, in pixels, the second colour
    covers `clamp(d + 1/2, 0, 1)` of the pixel.

    Args:
        size: the side of a square, or `(height, width)`, in pixels.
        angle: direction of the edge in degrees, anticlockwise from the x axis as seen on
            screen: 0 is horizontal with the second colour on top, 90 is vertical with the
            second colour on the left.
        offset: distance of the edge from the picture's centre, in pixels, towards the second
            colour.
        colors: two RGB colours in [0, 1].

    Returns:
        `(1, 3, H, W)` float32 in [0, 1].

    Raises:
        ValueError: a size, angle, offset or colour that is none.

    >>> edge_picture(4, angle=90, colors=[(0, 0, 0), (1, 1, 1)])[0, 0, 0]
    tensor([1., 1., 0., 0.])
    """
    first, second = _two_colors(colors)
    coverage = (_across(size, angle) - real_number("offset", offset, -1e6, 1e6) + 0.5).clamp(0, 1)
    return torch.lerp(first, second, coverage)  # (1, 3, H, W)


def stripes_picture(
    size: Any,
    period: float = 8.0,
    angle: float = 45.0,
    *,
    colors: Sequence[Sequence[float]] = (SAND, TEAL),
) -> Tensor:
    """Return smooth stripes: a cosine wave between two colours.

    The share of the second colour is `1/2 + 1/2 cos(2 pi d / period)`, where `d` is the
    distance across the stripes from the picture's centre.

    Args:
        size: the side of a square, or `(height, width)`, in pixels.
        period: distance from one stripe to the next, in pixels, at least 2.
        angle: direction of the stripes in degrees, as in `edge_picture`.
        colors: two RGB colours in [0, 1].

    Returns:
        `(1, 3, H, W)` float32 in [0, 1].

    Raises:
        ValueError: a size, period, angle or colour that is none.

    >>> picture = stripes_picture(32, period=8, angle=0)
    >>> torch.allclose(picture[..., :8, :], picture[..., 8:16, :], atol=1e-5)
    True
    """
    first, second = _two_colors(colors)
    period = real_number("period", period, 2, 1e6)
    share = 0.5 + 0.5 * torch.cos(_across(size, angle) * (2 * math.pi / period))
    return torch.lerp(first, second, share)


def structure_texture_parts(
    size: Any, angle: float = 30.0, *, period: float = 6.0, contrast: float = 0.12
) -> tuple[Tensor, Tensor]:
    """Return the structure and the texture whose sum is `structure_texture_picture`.

    The structure is `edge_picture(size, angle)`. The texture has no mean over whole periods:
    a weave on the first colour, stripes along the edge's normal on the second.

    Args:
        size: the side of a square, or `(height, width)`, in pixels.
        angle: direction of the edge in degrees, as in `edge_picture`.
        period: period of both textures in pixels, at least 2.
        contrast: amplitude of the texture, from 0 to 0.12 (within it the sum needs no clipping).

    Returns:
        `structure (1, 3, H, W)` in [0, 1] and `texture (1, 3, H, W)` in [-contrast, contrast].

    Raises:
        ValueError: an argument outside its range.

    >>> structure, texture = structure_texture_parts(64)
    >>> bool(texture.abs().max() <= 0.12)
    True
    """
    period = real_number("period", period, 2, 1e6)
    contrast = real_number("contrast", contrast, 0, 0.12)
    colors = ((0.86, 0.72, 0.50), (0.16, 0.42, 0.52))  # room for the texture on either side
    structure = edge_picture(size, angle, colors=colors)
    across, along = _across(size, angle), _across(size, angle + 90)
    wave = 2 * math.pi / period
    weave = torch.sin(wave * across) * torch.sin(wave * along)
    stripes = torch.sin(wave * along)
    side = (across + 0.5).clamp(0, 1)
    texture = contrast * torch.lerp(weave, stripes, side)  # (H, W)
    return structure, texture.expand_as(structure).contiguous()


def structure_texture_picture(
    size: Any, angle: float = 30.0, *, period: float = 6.0, contrast: float = 0.12
) -> Tensor:
    """Return a strong straight edge between two textures.

    Args:
        size, angle, period, contrast: as in `structure_texture_parts`, which returns the two
            terms of this sum.

    Returns:
        `(1, 3, H, W)` float32 in [0, 1].

    Raises:
        ValueError: an argument outside its range.

    >>> structure_texture_picture((48, 64)).shape
    torch.Size([1, 3, 48, 64])
    """
    structure, texture = structure_texture_parts(size, angle, period=period, contrast=contrast)
    return structure + texture


def _across(size: Any, angle: float) -> Tensor:
    """Signed distance (H, W) of pixel centres, in pixels, from the line through the centre."""
    height, width = height_width(size)
    radians = math.radians(real_number("angle", angle, -1e6, 1e6))
    x = torch.arange(width) + 0.5 - width / 2
    y = torch.arange(height)[:, None] + 0.5 - height / 2
    return -math.sin(radians) * x - math.cos(radians) * y  # positive above, or to the left


def _two_colors(colors: Sequence[Sequence[float]]) -> tuple[Tensor, Tensor]:
    """Check two RGB colours and return each as (1, 3, 1, 1)."""
    try:
        pair = torch.as_tensor(colors, dtype=torch.float32)
    except (TypeError, ValueError, RuntimeError):
        pair = torch.empty(0)
    if pair.shape != (2, 3) or not ((pair >= 0) & (pair <= 1)).all():
        raise ValueError(f"colors must be two RGB colours in [0, 1], got {colors!r}")
    return pair[0].view(1, 3, 1, 1), pair[1].view(1, 3, 1, 1)
