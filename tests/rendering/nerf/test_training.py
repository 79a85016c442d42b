"""The compiled step against PyTorch: loss, gradients, Adam."""

import pytest
import torch
from torch.nn.functional import huber_loss, normalize

from course_lib.rendering.nerf import HashField, OccupancyGrid, render_rays
from course_lib.rendering.nerf.training import BETAS, EPSILON, HUBER_DELTA, FusedStep

BACKGROUND = torch.tensor([0.1, 0.5, 0.9])
SMALL = {"levels": 4, "log2_entries": 10, "coarsest": 4, "finest": 40}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def lively(bound=1.0):
    field = HashField(bound, generator=generator(), **SMALL)
    with torch.no_grad():
        field.tables.uniform_(-0.5, 0.5, generator=generator(1))
        field.density_out.bias[0] = 0.5
    return field


def half_full(bound):
    grid = OccupancyGrid(bound, resolution=8)
    grid.occupied = torch.rand(8, 8, 8, generator=generator(2)) < 0.5
    return grid


def batch(count, bound=1.0, seed=3):
    drawn = generator(seed)
    origins = 3 * bound * normalize(torch.randn(count, 3, generator=drawn), dim=1)
    aims = bound * (torch.rand(count, 3, generator=drawn) - 0.5)
    directions = normalize(aims - origins, dim=1)
    return origins, directions, torch.rand(count, 3, generator=drawn)


def reference_loss(field, grid, origins, directions, targets, seed):
    rendered = render_rays(
        lambda *where: field(*where), origins, directions,
        occupancy=grid, background=BACKGROUND, generator=generator(seed),
    )  # fmt: skip
    loss = huber_loss(rendered.color, targets, delta=HUBER_DELTA, reduction="sum")
    return loss / len(origins)


def jitter_of(count, seed):
    return torch.rand(count, generator=generator(seed))


def table_gradient(step):
    """From a step of Adam with rate 0: its first moment is (1 - beta) times the gradient."""
    step.take(0.0, 0.0)
    return step.moments["tables"][0] / (1 - BETAS[0])


@pytest.mark.parametrize("bound", [1.0, 2.5])
@pytest.mark.parametrize("count", [1, 7, 200])
def test_loss_and_gradients(bound, count):
    field, grid = lively(bound), half_full(bound)
    rays = batch(count, bound)
    step = FusedStep(field, grid, 40_000)
    loss, samples, taken = step.differentiate(
        *rays, BACKGROUND, jitter_of(count, 9), least_light=0.0
    )
    wanted = reference_loss(field, grid, *rays, 9)
    wanted.backward()
    assert taken == count and samples > 0
    assert loss == pytest.approx(wanted.item(), rel=1e-3)
    for name, parameter in field.named_parameters():
        in_tables = name == "tables"
        found = table_gradient(step) if in_tables else torch.from_numpy(step.gradient(name))
        # A sample at a cell's border, or a hidden unit at its kink, may fall on either side.
        difference, size = float((found - parameter.grad).norm()), float(parameter.grad.norm())
        assert difference <= 5e-3 * size + 1e-9, name


def test_gradients_agree_with_finite_differences():
    field, grid = lively().double(), half_full(1.0)
    rays = batch(20)
    step = FusedStep(lively(), grid, 40_000)
    step.differentiate(*rays, BACKGROUND, jitter_of(20, 9), least_light=0.0)
    drawn = generator(7)

    def loss(parameter, way, size):
        with torch.no_grad():
            parameter.add_(size * way)
            # render_rays computes in float32 where it composites: so the plain sum, in float64
            value = loss_in_double(field, grid, *rays, jitter_of(20, 9))
            parameter.sub_(size * way)
        return value

    for name in ("density_out.weight", "color_in.weight", "color_out.bias"):
        parameter = dict(field.named_parameters())[name]
        way = torch.randn(parameter.shape, generator=drawn, dtype=torch.float64)
        wanted = (loss(parameter, way, 1e-6) - loss(parameter, way, -1e-6)) / 2e-6
        found = float((torch.from_numpy(step.gradient(name)) * way).sum())
        assert found == pytest.approx(wanted, rel=1e-4, abs=1e-7), name


