import math

import pytest
import torch

from course_lib.rendering import look_at, pinhole
from course_lib.rendering.splats import (
    covariance,
    half_extents,
    project,
    quaternion_to_rotation,
    visible,
)


def some_quats(count=6):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(count, 4, generator=generator, dtype=torch.float64)


def test_rotations_are_rotations_whatever_the_quaternions_length():
    rotation = quaternion_to_rotation(some_quats())
    eye = torch.eye(3, dtype=torch.float64).expand(6, 3, 3)
    torch.testing.assert_close(rotation @ rotation.mT, eye)
    torch.testing.assert_close(torch.linalg.det(rotation), torch.ones(6, dtype=torch.float64))
    torch.testing.assert_close(quaternion_to_rotation(-3 * some_quats()), rotation)


def test_quarter_turn_about_each_axis():
    half = math.sqrt(0.5)
    for axis in range(3):
        quat = torch.tensor([half, 0.0, 0.0, 0.0])
        quat[1 + axis] = half
        start = torch.eye(3)[(axis + 1) % 3]
        torch.testing.assert_close(quaternion_to_rotation(quat) @ start, torch.eye(3)[axis - 1])


def test_covariance_has_the_squared_scales_as_eigenvalues():
    scales = torch.tensor([[0.1, 0.5, 2.0]], dtype=torch.float64).expand(6, 3)
    values = torch.linalg.eigvalsh(covariance(some_quats(), scales))
    torch.testing.assert_close(values, scales.square())


def test_projection_of_a_small_gaussian_is_the_spread_of_its_projected_points():
    K, viewmat = pinhole(200, 100, 1.0).double(), look_at((2, -3, 1)).double()
    mean = torch.tensor([[0.3, 0.2, -0.1]], dtype=torch.float64)
    sigma = covariance(some_quats(1), torch.tensor([[1e-3, 2e-3, 5e-4]], dtype=torch.float64))
    generator = torch.Generator().manual_seed(2)
    noise = torch.randn(200_000, 3, generator=generator, dtype=torch.float64)
    points = mean + noise @ torch.linalg.cholesky(sigma[0]).mT
    seen = project(points, sigma.expand(len(points), 3, 3), viewmat, K, 200, 100)
    wanted = project(mean, sigma, viewmat, K, 200, 100)
    torch.testing.assert_close(seen.means.mean(dim=0), wanted.means[0], atol=1e-3, rtol=0)
    blur = 0.3 * torch.eye(2, dtype=torch.float64)
    spread = torch.cov(seen.means.mT)
    torch.testing.assert_close(spread, wanted.covariances[0] - blur, atol=2e-3, rtol=2e-2)


def test_half_extents_end_where_alpha_is_one_in_255():
    sigma = torch.tensor([[[4.0, 1.0], [1.0, 2.0]]])
    reach = half_extents(sigma, torch.tensor([0.8]))[0]
    # On the ellipse's rightmost point, d^T Sigma^-1 d = reach_x^2 / Sigma_xx.
    alpha = 0.8 * math.exp(-0.5 * float(reach[0]) ** 2 / 4.0)
    assert alpha == pytest.approx(1 / 255, rel=1e-5)
    assert half_extents(sigma, torch.tensor([0.003])).tolist() == [[0.0, 0.0]]


def test_visible_culls_behind_beside_and_faint():
    means = torch.tensor([[0.0, 0, 2], [0, 0, -2], [0, 0, 0.005], [50, 0, 2], [0, 0, 2]])
    sigma = 0.01 * torch.eye(3).expand(5, 3, 3)
    seen = project(means, sigma, torch.eye(4), pinhole(32, 32, 1.0), 32, 32)
    opacities = torch.tensor([0.5, 0.5, 0.5, 0.5, 0.003])
    assert visible(seen, opacities, 32, 32).tolist() == [True, False, False, False, False]


def test_wrong_shape():
    with pytest.raises(ValueError, match="quats"):
        quaternion_to_rotation(torch.zeros(3, 3))
