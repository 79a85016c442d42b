"""The map and its inverse, determinants against autograd, and a density against the truth."""

import pytest
import torch

from course_lib.generative.distributions import GaussianMixture
from course_lib.generative.flows import (
    RealNVP,
    coupling_forward,
    coupling_inverse,
    coupling_parameters,
    scale_and_shift,
)
from course_lib.training import descend


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def loud(dimension, seed=0):
    """A layer that does much, unlike one that was just drawn."""
    parameters = coupling_parameters(dimension, 8, generator=seeded(seed))
    return parameters | {"weight_3": 10 * parameters["weight_3"]}


@pytest.mark.parametrize("D", [2, 3, 6])
def test_coupling_and_back(D):
    z, parameters = torch.randn(30, D, generator=seeded()), loud(D)
    x, log_det = coupling_forward(z, parameters)
    assert torch.equal(x[:, : D // 2], z[:, : D // 2])
    assert (x - z).abs().max() > 0.5
    back, undone = coupling_inverse(x, parameters)
    torch.testing.assert_close(back, z, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(undone, -log_det)


@pytest.mark.parametrize("D", [2, 5])
def test_determinant_is_autograds(D):
    z, parameters = torch.randn(10, D, generator=seeded()), loud(D)
    jacobian = torch.func.vmap(
        torch.func.jacrev(lambda one: coupling_forward(one[None], parameters)[0][0])
    )(z)
    wanted = torch.linalg.slogdet(jacobian).logabsdet
    torch.testing.assert_close(coupling_forward(z, parameters)[1], wanted, atol=1e-5, rtol=1e-4)


def test_scales_are_bounded():
    parameters = {name: 1000 * value for name, value in loud(4).items()}
    log_scale, shift = scale_and_shift(torch.randn(9, 2, generator=seeded()), parameters)
    assert log_scale.shape == shift.shape == (9, 2)
    assert log_scale.abs().max() <= 2.0


@pytest.mark.parametrize("layers", [1, 2, 5])
@pytest.mark.parametrize("D", [2, 3])
def test_flow_and_back_with_its_density(D, layers):
    flow = RealNVP(D, layers, 8, generator=seeded())
    x, log_prob = flow.sample(40, generator=seeded(1))
    z, log_det = flow.inverse(x)
    again, opposite = flow(z)
    torch.testing.assert_close(again, x, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(opposite, -log_det, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(flow.log_prob(x), log_prob, atol=1e-4, rtol=1e-4)


def test_density_of_an_untrained_flow_adds_to_one():
    flow = RealNVP(2, 3, 8, generator=seeded(3))
    line = torch.linspace(-8, 8, 161)
    with torch.no_grad():
        density = flow.log_prob(torch.cartesian_prod(line, line)).exp()
    assert density.sum().item() * 0.01 == pytest.approx(1.0, abs=2e-3)


def test_trained_flow_knows_the_likelihood():
    """Within 0.1 nat of minus the entropy, on points that it has not seen."""
    truth = GaussianMixture(
        torch.tensor([0.6, 0.4]),
        torch.tensor([[-1.0, 0.0], [1.0, 0.5]]),
        torch.tensor([[[0.3, 0.2], [0.2, 0.4]], [[0.15, -0.1], [-0.1, 0.3]]]),
    )
    flow = RealNVP(2, 6, 24, generator=seeded())
    descend(
        flow,
        lambda x: -flow.log_prob(x).mean(),
        lambda generator: (truth.sample(256, generator=generator),),
        400,
        generator=seeded(1),
        learning_rate=5e-3,
        largest_gradient=5.0,
        progress=False,
    )
    unseen = truth.sample(10_000, generator=seeded(2))
    with torch.no_grad():
        gap = (truth.log_prob(unseen) - flow.log_prob(unseen)).mean().item()
    assert 0.0 < gap < 0.1  # the gap is a Kullback-Leibler divergence: never below zero


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: coupling_forward(torch.zeros(3, 1), {}), "z"),
        (lambda: coupling_inverse(torch.zeros(3), {}), "x"),
        (lambda: RealNVP(1, generator=seeded()), "dimension, layers, hidden"),
        (lambda: RealNVP(2, generator=seeded()).log_prob(torch.zeros(2)), "x"),
    ],
)
def test_wrong_input_is_refused(call, named):
    with pytest.raises(ValueError, match=f"^{named}: got"):
        call()
