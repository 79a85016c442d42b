"""What two pictures of a rigid scene have in common: one 3 x 3 matrix.

Points are (..., N, 2) in pixels, x and y. F takes a point of the first picture to a line of the
second: x2^T F x1 = 0.
"""

import math

import torch
from torch import Tensor

from .arguments import finite, point_pairs

DEGENERATE = 1e-9  # a singular value below this share of the largest counts as zero


def homogeneous(points: Tensor) -> Tensor:
    """Append a one to each point: (..., D) to (..., D + 1).

    >>> homogeneous(torch.tensor([[2.0, 3.0]]))
    tensor([[2., 3., 1.]])
    """
    return torch.nn.functional.pad(points, (0, 1), value=1.0)


def normalising_transform(points: Tensor) -> Tensor:
    """Return T (..., 3, 3) that moves points (..., N, 2) to mean 0 and mean length sqrt(2).

    Source: Hartley (1997), section 5, https://doi.org/10.1109/34.601246

    >>> normalising_transform(torch.tensor([[0.0, 0.0], [2.0, 2.0]])).round(decimals=4)
    tensor([[ 1.,  0., -1.],
            [ 0.,  1., -1.],
            [ 0.,  0.,  1.]])
    """
    centre = points.mean(dim=-2, keepdim=True)
    distance = (points - centre).norm(dim=-1).mean(dim=-1)
    scale = math.sqrt(2) / distance.clamp_min(1e-12)
    transform = torch.zeros(*points.shape[:-2], 3, 3, dtype=points.dtype)
    transform[..., 0, 0] = transform[..., 1, 1] = scale
    transform[..., :2, 2] = -scale[..., None] * centre[..., 0, :]
    transform[..., 2, 2] = 1.0
    return transform


def eight_point(first: Tensor, second: Tensor) -> Tensor:
    """Return the fundamental matrix of eight or more matches.

    Each match is one linear equation in the nine entries, x2^T F x1 = 0. The unit vector with the
    smallest sum of squares is the last right singular vector; of that matrix the smallest singular
    value is set to zero. All of it on points moved and scaled by `normalising_transform`.

    Args:
        first: (N, 2) points of the first picture, pixels, N >= 8.
        second: (N, 2) where they are in the second one.

    Returns:
        F (3, 3) float64 of rank 2 and Frobenius norm 1; its sign means nothing.

    Raises:
        ValueError: fewer than 8, other shapes, NaN, or points that do not determine F: all on a
            line, or exactly those of a planar scene or of a camera that only turned.

    Source: Longuet-Higgins (1981), https://doi.org/10.1038/293133a0; Hartley (1997),
    https://doi.org/10.1109/34.601246

    >>> points = torch.rand(9, 3, generator=torch.Generator().manual_seed(0)) + 1
    >>> moved = points + torch.tensor([1.0, 0.0, 0.0])  # to the right: rows stay
    >>> first, second = (p[:, :2] / p[:, 2:] for p in (points, moved))
    >>> eight_point(first, second).abs().round(decimals=4)
    tensor([[0.0000, 0.0000, 0.0000],
            [0.0000, 0.0000, 0.7071],
            [0.0000, 0.7071, 0.0000]], dtype=torch.float64)
    """
    first, second = point_pairs(first, second, 8)
    F, singular = eight_point_batch(first, second)
    if not bool(singular[7] > DEGENERATE * singular[0]):
        raise ValueError(
            "first, second: these matches fit many fundamental matrices, not one: points on a "
            "line, a planar scene, or a camera that did not move"
        )
    return F


