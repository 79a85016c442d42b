"""CUDA's way through the compositing of rays: the twin of `volume_cpu`, with `volume.cu`.

It runs wherever a launcher runs the kernels: on a GPU with `cuda_launch`, and on the CPU with
`cuda_host`, where the tests compare it with the numba twin and the reference. **Nothing here has
run on a real GPU yet.**
"""

import warnings
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from .cuda_compile import CudaError, Launch
from .cuda_launch import device_launcher

SOURCE = Path(__file__).with_name("volume.cu")
KERNELS = ("composite_samples", "composite_samples_backward")
CHANNELS = 5  # of a ray: red, green, blue, sum of w t, opacity
MACROS = {"CHANNELS": CHANNELS}
WARP, RAYS_IN_A_BLOCK = 32, 8


@cache
def launcher(device: torch.device) -> Launch | None:
    """Return how to launch the kernels on a GPU; None, after a warning, where that does not work.

    Warns:
        RuntimeWarning: once for each GPU.
    """
    try:
        return device_launcher(SOURCE.read_text(), KERNELS, MACROS, device)
    except CudaError as error:
        warnings.warn(
            f"rays are composited on the CPU although their tensors are on {device}: {error}",
            RuntimeWarning,
            stacklevel=2,
        )
        return None


def composite_samples(
    launch: Launch, sigmas: Tensor, deltas: Tensor, colors: Tensor, ts: Tensor, starts: Tensor
) -> tuple[Tensor, Tensor, tuple[int, int] | None]:
    """As `volume_cpu.composite_samples`, with contiguous tensors on one device."""
    rays, weights = sigmas.new_zeros(len(starts) - 1, CHANNELS), torch.zeros_like(sigmas)
    for fault, tensor in enumerate((sigmas, deltas)):
        if bool((bad := ~(tensor >= 0)).any()):
            return rays, weights, (fault, int(torch.nonzero(bad)[0]))
    inputs = (sigmas, deltas, colors, ts, starts, len(rays))
    if len(rays):
        launch("composite_samples", _grid(len(rays)), _BLOCK, (*inputs, rays, weights))
    return rays, weights, None


def composite_samples_backward(
    launch: Launch,
    sigmas: Tensor,
    deltas: Tensor,
    colors: Tensor,
    ts: Tensor,
    starts: Tensor,
    weights: Tensor,
    grad_rays: Tensor,
    grad_weights: Tensor,
) -> tuple[Tensor, ...]:
    """As `volume_cpu.composite_samples_backward`: the same bits on every run."""
    gradients = tuple(map(torch.empty_like, (sigmas, deltas, colors, ts)))
    inputs = (sigmas, deltas, colors, ts, starts, len(grad_rays))
    kept = (weights, grad_rays, grad_weights)
    if len(grad_rays):
        name, grid = "composite_samples_backward", _grid(len(grad_rays))
        launch(name, grid, _BLOCK, (*inputs, *kept, *gradients))
    return gradients


_BLOCK = (WARP, RAYS_IN_A_BLOCK)


def _grid(rays: int) -> tuple[int, int]:
    return -(-rays // RAYS_IN_A_BLOCK), 1
