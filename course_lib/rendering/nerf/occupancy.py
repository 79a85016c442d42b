"""A coarse grid that remembers where there is something, so that rays skip what is empty."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from .arguments import check_shape
from .rays import cross_cube

STEPS_ALONG_DIAGONAL = 200
DECAY = 0.8  # of what a cell remembers, each time that it is looked at
LEAST_ALPHA = 0.01  # a cell in which a step keeps less light than this is empty


class OccupancyGrid:
    """Which cells of the cube [-bound, bound]^3 hold matter, and steps of one length through it.

    Attributes:
        bound: half the cube's edge, world units.
        step: length of a step along a ray, world units.
        densities: (G, G, G), the largest density seen lately in each cell, 1 / world unit.
        occupied: (G, G, G) bool; all True before the first update.

    Raises:
        ValueError: bound or step not above 0, resolution below 1.

    Source: Müller et al. (2022), https://arxiv.org/abs/2201.05989, appendix C.

    >>> grid = OccupancyGrid(resolution=2)
    >>> right = lambda points: 50.0 * (points[:, 0] > 0)  # matter in one half only
    >>> grid.update(right, generator=torch.Generator().manual_seed(0))
    >>> grid.occupied[:, 0, 0]
    tensor([False,  True])
    """

    def __init__(self, bound: float = 1.0, resolution: int = 64, step: float | None = None) -> None:
        step = 2 * math.sqrt(3) * bound / STEPS_ALONG_DIAGONAL if step is None else step
        if not 0 < bound < math.inf or not 0 < step < math.inf:
            raise ValueError(f"bound, step: got {bound!r}, {step!r}, wanted numbers above 0")
        if resolution < 1:
            raise ValueError(f"resolution: got {resolution!r}, wanted at least 1")
        self.bound, self.step, self.resolution = float(bound), float(step), resolution
        self.densities = torch.zeros(resolution, resolution, resolution)
        self.occupied = torch.ones(resolution, resolution, resolution, dtype=torch.bool)

    @torch.no_grad()
    def update(
        self,
        density: Callable[[Tensor], Tensor],
        *,
        generator: torch.Generator,
        share: float = 1.0,
    ) -> None:
        """Look at one random place in each cell, or in a share of them drawn at random.

        densities = max(0.8 densities, density(place)) of the cells looked at, over the places if
        one is drawn more than once; a cell is occupied
        where a step through it would keep more than 1 % of the light, or more than the average
        cell's.

        Args:
            density: from points (M, 3), world units, to densities (M,).
            generator: draws cells and places.
            share: of the cells that are looked at, above 0 to 1.
        """
        cells = self.densities.numel()
        if share < 1.0:
            count = max(1, round(share * cells))
            chosen = torch.randint(cells, (count,), generator=generator)
        else:
            chosen = torch.arange(cells)
        places = self.place_in(chosen, torch.rand(len(chosen), 3, generator=generator))
        memory = self.densities.view(-1)
        found = torch.maximum(DECAY * memory[chosen], density(places))
        # A cell that was drawn twice keeps the higher, whichever thread comes last.
        memory.scatter_reduce_(0, chosen, found, "amax", include_self=False)
        least = min(LEAST_ALPHA / self.step, float(memory.mean()))
        self.occupied = self.densities > least

    def with_step(self, step: float) -> "OccupancyGrid":
        """Return a grid of the same cells, shared with this one, and another length of step."""
        other = OccupancyGrid(self.bound, self.resolution, step)
        other.densities, other.occupied = self.densities, self.occupied
        return other

    def place_in(self, cells: Tensor, inside: Tensor) -> Tensor:
        """World coordinates (M, 3) of places (M, 3) in [0, 1) inside cells (M,)."""
        size = self.resolution
        corner = torch.stack([cells // size**2, cells // size % size, cells % size], dim=-1)
        return ((corner + inside) * (2.0 / size) - 1.0) * self.bound


def march_rays(
    origins: Tensor,
    directions: Tensor,
    grid: OccupancyGrid,
    jitter: Tensor | None = None,
    near: float = 0.0,
    far: float = math.inf,
) -> tuple[Tensor, Tensor, Tensor]:
    """Walk along rays in steps of one length and keep the samples that lie in occupied cells.

    t_k = t_0 + (k + u) step while t_k < t_1, with t_0 and t_1 where the ray enters and leaves the
    cube (and not before near, nor after far).

    Args:
        origins: (R, 3), world units.
        directions: (R, 3), of length one.
        grid: says where there is something, and how long a step is.
        jitter: (R,), u in [0, 1), random when training; None is 1/2.
        near: world units along the ray.
        far: the same; at least near.

    Returns:
        ts (M,) and starts (R + 1,) int64: ray r owns the samples starts[r] to starts[r + 1]
        (excluded); and deltas (M,), all of them the step.

    Raises:
        TypeError, ValueError: not finite rays, directions not of length one, near past far.

    Source: Müller et al. (2022), https://arxiv.org/abs/2201.05989, appendix C.

    >>> grid = OccupancyGrid(step=0.5)
    >>> origins = torch.tensor([[0.0, 0.0, -3.0], [0.0, 9.0, -3.0]])  # the second one misses
    >>> march_rays(origins, torch.tensor([0.0, 0.0, 1.0]).expand(2, 3), grid)[:2]
    (tensor([2.2500, 2.7500, 3.2500, 3.7500]), tensor([0, 4, 4]))
    """
    first, last = cross_cube(origins, directions, grid.bound)
    if not near <= far:
        raise ValueError(f"near, far: got {near!r} and {far!r}, wanted near <= far")
    first, last = first.clamp_min(near), last.clamp_max(far)
    u = torch.full_like(first, 0.5) if jitter is None else jitter
    check_shape("jitter", u, *first.shape)
    longest = float((last - first).clamp_min(0.0).max()) if len(first) else 0.0
    count = torch.arange(math.ceil(longest / grid.step) + 1)
    ts = first[:, None] + (count + u[:, None]) * grid.step  # (R, K)
    places = origins[:, None] + ts[..., None] * directions[:, None]
    cells = ((places / grid.bound + 1.0) * (0.5 * grid.resolution)).long()
    x, y, z = cells.clamp(0, grid.resolution - 1).unbind(-1)
    kept = (ts < last[:, None]) & grid.occupied[x, y, z]
    starts = torch.nn.functional.pad(kept.sum(dim=1).cumsum(0), (1, 0))
    ts = ts[kept]
    return ts, starts, torch.full_like(ts, grid.step)
