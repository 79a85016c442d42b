"""`render_rays`: closed forms, the compiled way against the plain one, and bad input."""

import math

import pytest
import torch
from torch.nn.functional import normalize

from course_lib.rendering import look_at, pinhole
from course_lib.rendering.nerf import (
    HashField,
    MLPField,
    OccupancyGrid,
    fused,
    render_rays,
    render_view,
)

NAN, INF = math.nan, math.inf
WHITE = torch.ones(3)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def rays(count, bound=1.0):
    drawn = generator(3)
    origins = 3 * bound * normalize(torch.randn(count, 3, generator=drawn), dim=1)
    aims = bound * (torch.rand(count, 3, generator=drawn) - 0.5)
    return origins, normalize(aims - origins, dim=1)


def fog(points, directions):
    """Density 0.8 between z = 0 and z = 1, and a solid red wall behind z = 1."""
    inside = (points[:, 2] > 0) & (points[:, 2] < 1)
    sigmas = torch.where(points[:, 2] >= 1, INF, torch.where(inside, 0.8, 0.0))
    red = (points[:, 2] >= 1)[:, None] * torch.tensor([1.0, 0.0, 0.0])
    return sigmas, red


@pytest.mark.parametrize("fine_samples", [0, 64])
def test_fog_before_a_wall_has_a_closed_form(fine_samples):
    origins, directions = torch.tensor([[0.0, 0.0, -1.0]]), torch.tensor([[0.0, 0.0, 1.0]])
    seen = render_rays(
        fog, origins, directions, near=0.0, far=3.0, samples=600, fine_samples=fine_samples
    )
    assert float(seen.opacity) == pytest.approx(1.0)
    assert float(seen.color[0, 0]) == pytest.approx(math.exp(-0.8), abs=3e-3)
    # Mean of t: an exponential cut off at the wall, which stands at t = 2.
    mean = 1 + (1 - math.exp(-0.8)) / 0.8
    assert float(seen.depth) == pytest.approx(mean, abs=5e-3)


def test_fine_samples_find_a_thin_wall_that_bins_blur():
    def wall(points, directions):
        return 1e4 * ((points[:, 2] > 0.3) & (points[:, 2] < 0.45)), torch.ones_like(points)

    ray = torch.tensor([[0.0, 0.0, -1.0]]), torch.tensor([[0.0, 0.0, 1.0]])
    coarse = render_rays(wall, *ray, near=0.0, far=3.0, samples=24)
    fine = render_rays(wall, *ray, near=0.0, far=3.0, samples=24, fine_samples=200)
    assert abs(float(fine.depth) - 1.3) < 0.01 < abs(float(coarse.depth) - 1.3)


def test_steps_through_occupied_cells_equal_bins():
    def ball(points, directions):
        return 5.0 * (points.norm(dim=1) < 0.6), 0.5 + 0.5 * points

    grid = OccupancyGrid(step=0.004)
    centres = grid.place_in(torch.arange(64**3), torch.full((64**3, 3), 0.5))
    half_diagonal = 3**0.5 / 64
    grid.occupied = (centres.norm(dim=1) < 0.6 + half_diagonal).view(64, 64, 64)
    origins, directions = rays(200)
    one = render_rays(ball, origins, directions, occupancy=grid, background=WHITE)
    other = render_rays(
        ball, origins, directions, near=1.0, far=5.0, samples=1000, background=WHITE
    )
    torch.testing.assert_close(one.color, other.color, rtol=0, atol=0.02)
    torch.testing.assert_close(one.opacity, other.opacity, rtol=0, atol=0.02)


def test_the_chunk_changes_nothing():
    field = MLPField(2, 8, generator=generator())
    origins, directions = (t.reshape(5, 7, 3) for t in rays(35))
    options = {"near": 1.0, "far": 5.0, "samples": 9, "background": WHITE}
    whole = render_rays(field, origins, directions, **options)
    parts = render_rays(field, origins, directions, chunk=4, **options)
    assert whole.color.shape == (5, 7, 3) and whole.depth.shape == whole.opacity.shape == (5, 7)
    for one, other in zip(whole, parts, strict=True):
        torch.testing.assert_close(one, other)


def test_any_field_is_differentiated():
    origins, directions = (t.double() for t in rays(3))
    level = torch.tensor(0.7, dtype=torch.float64)

    def seen(level):
        def ball(points, directions):
            near = torch.sigmoid(8 * (level.float() - points.norm(dim=1)))
            return 5 * near, near[:, None].expand(-1, 3)

        options = {"near": 1.0, "far": 5.0, "samples": 100}
        return render_rays(ball, origins.float(), directions.float(), **options).color.sum()

    level.requires_grad_()
    (found,) = torch.autograd.grad(seen(level), level)
    wanted = (seen(level + 1e-2) - seen(level - 1e-2)) / 2e-2
    assert float(found) == pytest.approx(float(wanted.detach()), rel=1e-2)


