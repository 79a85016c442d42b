"""Projection of Gaussians and its derivative: the twin of `rendering.splats.projection`."""

import math

import numpy as np
from numba import njit

from ..splats.projection import COVARIANCE_BLUR, GUARD, MIN_ALPHA, NEAR
from .threads import COMPILED, HELPER
from .vectors import (
    HALF,
    ONE,
    TWO,
    Rows,
    Vector,
    add,
    apply,
    apply_transposed,
    clamp,
    cross,
    dot,
    rotation_rows,
    rows_of,
    share,
    store,
    times,
    unit_quaternion,
    vector,
    weighted,
)

# Pixels of the tiles that a picture is cut into. Narrow: two rows of one tile fill a vector of 16
# numbers, and a small splat leaves fewer of them idle than in one row of 16. (CUDA: 16 x 16.)
TILE_WIDTH, TILE_HEIGHT = 8, 32

# What the compositing kernels read of a splat: one row of 16 float32, a cache line.
#   0 u, 1 v                mean, pixels
#   2 A, 3 B, 4 C           inverse covariance [[A, B], [B, C]], 1 / pixel^2
#   5 opacity, 6 7 8 color, 9 depth
#   10 reach                half the height of the ellipse on which alpha is MIN_ALPHA, pixels
#   11 inverse width        1 / half its width, 1 / pixels
#   12 rho, 13 sqrt(1 - rho^2)   correlation of x and y
#   14, 15 (int32)          where the splat's rows of `moments` begin, and their step from tile row
#                           to tile row: with tile (x, y) row [14] + y [15] + x - MOST_TILES
PACKED = 16
MOST_TILES = 2**26  # more than a picture has: so [14] is positive, and no NaN if read as a float32

BLUR, NEAREST, FAINTEST = np.float32(COVARIANCE_BLUR), np.float32(NEAR), np.float32(MIN_ALPHA)
MARGIN = np.float32(0.5 * GUARD)
LARGEST = np.float32(np.finfo(np.float32).max)
ZERO = np.float32(0)
TILE_X, TILE_Y = np.float32(TILE_WIDTH), np.float32(TILE_HEIGHT)


@njit(**HELPER)
def fault_of(
    means: np.ndarray, quats: np.ndarray, scales: np.ndarray, opacities: np.ndarray, i: int
) -> int:
    """Index into `arguments.FAULTS` of what is wrong with Gaussian i, or -1."""
    for k in range(3):
        if not abs(means[i, k]) <= LARGEST:
            return 0
    length2 = ZERO
    for k in range(4):
        length2 += quats[i, k] * quats[i, k]
    if not ZERO < length2 <= LARGEST:
        return 1
    for k in range(3):
        if not ZERO <= scales[i, k] <= LARGEST:
            return 2
    return -1 if ZERO <= opacities[i] <= ONE else 3


@njit(**HELPER)
def held(slope: np.float32, focal: np.float32, centre: np.float32, size: np.float32) -> np.float32:
    """x/z, held to the picture and the margin around it."""
    margin = MARGIN * size / focal
    return clamp(slope, -centre / focal - margin, (size - centre) / focal + margin)


@njit(**HELPER)
def picture_axes(
    view: Rows,
    inverse_depth: np.float32,
    slope_x: np.float32,
    slope_y: np.float32,
    fx: np.float32,
    fy: np.float32,
) -> tuple[Vector, Vector]:
    """Rows of J R: what a step in the world is in the picture, in x and in y."""
    a, b = fx * inverse_depth, fy * inverse_depth
    return (
        weighted(a, view[0], -a * slope_x, view[2]),
        weighted(b, view[1], -b * slope_y, view[2]),
    )


@njit(**HELPER)
def tiles_between(
    low: np.float32, high: np.float32, edge: np.float32, tiles: int
) -> tuple[int, int]:
    """First and last (excluded) tile that the interval touches, in pixels, kept in the picture."""
    count = np.float32(tiles)
    first = clamp(np.floor(low / edge), ZERO, count)
    last = clamp(np.floor(high / edge) + ONE, ZERO, count)
    return int(first), int(last)


