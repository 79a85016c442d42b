"""Comparing two worlds that differ in place, direction and size."""

from typing import NamedTuple

import torch
from torch import Tensor

from .arguments import finite


class Similarity(NamedTuple):
    """x -> scale R x + translation.

    Attributes:
        scale: a number above 0.
        rotation: (3, 3).
        translation: (3,).
    """

    scale: Tensor
    rotation: Tensor
    translation: Tensor

    def move(self, points: Tensor) -> Tensor:
        """Points (..., 3) in the other world."""
        return self.scale * points.double() @ self.rotation.mT + self.translation

    def move_cameras(self, viewmats: Tensor) -> Tensor:
        """Cameras (..., 4, 4) that see the moved points where the old ones saw the points.

        x_c = R_v x + t_v becomes, with x' = s R x + t, s x_c = R_v R^T x' + s t_v - R_v R^T t.
        """
        moved = viewmats.double().clone()
        turn = moved[..., :3, :3] @ self.rotation.mT
        shift = self.scale * moved[..., :3, 3] - turn @ self.translation
        moved[..., :3, :3], moved[..., :3, 3] = turn, shift
        return moved


def align(points: Tensor, targets: Tensor) -> Similarity:
    """Return the similarity that brings points closest to their targets.

    minimise sum |s R p_i + t - q_i|^2. With centred p, q and the singular value decomposition
    U D V^T of sum q p^T: R = U diag(1, 1, ±1) V^T, s = trace(D diag(1, 1, ±1)) / sum |p|^2.

    Args:
        points: (N, 3), N >= 3, not on a line.
        targets: (N, 3).

    Raises:
        ValueError: other shapes, NaN, fewer than 3 points, or all of them on a line.

    Source: Umeyama (1991), https://doi.org/10.1109/34.88573

    >>> triangle = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    >>> float(align(triangle, 3 * triangle + 1).scale.round(decimals=6))
    3.0
    """
    points, targets = finite("points", points, None, 3), finite("targets", targets, None, 3)
    if len(points) != len(targets) or len(points) < 3:
        raise ValueError(
            f"points, targets: got {len(points)} and {len(targets)}, wanted as many, at least 3"
        )
    centre, goal = points.mean(dim=0), targets.mean(dim=0)
    p, q = points - centre, targets - goal
    U, D, V = torch.linalg.svd(q.mT @ p)
    if not bool(D[1] > 1e-12 * D[0]):
        raise ValueError("points: they lie on a line (or in one place), which leaves a turn open")
    mirror = torch.ones(3, dtype=torch.float64)
    mirror[2] = torch.linalg.det(U @ V).sign()
    rotation = U @ torch.diag(mirror) @ V
    scale = (D * mirror).sum() / p.square().sum()
    return Similarity(scale, rotation, goal - scale * rotation @ centre)


def rotation_angle(first: Tensor, second: Tensor) -> Tensor:
    """Return the angle, radians, by which two rotations (..., 3, 3) differ.

    >>> rotation_angle(torch.eye(3), torch.diag(torch.tensor([1.0, -1.0, -1.0])))
    tensor(3.1416, dtype=torch.float64)
    """
    apart = (first.double() - second.double()).flatten(-2).norm(dim=-1)  # 2 sqrt 2 sin(angle / 2)
    return 2 * (apart / 8**0.5).clamp(max=1.0).arcsin()
