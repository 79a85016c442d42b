import pytest
import torch

from course_lib.data.resize import crop_and_resize, overlap_weights


def test_shrinking_averages_the_area_of_each_new_pixel():
    images = torch.tensor([[0.0, 0.2, 0.4, 0.6], [0.2, 0.4, 0.6, 0.8]])[None, None]
    expected = torch.tensor([[0.2, 0.6]])[None, None]
    torch.testing.assert_close(crop_and_resize(images, (1, 2)), expected)


def test_a_fractional_ratio_splits_the_pixel_on_the_border():
    expected = torch.tensor([[2 / 3, 1 / 3, 0], [0, 1 / 3, 2 / 3]])
    torch.testing.assert_close(overlap_weights(3, 2), expected)


def test_enlarging_is_linear_interpolation():
    expected = torch.tensor([[1, 0], [0.75, 0.25], [0.25, 0.75], [0, 1]])
    torch.testing.assert_close(overlap_weights(2, 4), expected)


@pytest.mark.parametrize(("old", "new"), [(7, 3), (3, 7), (512, 31), (1, 5), (5, 1)])
def test_weights_of_each_new_pixel_add_to_one(old, new):
    torch.testing.assert_close(overlap_weights(old, new).sum(dim=1), torch.ones(new))


def test_the_crop_is_centred_and_keeps_the_aspect_ratio():
    columns = torch.arange(8.0).expand(1, 1, 4, 8)
    assert crop_and_resize(columns, 4)[0, 0, 0].tolist() == [2, 3, 4, 5]


def test_same_size_changes_nothing():
    images = torch.rand(2, 3, 5, 6, generator=torch.Generator().manual_seed(0))
    assert torch.equal(crop_and_resize(images, (5, 6)), images)


@pytest.mark.parametrize("size", [0, -3, 2.5, True, "32", (3,), (3, 4, 5), (0, 4), 10**6])
def test_a_bad_size_is_named(size):
    with pytest.raises(ValueError, match="size"):
        crop_and_resize(torch.zeros(1, 1, 4, 4), size)


@pytest.mark.parametrize("shape", [(3, 4, 4), (1, 3, 0, 4)])
def test_bad_images_are_named(shape):
    with pytest.raises(ValueError, match="images"):
        crop_and_resize(torch.zeros(shape), 4)
