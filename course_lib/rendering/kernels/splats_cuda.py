"""CUDA's way through the kernels, forward and back: the twin of `splats_cpu`.

The kernels are in ``splats_*.cu``, and `cuda_stages` has a function for each. All of it runs
wherever a launcher runs the kernels: on a GPU with `cuda_launch`, and on the CPU with `cuda_host`,
where the tests compare it with the numba twin and the reference. **Nothing here has run on a real
GPU yet.**
"""

import warnings
from functools import cache

import torch
from torch import Tensor

from ..splats.arguments import check_camera, fault_error
from ..splats.operators import TILE_PARTS
from .cuda_compile import CudaError, Launch
from .cuda_launch import device_launcher
from .cuda_stages import (
    KERNELS,
    MACROS,
    composite,
    composite_backward,
    project,
    project_backward,
    shade,
    shade_backward,
    source,
    tile_lists,
)

MOST_PAIRS = 2**31 - 1


@cache
def launcher(device: torch.device) -> Launch | None:
    """Return how to launch the kernels on a GPU; None, after a warning, where that does not work.

    Warns:
        RuntimeWarning: once for each GPU.
    """
    try:
        return device_launcher(source(), KERNELS, MACROS, device)
    except CudaError as error:
        warnings.warn(
            f"rasterize computes on the CPU, slowly, although its tensors are on {device}: {error}",
            RuntimeWarning,
            stacklevel=2,
        )
        return None


def draw(
    launch: Launch,
    means: Tensor,
    quats: Tensor,
    scales: Tensor,
    opacities: Tensor,
    colors: Tensor,
    viewmat: Tensor,
    K: Tensor,
    background: Tensor,
    width: int,
    height: int,
    degree: int,
) -> tuple[Tensor, ...]:
    """Return image (H, W, 3), alpha (H, W), and what `draw_backward` wants to have kept.

    Args:
        launch: runs a kernel where the tensors are, see `cuda_launch.device_launcher` and
            `cuda_host.host_launcher`.
        The rest: as `splats_cpu.draw`, contiguous tensors on one device.

    Returns:
        As `splats_cpu.draw`, except that ``order`` has the splats that are not seen behind the
        others and of ``places`` only the first and the last row mean something; and the number of
        pairs, (1,) int64 on the CPU, the only number that is waited for.

    Raises:
        ValueError: a camera or a Gaussian that cannot be drawn.
    """
    camera = (viewmat, K, width, height)
    packed, rects, touched, keys = project(launch, means, quats, scales, opacities, *camera)
    shade(launch, means, colors, viewmat, degree, touched[1:], packed)
    starts = touched.cumsum(0)
    pairs = _pairs(touched, starts, viewmat, K)
    order, starts = keys.sort(stable=True).indices.int(), starts.int()
    members, bounds = tile_lists(launch, order, rects, starts, pairs, width, height)
    image, alpha = composite(launch, packed, members, bounds, background, width, height)
    places = torch.cat([bounds[:1].expand(TILE_PARTS, -1), bounds[1:]])
    return image, alpha, packed, rects, order, starts, places, torch.tensor([pairs])


def draw_backward(
    launch: Launch,
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
) -> tuple[Tensor, ...]:
    """Return the gradients of means, quats, scales, opacities, colors and viewmat.

    The tiles' lists are made again, from what `draw` kept: keeping them would take memory whose
    size depends on what is seen. Waits for nothing from the GPU.
    """
    members, bounds = tile_lists(launch, order, rects, starts, int(pairs), width, height)
    seen = (image, alpha, grad_image, grad_alpha)
    moments = composite_backward(launch, packed, members, bounds, rects, starts, *seen)
    camera = (viewmat, K, width, height)
    *grads, shown, pose = project_backward(
        launch, means, quats, scales, opacities, *camera, packed, starts, moments
    )
    if degree < 0:
        return *grads, shown[:, None], _viewmat_gradient(viewmat, pose, pose.new_zeros(1, 3))
    grad_colors, eye = shade_backward(
        launch, means, colors, viewmat, degree, packed, starts, shown, grads[0]
    )
    return *grads, grad_colors, _viewmat_gradient(viewmat, pose, eye)


def _pairs(touched: Tensor, starts: Tensor, viewmat: Tensor, K: Tensor) -> int:
    """Raise for what cannot be drawn, or return the number of (splat, tile) pairs.

    Everything that Python has to know comes in one transfer, as float64, which holds it exactly.
    """
    told = (starts[-1:], touched.min()[None], viewmat.flatten(), K.flatten())
    pairs, least, *camera = torch.cat([numbers.double() for numbers in told]).tolist()
    check_camera(torch.tensor(camera[:16]).view(4, 4), torch.tensor(camera[16:]).view(3, 3))
    if least < 0:
        first = int(torch.nonzero(touched < 0)[0])
        raise fault_error(-1 - int(touched[first]), first - 1)
    if pairs > MOST_PAIRS:
        raise ValueError(f"scales: the Gaussians cover {pairs:.0f} tiles together, too many")
    return int(pairs)


def _viewmat_gradient(viewmat: Tensor, pose: Tensor, eye: Tensor) -> Tensor:
    """Add up what the warps wrote: (warps, 12) dL/dR and dL/dt, (warps, 3) -dL/deye."""
    by_pose = pose.sum(dim=0, dtype=torch.float64).view(4, 3)
    by_eye = eye.sum(dim=0, dtype=torch.float64)
    rotation, translation = viewmat[:3, :3], viewmat[:3, 3]
    gradient = torch.zeros_like(viewmat)
    # The camera stands at eye = -R^T t.
    gradient[:3, :3] = by_pose[:3] + translation[:, None] * by_eye
    gradient[:3, 3] = by_pose[3] + (rotation * by_eye).sum(dim=1)
    return gradient
