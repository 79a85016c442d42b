"""The small U-Net and its loss."""

import pytest
import torch

from course_lib.data import shapes
from course_lib.foundations.scores import mean_iou
from course_lib.foundations.unet import UNet, segmentation_loss
from course_lib.training import descend


@pytest.mark.parametrize("size", [(40, 40), (8, 12), (64, 16)])
def test_every_pixel_gets_its_logits(size):
    assert UNet(5, 4)(torch.zeros(2, 3, *size)).shape == (2, 5, *size)


def test_loss_falls_to_zero_for_the_truth_and_rises_for_a_wrong_class():
    target = torch.randint(3, (2, 4, 4), generator=torch.Generator().manual_seed(0))
    right = 50.0 * torch.nn.functional.one_hot(target, 3).movedim(-1, 1)
    assert segmentation_loss(right, target) < 1e-5
    assert segmentation_loss(right.roll(1, dims=1), target) > 10
    flat = segmentation_loss(torch.zeros(2, 3, 4, 4), target)
    assert 1.0 < float(flat) < 2.2  # log 3 and a Dice of about a third


def test_a_rare_class_weighs_as_much_as_a_common_one_in_the_dice_part():
    target = torch.zeros(1, 20, 20, dtype=torch.int64)
    target[0, :2, :2] = 1
    blind = torch.zeros(1, 2, 20, 20)
    blind[:, 0] = 20.0
    seeing = blind.clone()
    seeing[0, :, :2, :2] = seeing[0, :, :2, :2].flip(0)
    entropy = torch.nn.functional.cross_entropy
    dice = [segmentation_loss(x, target) - entropy(x, target) for x in (blind, seeing)]
    assert dice[0] - dice[1] > 0.3  # for one pixel in a hundred


def test_it_learns_eight_pictures_by_heart():
    made = shapes(8, 24, most=2, generator=torch.Generator().manual_seed(5))
    torch.manual_seed(0)
    network = UNet(4, 12)
    descend(
        network,
        lambda x, target: segmentation_loss(network(x), target),
        (made.images, made.semantic),
        250,
        generator=torch.Generator().manual_seed(0),
        batch_size=8,
        learning_rate=0.004,
        progress=False,
    )
    with torch.no_grad():
        predicted = network.eval()(made.images).argmax(dim=1)
    assert mean_iou(predicted, made.semantic, 4) > 0.85
