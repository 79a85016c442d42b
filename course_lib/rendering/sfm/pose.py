"""How a camera stands: relative to another one, or to points whose places are known."""

import torch
from torch import Tensor

from .arguments import finite, point_pairs
from .epipolar import homogeneous
from .ransac import draw_samples, rounds_needed
from .triangulation import project_points, triangulate

QUARTER = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]], dtype=torch.float64)
PNP_SIZE = 6
PNP_BATCH = 64


def viewmat_of(rotation: Tensor, translation: Tensor) -> Tensor:
    """Return [[R, t], [0, 1]], (4, 4).

    >>> viewmat_of(torch.eye(3), torch.tensor([1.0, 2.0, 3.0]))[:3, 3]
    tensor([1., 2., 3.])
    """
    viewmat = torch.eye(4, dtype=rotation.dtype)
    viewmat[:3, :3], viewmat[:3, 3] = rotation, translation
    return viewmat


def to_rays(points: Tensor, K: Tensor) -> Tensor:
    """Return pixels (..., N, 2) as places on the plane at depth 1 in the camera, K^-1 (x, y, 1).

    >>> to_rays(torch.tensor([[30.0, 20.0]]), torch.tensor([[10.0, 0, 20], [0, 10, 20], [0, 0, 1]]))
    tensor([[1., 0.]], dtype=torch.float64)
    """
    seen = homogeneous(points.double()) @ torch.linalg.inv(K.double()).mT
    return seen[..., :2] / seen[..., 2:]