def eight_point_batch(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """`eight_point` of many sets (..., N, 2), unchecked; and the systems' singular values."""
    T1, T2 = normalising_transform(first), normalising_transform(second)
    x1, x2 = homogeneous(first) @ T1.mT, homogeneous(second) @ T2.mT  # (..., N, 3)
    system = (x2[..., :, None] * x1[..., None, :]).flatten(-2)  # (..., N, 9)
    _, singular, rows = torch.linalg.svd(system, full_matrices=system.shape[-2] < 9)
    F = T2.mT @ rank_two(rows[..., -1, :].unflatten(-1, (3, 3))) @ T1
    return F / torch.linalg.matrix_norm(F)[..., None, None], singular


def rank_two(F: Tensor) -> Tensor:
    """Return the nearest matrix (..., 3, 3) whose smallest singular value is zero.

    >>> rank_two(torch.diag(torch.tensor([3.0, 2.0, 1.0]))).diagonal()
    tensor([3., 2., 0.])
    """
    U, singular, V = torch.linalg.svd(F)
    return U @ torch.diag_embed(singular * singular.new_tensor([1.0, 1.0, 0.0])) @ V


def epipolar_lines(F: Tensor, points: Tensor) -> Tensor:
    """Return the lines (..., N, 3) of the second picture on which points of the first one lie.

    (a, b, c) with a x + b y + c = 0 and a^2 + b^2 = 1. For lines in the first picture pass F.mT.

    >>> F = torch.tensor([[0.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # a step to the side
    >>> epipolar_lines(F, torch.tensor([[7.0, 5.0]]))  # the row y = 5
    tensor([[ 0., -1.,  5.]])
    """
    lines = homogeneous(points) @ F.mT
    return lines / lines[..., :2].norm(dim=-1, keepdim=True).clamp_min(1e-300)


def sampson_distance(F: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Return how far, about, matches would have to move to satisfy x2^T F x1 = 0.

    |x2^T F x1| / sqrt((F x1)_1^2 + (F x1)_2^2 + (F^T x2)_1^2 + (F^T x2)_2^2)

    Args:
        F: (..., 3, 3).
        first: (..., N, 2) pixels.
        second: (..., N, 2) pixels.

    Returns:
        (..., N) pixels.

    Source: Hartley and Zisserman, Multiple View Geometry (2004), section 11.4.3.

    >>> F = torch.tensor([[0.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    >>> sampson_distance(F, torch.tensor([[1.0, 5.0]]), torch.tensor([[3.0, 7.0]]))
    tensor([1.4142])
    """
    x1, x2 = homogeneous(first), homogeneous(second)
    right, left = x1 @ F.mT, x2 @ F  # lines in the second picture, and in the first
    slopes = right[..., :2].square().sum(-1) + left[..., :2].square().sum(-1)
    return (x2 * right).sum(-1).abs() / slopes.clamp_min(1e-300).sqrt()


def essential_from_fundamental(F: Tensor, K1: Tensor, K2: Tensor) -> Tensor:
    """Return the essential matrix E = K2^T F K1, with singular values 1, 1 and 0.

    Args:
        F: (3, 3).
        K1: (3, 3) of the first camera, pixels.
        K2: (3, 3) of the second one.

    Raises:
        ValueError: other shapes, NaN.

    Source: Hartley and Zisserman, Multiple View Geometry (2004), section 9.6.

    >>> E = essential_from_fundamental(torch.diag(torch.tensor([2.0, 3, 9])), *[torch.eye(3)] * 2)
    >>> torch.linalg.svdvals(E).round(decimals=6)
    tensor([1., 1., 0.], dtype=torch.float64)
    """
    F, K1, K2 = (finite(n, M, 3, 3) for n, M in (("F", F), ("K1", K1), ("K2", K2)))
    U, _, V = torch.linalg.svd(K2.mT @ F @ K1)
    return U @ torch.diag(U.new_tensor([1.0, 1.0, 0.0])) @ V


def fundamental_from_cameras(P1: Tensor, P2: Tensor) -> Tensor:
    """Return F of two known cameras, projection matrices (3, 4): F = [P2 c]x P2 P1^+, P1 c = 0.

    Source: Hartley and Zisserman, Multiple View Geometry (2004), equation (9.1).

    >>> P1 = torch.eye(4)[:3]
    >>> P2 = torch.cat([torch.eye(3), torch.tensor([[-1.0], [0], [0]])], dim=1)
    >>> fundamental_from_cameras(P1, P2).abs().round(decimals=4)
    tensor([[0.0000, 0.0000, 0.0000],
            [0.0000, 0.0000, 0.7071],
            [0.0000, 0.7071, 0.0000]], dtype=torch.float64)
    """
    P1, P2 = finite("P1", P1, 3, 4), finite("P2", P2, 3, 4)
    centre = torch.linalg.svd(P1).Vh[-1]  # (4,)
    F = cross_matrix(P2 @ centre) @ P2 @ torch.linalg.pinv(P1)
    return F / F.norm().clamp_min(1e-300)


def cross_matrix(vector: Tensor) -> Tensor:
    """Return the matrix (..., 3, 3) with [v]x w = v x w.

    >>> cross_matrix(torch.tensor([1.0, 2.0, 3.0]))
    tensor([[ 0., -3.,  2.],
            [ 3.,  0., -1.],
            [-2.,  1.,  0.]])
    """
    x, y, z = vector.unbind(-1)
    o = torch.zeros_like(x)
    rows = [torch.stack(row, dim=-1) for row in ((o, -z, y), (z, o, -x), (-y, x, o))]
    return torch.stack(rows, dim=-2)
