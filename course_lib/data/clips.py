"""A short film clip with known truth: a ball rolls by while the camera pans."""

from typing import NamedTuple

import torch
from torch import Tensor

from .arguments import height_width, whole_number
from .photos import photo

BALL = (0.84, 0.15, 0.12)


class Clip(NamedTuple):
    """Frames, what hides the scene in each, the scene without it, and the camera's way."""

    frames: Tensor  # (T, 3, H, W) float32 in [0, 1]
    masks: Tensor  # (T, 1, H, W) bool, True = the ball
    truth: Tensor  # (T, 3, H, W)
    path: Tensor  # (T, 2) int64, row and column of each frame's corner, the first at (0, 0)


def panning_clip(name: str = "coffee", count: int = 12, size: int = 96, pan: int = 3) -> Clip:
    """Cut frames out of a photograph, moving right, with a ball that rolls from right to left.

    Args:
        name: of the photograph; see `photo`.
        count: number of frames T.
        size: side of a frame in pixels.
        pan: by how many columns the camera moves between two frames.

    Returns:
        `Clip(frames, masks, truth, path)`.

    Raises:
        ValueError: an argument outside its range.

    >>> clip = panning_clip(count=3, size=32)
    >>> clip.frames.shape, clip.path.tolist()
    (torch.Size([3, 3, 32, 32]), [[0, 0], [0, 3], [0, 6]])
    """
    count, size = whole_number("count", count, 2, 1000), whole_number("size", size, 16, 512)
    pan = whole_number("pan", pan, 0, size // 4)
    height, width = height_width((size, size + pan * (count - 1)), "size")
    scene = photo(name, size=(height, width))
    truth = torch.cat([scene[..., pan * t : pan * t + size] for t in range(count)])
    rows, columns = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    frames, masks = truth.clone(), torch.zeros(count, 1, size, size, dtype=torch.bool)
    for t in range(count):
        across = 0.85 * size - t / (count - 1) * 0.7 * size
        away = torch.hypot(rows - 0.62 * size, columns - across) / (0.16 * size)
        light = 1.0 - 0.55 * away.clamp(max=1.0) ** 2
        ball = light * torch.tensor(BALL)[:, None, None]
        masks[t, 0] = away <= 1.0
        frames[t] = torch.where(masks[t], ball, frames[t])
    path = torch.tensor([[0, pan * t] for t in range(count)])
    return Clip(frames, masks, truth, path)
