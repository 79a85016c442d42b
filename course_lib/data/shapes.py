"""Discs, squares and triangles that cover each other: pictures whose every pixel is known."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

NAMES = ("disc", "square", "triangle")
MOST_TURN = math.pi / 9  # either way; a square turned by 45 degrees is nearly a disc this small
LEAST_VISIBLE = 0.4  # share of its area that an object must show to count


class Shapes(NamedTuple):
    """Pictures of shapes and what is true of each."""

    images: Tensor  # (B, 3, H, W) float32 in [0, 1]
    semantic: Tensor  # (B, H, W) int64: 0 background, else 1 + place in NAMES
    instance: Tensor  # (B, H, W) int64: 0 background, else 1 + number of the object
    boxes: Tensor  # (B, M, 4) around what is visible: x0, y0, x1, y1 in pixels
    labels: Tensor  # (B, M) int64, place in NAMES; -1 where there is no object


def shapes(count: int, size: int = 40, *, most: int = 3, generator: torch.Generator) -> Shapes:
    """Draw pictures of up to ``most`` shapes of random kind, place, size, turn and colour.

    They are turned by up to 20 degrees. Later ones lie in front. An object of which less than 2/5
    can be seen stays in the picture and in ``semantic``, and is not asked for: it has no box and
    no number.

    Args:
        count: number of pictures B.
        size: their side in pixels, at least 16.
        most: objects in a picture, M; at least one.
        generator: source of randomness.

    Returns:
        `Shapes`.

    Raises:
        ValueError: an argument below its least.

    >>> made = shapes(2, generator=torch.Generator().manual_seed(0))
    >>> made.images.shape, made.boxes.shape, made.labels.shape
    (torch.Size([2, 3, 40, 40]), torch.Size([2, 3, 4]), torch.Size([2, 3]))
    """
    for name, value, least in (("count", count, 1), ("size", size, 16), ("most", most, 1)):
        if not isinstance(value, int) or value < least:
            raise ValueError(f"{name}: got {value!r}, wanted a whole number of at least {least}")

    def draw(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(count, *shape, generator=generator)

    kinds = torch.randint(len(NAMES), (count, most), generator=generator)
    there = torch.arange(most) < torch.randint(1, most + 1, (count, 1), generator=generator)
    radius = size * draw(0.16, 0.26, most)
    centres = radius[..., None] + draw(0, 1, most, 2) * (size - 2 * radius[..., None])
    covers = (
        _cover(kinds, centres, radius, draw(-MOST_TURN, MOST_TURN, most), size)
        & there[..., None, None]
    )
    images = draw(0.0, 0.35, 3, 1, 1) + 0.05 * torch.randn(
        count, 3, size, size, generator=generator
    )
    instance = torch.zeros(count, size, size, dtype=torch.int64)
    colors, grain = draw(0.4, 1.0, most, 3), draw(-0.1, 0.1, 3, size, size)
    for k in range(most):
        covered = covers[:, k]
        painted = colors[:, k, :, None, None] + grain
        images = torch.where(covered[:, None], painted, images)
        instance = torch.where(covered, k + 1, instance)
    return _described(images.clamp(0, 1), instance, covers, kinds)


def _cover(kinds: Tensor, centres: Tensor, radius: Tensor, turn: Tensor, size: int) -> Tensor:
    """Which pixels' centres each shape covers, (B, M, H, W) bool."""
    at = torch.arange(size) + 0.5
    x = at - centres[..., 0, None, None]  # (B, M, 1, W)
    y = at[:, None] - centres[..., 1, None, None]  # (B, M, H, 1)
    cos, sin, r = (each[..., None, None] for each in (turn.cos(), turn.sin(), radius))
    u, v = cos * x + sin * y, cos * y - sin * x
    disc = u.square() + v.square() <= r.square()
    square = torch.maximum(u.abs(), v.abs()) <= 0.8 * r
    height = torch.stack([v, -0.5 * v + 0.75**0.5 * u, -0.5 * v - 0.75**0.5 * u])
    triangle = height.amax(dim=0) <= 0.55 * r
    kind = kinds[..., None, None]
    return torch.where(kind == 0, disc, torch.where(kind == 1, square, triangle))


def _described(images: Tensor, instance: Tensor, covers: Tensor, kinds: Tensor) -> Shapes:
    most, size = covers.shape[1], instance.shape[-1]
    visible = instance[:, None] == torch.arange(1, most + 1)[:, None, None]  # (B, M, H, W)
    shares = visible.sum((2, 3)) / covers.sum((2, 3)).clamp_min(1)
    counted = (shares >= LEAST_VISIBLE) & covers.any(3).any(2)
    kind_of = torch.cat([torch.zeros(len(kinds), 1, dtype=torch.int64), kinds + 1], dim=1)
    semantic = kind_of.gather(1, instance.flatten(1)).view_as(instance)
    columns, rows = visible.any(2), visible.any(3)  # (B, M, W) and (B, M, H)
    first = [each.int().argmax(2) for each in (columns, rows)]
    last = [size - each.flip(2).int().argmax(2) for each in (columns, rows)]
    boxes = torch.stack([*first, *last], dim=2).float()
    boxes = torch.where(counted[..., None], boxes, 0.0)
    numbered = torch.cat([torch.zeros(len(kinds), 1, dtype=torch.bool), counted], dim=1)
    instance = torch.where(numbered.gather(1, instance.flatten(1)).view_as(instance), instance, 0)
    return Shapes(images, semantic, instance, boxes, torch.where(counted, kinds, -1))
