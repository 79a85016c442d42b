"""The bound of a diffusion model against data whose likelihood is known."""

import math

import pytest
import torch
from torch.distributions import Normal

from course_lib.generative.likelihood import diffusion_bound
from course_lib.generative.schedules import cosine_schedule

WIDTH = 0.4  # of the Gaussian that the data come from
SCHEDULE = cosine_schedule(1000)


def best_denoiser(x_t, t):
    """The noise that the posterior mean of N(0, WIDTH^2) data implies."""
    left = SCHEDULE[t][:, None]
    x_0 = left.sqrt() * WIDTH**2 / (left * WIDTH**2 + 1 - left) * x_t
    return (x_t - left.sqrt() * x_0) / (1 - left).sqrt()


def bound(denoiser=best_denoiser, sigma=0.05, seed=0, **options):
    x = WIDTH * torch.randn(2000, 8, generator=torch.Generator().manual_seed(seed))
    exact = Normal(0.0, WIDTH).log_prob(x).sum(dim=1).mean()
    generator = torch.Generator().manual_seed(seed + 1)
    found = diffusion_bound(denoiser, x, SCHEDULE, sigma, generator=generator, **options)
    return found.mean().item(), exact.item()


def test_the_best_denoiser_of_gaussian_data_reaches_their_likelihood():
    # Noise of 0.2 at the last time leaves 0.2 * 0.4 / sqrt(0.2^2 + 0.4^2) of doubt.
    first = int((((1 - SCHEDULE) / SCHEDULE).sqrt() < 0.2).sum())
    found, exact = bound(first=first, sigma=0.179)
    assert exact - 0.15 < found < exact  # 8 numbers; steps that are not infinitely short cost 0.07


def test_a_worse_denoiser_or_last_step_has_a_lower_bound():
    found, _ = bound(first=25)
    assert bound(lambda x, t: 0.9 * best_denoiser(x, t), first=25)[0] < found - 1
    assert bound(sigma=0.5, first=25)[0] < found - 1


def test_more_times_estimate_the_same():
    few, many = bound(first=25, draws=16)[0], bound(first=25, draws=256)[0]
    assert math.isclose(few, many, abs_tol=0.15)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sigma": 0.0}, "sigma, draws: got 0.0"),
        ({"draws": 0}, "sigma, draws: got 0.05 and 0"),
        ({"first": 999}, "first: got 999, wanted 0 to 998"),
        ({"first": -1}, "first: got -1"),
    ],
)
def test_wrong_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        bound(**options)