def essential_candidates(E: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Return the four poses (R, t) with E = ±[t]x R: two rotations, and t forth and back.

    >>> len(essential_candidates(torch.diag(torch.tensor([1.0, 1.0, 0.0]))))
    4
    """
    U, _, V = torch.linalg.svd(finite("E", E, 3, 3))
    turns = [U @ quarter @ V for quarter in (QUARTER, QUARTER.mT)]
    turns = [turn * torch.linalg.det(turn).sign() for turn in turns]
    return [(turn, sign * U[:, 2]) for turn in turns for sign in (1.0, -1.0)]


def pose_from_essential(E: Tensor, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Return how the second camera stands to the first: x2 ~ R X + t where x1 ~ X.

    Of the four poses with E = ±[t]x R, that for which most points, triangulated, lie in front of
    both cameras. The length of t cannot be known from pictures; it is made 1.

    Args:
        E: (3, 3) essential matrix; its scale and sign mean nothing.
        first: (N, 2) matches on the plane at depth 1 in the first camera; see `to_rays`.
        second: (N, 2) the same in the second camera.

    Returns:
        R (3, 3) float64 with determinant 1, and t (3,) float64 of length 1.

    Raises:
        ValueError: other shapes, NaN, no match, or for none of the four any point lies in front.

    Source: Hartley and Zisserman, Multiple View Geometry (2004), section 9.6; Nistér (2004),
    https://doi.org/10.1109/TPAMI.2004.17

    >>> E = torch.tensor([[0.0, 0, 0], [0, 0, 1], [0, -1, 0]])  # a step to the side
    >>> R, t = pose_from_essential(E, torch.tensor([[0.5, 0.2]]), torch.tensor([[0.3, 0.2]]))
    >>> R.diagonal(), t
    (tensor([1., 1., 1.], dtype=torch.float64), tensor([-1.,  0.,  0.], dtype=torch.float64))
    """
    first, second = point_pairs(first, second, 1)
    counts, poses = [], essential_candidates(E)
    for rotation, translation in poses:
        counts.append(int(in_front(rotation, translation, first, second).sum()))
    best = max(range(4), key=counts.__getitem__)
    if counts[best] == 0:
        raise ValueError("E: for none of its four poses a point lies in front of both cameras")
    rotation, translation = poses[best]
    return rotation, translation + 0.0  # no negative zeros


def in_front(R: Tensor, t: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Return which matches (N, 2) on the planes at depth 1 have positive depth in both cameras."""
    cameras = torch.eye(4, dtype=torch.float64)[:3].repeat(2, 1, 1)
    cameras[1] = torch.cat([R, t[:, None]], dim=1)
    points = triangulate(cameras, torch.stack([first, second]))
    _, depths = project_points(cameras, points)
    return (depths > 0).all(dim=0)  # NaN is not


def resection(points: Tensor, pixels: Tensor, K: Tensor) -> Tensor:
    """Return the viewmat of a camera that sees known points at given pixels (PnP, by a DLT).

    [R | t] has twelve entries; each point gives two linear equations, as in `triangulate`. The
    nearest rotation to the left 3 x 3 of the solution sets the scale, points in front the sign.

    Args:
        points: (N, 3), world units, N >= 6, not all in a plane.
        pixels: (N, 2).
        K: (3, 3), pixels.

    Returns:
        viewmat (4, 4) float64, world to camera.

    Raises:
        ValueError: fewer than 6 points, other shapes, NaN, or points in a plane.

    Source: Hartley and Zisserman, Multiple View Geometry (2004), section 7.1.

    >>> X = torch.rand(8, 3, generator=torch.Generator().manual_seed(0)) + torch.tensor([0, 0, 3.0])
    >>> resection(X, X[:, :2] / X[:, 2:], torch.eye(3)).round(decimals=6).diagonal()
    tensor([1., 1., 1., 1.], dtype=torch.float64)
    """
    points = finite("points", points, None, 3)
    pixels = finite("pixels", pixels, len(points), 2)
    if len(points) < PNP_SIZE:
        raise ValueError(f"points: got {len(points)}, wanted at least {PNP_SIZE}")
    viewmat, singular = resection_batch(points, to_rays(pixels, finite("K", K, 3, 3)))
    if not bool(singular[10] > 1e-9 * singular[0]):
        raise ValueError("points: they lie in a plane, which leaves the pose open")
    return viewmat


def resection_batch(points: Tensor, rays: Tensor) -> tuple[Tensor, Tensor]:
    """`resection` of many sets (..., N, 3), (..., N, 2) at once, unchecked; and singular values."""
    centre = points.mean(dim=-2, keepdim=True)
    size = (points - centre).norm(dim=-1).mean(dim=-1)[..., None, None].clamp_min(1e-300)
    X = homogeneous((points - centre) / size)
    o = torch.zeros_like(X)
    x, y = rays[..., :1], rays[..., 1:]
    rows = torch.cat([torch.cat([X, o, -x * X], -1), torch.cat([o, X, -y * X], -1)], dim=-2)
    _, singular, V = torch.linalg.svd(rows, full_matrices=False)
    P = V[..., -1, :].unflatten(-1, (3, 4))
    P = P * torch.linalg.det(P[..., :3])[..., None, None].sign()
    U, scales, W = torch.linalg.svd(P[..., :3])
    viewmat = torch.zeros(*P.shape[:-2], 4, 4, dtype=P.dtype)
    viewmat[..., :3, :3] = U @ W
    shift = size * P[..., 3:] / scales.mean(dim=-1)[..., None, None]
    viewmat[..., :3, 3:] = shift - viewmat[..., :3, :3] @ centre.mT
    viewmat[..., 3, 3] = 1.0
    return viewmat, singular


def ransac_pnp(
    points: Tensor,
    pixels: Tensor,
    K: Tensor,
    *,
    threshold: float = 4.0,
    rounds: int = 1000,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Return the pose that most points agree with, and which ones do.

    Args:
        points: (N, 3), world units, N >= 6.
        pixels: (N, 2), some of them wrong.
        K: (3, 3), pixels.
        threshold: pixels.
        rounds: samples of six at most.
        generator: draws them.

    Returns:
        viewmat (4, 4) float64, world to camera, and inliers (N,) bool.

    Raises:
        ValueError: fewer than 6 points, other shapes, NaN, or no pose that 6 agree with.

    Source: Fischler and Bolles (1981), https://doi.org/10.1145/358669.358692
    """
    points = finite("points", points, None, 3)
    pixels, K = finite("pixels", pixels, len(points), 2), finite("K", K, 3, 3)
    if len(points) < PNP_SIZE:
        raise ValueError(f"points: got {len(points)}, wanted at least {PNP_SIZE}")
    rays, tried, wanted = to_rays(pixels, K), 0, float(rounds)
    best, viewmat = torch.zeros(len(points), dtype=torch.bool), torch.eye(4).double()
    while tried < wanted:
        samples = draw_samples(len(points), PNP_BATCH, PNP_SIZE, generator=generator)
        candidates, _ = resection_batch(points[samples], rays[samples])
        seen, depths = project_points(K @ candidates[:, :3], points)
        agree = ((seen - pixels).norm(dim=-1) < threshold) & (depths > 0)
        most = int(agree.sum(dim=1).argmax())
        if agree[most].sum() > best.sum():
            best, viewmat = agree[most], candidates[most]
        tried += PNP_BATCH
        wanted = min(rounds, rounds_needed(float(best.double().mean()), PNP_SIZE))
    if int(best.sum()) < PNP_SIZE:
        raise ValueError(f"points, pixels: no pose sees 6 of {len(points)} within {threshold} px")
    return viewmat, best
