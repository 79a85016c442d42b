"""Unit 05: other right answers pass; a mistake costs its own points and is called by its name."""

import pytest
import torch
from torch.nn.functional import conv2d, logsigmoid, pad

from course_lib import data, inpainting
from course_lib.checks.deep_inpainting import CHECKS as EVERY

CHECKS = {each.function: each for each in EVERY}


def masks_by_counts(count, height, width, area, generator):
    """Each kind drawn in one go, and then put where it belongs."""
    kinds = (3 * torch.rand(count, generator=generator)).long()
    masks = torch.zeros(count, 1, height, width, dtype=torch.bool)
    for kind, draw in enumerate((data.stroke_mask, data.block_mask)):
        if number := int((kinds == kind).sum()):
            masks[kinds == kind] = draw(number, height, width, generator=generator, area=area)
    for n in (kinds == 2).nonzero().flatten().tolist():
        side = ["top", "left", "bottom", "right"][int(4 * torch.rand((), generator=generator))]
        share = torch.empty(()).uniform_(*area, generator=generator).item()
        masks[n] = data.half_mask(height, width, side, share)[0]
    return masks


def masks_of_the_library(count, height, width, area, generator):
    return inpainting.random_mask(count, height, width, generator=generator, area=area)


def input_by_filling(image, mask):
    x = torch.zeros(image.shape[0], image.shape[1] + 1, *image.shape[2:], dtype=image.dtype)
    x[:, :-1] = image.masked_fill(mask, 0)
    x[:, -1:] = mask
    return x


def input_by_cleaning(image, mask):
    """NaN removed first, then the product."""
    clean = image.nan_to_num() * (1 - mask.to(image))
    return torch.cat((clean, mask.float()), 1)


def compose_by_index(image, prediction, mask):
    result, everywhere = image.clone(), mask.expand_as(image)
    result[everywhere] = prediction[everywhere]
    return result


def compose_by_filling(image, prediction, mask):
    """One of two numbers is 0 and adds nothing."""
    return image.masked_fill(mask, 0) + prediction.masked_fill(~mask, 0)


def loss_by_selection(prediction, target, mask, hole_weight):
    error = torch.abs(target - prediction).permute(0, 2, 3, 1)  # (B, H, W, C)
    total = prediction.new_zeros(())
    for part, weight in ((error[mask[:, 0]], hole_weight), (error[~mask[:, 0]], 1.0)):
        if part.numel():
            total = total + weight * part.mean()
    return total


def loss_by_products(prediction, target, mask, hole_weight):
    m, channels = mask.float(), prediction.shape[1]
    error = (prediction - target).abs()
    inside = (error * m).sum() / (m.sum() * channels).clamp(min=1)
    outside = (error * (1 - m)).sum() / ((1 - m).sum() * channels).clamp(min=1)
    return hole_weight * inside + outside


