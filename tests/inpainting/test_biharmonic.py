import numpy as np
import pytest
import torch

from course_lib.data import centre_mask
from course_lib.inpainting import biharmonic_inpaint, harmonic_inpaint
from course_lib.inpainting.biharmonic import holes_at_border, second_differences


def polynomial(degree, size=40):
    u = torch.linspace(0, 1, size, dtype=torch.float64)
    x, y = u[None], u[:, None]
    return ((x**degree + y**degree + (x * y) ** (degree // 2)) / 3)[None, None]


@pytest.mark.parametrize("degree", (1, 2, 3))
def test_cubic_pictures_are_reproduced_inside(degree):
    image = polynomial(degree)
    filled = biharmonic_inpaint(image, centre_mask(40, 40, 0.6))
    torch.testing.assert_close(filled, image, rtol=0, atol=1e-9)


def test_harmonic_filling_does_not_reproduce_a_square():
    image, mask = polynomial(2), centre_mask(40, 40, 0.6)
    assert (harmonic_inpaint(image, mask) - image).abs().max() > 0.02


@pytest.mark.parametrize("hole", ((slice(0, 12), slice(0, 9)), (slice(0, 40), slice(15, 25))))
def test_a_plane_is_reproduced_at_the_border(hole):
    u = torch.linspace(0.1, 0.8, 40, dtype=torch.float64)
    image = (0.6 * u[None] + 0.4 * u[:, None])[None, None]
    mask = torch.zeros(1, 1, 40, 40, dtype=torch.bool)
    mask[..., hole[0], hole[1]] = True
    torch.testing.assert_close(biharmonic_inpaint(image, mask), image, rtol=0, atol=1e-9)


def test_a_line_of_known_pixels_holds_no_plate():
    image = torch.rand(1, 1, 12, 12, generator=torch.Generator().manual_seed(0))
    mask = torch.ones(1, 1, 12, 12, dtype=torch.bool)
    mask[..., torch.arange(12), torch.arange(12)] = False
    assert torch.equal(biharmonic_inpaint(image, mask), harmonic_inpaint(image, mask))


def test_against_a_dense_least_squares_solution():
    generator = torch.Generator().manual_seed(1)
    image = torch.rand(1, 1, 14, 11, generator=generator, dtype=torch.float64) * 0.2 + 0.4
    mask = torch.rand(1, 1, 14, 11, generator=generator) < 0.3
    hole = mask[0, 0].numpy()
    matrix = second_differences(hole).toarray()
    known = np.where(hole, 0, image[0, 0].numpy()).ravel()
    solution = np.linalg.lstsq(matrix[:, hole.ravel()], -matrix @ known, rcond=None)[0]
    filled = biharmonic_inpaint(image, mask)[0, 0].numpy()[hole]
    free = holes_at_border(hole)[hole]
    known = image[0, 0].numpy()[~hole]
    wanted = np.where(free, solution.clip(0, 1), solution.clip(known.min(), known.max()))
    np.testing.assert_allclose(filled, wanted, atol=1e-9)


def test_the_inner_stencil_is_the_thirteen_point_one():
    hole = np.zeros((9, 9), dtype=bool)
    hole[4, 4] = True
    matrix = second_differences(hole).toarray()
    stencil = (matrix.T @ matrix)[40].reshape(9, 9)[2:7, 2:7]
    assert np.allclose(stencil[2], [1, -8, 20, -8, 1])
    assert np.allclose(stencil[1], [0, 2, -8, 2, 0])


def test_a_rough_rim_makes_the_plate_overshoot_but_not_beyond_the_known_range():
    image = 0.3 + 0.4 * torch.rand(1, 1, 40, 40, generator=torch.Generator().manual_seed(0))
    mask = centre_mask(40, 40, 0.6)
    filled, known = biharmonic_inpaint(image, mask), image[~mask]
    assert filled.min() == known.min() and filled.max() == known.max()
