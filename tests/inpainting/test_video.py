"""The camera's way is found, the scene is filled once, and what is filled does not flicker."""

import pytest
import torch

from course_lib import data
from course_lib.inpainting import (
    add_noise,
    camera_path,
    estimate_shift,
    exemplar_inpaint,
    flicker,
    inpaint_clip,
    panorama,
)
from course_lib.metrics import psnr


@pytest.fixture(scope="module")
def clip():
    return data.panning_clip("coffee", count=6, size=64, pan=4)


@pytest.mark.parametrize("shift", [(0, 0), (3, -7), (-10, 5), (0, 15)])
def test_a_shift_is_found_also_in_noise(shift):
    wide = data.photo("astronaut", size=128)
    first, second = (
        wide[..., 32 + y : 96 + y, 32 + x : 96 + x] for y, x in ((0, 0), shift)
    )  # second(p) = first(p + shift)
    generator = torch.Generator().manual_seed(0)
    noisy = [add_noise(each, 0.03, generator=generator) for each in (first, second)]
    assert estimate_shift(*noisy) == shift


def test_the_path_is_found_behind_a_moving_ball(clip):
    assert torch.equal(camera_path(clip.frames, clip.masks), clip.path)


def test_the_clip_is_restored_from_its_own_frames(clip):
    filled = inpaint_clip(clip.frames, clip.masks)
    torch.testing.assert_close(filled, clip.truth, atol=1e-6, rtol=0)
    known = ~clip.masks.expand_as(clip.frames)
    assert torch.equal(filled[known], clip.frames[known])


def test_what_no_frame_shows_is_filled_once():
    still = data.panning_clip("coffee", count=3, size=48, pan=0)
    masks = still.masks.any(dim=0, keepdim=True).expand(3, -1, -1, -1)  # hidden in every frame
    calls = []

    def grey(picture, mask):
        calls.append(mask)
        return torch.where(mask, 0.5, picture)

    filled = inpaint_clip(still.frames, masks, fill=grey)
    assert len(calls) == 1
    assert torch.equal(calls[0], masks[:1])
    assert (filled[masks.expand_as(filled)] == 0.5).all()


def test_frame_by_frame_flickers_and_the_panorama_does_not(clip):
    alone = torch.cat(
        [exemplar_inpaint(f[None], m[None]) for f, m in zip(clip.frames, clip.masks, strict=True)]
    )
    together = inpaint_clip(clip.frames, clip.masks)
    assert flicker(together, clip.masks, clip.path) < 1e-6
    assert flicker(alone, clip.masks, clip.path) > 0.02
    better = psnr(together, clip.truth, clip.masks) > psnr(alone, clip.truth, clip.masks) + 10
    assert better.all()


def test_a_panorama_averages_what_was_seen():
    frames = torch.tensor([0.2, 0.4]).view(2, 1, 1, 1).expand(2, 1, 3, 4).contiguous()
    masks = torch.zeros(2, 1, 3, 4, dtype=torch.bool)
    masks[0, :, :, 3] = True
    wide, never = panorama(frames, masks, torch.tensor([[0, 0], [0, -2]]))
    assert wide[0, 0, 0].tolist() == pytest.approx([0.4, 0.4, 0.3, 0.3, 0.2, 0.0])
    assert never[0, 0, 0].tolist() == [False] * 5 + [True]


def test_masks_of_another_shape_are_refused(clip):
    with pytest.raises(ValueError, match="masks: got"):
        inpaint_clip(clip.frames, clip.masks[:2])
