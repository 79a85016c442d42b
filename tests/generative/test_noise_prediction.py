import pytest
import torch
from torch import nn

from course_lib.generative.noise_prediction import Averaged, Velocity, fit_denoiser, noise_loss
from course_lib.generative.schedules import cosine_schedule


def seeded(seed):
    return torch.Generator().manual_seed(seed)


class Table(nn.Module):
    """One factor for each time (and label): enough for data that are Gaussian."""

    no_label = 2

    def __init__(self, T, labels=3):
        super().__init__()
        self.factor = nn.Parameter(torch.zeros(T, labels))

    def forward(self, x, t, labels=None):
        labels = torch.zeros_like(t) if labels is None else labels
        return self.factor[t, labels][:, None] * x


def test_it_learns_the_best_prediction_for_a_gaussian():
    """Of data with variance s, E[noise | x_t] = sqrt(1 - a) / (a s + 1 - a) x_t."""
    alpha_bar, s = cosine_schedule(4), 0.25
    x_0 = s**0.5 * torch.randn(5000, 8, generator=seeded(0))
    options = {"learning_rate": 0.05, "batch_size": 256, "progress": False}
    average, history = fit_denoiser(
        Table(4), x_0, alpha_bar, 600, generator=seeded(1), decay=0.98, **options
    )
    wanted = (1 - alpha_bar).sqrt() / (alpha_bar * s + 1 - alpha_bar)
    torch.testing.assert_close(average.factor[:, 0], wanted, atol=0.03, rtol=0)
    assert sum(history["loss"][-50:]) < sum(history["loss"][:50])
    assert not average.factor.requires_grad


def test_labels_are_forgotten_as_often_as_asked():
    network, seen = Table(2), []
    network.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[2]))
    x, labels = torch.zeros(4000, 1), torch.zeros(4000, dtype=torch.int64)
    for share in (0.0, 0.25):
        options = {"generator": seeded(0), "labels": labels, "forget": share}
        noise_loss(network, x, cosine_schedule(2), **options)
        assert float((seen[-1] == 2).float().mean()) == pytest.approx(share, abs=0.02)


def test_the_average_lags_behind_and_is_seeded():
    both = Averaged(nn.Linear(2, 2), 0.9)
    before = both.average.weight.clone()
    with torch.no_grad():
        both.network.weight += 1
    for done in range(1, 200):
        both.update(done)
    torch.testing.assert_close(both.average.weight, before + 1, atol=1e-3, rtol=0)
    runs = []
    for _ in "ab":
        options = {"generator": seeded(3), "progress": False}
        runs.append(fit_denoiser(Table(3), torch.ones(9, 1), cosine_schedule(3), 5, **options)[0])
    assert torch.equal(runs[0].factor, runs[1].factor)
    with pytest.raises(ValueError, match="decay: got 1"):
        Averaged(nn.Linear(1, 1), 1)


def test_velocity_is_noise_seen_from_the_other_side():
    """From the true v comes the true noise, and the weighted loss is the error of v."""
    alpha_bar = cosine_schedule(50)
    x_0, eps = torch.randn(50, 3, generator=seeded(0)), torch.randn(50, 3, generator=seeded(1))
    t, left = torch.arange(50), alpha_bar[:, None]
    v = left.sqrt() * eps - (1 - left).sqrt() * x_0
    x_t = left.sqrt() * x_0 + (1 - left).sqrt() * eps
    came = Velocity(lambda x, t: v, alpha_bar)(x_t, t)
    torch.testing.assert_close(came, eps, atol=1e-5, rtol=1e-4)
    off = Velocity(lambda x, t: torch.zeros_like(x) + 1, alpha_bar)
    options = {"weights": 1 / alpha_bar, "generator": seeded(2)}
    loss = noise_loss(off, torch.zeros(20_000, 1), alpha_bar, **options)
    mean = float(alpha_bar.mean()) + 1  # of data that are 0, v is sqrt(left) eps: E (v - 1)^2
    assert float(loss) == pytest.approx(mean, abs=0.03)
