"""A `HashField` at a tile of samples: density, what of it can be seen, and colour.

A tile is some rays' samples one behind the other, few enough to stay in the processor's cache.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from ..nerf.field import FEATURES, HIDDEN, LARGEST_LOG_DENSITY, VIEW_FEATURES
from ..splats.harmonics import SH_LINEAR, SH_QUADRATIC
from .exponential import exp
from .field_network import layer
from .hash_grid import encode
from .march import cross_unit_cube, march
from .threads import HELPER
from .vectors import ONE, Vector, vector

# Rows of a tile's work space.
INNER = 0  # first hidden layer
COLOR_IN = INNER + HIDDEN  # features and view, side by side
OUTER = COLOR_IN + FEATURES + VIEW_FEATURES  # second hidden layer
RGB = OUTER + HIDDEN
SIGMA, ALPHA, TS = RGB + 3, RGB + 4, RGB + 5
FORWARD_ROWS = RGB + 6

MOST_RAYS = 256  # in a tile
LARGEST_LOG = np.float32(LARGEST_LOG_DENSITY)
LINEAR = np.float32(SH_LINEAR)
QUADRATIC_A, QUADRATIC_B, QUADRATIC_C = (np.float32(value) for value in SH_QUADRATIC)
TWO = np.float32(2)


class Network(NamedTuple):
    """The parameters of a `HashField` as arrays."""

    tables: np.ndarray  # (L, T, 2)
    resolutions: np.ndarray  # (L,) int32
    density_in: np.ndarray  # (16, 2 L)
    density_in_bias: np.ndarray  # (16,)
    density_out: np.ndarray  # (16, 16)
    density_out_bias: np.ndarray
    color_in: np.ndarray  # (16, 24)
    color_in_bias: np.ndarray
    color_out: np.ndarray  # (3, 16)
    color_out_bias: np.ndarray


@njit(**HELPER)
def fill(
    origins: np.ndarray,  # (R, 3), in units of the cube's half edge
    directions: np.ndarray,  # (R, 3)
    jitter: np.ndarray,  # (R,)
    occupied: np.ndarray,  # (G, G, G) bool
    lengths: np.ndarray,  # (5,): step in half edges and in world units, least light, near, far
    first: int,
    last: int,
    points: np.ndarray,  # (3, tile), written, as are the next two
    ts: np.ndarray,  # (tile,)
    bounds: np.ndarray,  # (MOST_RAYS + 1,) where each ray's samples begin
) -> int:
    """March along the rays from first to last (excluded) until no more fit; returns how many did.

    The tile has room for at least one ray.
    """
    step, near, far = lengths[0], lengths[3], lengths[4]
    most = np.int64(np.float32(2 * np.sqrt(3)) / step) + 2  # samples of one ray
    count, rays = 0, 0
    while first + rays < last and rays < MOST_RAYS and count + most <= points.shape[1]:
        ray = first + rays
        origin, direction = vector(origins, ray), vector(directions, ray)
        enters, leaves = cross_unit_cube(origin, direction)
        bounds[rays] = count
        count = march(
            origin, direction, max(enters, near), min(leaves, far), jitter[ray], step, occupied,
            points, ts, count,
        )  # fmt: skip
        rays += 1
    bounds[rays] = count
    return rays


@njit(**HELPER)
def densities(
    network: Network,
    points: np.ndarray,  # (3, ...), in [-1, 1]
    count: int,
    step: np.float32,  # world units
    encoded: np.ndarray,  # (2 L, ...), written
    space: np.ndarray,  # (FORWARD_ROWS, ...), written: INNER, COLOR_IN, SIGMA, ALPHA
) -> None:
    """Features, density and alpha of the first ``count`` samples."""
    encode(points, count, network.tables, network.resolutions, encoded)
    inner, features = space[INNER:COLOR_IN], space[COLOR_IN : COLOR_IN + FEATURES]
    layer(network.density_in, network.density_in_bias, encoded, inner, count, True)
    layer(network.density_out, network.density_out_bias, inner, features, count, False)
    log_sigma, sigma, alpha = features[0], space[SIGMA], space[ALPHA]
    for s in range(count):
        sigma[s] = exp(min(log_sigma[s], LARGEST_LOG))
    for s in range(count):
        alpha[s] = ONE - exp(-step * sigma[s])


@njit(**HELPER)
def keep_visible(
    points: np.ndarray,
    encoded: np.ndarray,
    space: np.ndarray,
    bounds: np.ndarray,  # (rays + 1,) where each ray's samples begin, changed
    rays: int,
    least_light: np.float32,
    columns: np.ndarray,  # (tile,) int32, written: where each kept sample was
) -> int:
    """Drop the samples that less than ``least_light`` reaches; returns how many stay.

    What stays moves together, so that all further work is on samples that matter.
    """
    alpha, kept = space[ALPHA], 0
    for ray in range(rays):
        first, last, light = bounds[ray], bounds[ray + 1], ONE
        bounds[ray] = kept
        for s in range(first, last):
            if not light >= least_light:
                break
            light *= ONE - alpha[s]
            columns[kept] = s
            kept += 1
    dropped = bounds[rays] - kept
    bounds[rays] = kept
    if dropped > 0:
        move(points, columns, kept)
        move(encoded, columns, kept)
        move(space[: COLOR_IN + FEATURES], columns, kept)
        move(space[SIGMA:FORWARD_ROWS], columns, kept)
    return kept


@njit(**HELPER)
def move(rows: np.ndarray, columns: np.ndarray, count: int) -> None:
    """In each row, bring the named columns, which rise, to the front."""
    for i in range(rows.shape[0]):
        row = rows[i]
        for k in range(count):
            row[k] = row[columns[k]]


@njit(**HELPER)
def write_view(direction: Vector, space: np.ndarray, first: int, last: int) -> None:
    """The harmonics of degree 1 and 2 of a ray's direction, for its samples."""
    x, y, z = direction
    rows = space[COLOR_IN + FEATURES : OUTER]
    xx, yy, zz = x * x, y * y, z * z
    values = (
        -LINEAR * y, LINEAR * z, -LINEAR * x,
        QUADRATIC_A * x * y, -QUADRATIC_A * y * z, QUADRATIC_B * (TWO * zz - xx - yy),
        -QUADRATIC_A * x * z, QUADRATIC_C * (xx - yy),
    )  # fmt: skip
    for k in range(VIEW_FEATURES):
        row, value = rows[k], values[k]
        for s in range(first, last):
            row[s] = value


