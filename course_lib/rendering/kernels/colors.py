"""Colours for one view, and their derivative: the twin of `rendering.splats.harmonics`."""

import math

import numpy as np
from numba import njit

from ..splats.harmonics import SH_CONSTANT, SH_CUBIC, SH_LINEAR, SH_QUADRATIC
from .project import LARGEST, ZERO
from .threads import COMPILED, HELPER
from .vectors import HALF, ONE, Vector, add, dot, share, store, vector, weighted

N2, N3, N4, N6, N8 = (np.float32(k) for k in (2, 3, 4, 6, 8))
L0, L1 = np.float32(SH_CONSTANT), np.float32(SH_LINEAR)
Q0, Q1, Q2 = (np.float32(c) for c in SH_QUADRATIC)
C0, C1, C2, C3, C4 = (np.float32(c) for c in SH_CUBIC)


@njit(**HELPER)
def fill_basis(direction: Vector, degree: int, basis: np.ndarray) -> None:
    """As `sh_basis`."""
    x, y, z = direction
    basis[0] = L0
    if degree >= 1:
        basis[1], basis[2], basis[3] = -L1 * y, L1 * z, -L1 * x
    xx, yy, zz = x * x, y * y, z * z
    if degree >= 2:
        basis[4], basis[5], basis[7] = Q0 * x * y, -Q0 * y * z, -Q0 * x * z
        basis[6], basis[8] = Q1 * (N2 * zz - xx - yy), Q2 * (xx - yy)
    if degree >= 3:
        basis[9], basis[10] = -C0 * y * (N3 * xx - yy), C1 * x * y * z
        basis[11], basis[13] = -C2 * y * (N4 * zz - xx - yy), -C2 * x * (N4 * zz - xx - yy)
        basis[12] = C3 * z * (N2 * zz - N3 * xx - N3 * yy)
        basis[14], basis[15] = C4 * z * (xx - yy), -C0 * x * (xx - N3 * yy)


@njit(**HELPER)
def basis_gradient(direction: Vector, degree: int, g: np.ndarray) -> Vector:
    """Gradient of sum_k g_k Y_k by the direction, term by term of `fill_basis`."""
    x, y, z = direction
    gx = gy = gz = ZERO
    if degree >= 1:
        gx, gy, gz = -L1 * g[3], -L1 * g[1], L1 * g[2]
    if degree >= 2:
        gx += Q0 * (y * g[4] - z * g[7]) + N2 * x * (Q2 * g[8] - Q1 * g[6])
        gy += Q0 * (x * g[4] - z * g[5]) - N2 * y * (Q2 * g[8] + Q1 * g[6])
        gz += -Q0 * (y * g[5] + x * g[7]) + N4 * Q1 * z * g[6]
    if degree >= 3:
        xx, yy, zz = x * x, y * y, z * z
        xy, xz, yz = x * y, x * z, y * z
        gx += -C0 * (N6 * xy * g[9] + N3 * (xx - yy) * g[15]) + C1 * yz * g[10]
        gx += C2 * (N2 * xy * g[11] - (N4 * zz - N3 * xx - yy) * g[13])
        gx += N2 * xz * (C4 * g[14] - N3 * C3 * g[12])
        gy += -C0 * (N3 * (xx - yy) * g[9] - N6 * xy * g[15]) + C1 * xz * g[10]
        gy += C2 * (N2 * xy * g[13] - (N4 * zz - xx - N3 * yy) * g[11])
        gy -= N2 * yz * (C4 * g[14] + N3 * C3 * g[12])
        gz += C1 * xy * g[10] - N8 * C2 * (yz * g[11] + xz * g[13])
        gz += N3 * C3 * (N2 * zz - xx - yy) * g[12] + C4 * (xx - yy) * g[14]
    return gx, gy, gz


@njit(**HELPER)
def towards(means: np.ndarray, i: int, eye: np.ndarray) -> tuple[Vector, np.float32]:
    """Unit vector from the eye to a Gaussian, and the inverse of their distance."""
    way = (means[i, 0] - eye[0], means[i, 1] - eye[1], means[i, 2] - eye[2])
    inverse = ONE / math.sqrt(dot(way, way))
    return (way[0] * inverse, way[1] * inverse, way[2] * inverse), inverse


