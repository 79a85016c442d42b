"""The compiled way through a `HashField`: PyTorch's memory in, NumPy's views of it to the kernels.

numba is imported by the first call, not with this module.
"""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .compositing import Rendered
from .field import Field, HashField
from .occupancy import OccupancyGrid
from .volume import LEAST_OPACITY

LEAST_LIGHT = 1e-4  # samples that less light reaches are left out, as in splats
TILE = 512  # samples that are computed together, and room for one more ray
PARTS = 8  # of a training step; sums depend on it, so it does not depend on the machine
MOST_PARTS = 64
LAYERS = ("density_in", "density_out", "color_in", "color_out")


def network_of(field: HashField) -> Any:
    """The field's parameters as a `kernels.field_forward.Network`, sharing its memory."""
    from ..kernels.field_forward import Network

    arrays = [field.tables.detach().numpy(), np.array(field.resolutions, np.int32)]
    for name in LAYERS:
        layer = getattr(field, name)
        arrays += [layer.weight.detach().numpy(), layer.bias.detach().numpy()]
    return Network(*arrays)


def can_render(field: object, grid: OccupancyGrid | None, *tensors: Tensor) -> bool:
    """Whether the compiled way is open.

    It is for a `HashField` and a grid of the same cube, in float32 on the CPU, without gradient.
    """
    if not isinstance(field, HashField) or grid is None or grid.bound != field.bound:
        return False
    return _plain(*tensors, *field.parameters())


def _plain(*tensors: Tensor) -> bool:
    here = all(t.device.type == "cpu" and t.dtype == torch.float32 for t in tensors)
    return here and not (torch.is_grad_enabled() and any(t.requires_grad for t in tensors))


def render(
    field: HashField,
    origins: Tensor,
    directions: Tensor,
    near: float,
    far: float,
    grid: OccupancyGrid,
    background: Tensor | None,
    jitter: Tensor | None = None,
    least_light: float = LEAST_LIGHT,
) -> Rendered:
    """As `renderer.render_rays` with an occupancy grid, for rays (R, 3), without gradient."""
    from ..kernels import field_render, threads

    count, bound = origins.shape[0], field.bound
    jitter = torch.full((count,), 0.5) if jitter is None else jitter
    rays = np.zeros((count, 5), np.float32)
    lengths = (grid.step / bound, grid.step, least_light, near / bound, far / bound)
    parts = max(1, min(MOST_PARTS, count // 64))
    with threads.kernel_lock:
        threads.in_parallel(
            field_render.render, parts, network_of(field), _numpy(origins / bound),
            _numpy(directions), _numpy(jitter), grid.occupied.numpy(),
            np.array(lengths, np.float32), *_tiles(field, parts, grid), rays,
        )  # fmt: skip
    if not np.isfinite(rays).all():
        raise ValueError("field: its parameters give colours or densities that are NaN")
    color, distance, opacity = torch.from_numpy(rays).split([3, 1, 1], dim=-1)
    if background is not None:
        color = color + (1.0 - opacity) * background
    depth = bound * distance / opacity.clamp_min(LEAST_OPACITY)
    return Rendered(color, depth[:, 0], opacity[:, 0])


def density(field: HashField, points: Tensor) -> Tensor:
    """The field's densities (M,) at points (M, 3) inside its cube, world units."""
    from ..kernels import field_render, threads

    sigmas = np.empty(points.shape[0], np.float32)
    parts = max(1, min(MOST_PARTS, points.shape[0] // TILE))
    with threads.kernel_lock:
        threads.in_parallel(
            field_render.density, parts, network_of(field), _numpy(points / field.bound),
            *_tiles(field, parts), sigmas,
        )  # fmt: skip
    return torch.from_numpy(sigmas)


@torch.no_grad()
def density_of(field: Field, points: Tensor) -> Tensor:
    """Any field's densities (M,) at points (M, 3), without gradient."""
    if isinstance(field, HashField) and _plain(points, *field.parameters()):
        inside = (points.abs() <= field.bound).all(dim=-1)
        return torch.where(inside, density(field, points), 0.0)
    return field(points, torch.eye(3)[2].expand_as(points).to(points))[0]


def tile_size(grid: OccupancyGrid) -> int:
    """Samples in a tile: a good number, and room for the longest ray."""
    longest = math.ceil(2 * math.sqrt(3) * grid.bound / grid.step) + 3
    return -(-(TILE + longest) // 16) * 16


def _tiles(
    field: HashField, parts: int, grid: OccupancyGrid | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Work space: points, encodings, and the rest."""
    from ..kernels.field_forward import FORWARD_ROWS
    from ..kernels.threads import scratch

    size = TILE if grid is None else tile_size(grid)
    rows = (("points", 3), ("encoded", 2 * len(field.resolutions)), ("space", FORWARD_ROWS))
    points, encoded, space = (
        scratch(f"field_{name}", (parts, count, size), np.float32) for name, count in rows
    )
    return points, encoded, space


def _numpy(tensor: Tensor) -> np.ndarray:
    return tensor.detach().contiguous().numpy()
