"""The stages of the splat rasteriser on CUDA: a kernel of ``splats_*.cu`` each, or PyTorch's sort.

All of them run wherever ``launch`` runs a kernel, on tensors that lie there: contiguous, float32
where nothing else is said. See `cuda_launch.device_launcher` and `cuda_host.host_launcher`.
"""

from pathlib import Path

import torch
from torch import Tensor

from ..splats import harmonics
from ..splats.operators import PACKED, TILE
from ..splats.projection import (
    COVARIANCE_BLUR,
    GUARD,
    MAX_ALPHA,
    MIN_ALPHA,
    MIN_TRANSMITTANCE,
    NEAR,
)
from .cuda_compile import Launch

SOURCES = tuple(
    f"splats_{part}.cu" for part in ("vectors", "project", "colors", "bins", "composite")
)
KERNELS = (
    "project_splats",
    "project_splats_backward",
    "shade",
    "shade_backward",
    "list_pairs",
    "composite",
    "composite_backward",
)
MOMENTS = 9  # as the kernels for the CPU have them
THREADS = 256  # in a block of the kernels with one thread for each thing
WARP = 32
MACROS = {
    "TILE": TILE,
    "THREADS": THREADS,
    "PACKED": PACKED,
    "MOMENTS": MOMENTS,
    "MIN_ALPHA": MIN_ALPHA,
    "MAX_ALPHA": MAX_ALPHA,
    "MIN_TRANSMITTANCE": MIN_TRANSMITTANCE,
    "COVARIANCE_BLUR": COVARIANCE_BLUR,
    "NEAR": NEAR,
    "GUARD": GUARD,
    "LARGEST": torch.finfo(torch.float32).max,
    "SH_CONSTANT": harmonics.SH_CONSTANT,
    "SH_LINEAR": harmonics.SH_LINEAR,
    **{f"SH_QUADRATIC_{k}": value for k, value in enumerate(harmonics.SH_QUADRATIC)},
    **{f"SH_CUBIC_{k}": value for k, value in enumerate(harmonics.SH_CUBIC)},
}
SIDES = ("left", "right")
UNSEEN = 2**31 - 1  # as a depth's bits: behind infinity


def source() -> str:
    """The text of all `SOURCES` as one; the compiler still knows which line is whose."""
    folder = Path(__file__).parent
    return "\n".join(f'#line 1 "{name}"\n{(folder / name).read_text()}' for name in SOURCES)


