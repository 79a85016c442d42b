"""One training step of a `HashField` in compiled loops: march, look up, composite, differentiate.

`train` runs over rays, part by part, and leaves the gradient of each sample's encoding behind;
`train_tables` runs over the grid's levels, adds those up in the tables, and moves them. Nobody
writes where another one does: no atomics, and the same result on any number of threads.
"""

import math

import numpy as np
from numba import njit

from ..nerf.field import FEATURES, HIDDEN
from .field_forward import (
    ALPHA,
    COLOR_IN,
    FORWARD_ROWS,
    INNER,
    LARGEST_LOG,
    MOST_RAYS,
    OUTER,
    RGB,
    SIGMA,
    TS,
    Network,
    evaluate,
    fill,
)
from .field_network import ZERO, gradient_of_inputs, gradient_of_weights, unbend
from .hash_grid import scatter
from .threads import COMPILED, HELPER
from .vectors import ONE, clamp, share

# Rows of a tile's work space behind those of the forward pass: gradients.
GRAD_RGB = FORWARD_ROWS
GRAD_LOG = GRAD_RGB + 3  # of log(sigma)
GRAD_HIDDEN = GRAD_LOG + 1  # of the second hidden layer, then of the first
GRAD_FEATURES = GRAD_HIDDEN + HIDDEN
ROWS = GRAD_FEATURES + FEATURES


@njit(**COMPILED)
def train(
    part: int,
    parts: int,
    network: Network,
    gradients: Network,  # of arrays with a leading (parts,), added to; its tables are not used
    origins: np.ndarray,  # (R, 3), in units of the cube's half edge
    directions: np.ndarray,  # (R, 3)
    targets: np.ndarray,  # (R, 3)
    background: np.ndarray,  # (3,)
    jitter: np.ndarray,  # (R,)
    occupied: np.ndarray,  # (G, G, G) bool
    lengths: np.ndarray,  # (6,): as `field_forward.fill` has them, and Huber's delta
    points: np.ndarray,  # (parts, tiles, 3, tile), written, as are the next two
    encoded: np.ndarray,  # (parts, tiles, 2 L, tile): dL/dencoding of each kept sample
    kept: np.ndarray,  # (parts, tiles) int64: how many of them
    space: np.ndarray,  # (parts, ROWS, tile)
    report: np.ndarray,  # (parts, 3), written: samples, rays, loss
) -> None:
    """Differentiate the Huber loss of this part's rays, until its tiles are full.

    L = 1/R sum over rays and channels of huber(color - target).
    """
    tile, grads, count = space[part], own_gradients(gradients, part), np.float32(origins.shape[0])
    bounds, columns = np.empty(MOST_RAYS + 1, np.int64), np.empty(tile.shape[1], np.int32)
    first, last = share(part, parts, origins.shape[0])
    kept[part], samples, loss, ray, number = 0, 0, 0.0, first, 0
    while ray < last and number < kept.shape[1]:
        places, codes = points[part, number], encoded[part, number]
        rays = fill(
            origins, directions, jitter, occupied, lengths, ray, last, places, tile[TS], bounds
        )
        samples += bounds[rays]
        seen = evaluate(
            network, directions, ray, rays, lengths, places, codes, tile, bounds, columns
        )
        for k in range(rays):
            loss += blame(
                tile, bounds[k], bounds[k + 1], targets[ray + k], background, lengths[1],
                lengths[5], count,
            )  # fmt: skip
        go_back(network, grads, tile, codes, seen)
        kept[part, number] = seen
        number += 1
        ray += rays
    report[part, 0], report[part, 1], report[part, 2] = samples, ray - first, loss


@njit(**HELPER)
def own_gradients(gradients: Network, part: int) -> Network:
    """This part's gradients."""
    return Network(
        gradients.tables, gradients.resolutions,
        gradients.density_in[part], gradients.density_in_bias[part],
        gradients.density_out[part], gradients.density_out_bias[part],
        gradients.color_in[part], gradients.color_in_bias[part],
        gradients.color_out[part], gradients.color_out_bias[part],
    )  # fmt: skip


@njit(**HELPER)
def blame(
    tile: np.ndarray,
    first: int,
    last: int,
    target: np.ndarray,
    background: np.ndarray,
    step: np.float32,
    delta: np.float32,
    rays: np.float32,
) -> np.float32:
    """Composite one ray, compare, and write dL/d(colour before the sigmoid) and dL/d(log sigma).

    With g_i = dL/dcolor . c_i:  dL/dlog sigma_i = sigma_i step (T_{i+1} g_i - S_i), where S_i is
    what the loss gets from everything behind sample i, background included. Returns the loss.
    """
    red, green, blue = tile[RGB], tile[RGB + 1], tile[RGB + 2]
    alpha, light = tile[ALPHA], ONE
    r = g = b = ZERO
    for s in range(first, last):
        weight = light * alpha[s]
        r += weight * red[s]
        g += weight * green[s]
        b += weight * blue[s]
        light -= weight
    seen = (
        r + light * background[0], g + light * background[1], b + light * background[2]
    )  # fmt: skip
    loss, scale = ZERO, ONE / rays
    error = (seen[0] - target[0], seen[1] - target[1], seen[2] - target[2])
    for channel in range(3):
        size = abs(error[channel])
        inside = min(size, delta)
        loss += scale * inside * (size - np.float32(0.5) * inside)
    er = scale * clamp(error[0], -delta, delta)
    eg = scale * clamp(error[1], -delta, delta)
    eb = scale * clamp(error[2], -delta, delta)
    behind = er * seen[0] + eg * seen[1] + eb * seen[2]
    light = ONE
    for s in range(first, last):
        weight = light * alpha[s]
        light -= weight
        own = er * red[s] + eg * green[s] + eb * blue[s]
        behind -= weight * own
        by_log = step * tile[SIGMA, s] * (light * own - behind)
        tile[GRAD_LOG, s] = by_log if tile[COLOR_IN, s] <= LARGEST_LOG else ZERO
        tile[GRAD_RGB, s] = er * weight * red[s] * (ONE - red[s])
        tile[GRAD_RGB + 1, s] = eg * weight * green[s] * (ONE - green[s])
        tile[GRAD_RGB + 2, s] = eb * weight * blue[s] * (ONE - blue[s])
    return loss


