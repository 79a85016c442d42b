import math

import pytest
import torch
from torch.nn.functional import normalize

from course_lib.rendering.nerf import OccupancyGrid, cross_cube, march_rays


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def ball(points):
    return 80.0 * (points.norm(dim=1) < 0.5)


def rays(count, bound=1.0, seed=0):
    drawn = generator(seed)
    origins = 3 * bound * normalize(torch.randn(count, 3, generator=drawn), dim=1)
    aims = bound * (torch.rand(count, 3, generator=drawn) - 0.5)
    return origins, normalize(aims - origins, dim=1)


def test_before_the_first_update_every_step_in_the_cube_is_kept():
    grid = OccupancyGrid(bound=2.0, step=0.1)
    origins, directions = rays(50, 2.0)
    ts, starts, deltas = march_rays(origins, directions, grid)
    near, far = cross_cube(origins, directions, 2.0)
    counts = starts.diff()
    assert torch.equal(counts, torch.ceil((far - near) / 0.1 - 0.5).long())
    assert bool((deltas == 0.1).all()) and len(ts) == len(deltas) == int(starts[-1])
    first = ts[starts[:-1]]
    torch.testing.assert_close(first, near + 0.05)


def test_an_update_finds_what_is_there_and_forgets_what_went():
    grid = OccupancyGrid(resolution=16)
    drawn = generator()
    grid.update(ball, generator=drawn)
    centres = grid.place_in(torch.arange(16**3), torch.full((16**3, 3), 0.5))
    distance = centres.norm(dim=1)
    occupied = grid.occupied.view(-1)
    assert bool(occupied[distance < 0.4].all()) and not bool(occupied[distance > 0.6].any())

    def moved(points):
        return ball(points - torch.tensor([0.0, 0.0, 1.2]))  # now at the cube's side

    for _ in range(5):
        grid.update(moved, generator=drawn)
    assert bool(grid.occupied.view(-1)[distance < 0.4].all())  # 80 * 0.8^5 is still a wall
    for _ in range(200):
        grid.update(moved, generator=drawn)
    assert not bool(grid.occupied.view(-1)[distance < 0.4].any()) and bool(grid.occupied.any())


def test_an_update_of_a_share_looks_at_that_many_cells():
    asked = []

    def density(points):
        asked.append(points)
        return torch.ones(len(points))

    grid = OccupancyGrid(bound=2.0, resolution=8)
    grid.update(density, generator=generator(), share=0.25)
    assert asked[0].shape == (128, 3) and 1.5 < float(asked[0].abs().max()) <= 2.0
    assert int((grid.densities > 0).sum()) <= 128


def test_only_samples_in_occupied_cells_are_kept():
    grid = OccupancyGrid(resolution=32)
    grid.update(ball, generator=generator())
    origins, directions = rays(200)
    jitter = torch.rand(200, generator=generator(1))
    ts, starts, _ = march_rays(origins, directions, grid, jitter)
    owner = torch.repeat_interleave(torch.arange(200), starts.diff())
    points = origins[owner] + ts[:, None] * directions[owner]
    assert len(points) > 0 and float(points.norm(dim=1).max()) < 0.5 + 0.07  # a cell's diagonal
    whole, all_starts, _ = march_rays(origins, directions, OccupancyGrid(), jitter)
    everywhere = torch.repeat_interleave(torch.arange(200), all_starts.diff())
    inside = (origins[everywhere] + whole[:, None] * directions[everywhere]).norm(dim=1) < 0.43
    assert set(whole[inside].tolist()) <= set(ts.tolist())


def test_rays_that_miss_and_no_rays():
    grid = OccupancyGrid()
    origins, directions = torch.tensor([[0.0, 5.0, -3.0]]), torch.tensor([[0.0, 0.0, 1.0]])
    ts, starts, deltas = march_rays(origins, directions, grid)
    assert len(ts) == len(deltas) == 0 and starts.tolist() == [0, 0]
    assert march_rays(origins[:0], directions[:0], grid)[1].tolist() == [0]


def test_near_and_far_cut_the_ray():
    origins, directions = torch.tensor([[0.0, 0.0, -3.0]]), torch.tensor([[0.0, 0.0, 1.0]])
    ts, _, _ = march_rays(origins, directions, OccupancyGrid(step=0.1), None, 2.5, 3.0)
    assert 2.5 <= float(ts.min()) <= float(ts.max()) < 3.0 and len(ts) == 5


def test_bad_arguments_are_named():
    for settings in ({"bound": 0.0}, {"step": -1.0}, {"step": math.nan}):
        with pytest.raises(ValueError, match=r"^bound, step: got"):
            OccupancyGrid(**settings)
    with pytest.raises(ValueError, match=r"^resolution: got 0"):
        OccupancyGrid(resolution=0)
    with pytest.raises(ValueError, match=r"^near, far: got 2"):
        march_rays(*rays(3), OccupancyGrid(), None, 2.0, 1.0)
    with pytest.raises(ValueError, match=r"^jitter: got shape"):
        march_rays(*rays(3), OccupancyGrid(), torch.zeros(2))


def test_another_step_through_the_same_cells():
    grid = OccupancyGrid(resolution=8)
    grid.update(ball, generator=generator())
    finer = grid.with_step(grid.step / 2)
    assert finer.occupied is grid.occupied and finer.step == grid.step / 2
    coarse, fine = (len(march_rays(*rays(100), g)[0]) for g in (grid, finer))
    assert fine == pytest.approx(2 * coarse, rel=0.05)


def test_cell_that_is_drawn_twice_keeps_the_higher_density():
    grid = OccupancyGrid(resolution=2)
    grid.densities = torch.linspace(0.0, 1.0, 8).reshape(2, 2, 2)
    before, generator = grid.densities.flatten().tolist(), torch.Generator().manual_seed(3)
    same = generator.clone_state()
    grid.update(lambda places: places.norm(dim=1), generator=generator, share=0.9)
    chosen = torch.randint(8, (7,), generator=same)
    assert len(chosen.unique()) < len(chosen), "nothing was drawn twice"
    found = grid.place_in(chosen, torch.rand(7, 3, generator=same)).norm(dim=1)
    wanted = list(before)
    for cell in set(chosen.tolist()):
        wanted[cell] = max(0.8 * before[cell], *found[chosen == cell].tolist(), 0.0)
    torch.testing.assert_close(grid.densities.flatten(), torch.tensor(wanted))