@njit(**COMPILED)
def project_splats(
    part: int,
    parts: int,
    means: np.ndarray,  # (N, 3)
    quats: np.ndarray,  # (N, 4)
    scales: np.ndarray,  # (N, 3)
    opacities: np.ndarray,  # (N,)
    viewmat: np.ndarray,  # (4, 4)
    K: np.ndarray,  # (3, 3)
    width: int,
    height: int,
    packed: np.ndarray,  # (N, PACKED), written
    rects: np.ndarray,  # (N, 4) int16, written: first and last tile in x, in y
    touched: np.ndarray,  # (N,) int32, written: tiles in the rect, 0 for what is not seen
    sums: np.ndarray,  # (parts, 2) int64, written: splats seen, tiles touched
    faults: np.ndarray,  # (parts, 2) int64, written: fault and Gaussian, or -1
) -> None:
    """Project, cull, and say which tiles each Gaussian touches."""
    view = rows_of(viewmat)
    fx, fy, cx, cy = K[0, 0], K[1, 1], K[0, 2], K[1, 2]
    wide, high = np.float32(width), np.float32(height)
    tiles_x = (width + TILE_WIDTH - 1) // TILE_WIDTH
    tiles_y = (height + TILE_HEIGHT - 1) // TILE_HEIGHT
    seen = pairs = 0
    faults[part, 0] = -1
    first, last = share(part, parts, means.shape[0])
    for i in range(first, last):
        touched[i] = 0
        fault = fault_of(means, quats, scales, opacities, i)
        if fault >= 0:
            faults[part, 0], faults[part, 1] = fault, i
            break
        turned = apply(view, vector(means, i))
        x, y, z = turned[0] + viewmat[0, 3], turned[1] + viewmat[1, 3], turned[2] + viewmat[2, 3]
        if not z > NEAREST or opacities[i] < FAINTEST:
            continue
        inverse_depth = ONE / z
        slope_x, slope_y = x * inverse_depth, y * inverse_depth
        axis_x, axis_y = picture_axes(
            view, inverse_depth, held(slope_x, fx, cx, wide), held(slope_y, fy, cy, high), fx, fy
        )
        w, qx, qy, qz, _ = unit_quaternion(quats, i)
        rotation = rotation_rows(w, qx, qy, qz)
        scale = vector(scales, i)
        m0 = times(apply_transposed(rotation, axis_x), scale)  # rows of J R Rq S: the covariance is
        m1 = times(apply_transposed(rotation, axis_y), scale)  # [[m0 m0, m0 m1], [m0 m1, m1 m1]]
        xx, xy, yy = dot(m0, m0), dot(m0, m1), dot(m1, m1)
        # Lagrange: |m0|^2 |m1|^2 - (m0 m1)^2 = |m0 x m1|^2. A sum without a difference stays
        # exact for long thin splats, where the textbook's determinant is nothing but rounding.
        area = cross(m0, m1)
        determinant = dot(area, area) + BLUR * (xx + yy) + BLUR * BLUR
        xx += BLUR
        yy += BLUR
        if not (determinant <= LARGEST and xx * yy <= LARGEST):
            continue
        distance2 = TWO * math.log(opacities[i] / FAINTEST)
        reach_x, reach_y = math.sqrt(distance2 * xx), math.sqrt(distance2 * yy)
        u, v = fx * slope_x + cx, fy * slope_y + cy
        x0, x1 = tiles_between(u - reach_x, u + reach_x, TILE_X, tiles_x)
        y0, y1 = tiles_between(v - reach_y, v + reach_y, TILE_Y, tiles_y)
        # Also false for a NaN, where two infinities met.
        inside = u + reach_x > ZERO and u - reach_x < wide
        if not (inside and v + reach_y > ZERO and v - reach_y < high and x1 > x0 and y1 > y0):
            continue
        packed[i, 0], packed[i, 1] = u, v
        inverse = ONE / determinant
        packed[i, 2], packed[i, 3], packed[i, 4] = yy * inverse, -xy * inverse, xx * inverse
        packed[i, 5], packed[i, 9] = opacities[i], z
        spread = ONE / math.sqrt(xx * yy)
        packed[i, 10], packed[i, 11] = reach_y, ONE / reach_x
        packed[i, 12], packed[i, 13] = xy * spread, math.sqrt(determinant) * spread
        rects[i, 0], rects[i, 1], rects[i, 2], rects[i, 3] = x0, x1, y0, y1
        touched[i] = (x1 - x0) * (y1 - y0)
        seen += 1
        pairs += touched[i]
    sums[part, 0], sums[part, 1] = seen, pairs


