"""Soft triangles over a picture, and their derivative: the twin of `soft_rasterizer.reference`.

How this differs from every pixel meeting every face: a face is met only in its bounding box grown
by the reach of sigma. Forward, a part is a band of rows, which keeps for each pixel the sums over
the faces so far; backward, a part is some of the faces, each of which walks over its own pixels
once more. So nobody writes where another does: no atomics, and the same bits on any number of
threads.
"""

import math

import numpy as np
from numba import njit

from ..soft_rasterizer.reference import MIN_COVERAGE
from .triangles import (
    BAND,
    RECIPROCAL,
    RECIPROCAL_HELPER,
    Corners,
    Triple,
    closest,
    cover,
    inside,
    load,
    on_edge,
    seen_from,
    weights_at,
)
from .vectors import share

# Of a pixel, after all faces: the light that none stops, the largest 1 / (z gamma), the sum of the
# weights relative to that, and the red, green and blue of the faces' mixture.
LIGHT, NEAREST, TOTAL, RED, KEPT = 0, 1, 2, 3, 6
OUTSIDE = math.log((1.0 - MIN_COVERAGE) / MIN_COVERAGE)  # d² / sigma, where coverage ends


@njit(**RECIPROCAL)
def draw_band(
    part: int,
    parts: int,
    corners: np.ndarray,  # (F, 3, 2)
    inverse_depths: np.ndarray,  # (F, 3)
    colors: np.ndarray,  # (F, 3, 3)
    background: np.ndarray,  # (3,)
    sigma: float,
    gamma: float,
    boxes: np.ndarray,  # (F, 4)
    image: np.ndarray,  # (H, W, 3), written
    alpha: np.ndarray,  # (H, W), written
    kept: np.ndarray,  # (H, W, KEPT) float64, written
) -> None:
    """Draw this part's rows."""
    height, width = alpha.shape
    top, bottom = part * BAND, min((part + 1) * BAND, height)
    kept[top:bottom] = 0.0
    kept[top:bottom, :, LIGHT] = 1.0
    for i in range(corners.shape[0]):
        if boxes[i, 2] >= bottom or boxes[i, 3] <= top:
            continue
        face = load(corners, i)
        for row in range(max(boxes[i, 2], top), min(boxes[i, 3], bottom)):
            for column in range(boxes[i, 0], boxes[i, 1]):
                x, y = column + 0.5, row + 0.5
                weights = weights_at(face, x, y)
                distance2, edge, at = closest(face, x, y)
                power = distance2 / sigma
                if not inside(weights):
                    power, weights = -power, on_edge(edge, at[2])
                if power >= -OUTSIDE:
                    add_face(i, weights, power, inverse_depths, colors, gamma, kept[row, column])
    for row in range(top, bottom):
        for column in range(width):
            pixel = kept[row, column]
            alpha[row, column] = 1.0 - pixel[LIGHT]
            for k in range(3):
                if pixel[TOTAL] > 0.0:
                    pixel[RED + k] /= pixel[TOTAL]
                behind = pixel[LIGHT] * background[k]
                image[row, column, k] = (1.0 - pixel[LIGHT]) * pixel[RED + k] + behind


@njit(**RECIPROCAL_HELPER)
def add_face(
    i: int,
    weights: Triple,
    power: float,
    inverse_depths: np.ndarray,
    colors: np.ndarray,
    gamma: float,
    pixel: np.ndarray,  # (KEPT,), changed
) -> None:
    """Add one face to a pixel's sums, rescaling them if it is the nearest so far."""
    coverage, rest = cover(power)
    a, b, c = weights
    a, b, c = a * inverse_depths[i, 0], b * inverse_depths[i, 1], c * inverse_depths[i, 2]
    nearness = (a + b + c) / gamma
    share_of_face = coverage
    if nearness > pixel[NEAREST]:
        scale = math.exp(pixel[NEAREST] - nearness)
        for k in range(TOTAL, KEPT):
            pixel[k] *= scale
        pixel[NEAREST] = nearness
    else:
        share_of_face *= math.exp(nearness - pixel[NEAREST])
    pixel[LIGHT] *= rest
    pixel[TOTAL] += share_of_face
    scale = share_of_face / (a + b + c)
    for k in range(3):
        pixel[RED + k] += scale * (a * colors[i, 0, k] + b * colors[i, 1, k] + c * colors[i, 2, k])


