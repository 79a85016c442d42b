"""The game's closed forms, both players' moves, and training on distributions that we know."""

import math

import pytest
import torch

from course_lib.generative.distances import modes_covered, share_near_modes
from course_lib.generative.distributions import ring_mixture
from course_lib.generative.gan import (
    KINDS,
    critic,
    discriminator_loss,
    fit_gan,
    gan_step,
    generator_loss,
    gradient_penalty,
    optimal_discriminator,
    point_player,
    slope_penalty,
)


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def shares(seed, size=12):
    return (2 * torch.randn(size, generator=seeded(seed))).softmax(0)


def test_the_losses_are_finite_where_the_sigmoid_is_not():
    sure = torch.tensor([200.0])
    torch.testing.assert_close(discriminator_loss(-sure, sure), torch.tensor(400.0))
    torch.testing.assert_close(generator_loss(-sure), torch.tensor(200.0))
    torch.testing.assert_close(generator_loss(sure, "minimax"), torch.tensor(-200.0))


def test_minimax_and_the_discriminator_disagree_about_the_fakes_exactly():
    real, fake = torch.randn(2, 9, generator=seeded(0))
    total = discriminator_loss(real, fake) + generator_loss(fake, "minimax")
    torch.testing.assert_close(total, torch.nn.functional.softplus(-real).mean())


def test_the_non_saturating_slope_is_steep_where_the_minimax_slope_vanishes():
    for kind, wanted in (("minimax", -torch.tensor(-9.0).sigmoid()), ("non-saturating", None)):
        d = torch.tensor([-9.0], requires_grad=True)
        (slope,) = torch.autograd.grad(generator_loss(d, kind), d)
        wanted = wanted if wanted is not None else torch.tensor(-9.0).sigmoid() - 1
        torch.testing.assert_close(slope[0], wanted)


@pytest.mark.parametrize("seed", [0, 1])
def test_no_discriminator_beats_the_best(seed):
    p, q = shares(seed), shares(seed + 10)
    D, best = optimal_discriminator(p, q)
    torch.testing.assert_close(best, (p * D.log()).sum() + (q * (1 - D).log()).sum())
    for other in torch.rand(200, 12, generator=seeded(seed)).clamp(1e-3, 1 - 1e-3):
        assert (p * other.log()).sum() + (q * (1 - other).log()).sum() <= best


def test_the_value_runs_from_minus_log_four_to_zero():
    p = shares(3)
    assert optimal_discriminator(p, p)[1].item() == pytest.approx(-math.log(4), abs=1e-5)
    ends = torch.eye(2)
    D, value = optimal_discriminator(ends[0], ends[1])
    assert value.item() == 0 and D.tolist() == [1, 0]


def test_at_the_solution_nobody_moves():
    points = torch.randn(6, 2, generator=seeded(0))
    maker = {"weight": torch.eye(2), "bias": torch.zeros(2)}
    judge = {"weight": torch.zeros(2), "bias": torch.tensor(0.0)}
    for alternating in (False, True):
        new_maker, new_judge = gan_step(maker, judge, points, points, 0.5, alternating)
        for now, before in ((new_maker, maker), (new_judge, judge)):
            for name in before:
                torch.testing.assert_close(now[name], before[name])


def test_at_once_moves_away_and_in_turns_stays_near():
    """Data and noise at zero: the generator's bias and the discriminator's slope are a saddle."""
    zero = torch.zeros(4, 1)
    far = {}
    for alternating in (False, True):
        maker = {"weight": torch.zeros(1, 1), "bias": torch.tensor([0.1])}
        judge = {"weight": torch.tensor([0.0]), "bias": torch.tensor(0.0)}
        for _ in range(200):
            maker, judge = gan_step(maker, judge, zero, zero, 0.3, alternating)
            judge["bias"] = torch.tensor(0.0)
        far[alternating] = math.hypot(float(maker["bias"]), float(judge["weight"]))
    assert far[False] > 2 * 0.1 > 1.5 * 0.1 > far[True]


def test_the_penalty_agrees_with_finite_differences():
    weights = torch.randn(21, generator=seeded(0)).double()
    real, fake = torch.randn(2, 5, 2, generator=seeded(1)).double()
    mix = torch.rand(5, 1, generator=seeded(2)).double()
    x, h = mix * real + (1 - mix) * fake, 1e-5
    steps = h * torch.eye(2).double()
    slopes = [(critic(x + s, weights) - critic(x - s, weights)) / (2 * h) for s in steps]
    wanted = (torch.stack(slopes, dim=1).norm(dim=1) - 1).square().mean()
    torch.testing.assert_close(gradient_penalty(weights, real, fake, mix), wanted)
    assert torch.autograd.gradcheck(
        lambda w: gradient_penalty(w, real, fake, mix), weights.requires_grad_()
    )


def test_the_penalty_of_pictures_takes_the_length_over_all_numbers():
    pictures = torch.rand(3, 1, 2, 2)
    penalty = slope_penalty(
        lambda x: x.sum(dim=(1, 2, 3)), pictures, pictures, torch.rand(3, 1, 1, 1)
    )
    torch.testing.assert_close(penalty.detach(), torch.tensor(1.0))  # a slope of two


def test_balanced_players_cover_the_ring():
    ring = ring_mixture()
    maker, judge = point_player(2, 2), point_player(2, 1, seed=100)
    history = fit_gan(
        maker, judge, lambda g: (ring.sample(128, generator=g),), 700,
        noise_size=2, generator=seeded(0), progress=False,
    )  # fmt: skip
    with torch.no_grad():
        x = maker(torch.randn(2000, 2, generator=seeded(1)))
    assert modes_covered(x, ring) == 8 and share_near_modes(x, ring) > 0.6
    assert history.steps == 700 and set(history.numbers) == {"discriminator", "generator"}


@pytest.mark.parametrize("kind", KINDS)
def test_labels_reach_both_players_and_training_repeats(kind):
    class Labelled(torch.nn.Module):
        def __init__(self, outputs):
            super().__init__()
            self.player = point_player(2, outputs, 8)

        def forward(self, x, labels):
            return self.player(x + labels[:, None])

    def run():
        maker, judge = Labelled(2), Labelled(1)
        data = torch.randn(40, 2, generator=seeded(0)), torch.arange(40) % 2
        fit_gan(
            maker, judge, data, 3, noise_size=2, generator=seeded(1), kind=kind, rounds=2,
            batch_size=8, progress=False,
        )  # fmt: skip
        return maker.player[0].weight

    assert torch.equal(run(), run())
    assert not torch.equal(run(), Labelled(2).player[0].weight)


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="kind: got 'hinge'"):
        generator_loss(torch.zeros(2), "hinge")
    with pytest.raises(ValueError, match="p_data, p_model: got"):
        optimal_discriminator(torch.ones(2), torch.ones(3))
    with pytest.raises(ValueError, match="negative"):
        optimal_discriminator(torch.tensor([-1.0, 2.0]), torch.ones(2))
    with pytest.raises(ValueError, match="rounds: got 0"):
        fit_gan(
            point_player(2, 2), point_player(2, 1), (torch.zeros(4, 2),), 1,
            noise_size=2, generator=seeded(0), rounds=0,
        )  # fmt: skip
    with pytest.raises(ValueError, match="noise: got"):
        gan_step({}, {}, torch.zeros(2, 1), torch.zeros(2), 0.1, True)
