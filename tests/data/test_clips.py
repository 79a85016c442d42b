"""A clip with known truth: the ball is where the mask says, the rest is the panning scene."""

from itertools import pairwise

import pytest
import torch

from course_lib import data


def test_frames_are_the_truth_outside_the_mask_and_not_inside():
    clip = data.panning_clip("chelsea", count=4, size=40, pan=2)
    same = (clip.frames == clip.truth).all(dim=1, keepdim=True)
    assert same[~clip.masks].all()
    assert not same[clip.masks].any()
    assert ((clip.frames >= 0) & (clip.frames <= 1)).all()


def test_the_camera_pans_and_the_ball_moves():
    clip = data.panning_clip(count=5, size=48, pan=3)
    assert clip.path.tolist() == [[0, 3 * t] for t in range(5)]
    assert torch.equal(clip.truth[0, :, :, 3:], clip.truth[1, :, :, :-3])
    columns = [mask[0].any(dim=0).nonzero().float().mean() for mask in clip.masks]
    assert all(a > b for a, b in pairwise(columns))


@pytest.mark.parametrize("wrong", [{"count": 1}, {"size": 4}, {"pan": 60}, {"name": "nobody"}])
def test_wrong_arguments_are_named(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        data.panning_clip(**wrong)
