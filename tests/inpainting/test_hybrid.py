import pytest
import torch

from course_lib.data import centre_mask, photo, texture
from course_lib.inpainting import (
    exemplar_inpaint,
    harmonic_inpaint,
    hybrid_inpaint,
    split_structure_texture,
    total_variation_smooth,
)
from course_lib.metrics import psnr


def total_variation(image):
    down = torch.zeros_like(image)
    right = torch.zeros_like(image)
    down[..., :-1, :] = image[..., 1:, :] - image[..., :-1, :]
    right[..., :-1] = image[..., 1:] - image[..., :-1]
    return (down.square() + right.square()).sqrt().sum()


@pytest.mark.parametrize("name", ("astronaut", "coffee"))
def test_structure_and_texture_add_up_to_the_bit(name):
    image = photo(name, 96)
    structure, texture_part = split_structure_texture(image.double())
    assert torch.equal(structure + texture_part, image.double())
    structure, texture_part = split_structure_texture(image)
    assert structure.dtype == torch.float32
    error = (structure + texture_part - image).abs()
    assert error.max() <= 2.0**-25 and not error[image >= 0.5].any()


def test_the_split_does_not_see_the_hole():
    image, mask = photo("astronaut", 64), centre_mask(64, 64, 0.4)
    holed = torch.where(mask, torch.nan, image)
    one, other = split_structure_texture(image, mask), split_structure_texture(holed, mask)
    assert torch.equal(one[0], other[0]) and torch.equal(one[1], other[1])
    assert not one[1][mask.expand_as(image)].any()
    unknown = mask.expand_as(image)
    torch.testing.assert_close((one[0] + one[1])[~unknown], image[~unknown], rtol=0, atol=1e-7)


def test_smoothing_a_step_by_hand():
    # Two plateaus n pixels long, of height h: each moves by weight / n towards the other.
    image = torch.cat([torch.zeros(1, 1, 1, 5), torch.full((1, 1, 1, 5), 0.8)], dim=3)
    smooth = total_variation_smooth(image, weight=0.5, iterations=3000)
    torch.testing.assert_close(smooth[..., :5], torch.full((1, 1, 1, 5), 0.1), rtol=0, atol=1e-4)
    torch.testing.assert_close(smooth[..., 5:], torch.full((1, 1, 1, 5), 0.7), rtol=0, atol=1e-4)


def test_smoothing_keeps_the_mean_and_lowers_the_energy():
    image = texture("brick", 48)
    smooth = total_variation_smooth(image, weight=0.2, iterations=200)
    torch.testing.assert_close(smooth.mean(), image.mean(), rtol=0, atol=1e-5)
    energy = total_variation(smooth) + (smooth - image).square().sum() / 0.4
    assert energy < total_variation(image)
    for other in (smooth + 0.01 * torch.sin(torch.arange(48.0)), 0.98 * smooth + 0.02 * image):
        assert energy < total_variation(other) + (other - image).square().sum() / 0.4


def test_more_weight_puts_more_into_the_texture():
    image = texture("brick", 64)
    sizes = [split_structure_texture(image, weight=w)[1].square().mean() for w in (0.02, 0.1, 0.5)]
    assert sizes == sorted(sizes)


def test_a_shaded_texture_is_where_both_beats_either():
    u = torch.linspace(0, 1, 128)
    shade = 0.55 + 0.45 * torch.cos(2.2 * u)[:, None] * torch.cos(1.8 * u)[None]
    image, mask = texture("brick", 128) * shade, centre_mask(128, 128, 0.25)
    both = psnr(hybrid_inpaint(image, mask), image, mask)
    assert both > psnr(harmonic_inpaint(image, mask), image, mask)
    assert both > psnr(exemplar_inpaint(image, mask), image, mask)


def test_a_smooth_picture_has_no_texture_to_copy():
    u = torch.linspace(0.2, 0.8, 48)
    image = u.expand(1, 1, 48, 48).contiguous()
    filled = hybrid_inpaint(image, centre_mask(48, 48, 0.3))
    torch.testing.assert_close(filled, image, rtol=0, atol=5e-3)


def test_equal_calls_give_equal_bits():
    image, mask = photo("coffee", 64), centre_mask(64, 64, 0.3)
    assert torch.equal(hybrid_inpaint(image, mask), hybrid_inpaint(image, mask))
