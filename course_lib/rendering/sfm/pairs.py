"""What two pictures say: corners, verified matches, and how the cameras stand to each other."""

from typing import NamedTuple

import torch
from torch import Tensor

from .bundle import Observations, bundle_adjust
from .corners import harris_corners, to_grey
from .descriptors import describe
from .epipolar import essential_from_fundamental
from .matching import match_mutual
from .pose import pose_from_essential, to_rays, viewmat_of
from .ransac import ransac_fundamental
from .triangulation import project_points, projection_matrix, triangulate

FEWEST_MATCHES = 20  # that agree on one F, for a pair of pictures to count


class Features(NamedTuple):
    """Corners of a picture (N, 2), in pixels, and their descriptors (N, 64)."""

    corners: Tensor
    descriptors: Tensor


def detect(images: Tensor, count: int = 1000) -> list[Features]:
    """Find and describe corners in pictures (V, 3, H, W).

    >>> [len(each.corners) for each in detect(torch.zeros(2, 3, 64, 64))]
    [0, 0]
    """
    found = []
    for image in images:
        grey = to_grey(image)
        corners = harris_corners(grey, count)
        found.append(Features(corners, describe(grey, corners)))
    return found


def match_pictures(
    features: list[Features],
    *,
    ratio: float = 0.85,
    threshold: float = 1.5,
    generator: torch.Generator,
) -> dict[tuple[int, int], Tensor]:
    """Match every picture with every other, and keep what agrees on one fundamental matrix.

    Args:
        features: of each picture.
        ratio: see `match_ratio`.
        threshold: pixels; see `ransac_fundamental`.
        generator: for RANSAC.

    Returns:
        (i, j), i < j, to matches (P, 2) int64, P >= 20; pairs with fewer are left out.
    """
    matches = {}
    for i in range(len(features)):
        for j in range(i + 1, len(features)):
            pair = match_mutual(features[i].descriptors, features[j].descriptors, ratio)
            if len(pair) < FEWEST_MATCHES:
                continue
            first, second = features[i].corners[pair[:, 0]], features[j].corners[pair[:, 1]]
            options = {"threshold": threshold, "generator": generator}
            try:
                _, inliers = ransac_fundamental(first, second, **options)
            except ValueError:  # nothing agrees
                continue
            if int(inliers.sum()) >= FEWEST_MATCHES:
                matches[i, j] = pair[inliers]
    return matches


def relative_pose(
    first: Tensor,
    second: Tensor,
    K1: Tensor,
    K2: Tensor,
    *,
    threshold: float = 1.0,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Return how the second camera stands to the first one, from matches alone.

    RANSAC for F, E = K2^T F K1, the pose that has the points in front, then bundle adjustment of
    the two.

    Args:
        first: (N, 2) pixels.
        second: (N, 2) their matches; wrong ones are found.
        K1: (3, 3).
        K2: (3, 3).
        threshold: pixels.
        generator: for RANSAC.

    Returns:
        viewmat (4, 4) float64 of the second camera, the first one being the identity; its
        translation has length 1. And inliers (N,) bool.

    Raises:
        ValueError: too few matches, or nothing that they agree on.
    """
    F, inliers = ransac_fundamental(first, second, threshold=threshold, generator=generator)
    first, second, K = first[inliers], second[inliers], torch.stack([K1, K2]).double()
    E = essential_from_fundamental(F, *K)
    viewmats = torch.eye(4, dtype=torch.float64).repeat(2, 1, 1)
    viewmats[1] = viewmat_of(*pose_from_essential(E, to_rays(first, K[0]), to_rays(second, K[1])))
    pixels = torch.stack([first, second]).double()
    points = triangulate(projection_matrix(K, viewmats), pixels)
    _, depths = project_points(projection_matrix(K, viewmats), points)
    kept = (depths > 0).all(dim=0)
    index = torch.arange(int(kept.sum()))
    view = torch.tensor([0, 1]).repeat_interleave(len(index))
    seen = Observations(view, index.repeat(2), pixels[:, kept].flatten(0, 1))
    viewmats, _ = bundle_adjust(viewmats, K, points[kept], seen, linear_beyond=0.5)
    viewmats[1, :3, 3] /= viewmats[1, :3, 3].norm()
    return viewmats[1], inliers
