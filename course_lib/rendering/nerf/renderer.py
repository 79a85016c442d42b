"""Drawing any field along rays."""

import math

import torch
from torch import Tensor

from . import fused
from .arguments import check_floats, check_rays, check_shape
from .compositing import Rendered, composite_rays
from .field import Field
from .occupancy import OccupancyGrid, march_rays
from .rays import get_rays
from .sampling import sample_pdf, step_lengths, stratified_samples


def render_rays(
    field: Field,
    origins: Tensor,
    directions: Tensor,
    *,
    near: float | None = None,
    far: float | None = None,
    samples: int = 64,
    fine_samples: int = 0,
    occupancy: OccupancyGrid | None = None,
    background: Tensor | None = None,
    generator: torch.Generator | None = None,
    chunk: int = 4096,
) -> Rendered:
    """Draw a field along rays, differentiably.

    Samples are placed either in equal bins between near and far, and then, with fine_samples,
    again where the first ones found something; or, with an occupancy grid, at equal steps through
    its occupied cells. The field is asked for density and colour there, and `composite_rays` adds
    up.

    Args:
        field: from points (M, 3) and directions (M, 3) to sigmas (M,) and colors (M, 3).
        origins: (..., 3), world units.
        directions: (..., 3), of length one.
        near: where rays begin, world units; wanted without an occupancy grid, 0 with one.
        far: where they end; wanted without an occupancy grid, the end of its cube with one.
        samples: on each ray, in equal bins.
        fine_samples: how many more, by importance.
        occupancy: takes the place of samples and fine_samples.
        background: (3,), RGB; None is black.
        generator: moves the samples at random, for training; None takes the middle of bins.
        chunk: rays at a time; less needs less memory.

    Returns:
        `Rendered`, shaped as the rays: color (..., 3), depth (...), opacity (...).

    Raises:
        TypeError, ValueError: not finite rays, directions not of length one, near past far,
            near and far missing, a field that returns something else than it should.

    Source: Mildenhall et al. (2020), https://arxiv.org/abs/2003.08934, sections 4 and 5.

    >>> fog = lambda points, directions: (torch.ones(len(points)), torch.ones_like(points))
    >>> origins = torch.zeros(2, 3)
    >>> render_rays(fog, origins, torch.eye(3)[:2], near=0.0, far=1.0).opacity  # nearly 1 - 1/e
    tensor([0.6292, 0.6292])
    """
    check_floats(origins=origins, directions=directions)
    if origins.shape[-1:] != (3,):
        raise ValueError(f"origins: got shape {tuple(origins.shape)}, wanted (..., 3)")
    check_shape("directions", directions, *origins.shape)
    shape = origins.shape[:-1]
    origins, directions = origins.reshape(-1, 3), directions.reshape(-1, 3)
    check_rays(origins, directions)
    near, far = _limits(near, far, occupancy)
    if chunk < 1:
        raise ValueError(f"chunk: got {chunk!r}, wanted at least 1")

    def render(origins: Tensor, directions: Tensor) -> Rendered:
        rays = (origins, directions, near, far)
        if fused.can_render(field, occupancy, origins, directions):
            jitter = _jitter(origins, generator)
            return fused.render(field, *rays, occupancy, background, jitter)
        if occupancy is None:
            return _in_bins(field, *rays, samples, fine_samples, background, generator)
        return _in_steps(field, *rays, occupancy, background, generator)

    parts = [
        render(*rays) for rays in zip(origins.split(chunk), directions.split(chunk), strict=True)
    ]
    color, depth, opacity = (torch.cat(each) for each in zip(*parts, strict=True))
    return Rendered(color.reshape(*shape, 3), depth.reshape(shape), opacity.reshape(shape))


