"""From a mesh in the world to triangles in the picture."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import embedding

from ..splats.projection import NEAR

FLATTEST = 1e-6  # a triangle with less of its longest edge's square as double area is degenerate
FARTHEST_SLOPE = 1e6  # |x/z|, |y/z|; what lies further to the side is left out
FARTHEST = 1e30  # world units; beyond, float32 ends


class Triangles(NamedTuple):
    """A mesh's faces as a camera sees them.

    Attributes:
        corners: (F, 3, 2), pixels, x to the right and y downwards.
        inverse_depths: (F, 3), 1 / world unit; 0 at all corners of a face that is left out.
    """

    corners: Tensor
    inverse_depths: Tensor


def project_faces(vertices: Tensor, faces: Tensor, viewmat: Tensor, K: Tensor) -> Triangles:
    """Project a mesh's faces into a picture.

    (x, y, z) = R vertex + t, corner = (f_x x/z + c_x, f_y y/z + c_y), inverse depth = 1/z. A face
    is left out if a corner is closer to the camera's plane than 0.01 world units or behind it
    (nothing is cut at the near plane), if a corner lies more than a million depths to the side,
    or if the face has no area in the picture (less than a millionth of its longest edge squared).

    Args:
        vertices: (N, 3), world units.
        faces: (F, 3) int64, indices of vertices, in either order of turning.
        viewmat: (4, 4), world to camera, OpenCV's axes.
        K: (3, 3), pixels.

    Returns:
        `Triangles`; differentiable by vertices, viewmat and K. The corners of a face that is left
        out are the principal point or meaningless, without a gradient in either case.

    Source: Hartley and Zisserman, Multiple View Geometry (2004), section 6.1.

    >>> vertices = torch.tensor([[0.0, 0.0, 2.0], [1.0, 0.0, 2.0], [0.0, 1.0, 4.0]])
    >>> K = torch.tensor([[10.0, 0.0, 8.0], [0.0, 10.0, 8.0], [0.0, 0.0, 1.0]])
    >>> faces = torch.tensor([[0, 1, 2]])
    >>> corners, inverse_depths = project_faces(vertices, faces, torch.eye(4), K)
    >>> corners[0], inverse_depths[0]
    (tensor([[ 8.0000,  8.0000],
             [13.0000,  8.0000],
             [ 8.0000, 10.5000]]), tensor([0.5000, 0.5000, 0.2500]))
    """
    in_camera = vertices @ viewmat[:3, :3].mT + viewmat[:3, 3]  # (N, 3)
    # in_camera[faces], with a gradient that adds up in the same order on any number of threads.
    x, y, z = embedding(faces, in_camera).unbind(-1)  # (F, 3) each
    sideways = torch.maximum(x.abs(), y.abs())
    usable = (z > NEAR) & (z < FARTHEST) & (sideways <= FARTHEST_SLOPE * z)
    in_front = usable.all(dim=1, keepdim=True)  # (F, 1)
    x, y = torch.where(in_front, x, 0.0), torch.where(in_front, y, 0.0)
    z = torch.where(in_front, z, 1.0)
    corners = torch.stack([K[0, 0] * (x / z) + K[0, 2], K[1, 1] * (y / z) + K[1, 2]], dim=-1)
    drawn = in_front & ~_flat(corners.detach())[:, None]
    return Triangles(corners, torch.where(drawn, 1.0 / z, 0.0))


def _flat(corners: Tensor) -> Tensor:
    """Which triangles (F, 3, 2) have no area to speak of, (F,)."""
    edges = corners.roll(-1, dims=1) - corners  # (F, 3, 2)
    area = edges[:, 0, 0] * edges[:, 1, 1] - edges[:, 0, 1] * edges[:, 1, 0]  # twice the area
    return ~(area.abs() > FLATTEST * edges.square().sum(dim=-1).amax(dim=1))
