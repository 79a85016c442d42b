"""Where a brush goes: the geometry behind free-form strokes and scratches."""

import math

import numpy as np
import torch
from torch import Tensor

Point = tuple[float, float]  # x, y in pixels


def brush_arrival(
    height: int, width: int, radius: float, wanted: int, generator: torch.Generator
) -> Tensor:
    """Walk a round brush at random until it has touched as many pixels as wanted.

    The brush goes straight, turns by up to 126 degrees, and starts anew now and then and at
    the border. On a piece that begins after the path length `s`, it first touches a pixel `a`
    along and `o` off the piece's line at `s + a - sqrt(radius^2 - o^2)`, as if it had come
    along that line from further back.

    Args:
        height, width: size of the picture in pixels.
        radius: of the brush in pixels.
        wanted: number of pixels to touch, at least.
        generator: source of randomness.

    Returns:
        `(H, W)` path length at which the brush first touches each pixel; inf where never.

    >>> arrival = brush_arrival(8, 8, 2.0, 30, torch.Generator().manual_seed(0))
    >>> bool(arrival.isfinite().sum() >= 30)
    True
    """
    arrival = np.full((height, width), np.inf, np.float32)  # small windows: NumPy is faster
    travelled, heading, outside = 0.0, 0.0, True
    while np.isfinite(arrival).sum() < wanted:
        far, turn, anew, *place = torch.rand(5, generator=generator).tolist()
        if outside or anew < 0.15:
            start = (place[0] * width, place[1] * height)
        length = (0.1 + 0.2 * far) * min(height, width)
        heading += 2.2 * (2 * turn - 1)  # radians
        end = (start[0] + length * math.cos(heading), start[1] + length * math.sin(heading))
        _touch(arrival, start, end, radius, travelled)
        travelled += length + 2 * radius
        outside = not (0 <= end[0] <= width and 0 <= end[1] <= height)
        start = end
    return torch.from_numpy(arrival)


def _touch(arrival: np.ndarray, start: Point, end: Point, radius: float, travelled: float) -> None:
    """Enter one straight piece of the walk, in the window that it can reach."""
    left, right = min(start[0], end[0]) - radius, max(start[0], end[0]) + radius
    top, bottom = min(start[1], end[1]) - radius, max(start[1], end[1]) + radius
    row, column = max(0, math.floor(top)), max(0, math.floor(left))
    window = arrival[row : max(0, math.ceil(bottom)), column : max(0, math.ceil(right))]
    x = np.arange(window.shape[1], dtype=np.float32) + (column + 0.5)
    y = np.arange(window.shape[0], dtype=np.float32)[:, None] + (row + 0.5)
    along, off, distance = along_and_off(x, y, start, end)
    time = travelled + along - np.sqrt(np.maximum(radius**2 - off**2, 0))
    np.minimum(window, time, out=window, where=distance <= radius)


def along_and_off(
    x: np.ndarray, y: np.ndarray, start: Point, end: Point
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Locate points relative to a segment.

    Args:
        x, y: coordinates of the points in pixels; they are broadcast.
        start, end: ends (x, y) of the segment in pixels.

    Returns:
        Position along the segment's line from its start, signed distance off that line, and
        distance from the segment itself, in pixels.

    >>> along_and_off(np.arange(4.0), np.zeros(1), (0, 0), (1, 0))[2]
    array([0., 0., 1., 2.])
    """
    x, y = x - start[0], y - start[1]
    length = math.dist(start, end)
    heading = math.atan2(end[1] - start[1], end[0] - start[0])  # 0 for a single point
    along = x * math.cos(heading) + y * math.sin(heading)
    off = y * math.cos(heading) - x * math.sin(heading)
    return along, off, np.hypot(along - np.clip(along, 0, length), off)


def draw_scratch(mask: Tensor, thickness: float, generator: torch.Generator) -> None:
    """Add one long, slightly bent line to a mask.

    Args:
        mask: `(H, W)` bool, changed in place.
        thickness: width of the line in pixels.
        generator: source of randomness.

    >>> mask = torch.zeros(16, 16, dtype=torch.bool)
    >>> draw_scratch(mask, 1.5, torch.Generator().manual_seed(0))
    >>> bool(mask.any())
    True
    """
    height, width = mask.shape
    x = np.arange(width, dtype=np.float32) + 0.5
    y = np.arange(height, dtype=np.float32)[:, None] + 0.5
    right, down, turn = torch.rand(3, generator=generator).tolist()
    start, heading = (right * width, down * height), 2 * math.pi * turn
    for far, bend in torch.rand(6, 2, generator=generator).tolist():
        length = (0.08 + 0.12 * far) * max(height, width)
        heading += 0.5 * (bend - 0.5)  # radians
        end = (start[0] + length * math.cos(heading), start[1] + length * math.sin(heading))
        mask |= torch.from_numpy(along_and_off(x, y, start, end)[2] <= thickness / 2)
        start = end
