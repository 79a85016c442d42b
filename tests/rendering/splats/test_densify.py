"""Clone, split, prune and relocate: what stays, what moves, what the optimiser remembers."""

import math

import pytest
import torch

from course_lib.rendering import look_at, pinhole
from course_lib.rendering.splats import Gaussians, random_gaussians, rasterize
from course_lib.rendering.splats.densify import (
    carry_optimizer_state,
    clone,
    densify_masks,
    prune,
    pull_across_picture,
    relocate,
    reset_opacity,
    split,
)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def scene():
    return random_gaussians(6, 1.0, generator=generator())


def mask(*indices, n=6):
    chosen = torch.zeros(n, dtype=torch.bool)
    chosen[list(indices)] = True
    return chosen


def draw(scene):
    return rasterize(
        scene.means,
        scene.quats,
        scene.scales,
        scene.opacities,
        scene.sh,
        look_at((0.0, -4.0, 1.0)),
        pinhole(32, 24, 0.7),
        32,
        24,
        sh_degree=0,
    )[0]


def test_masks_follow_the_four_rules():
    pull = torch.tensor([1.0, 1.0, 0.1, 1.0])
    scales = torch.tensor([[0.1, 0.1, 0.1], [0.1, 0.9, 0.1], [0.9, 0.9, 0.9], [0.1, 0.1, 0.1]])
    opacities = torch.tensor([0.5, 0.5, 0.5, 0.001])
    masks = densify_masks(pull, scales, opacities, pull_threshold=0.5, size_threshold=0.5)
    assert masks.clone.tolist() == [True, False, False, False]
    assert masks.split.tolist() == [False, True, False, False]
    assert masks.prune.tolist() == [False, False, False, True]


def test_pull_is_the_gradient_by_the_projected_mean():
    """Where only the projected mean matters, du/dmean is f / z times the camera's axes."""
    viewmat, K = look_at((0.5, -3.0, 1.0)), pinhole(40, 40, 0.8)
    mean = torch.tensor([[0.1, 0.2, -0.1]], requires_grad=True)
    seen = mean @ viewmat[:3, :3].T + viewmat[:3, 3]
    weights = torch.tensor([0.3, -0.4])  # dL/du
    (seen[:, :2] / seen[:, 2:].detach() * K[0, 0] @ weights).sum().backward()
    pull = pull_across_picture(mean.detach(), mean.grad, viewmat, K)
    assert pull.item() == pytest.approx(0.5, rel=1e-4)
    behind = pull_across_picture(torch.tensor([[0.0, -9.0, 0.0]]), mean.grad, viewmat, K)
    assert behind.item() == 0.0


def test_clone_appends_equal_rows(scene):
    change = clone(scene, mask(1, 4))
    assert change.origin.tolist() == [0, 1, 2, 3, 4, 5, 1, 4]
    assert change.fresh.tolist() == [False] * 6 + [True] * 2
    for name, value in change.gaussians.parameters().items():
        assert torch.equal(value, scene.parameters()[name][change.origin])


def test_split_replaces_by_two_smaller_ones(scene):
    change = split(scene, mask(2), generator=generator())
    new = change.gaussians
    assert len(new) == 7
    assert change.origin.tolist() == [0, 1, 3, 4, 5, 2, 2]
    assert torch.allclose(new.scales[-2:] * 1.6, scene.scales[[2, 2]])
    assert not torch.equal(new.means[-1], new.means[-2])
    assert torch.equal(new.means[:5], scene.means[[0, 1, 3, 4, 5]])


def test_split_draws_from_the_gaussian_itself():
    many = 4000
    start = Gaussians(
        torch.zeros(many, 3),
        torch.tensor([math.cos(math.pi / 4), 0.0, 0.0, math.sin(math.pi / 4)]).expand(many, 4),
        torch.tensor([2.0, 0.5, 1.0]).log().expand(many, 3),
        torch.zeros(many),
        torch.zeros(many, 1, 3),
    )
    drawn = split(start, torch.ones(many, dtype=torch.bool), generator=generator())
    spread = drawn.gaussians.means.std(dim=0)  # turned by 90 degrees about z: x and y change places
    assert torch.allclose(spread, torch.tensor([0.5, 2.0, 1.0]), rtol=0.05)


def test_prune_and_reset(scene):
    change = prune(scene, mask(0, 5))
    assert change.origin.tolist() == [1, 2, 3, 4]
    assert not change.fresh.any()
    low = reset_opacity(scene, 0.01).gaussians
    assert low.opacities.max() <= 0.01 + 1e-6
    assert scene.opacities.max() > 0.05, "the old scene is left alone"


def test_relocation_keeps_the_picture():
    start = random_gaussians(40, 1.0, generator=generator(1))
    start.logit_opacities = torch.linspace(-1.0, 1.0, 40)
    start.logit_opacities[:8] = -9.0
    change = relocate(start, start.opacities < 0.005, generator=generator(2))
    assert len(change.gaussians) == 40
    assert bool((change.gaussians.opacities > 0.02).all())
    before, after = draw(start), draw(change.gaussians)
    assert (after - before).abs().mean() < 0.004  # equation (9) is exact for a single ray's sum
    assert (draw(prune(start, mask(*range(20), n=40)).gaussians) - before).abs().mean() > 0.02


def test_relocation_by_hand():
    """Two in one place: 1 - (1 - o')^2 = o; the scale by equation (9) with N = 2."""
    start = random_gaussians(2, 1.0, generator=generator())
    start.logit_opacities = torch.tensor([0.0, -20.0])  # o = 0.5 and dead
    new = relocate(start, torch.tensor([False, True]), generator=generator()).gaussians
    shared = 1 - math.sqrt(0.5)
    assert torch.allclose(new.opacities, torch.tensor(shared).expand(2), atol=1e-6)
    factor = 0.5 / (2 * shared - shared**2 / math.sqrt(2))
    assert torch.allclose(new.scales, start.scales[0] * factor, rtol=1e-5)
    assert torch.equal(new.means, start.means[[0, 0]])


def test_relocation_with_jitter_parts_the_twins():
    start = random_gaussians(2, 1.0, generator=generator())
    start.logit_opacities = torch.tensor([0.0, -20.0])
    dead = torch.tensor([False, True])
    new = relocate(start, dead, generator=generator(), jitter=0.7).gaussians
    assert torch.equal(new.means[0], start.means[0])
    assert not torch.equal(new.means[1], start.means[0])


def test_relocation_of_none_and_of_all(scene):
    same = relocate(scene, mask(), generator=generator())
    assert torch.equal(same.gaussians.means, scene.means) and not same.fresh.any()
    with pytest.raises(ValueError, match="dead"):
        relocate(scene, mask(*range(6)), generator=generator())


def test_optimizer_remembers_those_that_stay(scene):
    parameters = scene.requires_grad_().parameters()
    optimizer = torch.optim.Adam([{"params": [p], "name": n} for n, p in parameters.items()])
    sum((value**2).sum() for value in parameters.values()).backward()
    optimizer.step()
    before = optimizer.state[scene.means]["exp_avg"].clone()
    change = clone(scene, mask(3))
    carry_optimizer_state(optimizer, change)
    (means,) = next(g["params"] for g in optimizer.param_groups if g["name"] == "means")
    assert means is change.gaussians.means and means.requires_grad
    state = optimizer.state[means]
    assert torch.equal(state["exp_avg"][:6], before)
    assert not state["exp_avg"][6].any() and not state["exp_avg_sq"][6].any()
    assert state["step"] == 1
    assert len(optimizer.state) == 5, "nothing of the old tensors is kept"
    (means**2).sum().backward()
    optimizer.step()
