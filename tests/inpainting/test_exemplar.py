import pytest
import torch

from course_lib.data import edge_picture, gradient_picture, photo, stripes_picture, texture
from course_lib.inpainting import (
    best_patch,
    confidence_term,
    data_term,
    distance_map,
    exemplar_inpaint,
    exemplar_inpaint_reference,
    exemplar_steps,
    fill_front,
    known_patches,
    patch_priority,
)
from course_lib.metrics import psnr


def block(height, width, rows, columns):
    mask = torch.zeros(height, width, dtype=torch.bool)
    mask[rows, columns] = True
    return mask


def vertical_edge(height=20, width=20, at=10):
    image = torch.zeros(3, height, width)
    image[:, :, at:] = 1.0
    return image


def test_fill_front_is_the_outer_ring_of_a_block():
    front = fill_front(block(9, 9, slice(2, 7), slice(2, 7)))
    ring = block(9, 9, slice(2, 7), slice(2, 7))
    ring[3:6, 3:6] = False
    assert torch.equal(front, ring)


def test_a_hole_at_the_border_has_no_front_there():
    front = fill_front(block(6, 6, slice(0, 3), slice(0, 6)))
    assert front.nonzero()[:, 0].unique().tolist() == [2]


def test_confidence_by_hand():
    mask = block(9, 9, slice(4, 9), slice(0, 9))
    confidence = torch.where(mask, 5.0, 1.0)  # what the hole holds does not count
    confidence[3, 4] = 0.5
    term = confidence_term(confidence, mask, patch_size=3)
    assert term[4, 4] == pytest.approx(2.5 / 9)
    assert term[4, 0] == pytest.approx(2 / 6)  # a patch at the border has six pixels
    assert term[6, 4] == 0.0


def test_data_term_is_largest_where_an_edge_meets_the_front_head_on():
    mask = block(20, 20, slice(8, 16), slice(6, 15))  # the edge, at column 10, meets rows 8 and 15
    term = torch.where(fill_front(mask), data_term(vertical_edge(), mask, 5), 0.0)
    assert term[8, 10] == pytest.approx(0.5) and term[15, 10] == pytest.approx(0.5)
    assert term[12, 6] == 0.0 and term[12, 14] == 0.0


def test_an_edge_along_the_front_has_no_data():
    mask = block(20, 20, slice(4, 16), slice(10, 15))  # the hole begins where the edge is
    image = vertical_edge(at=9)
    term = data_term(image, mask, 5)
    assert term[9, 10] == pytest.approx(0.0)


def test_gradients_do_not_see_the_hole():
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(3, 20, 20, generator=generator)
    mask = block(20, 20, slice(6, 13), slice(5, 15))
    other = torch.where(mask, torch.rand(3, 20, 20, generator=generator), image)
    assert torch.equal(data_term(image, mask), data_term(other, mask))
    assert not data_term(torch.where(mask, 1.0, torch.zeros(3, 20, 20)), mask).any()


def test_priority_lives_on_the_front_and_changes_nothing():
    image, mask = vertical_edge(), block(20, 20, slice(8, 16), slice(3, 18))
    confidence = (~mask).float()
    before = confidence.clone()
    priority = patch_priority(confidence, image, mask, patch_size=5)
    assert torch.equal(confidence, before)
    assert priority.shape == (20, 20) and priority.dtype == torch.float32
    assert not priority[~fill_front(mask)].any()
    assert priority[8, 10] == pytest.approx(10 / 25 * 0.5)  # two of five rows are known
    assert priority.max() == priority[8, 10]


def test_known_patches_keep_off_the_hole_and_the_border():
    centres = known_patches(block(12, 12, slice(6, 7), slice(6, 7)), 3)
    assert centres.sum() == 10 * 10 - 9
    assert not centres[0].any() and not centres[5:8, 5:8].any()


def test_distance_by_hand():
    image = torch.arange(12.0).reshape(1, 3, 4).expand(3, 3, 4) / 12
    mask = block(3, 4, slice(0, 1), slice(3, 4))
    distance = distance_map(image, mask, 1, 2, patch_size=3)
    assert distance[1, 1] == pytest.approx(8 * 3 / 144)  # 8 known pixels, each 1/12 off
    assert torch.isinf(distance[1, 2])


def test_best_patch_finds_a_planted_copy():
    image = torch.rand(3, 24, 24, generator=torch.Generator().manual_seed(0))
    mask = block(24, 24, slice(16, 20), slice(15, 20))
    image[:, 3:12, 2:11] = image[:, 12:21, 12:21]
    assert best_patch(image, mask, 16, 16) == (7, 6)


