"""The two losses against their definitions and limits, the judge's form, a game that is played."""

import pytest
import torch

from course_lib.data import faces
from course_lib.inpainting import (
    Generator,
    PatchDiscriminator,
    discriminator_loss,
    fit_adversarial,
    generator_loss,
    random_mask,
)

KINDS = ("hinge", "non-saturating")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def logits(count=50, seed=0):
    return 4 * torch.randn(count, generator=seeded(seed), dtype=torch.float64)


def test_losses_by_their_definitions():
    real, fake = logits(), logits(seed=1)
    p, q = real.sigmoid(), fake.sigmoid()
    entropy = -p.log().mean() - (1 - q).log().mean()
    torch.testing.assert_close(discriminator_loss(real, fake, "non-saturating"), entropy)
    torch.testing.assert_close(generator_loss(fake, "non-saturating"), -q.log().mean())
    hinge = (1 - real).clamp_min(0).mean() + (1 + fake).clamp_min(0).mean()
    torch.testing.assert_close(discriminator_loss(real, fake), hinge)
    torch.testing.assert_close(generator_loss(fake), -fake.mean())


def test_an_undecided_judge():
    nothing = torch.zeros(3, 1, 4, 4)
    assert discriminator_loss(nothing, nothing) == 2.0
    two = torch.tensor(2.0).log()
    torch.testing.assert_close(discriminator_loss(nothing, nothing, "non-saturating"), 2 * two)
    torch.testing.assert_close(generator_loss(nothing, "non-saturating"), two)


@pytest.mark.parametrize("kind", KINDS)
def test_the_slope_is_there_where_the_judge_is_sure(kind):
    fake = torch.tensor([-1000.0], requires_grad=True)
    loss = generator_loss(fake, kind)
    loss.backward()
    assert loss == 1000.0 and fake.grad == -1.0


def test_a_judge_that_is_right_by_the_margin_rests():
    real, fake = torch.tensor([1.5, 2.0]).requires_grad_(), torch.tensor([-1.5]).requires_grad_()
    loss = discriminator_loss(real, fake)
    loss.backward()
    assert loss == 0 and not real.grad.any() and not fake.grad.any()


def test_unknown_kind():
    for call in (
        lambda: generator_loss(logits(), "wgan"),
        lambda: discriminator_loss(*[logits()] * 2, ""),
    ):
        with pytest.raises(ValueError, match="kind: got"):
            call()


def test_the_judge_sees_patches_and_changes_slowly():
    torch.manual_seed(0)
    judge = PatchDiscriminator((8, 16))
    picture, mask = torch.rand(1, 3, 32, 32, generator=seeded()), torch.zeros(1, 1, 32, 32) > 0
    for _ in range(30):
        verdict = judge(picture, mask)  # the power iteration settles
    judge.eval()
    verdict = judge(picture, mask)
    assert verdict.shape == (1, 1, 8, 8)
    changed = picture.clone()
    changed[..., :2, :2] = 1 - changed[..., :2, :2]
    moved = (judge(changed, mask) - verdict).abs()[0, 0] > 0
    assert moved[0, 0] and not moved[4:].any() and not moved[:, 4:].any()
    assert not torch.equal(judge(picture, ~mask), verdict)


@pytest.mark.parametrize("kind", KINDS)
def test_both_players_learn(kind):
    torch.manual_seed(0)
    network, judge = Generator((8, 16), size=16, dense=8), PatchDiscriminator((8, 16))
    before = [[p.clone() for p in player.parameters()] for player in (network, judge)]
    images = faces(64, 16, generator=seeded()).images
    masks = random_mask(64, 16, 16, generator=seeded())
    history = fit_adversarial(
        network, judge, images, masks, 60, generator=seeded(1), kind=kind, progress=False
    )
    assert set(history.numbers) == {"l1", "generator", "judge"}
    for player, old in zip((network, judge), before, strict=True):
        assert all(p.requires_grad for p in player.parameters())
        assert all(not torch.equal(p, q) for p, q in zip(player.parameters(), old, strict=True))
    first, last = (sum(history["l1"][part]) for part in (slice(0, 10), slice(-10, None)))
    assert last < 0.8 * first


def test_a_weight_of_nothing_leaves_the_judge_unheard():
    """With weight 0 the network does not depend on its judge."""
    images, masks = (
        faces(32, 16, generator=seeded()).images,
        random_mask(32, 16, 16, generator=seeded()),
    )
    made = []
    for seed in (0, 1):
        torch.manual_seed(5)
        network = Generator((8,), dense=0)
        torch.manual_seed(seed)
        fit_adversarial(
            network,
            PatchDiscriminator((8,)),
            images,
            masks,
            3,
            generator=seeded(2),
            weight=0.0,
            progress=False,
        )
        made.append(network.leave.weight)
    assert torch.equal(*made)
    with pytest.raises(ValueError, match="kind"):
        fit_adversarial(
            network, PatchDiscriminator((8,)), images, masks, 1, generator=seeded(), kind="x"
        )
