import pytest
import torch

from course_lib.data.made import (
    edge_picture,
    gradient_picture,
    stripes_picture,
    structure_texture_parts,
    structure_texture_picture,
)

MAKERS = [gradient_picture, edge_picture, stripes_picture, structure_texture_picture]
BLACK_WHITE = ((0, 0, 0), (1, 1, 1))


@pytest.mark.parametrize("make", MAKERS)
def test_shape_range_and_repeatability(make):
    picture = make((20, 30))
    assert picture.shape == (1, 3, 20, 30)
    assert picture.dtype == torch.float32
    assert 0 <= picture.min() < picture.max() <= 1
    assert torch.equal(picture, make((20, 30)))


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("size", [0, "big", (4,)])
def test_bad_size(make, size):
    with pytest.raises(ValueError, match="size"):
        make(size)


def test_every_channel_of_the_gradient_is_discretely_harmonic():
    picture = gradient_picture((17, 40)).double()
    middle = picture[..., 1:-1, 1:-1]
    around = picture[..., :-2, 1:-1] + picture[..., 2:, 1:-1]
    around = around + picture[..., 1:-1, :-2] + picture[..., 1:-1, 2:]
    torch.testing.assert_close(middle, around / 4, rtol=0, atol=1e-6)


def test_the_gradient_runs_a_different_way_in_each_channel():
    red, green, blue = gradient_picture(11)[0]
    assert red[5, 0] == pytest.approx(0.15) and red[5, 10] == pytest.approx(0.85)
    assert green[0, 5] == pytest.approx(0.15) and green[10, 5] == pytest.approx(0.85)
    assert blue[0, 0] == pytest.approx(0.15) and blue[0, 10] == pytest.approx(0.85)


@pytest.mark.parametrize(
    ("angle", "rows"),
    [
        (0, [[1, 1], [0, 0]]),
        (90, [[1, 0], [1, 0]]),
        (180, [[0, 0], [1, 1]]),
        (45, [[1, 0.5], [0.5, 0]]),
    ],
)
def test_edge_direction(angle, rows):
    picture = edge_picture(2, angle, colors=BLACK_WHITE)
    torch.testing.assert_close(picture[0, 0], torch.tensor(rows, dtype=torch.float32))


def test_edge_halves_the_picture_and_is_one_pixel_wide():
    picture = edge_picture(64, 30, colors=BLACK_WHITE)[0, 0]
    assert picture.mean() == pytest.approx(0.5, abs=1e-3)
    between = (picture > 0) & (picture < 1)
    assert between.float().mean() < 2 / 64


def test_offset_moves_the_edge():
    moved = edge_picture(8, 90, offset=2, colors=BLACK_WHITE)[0, 0, 0]
    assert moved.tolist() == [1, 1, 0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("colors", [None, ((0, 0, 0),), ((0, 0), (1, 1)), ((0, 0, 0), (1, 2, 1))])
def test_bad_colors(colors):
    with pytest.raises(ValueError, match="colors must be two RGB colours"):
        edge_picture(8, colors=colors)


@pytest.mark.parametrize("angle", [float("nan"), float("inf"), "30", None])
def test_bad_angle(angle):
    with pytest.raises(ValueError, match="angle"):
        edge_picture(8, angle)


def test_stripes_repeat_after_one_period_and_flip_after_half():
    picture = stripes_picture(32, period=8, angle=90, colors=BLACK_WHITE)[0, 0]
    torch.testing.assert_close(picture[:, :24], picture[:, 8:], rtol=0, atol=1e-5)
    torch.testing.assert_close(picture[:, :28], 1 - picture[:, 4:], rtol=0, atol=1e-5)
    with pytest.raises(ValueError, match="period"):
        stripes_picture(32, period=1)


def test_structure_and_texture_add_up():
    structure, texture = structure_texture_parts(96, 20)
    picture = structure_texture_picture(96, 20)
    torch.testing.assert_close(picture, structure + texture)
    assert texture.mean().abs() < 5e-3
    assert texture.std() > 0.04
    assert torch.unique(structure[0, 0]).numel() > 2  # two colours and the soft edge between
    with pytest.raises(ValueError, match="contrast"):
        structure_texture_picture(32, contrast=0.5)
