import pytest
import torch

from course_lib import data
from course_lib.rendering import sfm


def square(low=24, high=40, size=64):
    picture = torch.zeros(size, size)
    picture[low:high, low:high] = 1.0
    return picture


def test_response_is_positive_at_corners_negative_at_edges_and_nothing_where_it_is_flat():
    response = sfm.harris_response(square())
    assert response[24, 24] > 0.002
    assert response[32, 24] < -1e-4
    assert response[32, 32].abs() < 1e-12
    assert response[5, 5].abs() < 1e-12


def test_the_corners_of_a_square_are_found_and_nothing_else():
    found = sfm.harris_corners(square(), 50)
    assert len(found) == 4
    wanted = torch.tensor([[24.0, 24], [24, 40], [40, 24], [40, 40]]).double()
    assert torch.cdist(found, wanted).amin(dim=0).max() < 1.5


def test_a_flat_picture_and_one_that_is_all_border_have_none():
    assert sfm.harris_corners(torch.full((64, 64), 0.3)).shape == (0, 2)
    assert sfm.harris_corners(torch.rand(30, 30)).shape == (0, 2)


def test_brightness_and_contrast_leave_the_corners_where_they_are():
    picture = sfm.to_grey(data.photo("chelsea", size=160)[0])
    first, second = sfm.harris_corners(picture, 60), sfm.harris_corners(0.5 * picture + 0.3, 60)
    assert torch.cdist(first, second).amin(dim=1).median() < 1e-3
    assert (torch.cdist(first, second).amin(dim=1) < 0.1).double().mean() > 0.95


def test_a_quarter_turn_turns_the_corners():
    picture = sfm.to_grey(data.photo("coffee", size=160)[0])
    found = sfm.harris_corners(picture, 80)
    turned = sfm.harris_corners(torch.rot90(picture), 80)
    back = torch.stack([160 - turned[:, 1], turned[:, 0]], dim=1)
    assert (torch.cdist(back, found).amin(dim=1) < 0.05).double().mean() > 0.95


def test_adaptive_suppression_spreads_the_corners():
    picture = torch.rand(200, 200, generator=torch.Generator().manual_seed(0)) * 0.2
    picture[:, 100:] *= 4  # all the strong ones are on the right
    corners = sfm.harris_corners(sfm.gaussian_blur(picture, 1.0), 60)
    on_the_left = (corners[:, 0] < 90).double().mean()
    assert 0.15 < on_the_left < 0.6
    nearest = torch.cdist(corners, corners).fill_diagonal_(torch.inf).amin(dim=1)
    assert nearest.min() > 4


def test_suppression_radii_by_hand():
    places = torch.tensor([[0.0, 0.0], [0.0, 3.0], [0.0, 10.0]])
    radii = sfm.suppression_radii(places, torch.tensor([1.0, 1.05, 5.0]))
    torch.testing.assert_close(radii, torch.tensor([10.0, 7.0, torch.inf]))


def test_subpixel_corners_follow_a_shift_of_half_a_pixel():
    y, x = torch.meshgrid(torch.arange(80.0), torch.arange(80.0), indexing="ij")

    def saddle(cx, cy):
        """Two edges that cross at (cx, cy), smooth."""
        return 0.5 + 0.5 * torch.tanh(x + 0.5 - cx) * torch.tanh(y + 0.5 - cy)

    for centre in ((40.5, 40.5), (40.8, 40.2), (40.0, 41.0)):
        found = sfm.harris_corners(saddle(*centre), 1)[0]
        assert (found - torch.tensor(centre)).abs().max() < 0.1


def test_the_blur_keeps_the_sum_and_a_constant():
    picture = torch.zeros(41, 41)
    picture[20, 20] = 1.0
    blurred = sfm.gaussian_blur(picture, 2.0)
    assert blurred.sum() == pytest.approx(1.0, abs=1e-5)
    x = torch.arange(41) - 20.0
    assert (blurred.sum(0) * x**2).sum().sqrt() == pytest.approx(2.0, rel=0.02)
    torch.testing.assert_close(sfm.gaussian_blur(torch.ones(5, 5), 2.0), torch.ones(5, 5))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: sfm.harris_corners(torch.rand(3, 64, 64)), "grey picture"),
        (lambda: sfm.harris_corners(torch.full((64, 64), torch.nan)), "NaN"),
        (lambda: sfm.harris_corners(torch.rand(64, 64), 0), "at least 1"),
        (lambda: sfm.harris_response(torch.rand(1, 64)), "at least"),
        (lambda: sfm.to_grey(torch.rand(64, 64)), "wanted"),
    ],
)
def test_wrong_arguments_are_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()
