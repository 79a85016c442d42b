"""The still life against geometry that can be worked out by hand."""

import math

import pytest
import torch

from course_lib.data import spread_viewpoints, still_life, trace_still_life
from course_lib.data.scenes import SHAPES, TABLE
from course_lib.rendering import look_at, pinhole


def ray(origin, target):
    origin, target = torch.tensor([origin]), torch.tensor([target])
    return origin, torch.nn.functional.normalize(target - origin, dim=-1)


def test_distances_by_hand():
    ball = SHAPES[0]
    x, y, z = ball.centre
    _, distance = trace_still_life(*ray((x, y, 5.0), (x, y, 0.0)))
    assert distance.item() == pytest.approx(5.0 - z - ball.radius, abs=1e-5)
    _, distance = trace_still_life(*ray((0.4, 0.3, 2.0), (0.4, 0.3, 0.0)))  # the box's lid
    assert distance.item() == pytest.approx(2.0 - 0.02, abs=1e-5)
    _, distance = trace_still_life(*ray((0.0, 0.0, 1.0), (0.0, 0.0, 2.0)))
    assert distance.item() == math.inf


def test_background_is_white_and_colours_stay_in_range():
    directions = torch.nn.functional.normalize(
        torch.randn(2000, 3, generator=torch.Generator().manual_seed(0)), dim=-1
    )
    colors, distance = trace_still_life(-3 * directions.roll(1, 0), directions)
    assert bool((colors[distance.isinf()] == 1).all())
    assert colors.min() >= 0 and colors.max() <= 1
    assert 0 < distance.isfinite().float().mean() < 1


def test_only_the_shiny_ball_looks_different_from_elsewhere():
    def color(place, eye):
        return trace_still_life(*ray(eye, place))[0]

    for shape in SHAPES[:3]:
        normal = torch.nn.functional.normalize(torch.tensor([0.35, -0.45, 0.82]), dim=0)
        place = torch.tensor(shape.centre) + shape.radius * normal
        along = tuple((place + 2 * normal).tolist())  # looks straight at the highlight
        aside = tuple((place + 2 * torch.tensor([0.9, 0.1, 0.42])).tolist())
        difference = (color(place.tolist(), along) - color(place.tolist(), aside)).abs().max()
        assert (difference > 0.05) == (shape.gloss > 0), shape


def test_depth_is_along_the_cameras_axis():
    viewmat = look_at((0.3, -2.5, 1.2))
    K = pinhole(40, 30, 0.9)
    _, depth = still_life(viewmat[None], K, 40, 30, samples=1)
    row, column = 22, 20  # on the table or on what stands there
    z = depth[0, row, column]
    seen = torch.stack(
        [(column + 0.5 - K[0, 2]) / K[0, 0] * z, (row + 0.5 - K[1, 2]) / K[1, 1] * z, z]
    )
    world = viewmat[:3, :3].T @ (seen - viewmat[:3, 3])
    assert TABLE - 1e-4 <= world[2] <= 0.4
    eye = -viewmat[:3, :3].T @ viewmat[:3, 3]
    way = torch.nn.functional.normalize(world - eye, dim=0)
    _, distance = trace_still_life(eye[None], way[None])
    assert distance.item() == pytest.approx((world - eye).norm().item(), abs=1e-4)


def test_samples_average_the_pixel():
    viewmat, K = look_at((0.0, -3.0, 1.5))[None], pinhole(12, 12, 0.8)
    fine, _ = still_life(viewmat, pinhole(48, 48, 0.8), 48, 48, samples=1)
    coarse, _ = still_life(viewmat, K, 12, 12, samples=4)
    mean = torch.nn.functional.avg_pool2d(fine, 4)
    assert torch.allclose(coarse, mean, atol=1e-4)


def test_viewpoints_surround_the_scene():
    points = spread_viewpoints(200, radius=2.0)
    assert torch.allclose(points.norm(dim=-1), torch.tensor(2.0))
    assert points[:, 2].min() > 0 and points[:, :2].mean(dim=0).abs().max() < 0.05


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((torch.eye(4), torch.eye(3), 8, 8), r"viewmats: got shape \(4, 4\)"),
        ((torch.eye(4)[None], torch.eye(4), 8, 8), "K: got shape"),
        ((torch.eye(4)[None], torch.eye(3), 0, 8), "width"),
        ((torch.eye(4)[None], torch.eye(3), 8, 8, 99), "samples"),
    ],
)
def test_bad_input(arguments, words):
    with pytest.raises(ValueError, match=words):
        still_life(*arguments)
    with pytest.raises(ValueError, match="origins, directions"):
        trace_still_life(torch.zeros(3), torch.zeros(3))
