"""Compositing the samples of rays, and its derivative: the twin of `nerf.volume`.

Light and sums are kept in double precision: a processor adds doubles as fast as floats, and rays
have hundreds of samples.
"""

import math

import numpy as np
from numba import njit

from .threads import COMPILED, in_parallel
from .vectors import share

LARGEST = np.finfo(np.float32).max
RAYS_IN_A_PART = 256
MOST_PARTS = 64
NO_FAULT = -1


@njit(**COMPILED)
def composite(
    part: int,
    parts: int,
    sigmas: np.ndarray,  # (M,)
    deltas: np.ndarray,  # (M,)
    colors: np.ndarray,  # (M, 3)
    ts: np.ndarray,  # (M,)
    starts: np.ndarray,  # (R + 1,) int32
    rays: np.ndarray,  # (R, 5), written: red, green, blue, sum of w t, opacity
    weights: np.ndarray,  # (M,), written
    faults: np.ndarray,  # (parts, 2), written: which of `nerf.arguments.FAULTS`, and where
) -> None:
    """Composite this part's rays."""
    faults[part, 0] = NO_FAULT
    first, last = share(part, parts, starts.shape[0] - 1)
    for ray in range(first, last):
        depth = 0.0  # optical, of all samples so far
        light = 1.0
        red = green = blue = distance = opacity = 0.0
        for i in range(starts[ray], starts[ray + 1]):
            if not (sigmas[i] >= 0.0 and deltas[i] >= 0.0):
                faults[part, 0], faults[part, 1] = np.int64(sigmas[i] >= 0.0), i
                return
            step = min(sigmas[i], LARGEST) * min(deltas[i], LARGEST)
            weight = light * -math.expm1(-np.float64(step))
            depth += step
            light = math.exp(-depth)
            red += weight * colors[i, 0]
            green += weight * colors[i, 1]
            blue += weight * colors[i, 2]
            distance += weight * ts[i]
            opacity += weight
            weights[i] = weight
        rays[ray, 0], rays[ray, 1], rays[ray, 2] = red, green, blue
        rays[ray, 3], rays[ray, 4] = distance, opacity


@njit(**COMPILED)
def composite_backward(
    part: int,
    parts: int,
    sigmas: np.ndarray,
    deltas: np.ndarray,
    colors: np.ndarray,
    ts: np.ndarray,
    starts: np.ndarray,
    weights: np.ndarray,
    grad_rays: np.ndarray,  # (R, 5)
    grad_weights: np.ndarray,  # (M,)
    grad_sigmas: np.ndarray,  # (M,), written
    grad_deltas: np.ndarray,  # (M,), written
    grad_colors: np.ndarray,  # (M, 3), written
    grad_ts: np.ndarray,  # (M,), written
) -> None:
    """Differentiate this part's rays.

    With g_i = dL/dw_i and tau_i = sigma_i delta_i, from far to near:

        dL/dtau_i = T_{i+1} g_i - S_i,   S_i = sum_{j > i} w_j g_j.

    On the way out, `grad_sigmas` holds the light behind each sample.
    """
    first, last = share(part, parts, starts.shape[0] - 1)
    for ray in range(first, last):
        depth = 0.0
        for i in range(starts[ray], starts[ray + 1]):
            depth += min(sigmas[i], LARGEST) * min(deltas[i], LARGEST)
            grad_sigmas[i] = math.exp(-depth)
        g = grad_rays[ray]
        behind = 0.0
        for i in range(starts[ray + 1] - 1, starts[ray] - 1, -1):
            weight = weights[i]
            grad_colors[i, 0] = weight * g[0]
            grad_colors[i, 1] = weight * g[1]
            grad_colors[i, 2] = weight * g[2]
            grad_ts[i] = weight * g[3]
            own = g[0] * colors[i, 0] + g[1] * colors[i, 1] + g[2] * colors[i, 2]
            own += g[3] * ts[i] + g[4] + grad_weights[i]
            by_depth = grad_sigmas[i] * own - behind
            behind += np.float64(weight) * own
            # An infinite density or length stays what it is: no gradient.
            grad_sigmas[i] = min(deltas[i], LARGEST) * by_depth if sigmas[i] <= LARGEST else 0.0
            grad_deltas[i] = min(sigmas[i], LARGEST) * by_depth if deltas[i] <= LARGEST else 0.0


def composite_samples(
    sigmas: np.ndarray, deltas: np.ndarray, colors: np.ndarray, ts: np.ndarray, starts: np.ndarray
) -> tuple[np.ndarray, np.ndarray, tuple[int, int] | None]:
    """Return rays (R, 5), weights (M,), and the first fault and its place, or None."""
    rays = np.zeros((starts.shape[0] - 1, 5), np.float32)
    weights = np.zeros(sigmas.shape[0], np.float32)
    parts = _parts(rays.shape[0])
    faults = np.empty((parts, 2), np.int64)
    samples = (sigmas, deltas, colors, ts, starts)
    in_parallel(composite, parts, *samples, rays, weights, faults)
    found = [(fault, place) for fault, place in faults.tolist() if fault != NO_FAULT]
    return rays, weights, found[0] if found else None


def composite_samples_backward(
    sigmas: np.ndarray,
    deltas: np.ndarray,
    colors: np.ndarray,
    ts: np.ndarray,
    starts: np.ndarray,
    weights: np.ndarray,
    grad_rays: np.ndarray,
    grad_weights: np.ndarray,
) -> tuple[np.ndarray, ...]:
    """Return the gradients of sigmas, deltas, colors and ts."""
    inputs = (sigmas, deltas, colors, ts)
    gradients = tuple(map(np.empty_like, inputs))
    parts = _parts(grad_rays.shape[0])
    in_parallel(
        composite_backward, parts, *inputs, starts, weights, grad_rays, grad_weights, *gradients
    )
    return gradients


def _parts(rays: int) -> int:
    return max(1, min(MOST_PARTS, rays // RAYS_IN_A_PART))
