"""Whole chains, judged against data whose score is known: no training, no luck."""

import pytest
import torch

from course_lib.generative.distances import sliced_wasserstein
from course_lib.generative.distributions import GaussianMixture, ring_mixture
from course_lib.generative.sampling import (
    ddim_sample,
    ddpm_sample,
    guided,
    repaint,
    to_images,
    to_signed,
)
from course_lib.generative.schedules import cosine_schedule

TWO = GaussianMixture(
    torch.tensor([0.7, 0.3]),
    torch.tensor([[-1.0, 0.0], [1.5, 1.0]]),
    torch.tensor([[[0.1, 0.05], [0.05, 0.1]], [[0.05, 0.0], [0.0, 0.2]]]),
)


def exact(mixture, alpha_bar):
    """The best prediction that there is: the noise is minus the score, scaled."""

    def denoise(x, t):
        left = float(alpha_bar[t[0]])
        return -((1 - left) ** 0.5) * mixture.diffused(left).score(x)

    return denoise


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def start(count=4000):
    return torch.randn(count, 2, generator=seeded(1))


def moments_agree(came, mixture, atol):
    first = came[:, 0] < 0.25
    assert abs(float(first.float().mean()) - 0.7) < atol
    for part, mean, covariance in zip(
        (came[first], came[~first]), mixture.means, mixture.covariances, strict=True
    ):
        torch.testing.assert_close(part.mean(0), mean, atol=atol, rtol=0)
        torch.testing.assert_close(part.T.cov(), covariance, atol=atol, rtol=0)


def test_ddpm_draws_from_the_mixture():
    alpha_bar = cosine_schedule(200)
    x = ddpm_sample(exact(TWO, alpha_bar), start(), alpha_bar, generator=seeded(0), clip=False)
    moments_agree(x, TWO, 0.04)


@pytest.mark.parametrize("eta", [0.0, 0.5])
def test_ddim_draws_from_it_in_fewer_steps(eta):
    alpha_bar = cosine_schedule(1000)
    denoise = exact(TWO, alpha_bar)
    x = ddim_sample(denoise, start(), alpha_bar, 60, eta=eta, generator=seeded(0), clip=False)
    moments_agree(x, TWO, 0.05)


def test_ddim_is_a_function_of_its_start_and_ddpm_is_not():
    alpha_bar = cosine_schedule(100)
    denoise = exact(TWO, alpha_bar)
    a, b = (ddim_sample(denoise, start(8), alpha_bar, 20, clip=False) for _ in "ab")
    assert torch.equal(a, b)
    a, b = (
        ddpm_sample(denoise, start(8), alpha_bar, generator=seeded(s), clip=False) for s in (0, 1)
    )
    assert float((a - b).abs().max()) > 0.1


def test_more_steps_bring_it_closer():
    ring, alpha_bar = ring_mixture(), cosine_schedule(1000)
    truth = ring.sample(4000, generator=seeded(3))
    far = [
        sliced_wasserstein(
            ddim_sample(exact(ring, alpha_bar), start(), alpha_bar, steps, clip=False),
            truth,
            generator=seeded(0),
        )
        for steps in (3, 10, 50)
    ]
    assert far[0] > 2 * far[1] > 2 * far[2]


def test_repeats_make_repaint_agree_with_what_is_known():
    """Two pixels with a correlation of 0.9: the hole's mean is 0.9 times the known pixel."""
    covariance = 0.25 * torch.tensor([[1.0, 0.9], [0.9, 1.0]])
    pixels = GaussianMixture(torch.ones(1), torch.zeros(1, 2), covariance[None])
    alpha_bar = cosine_schedule(50)
    denoise = exact(pixels, alpha_bar)
    known = torch.full((3000, 1, 1, 2), torch.nan)
    known[..., 1] = 0.6
    mask = known.isnan()

    def as_pixels(x, t):
        return denoise(x.flatten(1), t).view_as(x)

    off = {}
    for repeats in (1, 10):
        x = repaint(as_pixels, known, mask, alpha_bar, generator=seeded(0), repeats=repeats)
        assert torch.equal(x[~mask], known[~mask])
        off[repeats] = abs(float(x[mask].mean()) - 0.9 * 0.6)
    assert off[10] < 0.06 and off[1] > 2 * off[10]


def test_a_prediction_out_of_range_is_clipped():
    alpha_bar = cosine_schedule(20)
    wild = torch.zeros_like  # no noise, it says, where all is noise
    x = ddim_sample(lambda x, t: wild(x), start(16), alpha_bar, 10)
    assert float(x.abs().max()) <= 1.0001
    assert (
        float(ddim_sample(lambda x, t: wild(x), start(16), alpha_bar, 10, clip=False).abs().max())
        > 100
    )


def test_watchers_see_every_step_and_the_ranges_are_inverse():
    alpha_bar, seen = cosine_schedule(100), []
    ddim_sample(
        lambda x, t: x, start(2), alpha_bar, 5, watch=lambda t, x, x_0: seen.append((t, x.shape))
    )
    assert [t for t, _ in seen] == [99, 74, 50, 25, 0]
    x = torch.rand(3, 3)
    torch.testing.assert_close(to_images(to_signed(x)), x)


def test_guidance_asks_once_where_once_is_enough():
    asked = []

    def network(x, t, labels):
        asked.append(labels)
        return x * labels[:, None]

    x, t, labels = torch.ones(2, 1), torch.zeros(2, dtype=torch.int64), torch.tensor([2, 3])
    assert guided(network, labels, 1.0, no_label=9)(x, t).tolist() == [[2.0], [3.0]]
    assert len(asked) == 1
    assert guided(network, labels, 2.0, no_label=1)(x, t).tolist() == [[3.0], [5.0]]
    assert len(asked) == 3


def test_errors_name_the_argument():
    alpha_bar, x = cosine_schedule(10), torch.zeros(1, 1, 2, 2)
    with pytest.raises(ValueError, match="generator"):
        ddim_sample(lambda x, t: x, x, alpha_bar, 5, eta=0.5)
    with pytest.raises(ValueError, match="repeats: got 0"):
        repaint(lambda x, t: x, x, x > 1, alpha_bar, generator=seeded(0), repeats=0)
