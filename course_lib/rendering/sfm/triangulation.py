"""Where in space a point is that several known cameras see."""

import torch
from torch import Tensor

from .arguments import finite
from .epipolar import homogeneous

AT_INFINITY = 1e-9  # share of a homogeneous point's fourth number below which it has no place


def projection_matrix(K: Tensor, viewmat: Tensor) -> Tensor:
    """Return P = K [R | t] (..., 3, 4), from the world to pixels, float64.

    >>> projection_matrix(torch.eye(3), torch.eye(4)).shape
    torch.Size([3, 4])
    """
    return K.double() @ viewmat.double()[..., :3, :]


def project_points(projections: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    """Return where cameras P (V, 3, 4) see points (N, 3): pixels (V, N, 2) and depths (V, N).

    P X = depth (x, y, 1) if P = K [R | t]: depth along the camera's axis, world units.

    >>> P = torch.eye(4)[None, :3].double()
    >>> project_points(P, torch.tensor([[2.0, 4.0, 2.0]]))[0]
    tensor([[[1., 2.]]], dtype=torch.float64)
    """
    seen = homogeneous(points.double()) @ projections.mT  # (V, N, 3)
    return seen[..., :2] / seen[..., 2:], seen[..., 2]


def triangulate(projections: Tensor, points: Tensor, seen: Tensor | None = None) -> Tensor:
    """Return the points in space that cameras see at given pixels.

    From x = P_1 X / P_3 X follow two equations for the homogeneous X, x (P_3 X) - P_1 X = 0 and the
    same for y. X is the last right singular vector of the 2 V equations of all views; each equation
    is scaled to length one.

    Args:
        projections: (V, 3, 4), P = K [R | t], V >= 2.
        points: (V, N, 2), pixels.
        seen: (V, N) bool, which cameras see which points; all of them by default.

    Returns:
        (N, 3) float64, world units. NaN where the rays are parallel: at infinity, or cameras in
        one place, or seen by one alone.

    Raises:
        ValueError: other shapes, NaN, fewer than 2 views.

    Source: Hartley and Sturm (1997), Triangulation, https://doi.org/10.1006/cviu.1997.0547

    >>> left = torch.eye(4)[:3]
    >>> right = left - torch.nn.functional.pad(torch.eye(3)[:, :1], (3, 0))  # one unit to the right
    >>> pixels = torch.tensor([[[0.5, 0.25]], [[0.25, 0.25]]])
    >>> triangulate(torch.stack([left, right]), pixels).round(decimals=6)
    tensor([[2., 1., 4.]], dtype=torch.float64)
    """
    P = finite("projections", projections, None, 3, 4)
    x = finite("points", points, len(P), None, 2)
    if len(P) < 2:
        raise ValueError(f"projections: got {len(P)} views, wanted at least 2")
    rows = x[..., None] * P[:, None, 2:3] - P[:, None, :2]  # (V, N, 2, 4)
    rows = rows / rows.norm(dim=-1, keepdim=True).clamp_min(1e-300)
    if seen is not None:
        rows = torch.where(seen[..., None, None], rows, 0.0)
    system = rows.permute(1, 0, 2, 3).flatten(1, 2)  # (N, 2 V, 4)
    _, singular, V = torch.linalg.svd(system, full_matrices=False)
    X = V[:, -1]
    somewhere = X[:, 3].abs() > AT_INFINITY * X.norm(dim=1)
    somewhere &= singular[:, 2] > AT_INFINITY * singular[:, 0]  # one place, not a line of them
    return torch.where(somewhere[:, None], X[:, :3] / X[:, 3:], torch.nan)


def viewing_angles(first: Tensor, second: Tensor, points: Tensor) -> Tensor:
    """Return the angle between the directions from points (N, 3) to two camera centres (3,).

    >>> one, other = torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0.0, 1.0, 0.0])
    >>> viewing_angles(one, other, torch.zeros(1, 3)).rad2deg()
    tensor([90.])
    """
    to_first, to_second = first - points, second - points
    cosine = torch.nn.functional.cosine_similarity(to_first, to_second, dim=-1)
    return cosine.clamp(-1, 1).arccos()


def camera_centres(viewmats: Tensor) -> Tensor:
    """Return where cameras (..., 4, 4) stand in the world, -R^T t, (..., 3).

    >>> from course_lib.rendering import look_at
    >>> camera_centres(look_at((0.0, -2.0, 1.0))) + 0.0
    tensor([ 0., -2.,  1.])
    """
    return -(viewmats[..., :3, :3].mT @ viewmats[..., :3, 3:])[..., 0]
