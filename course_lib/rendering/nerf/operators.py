"""Compositing as a PyTorch operator: what autograd, opcheck and torch.compile need to know.

`composite_samples` and its backward each run with CUDA where their tensors lie on a GPU and its
kernels work there, else with numba on the CPU, where they then copy the tensors. **CUDA's part has
not run on a real GPU yet.**
"""

from typing import Any

import torch
from torch import Tensor

from .arguments import FAULTS, check_starts

DEVICES = ("cpu", "cuda")
FORWARD, BACKWARD = "course::composite_samples", "course::composite_samples_backward"
CHANNELS = 5  # of a ray: red, green, blue, sum of w t, opacity


def _composite_samples(
    sigmas: Tensor, deltas: Tensor, colors: Tensor, ts: Tensor, starts: Tensor
) -> tuple[Tensor, Tensor]:
    """Rays (R, 5) and weights (M,); starts is (R + 1,) int32."""
    check_starts(starts, sigmas.shape[0])
    inputs = (sigmas, deltas, colors, ts, starts)
    if launch := _launcher(sigmas.device):
        from ..kernels import volume_cuda

        rays, weights, fault = volume_cuda.composite_samples(launch, *map(_plain, inputs))
    else:
        from ..kernels import volume_cpu  # numba takes half a second to import

        *arrays, fault = volume_cpu.composite_samples(*map(_numpy, inputs))
        rays, weights = (torch.from_numpy(array).to(sigmas.device) for array in arrays)
    if fault is not None:
        name, sentence = FAULTS[fault[0]].split(": ")
        raise ValueError(f"{name}: sample {fault[1]}: {sentence}")
    return rays, weights


def _shapes(
    sigmas: Tensor, deltas: Tensor, colors: Tensor, ts: Tensor, starts: Tensor
) -> tuple[Tensor, Tensor]:
    return sigmas.new_empty(starts.shape[0] - 1, CHANNELS), sigmas.new_empty(sigmas.shape[0])


def _composite_samples_backward(
    sigmas: Tensor,
    deltas: Tensor,
    colors: Tensor,
    ts: Tensor,
    starts: Tensor,
    weights: Tensor,
    grad_rays: Tensor,
    grad_weights: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients of sigmas, deltas, colors and ts."""
    kept = (sigmas, deltas, colors, ts, starts, weights, grad_rays, grad_weights)
    if launch := _launcher(sigmas.device):
        from ..kernels import volume_cuda

        gradients = volume_cuda.composite_samples_backward(launch, *map(_plain, kept))
    else:
        from ..kernels import volume_cpu

        arrays = volume_cpu.composite_samples_backward(*map(_numpy, kept))
        gradients = (torch.from_numpy(array).to(sigmas.device) for array in arrays)
    sigmas, deltas, colors, ts = gradients
    return sigmas, deltas, colors, ts


def _gradient_shapes(
    sigmas: Tensor, deltas: Tensor, colors: Tensor, ts: Tensor, *_: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    sigmas, deltas, colors, ts = (
        torch.empty_like(t, memory_format=torch.contiguous_format)
        for t in (sigmas, deltas, colors, ts)
    )
    return sigmas, deltas, colors, ts


def _keep(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, Tensor]) -> None:
    ctx.save_for_backward(*inputs, output[1])


def _backward(ctx: Any, grad_rays: Tensor, grad_weights: Tensor) -> tuple[Tensor | None, ...]:
    gradients = composite_samples_backward(
        *ctx.saved_tensors, grad_rays.contiguous(), grad_weights.contiguous()
    )
    return (*gradients, None)


def _launcher(device: torch.device) -> Any:
    """How to launch CUDA kernels on the tensors' device; None: compute on the CPU."""
    if device.type != "cuda":
        return None
    from ..kernels import volume_cuda

    return volume_cuda.launcher(device)


def _plain(tensor: Tensor) -> Tensor:
    return tensor.detach().contiguous()


def _numpy(tensor: Tensor) -> Any:
    return _plain(tensor).cpu().numpy()


for _name, _kernel, _fake in (
    (FORWARD, _composite_samples, _shapes),
    (BACKWARD, _composite_samples_backward, _gradient_shapes),
):
    torch.library.define(_name, torch.library.infer_schema(_kernel, mutates_args=()))
    torch.library.impl(_name, DEVICES, _kernel)
    torch.library.register_fake(_name, _fake)
torch.library.register_autograd(FORWARD, _backward, setup_context=_keep)

composite_samples = torch.ops.course.composite_samples.default
composite_samples_backward = torch.ops.course.composite_samples_backward.default