# One row for each (Gaussian, tile) pair: what the pixels of that tile say about the splat.
#   0 1 2 dL/dcolor;  with s = dL/dsigma (alpha = opacity e^-sigma) and d = pixel - mean:
#   3 sum s, 4 sum s dx, 5 sum s dy, 6 sum s dx dx, 7 sum s dx dy, 8 sum s dy dy
MOMENTS = 9


Moments = tuple[Vector, np.float32, np.float32, np.float32, np.float32, np.float32, np.float32]


@njit(**HELPER)
def sum_of_moments(moments: np.ndarray, first: int, last: int) -> Moments:
    red = green = blue = s = sx = sy = sxx = sxy = syy = ZERO
    for k in range(first, last):
        red += moments[k, 0]
        green += moments[k, 1]
        blue += moments[k, 2]
        s += moments[k, 3]
        sx += moments[k, 4]
        sy += moments[k, 5]
        sxx += moments[k, 6]
        sxy += moments[k, 7]
        syy += moments[k, 8]
    return (red, green, blue), s, sx, sy, sxx, sxy, syy


@njit(**HELPER)
def quaternion_gradient(
    h: Rows,
    w: np.float32,
    x: np.float32,
    y: np.float32,
    z: np.float32,
    inverse: np.float32,
) -> tuple[np.float32, np.float32, np.float32, np.float32]:
    """From dL/dR to dL/dquat, through the normalisation."""
    (h00, h01, h02), (h10, h11, h12), (h20, h21, h22) = h
    gw = TWO * (x * (h21 - h12) + y * (h02 - h20) + z * (h10 - h01))
    gx = TWO * (y * (h01 + h10) + z * (h02 + h20) + w * (h21 - h12) - TWO * x * (h11 + h22))
    gy = TWO * (x * (h01 + h10) + z * (h12 + h21) + w * (h02 - h20) - TWO * y * (h00 + h22))
    gz = TWO * (x * (h02 + h20) + y * (h12 + h21) + w * (h10 - h01) - TWO * z * (h00 + h11))
    along = gw * w + gx * x + gy * y + gz * z
    return (
        (gw - along * w) * inverse,
        (gx - along * x) * inverse,
        (gy - along * y) * inverse,
        (gz - along * z) * inverse,
    )


