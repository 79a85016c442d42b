import math

import pytest
import torch

from course_lib.rendering.splats import evaluate_sh, sh_basis


def directions(count, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randn(count, 3, generator=generator, dtype=dtype)
    return drawn / drawn.norm(dim=1, keepdim=True)


def test_the_basis_is_orthonormal_on_the_sphere():
    # A quadrature that is exact up to degree 6: Gauss-Legendre in z, equal steps around.
    import numpy as np

    z, weights = np.polynomial.legendre.leggauss(8)
    angles = 2 * math.pi * np.arange(16) / 16
    z, around = torch.tensor(z)[:, None], torch.tensor(angles)
    flat = (1 - z * z).sqrt()
    points = torch.stack([flat * around.cos(), flat * around.sin(), z.expand(8, 16)], dim=-1)
    basis = sh_basis(3, points)  # (8, 16, 16)
    area = torch.tensor(weights)[:, None] * (2 * math.pi / 16)
    gram = torch.einsum("abi,abj,ab->ij", basis, basis, area.expand(8, 16))
    torch.testing.assert_close(gram, torch.eye(16, dtype=torch.float64), atol=1e-6, rtol=0)


def test_each_degree_extends_the_one_before():
    way = directions(10)
    for degree in range(3):
        k = (degree + 1) ** 2
        torch.testing.assert_close(sh_basis(degree, way), sh_basis(3, way)[:, :k])


def test_degree_zero_is_the_same_from_everywhere_and_never_negative():
    sh = torch.tensor([[[1.0, 0.0, -9.0]]]).expand(5, 1, 3)
    color = evaluate_sh(sh, directions(5, torch.float32))
    torch.testing.assert_close(color, torch.tensor([[0.782095, 0.5, 0.0]]).expand(5, 3))


def test_lower_degree_ignores_the_rest():
    generator = torch.Generator().manual_seed(1)
    sh = torch.randn(4, 16, 3, generator=generator)
    way = directions(4, torch.float32)
    torch.testing.assert_close(evaluate_sh(sh, way, 1), evaluate_sh(sh[:, :4], way))


def test_wrong_shapes():
    with pytest.raises(ValueError, match="directions"):
        evaluate_sh(torch.zeros(3, 1, 3), torch.zeros(2, 3))
    with pytest.raises(ValueError, match="sh"):
        evaluate_sh(torch.zeros(3, 5, 3), torch.ones(3, 3))
    with pytest.raises(ValueError, match="sh"):
        evaluate_sh(torch.zeros(3, 4, 3), torch.ones(3, 3), degree=2)