@njit(**HELPER)
def evaluate(
    network: Network,
    directions: np.ndarray,  # (R, 3)
    first: int,
    rays: int,
    lengths: np.ndarray,  # as `fill` has them
    points: np.ndarray,  # (3, tile), changed
    encoded: np.ndarray,  # (2 L, tile), written
    space: np.ndarray,  # (FORWARD_ROWS, tile), written
    bounds: np.ndarray,  # (MOST_RAYS + 1,), changed
    columns: np.ndarray,  # (tile,) int32, written
) -> int:
    """Density and colour of the tile's samples that light reaches; returns how many those are."""
    densities(network, points, bounds[rays], lengths[1], encoded, space)
    count = keep_visible(points, encoded, space, bounds, rays, lengths[2], columns)
    for k in range(rays):
        write_view(vector(directions, first + k), space, bounds[k], bounds[k + 1])
    colors(network, space, count)
    return count


@njit(**HELPER)
def colors(network: Network, space: np.ndarray, count: int) -> None:
    """Colours of the first ``count`` samples, from their features and views."""
    inputs, outer, rgb = space[COLOR_IN:OUTER], space[OUTER:RGB], space[RGB:SIGMA]
    layer(network.color_in, network.color_in_bias, inputs, outer, count, True)
    layer(network.color_out, network.color_out_bias, outer, rgb, count, False)
    for channel in range(3):
        row = rgb[channel]
        for s in range(count):
            row[s] = ONE / (ONE + exp(-row[s]))