def render_view(
    field: Field, viewmat: Tensor, K: Tensor, width: int, height: int, **options: object
) -> Rendered:
    """Draw the picture that a camera takes of a field.

    Args:
        field, options: see `render_rays`.
        viewmat, K, width, height: see `get_rays`.

    Returns:
        `Rendered`: color (H, W, 3), depth (H, W) along the rays, opacity (H, W).

    Raises:
        TypeError, ValueError: see `get_rays` and `render_rays`.

    >>> from course_lib.rendering import pinhole
    >>> fog = lambda points, directions: (torch.ones(len(points)), torch.ones_like(points))
    >>> render_view(fog, torch.eye(4), pinhole(4, 3, 1.0), 4, 3, near=0.0, far=1.0).color.shape
    torch.Size([3, 4, 3])
    """
    return render_rays(field, *get_rays(viewmat, K, width, height), **options)


def _limits(
    near: float | None, far: float | None, occupancy: OccupancyGrid | None
) -> tuple[float, float]:
    if occupancy is None and (near is None or far is None):
        raise ValueError("near, far: wanted both, or an occupancy grid that knows the scene's size")
    near, far = 0.0 if near is None else near, math.inf if far is None else far
    if not 0.0 <= near <= far:
        raise ValueError(f"near, far: got {near!r} and {far!r}, wanted 0 <= near <= far")
    return near, far


def _in_bins(
    field: Field,
    origins: Tensor,
    directions: Tensor,
    near: float,
    far: float,
    samples: int,
    fine_samples: int,
    background: Tensor | None,
    generator: torch.Generator | None,
) -> Rendered:
    first, last = (origins.new_full((origins.shape[0],), limit) for limit in (near, far))
    ts = stratified_samples(first, last, samples, generator)  # (R, S)
    if fine_samples:
        with torch.no_grad():
            _, weights = _composite(field, origins, directions, ts, last, None)
        edges = torch.linspace(near, far, samples + 1).to(ts).expand(len(ts), -1)
        more = sample_pdf(edges, weights, fine_samples, generator)
        ts = torch.cat([ts, more], dim=-1).sort(dim=-1).values
    return _composite(field, origins, directions, ts, last, background)[0]


def _composite(
    field: Field,
    origins: Tensor,
    directions: Tensor,
    ts: Tensor,
    far: Tensor,
    background: Tensor | None,
) -> tuple[Rendered, Tensor]:
    """Rays with the same number of samples each."""
    points = origins[:, None] + ts[..., None] * directions[:, None]  # (R, S, 3)
    ways = directions[:, None].expand_as(points)
    sigmas, colors = ask_field(field, points.reshape(-1, 3), ways.reshape(-1, 3))
    deltas = step_lengths(ts, far)
    return composite_rays(
        sigmas.view(ts.shape), deltas, colors.view(points.shape), ts, background=background
    )


def _in_steps(
    field: Field,
    origins: Tensor,
    directions: Tensor,
    near: float,
    far: float,
    grid: OccupancyGrid,
    background: Tensor | None,
    generator: torch.Generator | None,
) -> Rendered:
    jitter = _jitter(origins, generator)
    ts, starts, deltas = march_rays(origins, directions, grid, jitter, near, far)
    owner = torch.repeat_interleave(torch.arange(len(origins)), starts.diff())
    ways = directions[owner]
    sigmas, colors = ask_field(field, origins[owner] + ts[:, None] * ways, ways)
    return composite_rays(sigmas, deltas, colors, ts, starts, background)[0]


def _jitter(origins: Tensor, generator: torch.Generator | None) -> Tensor | None:
    return None if generator is None else torch.rand(len(origins), generator=generator)


def ask_field(field: Field, points: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
    """Call a field and make sure that it returned densities (M,) and colours (M, 3)."""
    sigmas, colors = field(points, directions)
    if sigmas.shape != points.shape[:1] or colors.shape != points.shape:
        wanted = f"{tuple(points.shape[:1])} and {tuple(points.shape)}"
        got = f"{tuple(sigmas.shape)} and {tuple(colors.shape)}"
        raise ValueError(f"field: returned shapes {got}, wanted {wanted}")
    return sigmas, colors