@njit(**COMPILED)
def project_splats_backward(
    part: int,
    parts: int,
    means: np.ndarray,
    quats: np.ndarray,
    scales: np.ndarray,
    opacities: np.ndarray,
    viewmat: np.ndarray,
    K: np.ndarray,
    width: int,
    height: int,
    packed: np.ndarray,
    starts: np.ndarray,  # (N + 1,) int32: rows of `moments` that belong to a Gaussian
    moments: np.ndarray,  # (pairs, MOMENTS)
    grad_means: np.ndarray,  # written, as the next four
    grad_quats: np.ndarray,
    grad_scales: np.ndarray,
    grad_opacities: np.ndarray,
    grad_colors: np.ndarray,  # (N, 3), of the colour shown
    grad_view: np.ndarray,  # (parts, 4, 3) float64, written: rows of dL/dR, dL/dt; to be summed
) -> None:
    """Add up a Gaussian's moments over its tiles and carry them back through the projection."""
    view = rows_of(viewmat)
    fx, fy, cx, cy = K[0, 0], K[1, 1], K[0, 2], K[1, 2]
    wide, high = np.float32(width), np.float32(height)
    total = np.zeros((4, 3))  # the rows of dL/dR, then dL/dt
    first, last = share(part, parts, means.shape[0])
    for i in range(first, last):
        if starts[i + 1] == starts[i]:  # not seen
            nothing = (ZERO, ZERO, ZERO)
            store(grad_means, i, nothing)
            store(grad_scales, i, nothing)
            store(grad_colors, i, nothing)
            store(grad_quats, i, nothing)
            grad_quats[i, 3] = ZERO
            grad_opacities[i] = ZERO
            continue
        color, s, sx, sy, sxx, sxy, syy = sum_of_moments(moments, starts[i], starts[i + 1])
        store(grad_colors, i, color)
        grad_opacities[i] = -s / opacities[i]
        # sigma = (A dx^2 + C dy^2) / 2 + B dx dy with d = pixel - (u, v).
        A, B, C = packed[i, 2], packed[i, 3], packed[i, 4]
        gu, gv = -(A * sx + B * sy), -(B * sx + C * sy)
        # The conic is the covariance's inverse: dL/dcov = -conic G conic, G = dL/dconic.
        gA, gB, gC = HALF * sxx, HALF * sxy, HALF * syy
        e00, e01 = gA * A + gB * B, gA * B + gB * C
        e10, e11 = gB * A + gC * B, gB * B + gC * C
        d00, d01, d11 = -(A * e00 + B * e10), -(A * e01 + B * e11), -(B * e01 + C * e11)

        # The projection once more, as in project_splats.
        mean = vector(means, i)
        turned = apply(view, mean)
        x, y, z = turned[0] + viewmat[0, 3], turned[1] + viewmat[1, 3], turned[2] + viewmat[2, 3]
        inverse_depth = ONE / z
        slope_x, slope_y = x * inverse_depth, y * inverse_depth
        held_x, held_y = held(slope_x, fx, cx, wide), held(slope_y, fy, cy, high)
        axis_x, axis_y = picture_axes(view, inverse_depth, held_x, held_y, fx, fy)
        w, qx, qy, qz, inverse = unit_quaternion(quats, i)
        rotation = rotation_rows(w, qx, qy, qz)
        scale = vector(scales, i)
        b0, b1 = apply_transposed(rotation, axis_x), apply_transposed(rotation, axis_y)
        m0, m1 = times(b0, scale), times(b1, scale)

        # cov = M M^T: dL/dM = 2 D M; M = (J R Rq) S.
        n0 = weighted(TWO * d00, m0, TWO * d01, m1)
        n1 = weighted(TWO * d01, m0, TWO * d11, m1)
        store(grad_scales, i, weighted(ONE, times(n0, b0), ONE, times(n1, b1)))
        n0, n1 = times(n0, scale), times(n1, scale)
        h = (
            weighted(axis_x[0], n0, axis_y[0], n1),
            weighted(axis_x[1], n0, axis_y[1], n1),
            weighted(axis_x[2], n0, axis_y[2], n1),
        )
        grad_quats[i, 0], grad_quats[i, 1], grad_quats[i, 2], grad_quats[i, 3] = (
            quaternion_gradient(h, w, qx, qy, qz, inverse)
        )

        # axis_x = f_x/z (r0 - held_x r2), axis_y likewise with r1.
        ga_x, ga_y = apply(rotation, n0), apply(rotation, n1)
        gz = -inverse_depth * (dot(axis_x, ga_x) + dot(axis_y, ga_y))
        a, b = fx * inverse_depth, fy * inverse_depth
        g_slope_x = gu * fx - (a * dot(view[2], ga_x) if held_x == slope_x else ZERO)
        g_slope_y = gv * fy - (b * dot(view[2], ga_y) if held_y == slope_y else ZERO)
        gz -= inverse_depth * (g_slope_x * slope_x + g_slope_y * slope_y)
        g_point = (g_slope_x * inverse_depth, g_slope_y * inverse_depth, gz)
        store(grad_means, i, apply_transposed(view, g_point))
        g_view_z = weighted(g_point[2], mean, -a * held_x, ga_x)
        g_view = (
            weighted(g_point[0], mean, a, ga_x),
            weighted(g_point[1], mean, b, ga_y),
            weighted(ONE, g_view_z, -b * held_y, ga_y),
            g_point,
        )
        for j in range(4):
            add(total, j, g_view[j])
    for j in range(4):
        store(grad_view[part], j, vector(total, j))
