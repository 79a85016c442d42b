"""Signed distances to the few shapes that faces are made of: negative inside."""

import torch
from torch import Tensor


def length(x: Tensor, y: Tensor) -> Tensor:
    """Length of the vector (x, y), with a finite gradient at the origin.

    >>> round(length(torch.tensor(3.0), torch.tensor(4.0)).item(), 5)
    5.0
    """
    return torch.sqrt(x * x + y * y + 1e-12)


def ellipse(
    x: Tensor, y: Tensor, half_width: Tensor | float, half_height: Tensor | float
) -> Tensor:
    """Signed distance to an ellipse about the origin, to first order near its border.

    With `k = |(x/a, y/b)|` and `g = |(x/a^2, y/b^2)|`, `d = k (k - 1) / g`.

    >>> ellipse(torch.tensor(3.0), torch.tensor(0.0), 2.0, 1.0).item()
    1.0
    """
    u, v = x / half_width, y / half_height
    k = length(u, v)
    return k * (k - 1) / length(u / half_width, v / half_height)


def capsule(
    x: Tensor, y: Tensor, centre: float, top: float, bottom: float, radius: float
) -> Tensor:
    """Signed distance to an upright bar with round ends.

    >>> capsule(torch.tensor(0.5), torch.tensor(0.5), 0.0, 0.0, 1.0, 0.25).item()
    0.25
    """
    return length(x - centre, y - y.clamp(top, bottom)) - radius


def bar(x: Tensor, y: Tensor, ends: tuple[Tensor, Tensor] | list[Tensor], half: float) -> Tensor:
    """Signed distance to a level bar between two x coordinates, which come in any order.

    >>> ends = (torch.tensor(1.0), torch.tensor(-1.0))
    >>> bar(torch.tensor(1.5), torch.tensor(0.0), ends, 0.25).item()
    0.5
    """
    low, high = ends[0].minimum(ends[1]), ends[0].maximum(ends[1])
    return (low - x).maximum(x - high).maximum(y.abs() - half)


def arc(x: Tensor, y: Tensor, half_width: float, rise: float, half: float) -> Tensor:
    """Distance to a flat parabola `y = rise (x / half_width)^2`, a stroke of thickness 2 half.

    >>> arc(torch.tensor(0.0), torch.tensor(0.5), 1.0, 0.5, 0.25).item()
    0.25
    """
    bent = y - rise * (x / half_width) ** 2
    return length(bent, (x.abs() - half_width).clamp(min=0)) - half
