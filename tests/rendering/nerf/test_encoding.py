import math

import pytest
import torch

from course_lib.rendering.nerf import positional_encoding, spherical_harmonics


def test_positional_encoding_by_hand():
    x = torch.tensor([[0.25, -0.5]])
    s = math.sqrt(0.5)
    wanted = torch.tensor([[s, -1, s, 0, 1, 0, 0, -1]])  # sin, cos of pi x; then of 2 pi x
    torch.testing.assert_close(positional_encoding(x, 2), wanted, rtol=0, atol=1e-6)


@pytest.mark.parametrize("frequencies", [0, 1, 10])
def test_shapes_and_range(frequencies):
    x = 2 * torch.rand(4, 5, 3) - 1
    encoded = positional_encoding(x, frequencies)
    assert encoded.shape == (4, 5, 6 * frequencies)
    assert encoded.numel() == 0 or float(encoded.abs().max()) <= 1.0


def test_a_shift_by_a_period_changes_nothing():
    x = torch.rand(10, 3, dtype=torch.float64)
    torch.testing.assert_close(positional_encoding(x + 2.0, 4), positional_encoding(x, 4))


def test_gradient_of_the_encoding():
    x = torch.rand(3, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: positional_encoding(x, 3), x)


def test_harmonics_are_orthonormal_on_the_sphere():
    generator = torch.Generator().manual_seed(0)
    ways = torch.nn.functional.normalize(
        torch.randn(200_000, 3, generator=generator, dtype=torch.float64), dim=1
    )
    basis = spherical_harmonics(ways, 3)
    gram = 4 * math.pi * basis.T @ basis / len(ways)
    torch.testing.assert_close(gram, torch.eye(16, dtype=torch.float64), rtol=0, atol=0.02)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match=r"^frequencies: got -1"):
        positional_encoding(torch.zeros(3), -1)
    with pytest.raises(TypeError, match=r"^x: got torch\.int64"):
        positional_encoding(torch.zeros(3, dtype=torch.int64), 2)
    with pytest.raises(ValueError, match=r"^degree: got 4"):
        spherical_harmonics(torch.eye(3), 4)
    with pytest.raises(ValueError, match=r"^directions: got shape"):
        spherical_harmonics(torch.zeros(3, 2))
