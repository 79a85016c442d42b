"""The rasteriser as PyTorch operators: what autograd, opcheck and torch.compile need to know.

`rasterize_splats` and its backward each draw with CUDA where their tensors lie on a GPU and its
kernels work there, else with numba on the CPU, where they then copy the tensors. Their outputs have
the same shapes either way. **CUDA's part has not run on a real GPU yet.**

(Defined in two steps because ``torch.library.custom_op``, which does both in one, imports the
whole compiler at the first call: a second and a half.)
"""

from typing import Any

import torch
from torch import Tensor

from .arguments import check_camera

DEVICES = ("cpu", "cuda")
FORWARD, BACKWARD = "course::rasterize_splats", "course::rasterize_splats_backward"
PACKED, TILE_PARTS = 16, 8  # as the kernels have them
TILE = 16  # pixels, width and height of a tile on CUDA
CPU_TILE = (8, 32)

# Image (H, W, 3), alpha (H, W), then what backward keeps: packed (N, PACKED), rects (N, 4),
# order (N,), starts (N + 1,), places (9, tiles), and pairs (1,), the last of starts, on the CPU
# whatever the device, so that backward need not wait for it. No size depends on values, only on N,
# W and H.
Outputs = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]
Gradients = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]


def _rasterize_splats(
    means: Tensor,
    quats: Tensor,
    scales: Tensor,
    opacities: Tensor,
    colors: Tensor,
    viewmat: Tensor,
    background: Tensor,
    K: Tensor,
    width: int,
    height: int,
    degree: int,
) -> Outputs:
    """Draw; colors is (N, coefficients, 3), degree -1 for plain colours."""
    tensors = (means, quats, scales, opacities, colors, viewmat, K, background)
    if launch := _launcher(means.device):
        from ..kernels import splats_cuda

        return splats_cuda.draw(launch, *map(_plain, tensors), width, height, degree)
    from ..kernels import splats_cpu, threads  # numba takes half a second to import

    check_camera(viewmat, K)
    with threads.kernel_lock:
        drawn = splats_cpu.draw(*map(_numpy, tensors), width, height, degree)
    pairs = torch.tensor([int(drawn[5][-1])])
    return *(torch.from_numpy(array).to(means.device) for array in drawn), pairs


def _shapes(
    means: Tensor,
    quats: Tensor,
    scales: Tensor,
    opacities: Tensor,
    colors: Tensor,
    viewmat: Tensor,
    background: Tensor,
    K: Tensor,
    width: int,
    height: int,
    degree: int,
) -> Outputs:
    n = means.shape[0]
    across, down = (TILE, TILE) if means.device.type == "cuda" else CPU_TILE
    tiles = ((width + across - 1) // across) * ((height + down - 1) // down)
    return (
        means.new_empty(height, width, 3),
        means.new_empty(height, width),
        means.new_empty(n, PACKED),
        means.new_empty(n, 4, dtype=torch.int16),
        means.new_empty(n, dtype=torch.int32),
        means.new_empty(n + 1, dtype=torch.int32),
        means.new_empty(TILE_PARTS + 1, tiles, dtype=torch.int32),
        torch.empty(1, dtype=torch.int64, device="cpu"),
    )


def _rasterize_splats_backward(
    grad_image: Tensor,
    grad_alpha: Tensor,
    means: Tensor,
    quats: Tensor,
    scales: Tensor,
    opacities: Tensor,
    colors: Tensor,
    viewmat: Tensor,
    K: Tensor,
    width: int,
    height: int,
    degree: int,
    image: Tensor,
    alpha: Tensor,
    packed: Tensor,
    rects: Tensor,
    order: Tensor,
    starts: Tensor,
    places: Tensor,
    pairs: Tensor,
) -> Gradients:
    """Gradients of means, quats, scales, opacities, colors and viewmat."""
    before = (grad_image, grad_alpha, means, quats, scales, opacities, colors, viewmat, K)
    kept, sizes = (image, alpha, packed, rects, order, starts, places), (width, height, degree)
    if launch := _launcher(means.device):
        from ..kernels import splats_cuda

        tensors = (*map(_plain, before), *sizes, *map(_plain, kept), pairs)
        return splats_cuda.draw_backward(launch, *tensors)
    from ..kernels import splats_cpu, threads

    with threads.kernel_lock:
        gradients = splats_cpu.draw_backward(*map(_numpy, before), *sizes, *map(_numpy, kept))
    return tuple(torch.from_numpy(array).to(means.device) for array in gradients)


def _gradient_shapes(grad_image: Tensor, grad_alpha: Tensor, *inputs: Any) -> Gradients:
    return tuple(torch.empty_like(tensor, memory_format=torch.contiguous_format)
                 for tensor in inputs[:6])  # fmt: skip


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Outputs) -> None:
    *tensors, _, K, width, height, degree = inputs
    ctx.save_for_backward(*tensors, K, *output)
    ctx.sizes = (width, height, degree)
    ctx.mark_non_differentiable(*output[2:])
    ctx.set_materialize_grads(False)


def _backward(ctx: Any, grad_image: Tensor | None, grad_alpha: Tensor | None, *_: Any) -> tuple:
    *inputs, K, image, alpha, packed, rects, order, starts, places, pairs = ctx.saved_tensors
    grad_image = torch.zeros_like(image) if grad_image is None else grad_image
    grad_alpha = torch.zeros_like(alpha) if grad_alpha is None else grad_alpha
    kept = (image, alpha, packed, rects, order, starts, places, pairs)
    gradients = rasterize_splats_backward(
        grad_image.contiguous(), grad_alpha.contiguous(), *inputs, K, *ctx.sizes, *kept
    )
    grad_background = None
    if ctx.needs_input_grad[6]:
        grad_background = torch.einsum("hwc,hw->c", grad_image, 1.0 - alpha)
    return (*gradients, grad_background, None, None, None, None)


def _launcher(device: torch.device) -> Any:
    """How to launch CUDA kernels on the tensors' device; None: draw on the CPU."""
    if device.type != "cuda":
        return None
    from ..kernels import splats_cuda

    return splats_cuda.launcher(device)


def _plain(tensor: Tensor) -> Tensor:
    return tensor.detach().contiguous()


def _numpy(tensor: Tensor) -> Any:
    return _plain(tensor).cpu().numpy()


for _name, _kernel, _fake in (
    (FORWARD, _rasterize_splats, _shapes),
    (BACKWARD, _rasterize_splats_backward, _gradient_shapes),
):
    torch.library.define(_name, torch.library.infer_schema(_kernel, mutates_args=()))
    torch.library.impl(_name, DEVICES, _kernel)
    torch.library.register_fake(_name, _fake)
torch.library.register_autograd(FORWARD, _backward, setup_context=_keep)

rasterize_splats = torch.ops.course.rasterize_splats.default
rasterize_splats_backward = torch.ops.course.rasterize_splats_backward.default
