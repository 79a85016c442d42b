"""Blending the splats of each tile, and its derivative: the twin of `reference.blend`.

How this differs from a loop over splats and pixels: a pixel meets only the splats of its tile, and
of those only the rows that the ellipse can cross; the pixels of these rows, two rows to a vector,
are one flat loop over small local arrays, which becomes vector instructions; and tiles run in
parallel. A tile's splats lie all over memory, so each is asked for a block before its turn: with
200,000 of them the waiting was a third of the time.
"""

import math

import numpy as np
from numba import njit

from ..splats.projection import MAX_ALPHA, MIN_ALPHA, MIN_TRANSMITTANCE
from .lanes import PIXELS, ROWS, VECTOR, sum_moments
from .prefetch import prefetch
from .project import MOMENTS, MOST_TILES, PACKED, TILE_HEIGHT, TILE_WIDTH, ZERO
from .threads import HELPER, HELPER_REORDERED, REORDERED
from .vectors import HALF, ONE, SIXTEENTH, clamp, exp_of_16

BLOCK = 64  # splats copied together into a local array, as CUDA would stage them in shared memory
AHEAD = 16  # rows of `moments` that memory is asked for before they are written
CHECK_EVERY = 16  # splats between two looks at whether all pixels of the tile are finished
OPAQUE, FAINTEST = np.float32(MAX_ALPHA), np.float32(MIN_ALPHA)
DARKEST = np.float32(MIN_TRANSMITTANCE)

SLACK = np.float32(0.02)  # pixels; rounding must not cost a row
FROM_FIRST_TO_LAST = np.float32(TILE_WIDTH - 1)

# Centres of a tile's pixels, relative to its corner.
CENTRE_X = np.tile(np.arange(TILE_WIDTH) + 0.5, TILE_HEIGHT).astype(np.float32)
CENTRE_Y = np.repeat(np.arange(TILE_HEIGHT) + 0.5, TILE_WIDTH).astype(np.float32)


@njit(**HELPER)
def stage(
    packed: np.ndarray, members: np.ndarray, first: int, last: int, block: np.ndarray
) -> None:
    """Copy the splats members[first:last] into the local array."""
    for k in range(first, last):
        i = members[k]
        for j in range(PACKED):
            block[k - first, j] = packed[i, j]


@njit(**HELPER)
def find_pairs(block: np.ndarray, count: int, tile_x: int, tile_y: int, pairs: np.ndarray) -> None:
    """The row of `moments` for each staged splat and this tile."""
    whole = block.view(np.int32)
    for n in range(count):
        pairs[n] = whole[n, 14] - MOST_TILES + tile_y * whole[n, 15] + tile_x


@njit(**HELPER)
def find_rows(
    block: np.ndarray,
    count: int,
    left: np.float32,
    top: np.float32,
    rows: int,
    crossed: np.ndarray,  # (BLOCK, 2) int32, written
) -> None:
    """First and last (excluded) row of a tile in which each staged splat's ellipse can lie.

    With t = x / half width, the ellipse is y = reach (rho t ± sqrt(1 - rho²) sqrt(1 - t²)): highest
    at t = rho, lowest at t = -rho; inside the tile, at the column nearest to that. For all the
    block at once, because the square roots of different splats do not wait for each other.
    """
    height = np.float32(rows)
    for n in range(count):
        splat = block[n]
        reach, rho, across = splat[10], splat[12], splat[13]
        first = (HALF - (splat[0] - left)) * splat[11]
        last = first + FROM_FIRST_TO_LAST * splat[11]
        high, low = clamp(rho, first, last), clamp(-rho, first, last)
        y_high = reach * (rho * high + across * math.sqrt(max(ONE - high * high, ZERO)))
        y_low = reach * (rho * low - across * math.sqrt(max(ONE - low * low, ZERO)))
        middle = splat[1] - top + HALF  # row r has its centre at r + 1/2
        begin, end = middle + y_low - SLACK, middle + y_high + SLACK
        # In this form a NaN, from an ellipse near the end of float32, gives no rows.
        row = np.int32(min(begin, height)) if begin > ZERO else np.int32(0)
        end_row = np.int32(min(end, height)) if end > ZERO else np.int32(0)
        crossed[n, 0], crossed[n, 1] = row, max(row, end_row)


