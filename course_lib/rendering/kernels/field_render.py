"""Drawing a `HashField` along rays, and asking it for densities, in compiled loops."""

import numpy as np
from numba import njit

from .field_forward import ALPHA, MOST_RAYS, RGB, SIGMA, TS, Network, densities, evaluate, fill
from .field_network import ZERO
from .threads import COMPILED, HELPER
from .vectors import ONE, share


@njit(**COMPILED)
def render(
    part: int,
    parts: int,
    network: Network,
    origins: np.ndarray,  # (R, 3), in units of the cube's half edge
    directions: np.ndarray,  # (R, 3)
    jitter: np.ndarray,  # (R,)
    occupied: np.ndarray,  # (G, G, G) bool
    lengths: np.ndarray,  # (5,), see `field_forward.fill`
    points: np.ndarray,  # (parts, 3, tile)
    encoded: np.ndarray,  # (parts, 2 L, tile)
    space: np.ndarray,  # (parts, FORWARD_ROWS, tile)
    rays: np.ndarray,  # (R, 5), written: red, green, blue, sum of w t (in half edges), opacity
) -> None:
    """Draw this part's rays."""
    places, codes, tile = points[part], encoded[part], space[part]
    bounds, columns = np.empty(MOST_RAYS + 1, np.int64), np.empty(tile.shape[1], np.int32)
    ray, last = share(part, parts, origins.shape[0])
    while ray < last:
        taken = fill(
            origins, directions, jitter, occupied, lengths, ray, last, places, tile[TS], bounds
        )
        evaluate(network, directions, ray, taken, lengths, places, codes, tile, bounds, columns)
        for k in range(taken):
            composite(tile, bounds[k], bounds[k + 1], rays[ray + k])
        ray += taken


@njit(**HELPER)
def composite(tile: np.ndarray, first: int, last: int, ray: np.ndarray) -> None:
    """Add up one ray's samples."""
    light = ONE
    r = g = b = distance = ZERO
    for s in range(first, last):
        weight = light * tile[ALPHA, s]
        r += weight * tile[RGB, s]
        g += weight * tile[RGB + 1, s]
        b += weight * tile[RGB + 2, s]
        distance += weight * tile[TS, s]
        light -= weight
    ray[0], ray[1], ray[2], ray[3], ray[4] = r, g, b, distance, ONE - light


@njit(**COMPILED)
def density(
    part: int,
    parts: int,
    network: Network,
    places: np.ndarray,  # (M, 3), in units of the cube's half edge
    points: np.ndarray,  # (parts, 3, tile)
    encoded: np.ndarray,  # (parts, 2 L, tile)
    space: np.ndarray,  # (parts, FORWARD_ROWS, tile)
    sigmas: np.ndarray,  # (M,), written
) -> None:
    """Densities at this part's places."""
    first, last = share(part, parts, places.shape[0])
    own, codes, tile = points[part], encoded[part], space[part]
    for begin in range(first, last, tile.shape[1]):
        count = min(tile.shape[1], last - begin)
        for s in range(count):
            for axis in range(3):
                own[axis, s] = places[begin + s, axis]
        densities(network, own, count, ONE, codes, tile)
        for s in range(count):
            sigmas[begin + s] = tile[SIGMA, s]