def lively(bound=1.0, seed=5, **settings):
    field = HashField(bound, generator=generator(), **settings)
    with torch.no_grad():
        field.tables.uniform_(-1.0, 1.0, generator=generator(seed))
        field.density_out.bias[0] = 0.5
    return field


def half_full(bound=1.0, **settings):
    grid = OccupancyGrid(bound, resolution=16, **settings)
    grid.occupied = torch.rand(16, 16, 16, generator=generator()) < 0.5
    return grid


@pytest.mark.parametrize("bound", [1.0, 2.5])
@pytest.mark.parametrize("count", [1, 500])
@pytest.mark.parametrize("limits", [{}, {"near": 2.7, "far": 3.2}])
def test_the_compiled_way_equals_the_plain_one(bound, count, limits):
    field, grid = lively(bound), half_full(bound)
    options = {"occupancy": grid, "background": torch.tensor([0.1, 0.5, 0.9]), **limits}
    plain = render_rays(lambda *where: field(*where), *rays(count, bound), **options)
    with torch.no_grad():
        found = render_rays(field, *rays(count, bound), **options)
    assert not fused.can_render(field, grid, torch.zeros(1)) and found.color.grad_fn is None
    for one, other in zip(found, plain, strict=True):
        # Light below 1e-4 is not followed, and a sample at a cell's border may fall on either side.
        far = (one - other.detach()).abs()
        assert float(far.mean()) < 2e-4 and float((far > 2e-3).float().mean()) < 0.01


def test_a_grid_of_another_cube_is_walked_through_plainly():
    field, grid = lively(bound=2.0), half_full(bound=1.0)
    with torch.no_grad():
        assert not fused.can_render(field, grid, torch.zeros(1))
        found = render_rays(field, *rays(50), occupancy=grid)
        plain = render_rays(lambda *where: field(*where), *rays(50), occupancy=grid)
    assert torch.equal(found.color, plain.color)


def test_a_field_with_broken_parameters_is_named():
    field = lively()
    with torch.no_grad():
        field.color_out.bias[1] = NAN
        with pytest.raises(ValueError, match=r"^field: its parameters"):
            render_rays(field, *rays(50), occupancy=OccupancyGrid())


def test_rays_that_miss_see_the_background():
    origins, directions = torch.tensor([[0.0, 5.0, -3.0]]), torch.tensor([[0.0, 0.0, 1.0]])
    with torch.no_grad():
        seen = render_rays(
            lively(), origins, directions, occupancy=OccupancyGrid(), background=WHITE
        )
        none = render_rays(lively(), origins[:0], directions[:0], occupancy=OccupancyGrid())
    assert torch.equal(seen.color, torch.ones(1, 3)) and float(seen.depth) == 0.0
    assert none.color.shape == (0, 3) and none.depth.shape == (0,)
    none = render_rays(fog, origins[:0], directions[:0], near=0.0, far=1.0)
    assert none.color.shape == (0, 3)


def test_a_view_is_a_picture():
    camera = look_at((0.0, -3.0, 0.5)), pinhole(9, 7, 0.9), 9, 7
    seen = render_view(fog, *camera, near=1.0, far=5.0)
    assert seen.color.shape == (7, 9, 3) and seen.depth.shape == (7, 9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"near": None}, "near, far: wanted both"),
        ({"near": 2.0, "far": 1.0}, "near, far: got 2.0 and 1.0"),
        ({"near": NAN}, "near, far: got nan"),
        ({"far": INF}, "near, far: wanted finite"),
        ({"samples": 0}, "count: got 0"),
        ({"chunk": 0}, "chunk: got 0"),
        ({"origins": torch.full((2, 3), NAN)}, "origins: got NaN"),
        ({"directions": torch.ones(2, 3)}, "directions: wanted length one"),
        ({"directions": torch.ones(3, 3)}, "directions: got shape"),
        ({"origins": torch.zeros(1, 6)}, "origins: got shape"),
        ({"field": lambda p, d: (torch.ones(1), p)}, "field: returned shapes"),
        ({"field": lambda p, d: (-torch.ones(len(p)), p)}, "sigmas: sample 0: got NaN or a neg"),
        ({"field": lambda p, d: (NAN * p[:, 0], p)}, "sigmas: sample 0: got NaN"),
    ],
)
def test_bad_arguments_are_named(change, message):
    origins, directions = rays(2)
    arguments = {"field": fog, "origins": origins, "directions": directions, "near": 0.0} | change
    with pytest.raises(ValueError, match=f"^{message}"):
        render_rays(**{"far": 1.0} | arguments)
