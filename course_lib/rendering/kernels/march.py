"""Walking along a ray through the occupied cells of a grid: the twin of `nerf.occupancy`."""

import numpy as np
from numba import njit

from .threads import HELPER
from .vectors import HALF, ONE, Vector

ZERO, TINY = np.float32(0), np.float32(1e-9)


@njit(**HELPER)
def cross_unit_cube(origin: Vector, direction: Vector) -> tuple[np.float32, np.float32]:
    """As `nerf.rays.cross_cube`, with bound 1."""
    near, far = np.float32(-np.inf), np.float32(np.inf)
    for axis in range(3):
        way = direction[axis] if abs(direction[axis]) >= TINY else TINY
        one, other = (-ONE - origin[axis]) / way, (ONE - origin[axis]) / way
        near, far = max(near, min(one, other)), min(far, max(one, other))
    far = max(far, ZERO)
    return min(max(near, ZERO), far), far


@njit(**HELPER)
def cell(place: np.float32, size: int) -> np.int32:
    """Which of ``size`` cells between -1 and 1 holds a coordinate."""
    index = np.int32((place + ONE) * (HALF * np.float32(size)))
    return min(max(index, np.int32(0)), np.int32(size - 1))


@njit(**HELPER)
def march(
    origin: Vector,
    direction: Vector,
    near: np.float32,
    far: np.float32,
    jitter: np.float32,
    step: np.float32,
    occupied: np.ndarray,  # (G, G, G) bool
    points: np.ndarray,  # (3, ...), written from column ``count`` on
    ts: np.ndarray,  # (...,), the same
    count: int,
) -> int:
    """Write the samples of one ray; returns how many columns are filled now.

    All lengths are in units of the cube's half edge. The caller has room for every step.
    """
    size = occupied.shape[0]
    for k in range(np.int32((far - near) / step) + 2):
        t = near + (np.float32(k) + jitter) * step
        if not t < far:
            break
        x, y, z = (
            origin[0] + t * direction[0],
            origin[1] + t * direction[1],
            origin[2] + t * direction[2],
        )
        if occupied[cell(x, size), cell(y, size), cell(z, size)]:
            points[0, count], points[1, count], points[2, count] = x, y, z
            ts[count] = t
            count += 1
    return count