@njit(**HELPER)
def pixels_crossed(crossed: np.ndarray, n: int) -> tuple[np.uint32, np.uint32]:
    """First and last (excluded) pixel of these rows, in whole vectors."""
    end = (crossed[n, 1] + ROWS - 1) // ROWS
    return np.uint32(crossed[n, 0] // ROWS * VECTOR), np.uint32(end * VECTOR)


@njit(**HELPER_REORDERED)
def all_finished(light: np.ndarray) -> bool:
    unfinished = np.int32(0)
    for q in range(PIXELS):
        unfinished += np.int32(light[q] > ZERO)
    return unfinished == 0


@njit(**REORDERED)
def composite(
    part: int,
    parts: int,
    packed: np.ndarray,  # (N, PACKED)
    members: np.ndarray,  # (pairs,) int32, splats of tile after tile, near to far
    bounds: np.ndarray,  # (2, tiles) int32, where a tile's members begin and end
    busiest: np.ndarray,  # (tiles,) int32, tiles by falling load
    background: np.ndarray,  # (3,)
    image: np.ndarray,  # (H, W, 3), written
    alpha: np.ndarray,  # (H, W), written
) -> None:
    """Blend every parts-th of the busiest tiles."""
    height, width = alpha.shape
    tiles_x = (width + TILE_WIDTH - 1) // TILE_WIDTH
    block, crossed = np.empty((BLOCK, PACKED), np.float32), np.empty((BLOCK, 2), np.int32)
    for job in range(part, busiest.shape[0], parts):
        tile = busiest[job]
        y0, x0 = tile // tiles_x * TILE_HEIGHT, tile % tiles_x * TILE_WIDTH
        rows, columns = min(TILE_HEIGHT, height - y0), min(TILE_WIDTH, width - x0)
        buffers = np.zeros((4, PIXELS), np.float32)
        light, red, green, blue = buffers[0], buffers[1], buffers[2], buffers[3]
        for y in range(rows):  # the light of pixels outside the picture stays 0: finished
            for x in range(columns):
                light[y * TILE_WIDTH + x] = ONE
        left, top = np.float32(x0), np.float32(y0)
        first, last = bounds[0, tile], bounds[1, tile]
        for k in range(first, last):
            n = (k - first) % BLOCK
            if n == 0:
                stage(packed, members, k, min(k + BLOCK, last), block)
                find_rows(block, min(BLOCK, last - k), left, top, rows, crossed)
            if n % CHECK_EVERY == 0 and all_finished(light):
                break
            prefetch(packed, members[min(k + BLOCK, last - 1)] * PACKED)
            splat = block[n]
            u, v, opacity = splat[0] - left, splat[1] - top, splat[5]
            begin, end = pixels_crossed(crossed, n)
            r, g, b = splat[6], splat[7], splat[8]
            # -sigma / 16, for exp_of_16
            a_xx, a_xy = -HALF * SIXTEENTH * splat[2], -SIXTEENTH * splat[3]
            a_yy = -HALF * SIXTEENTH * splat[4]
            for q in range(begin, end):
                dx, dy = CENTRE_X[q] - u, CENTRE_Y[q] - v
                power = (a_xx * dx + a_xy * dy) * dx + a_yy * dy * dy
                raw = opacity * exp_of_16(power)
                kept = raw if raw < OPAQUE else OPAQUE
                before = light[q]  # negative once the pixel is finished
                weight = kept * before
                counts = (kept >= FAINTEST) & (before > ZERO)
                drawn = counts & (before - weight > DARKEST)
                weight = weight if drawn else ZERO
                behind = before - weight
                light[q] = -behind if counts & ~drawn else behind
                red[q] += weight * r
                green[q] += weight * g
                blue[q] += weight * b
        for y in range(rows):
            for x in range(columns):
                q = y * TILE_WIDTH + x
                rest = abs(light[q])
                image[y0 + y, x0 + x, 0] = red[q] + rest * background[0]
                image[y0 + y, x0 + x, 1] = green[q] + rest * background[1]
                image[y0 + y, x0 + x, 2] = blue[q] + rest * background[2]
                alpha[y0 + y, x0 + x] = ONE - rest


@njit(**REORDERED)
def composite_backward(
    part: int,
    parts: int,
    packed: np.ndarray,
    members: np.ndarray,
    bounds: np.ndarray,
    busiest: np.ndarray,
    image: np.ndarray,
    alpha: np.ndarray,
    grad_image: np.ndarray,  # (H, W, 3)
    grad_alpha: np.ndarray,  # (H, W)
    moments: np.ndarray,  # (pairs, MOMENTS), written
) -> None:
    """Write what the pixels of each tile say about each of its splats, into the pair's own row.

    From near to far again, a block of splats at a time: first pixel by pixel, then the sums. A
    splat has to wait for the light that the one before it left, but not for that one's sums.

    No two tiles write to the same row: no atomics, and the same result on any number of threads.
    """
    height, width = alpha.shape
    tiles_x = (width + TILE_WIDTH - 1) // TILE_WIDTH
    block, crossed = np.empty((BLOCK, PACKED), np.float32), np.empty((BLOCK, 2), np.int32)
    pairs = np.empty(BLOCK, np.int32)
    weights, d_sigmas = np.empty(BLOCK * PIXELS, np.float32), np.empty(BLOCK * PIXELS, np.float32)
    for job in range(part, busiest.shape[0], parts):
        tile = busiest[job]
        tile_y, tile_x = tile // tiles_x, tile % tiles_x
        y0, x0 = tile_y * TILE_HEIGHT, tile_x * TILE_WIDTH
        rows, columns = min(TILE_HEIGHT, height - y0), min(TILE_WIDTH, width - x0)
        buffers = np.zeros((5, PIXELS), np.float32)
        for y in range(rows):
            here = (y0 + y, slice(x0, x0 + columns))
            start_row(
                buffers[:, y * TILE_WIDTH : y * TILE_WIDTH + columns],
                image[here], alpha[here], grad_image[here], grad_alpha[here],
            )  # fmt: skip
        left, top = np.float32(x0), np.float32(y0)
        last = bounds[1, tile]
        for first in range(bounds[0, tile], last, BLOCK):
            count = min(BLOCK, last - first)
            stage(packed, members, first, first + count, block)
            find_rows(block, count, left, top, rows, crossed)
            find_pairs(block, count, tile_x, tile_y, pairs)
            for n in range(count):
                block[n, 0] -= left
                block[n, 1] -= top
            soon = members[first + count : min(first + count + BLOCK, last)]
            differentiate(block, count, crossed, buffers, packed, soon, weights, d_sigmas)
            add_up(block, count, crossed, buffers, weights, d_sigmas, pairs, moments)


@njit(**HELPER_REORDERED)
def start_row(
    buffers: np.ndarray,  # (5, columns), written: see `differentiate`
    image: np.ndarray,  # (columns, 3)
    alpha: np.ndarray,  # (columns,)
    grad_image: np.ndarray,
    grad_alpha: np.ndarray,
) -> None:
    """What the pixels of one row of a tile begin with, in front of all splats."""
    light, behind_it, gr, gg, gb = buffers[0], buffers[1], buffers[2], buffers[3], buffers[4]
    for x in range(alpha.shape[0]):
        red, green, blue = grad_image[x, 0], grad_image[x, 1], grad_image[x, 2]
        light[x] = ONE
        gr[x], gg[x], gb[x] = red, green, blue
        seen = red * image[x, 0] + green * image[x, 1] + blue * image[x, 2]
        behind_it[x] = seen - grad_alpha[x] * (ONE - alpha[x])


@njit(**REORDERED, inline="always")  # called, it would have to fear that its arrays overlap
def differentiate(
    block: np.ndarray,
    count: int,
    crossed: np.ndarray,  # rows emptied once the tile is finished
    buffers: np.ndarray,  # (5, PIXELS): T and S below, which are carried on, and g
    packed: np.ndarray,
    soon: np.ndarray,  # the splats of the next block, which memory is asked for
    weights: np.ndarray,  # written, splat after splat: the derivative of each pixel by the colour
    d_sigmas: np.ndarray,  # written: that of the loss by sigma
) -> None:
    """The derivatives of each pixel that a splat crosses.

    With the light T before a splat and, in S, what the pixel's loss gets from everything behind
    it, background included:

        dL/dalpha_n = T_n (g . color_n) - S_n / (1 - alpha_n),   S_0 = g . image - dL/dalpha T_end.
    """
    light, behind_it, gr, gg, gb = buffers[0], buffers[1], buffers[2], buffers[3], buffers[4]
    place = 0
    for n in range(count):
        if n % CHECK_EVERY == 0 and all_finished(light):
            for unseen in range(n, count):  # as a slice, it compiles for seconds
                crossed[unseen, 1] = crossed[unseen, 0]
            break
        if n < soon.shape[0]:
            prefetch(packed, soon[n] * PACKED)
        u, v, opacity = block[n, 0], block[n, 1], block[n, 5]
        r, g, b = block[n, 6], block[n, 7], block[n, 8]
        a_xx, a_xy = -HALF * SIXTEENTH * block[n, 2], -SIXTEENTH * block[n, 3]
        a_yy = -HALF * SIXTEENTH * block[n, 4]
        begin, end = pixels_crossed(crossed, n)
        to_weight, to_sigma = weights[place:], d_sigmas[place:]
        for k in range(end - begin):
            q = begin + k
            dx, dy = CENTRE_X[q] - u, CENTRE_Y[q] - v
            power = (a_xx * dx + a_xy * dy) * dx + a_yy * dy * dy
            raw = opacity * exp_of_16(power)
            kept = raw if raw < OPAQUE else OPAQUE
            before = light[q]  # 0 once the pixel is finished
            weight = kept * before
            counts = kept >= FAINTEST
            drawn = counts & (before - weight > DARKEST)
            weight = weight if drawn else ZERO
            light[q] = ZERO if counts & ~drawn else before - weight
            own = (gr[q] * r + gg[q] * g + gb[q] * b) * weight
            rest = behind_it[q] - own
            behind_it[q] = rest
            d_sigma = rest * kept / (ONE - kept) - own  # = -alpha dL/dalpha
            to_weight[k] = weight
            to_sigma[k] = d_sigma if drawn & (raw <= OPAQUE) else ZERO
        place += end - begin


@njit(**REORDERED, inline="always")
def add_up(
    block: np.ndarray,
    count: int,
    crossed: np.ndarray,
    buffers: np.ndarray,
    weights: np.ndarray,
    d_sigmas: np.ndarray,
    pairs: np.ndarray,
    moments: np.ndarray,  # (pairs, MOMENTS), written
) -> None:
    """Sum the derivatives over each splat's pixels, as moments about its centre."""
    place = 0
    for n in range(count):
        soon = pairs[min(n + AHEAD, count - 1)] * MOMENTS
        prefetch(moments, soon)
        prefetch(moments, soon + MOMENTS - 1)  # a row may lie in two cache lines
        begin, end = pixels_crossed(crossed, n)
        steps = (end - begin) // VECTOR
        splat = block[n]
        sum_moments(
            weights, d_sigmas, place, buffers, begin, steps, splat[0], splat[1], moments, pairs[n]
        )
        place += end - begin
