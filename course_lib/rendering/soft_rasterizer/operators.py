"""The mesh rasterisers as PyTorch operators: what autograd, opcheck and torch.compile need to know.

They take triangles in the picture (`project_faces`) and run with numba on the CPU.
"""

from typing import Any

import torch
from torch import Tensor

FORWARD, BACKWARD = "course::rasterize_soft_mesh", "course::rasterize_soft_mesh_backward"
NEAREST = "course::nearest_faces"
KEPT = 6  # numbers a pixel that backward keeps, as the kernels have them


def _draw(
    corners: Tensor,
    inverse_depths: Tensor,
    colors: Tensor,
    background: Tensor,
    width: int,
    height: int,
    sigma: float,
    gamma: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Image (H, W, 3), alpha (H, W), and (H, W, KEPT) float64 for the way back."""
    from ..kernels import mesh_cpu  # numba takes half a second to import

    inputs = map(_numpy, (corners, inverse_depths, colors, background))
    image, alpha, kept = map(torch.from_numpy, mesh_cpu.draw(*inputs, width, height, sigma, gamma))
    return image, alpha, kept


def _shapes(
    corners: Tensor,
    inverse_depths: Tensor,
    colors: Tensor,
    background: Tensor,
    width: int,
    height: int,
    sigma: float,
    gamma: float,
) -> tuple[Tensor, Tensor, Tensor]:
    image, alpha = corners.new_empty(height, width, 3), corners.new_empty(height, width)
    return image, alpha, corners.new_empty(height, width, KEPT, dtype=torch.float64)


def _draw_backward(
    grad_image: Tensor,
    grad_alpha: Tensor,
    corners: Tensor,
    inverse_depths: Tensor,
    colors: Tensor,
    background: Tensor,
    sigma: float,
    gamma: float,
    kept: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of corners, inverse_depths and colors."""
    from ..kernels import mesh_cpu

    tensors = (grad_image, grad_alpha, corners, inverse_depths, colors, background)
    gradients = mesh_cpu.draw_backward(*map(_numpy, tensors), sigma, gamma, _numpy(kept))
    by_corners, by_depths, by_colors = map(torch.from_numpy, gradients)
    return by_corners, by_depths, by_colors


def _gradient_shapes(
    grad_image: Tensor, grad_alpha: Tensor, *inputs: Any
) -> tuple[Tensor, Tensor, Tensor]:
    by_corners, by_depths, by_colors = (
        torch.empty_like(tensor, memory_format=torch.contiguous_format) for tensor in inputs[:3]
    )
    return by_corners, by_depths, by_colors


def _keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor, Tensor]) -> None:
    *tensors, _width, _height, sigma, gamma = inputs
    ctx.save_for_backward(*tensors, output[1], output[2])
    ctx.softness = (sigma, gamma)
    ctx.mark_non_differentiable(output[2])


def _backward(ctx: Any, grad_image: Tensor, grad_alpha: Tensor, _: Any) -> tuple:
    *tensors, alpha, kept = ctx.saved_tensors
    gradients = rasterize_soft_mesh_backward(
        grad_image.contiguous(), grad_alpha.contiguous(), *tensors, *ctx.softness, kept
    )
    grad_background = None
    if ctx.needs_input_grad[3]:
        grad_background = torch.einsum("hwc,hw->c", grad_image, 1.0 - alpha)
    return (*gradients, grad_background, None, None, None, None)


def _see(corners: Tensor, inverse_depths: Tensor, width: int, height: int) -> Tensor:
    """The nearest face in each pixel, (H, W) int64, -1 where there is none."""
    from ..kernels import mesh_cpu

    return torch.from_numpy(mesh_cpu.see(_numpy(corners), _numpy(inverse_depths), width, height))


def _seen_shape(corners: Tensor, inverse_depths: Tensor, width: int, height: int) -> Tensor:
    return corners.new_empty(height, width, dtype=torch.int64)


def _numpy(tensor: Tensor) -> Any:
    return tensor.detach().contiguous().numpy()


for _name, _kernel, _fake in (
    (FORWARD, _draw, _shapes),
    (BACKWARD, _draw_backward, _gradient_shapes),
    (NEAREST, _see, _seen_shape),
):
    torch.library.define(_name, torch.library.infer_schema(_kernel, mutates_args=()))
    torch.library.impl(_name, "cpu", _kernel)
    torch.library.register_fake(_name, _fake)
torch.library.register_autograd(FORWARD, _backward, setup_context=_keep)

rasterize_soft_mesh = torch.ops.course.rasterize_soft_mesh.default
rasterize_soft_mesh_backward = torch.ops.course.rasterize_soft_mesh_backward.default
nearest_faces = torch.ops.course.nearest_faces.default
