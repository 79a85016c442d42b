"""Distances against closed forms and brute force; zero for alike, larger for further apart."""

import math

import pytest
import torch
from scipy.linalg import sqrtm
from scipy.stats import wasserstein_distance

from course_lib.generative.distances import (
    frechet_distance,
    median_distance,
    mmd,
    modes_covered,
    share_near_modes,
    sliced_wasserstein,
)
from course_lib.generative.distributions import ring_mixture


def normal(count, D, seed=0, shift=0.0):
    return torch.randn(count, D, generator=torch.Generator().manual_seed(seed)) + shift


def test_mmd_is_the_sum_over_pairs():
    x, y, h = normal(6, 3, 1), normal(4, 3, 2), 0.7

    def k(a, b):
        return math.exp(-float((a - b).square().sum()) / (2 * h * h))

    def within(points):
        pairs = [(a, b) for i, a in enumerate(points) for j, b in enumerate(points) if i != j]
        return sum(k(a, b) for a, b in pairs) / len(pairs)

    between = sum(k(a, b) for a in x for b in y) / 24
    assert mmd(x, y, h).item() == pytest.approx(within(x) + within(y) - 2 * between, abs=1e-6)


def test_mmd_of_gaussians_is_the_closed_form_on_average():
    """E k(a, b) for a - b ~ N(m, 2): h / sqrt(h^2 + 2) exp(-m^2 / (2 (h^2 + 2)))."""
    h = 1.0
    shares = [math.sqrt(1 / 3) * math.exp(-(m**2) / 6) for m in (0.0, 1.0)]
    found = [mmd(normal(200, 1, s), normal(200, 1, 99 + s, 1.0), h) for s in range(30)]
    assert torch.stack(found).mean().item() == pytest.approx(2 * (shares[0] - shares[1]), abs=0.01)


def test_mmd_has_no_bias():
    found = torch.stack([mmd(normal(20, 2, s), normal(20, 2, 500 + s)) for s in range(200)])
    assert abs(found.mean()) < 3 * found.std() / math.sqrt(200)
    assert (found < 0).any()


def test_mmd_pulls_sets_together():
    x = normal(50, 2, 1, 1.0).requires_grad_()
    (gradient,) = torch.autograd.grad(mmd(x, normal(50, 2, 2), 2.0), x)
    assert (gradient.mean(dim=0) > 0).all()


def test_median_distance():
    x = normal(31, 2)
    apart = (x[:, None] - x).norm(dim=2)[torch.ones(31, 31).triu(1).bool()]
    assert median_distance(x) == pytest.approx(apart.median().item())


def test_sliced_wasserstein_in_one_dimension():
    x, y = normal(80, 1, 1), 2 * normal(80, 1, 2) + 1
    generator = torch.Generator().manual_seed(0)
    squared = (x.sort(dim=0).values - y.sort(dim=0).values).square().mean().sqrt()
    came = sliced_wasserstein(x, y, 3, generator=generator)
    torch.testing.assert_close(came, squared)
    assert came.item() >= wasserstein_distance(x[:, 0].numpy(), y[:, 0].numpy())


def test_sliced_wasserstein_of_a_shift():
    """Along u a shift m moves by m u, whose mean square is |m|^2 / D."""
    x = normal(40, 2)
    moved = x + torch.tensor([3.0, 4.0])
    came = sliced_wasserstein(x, moved, 4000, generator=torch.Generator().manual_seed(0))
    assert came.item() == pytest.approx(5 / math.sqrt(2), rel=0.02)
    assert sliced_wasserstein(x, x.flip(0), generator=torch.Generator()).item() == 0.0


def test_frechet_distance_against_scipys_root():
    a, b = normal(60, 4, 1) @ normal(4, 4, 2), normal(50, 4, 3, 0.5)
    C_a, C_b = (points.T.cov().double().numpy() for points in (a, b))
    spread = (C_a + C_b - 2 * sqrtm(C_a @ C_b).real).trace()
    wanted = (a.mean(dim=0) - b.mean(dim=0)).square().sum().item() + spread
    assert frechet_distance(a, b) == pytest.approx(wanted, rel=1e-4)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-6)


def test_frechet_distance_of_scaled_features_and_few_samples():
    a = normal(400, 3)
    assert frechet_distance(a, a) == pytest.approx(0.0, abs=1e-6)
    spread = (a.T.cov().trace() + a.mean(dim=0).square().sum()).item()
    assert frechet_distance(a, 3 * a) == pytest.approx(4 * spread, rel=1e-4)
    one = normal(30, 1), normal(30, 1, 1)
    assert frechet_distance(*one) >= 0
    few, many = (frechet_distance(normal(n, 16, 1), normal(n, 16, 2)) for n in (40, 2000))
    assert few > 10 * many  # a bias that only samples cure


def test_modes_are_counted():
    ring = ring_mixture(8)
    samples = ring.sample(4000, generator=torch.Generator().manual_seed(0))
    assert modes_covered(samples, ring) == 8
    assert share_near_modes(samples, ring) == pytest.approx(1 - math.exp(-4.5), abs=0.006)
    right = samples[samples[:, 0] > 0.7]
    assert modes_covered(right, ring) == 3
    assert modes_covered(torch.zeros(5, 2), ring) == 0
    assert share_near_modes(torch.zeros(5, 2), ring) == 0.0
    rare = torch.cat([ring.means[:1].expand(999, 2), ring.means[1:2]])
    assert modes_covered(rare, ring) == 1
    assert modes_covered(rare, ring, least=0.005) == 2


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda x: mmd(x, x[:, :1]), "x, y"),
        (lambda x: mmd(x, x[:1]), "x, y"),
        (lambda x: mmd(x, x, 0.0), "bandwidth"),
        (lambda x: mmd(x[0], x), "x"),
        (lambda x: sliced_wasserstein(x, x[:2], generator=torch.Generator()), "x, y"),
        (lambda x: frechet_distance(x, x[:1]), "features_a, features_b"),
        (lambda x: modes_covered(x[0], ring_mixture()), "samples"),
    ],
)
def test_wrong_input_is_refused(call, named):
    with pytest.raises(ValueError, match=f"^{named}: got"):
        call(normal(5, 2))
