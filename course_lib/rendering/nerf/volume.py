"""From densities along a ray to a colour: the sum to read, and to differentiate with PyTorch.

A ray is cut into steps. Step i has density sigma_i and length delta_i, and so keeps the share
alpha_i = 1 - exp(-sigma_i delta_i) of the light that reaches it. What reaches it is the
transmittance T_i, the product of what all steps before it let through.
"""

from itertools import pairwise

import torch
from torch import Tensor

from .arguments import check_colors, check_finite, check_samples, check_starts

LEAST_OPACITY = 1e-8  # below this a ray's depth falls to 0 instead of meaning anything


def volume_weights(sigmas: Tensor, deltas: Tensor) -> tuple[Tensor, Tensor]:
    """Return how much each step of a ray adds to its colour, and the light that is left.

    w_i = T_i alpha_i with alpha_i = 1 - exp(-sigma_i delta_i), T_i = exp(-sum_{j < i} sigma_j
    delta_j). The weights and the last transmittance add to one.

    Args:
        sigmas: (..., S), densities, at least 0, 1 / world unit. Infinity is a solid wall.
        deltas: (..., S), lengths of the steps, at least 0, world units. A step of length 0 adds
            nothing, whatever its density.

    Returns:
        weights (..., S) in [0, 1], and the transmittance behind the last step (...).

    Raises:
        TypeError: not tensors of one floating dtype.
        ValueError: shapes differ; NaN or a negative number.

    Source: Max (1995), https://doi.org/10.1109/2945.468400; Mildenhall et al. (2020),
    https://arxiv.org/abs/2003.08934, equation (3).

    >>> weights, remaining = volume_weights(torch.tensor([0.0, 2.0, 5.0]), torch.full((3,), 0.5))
    >>> weights, remaining
    (tensor([0.0000, 0.6321, 0.3377]), tensor(0.0302))
    """
    check_samples(sigmas, deltas)
    # Infinity times a step of length zero would be NaN; the largest finite number gives the limit.
    largest = torch.finfo(sigmas.dtype).max
    depths = sigmas.clamp_max(largest) * deltas.clamp_max(largest)  # optical depths (..., S)
    alphas = -torch.expm1(-depths)
    passed = torch.exp(-torch.cumsum(depths, dim=-1))  # behind each step
    light = torch.nn.functional.pad(passed, (1, 0), value=1.0)  # (..., S + 1)
    return light[..., :-1] * alphas, light[..., -1]


def composite(
    weights: Tensor, colors: Tensor, ts: Tensor, background: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Return what a ray sees: colour, depth and opacity.

    opacity = sum_i w_i, color = sum_i w_i c_i + (1 - opacity) background,
    depth = sum_i w_i t_i / opacity.

    Args:
        weights: (..., S), see `volume_weights`.
        colors: (..., S, 3), RGB.
        ts: (..., S), where along the ray the samples lie, world units.
        background: (3,) or (..., 3), RGB; None is black.

    Returns:
        color (..., 3); depth (...), the mean distance of what is seen, world units along the ray,
        0 where there is nothing; opacity (...).

    Raises:
        TypeError: not tensors of one floating dtype.
        ValueError: shapes that do not match; colours or distances that are not finite.

    Source: Mildenhall et al. (2020), https://arxiv.org/abs/2003.08934, equation (3).

    >>> weights, colors = torch.tensor([0.5, 0.25]), torch.eye(3)[:2]
    >>> composite(weights, colors, torch.tensor([2.0, 5.0]), background=torch.ones(3))
    (tensor([0.7500, 0.5000, 0.2500]), tensor(3.), tensor(0.7500))
    """
    check_colors(weights, colors, ts)
    check_finite(colors=colors, ts=ts)
    opacity = weights.sum(dim=-1)
    color = (weights[..., None] * colors).sum(dim=-2)
    if background is not None:
        color = color + (1.0 - opacity)[..., None] * background
    depth = (weights * ts).sum(dim=-1) / opacity.clamp_min(LEAST_OPACITY)
    return color, depth, opacity


def composite_packed(
    sigmas: Tensor,
    deltas: Tensor,
    colors: Tensor,
    ts: Tensor,
    starts: Tensor,
    background: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Composite rays of different numbers of samples, one ray after the other.

    Args:
        sigmas: (M,), the samples of all rays one behind the other, as in `volume_weights`.
        deltas: (M,).
        colors: (M, 3).
        ts: (M,).
        starts: (R + 1,) integers; ray r owns the samples starts[r] to starts[r + 1] (excluded).
        background: see `composite`.

    Returns:
        color (R, 3), depth (R,), opacity (R,), see `composite`.

    Raises:
        TypeError, ValueError: as `volume_weights` and `composite`; starts that do not begin at 0,
            fall, or do not end at M.

    >>> sigmas, starts = torch.tensor([1.0, 1.0, torch.inf]), torch.tensor([0, 2, 2, 3])
    >>> composite_packed(sigmas, torch.ones(3), torch.ones(3, 3), torch.ones(3), starts)[2]
    tensor([0.8647, 0.0000, 1.0000])
    """
    check_samples(sigmas, deltas)
    check_colors(sigmas, colors, ts)
    check_starts(starts, sigmas.shape[0])
    behind = None if background is None else background.expand(starts.shape[0] - 1, 3)
    rays = []
    for ray, (first, last) in enumerate(pairwise(starts.tolist())):
        weights, _ = volume_weights(sigmas[first:last], deltas[first:last])
        own = None if behind is None else behind[ray]
        rays.append(composite(weights, colors[first:last], ts[first:last], own))
    if not rays:
        return sigmas.new_zeros(0, 3), sigmas.new_zeros(0), sigmas.new_zeros(0)
    color, depth, opacity = (torch.stack(parts) for parts in zip(*rays, strict=True))
    return color, depth, opacity