@njit(**RECIPROCAL)
def differentiate_faces(
    part: int,
    parts: int,
    corners: np.ndarray,
    inverse_depths: np.ndarray,
    colors: np.ndarray,
    background: np.ndarray,
    sigma: float,
    gamma: float,
    boxes: np.ndarray,
    kept: np.ndarray,
    grad_image: np.ndarray,  # (H, W, 3)
    grad_alpha: np.ndarray,  # (H, W)
    grad_corners: np.ndarray,  # (F, 3, 2), written
    grad_inverse_depths: np.ndarray,  # (F, 3), written
    grad_colors: np.ndarray,  # (F, 3, 3), written
) -> None:
    """Sum up what the pixels say about this part's faces.

    With g = dL/dC, the faces' mixture F, the light T = product of (1 - D_k), the share w_j of face
    j, its colour C_j and its signed squared distance x_j = s d² / sigma:

        e_j = dL/d log(D_j exp(1 / (z_j gamma))) = (1 - T) w_j g . (C_j - F)
        dL/dx_j = (1 - D_j) e_j - D_j T (g . (background - F) - dL/dalpha)
        dL/d(1/z_j) = e_j / gamma,   dL/dC_j = (1 - T) w_j g.
    """
    sums = np.empty(18)  # x and y of corners, inverse depths, colours
    first, last = share(part, parts, corners.shape[0])
    for i in range(first, last):
        sums[:] = 0.0
        face = load(corners, i)
        for row in range(boxes[i, 2], boxes[i, 3]):
            for column in range(boxes[i, 0], boxes[i, 1]):
                x, y = column + 0.5, row + 0.5
                weights = weights_at(face, x, y)
                distance2, edge, at = closest(face, x, y)
                sign = 1.0 if inside(weights) else -1.0
                if sign * distance2 / sigma < -OUTSIDE:
                    continue
                pixel = kept[row, column]
                coverage, rest = cover(sign * distance2 / sigma)
                g0 = np.float64(grad_image[row, column, 0])
                g1 = np.float64(grad_image[row, column, 1])
                g2 = np.float64(grad_image[row, column, 2])
                mixed = g0 * pixel[RED] + g1 * pixel[RED + 1] + g2 * pixel[RED + 2]
                n = weights if sign > 0.0 else on_edge(edge, at[2])
                exponent, by_n = differentiate_color(
                    i, n, coverage, g0, g1, g2, mixed,
                    inverse_depths, colors, gamma, pixel, sums,
                )  # fmt: skip
                if sign > 0.0:
                    differentiate_weights(weights, by_n, face, x, y, sums)
                elif 0.0 < at[2] < 1.0:
                    differentiate_place(edge, at, by_n, face, sums)
                by_light = g0 * background[0] + g1 * background[1] + g2 * background[2] - mixed
                by_light -= grad_alpha[row, column]
                by_power = rest * exponent - coverage * pixel[LIGHT] * by_light
                # d² = |p - (a + t (b - a))|², with t where it is smallest: it drops out.
                scale = -2.0 * sign * by_power / sigma
                start, end = 2 * edge, 2 * ((edge + 1) % 3)
                sums[start] += scale * (1.0 - at[2]) * at[0]
                sums[start + 1] += scale * (1.0 - at[2]) * at[1]
                sums[end] += scale * at[2] * at[0]
                sums[end + 1] += scale * at[2] * at[1]
        for k in range(3):
            grad_corners[i, k, 0], grad_corners[i, k, 1] = sums[2 * k], sums[2 * k + 1]
            grad_inverse_depths[i, k] = sums[6 + k]
            for channel in range(3):
                grad_colors[i, k, channel] = sums[9 + 3 * k + channel]