def partial_by_channels(x, mask, weight, bias, stride):
    """The mask laid beside each channel, as in the authors' code."""
    size, channels = weight.shape[-1], x.shape[1]
    known = (~mask).expand_as(x).to(x)
    count = conv2d(known, torch.ones_like(weight[:1]), stride=stride, padding=size // 2)
    y = conv2d(torch.where(mask, 0, x), weight, bias, stride, size // 2) - bias.view(1, -1, 1, 1)
    ratio = channels * size**2 / (count + 1e-8)
    there = (count > 0).to(x)
    return (y * (ratio * there) + bias.view(1, -1, 1, 1)) * there, count == 0


def partial_by_shifts(x, mask, weight, bias, stride):
    """One pixel of the kernel after the other."""
    size = weight.shape[-1]
    reach, (height, width) = size // 2, x.shape[-2:]
    known = pad((~mask).to(x), (reach,) * 4)
    x = pad(x.masked_fill(mask, 0.0), (reach,) * 4)
    y, seen = 0.0, 0.0
    for i in range(size):
        for j in range(size):
            here = (..., slice(i, i + height, stride), slice(j, j + width, stride))
            y = y + torch.einsum("dc,bchw->bdhw", weight[..., i, j], x[here])
            seen = seen + known[here]
    y = y * size**2 / torch.where(seen > 0, seen, 1.0) + bias[None, :, None, None]
    return torch.where(seen > 0, y, torch.zeros_like(y)), seen < 0.5


def wish_by_log_sigmoid(fake, kind):
    return fake.mean().neg() if kind == "hinge" else -logsigmoid(fake).mean()


def wish_by_log_add(fake, kind):
    flat = fake.flatten()
    if kind == "non-saturating":
        return torch.logaddexp(torch.zeros_like(flat), -flat).sum() / len(flat)
    return -flat.sum() / len(flat)


def wish_by_cross_entropy(fake, kind):
    if kind == "hinge":
        return -torch.mean(fake)
    real = torch.ones_like(fake)
    return torch.nn.functional.binary_cross_entropy_with_logits(fake, real)


ANSWERS = [
    ("random_mask", masks_by_counts),
    ("random_mask", masks_of_the_library),
    ("network_input", input_by_filling),
    ("network_input", input_by_cleaning),
    ("compose", compose_by_index),
    ("compose", compose_by_filling),
    ("masked_l1", loss_by_selection),
    ("masked_l1", loss_by_products),
    ("partial_conv", partial_by_channels),
    ("partial_conv", partial_by_shifts),
    ("generator_loss", wish_by_log_sigmoid),
    ("generator_loss", wish_by_log_add),
    ("generator_loss", wish_by_cross_entropy),
]


@pytest.mark.parametrize(
    "name", ["network_input", "compose", "masked_l1", "partial_conv", "generator_loss"]
)
def test_the_library_gives_the_same(name):
    """What the exercises ask for is what the library does, where the library takes the input."""
    cases = [
        case
        for case in CHECKS[name].cases(torch.Generator().manual_seed(0))
        if name not in ("network_input", "compose") or "everything" not in case.name
    ]
    for case in cases:
        came = getattr(inpainting, name)(*case.inputs)
        torch.testing.assert_close(came, CHECKS[name].reference(*case.inputs))


LOST = [
    ("random_mask", "mostly strokes", "three kinds"),
    ("random_mask", "left and right only", "four sides"),
    ("random_mask", "area ignored", "area"),
    ("random_mask", "always the largest", "area"),
    ("random_mask", "global generator", "generator decides"),
    ("random_mask", "own seed", "generator decides"),
    ("network_input", "mask inverted", "last channel|values"),
    ("network_input", "times nought", "never seen"),
    ("network_input", "detached", "gradients"),
    ("compose", "by products", "anything"),
    ("compose", "prediction detached", "gradients"),
    ("masked_l1", "mean over nothing", "by hand|not there"),
    ("masked_l1", "by picture", "values"),
    ("masked_l1", "detached", "gradients"),
    ("partial_conv", "times nought", "never looked at"),
    ("partial_conv", "bias scaled", "values|gradients"),
    ("partial_conv", "mask unchanged", "shrinks|values"),
    ("partial_conv", "weight detached", "gradients"),
    ("partial_conv", "picture detached", "gradients"),
    ("generator_loss", "log of sigmoid", "by hand|steep"),
    ("generator_loss", "mean logit", "values"),
    ("generator_loss", "detached", "steep|gradients"),
]


TOLD = [
    ("random_mask", "blocks only", "only 1 came up"),
    ("random_mask", "no halves", "along a side never"),
    ("random_mask", "mostly strokes", "equally often"),
    ("random_mask", "left and right only", "all four sides"),
    ("random_mask", "one mask for all", "the very same hole"),
    ("random_mask", "area ignored", "not what `area` says"),
    ("random_mask", "always the largest", "only a part of the range"),
    ("random_mask", "inverted", "True means hole"),
    ("random_mask", "global generator", "gave other masks the second time"),
    ("random_mask", "own seed", "the very same masks"),
    ("network_input", "mask inverted", "1 where the picture is known"),
    ("network_input", "hole kept", "removed elsewhere"),
    ("network_input", "hole white", "the hole is white"),
    ("network_input", "mask first", "the mask comes first"),
    ("network_input", "hole not removed", "would only have to copy"),
    ("network_input", "mask empty", "cannot tell a hole from black"),
    ("network_input", "times nought", "NaN"),
    ("network_input", "first mask for all", "first picture serves for all"),
    ("compose", "changed places", "have changed places"),
    ("compose", "by products", "NaN"),
    ("compose", "rounded", "almost what they were"),
    ("compose", "added", "added to what the hole held"),
    ("compose", "mixed outside", "mixed in"),
    ("compose", "blurred mask", "runs over the hole's rim"),
    ("masked_l1", "by the whole picture", "not by their own number"),
    ("masked_l1", "channels not counted", "channels forgotten"),
    ("masked_l1", "squared", "are squared"),
    ("masked_l1", "weight outside", "applied outside the hole"),
    ("masked_l1", "weight on both", "applied to both"),
    ("masked_l1", "weight fixed", "makes no difference"),
    ("masked_l1", "hole only", "known part does not count"),
    ("masked_l1", "signed", "opposite sign cancel"),
    ("masked_l1", "mean over nothing", "NaN"),
    ("masked_l1", "by picture", "picture by picture"),
    ("partial_conv", "no factor", "fades beside a hole"),
    ("partial_conv", "mean of what is seen", "a kernel's own sum is lost"),
    ("partial_conv", "factor upside down", "upside down"),
    ("partial_conv", "hole not removed", "the hole is looked at"),
    ("partial_conv", "hole in place of known", "only the hole is looked at"),
    ("partial_conv", "bias scaled", "the bias is scaled"),
    ("partial_conv", "bias everywhere", "not even the bias"),
    ("partial_conv", "border known", "beyond the border counts as known"),
    ("partial_conv", "mask unchanged", "as large as before"),
    ("partial_conv", "mask grown", "the hole grows"),
    ("partial_conv", "mask closed", "nothing is left missing"),
    ("partial_conv", "mask inverted", "True means hole"),
    ("generator_loss", "saturating", "It saturates"),
    ("generator_loss", "the judge's", "the judge's loss for filled pictures"),
    ("generator_loss", "wrong sign", "learn to be found out"),
    ("generator_loss", "margin", "margin of its own"),
    ("generator_loss", "log of sigmoid", "infinite"),
    ("generator_loss", "small number inside", "inside the logarithm"),
    ("generator_loss", "sum", "this is a sum"),
    ("generator_loss", "always hinge", "always the one called hinge"),
    ("generator_loss", "always non-saturating", "always the one called non-saturating"),
    ("generator_loss", "kinds exchanged", "have changed places"),
    ("generator_loss", "mean logit", "averaged first"),
]


def test_inputs_can_be_sent_to_a_sandbox():
    """Tensors, numbers, words, pairs of numbers, and generators; nothing else."""
    kinds = (torch.Tensor, int, float, str, tuple, torch.Generator)
    for check in EVERY:
        for case in check.cases(torch.Generator().manual_seed(0)):
            assert all(isinstance(value, kinds) for value in case.inputs)


def test_the_unit_has_twenty_six_points():
    assert [check.points for check in CHECKS.values()] == [4, 4, 4, 4, 6, 4]
