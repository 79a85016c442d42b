"""Compositing at the speed of compiled loops: the twin of `volume`."""

from typing import NamedTuple

import torch
from torch import Tensor

from .arguments import check_colors, check_floats, check_shape, check_starts_shape
from .operators import DEVICES, composite_samples
from .volume import LEAST_OPACITY


class Rendered(NamedTuple):
    """What rays see.

    Attributes:
        color: (..., 3), RGB.
        depth: (...), mean distance of what is seen, world units along the ray; 0 where there is
            nothing.
        opacity: (...), 0 where the ray passes through, 1 where it is stopped.
    """

    color: Tensor
    depth: Tensor
    opacity: Tensor


def composite_rays(
    sigmas: Tensor,
    deltas: Tensor,
    colors: Tensor,
    ts: Tensor,
    starts: Tensor | None = None,
    background: Tensor | None = None,
) -> tuple[Rendered, Tensor]:
    """Composite the samples of many rays, differentiably, in one compiled pass.

    Computes what `volume_weights` and `composite` do (without starts) or `composite_packed` (with).

    Args:
        sigmas: (R, S), densities, at least 0; or (M,) with starts. float32.
        deltas: the same shape, lengths of the steps, world units, at least 0.
        colors: (R, S, 3) or (M, 3), RGB.
        ts: shaped like sigmas, where the samples lie, world units along the ray.
        starts: None, or (R + 1,) integers from 0 to M: ray r owns the samples starts[r] to
            starts[r + 1] (excluded).
        background: (3,) or (R, 3); None is black.

    Returns:
        `Rendered` and the weights, shaped like sigmas. Differentiable by sigmas, deltas, colors,
        ts and background; the same bits on every run.

    Raises:
        TypeError: not float32 tensors.
        ValueError: shapes that do not match; NaN or a negative number in sigmas or deltas;
            starts as `composite_packed` refuses them.
        NotImplementedError: tensors on a device that is neither the CPU nor a GPU of CUDA.

    Source: Mildenhall et al. (2020), https://arxiv.org/abs/2003.08934, equation (3).

    >>> sigmas, starts = torch.tensor([1.0, 1.0, torch.inf]), torch.tensor([0, 2, 2, 3])
    >>> rendered, _ = composite_rays(
    ...     sigmas, torch.ones(3), torch.ones(3, 3), torch.ones(3), starts)
    >>> rendered.opacity
    tensor([0.8647, 0.0000, 1.0000])
    """
    check_floats(sigmas=sigmas, deltas=deltas, colors=colors, ts=ts)
    if sigmas.dtype != torch.float32:
        raise TypeError(f"sigmas: got {sigmas.dtype}, wanted float32; volume_weights takes both")
    if sigmas.device.type not in DEVICES:
        raise NotImplementedError(f"sigmas: is on {sigmas.device}, which has no kernel yet")
    if sigmas.ndim != (2 if starts is None else 1):
        wanted = "(R, S)" if starts is None else "(M,) with starts"
        raise ValueError(f"sigmas: got shape {tuple(sigmas.shape)}, wanted {wanted}")
    check_shape("deltas", deltas, *sigmas.shape)
    check_colors(sigmas, colors, ts)
    if starts is None:
        rays, samples = sigmas.shape
        starts = torch.arange(rays + 1, device=sigmas.device, dtype=torch.int32) * samples
    check_starts_shape(starts)
    packed = (sigmas.reshape(-1), deltas.reshape(-1), colors.reshape(-1, 3), ts.reshape(-1))
    summed, weights = composite_samples(*packed, starts.to(torch.int32))
    color, distance, opacity = summed.split([3, 1, 1], dim=-1)
    depth = distance / opacity.clamp_min(LEAST_OPACITY)
    if background is not None:
        color = color + (1.0 - opacity) * background
    return Rendered(color, depth[:, 0], opacity[:, 0]), weights.view(sigmas.shape)
