"""Holes by property, the input and the output by hand, the loss against its definition."""

import pytest
import torch

from course_lib.data import faces
from course_lib.inpainting import compose, masked_l1, network_input, random_mask
from course_lib.inpainting.learned import KINDS


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def hole(*place, size=8):
    mask = torch.zeros(1, 1, size, size, dtype=torch.bool)
    mask[(..., *place)] = True
    return mask


def whole_sides(mask):
    """Which sides a mask covers from corner to corner, (B, 4) bool."""
    rows, columns = mask[:, 0].all(dim=2), mask[:, 0].all(dim=1)
    return torch.stack([rows[:, 0], rows[:, -1], columns[:, 0], columns[:, -1]], dim=1)


@pytest.mark.parametrize("kind", KINDS)
def test_masks_have_their_form_and_follow_their_generator(kind):
    masks = random_mask(16, 32, 48, generator=seeded(), kinds=(kind,))
    assert masks.shape == (16, 1, 32, 48) and masks.dtype == torch.bool
    assert masks.flatten(1).any(dim=1).all() and not masks.flatten(1).all(dim=1).any()
    assert torch.equal(masks, random_mask(16, 32, 48, generator=seeded(), kinds=(kind,)))
    assert not torch.equal(masks, random_mask(16, 32, 48, generator=seeded(1), kinds=(kind,)))
    assert len(torch.unique(masks, dim=0)) > 8


def test_the_global_generator_is_left_alone():
    before = torch.get_rng_state()
    random_mask(8, 16, 16, generator=seeded(), kinds=KINDS)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("kind", ["strokes", "block", "half"])
def test_areas_lie_in_the_range(kind):
    share = random_mask(200, 32, 32, generator=seeded(), kinds=(kind,), area=(0.2, 0.3))
    share = share.float().mean(dim=(1, 2, 3))
    rounding = 1 / 64 if kind == "half" else 0
    assert share.min() >= 0.2 - rounding and share.max() <= 0.3 + rounding
    assert share.max() - share.min() > 0.07


def test_kinds_come_up_evenly_and_halves_on_all_sides():
    masks = random_mask(900, 24, 24, generator=seeded(), area=(0.2, 0.3))
    sides = whole_sides(masks)
    halves = sides.any(dim=1)
    box = masks[:, 0].any(dim=2).sum(dim=1) * masks[:, 0].any(dim=1).sum(dim=1)
    full = (box == masks.sum(dim=(1, 2, 3))) & ~halves
    for share in (halves, full):
        assert abs(share.float().mean() - 1 / 3) < 0.05
    assert (sides[halves].float().mean(dim=0) - 1 / 4).abs().max() < 0.07


def test_masks_say_what_they_want():
    for kinds in ((), ("circle",), "block"):
        with pytest.raises(ValueError, match="kinds: got"):
            random_mask(1, 8, 8, generator=seeded(), kinds=kinds)
    with pytest.raises(ValueError, match="count"):
        random_mask(0, 8, 8, generator=seeded(), kinds=("block",))


def test_the_input_says_nothing_of_the_hole():
    image, mask = faces(1, 16, generator=seeded()).images, hole(slice(2, 6), slice(3, 5), size=16)
    x = network_input(image, mask)
    assert torch.equal(x, network_input(image.masked_fill(mask, torch.nan), mask))
    assert torch.equal(x[:, 3:], mask.float())
    assert torch.equal(x[:, :3], image * ~mask)
    assert network_input(image.double(), mask).dtype == torch.float64


def test_composition_keeps_bits_and_cuts_gradients():
    image, mask = torch.rand(1, 3, 8, 8, generator=seeded()), hole(slice(2, 6), slice(3, 5))
    prediction = torch.rand(1, 3, 8, 8, generator=seeded(1)).requires_grad_()
    result = compose(image.masked_fill(mask, torch.nan), prediction, mask)
    assert torch.equal(result, torch.where(mask, prediction, image))
    result.sum().backward()
    assert torch.equal(prediction.grad, mask.expand_as(image).float())
    with pytest.raises(ValueError, match="prediction: got shape"):
        compose(image, prediction[:, :1], mask)


def test_the_loss_counts_each_part_by_its_own_pixels():
    target = torch.zeros(2, 3, 8, 8)
    mask = torch.cat([hole(0, 0), hole(slice(0, 4))])
    prediction = torch.where(mask, 0.5, 0.25).expand(2, 3, 8, 8)
    assert masked_l1(prediction, target, mask) == pytest.approx(6 * 0.5 + 0.25)
    assert masked_l1(prediction, target, mask, 0.0) == pytest.approx(0.25)
    for every, wanted in ((True, 6 * 0.5), (False, 0.5)):
        mask = torch.full((1, 1, 8, 8), every)
        assert masked_l1(torch.full((1, 3, 8, 8), 0.5), target[:1], mask) == pytest.approx(wanted)


def test_the_gradient_of_the_loss_is_a_sign_and_is_finite():
    target, mask = torch.rand(2, 3, 8, 8, generator=seeded()), hole(slice(0, 2)).expand(2, 1, 8, 8)
    prediction = torch.rand(2, 3, 8, 8, generator=seeded(1)).requires_grad_()
    masked_l1(prediction, target, mask).backward()
    wanted = torch.where(mask, 6 / 96, 1 / 288) * (prediction - target).sign()
    torch.testing.assert_close(prediction.grad, wanted.detach())
    with pytest.raises(ValueError, match="wanted that of target"):
        masked_l1(prediction, target[:1], mask)
    assert masked_l1(prediction, target, torch.zeros_like(mask)).isfinite()