@njit(**COMPILED)
def shade(
    part: int,
    parts: int,
    means: np.ndarray,  # (N, 3)
    colors: np.ndarray,  # (N, coefficients, 3)
    eye: np.ndarray,  # (3,) float32
    degree: int,  # -1: the one coefficient is the colour
    touched: np.ndarray,  # (N,) int32
    packed: np.ndarray,  # (N, PACKED), columns 6 to 8 written
    faults: np.ndarray,  # (parts, 2) int64, written
) -> None:
    """Write the colour that each Gaussian which is seen shows to this camera."""
    basis = np.empty(16, np.float32)
    used = max((degree + 1) * (degree + 1), 1)
    faults[part, 0] = -1
    first, last = share(part, parts, means.shape[0])
    for i in range(first, last):
        if touched[i] == 0:
            continue
        if degree < 0:
            r, g, b = colors[i, 0, 0], colors[i, 0, 1], colors[i, 0, 2]
        else:
            direction, _ = towards(means, i, eye)
            fill_basis(direction, degree, basis)
            r = g = b = HALF
            for k in range(used):
                r += basis[k] * colors[i, k, 0]
                g += basis[k] * colors[i, k, 1]
                b += basis[k] * colors[i, k, 2]
        if not (abs(r) <= LARGEST and abs(g) <= LARGEST and abs(b) <= LARGEST):
            faults[part, 0], faults[part, 1] = 4, i
            return
        if degree >= 0:
            r, g, b = max(r, ZERO), max(g, ZERO), max(b, ZERO)
        packed[i, 6], packed[i, 7], packed[i, 8] = r, g, b


@njit(**COMPILED)
def shade_backward(
    part: int,
    parts: int,
    means: np.ndarray,
    colors: np.ndarray,
    eye: np.ndarray,
    degree: int,  # 0 to 3
    packed: np.ndarray,
    starts: np.ndarray,  # (N + 1,) int32
    grad_shown: np.ndarray,  # (N, 3)
    grad_means: np.ndarray,  # (N, 3), added to
    grad_colors: np.ndarray,  # (N, coefficients, 3), written
    grad_eye: np.ndarray,  # (parts, 3) float64, written: to be summed over the parts
) -> None:
    """Carry the gradient of the colour shown back to the coefficients and the direction."""
    basis, weight = np.empty(16, np.float32), np.empty(16, np.float32)
    used = (degree + 1) * (degree + 1)
    away_x = away_y = away_z = 0.0
    first, last = share(part, parts, means.shape[0])
    for i in range(first, last):
        if starts[i + 1] == starts[i]:
            for k in range(colors.shape[1]):
                store(grad_colors[i], k, (ZERO, ZERO, ZERO))
            continue
        r = grad_shown[i, 0] if packed[i, 6] > ZERO else ZERO
        g = grad_shown[i, 1] if packed[i, 7] > ZERO else ZERO
        b = grad_shown[i, 2] if packed[i, 8] > ZERO else ZERO
        direction, inverse = towards(means, i, eye)
        fill_basis(direction, degree, basis)
        for k in range(used):
            store(grad_colors[i], k, (basis[k] * r, basis[k] * g, basis[k] * b))
            weight[k] = dot((r, g, b), vector(colors[i], k))
        for k in range(used, colors.shape[1]):
            store(grad_colors[i], k, (ZERO, ZERO, ZERO))
        turn = basis_gradient(direction, degree, weight)
        along = dot(turn, direction)
        to_mean = weighted(inverse, turn, -along * inverse, direction)
        add(grad_means, i, to_mean)
        away_x += to_mean[0]
        away_y += to_mean[1]
        away_z += to_mean[2]
    grad_eye[part, 0], grad_eye[part, 1], grad_eye[part, 2] = -away_x, -away_y, -away_z