def project(
    launch: Launch,
    means: Tensor,
    quats: Tensor,
    scales: Tensor,
    opacities: Tensor,
    viewmat: Tensor,
    K: Tensor,
    width: int,
    height: int,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Project, cull, and say which tiles each Gaussian touches; the twin of `project_splats`.

    Returns:
        packed (N, PACKED), without colours; rects (N, 4) int16; touched (N + 1,) int32, a zero and
        then the tiles of each Gaussian or, of what cannot be drawn, -1 - its index into `FAULTS`;
        the bits of the depths (N,) int32, `UNSEEN` of what is not seen.
    """
    count = means.shape[0]
    packed = means.new_zeros(count, PACKED)
    rects = means.new_zeros(count, 4, dtype=torch.int16)
    touched = means.new_zeros(count + 1, dtype=torch.int32)
    keys = means.new_full((count,), UNSEEN, dtype=torch.int32)
    arguments = (means, quats, scales, opacities, viewmat, K, count, width, height)
    arguments += (packed, rects, touched[1:], keys)
    _launch_each(launch, "project_splats", count, arguments)
    return packed, rects, touched, keys


def shade(
    launch: Launch,
    means: Tensor,
    colors: Tensor,
    viewmat: Tensor,
    degree: int,
    touched: Tensor,
    packed: Tensor,
) -> None:
    """Write the colours of what is seen into columns 6 to 8 of ``packed``; twin of `colors.shade`.

    Args:
        touched: (N,) int32, without the zero in front; faults are written.
    """
    count, coefficients = colors.shape[:2]
    arguments = (means, colors, viewmat, count, coefficients, degree, touched, packed)
    _launch_each(launch, "shade", count, arguments)


def tile_lists(
    launch: Launch,
    order: Tensor,
    rects: Tensor,
    starts: Tensor,
    pairs: int,
    width: int,
    height: int,
) -> tuple[Tensor, Tensor]:
    """List the splats of each tile, near to far; the twin of `bins.list_members`.

    The pairs are written down in the order of their splats' depth. A stable sort by tile leaves
    those of one tile in that order.

    Args:
        order: (N,) int32, splats from near to far.
        rects: (N, 4) int16, first and last (excluded) tile of each splat in x, in y.
        starts: (N + 1,) int32, running sum of the tiles of each splat.
        pairs: the last of ``starts``.

    Returns:
        members (pairs,) int32, tile after tile, and bounds (2, tiles) int32, where a tile's begin
        and end.
    """
    ends = starts.diff().index_select(0, order).cumsum(0).int()
    tile, owner = (order.new_empty(pairs) for _ in range(2))
    arguments = (order, ends, rects, order.shape[0], pairs, width, tile, owner)
    _launch_each(launch, "list_pairs", pairs, arguments)
    tile, by_tile = tile.sort(stable=True)
    tiles_x, tiles_y = tiles(width, height)
    numbers = torch.arange(tiles_x * tiles_y, dtype=tile.dtype, device=tile.device)
    bounds = [torch.searchsorted(tile, numbers, out_int32=True, side=side) for side in SIDES]
    return owner.index_select(0, by_tile), torch.stack(bounds)


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
        packed: (N, PACKED) float32, the splats, see `project`.
        members, bounds: see `tile_lists`.
        background: (3,) float32.

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

    Args:
        packed, members, bounds: as `composite` got them.
        rects, starts: as `tile_lists` got them.
        image, alpha: as `composite` returned them.
        grad_image, grad_alpha: of the same shapes.

    Returns:
        Moments (pairs, 9), see `kernels.project`: the same bits on every run.
    """
    height, width = alpha.shape
    moments = packed.new_zeros(members.shape[0], MOMENTS)
    arguments = (packed, members, bounds, rects, starts, image, alpha, grad_image, grad_alpha)
    arguments += (width, height, moments)
    launch("composite_backward", tiles(width, height), (TILE, TILE), arguments)
    return moments


def project_backward(
    launch: Launch,
    means: Tensor,
    quats: Tensor,
    scales: Tensor,
    opacities: Tensor,
    viewmat: Tensor,
    K: Tensor,
    width: int,
    height: int,
    packed: Tensor,
    starts: Tensor,
    moments: Tensor,
) -> tuple[Tensor, ...]:
    """Carry the moments back through the projection; the twin of `project_splats_backward`.

    Returns:
        Gradients of means, quats, scales, opacities and of the colours shown (N, 3); and what each
        warp's Gaussians say about the camera, (warps, 12): the rows of dL/dR, then dL/dt.
    """
    count = means.shape[0]
    gradients = [torch.zeros_like(tensor) for tensor in (means, quats, scales, opacities, means)]
    pose = means.new_empty(_warps(count), 12)
    arguments = (means, quats, scales, opacities, viewmat, K, count, width, height)
    arguments += (packed, starts, moments, *gradients, pose)
    _launch_each(launch, "project_splats_backward", count, arguments)
    return *gradients, pose


def shade_backward(
    launch: Launch,
    means: Tensor,
    colors: Tensor,
    viewmat: Tensor,
    degree: int,
    packed: Tensor,
    starts: Tensor,
    grad_shown: Tensor,
    grad_means: Tensor,
) -> tuple[Tensor, Tensor]:
    """Carry the colours' gradient back to the harmonics; the twin of `colors.shade_backward`.

    Args:
        degree: 0 to 3.
        grad_shown: (N, 3), of the colours shown.
        grad_means: (N, 3), added to.

    Returns:
        Gradient of colors; and what each warp's Gaussians say about where the camera stands,
        (warps, 3): -dL/deye.
    """
    count, coefficients = colors.shape[:2]
    grad_colors, eye = torch.zeros_like(colors), means.new_empty(_warps(count), 3)
    arguments = (means, colors, viewmat, count, coefficients, degree)
    arguments += (packed, starts, grad_shown, grad_means, grad_colors, eye)
    _launch_each(launch, "shade_backward", count, arguments)
    return grad_colors, eye


def tiles(width: int, height: int) -> tuple[int, int]:
    """Tiles in x and y.

    >>> tiles(17, 16)
    (2, 1)
    """
    return -(-width // TILE), -(-height // TILE)


def _launch_each(launch: Launch, kernel: str, count: int, arguments: tuple) -> None:
    """Launch with one thread for each of ``count`` things; CUDA knows no empty grid."""
    if count:
        launch(kernel, (_blocks(count), 1), (THREADS, 1), arguments)


def _blocks(count: int) -> int:
    return -(-count // THREADS)


def _warps(count: int) -> int:
    return _blocks(count) * THREADS // WARP
