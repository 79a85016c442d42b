"""Two known cameras, points before them, and what the cameras see."""

import math

import pytest
import torch

from course_lib.rendering import look_at, pinhole, sfm


class TwoViews:
    """Cameras P (2, 3, 4) that see points (N, 3) at pixels (2, N, 2)."""

    def __init__(self, count=40, seed=0, points=None):
        generator = torch.Generator().manual_seed(seed)
        if points is None:
            points = 2 * torch.rand(count, 3, generator=generator, dtype=torch.float64) - 1
        self.points = points
        self.K = pinhole(400, 300, 0.9).double()
        self.viewmats = torch.stack([look_at((0.3, -4.0, 1.0)), look_at((1.8, -3.6, 0.6))]).double()
        U, _, V = torch.linalg.svd(self.viewmats[:, :3, :3])
        self.viewmats[:, :3, :3] = U @ V  # rotations to the last digit
        self.P = sfm.projection_matrix(self.K, self.viewmats)
        self.pixels, self.depths = sfm.project_points(self.P, points)
        self.F = sfm.fundamental_from_cameras(*self.P)

    @property
    def pose(self):
        """The second camera as the first one sees it: R, and t of length 1."""
        relative = self.viewmats[1] @ torch.linalg.inv(self.viewmats[0])
        return relative[:3, :3], relative[:3, 3] / relative[:3, 3].norm()


@pytest.fixture
def two_views():
    return TwoViews


def ring(count, span, radius=2.6):
    """Cameras on an arc around the still life, a little up and down."""
    viewmats = []
    for k in range(count):
        azimuth, elevation = span * k / (count - 1), 0.55 + 0.1 * math.sin(3 * k)
        flat = radius * math.cos(elevation)
        eye = flat * math.cos(azimuth), flat * math.sin(azimuth), radius * math.sin(elevation)
        viewmats.append(look_at(eye, (0.0, 0.0, -0.15)))
    return torch.stack(viewmats)


@pytest.fixture(scope="session")
def arc():
    """Twelve pictures of the speckled still life, their cameras, K, and what we make of them."""
    from course_lib import data

    viewmats, K = ring(12, 1.8), pinhole(400, 400, 0.65)
    images, _ = data.still_life(viewmats, K, 400, 400, samples=2, speckled=True)
    made = sfm.reconstruct(images, K, generator=torch.Generator().manual_seed(0))
    return images, viewmats, K, made
