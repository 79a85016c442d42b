"""Splats for the checks of unit 19, and the picture that they make, by another way: float64, all
pixels at once, by autograd where gradients are wanted."""

import numpy as np
import torch
from torch import Tensor

from course_lib.checks.definition import Case
from course_lib.rendering.splats.projection import MAX_ALPHA, MIN_ALPHA, MIN_TRANSMITTANCE


def splats(
    count: int,
    width: int,
    height: int,
    generator: torch.Generator,
    *,
    opacity: tuple[float, float] = (0.2, 0.95),
    spread: tuple[float, float] = (2.0, 5.0),
) -> np.ndarray:
    """Slanted splats over a picture, (count, 9) float32; ``spread`` in pixels."""

    def draw(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(*shape, generator=generator)

    rows = torch.zeros(count, 9)
    rows[:, :2] = draw(-1.0, 1.0, count, 2) + draw(0.0, 1.0, count, 2) * torch.tensor(
        [width, height]
    )
    turn, axes = draw(0, 3.14, count), draw(*spread, count, 2)
    R = torch.stack([turn.cos(), -turn.sin(), turn.sin(), turn.cos()], 1).reshape(-1, 2, 2)
    inverse = R @ torch.diag_embed(axes.square().reciprocal()) @ R.mT
    rows[:, 2], rows[:, 3], rows[:, 4] = inverse[:, 0, 0], inverse[:, 0, 1], inverse[:, 1, 1]
    rows[:, 5], rows[:, 6:] = draw(*opacity, count), draw(0.1, 1.0, count, 3)
    return rows.numpy()


def drawn(rows: Tensor, width: int, height: int) -> tuple[Tensor, Tensor, Tensor]:
    """Image (H, W, 3), light (H, W) and how many splats each pixel meets until it stops (H, W)."""
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    image, light = torch.zeros(height, width, 3).double(), torch.ones(height, width).double()
    going, met = torch.ones(height, width, dtype=torch.bool), torch.zeros(height, width).long()
    for u, v, xx, xy, yy, opacity, *color in rows.double():
        met = met + going
        dx, dy = x - u, y - v
        raw = opacity * torch.exp(-(xx * dx * dx + yy * dy * dy) / 2 - xy * dx * dy)
        alpha = torch.where(raw >= MIN_ALPHA, raw.clamp(max=MAX_ALPHA), 0.0)
        going = going & ((alpha == 0) | (light * (1 - alpha) > MIN_TRANSMITTANCE))
        weight = torch.where(going, light * alpha, 0.0)
        image = image + weight[..., None] * torch.stack(color)
        light = light - weight
    return image, light, met


def picture(rows: np.ndarray, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Image and light as a kernel should leave them."""
    image, light, _ = drawn(torch.from_numpy(rows), width, height)
    return image.float().numpy(), light.float().numpy()


def gradient(rows: np.ndarray, grad_image: np.ndarray) -> np.ndarray:
    """dL/d(splats) of L = sum(grad_image * image)."""
    height, width, _ = grad_image.shape
    leaf = torch.from_numpy(rows).double().requires_grad_()
    image = drawn(leaf, width, height)[0]
    (found,) = torch.autograd.grad((image * torch.from_numpy(grad_image)).sum(), leaf)
    return found.float().numpy()


def empty(width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Image and light before a kernel has written to them."""
    return np.full((height, width, 3), np.nan, np.float32), np.full(
        (height, width), np.nan, np.float32
    )


def grid(width: int, height: int, side: int = 16) -> tuple[int, int]:
    """Blocks of ``side`` x ``side`` threads over a picture."""
    return -(-width // side), -(-height // side)


def tiled_picture(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """As `picture`, where each tile of 16 x 16 pixels has a list of its own."""
    (tiles_x, _), _, rows, members, bounds, image, light = case.inputs
    height, width = light.shape
    image, light = image.copy(), light.copy()
    for tile in range(len(bounds) - 1):
        part = slice(tile // tiles_x * 16, tile // tiles_x * 16 + 16)
        across = slice(tile % tiles_x * 16, tile % tiles_x * 16 + 16)
        mine = rows[members[bounds[tile] : bounds[tile + 1]]].reshape(-1, 9)
        whole = picture(mine, width, height)
        image[part, across], light[part, across] = whole[0][part, across], whole[1][part, across]
    return image, light