@njit(**HELPER)
def go_back(
    network: Network, grads: Network, tile: np.ndarray, encoded: np.ndarray, count: int
) -> None:
    """From the samples' colours and densities back to the parameters and, in place, encodings."""
    outer, inner = tile[OUTER:RGB], tile[INNER:COLOR_IN]
    grad_rgb, grad_log = tile[GRAD_RGB:GRAD_LOG], tile[GRAD_LOG]
    grad_hidden, grad_features = tile[GRAD_HIDDEN:GRAD_FEATURES], tile[GRAD_FEATURES:ROWS]
    gradient_of_weights(outer, grad_rgb, count, grads.color_out, grads.color_out_bias)
    gradient_of_inputs(network.color_out, grad_rgb, grad_hidden, count)
    unbend(outer, grad_hidden, count)
    gradient_of_weights(
        tile[COLOR_IN:OUTER], grad_hidden, count, grads.color_in, grads.color_in_bias
    )
    gradient_of_inputs(network.color_in, grad_hidden, grad_features, count)
    first = grad_features[0]
    for s in range(count):
        first[s] += grad_log[s]
    gradient_of_weights(inner, grad_features, count, grads.density_out, grads.density_out_bias)
    gradient_of_inputs(network.density_out, grad_features, grad_hidden, count)
    unbend(inner, grad_hidden, count)
    gradient_of_weights(encoded, grad_hidden, count, grads.density_in, grads.density_in_bias)
    gradient_of_inputs(network.density_in, grad_hidden, encoded, count)


@njit(**HELPER)
def gradient_of_table(
    level: int,
    resolution: int,
    points: np.ndarray,
    encoded: np.ndarray,
    kept: np.ndarray,
    grad_table: np.ndarray,  # (T, 2), written
) -> None:
    """Add up what all tiles' samples say about one level's table."""
    grad_table[:] = ZERO
    for part in range(kept.shape[0]):
        for number in range(kept.shape[1]):
            codes = encoded[part, number]
            scatter(
                points[part, number], kept[part, number], resolution, codes[2 * level],
                codes[2 * level + 1], grad_table,
            )  # fmt: skip


@njit(**COMPILED)
def adam(
    parameters: np.ndarray,  # (n,), changed, as are the next two
    first_moment: np.ndarray,
    second_moment: np.ndarray,
    gradient: np.ndarray,
    rate: np.float32,
    corrections: np.ndarray,  # (2,): 1 / (1 - beta^t) for both moments
    betas: np.ndarray,  # (2,)
    epsilon: np.float32,
) -> None:
    """One step of Adam, as torch.optim.Adam takes it.

    Source: Kingma and Ba (2015), https://arxiv.org/abs/1412.6980, algorithm 1.
    """
    one, two = betas[0], betas[1]
    correct_one, correct_two = corrections[0], corrections[1]
    for i in range(parameters.shape[0]):
        g = gradient[i]
        m = one * first_moment[i] + (ONE - one) * g
        v = two * second_moment[i] + (ONE - two) * g * g
        first_moment[i], second_moment[i] = m, v
        parameters[i] -= rate * correct_one * m / (math.sqrt(correct_two * v) + epsilon)


@njit(**COMPILED)
def train_tables(
    level: int,
    levels: int,
    network: Network,
    points: np.ndarray,
    encoded: np.ndarray,
    kept: np.ndarray,
    grad_tables: np.ndarray,  # (L, T, 2), written
    moments: np.ndarray,  # (2, L, 2 T), changed
    rate: np.float32,
    corrections: np.ndarray,
    betas: np.ndarray,
    epsilon: np.float32,
) -> None:
    """Differentiate one level's table and take a step of Adam."""
    resolution = network.resolutions[level]
    entries = min(network.tables.shape[1], resolution**3)
    grad = grad_tables[level, :entries]
    gradient_of_table(level, resolution, points, encoded, kept, grad)
    adam(
        network.tables[level].reshape(-1)[: 2 * entries], moments[0, level, : 2 * entries],
        moments[1, level, : 2 * entries], grad.reshape(-1), rate, corrections, betas, epsilon,
    )  # fmt: skip
