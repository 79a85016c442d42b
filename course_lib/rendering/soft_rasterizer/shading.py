"""Which way a surface faces, and how bright that makes it."""

import torch
from torch import Tensor
from torch.nn.functional import embedding, normalize


def face_normals(vertices: Tensor, faces: Tensor) -> Tensor:
    """Return the direction in which each face looks.

    n = (b - a) × (c - a), divided by its length: outwards if the corners a, b, c turn
    counter-clockwise seen from outside.

    Args:
        vertices: (N, 3), world units.
        faces: (F, 3) int64.

    Returns:
        (F, 3), of length 1, world frame; zero for a face of area zero.

    >>> corner = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    >>> face_normals(corner, torch.tensor([[0, 1, 2]]))
    tensor([[0., 0., 1.]])
    """
    return normalize(_double_areas(vertices, faces), dim=1)


def vertex_normals(vertices: Tensor, faces: Tensor) -> Tensor:
    """Return a normal for each vertex: the mean of its faces' normals, weighted by their areas.

    The cross product (b - a) × (c - a) is the normal times twice the area, so the sum of cross
    products over the faces that meet in a vertex is the weighted mean, up to its length.

    Args:
        vertices: (N, 3), world units.
        faces: (F, 3) int64.

    Returns:
        (N, 3), of length 1, world frame; zero for a vertex without faces.

    Source: Gouraud (1971), https://doi.org/10.1109/T-C.1971.223313, for normals at vertices.

    >>> corner = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    >>> vertex_normals(corner, torch.tensor([[0, 1, 2]]))[2]
    tensor([0., 0., 1.])
    """
    areas = _double_areas(vertices, faces)[:, None].expand(-1, 3, -1)  # one for each corner
    sums = torch.zeros_like(vertices).index_add(0, faces.reshape(-1), areas.reshape(-1, 3))
    return normalize(sums, dim=1)


def lambert(
    albedo: Tensor, normals: Tensor, light: Tensor, ambient: float | Tensor = 0.2
) -> Tensor:
    """Return the colours of matt surfaces under one distant light.

    C = albedo (ambient + (1 - ambient) max(0, n . l)), with l = light / |light|: full brightness
    where the surface faces the light, the ambient part alone where it faces away. No shadows.

    Args:
        albedo: (..., 3), RGB.
        normals: (..., 3), of length 1, world frame.
        light: (3,), direction from the scene towards the light, world frame; any length but zero.
        ambient: share of light that comes from everywhere, in [0, 1].

    Returns:
        (..., 3); differentiable by all tensors.

    Raises:
        ValueError: light is not three numbers, or zero.

    Source: Lambert, Photometria (1760).

    >>> up = torch.tensor([0.0, 0.0, 1.0])
    >>> lambert(torch.ones(3), up, torch.tensor([0.0, 3.0, 4.0]), ambient=0.5)
    tensor([0.9000, 0.9000, 0.9000])
    """
    if tuple(light.shape) != (3,) or not bool(light.norm() > 0):
        raise ValueError(f"light: got {light.tolist()}, wanted a direction (3,) other than zero")
    facing = (normals * (light / light.norm())).sum(dim=-1, keepdim=True).clamp_min(0.0)
    return albedo * (ambient + (1.0 - ambient) * facing)


def _double_areas(vertices: Tensor, faces: Tensor) -> Tensor:
    """Each face's normal times twice its area, (F, 3)."""
    a, b, c = embedding(faces, vertices).unbind(dim=1)
    return torch.linalg.cross(b - a, c - a)
