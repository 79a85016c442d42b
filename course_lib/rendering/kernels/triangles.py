"""Triangles in a picture, one pixel at a time: the twin of `soft_rasterizer.coverage`.

All in double precision: distances to far corners lose digits otherwise.
"""

import math

import numpy as np
from numba import njit

from .threads import COMPILED

# A division by what does not change in a loop may become a multiplication.
RECIPROCAL = {**COMPILED, "fastmath": {"contract", "arcp", "nsz"}}
RECIPROCAL_HELPER = {**RECIPROCAL, "no_cpython_wrapper": True}  # of what only kernels call
BAND = 4  # rows of a picture that one part draws

Corners = tuple[float, float, float, float, float, float]
Triple = tuple[float, float, float]


@njit(**RECIPROCAL)
def find_boxes(
    corners: np.ndarray,  # (F, 3, 2)
    inverse_depths: np.ndarray,  # (F, 3), 0 for faces that are left out
    reach: float,  # pixels
    width: int,
    height: int,
    boxes: np.ndarray,  # (F, 4) int32, written: first and last (excluded) column, then row
) -> None:
    """Which pixels' centres each face can reach."""
    for i in range(corners.shape[0]):
        for axis in range(2):
            a, b, c = corners[i, 0, axis], corners[i, 1, axis], corners[i, 2, axis]
            size = width if axis == 0 else height
            low = math.ceil(min(a, b, c) - reach - 0.5)
            high = math.floor(max(a, b, c) + reach - 0.5) + 1.0
            boxes[i, 2 * axis] = np.int32(min(max(low, 0.0), size))
            boxes[i, 2 * axis + 1] = np.int32(min(max(high, 0.0), size))
        if not inverse_depths[i, 0] > 0.0:
            boxes[i, :] = 0


@njit(**RECIPROCAL_HELPER)
def load(corners: np.ndarray, i: int) -> Corners:
    """The corners of face i in double precision."""
    return (
        np.float64(corners[i, 0, 0]), np.float64(corners[i, 0, 1]),
        np.float64(corners[i, 1, 0]), np.float64(corners[i, 1, 1]),
        np.float64(corners[i, 2, 0]), np.float64(corners[i, 2, 1]),
    )  # fmt: skip


@njit(**RECIPROCAL_HELPER)
def seen_from(face: Corners, x: float, y: float) -> Corners:
    """The corners relative to a point."""
    return face[0] - x, face[1] - y, face[2] - x, face[3] - y, face[4] - x, face[5] - y


@njit(**RECIPROCAL_HELPER)
def weights_at(face: Corners, x: float, y: float) -> Triple:
    """As `barycentric`."""
    ax, ay, bx, by, cx, cy = seen_from(face, x, y)
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    return (bx * cy - by * cx) / area, (cx * ay - cy * ax) / area, (ax * by - ay * bx) / area


@njit(**RECIPROCAL_HELPER)
def along_edge(ax: float, ay: float, bx: float, by: float, x: float, y: float) -> Triple:
    """The offset of (x, y) from the closest point of an edge, and where on the edge that is."""
    dx, dy = bx - ax, by - ay
    length2 = dx * dx + dy * dy
    t = ((x - ax) * dx + (y - ay) * dy) / length2 if length2 > 0.0 else 0.0
    t = min(max(t, 0.0), 1.0)
    return x - ax - t * dx, y - ay - t * dy, t


@njit(**RECIPROCAL_HELPER)
def closest(face: Corners, x: float, y: float) -> tuple[float, int, Triple]:
    """Squared distance to the nearest edge, its number, and what `along_edge` says of it."""
    first = along_edge(face[0], face[1], face[2], face[3], x, y)
    best, edge, at = first[0] * first[0] + first[1] * first[1], 0, first
    second = along_edge(face[2], face[3], face[4], face[5], x, y)
    distance2 = second[0] * second[0] + second[1] * second[1]
    if distance2 < best:
        best, edge, at = distance2, 1, second
    third = along_edge(face[4], face[5], face[0], face[1], x, y)
    distance2 = third[0] * third[0] + third[1] * third[1]
    if distance2 < best:
        best, edge, at = distance2, 2, third
    return best, edge, at


@njit(**RECIPROCAL_HELPER)
def cover(x: float) -> tuple[float, float]:
    """sigmoid(x), and 1 - sigmoid(x) to full precision."""
    e = math.exp(-abs(x))
    more, less = 1.0 / (1.0 + e), e / (1.0 + e)
    return (more, less) if x >= 0.0 else (less, more)


@njit(**RECIPROCAL_HELPER)
def on_edge(edge: int, t: float) -> Triple:
    """Barycentric weights of the point a + t (b - a) of an edge."""
    if edge == 0:
        return 1.0 - t, t, 0.0
    return (0.0, 1.0 - t, t) if edge == 1 else (t, 0.0, 1.0 - t)


@njit(**RECIPROCAL_HELPER)
def inside(weights: Triple) -> bool:
    return weights[0] >= 0.0 and weights[1] >= 0.0 and weights[2] >= 0.0


@njit(**RECIPROCAL)
def nearest_faces(
    part: int,
    parts: int,
    corners: np.ndarray,  # (F, 3, 2)
    inverse_depths: np.ndarray,  # (F, 3)
    boxes: np.ndarray,  # (F, 4)
    nearest: np.ndarray,  # (H, W) float64, written: largest inverse depth
    seen: np.ndarray,  # (H, W) int64, written: whose it is, -1 for nobody's
) -> None:
    """Fill this part's rows of a z-buffer."""
    top, bottom = part * BAND, min((part + 1) * BAND, seen.shape[0])
    seen[top:bottom], nearest[top:bottom] = -1, 0.0
    for i in range(corners.shape[0]):
        face = load(corners, i)
        for row in range(max(boxes[i, 2], top), min(boxes[i, 3], bottom)):
            for column in range(boxes[i, 0], boxes[i, 1]):
                weights = weights_at(face, column + 0.5, row + 0.5)
                inverse_depth = 0.0
                for k in range(3):
                    inverse_depth += weights[k] * inverse_depths[i, k]
                if inside(weights) and inverse_depth > nearest[row, column]:
                    nearest[row, column], seen[row, column] = inverse_depth, i
