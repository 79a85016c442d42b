import pytest
import torch

from course_lib.rendering.splats import Gaussians, evaluate_sh, from_points, random_gaussians


def test_from_points_makes_round_splats_with_the_points_colours():
    generator = torch.Generator().manual_seed(0)
    points = torch.rand(20, 3, generator=generator)
    colors = torch.rand(20, 3, generator=generator)
    scene = from_points(points, colors, opacity=0.25, sh_degree=2)
    assert scene.sh_degree == 2 and len(scene) == 20
    torch.testing.assert_close(scene.opacities, torch.full((20,), 0.25))
    torch.testing.assert_close(evaluate_sh(scene.sh, torch.rand(20, 3)), colors)
    distances = torch.cdist(points, points).sort(dim=1).values[:, 1:4]
    wanted = distances.square().mean(dim=1).sqrt()
    torch.testing.assert_close(scene.scales, wanted[:, None].expand(-1, 3), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_points(count):
    scene = from_points(torch.zeros(count, 3), torch.zeros(count, 3))
    assert len(scene) == count
    assert bool(torch.isfinite(scene.log_scales).all())


def test_random_gaussians_repeat_with_the_seed():
    one, two = (random_gaussians(5, 1.0, generator=torch.Generator().manual_seed(3)) for _ in "ab")
    for a, b in zip(one.parameters().values(), two.parameters().values(), strict=True):
        assert torch.equal(a, b)
    assert len(random_gaussians(0, 1.0, generator=torch.Generator())) == 0


def test_parameters_are_leaves_that_can_be_trained():
    scene = random_gaussians(3, 1.0, generator=torch.Generator()).requires_grad_()
    assert list(scene.parameters()) == ["means", "quats", "log_scales", "logit_opacities", "sh"]
    assert all(p.is_leaf and p.requires_grad for p in scene.parameters().values())


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"points": torch.zeros(3, 2)}, "points"),
        ({"colors": torch.zeros(2, 3)}, "colors"),
        ({"points": torch.full((3, 3), float("nan"))}, "points"),
        ({"opacity": 1.0}, "opacity"),
        ({"sh_degree": 4}, "sh_degree"),
    ],
)
def test_from_points_names_what_is_wrong(arguments, name):
    good = {"points": torch.zeros(3, 3), "colors": torch.zeros(3, 3)}
    with pytest.raises(ValueError, match=f"^{name}"):
        from_points(**(good | arguments))


@pytest.mark.parametrize(("count", "extent", "name"), [(-1, 1.0, "count"), (1, 0.0, "extent")])
def test_random_gaussians_names_what_is_wrong(count, extent, name):
    with pytest.raises(ValueError, match=name):
        random_gaussians(count, extent, generator=torch.Generator())


@pytest.mark.parametrize("name", ["quats", "log_scales", "logit_opacities", "sh"])
def test_gaussians_of_different_lengths(name):
    parts = random_gaussians(3, 1.0, generator=torch.Generator()).parameters()
    with pytest.raises(ValueError, match=f"^{name}"):
        Gaussians(**(parts | {name: parts[name][:2]}))
