"""Meshes on the CPU: what the kernels of `triangles` and `soft_mesh` need before and after."""

import math

import numpy as np

from .soft_mesh import KEPT, OUTSIDE, differentiate_faces, draw_band
from .threads import in_parallel
from .triangles import BAND, find_boxes, nearest_faces

FACES_IN_A_PART = 16


def draw(
    corners: np.ndarray,
    inverse_depths: np.ndarray,
    colors: np.ndarray,
    background: np.ndarray,
    width: int,
    height: int,
    sigma: float,
    gamma: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return image (H, W, 3), alpha (H, W), and what `draw_backward` wants to have kept.

    Args: float32, contiguous; corners (F, 3, 2), inverse_depths (F, 3), colors (F, 3, 3).
    """
    boxes, items = _boxes(corners, inverse_depths, math.sqrt(OUTSIDE * sigma), width, height)
    image, alpha = np.empty((height, width, 3), np.float32), np.empty((height, width), np.float32)
    kept = np.empty((height, width, KEPT), np.float64)
    faces = (corners, inverse_depths, colors, background, float(sigma), float(gamma), boxes)
    in_parallel(draw_band, -(-height // BAND), *faces, image, alpha, kept, items=items)
    return image, alpha, kept


def draw_backward(
    grad_image: np.ndarray,
    grad_alpha: np.ndarray,
    corners: np.ndarray,
    inverse_depths: np.ndarray,
    colors: np.ndarray,
    background: np.ndarray,
    sigma: float,
    gamma: float,
    kept: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the gradients of corners, inverse_depths and colors."""
    height, width = grad_alpha.shape
    boxes, items = _boxes(corners, inverse_depths, math.sqrt(OUTSIDE * sigma), width, height)
    gradients = tuple(np.empty_like(array) for array in (corners, inverse_depths, colors))
    faces = (corners, inverse_depths, colors, background, float(sigma), float(gamma), boxes)
    given = (kept, grad_image, grad_alpha)
    parts = max(1, corners.shape[0] // FACES_IN_A_PART)
    in_parallel(differentiate_faces, parts, *faces, *given, *gradients, items=items)
    return gradients


def see(corners: np.ndarray, inverse_depths: np.ndarray, width: int, height: int) -> np.ndarray:
    """Return the nearest face in each pixel, (H, W) int64, -1 where there is none."""
    boxes, items = _boxes(corners, inverse_depths, 0.0, width, height)
    nearest, seen = np.empty((height, width), np.float64), np.empty((height, width), np.int64)
    faces = (corners, inverse_depths, boxes)
    in_parallel(nearest_faces, -(-height // BAND), *faces, nearest, seen, items=items)
    return seen


def _boxes(
    corners: np.ndarray, inverse_depths: np.ndarray, reach: float, width: int, height: int
) -> tuple[np.ndarray, int]:
    """Which pixels each face can reach, (F, 4), and how many these are in all."""
    boxes = np.empty((corners.shape[0], 4), np.int32)
    find_boxes(corners, inverse_depths, reach, width, height, boxes)
    sides = boxes[:, 1::2].astype(np.int64) - boxes[:, ::2]
    return boxes, int(sides.prod(axis=1).sum())
