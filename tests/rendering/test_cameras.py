import math

import pytest
import torch

from course_lib.rendering import look_at, opengl_to_opencv, orbit, pinhole


def test_pinhole_sees_the_field_of_view_from_edge_to_edge():
    K = pinhole(640, 480, math.radians(60))
    edge = torch.tensor([math.tan(math.radians(30)), 0.0, 1.0])
    torch.testing.assert_close(K @ edge, torch.tensor([640.0, 240.0, 1.0]))


@pytest.mark.parametrize("angle", [0.0, -1.0, math.pi, 60.0, float("nan")])
def test_pinhole_wants_radians(angle):
    with pytest.raises(ValueError, match="field_of_view"):
        pinhole(10, 10, angle)


@pytest.mark.parametrize(("width", "height", "name"), [(0, 5, "width"), (5, -1, "height")])
def test_pinhole_names_the_bad_size(width, height, name):
    with pytest.raises(ValueError, match=name):
        pinhole(width, height, 1.0)


def test_look_at_is_a_rigid_motion_that_puts_the_target_ahead():
    eye, target = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([-1.0, 0.5, 0.0])
    viewmat = look_at(eye, target)
    rotation = viewmat[:3, :3]
    torch.testing.assert_close(rotation @ rotation.T, torch.eye(3))
    assert torch.linalg.det(rotation) > 0
    torch.testing.assert_close(rotation @ eye + viewmat[:3, 3], torch.zeros(3), atol=1e-6, rtol=0)
    seen = rotation @ target + viewmat[:3, 3]
    torch.testing.assert_close(seen, torch.tensor([0.0, 0.0, float((target - eye).norm())]))


def test_look_at_has_up_upwards_which_is_minus_y():
    assert (
        look_at((3, 1, 1), up=(0, 0, 5))[:3, :3]
        @ torch.tensor([0.0, 0.0, 1.0])
        @ torch.tensor([0.0, 1.0, 0.0])
        < 0
    )


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"eye": (0, 0, 0)}, "target"),
        ({"eye": (0, 0, 1)}, "up"),
        ({"eye": (1, 0, 0), "up": (0, 0, 0)}, "up"),
        ({"eye": (1, 0)}, "eye"),
        ({"eye": (1, 0, float("nan"))}, "eye"),
    ],
)
def test_look_at_names_what_is_wrong(arguments, name):
    with pytest.raises(ValueError, match=f"^{name}"):
        look_at(**arguments)


def test_orbit_keeps_distance_and_height():
    viewmats = orbit(5, 3.0, elevation=0.4, target=(1, 0, 0))
    eyes = -viewmats[:, :3, :3].mT @ viewmats[:, :3, 3:]  # (5, 3, 1)
    eyes = eyes[..., 0] - torch.tensor([1.0, 0, 0])
    torch.testing.assert_close(eyes.norm(dim=1), torch.full((5,), 3.0))
    torch.testing.assert_close(eyes[:, 2], torch.full((5,), 3.0 * math.sin(0.4)))


@pytest.mark.parametrize(
    ("arguments", "name"),
    [((0, 1.0), "count"), ((1, 0.0), "radius"), ((1, 1.0, 2.0), "elevation")],
)
def test_orbit_names_what_is_wrong(arguments, name):
    with pytest.raises(ValueError, match=name):
        orbit(*arguments)


def test_opengl_camera_that_looks_along_minus_z_becomes_opencv_that_looks_along_z():
    c2w = torch.eye(4)
    c2w[:3, 3] = torch.tensor([1.0, 2.0, 3.0])
    converted = opengl_to_opencv(c2w)
    torch.testing.assert_close(converted[:3, 2], torch.tensor([0.0, 0.0, -1.0]))
    torch.testing.assert_close(converted[:3, 1], torch.tensor([0.0, -1.0, 0.0]))
    torch.testing.assert_close(converted[:3, 3], c2w[:3, 3])
    torch.testing.assert_close(opengl_to_opencv(converted), c2w)
    assert opengl_to_opencv(torch.zeros(7, 3, 4)).shape == (7, 3, 4)


def test_opengl_to_opencv_wants_matrices():
    with pytest.raises(ValueError, match="c2w"):
        opengl_to_opencv(torch.eye(3))
