"""From a task to a mask: scratches, letters, margins, canvases; and pictures made larger."""

import pytest
import torch

from course_lib import data
from course_lib.inpainting import (
    box_average,
    detect_scratches,
    find_text,
    harmonic_inpaint,
    outpaint_canvas,
    removal_mask,
    super_resolve,
)
from course_lib.metrics import psnr


def drawn(seed):
    return torch.Generator().manual_seed(seed)


def test_scratches_on_a_smooth_photograph_are_found_and_repaired():
    moon = data.photo("moon", size=160)
    lines = data.scratch_mask(1, 160, 160, generator=drawn(2), scratches=5)
    damaged = moon.masked_fill(lines, 0.95)
    found = detect_scratches(damaged, 7, 0.12, 16)
    assert (found & lines).sum() > 0.85 * lines.sum()
    assert (found & ~lines).sum() < 0.05 * lines.sum()
    repaired = harmonic_inpaint(damaged, removal_mask(found, 1.0))
    assert psnr(repaired, moon) > psnr(damaged, moon) + 8


def test_dark_scratches_are_found_in_the_negative():
    picture = torch.full((1, 3, 20, 20), 0.6)
    picture[..., 9] = 0.1
    assert not detect_scratches(picture, 5, 0.2, 10).any()
    assert torch.equal(detect_scratches(1 - picture, 5, 0.2, 10)[0, 0], picture[0, 0] < 0.3)


def test_a_picture_without_lines_has_no_scratches():
    assert not detect_scratches(data.gradient_picture(24), 5, 0.05, 4).any()


def test_a_batch_is_its_pictures():
    pictures = torch.rand(3, 3, 24, 20, generator=drawn(0))
    alone = [detect_scratches(one[None], 5, 0.1, 4) for one in pictures]
    assert torch.equal(detect_scratches(pictures, 5, 0.1, 4), torch.cat(alone))
    assert torch.cat(alone).any()


def test_a_caption_is_found_to_the_pixel_and_a_field_is_not():
    color = torch.tensor([0.9, 0.8, 0.1])
    picture = data.photo("chelsea", size=(64, 96)).clone()
    picture[..., :20, :30] = color[:, None, None]
    word = data.text_mask("hello", 64, 96, font_size=24).roll(14, dims=2)
    picture = torch.where(word, color[:, None, None], picture)
    found = find_text(picture, color, 0.05, 13)
    assert torch.equal(found & word, word)
    assert not found[..., :13, :23].any()  # but for the field's own corner


def test_removal_is_a_disc_by_brute_force():
    mask = torch.rand(2, 1, 13, 17, generator=drawn(1)) < 0.03
    y, x = torch.meshgrid(torch.arange(13), torch.arange(17), indexing="ij")
    wanted = torch.zeros_like(mask)
    for b, _, row, column in mask.nonzero().tolist():
        wanted[b, 0] |= (y - row) ** 2 + (x - column) ** 2 <= 3.2**2
    assert torch.equal(removal_mask(mask, 3.2), wanted)
    assert torch.equal(removal_mask(mask, 0), mask)
    assert not removal_mask(torch.zeros_like(mask), 5.0).any()


def test_a_canvas_holds_the_picture_and_marks_the_rest():
    picture = data.photo("coffee", size=12)
    canvas, mask = outpaint_canvas(picture, 1, 2, 3, 4)
    assert canvas.shape == (1, 3, 19, 15)
    assert mask.sum() == 19 * 15 - 144
    assert torch.equal(canvas[..., 3:15, 1:13], picture)
    assert not mask[..., 3:15, 1:13].any()
    assert not canvas[mask.expand_as(canvas)].any()


@pytest.mark.parametrize("factor", [2, 4])
def test_super_resolution_is_faithful_and_beats_interpolation(factor):
    truth = data.photo("camera", size=64)
    low = box_average(factor).apply(truth)
    bicubic = torch.nn.functional.interpolate(low, scale_factor=factor, mode="bicubic")
    large = super_resolve(low, factor)
    torch.testing.assert_close(box_average(factor).apply(large), low, atol=1e-6, rtol=0)
    assert psnr(large, truth) > psnr(bicubic, truth) + 0.2


PICTURE, MASK = torch.zeros(1, 3, 8, 8), torch.zeros(1, 1, 8, 8, dtype=torch.bool)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: outpaint_canvas(PICTURE, -1, 0, 0, 0), "left: got -1"),
        (lambda: outpaint_canvas(PICTURE, 0, 0, 0, 1.5), "bottom: got 1.5"),
        (lambda: outpaint_canvas(PICTURE[0], 0, 0, 0, 0), "image: got shape"),
        (lambda: removal_mask(MASK.float(), 1.0), "mask: got torch.float32"),
        (lambda: removal_mask(MASK, -1.0), "margin: got -1.0"),
        (lambda: find_text(PICTURE, torch.zeros(1), 0.1, 5), "color: got shape"),
        (lambda: find_text(PICTURE, torch.zeros(3), 0.1, 4), "window: got 4"),
        (lambda: detect_scratches(PICTURE, 6, 0.1, 5), "window: got 6"),
        (lambda: detect_scratches(PICTURE, 5, 0.0, 5), "threshold: got 0.0"),
        (lambda: detect_scratches(PICTURE, 5, 0.1, 0), "shortest: got 0"),
    ],
)
def test_what_is_wrong_is_said(call, words):
    with pytest.raises(ValueError, match=words):
        call()
