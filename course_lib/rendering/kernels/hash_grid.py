"""Looking up points in a hash grid, and its derivative: the twin of `nerf.hash_grid`."""

import numpy as np
from numba import njit

from ..nerf.hash_grid import PRIMES
from .threads import COMPILED, HELPER
from .vectors import HALF, ONE, clamp

ZERO = np.float32(0)
PRIME_Y, PRIME_Z = np.uint32(PRIMES[1]), np.uint32(PRIMES[2])
AT_A_TIME = 64  # points whose corners are found before their rows are fetched


@njit(**HELPER)
def find_corners(
    points: np.ndarray,  # (3, count), in [-1, 1]
    first: int,
    last: int,
    resolution: int,
    entries: int,
    rows: np.ndarray,  # (8, AT_A_TIME) int32, written
    shares: np.ndarray,  # (8, AT_A_TIME), written
) -> None:
    """The table's row and the share of each of the eight nodes around the points first to last."""
    scale, highest = HALF * np.float32(resolution - 1), np.float32(resolution - 2)
    dense = resolution * resolution * resolution <= entries
    step_y, step_x = np.uint32(resolution), np.uint32(resolution * resolution)
    mask = np.uint32(entries - 1)
    xs, ys, zs = points[0], points[1], points[2]
    for k in range(last - first):
        s = first + k
        x, y, z = (xs[s] + ONE) * scale, (ys[s] + ONE) * scale, (zs[s] + ONE) * scale
        i = np.uint32(np.int32(clamp(x, ZERO, highest)))
        j = np.uint32(np.int32(clamp(y, ZERO, highest)))
        l = np.uint32(np.int32(clamp(z, ZERO, highest)))  # noqa: E741
        u, v, w = x - np.float32(i), y - np.float32(j), z - np.float32(l)
        if dense:
            x0, x1 = i * step_x, i * step_x + step_x
            y0, y1 = j * step_y, j * step_y + step_y
            z0, z1 = l, l + np.uint32(1)
            rows[0, k], rows[1, k] = x0 + y0 + z0, x1 + y0 + z0
            rows[2, k], rows[3, k] = x0 + y1 + z0, x1 + y1 + z0
            rows[4, k], rows[5, k] = x0 + y0 + z1, x1 + y0 + z1
            rows[6, k], rows[7, k] = x0 + y1 + z1, x1 + y1 + z1
        else:
            x0, x1 = i, i + np.uint32(1)
            y0, z0 = j * PRIME_Y, l * PRIME_Z
            y1, z1 = y0 + PRIME_Y, z0 + PRIME_Z
            rows[0, k], rows[1, k] = (x0 ^ y0 ^ z0) & mask, (x1 ^ y0 ^ z0) & mask
            rows[2, k], rows[3, k] = (x0 ^ y1 ^ z0) & mask, (x1 ^ y1 ^ z0) & mask
            rows[4, k], rows[5, k] = (x0 ^ y0 ^ z1) & mask, (x1 ^ y0 ^ z1) & mask
            rows[6, k], rows[7, k] = (x0 ^ y1 ^ z1) & mask, (x1 ^ y1 ^ z1) & mask
        low, high = (ONE - v) * (ONE - w), v * (ONE - w)
        shares[0, k], shares[1, k] = (ONE - u) * low, u * low
        shares[2, k], shares[3, k] = (ONE - u) * high, u * high
        low, high = (ONE - v) * w, v * w
        shares[4, k], shares[5, k] = (ONE - u) * low, u * low
        shares[6, k], shares[7, k] = (ONE - u) * high, u * high


@njit(**COMPILED)
def encode(
    points: np.ndarray,  # (3, count), in [-1, 1]
    count: int,
    tables: np.ndarray,  # (L, T, 2)
    resolutions: np.ndarray,  # (L,) int32
    encoded: np.ndarray,  # (2 L, count), written
) -> None:
    """As `nerf.hash_grid.hash_encoding`, for points in [-1, 1]."""
    rows, shares = np.empty((8, AT_A_TIME), np.int32), np.empty((8, AT_A_TIME), np.float32)
    for level in range(resolutions.shape[0]):
        table = tables[level]
        one, other = encoded[2 * level], encoded[2 * level + 1]
        for first in range(0, count, AT_A_TIME):
            last = min(first + AT_A_TIME, count)
            find_corners(points, first, last, resolutions[level], table.shape[0], rows, shares)
            for k in range(last - first):
                a = b = ZERO
                for corner in range(8):
                    row, share = rows[corner, k], shares[corner, k]
                    a += share * table[row, 0]
                    b += share * table[row, 1]
                one[first + k], other[first + k] = a, b


@njit(**COMPILED)
def scatter(
    points: np.ndarray,
    count: int,
    resolution: int,
    grad_one: np.ndarray,  # (count,)
    grad_other: np.ndarray,  # (count,)
    grad_table: np.ndarray,  # (T, 2), added to
) -> None:
    """Add the gradient of one level's two features to the rows of the eight nodes around each."""
    rows, shares = np.empty((8, AT_A_TIME), np.int32), np.empty((8, AT_A_TIME), np.float32)
    for first in range(0, count, AT_A_TIME):
        last = min(first + AT_A_TIME, count)
        find_corners(points, first, last, resolution, grad_table.shape[0], rows, shares)
        for k in range(last - first):
            a, b = grad_one[first + k], grad_other[first + k]
            for corner in range(8):
                row, share = rows[corner, k], shares[corner, k]
                grad_table[row, 0] += share * a
                grad_table[row, 1] += share * b
