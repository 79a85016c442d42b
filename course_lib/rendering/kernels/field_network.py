"""The layers of a `HashField`, forward and backward, for samples that lie side by side.

All arrays are (numbers of a sample, samples): what is next to each other in memory belongs to
neighbouring samples, so that sixteen of them are computed at once.
"""

import numpy as np
from numba import njit

from .threads import HELPER, HELPER_REORDERED

ZERO = np.float32(0)


@njit(**HELPER)
def layer(
    weights: np.ndarray, biases: np.ndarray, x: np.ndarray, y: np.ndarray, count: int, bend: bool
) -> None:
    """y = W x + b, and then relu if ``bend``. The number of inputs is a multiple of four."""
    outputs, inputs = weights.shape
    for j in range(outputs):
        out, bias = y[j], biases[j]
        for s in range(count):
            out[s] = bias
        for i in range(0, inputs, 4):
            a, b, c, d = weights[j, i], weights[j, i + 1], weights[j, i + 2], weights[j, i + 3]
            xa, xb, xc, xd = x[i], x[i + 1], x[i + 2], x[i + 3]
            for s in range(count):
                out[s] += a * xa[s] + b * xb[s] + c * xc[s] + d * xd[s]
        if bend:
            for s in range(count):
                out[s] = max(out[s], ZERO)


@njit(**HELPER_REORDERED)
def gradient_of_weights(
    x: np.ndarray,
    grad_y: np.ndarray,
    count: int,
    grad_weights: np.ndarray,
    grad_biases: np.ndarray,
) -> None:
    """Add dL/dW = dL/dy x^T and dL/db, summed over the samples."""
    outputs, inputs = grad_weights.shape
    for j in range(outputs):
        g = grad_y[j]
        total = ZERO
        for s in range(count):
            total += g[s]
        grad_biases[j] += total
        for i in range(0, inputs, 4):
            xa, xb, xc, xd = x[i], x[i + 1], x[i + 2], x[i + 3]
            a = b = c = d = ZERO
            for s in range(count):
                own = g[s]
                a += own * xa[s]
                b += own * xb[s]
                c += own * xc[s]
                d += own * xd[s]
            grad_weights[j, i] += a
            grad_weights[j, i + 1] += b
            grad_weights[j, i + 2] += c
            grad_weights[j, i + 3] += d


@njit(**HELPER)
def gradient_of_inputs(
    weights: np.ndarray, grad_y: np.ndarray, grad_x: np.ndarray, count: int
) -> None:
    """dL/dx = W^T dL/dy, for as many of the inputs as ``grad_x`` has rows."""
    outputs = weights.shape[0]
    whole = outputs - outputs % 4
    for i in range(grad_x.shape[0]):
        out = grad_x[i]
        for s in range(count):
            out[s] = ZERO
        for j in range(0, whole, 4):
            a, b, c, d = weights[j, i], weights[j + 1, i], weights[j + 2, i], weights[j + 3, i]
            ga, gb, gc, gd = grad_y[j], grad_y[j + 1], grad_y[j + 2], grad_y[j + 3]
            for s in range(count):
                out[s] += a * ga[s] + b * gb[s] + c * gc[s] + d * gd[s]
        for j in range(whole, outputs):
            a, ga = weights[j, i], grad_y[j]
            for s in range(count):
                out[s] += a * ga[s]


@njit(**HELPER)
def unbend(y: np.ndarray, grad_y: np.ndarray, count: int) -> None:
    """Where relu gave 0, no gradient comes back."""
    for j in range(y.shape[0]):
        out, g = y[j], grad_y[j]
        for s in range(count):
            g[s] = g[s] if out[s] > ZERO else ZERO
