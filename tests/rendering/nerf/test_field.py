import math

import pytest
import torch
from torch.nn.functional import normalize

from course_lib.rendering.kernels import exponential
from course_lib.rendering.nerf import HashField, MLPField, fused, radiance_field


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def places(count, seed=1):
    drawn = generator(seed)
    points = 2 * torch.rand(count, 3, generator=drawn) - 1
    return points, normalize(torch.randn(count, 3, generator=drawn), dim=1)


def lively(field):
    """The same field with tables that are not almost zero."""
    with torch.no_grad():
        field.tables.uniform_(-1.0, 1.0, generator=generator(5))
        field.density_out.bias[0] = 1.0
    return field


@pytest.mark.parametrize("make", [MLPField, HashField])
def test_a_field_gives_densities_and_colors(make):
    field = make(generator=generator())
    sigmas, colors = (output.detach() for output in field(*places(50)))
    assert sigmas.shape == (50,) and colors.shape == (50, 3)
    assert bool((sigmas >= 0).all()) and 0 <= float(colors.min()) <= float(colors.max()) <= 1
    again = make(generator=generator())
    assert all(torch.equal(a, b) for a, b in zip(field(*places(9)), again(*places(9)), strict=True))


@pytest.mark.parametrize("make", [MLPField, HashField])
def test_density_does_not_depend_on_the_direction_but_color_does(make):
    field = make(generator=generator())
    points, directions = places(50)
    (one, color), (other, turned) = field(points, directions), field(points, -directions)
    assert torch.equal(one, other) and not torch.equal(color, turned)


def test_the_classic_network_is_the_papers():
    field = MLPField(generator=generator())
    shapes = {name: tuple(p.shape) for name, p in field.named_parameters() if p.ndim == 2}
    assert [shapes[f"layers.{k}.weight"] for k in range(8)] == [
        (256, 60), (256, 256), (256, 256), (256, 256), (256, 316), *[(256, 256)] * 3
    ]  # fmt: skip
    assert shapes["density.weight"] == (1, 256) and shapes["feature.weight"] == (256, 256)
    assert shapes["view.weight"] == (128, 280) and shapes["color.weight"] == (3, 128)
    one = field(*places(5))
    other = radiance_field(*places(5), dict(field.named_parameters()))
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("make", [lambda g: MLPField(3, 16, generator=g),
                                  lambda g: HashField(generator=g)])  # fmt: skip
def test_a_field_learns_one_colour(make):
    field = make(generator())
    optimizer = torch.optim.Adam(field.parameters(), lr=1e-2)
    losses = []
    for _ in range(60):
        _, colors = field(*places(64))
        loss = (colors - torch.tensor([0.9, 0.1, 0.4])).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]


def test_there_is_nothing_outside_the_cube():
    field = HashField(bound=2.0, generator=generator())
    points = torch.tensor([[0.0, 0.0, 1.9], [0.0, 0.0, 2.1], [-3.0, 0.0, 0.0]])
    sigmas, _ = field(points, torch.eye(3))
    assert (sigmas > 0).tolist() == [True, False, False]


@pytest.mark.parametrize("bound", [1.0, 3.0])
@pytest.mark.parametrize("settings", [{}, {"levels": 2, "log2_entries": 8, "finest": 40}])
def test_compiled_densities(bound, settings):
    field = lively(HashField(bound, generator=generator(), **settings))
    points, directions = places(1300)
    wanted = field(bound * points, directions)[0].detach()
    torch.testing.assert_close(fused.density(field, bound * points), wanted, rtol=1e-4, atol=1e-5)
    assert fused.density(field, points[:0]).shape == (0,)


def test_the_exponential():
    for x in (0.0, -0.3, 1.0, 15.0, -20.0, 80.0, -80.0):
        assert float(exponential.exp(x)) == pytest.approx(math.exp(x), rel=5e-6)
    assert 0 < float(exponential.exp(-1000.0)) < 1e-37 < 1e37 < float(exponential.exp(1000.0))
    assert math.isnan(exponential.exp(math.nan))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"bound": 0.0}, "bound: got 0.0"),
        ({"levels": 3}, "levels, log2_entries: got 3"),
        ({"log2_entries": 30}, "levels, log2_entries: got 6, 30"),
        ({"coarsest": 1}, "levels, coarsest, finest: got 6, 1"),
        ({"finest": 8}, "levels, coarsest, finest: got 6, 16, 8"),
    ],
)
def test_bad_settings_are_named(settings, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        HashField(**settings, generator=generator())
