"""Pinhole cameras as plain matrices: intrinsics ``K``, ``viewmat`` and its inverse ``c2w``.

``viewmat`` takes world to camera. Camera axes are OpenCV's: x right, y down, z forward. Pixel
(i, j) has its centre at (j + 0.5, i + 0.5).
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

Vector = Tensor | Sequence[float]


def pinhole(width: int, height: int, field_of_view: float) -> Tensor:
    """Return the intrinsics of a camera with square pixels that looks through its picture's centre.

    K = [[f, 0, W/2], [0, f, H/2], [0, 0, 1]] with f = W / (2 tan(field_of_view / 2)).

    Args:
        width: of the picture, in pixels.
        height: of the picture, in pixels.
        field_of_view: horizontal, in radians, between 0 and pi.

    Returns:
        K (3, 3) float32, in pixels.

    Raises:
        ValueError: a size below 1, or an angle outside (0, pi).

    Source: Hartley and Zisserman, Multiple View Geometry (2004), section 6.1.

    >>> pinhole(20, 10, math.pi / 2)
    tensor([[10.,  0., 10.],
            [ 0., 10.,  5.],
            [ 0.,  0.,  1.]])
    """
    for name, size in (("width", width), ("height", height)):
        if not size >= 1:
            raise ValueError(f"{name}: got {size!r}, wanted at least 1 pixel")
    if not 0.0 < field_of_view < math.pi:
        raise ValueError(
            f"field_of_view: got {field_of_view!r}, wanted radians between 0 and pi (not degrees)"
        )
    focal = 0.5 * width / math.tan(0.5 * field_of_view)
    return torch.tensor([[focal, 0.0, width / 2], [0.0, focal, height / 2], [0.0, 0.0, 1.0]])


def look_at(eye: Vector, target: Vector = (0, 0, 0), up: Vector = (0, 0, 1)) -> Tensor:
    """Return the camera that stands at ``eye``, looks at ``target`` and shows ``up`` upwards.

    Rows of the rotation: z = (target - eye) / |target - eye|, x = z × up / |z × up|, y = z × x;
    translation t = -R eye.

    Args:
        eye: (3,) position of the camera, world units.
        target: (3,) point in the middle of the picture, world units.
        up: (3,) direction that the picture shows upwards; any length.

    Returns:
        viewmat (4, 4) float32, world to camera.

    Raises:
        ValueError: not three finite numbers, eye and target coincide, or up is parallel to the
            view.

    >>> viewmat = look_at(eye=(0, -2, 0))
    >>> viewmat @ torch.tensor([0.0, 0.0, 1.0, 1.0])  # a point above the target: y is down
    tensor([ 0., -1.,  2.,  1.])
    """
    eye, target, up = _vector("eye", eye), _vector("target", target), _vector("up", up)
    forward = target - eye
    if float(forward.norm()) == 0.0:
        raise ValueError("target: it is where the eye is, so there is no direction to look in")
    forward = forward / forward.norm()
    right = torch.linalg.cross(forward, up)
    if float(right.norm()) <= 1e-6 * float(up.norm()):
        raise ValueError("up: is zero or parallel to the direction of view")
    right = right / right.norm()
    rotation = torch.stack([right, torch.linalg.cross(forward, right), forward])  # (3, 3)
    viewmat = torch.eye(4, dtype=torch.float64)
    viewmat[:3, :3] = rotation
    viewmat[:3, 3] = -rotation @ eye
    return viewmat.float()


def orbit(
    count: int,
    radius: float,
    elevation: float = 0.5,
    target: Vector = (0, 0, 0),
    start: float = 0.0,
) -> Tensor:
    """Return cameras on a circle around ``target``, evenly spaced, all looking at it; z is up.

    eye_k = target + radius (cos e cos a_k, cos e sin a_k, sin e), a_k = start + 2 pi k / count.

    Args:
        count: number of cameras, at least 1.
        radius: distance to the target, world units, above 0.
        elevation: e, angle above the horizontal plane, radians, strictly between -pi/2 and pi/2.
        target: (3,) centre, world units.
        start: angle of the first camera, radians.

    Returns:
        viewmats (count, 4, 4) float32, world to camera.

    Raises:
        ValueError: an argument outside the range above.

    >>> viewmats = orbit(4, radius=2.0)
    >>> viewmats[:, 2, 3]  # how far in front of each camera the target is
    tensor([2., 2., 2., 2.])
    """
    if count < 1:
        raise ValueError(f"count: got {count!r}, wanted at least 1")
    if not 0.0 < radius < math.inf:
        raise ValueError(f"radius: got {radius!r}, wanted a finite number above 0")
    if not -math.pi / 2 < elevation < math.pi / 2:
        raise ValueError(f"elevation: got {elevation!r}, wanted radians between -pi/2 and pi/2")
    centre = _vector("target", target)
    viewmats = []
    for k in range(count):
        azimuth = start + 2 * math.pi * k / count
        flat = math.cos(elevation)
        way = (flat * math.cos(azimuth), flat * math.sin(azimuth), math.sin(elevation))
        viewmats.append(look_at(centre + radius * _vector("way", way), centre))
    return torch.stack(viewmats)


def opengl_to_opencv(c2w: Tensor) -> Tensor:
    """Turn cameras with OpenGL's (and Blender's) axes into cameras with OpenCV's.

    c2w_opencv = c2w_opengl diag(1, -1, -1, 1): OpenGL's camera has y up and looks along -z. The
    position stays; applied twice it changes nothing.

    Args:
        c2w: (..., 4, 4) or (..., 3, 4), camera to world.

    Returns:
        c2w, the same shape and dtype.

    Raises:
        ValueError: another shape.

    >>> opengl_to_opencv(torch.eye(4)).diagonal()
    tensor([ 1., -1., -1.,  1.])
    """
    if c2w.ndim < 2 or c2w.shape[-1] != 4 or c2w.shape[-2] not in (3, 4):
        raise ValueError(f"c2w: got shape {tuple(c2w.shape)}, wanted (..., 4, 4) or (..., 3, 4)")
    return c2w * c2w.new_tensor([1.0, -1.0, -1.0, 1.0])


def _vector(name: str, value: Vector) -> Tensor:
    vector = torch.as_tensor(value, dtype=torch.float64)
    if vector.shape != (3,) or not bool(torch.isfinite(vector).all()):
        raise ValueError(f"{name}: got {value!r}, wanted three finite numbers")
    return vector
