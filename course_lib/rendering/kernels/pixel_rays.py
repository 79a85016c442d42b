"""The rays and colours of pixels drawn from all pictures: `nerf.rays.get_rays`, here and there."""

import math

import numpy as np
from numba import njit

from .threads import COMPILED
from .vectors import HALF, ONE, apply_transposed, rows_of, store, vector


@njit(**COMPILED)
def pixel_rays(
    pixels: np.ndarray,  # (R,) int64, counted through all pictures, row by row
    viewmats: np.ndarray,  # (V, 4, 4)
    intrinsics: np.ndarray,  # (V, 3, 3)
    width: int,
    height: int,
    pictures: np.ndarray,  # (V H W, 3)
    origins: np.ndarray,  # (R, 3), written, as are the next two
    directions: np.ndarray,
    colors: np.ndarray,
) -> None:
    """Write each pixel's ray and colour."""
    for ray in range(pixels.shape[0]):
        pixel = pixels[ray]
        view = pixel // (width * height)
        row, column = pixel // width % height, pixel % width
        viewmat, K = viewmats[view], intrinsics[view]
        rows = rows_of(viewmat)
        x = (np.float32(column) + HALF - K[0, 2]) / K[0, 0]
        y = (np.float32(row) + HALF - K[1, 2]) / K[1, 1]
        shorter = ONE / math.sqrt(x * x + y * y + ONE)
        store(directions, ray, apply_transposed(rows, (x * shorter, y * shorter, shorter)))
        store(
            origins, ray, apply_transposed(rows, (-viewmat[0, 3], -viewmat[1, 3], -viewmat[2, 3]))
        )
        store(colors, ray, vector(pictures, pixel))
