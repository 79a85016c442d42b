"""The CPU's way through the kernels, forward and back. NumPy in, NumPy out, nothing checked."""

import numpy as np

from ..splats.arguments import fault_error
from .bins import count_tiles, list_members, sort_by_depth
from .colors import shade, shade_backward
from .composite import composite, composite_backward
from .project import (
    MOMENTS,
    MOST_TILES,
    PACKED,
    TILE_HEIGHT,
    TILE_WIDTH,
    project_splats,
    project_splats_backward,
)
from .threads import LARGEST_KEPT, in_parallel, recycled, scratch

GAUSSIANS_IN_A_PART = 2048
MOST_PARTS = 32
MOST_PAIRS = 2**31 - 2 * MOST_TILES

Lists = tuple[np.ndarray, np.ndarray, np.ndarray]
_newest: tuple[np.ndarray, Lists] | None = None  # places and lists of the last picture drawn


def draw(
    means: np.ndarray,
    quats: np.ndarray,
    scales: np.ndarray,
    opacities: np.ndarray,
    colors: np.ndarray,
    viewmat: np.ndarray,
    K: np.ndarray,
    background: np.ndarray,
    width: int,
    height: int,
    degree: int,
) -> tuple[np.ndarray, ...]:
    """Return image (H, W, 3), alpha (H, W), and what `draw_backward` wants to have kept.

    Args: float32, contiguous; colors (N, coefficients, 3); degree -1 for plain colours.
    """
    n, parts = means.shape[0], _parts(means.shape[0])
    packed, rects = recycled((n, PACKED), np.float32), recycled((n, 4), np.int16)
    order, starts = recycled((n,), np.int32), recycled((n + 1,), np.int32)
    touched = scratch("touched", (n,), np.int32)
    sums, faults = np.empty((parts, 2), np.int64), np.empty((parts, 2), np.int64)
    inputs = (means, quats, scales, opacities, viewmat, K, width, height)
    in_parallel(project_splats, parts, *inputs, packed, rects, touched, sums, faults)
    _raise_first(faults)
    in_parallel(shade, parts, means, colors, _eye(viewmat), degree, touched, packed, faults)
    _raise_first(faults)
    pairs = int(sums[:, 1].sum())
    if pairs > MOST_PAIRS:
        raise ValueError(f"scales: the Gaussians cover {pairs} tiles together, which is too many")
    sort_by_depth(packed, rects, touched, sums, order, starts)
    tiles_x, tiles = _tiles(width, height)
    places = count_tiles(order[: int(sums[:, 0].sum())], rects, tiles_x, tiles)
    image = recycled((height, width, 3), np.float32)
    alpha = recycled((height, width), np.float32)
    lists = _tile_lists(order[: int(sums[:, 0].sum())], rects, tiles_x, places, pairs)
    in_parallel(composite, min(tiles, MOST_PARTS), packed, *lists, background, image, alpha)
    return image, alpha, packed, rects, order, starts, places


def draw_backward(
    grad_image: np.ndarray,
    grad_alpha: np.ndarray,
    means: np.ndarray,
    quats: np.ndarray,
    scales: np.ndarray,
    opacities: np.ndarray,
    colors: np.ndarray,
    viewmat: np.ndarray,
    K: np.ndarray,
    width: int,
    height: int,
    degree: int,
    image: np.ndarray,
    alpha: np.ndarray,
    packed: np.ndarray,
    rects: np.ndarray,
    order: np.ndarray,
    starts: np.ndarray,
    places: np.ndarray,
) -> tuple[np.ndarray, ...]:
    """Return the gradients of means, quats, scales, opacities, colors and viewmat."""
    n, parts, pairs = means.shape[0], _parts(means.shape[0]), int(starts[-1])
    tiles_x, tiles = _tiles(width, height)
    lists = _tile_lists(order[: int(np.count_nonzero(order >= 0))], rects, tiles_x, places, pairs)
    moments = scratch("moments", (pairs, MOMENTS), np.float32)
    in_parallel(
        composite_backward, min(tiles, MOST_PARTS), packed, *lists,
        image, alpha, grad_image, grad_alpha, moments,
    )  # fmt: skip
    shapes = ((n, 3), (n, 4), (n, 3), (n,))
    grads = [recycled(shape, np.float32) for shape in shapes]
    grad_colors = recycled(colors.shape, np.float32)
    shown = grad_colors[:, 0] if degree < 0 else scratch("grad_shown", (n, 3), np.float32)
    grad_view = np.empty((parts, 4, 3), np.float64)
    inputs = (means, quats, scales, opacities, viewmat, K, width, height)
    in_parallel(
        project_splats_backward, parts, *inputs, packed, starts, moments, *grads, shown, grad_view
    )
    grad_viewmat = np.zeros((4, 4))
    grad_viewmat[:3, :3], grad_viewmat[:3, 3] = grad_view.sum(axis=0)[:3], grad_view.sum(axis=0)[3]
    if degree >= 0:
        grad_eye = np.empty((parts, 3), np.float64)
        in_parallel(
            shade_backward, parts, means, colors, _eye(viewmat), degree, packed, starts, shown,
            grads[0], grad_colors, grad_eye,
        )  # fmt: skip
        # eye = -R^T t
        grad_viewmat[:3, :3] -= np.outer(viewmat[:3, 3], grad_eye.sum(axis=0))
        grad_viewmat[:3, 3] -= viewmat[:3, :3] @ grad_eye.sum(axis=0)
    return (*grads, grad_colors, grad_viewmat.astype(np.float32))


def _tile_lists(
    order: np.ndarray, rects: np.ndarray, tiles_x: int, places: np.ndarray, pairs: int
) -> Lists:
    """Members, their bounds in each tile, and the tiles by falling load.

    Those of the newest picture are kept: as a rule it is the next to be differentiated. That it is
    the same picture shows in its ``places``: where they lie no other's can, while we hold them.
    """
    global _newest
    if _newest is not None and _newest[0].ctypes.data == places.ctypes.data:
        return _newest[1]
    _newest = None
    members = list_members(order, rects, tiles_x, places, pairs)
    bounds = places[[0, -1]]
    busiest = np.argsort(bounds[0] - bounds[1], kind="stable").astype(np.int32)
    lists = members, bounds, busiest
    _newest = (places, lists) if members.nbytes <= LARGEST_KEPT else None
    return lists


def _eye(viewmat: np.ndarray) -> np.ndarray:
    """Where the camera stands, (3,) float32."""
    rotation, translation = viewmat[:3, :3].astype(np.float64), viewmat[:3, 3]
    return (-rotation.T @ translation).astype(np.float32)


def _tiles(width: int, height: int) -> tuple[int, int]:
    """Tiles in a row, tiles in all."""
    tiles_x = -(-width // TILE_WIDTH)
    return tiles_x, tiles_x * -(-height // TILE_HEIGHT)


def _parts(n: int) -> int:
    """Into how many parts N Gaussians are cut: by N alone, or sums would depend on threads."""
    return max(1, min(MOST_PARTS, n // GAUSSIANS_IN_A_PART))


def _raise_first(faults: np.ndarray) -> None:
    for fault, index in faults.tolist():
        if fault >= 0:
            raise fault_error(fault, index)