@njit(**RECIPROCAL_HELPER)
def differentiate_color(
    i: int,
    n: Triple,
    coverage: float,
    g0: float,
    g1: float,
    g2: float,
    mixed: float,
    inverse_depths: np.ndarray,
    colors: np.ndarray,
    gamma: float,
    pixel: np.ndarray,
    sums: np.ndarray,  # (18,), added to
) -> tuple[float, Triple]:
    """Add the gradients by a face's colours and inverse depths; return e_j and dL/dn.

    With barycentric weights n_k and q_k = 1/z_k: q = sum n_k q_k, C = sum n_k q_k C_k / q, so
    dC/dn_k = q_k (C_k - C) / q and dC/dq_k = n_k (C_k - C) / q.
    """
    qa = np.float64(inverse_depths[i, 0])
    qb = np.float64(inverse_depths[i, 1])
    qc = np.float64(inverse_depths[i, 2])
    pa, pb, pc = n[0] * qa, n[1] * qb, n[2] * qc
    q = pa + pb + pc
    w = (1.0 - pixel[LIGHT]) * coverage * math.exp(q / gamma - pixel[NEAREST]) / pixel[TOTAL]
    ga = g0 * colors[i, 0, 0] + g1 * colors[i, 0, 1] + g2 * colors[i, 0, 2]
    gb = g0 * colors[i, 1, 0] + g1 * colors[i, 1, 1] + g2 * colors[i, 1, 2]
    gc = g0 * colors[i, 2, 0] + g1 * colors[i, 2, 1] + g2 * colors[i, 2, 2]
    own = (pa * ga + pb * gb + pc * gc) / q
    exponent = w * (own - mixed)
    by_depth, scale = exponent / gamma, w / q
    by_a = by_depth + scale * (ga - own)  # dL/d(n_a q_a)
    by_b = by_depth + scale * (gb - own)
    by_c = by_depth + scale * (gc - own)
    sums[6] += by_a * n[0]
    sums[7] += by_b * n[1]
    sums[8] += by_c * n[2]
    pa, pb, pc = scale * pa, scale * pb, scale * pc
    add_outer(sums[9:], (pa, pb, pc), (g0, g1, g2))
    return exponent, (by_a * qa, by_b * qb, by_c * qc)


@njit(**RECIPROCAL_HELPER)
def add_outer(sums: np.ndarray, a: Triple, b: Triple) -> None:
    sums[0] += a[0] * b[0]
    sums[1] += a[0] * b[1]
    sums[2] += a[0] * b[2]
    sums[3] += a[1] * b[0]
    sums[4] += a[1] * b[1]
    sums[5] += a[1] * b[2]
    sums[6] += a[2] * b[0]
    sums[7] += a[2] * b[1]
    sums[8] += a[2] * b[2]


@njit(**RECIPROCAL_HELPER)
def differentiate_weights(
    weights: Triple, by_n: Triple, face: Corners, x: float, y: float, sums: np.ndarray
) -> None:
    """Inside: carry dL/dn back through the areas whose quotients the weights are."""
    ax, ay, bx, by, cx, cy = seen_from(face, x, y)
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)  # the sum of the three parts
    mean = by_n[0] * weights[0] + by_n[1] * weights[1] + by_n[2] * weights[2]
    a, b, c = (by_n[0] - mean) / area, (by_n[1] - mean) / area, (by_n[2] - mean) / area
    sums[0] += c * by - b * cy
    sums[1] += b * cx - c * bx
    sums[2] += a * cy - c * ay
    sums[3] += c * ax - a * cx
    sums[4] += b * ay - a * by
    sums[5] += a * bx - b * ax


@njit(**RECIPROCAL_HELPER)
def differentiate_place(
    edge: int, at: Triple, by_n: Triple, face: Corners, sums: np.ndarray
) -> None:
    """Outside: carry dL/dn back through the place t on the nearest edge, from a to b.

    With u = b - a and r = p - a - t u: dt/da = -((1 - t) u + r) / |u|², dt/db = (r - t u) / |u|².
    """
    start, end = edge, (edge + 1) % 3
    ux = face[2 * end] - face[2 * start]
    uy = face[2 * end + 1] - face[2 * start + 1]
    scale = (by_n[end] - by_n[start]) / (ux * ux + uy * uy)
    rx, ry, t = at
    sums[2 * start] -= scale * ((1.0 - t) * ux + rx)
    sums[2 * start + 1] -= scale * ((1.0 - t) * uy + ry)
    sums[2 * end] += scale * (rx - t * ux)
    sums[2 * end + 1] += scale * (ry - t * uy)
