"""Three-vectors as tuples of float32, which a compiler keeps in registers; and one exponential."""

import math

import numpy as np
from numba import njit

from .threads import COMPILED, HELPER

Vector = tuple[np.float32, np.float32, np.float32]
Rows = tuple[Vector, Vector, Vector]

ONE, TWO, HALF = np.float32(1), np.float32(2), np.float32(0.5)


@njit(**COMPILED)
def share(part: int, parts: int, count: int) -> tuple[int, int]:
    """First and last (excluded) of ``count`` things that belong to this part."""
    return part * count // parts, (part + 1) * count // parts


@njit(**HELPER)
def vector(a: np.ndarray, row: int) -> Vector:
    return a[row, 0], a[row, 1], a[row, 2]


@njit(**HELPER)
def store(a: np.ndarray, row: int, value: Vector) -> None:
    a[row, 0], a[row, 1], a[row, 2] = value[0], value[1], value[2]


@njit(**HELPER)
def add(a: np.ndarray, row: int, value: Vector) -> None:
    a[row, 0] += value[0]
    a[row, 1] += value[1]
    a[row, 2] += value[2]


@njit(**HELPER)
def rows_of(a: np.ndarray) -> Rows:
    """The upper left 3 x 3 of a matrix."""
    return vector(a, np.int64(0)), vector(a, np.int64(1)), vector(a, np.int64(2))


@njit(**HELPER)
def clamp(x: np.float32, low: np.float32, high: np.float32) -> np.float32:
    """x held between low and high; a NaN stays one. (min and max compile anew for each use.)"""
    x = low if x < low else x
    return high if x > high else x


@njit(**HELPER)
def dot(a: Vector, b: Vector) -> np.float32:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@njit(**HELPER)
def cross(a: Vector, b: Vector) -> Vector:
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


@njit(**HELPER)
def weighted(a: np.float32, x: Vector, b: np.float32, y: Vector) -> Vector:
    """a x + b y."""
    return a * x[0] + b * y[0], a * x[1] + b * y[1], a * x[2] + b * y[2]


@njit(**HELPER)
def times(a: Vector, b: Vector) -> Vector:
    """Entry by entry."""
    return a[0] * b[0], a[1] * b[1], a[2] * b[2]


@njit(**HELPER)
def apply(rows: Rows, a: Vector) -> Vector:
    """M a."""
    return dot(rows[0], a), dot(rows[1], a), dot(rows[2], a)


@njit(**HELPER)
def apply_transposed(rows: Rows, a: Vector) -> Vector:
    """M^T a."""
    x = a[0] * rows[0][0] + a[1] * rows[1][0] + a[2] * rows[2][0]
    y = a[0] * rows[0][1] + a[1] * rows[1][1] + a[2] * rows[2][1]
    z = a[0] * rows[0][2] + a[1] * rows[1][2] + a[2] * rows[2][2]
    return x, y, z


@njit(**HELPER)
def unit_quaternion(
    quats: np.ndarray, i: int
) -> tuple[np.float32, np.float32, np.float32, np.float32, np.float32]:
    """(w, x, y, z) of length one, and the inverse of the length it had."""
    w, x, y, z = quats[i, 0], quats[i, 1], quats[i, 2], quats[i, 3]
    inverse = ONE / math.sqrt(w * w + x * x + y * y + z * z)
    return w * inverse, x * inverse, y * inverse, z * inverse, inverse


@njit(**HELPER)
def rotation_rows(w: np.float32, x: np.float32, y: np.float32, z: np.float32) -> Rows:
    """As `quaternion_to_rotation`."""
    return (
        (ONE - TWO * (y * y + z * z), TWO * (x * y - w * z), TWO * (x * z + w * y)),
        (TWO * (x * y + w * z), ONE - TWO * (x * x + z * z), TWO * (y * z - w * x)),
        (TWO * (x * z - w * y), TWO * (y * z + w * x), ONE - TWO * (x * x + y * y)),
    )


SIXTEENTH = np.float32(1 / 16)
LOWEST = np.float32(-0.4)  # e^(16 * -0.4) = 0.0017, well below MIN_ALPHA
_POLYNOMIAL = np.polynomial.Chebyshev.interpolate(np.exp, 5, domain=[LOWEST, 0])
_, C1, C2, C3, C4, C5 = _POLYNOMIAL.convert(kind=np.polynomial.Polynomial).coef.astype(np.float32)


@njit(**COMPILED)
def exp_of_16(x: np.float32) -> np.float32:
    """e^(16 x) for x up to 0, held at its value for -0.4 below that; to 2e-6 of its value.

    (e^x)^16 with a polynomial and four squarings: no table, no bit tricks, so that sixteen pixels
    are computed at once.
    """
    x = x if x > LOWEST else LOWEST
    e = ONE + x * (C1 + x * (C2 + x * (C3 + x * (C4 + x * C5))))
    e *= e
    e *= e
    e *= e
    return e * e
