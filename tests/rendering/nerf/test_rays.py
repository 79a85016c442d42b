import math

import pytest
import torch

from course_lib.rendering import look_at, pinhole
from course_lib.rendering.nerf import cross_cube, get_rays

NAN = math.nan


def test_rays_go_through_the_centres_of_their_pixels():
    viewmat, K = look_at((1.0, -3.0, 2.0)), pinhole(7, 5, 0.9)
    K[0, 2] += 0.7  # a principal point off the middle
    origins, directions = get_rays(viewmat, K, 7, 5)
    assert origins.shape == directions.shape == (5, 7, 3)
    torch.testing.assert_close(directions.norm(dim=-1), torch.ones(5, 7))
    points = origins + 2.5 * directions
    seen = points @ viewmat[:3, :3].T + viewmat[:3, 3]
    assert bool((seen[..., 2] > 0).all())  # in front of the camera
    pixels = (seen @ K.T)[..., :2] / seen[..., 2:]
    torch.testing.assert_close(pixels[3, 5], torch.tensor([5.5, 3.5]), rtol=0, atol=1e-4)
    torch.testing.assert_close(pixels[0, 0], torch.tensor([0.5, 0.5]), rtol=0, atol=1e-4)


def test_origins_are_the_camera():
    origins, _ = get_rays(look_at((1.0, -3.0, 2.0)), pinhole(4, 4, 1.0), 4, 4)
    torch.testing.assert_close(origins, torch.tensor([1.0, -3.0, 2.0]).expand(4, 4, 3))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((torch.eye(3), torch.eye(3), 4, 4), "viewmat: got shape"),
        ((torch.eye(4), torch.eye(4), 4, 4), "K: got shape"),
        ((torch.eye(4), torch.eye(3), 0, 4), "width: got 0"),
        ((torch.eye(4), torch.eye(3), 4, -1), "height: got -1"),
    ],
)
def test_bad_cameras_are_named(arguments, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        get_rays(*arguments)


@pytest.mark.parametrize("bound", [1.0, 2.5])
def test_a_ray_is_in_the_cube_between_near_and_far_and_nowhere_else(bound):
    generator = torch.Generator().manual_seed(0)
    origins = 3.0 * bound * (2 * torch.rand(300, 3, generator=generator) - 1)
    directions = torch.nn.functional.normalize(torch.randn(300, 3, generator=generator), dim=1)
    directions[0] = torch.tensor([0.0, 0.0, 1.0])
    near, far = cross_cube(origins, directions, bound)
    ts = torch.linspace(0.0, 12.0 * bound, 4001)
    points = origins[:, None] + ts[:, None] * directions[:, None]
    distance = points.abs().amax(dim=-1) - bound
    between = (ts >= near[:, None]) & (ts < far[:, None])
    clear = distance.abs() > 1e-4
    assert torch.equal(between[clear], (distance < 0)[clear])
    assert 0.1 < float((far > near).float().mean()) < 0.9  # some hit, some miss
    assert bool((near <= far).all()) and bool((near >= 0).all())


@pytest.mark.parametrize(
    ("origin", "direction", "bound", "message"),
    [
        ((NAN, 0, 0), (0, 0, 1.0), 1.0, "origins: got NaN"),
        ((0, 0, 0), (0, 0, NAN), 1.0, "directions: got NaN"),
        ((0, 0, 0), (0, 0, 2.0), 1.0, "directions: wanted length one"),
        ((0, 0, 0), (0, 0, 0.0), 1.0, "directions: wanted length one"),
        ((0, 0, 0), (0, 0, 1.0), 0.0, "bound: got 0.0"),
        ((0, 0), (0, 1.0), 1.0, "origins: got shape"),
    ],
)
def test_bad_rays_are_named(origin, direction, bound, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        cross_cube(torch.tensor([origin]).float(), torch.tensor([direction]), bound)


def test_no_rays():
    near, far = cross_cube(torch.zeros(0, 3), torch.zeros(0, 3))
    assert near.shape == far.shape == (0,)
