"""The kernels of unit 19, as text for numba.cuda: ``cuda.jit(saxpy_kernel)`` compiles one.

They stand here undecorated, so that they can be read, launched in the laboratory and compiled for
a GPU alike. A splat is a row of nine numbers, nearest first:

    u, v         mean, pixels
    xx, xy, yy   inverse covariance, 1 / pixel^2
    opacity
    r, g, b      colour

The smaller of two numbers is chosen with `if`: numba 0.68 runs `min` of two numbers in its
simulator and fails to compile it for a GPU.

Source: Kerbl et al. (2023), https://arxiv.org/abs/2308.04079, section 6 and appendix C.
"""

import math
from typing import Any

from numba import float32

from course_lib.kernel_lab.device import cuda
from course_lib.rendering.splats.projection import MAX_ALPHA, MIN_ALPHA, MIN_TRANSMITTANCE

TILE = 16  # pixels along a side of a tile
BATCH = 256  # splats that a tile stages at a time: one for each thread
PACKED = 9  # numbers of a splat
Array = Any


def saxpy_kernel(a: float, x: Array, y: Array, out: Array) -> None:
    """``out = a x + y``, one thread for each element."""
    i = cuda.grid(1)
    if i < out.size:
        out[i] = a * x[i] + y[i]


def tile_of_pixel(tile: Array, place: Array) -> None:
    """For each pixel the number of its tile, row after row, and its place in the tile."""
    x, y = cuda.grid(2)
    height, width = tile.shape
    if x < width and y < height:
        tiles_x = (width + TILE - 1) // TILE
        tile[y, x] = (y // TILE) * tiles_x + x // TILE
        place[y, x] = (y % TILE) * TILE + x % TILE


def splat_forward_kernel(splats: Array, image: Array, light: Array) -> None:
    """Blend the splats of one pixel, nearest first; ``light`` gets what is left over."""
    x, y = cuda.grid(2)
    height, width = light.shape
    if x >= width or y >= height:
        return
    T, red, green, blue = 1.0, 0.0, 0.0, 0.0
    for n in range(splats.shape[0]):
        dx, dy = x + 0.5 - splats[n, 0], y + 0.5 - splats[n, 1]
        sigma = 0.5 * (splats[n, 2] * dx * dx + splats[n, 4] * dy * dy) + splats[n, 3] * dx * dy
        raw = splats[n, 5] * math.exp(-sigma)
        alpha = raw if raw < MAX_ALPHA else MAX_ALPHA
        if alpha < MIN_ALPHA:
            continue
        if T * (1 - alpha) <= MIN_TRANSMITTANCE:
            break
        red += T * alpha * splats[n, 6]
        green += T * alpha * splats[n, 7]
        blue += T * alpha * splats[n, 8]
        T *= 1 - alpha
    image[y, x, 0] = red
    image[y, x, 1] = green
    image[y, x, 2] = blue
    light[y, x] = T


def splat_forward_tiled_kernel(
    splats: Array, members: Array, bounds: Array, image: Array, light: Array
) -> None:
    """The same, a block for each tile: its threads fetch the tile's splats together."""
    staged = cuda.shared.array((BATCH, PACKED), float32)
    x, y = cuda.grid(2)
    thread = cuda.threadIdx.y * TILE + cuda.threadIdx.x
    tile = cuda.blockIdx.y * cuda.gridDim.x + cuda.blockIdx.x
    first, last = bounds[tile], bounds[tile + 1]
    height, width = light.shape
    inside = x < width and y < height
    finished = 0 if inside else 1  # numba counts whole numbers, not truths
    T, red, green, blue = 1.0, 0.0, 0.0, 0.0
    for base in range(first, last, BATCH):
        if cuda.syncthreads_count(finished) == BATCH:
            break
        if base + thread < last:
            n = members[base + thread]
            for k in range(PACKED):
                staged[thread, k] = splats[n, k]
        cuda.syncthreads()
        for k in range(BATCH if last - base > BATCH else last - base):
            if finished == 1:
                break
            dx, dy = x + 0.5 - staged[k, 0], y + 0.5 - staged[k, 1]
            sigma = 0.5 * (staged[k, 2] * dx * dx + staged[k, 4] * dy * dy)
            sigma += staged[k, 3] * dx * dy
            raw = staged[k, 5] * math.exp(-sigma)
            alpha = raw if raw < MAX_ALPHA else MAX_ALPHA
            if alpha >= MIN_ALPHA:
                if T * (1 - alpha) <= MIN_TRANSMITTANCE:
                    finished = 1
                else:
                    red += T * alpha * staged[k, 6]
                    green += T * alpha * staged[k, 7]
                    blue += T * alpha * staged[k, 8]
                    T *= 1 - alpha
    if inside:
        image[y, x, 0] = red
        image[y, x, 1] = green
        image[y, x, 2] = blue
        light[y, x] = T


def splat_backward_kernel(splats: Array, image: Array, grad_image: Array, grads: Array) -> None:
    """Add what this pixel's gradient says about each splat's nine numbers to ``grads``."""
    x, y = cuda.grid(2)
    height, width = image.shape[0], image.shape[1]
    if x >= width or y >= height:
        return
    red, green, blue = grad_image[y, x, 0], grad_image[y, x, 1], grad_image[y, x, 2]
    behind = red * image[y, x, 0] + green * image[y, x, 1] + blue * image[y, x, 2]
    T = 1.0
    for n in range(splats.shape[0]):
        dx, dy = x + 0.5 - splats[n, 0], y + 0.5 - splats[n, 1]
        xx, xy, yy = splats[n, 2], splats[n, 3], splats[n, 4]
        sigma = 0.5 * (xx * dx * dx + yy * dy * dy) + xy * dx * dy
        raw = splats[n, 5] * math.exp(-sigma)
        alpha = raw if raw < MAX_ALPHA else MAX_ALPHA
        if alpha < MIN_ALPHA:
            continue
        if T * (1 - alpha) <= MIN_TRANSMITTANCE:
            break
        seen = red * splats[n, 6] + green * splats[n, 7] + blue * splats[n, 8]
        behind -= T * alpha * seen
        by_alpha = T * seen - behind / (1 - alpha)
        cuda.atomic.add(grads, (n, 6), T * alpha * red)
        cuda.atomic.add(grads, (n, 7), T * alpha * green)
        cuda.atomic.add(grads, (n, 8), T * alpha * blue)
        T *= 1 - alpha
        if raw > MAX_ALPHA:
            continue
        by_sigma = -alpha * by_alpha
        cuda.atomic.add(grads, (n, 0), -by_sigma * (xx * dx + xy * dy))
        cuda.atomic.add(grads, (n, 1), -by_sigma * (xy * dx + yy * dy))
        cuda.atomic.add(grads, (n, 2), by_sigma * 0.5 * dx * dx)
        cuda.atomic.add(grads, (n, 3), by_sigma * dx * dy)
        cuda.atomic.add(grads, (n, 4), by_sigma * 0.5 * dy * dy)
        cuda.atomic.add(grads, (n, 5), by_alpha * math.exp(-sigma))
