"""The kernels of `splats.cu` and how they are called: blending on a GPU, in the making.

What exists: forward and backward compositing, compiled for every architecture by the tests, and
run by them on the CPU through `cuda_host`, against the numba twin and the reference. What does
not yet: projection, sorting and binning on the device, and with them the operators' "cuda"
kernels. `rasterize` does not use this module, and **nothing here has run on a real GPU yet**.
"""

from pathlib import Path

import torch
from torch import Tensor

from ..splats.operators import PACKED, TILE
from ..splats.projection import MAX_ALPHA, MIN_ALPHA, MIN_TRANSMITTANCE
from .cuda_compile import Launch

SOURCE = Path(__file__).with_name("splats.cu")
KERNELS = ("composite", "composite_backward")
MOMENTS = 9  # as the kernels for the CPU have them
MACROS = {
    "TILE": TILE,
    "PACKED": PACKED,
    "MOMENTS": MOMENTS,
    "MIN_ALPHA": MIN_ALPHA,
    "MAX_ALPHA": MAX_ALPHA,
    "MIN_TRANSMITTANCE": MIN_TRANSMITTANCE,
}


def composite(
    launch: Launch,
    packed: Tensor,
    members: Tensor,
    bounds: Tensor,
    background: Tensor,
    width: int,
    height: int,
) -> tuple[Tensor, Tensor]:
    """Blend the splats of each tile; the twin of `composite.composite`.

    Args:
        launch: runs a kernel of `splats.cu` where the tensors are, see
            `cuda_launch.device_launcher` and `cuda_host.host_launcher`.
        packed: (N, 14) float32, the splats, see `project`.
        members: (pairs,) int32, splats of tile after tile, near to far.
        bounds: (2, tiles) int32, where a tile's members begin and end.
        background: (3,) float32.
        width: of the picture, pixels.
        height: of the picture, pixels.

    Returns:
        Image (H, W, 3) and alpha (H, W).
    """
    image, alpha = packed.new_empty(height, width, 3), packed.new_empty(height, width)
    arguments = (packed, members, bounds, background, width, height, image, alpha)
    launch("composite", tiles(width, height), (TILE, TILE), arguments)
    return image, alpha


def composite_backward(
    launch: Launch,
    packed: Tensor,
    members: Tensor,
    bounds: Tensor,
    rects: Tensor,
    starts: Tensor,
    image: Tensor,
    alpha: Tensor,
    grad_image: Tensor,
    grad_alpha: Tensor,
) -> Tensor:
    """Return what each tile's pixels say about its splats; the twin of the same in `composite`.

    Args: those of `composite`, and
        rects: (N, 4) int16, first and last (excluded) tile of each splat in x, in y.
        starts: (N + 1,) int32, first row of each splat in the result.
        image, alpha: as `composite` returned them.
        grad_image, grad_alpha: of the same shapes.

    Returns:
        Moments (pairs, 9), see `project`: the same bits on every run.
    """
    height, width = alpha.shape
    moments = torch.zeros(members.shape[0], MOMENTS, device=packed.device)
    arguments = (
        packed, members, bounds, rects, starts, image, alpha, grad_image, grad_alpha,
        width, height, moments,
    )  # fmt: skip
    launch("composite_backward", tiles(width, height), (TILE, TILE), arguments)
    return moments


def tiles(width: int, height: int) -> tuple[int, int]:
    """Tiles in x and y.

    >>> tiles(17, 16)
    (2, 1)
    """
    return -(-width // TILE), -(-height // TILE)