def loss_in_double(field, grid, origins, directions, targets, jitter):
    from course_lib.rendering.nerf import composite_packed, march_rays

    ts, starts, deltas = march_rays(origins, directions, grid, jitter)
    owner = torch.repeat_interleave(torch.arange(len(origins)), starts.diff())
    ways = directions[owner].double()
    sigmas, colors = field(origins[owner].double() + ts[:, None].double() * ways, ways)
    color = composite_packed(
        sigmas, deltas.double(), colors, ts.double(), starts, BACKGROUND.double()
    )[0]
    losses = huber_loss(color, targets.double(), delta=HUBER_DELTA, reduction="sum")
    return float(losses / len(origins))


def test_adam_is_pytorchs():
    field, grid = lively(), half_full(1.0)
    twin = lively()
    optimizer = torch.optim.Adam(twin.parameters(), lr=1e-2, betas=BETAS, eps=EPSILON)
    step = FusedStep(field, grid, 40_000)
    for number in range(3):
        rays = batch(50, seed=number)
        step.differentiate(*rays, BACKGROUND, jitter_of(50, number), least_light=0.0)
        for name, parameter in twin.named_parameters():
            parameter.grad = None
            if name != "tables":
                parameter.grad = torch.from_numpy(step.gradient(name).copy())
        before = step.moments["tables"][0].clone()
        step.take(1e-2, 1e-2)
        after = step.moments["tables"][0]
        twin.tables.grad = (after - BETAS[0] * before) / (1 - BETAS[0])
        optimizer.step()
    pairs = zip(field.named_parameters(), twin.parameters(), strict=True)
    for (name, one), other in pairs:
        one, other = one.detach(), other.detach()
        moved = one if name != "tables" else one[step.moments["tables"][0] != 0]
        twins = other if name != "tables" else other[step.moments["tables"][0] != 0]
        assert float((moved - twins).abs().mean()) < 1e-5, name


def test_light_that_does_not_matter_is_left_out():
    field, grid = lively(), OccupancyGrid(resolution=8)
    with torch.no_grad():
        field.density_out.bias[0] = 3.0
    rays = batch(100)
    step = FusedStep(field, grid, 40_000)
    whole, samples, _ = step.differentiate(*rays, BACKGROUND, jitter_of(100, 0), least_light=0.0)
    kept_whole = step.kept.sum()
    loss, _, _ = step.differentiate(*rays, BACKGROUND, jitter_of(100, 0))
    assert kept_whole == samples and step.kept.sum() < 0.5 * samples
    assert loss == pytest.approx(whole, abs=3e-4)


def test_rays_that_do_not_find_memory_wait():
    step = FusedStep(lively(), OccupancyGrid(resolution=8), 100)
    loss, samples, taken = step.differentiate(*batch(2000), BACKGROUND, jitter_of(2000, 0))
    assert 0 < taken < 2000 and loss > 0
    assert samples <= step.points[:, :, 0].size


def test_rays_that_miss_and_no_rays():
    step = FusedStep(lively(), OccupancyGrid(resolution=8), 100)
    origins, directions = torch.tensor([[0.0, 5.0, -3.0]]), torch.tensor([[0.0, 0.0, 1.0]])
    loss, samples, taken = step.differentiate(
        origins, directions, BACKGROUND[None], BACKGROUND, torch.zeros(1)
    )
    assert (loss, samples, taken) == (0.0, 0, 1)
    assert not step.gradient("color_out.weight").any()
    nothing = (origins[:0], directions[:0], origins[:0], BACKGROUND, torch.zeros(0))
    assert step.differentiate(*nothing) == (0.0, 0, 0)


def test_the_number_of_threads_changes_nothing():
    results = []
    threads = torch.get_num_threads()
    for number in (1, 4):
        torch.set_num_threads(number)
        field = lively()
        step = FusedStep(field, half_full(1.0), 4000)
        step.differentiate(*batch(300), BACKGROUND, jitter_of(300, 0))
        step.take(1e-2, 1e-2)
        results.append([parameter.detach().clone() for parameter in field.parameters()])
    torch.set_num_threads(threads)
    assert all(torch.equal(one, other) for one, other in zip(*results, strict=True))
