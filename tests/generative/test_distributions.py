"""Densities against SciPy, sums over a grid, autograd; samples against their density."""

import math

import pytest
import torch
from scipy.stats import multivariate_normal

from course_lib.generative.distributions import (
    GaussianMixture,
    gaussian_log_prob,
    push_forward_log_prob,
    ring_mixture,
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def three():
    means = torch.tensor([[-1.5, 0.0], [1.0, 1.2], [1.2, -1.2]])
    spreads = [[[0.3, 0.2], [0.2, 0.4]], [[0.2, -0.1], [-0.1, 0.15]], [[0.1, 0.0], [0.0, 0.4]]]
    return GaussianMixture(torch.tensor([0.5, 0.3, 0.2]), means, torch.tensor(spreads))


def squares(reach=6.0, count=240):
    """Centres of small squares over the plane, and the area of each."""
    line = (torch.arange(count) + 0.5) / count * 2 * reach - reach
    return torch.cartesian_prod(line, line), (2 * reach / count) ** 2


@pytest.mark.parametrize("D", [1, 2, 5])
def test_gaussian_is_scipys(D):
    root = torch.randn(D, D, generator=seeded(D), dtype=torch.float64)
    covariance = root @ root.T + 0.1 * torch.eye(D)
    mean, x = torch.randn(D).double(), torch.randn(20, D, generator=seeded()).double()
    wanted = multivariate_normal(mean.numpy(), covariance.numpy()).logpdf(x.numpy())
    came = gaussian_log_prob(x, mean, covariance)
    torch.testing.assert_close(came, torch.as_tensor(wanted).reshape(20))


def test_gaussian_in_many_dimensions_stays_finite():
    """The determinant is 1e-400 here: no float holds it."""
    D = 100
    value = gaussian_log_prob(torch.zeros(1, D), torch.zeros(D), 1e-4 * torch.eye(D))
    assert value.item() == pytest.approx(-D / 2 * math.log(2 * math.pi * 1e-4), rel=1e-5)


@pytest.mark.parametrize(
    ("x", "mean", "covariance", "named"),
    [
        (torch.zeros(2), torch.zeros(2), torch.eye(2), "x"),
        (torch.zeros(1, 2, dtype=torch.int64), torch.zeros(2), torch.eye(2), "x"),
        ([[0.0, 0.0]], torch.zeros(2), torch.eye(2), "x"),
        (torch.zeros(1, 2), torch.zeros(1, 2), torch.eye(2), "mean"),
        (torch.zeros(1, 2), torch.zeros(2), torch.eye(3), "covariance"),
    ],
)
def test_gaussian_refuses_other_shapes(x, mean, covariance, named):
    with pytest.raises(ValueError, match=f"^{named}: got"):
        gaussian_log_prob(x, mean, covariance)


def test_push_forward_of_a_linear_map_is_a_gaussian():
    matrix, shift = torch.tensor([[2.0, 0.3], [-1.0, -0.7]]), torch.tensor([1.0, -2.0])
    z = torch.randn(30, 2, generator=seeded())
    came = push_forward_log_prob(z, matrix.expand(30, 2, 2))
    wanted = gaussian_log_prob(z @ matrix.T + shift, shift, matrix @ matrix.T)
    torch.testing.assert_close(came, wanted, atol=1e-4, rtol=1e-4)


def test_push_forward_of_exp_is_the_log_normal():
    z = torch.randn(50, 1, generator=seeded())
    jacobian = torch.func.vmap(torch.func.jacrev(torch.exp))(z)
    wanted = torch.distributions.LogNormal(0.0, 1.0).log_prob(z.exp()).squeeze(1)
    torch.testing.assert_close(push_forward_log_prob(z, jacobian), wanted)


def test_push_forward_onto_a_line_is_infinite():
    flat = torch.tensor([[[1.0, 0.0], [1.0, 0.0]]])
    assert push_forward_log_prob(torch.zeros(1, 2), flat).item() == math.inf
    with pytest.raises(ValueError, match="jacobian: got"):
        push_forward_log_prob(torch.zeros(3, 2), torch.eye(2))


@pytest.mark.parametrize("mixture", [three(), ring_mixture()], ids=["three", "ring"])
def test_mixture_is_a_density_and_samples_follow_it(mixture):
    points, area = squares()
    density = mixture.log_prob(points).exp() * area
    assert density.sum().item() == pytest.approx(1.0, abs=1e-3)
    samples = mixture.sample(20_000, generator=seeded())
    mean = (density[:, None] * points).sum(dim=0)
    torch.testing.assert_close(samples.mean(dim=0), mean, atol=0.04, rtol=0)
    away = points - mean
    torch.testing.assert_close(samples.T.cov(), (away.T * density) @ away, atol=0.06, rtol=0)
    entropy = -(density * mixture.log_prob(points)).sum()
    assert mixture.log_prob(samples).mean().item() == pytest.approx(-entropy.item(), abs=0.03)


def test_score_is_the_gradient_of_the_log_density():
    mixture = three()
    x = (2 * torch.randn(40, 2, generator=seeded())).requires_grad_()
    (wanted,) = torch.autograd.grad(mixture.log_prob(x).sum(), x)
    torch.testing.assert_close(mixture.score(x.detach()), wanted, atol=1e-4, rtol=1e-4)


def test_responsibilities_are_shares():
    mixture = three()
    shares = mixture.responsibilities(mixture.means)
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(3))
    assert (shares.argmax(dim=1) == torch.arange(3)).all()


@pytest.mark.parametrize("alpha_bar", [0.0, 0.3, 1.0])
def test_diffused_mixture_is_that_of_noisy_samples(alpha_bar):
    mixture = three()
    x = mixture.sample(20_000, generator=seeded())
    noise = torch.randn(x.shape, generator=seeded(1))
    noisy = alpha_bar**0.5 * x + (1 - alpha_bar) ** 0.5 * noise
    fresh = mixture.diffused(alpha_bar).sample(20_000, generator=seeded(2))
    torch.testing.assert_close(noisy.mean(dim=0), fresh.mean(dim=0), atol=0.04, rtol=0)
    torch.testing.assert_close(noisy.T.cov(), fresh.T.cov(), atol=0.06, rtol=0)
    with pytest.raises(ValueError, match="alpha_bar: got"):
        mixture.diffused(1.1)


def test_ring_lies_on_its_circle():
    ring = ring_mixture(5, radius=3.0, std=0.5)
    torch.testing.assert_close(ring.means.norm(dim=1), torch.full((5,), 3.0))
    torch.testing.assert_close(ring.covariances, (0.25 * torch.eye(2)).expand(5, 2, 2))
    same = [ring.sample(7, generator=seeded(4)) for _ in range(2)]
    assert torch.equal(*same)
    with pytest.raises(ValueError, match="modes, radius, std: got 0"):
        ring_mixture(0)


@pytest.mark.parametrize(
    ("weights", "named"), [([0.5, 0.6], "weights"), ([1.0, 0.0], "weights"), ([1.0], "weights")]
)
def test_weights_must_be_shares(weights, named):
    with pytest.raises(ValueError, match=f"{named}: got"):
        GaussianMixture(torch.tensor(weights), torch.zeros(2, 1), torch.ones(2, 1, 1))


def test_covariances_must_fit():
    with pytest.raises(ValueError, match="covariances: got"):
        GaussianMixture(torch.ones(1), torch.zeros(1, 2), torch.ones(1, 1, 1))