def test_best_patch_takes_the_first_of_equal_ones():
    image, mask = torch.full((3, 16, 16), 0.5), block(16, 16, slice(9, 12), slice(9, 12))
    assert best_patch(image, mask, 9, 9, patch_size=5) == (2, 2)


def test_best_patch_at_the_corner_of_the_picture():
    image = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(0))
    mask = block(16, 16, slice(0, 2), slice(0, 2))
    row, column = best_patch(image, mask, 0, 0, patch_size=5)
    assert known_patches(mask, 5)[row, column]


def test_best_patch_without_sources():
    with pytest.raises(ValueError, match="no patch of 9 x 9 is wholly known"):
        best_patch(torch.zeros(3, 12, 12), block(12, 12, slice(5, 7), slice(5, 7)), 5, 5)


def scattered_mask(size, seed):
    generator = torch.Generator().manual_seed(seed)
    mask = torch.rand(1, 1, size, size, generator=generator) < 0.01
    mask[..., :6, :5] = True
    mask[..., size - 5 :, size // 2 : size - 4] = True
    return mask


@pytest.mark.parametrize(
    "image",
    (
        photo("chelsea", 32),
        torch.round(photo("coffee", 32) * 2) / 2,  # few colours: many ties
        texture("brick", 32),
        torch.full((1, 3, 32, 32), 0.3),
        edge_picture(32),
        gradient_picture(32),
        photo("chelsea", 32)[:, :1].double(),
    ),
    ids=("photo", "ties", "brick", "flat", "edge", "gradient", "grey64"),
)
@pytest.mark.parametrize("patch_size", (5, 7))
def test_twins_agree_to_the_bit(image, patch_size):
    centre = block(32, 32, slice(12, 22), slice(11, 20))[None, None]
    for mask in (centre, scattered_mask(32, seed=1)):
        slow = exemplar_inpaint_reference(image, mask, patch_size)
        assert torch.equal(slow, exemplar_inpaint(image, mask, patch_size))


def test_every_filled_value_occurs_in_the_picture():
    image, mask = photo("chelsea", 48), block(48, 48, slice(15, 33), slice(17, 31))[None, None]
    filled = exemplar_inpaint(image, mask, patch_size=7)
    known = {tuple(c) for c in image[0].flatten(1).T[~mask.flatten()].tolist()}
    assert all(tuple(c) in known for c in filled[0].flatten(1).T[mask.flatten()].tolist())


def test_a_straight_edge_is_continued():
    image, mask = vertical_edge(40, 40, 20)[None], block(40, 40, slice(12, 28), slice(12, 28))
    assert torch.equal(exemplar_inpaint(image, mask[None, None]), image)
    image = edge_picture(96)
    mask = block(96, 96, slice(32, 64), slice(32, 64))[None, None]
    assert psnr(exemplar_inpaint(image, mask), image, mask).item() > 30


def test_stripes_are_continued():
    image = stripes_picture(64, period=8.0, angle=90.0)
    mask = block(64, 64, slice(20, 44), slice(20, 44))[None, None]
    torch.testing.assert_close(exemplar_inpaint(image, mask), image, rtol=0, atol=1e-6)


def test_a_scratch_of_one_pixel_has_no_normal_and_is_filled():
    image = photo("chelsea", 40)
    mask = block(40, 40, slice(20, 21), slice(3, 37))[None, None]
    assert not patch_priority((~mask[0, 0]).float(), image[0], mask[0, 0])[20, 10:30].any()
    assert psnr(exemplar_inpaint(image, mask), image, mask).item() > 15


def test_a_deep_hole_ends_although_confidence_fades():
    image = torch.rand(1, 1, 12, 400, generator=torch.Generator().manual_seed(0))
    mask = block(12, 400, slice(0, 12), slice(12, 400))[None, None]
    filled = exemplar_inpaint(image, mask, patch_size=3)
    assert bool(torch.isin(filled, image[..., :12]).all())


def test_steps_tell_the_story_of_the_filling():
    image, mask = photo("coffee", 40), block(40, 40, slice(12, 25), slice(14, 26))[None, None]
    steps = list(exemplar_steps(image, mask, patch_size=7))
    left = [int(step.mask.sum()) for step in steps]
    assert left == sorted(left, reverse=True) and left[0] == 13 * 12 and len(set(left)) == len(left)
    sources = known_patches(mask[0, 0], 7)
    for step in steps:
        front = fill_front(step.mask)
        assert front[step.target] and sources[step.source]
        assert not step.confidence_term[~front].any() and not step.data_term[~front].any()
        priority = step.confidence_term * step.data_term
        assert priority[step.target] == priority.max()
        assert torch.equal(step.confidence > 0, ~step.mask)
    assert list(exemplar_steps(image, torch.zeros_like(mask))) == []
