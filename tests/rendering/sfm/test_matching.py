import pytest
import torch

from course_lib import data
from course_lib.rendering import sfm


@pytest.fixture
def picture():
    return sfm.to_grey(data.photo("coffee", size=160)[0])


def test_the_descriptor_is_the_lectures(picture):
    """40 x 40, blurred, every fifth row and column, flattened: once more by hand, one corner."""
    window = picture[60:100, 40:80]  # around pixel (80, 60)
    wanted = sfm.gaussian_blur(window, 2.0)[2::5, 2::5].flatten()
    found = sfm.describe(picture, torch.tensor([[60.2, 80.9]]), normalize=False)
    assert found.shape == (1, 64)
    torch.testing.assert_close(found[0], wanted)


def test_the_normalised_one_has_mean_zero_and_spread_one(picture):
    vectors = sfm.describe(picture, sfm.harris_corners(picture, 30))
    torch.testing.assert_close(vectors.mean(dim=1), torch.zeros(30), atol=1e-5, rtol=0)
    torch.testing.assert_close(vectors.square().mean(dim=1), torch.ones(30))


def test_the_normalised_one_knows_no_brightness_and_contrast(picture):
    corners = sfm.harris_corners(picture, 30)
    same = sfm.describe(0.4 * picture + 0.35, corners)
    torch.testing.assert_close(same, sfm.describe(picture, corners), atol=1e-3, rtol=1e-3)


def test_a_flat_window_gives_zeros_and_no_corners_give_none(picture):
    flat = sfm.describe(torch.full((64, 64), 0.7), torch.tensor([[32.5, 32.5]]))
    assert bool((flat == 0).all())
    assert sfm.describe(picture, torch.zeros(0, 2)).shape == (0, 64)


def test_a_shifted_picture_has_the_same_descriptors(picture):
    corners = sfm.harris_corners(picture, 40)
    moved = torch.roll(picture, (7, -4), dims=(0, 1))
    inside = (corners > 30).all(dim=1) & (corners < 130).all(dim=1)
    there = sfm.describe(moved, corners[inside] + torch.tensor([-4.0, 7.0]))
    torch.testing.assert_close(there, sfm.describe(picture, corners[inside]))


def test_a_window_that_leaves_the_picture_is_an_error(picture):
    with pytest.raises(ValueError, match="corner 1"):
        sfm.describe(picture, torch.tensor([[60.5, 60.5], [19.5, 60.5]]))
    sfm.describe(picture, torch.tensor([[20.0, 140.9]]))  # just fits


def test_the_ratio_test_by_hand():
    first = torch.tensor([[0.0], [10.0], [20.0]])
    second = torch.tensor([[1.0], [9.0], [12.0], [19.5], [20.5]])
    # 0: 1 to 9; 10: 1 to 2 (ratio 1/2); 20: 1/2 to 1/2
    assert sfm.match_ratio(first, second, 0.8).tolist() == [[0, 0], [1, 1]]
    assert sfm.match_ratio(first, second, 0.5).tolist() == [[0, 0]]  # below, not at


def test_the_match_of_a_permutation_is_the_permutation():
    generator = torch.Generator().manual_seed(0)
    first = torch.randn(30, 64, generator=generator)
    order = torch.randperm(30, generator=generator)
    found = sfm.match_ratio(first, first[order])
    assert len(found) == 30
    assert bool((order[found[:, 1]] == found[:, 0]).all())
    assert torch.equal(found, sfm.match_mutual(first, first[order]))


def test_mutual_matches_are_one_to_one():
    first, second = torch.tensor([[0.0], [0.1], [9.0]]), torch.tensor([[0.02], [9.1], [30.0]])
    assert sfm.match_ratio(first, second).tolist() == [[0, 0], [1, 0], [2, 1]]
    found = sfm.match_mutual(first, second)
    assert found.tolist() == [[0, 0], [2, 1]]


@pytest.mark.parametrize("sizes", [(0, 5), (5, 0), (5, 1), (0, 0)])
def test_nothing_to_match_gives_no_matches(sizes):
    first, second = (torch.rand(size, 64) for size in sizes)
    for match in (sfm.match_ratio, sfm.match_mutual):
        found = match(first, second)
        assert found.shape == (0, 2)
        assert found.dtype == torch.int64


def test_twins_in_the_second_picture_are_not_trusted():
    twin = torch.ones(2, 8)
    assert len(sfm.match_ratio(torch.ones(1, 8), twin, 1.0)) == 0


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="ratio"):
        sfm.match_ratio(torch.rand(3, 4), torch.rand(3, 4), 0.0)
    with pytest.raises(ValueError, match="second"):
        sfm.match_ratio(torch.rand(3, 4), torch.rand(3, 5))
    with pytest.raises(ValueError, match="NaN"):
        sfm.match_ratio(torch.full((3, 4), torch.nan), torch.rand(3, 4))


def test_tracks_chain_matches_and_drop_contradictions():
    matches = {
        (0, 1): torch.tensor([[0, 0], [1, 1]]),
        (1, 2): torch.tensor([[0, 0], [1, 1]]),
        (0, 2): torch.tensor([[0, 0], [2, 1]]),  # corner 1 of 2 would be corners 1 and 2 of 0
    }
    view, corner, track = sfm.build_tracks(matches, [3, 2, 2])
    assert view.tolist() == [0, 1, 2]
    assert corner.tolist() == [0, 0, 0]
    assert track.tolist() == [0, 0, 0]


def test_no_matches_give_no_tracks():
    assert [len(part) for part in sfm.build_tracks({}, [3, 0, 2])] == [0, 0, 0]
    assert [len(part) for part in sfm.build_tracks({}, [0, 0])] == [0, 0, 0]
