from itertools import islice

import numpy as np
import pytest
import torch

from course_lib.data import centre_mask, gradient_picture, photo
from course_lib.inpainting import (
    harmonic_inpaint,
    harmonic_inpaint_reference,
    jacobi_steps,
    laplace_matrix,
)
from course_lib.inpainting.multigrid import bilinear_prolongation, build_levels, solve


def dense_solution(image, mask):
    """Laplace's equation, pixel by pixel from its definition, by Gaussian elimination."""
    result = image.double().clone()
    height, width = mask.shape[-2:]
    pixels = [tuple(p) for p in mask[0, 0].nonzero().tolist()]
    number = {pixel: n for n, pixel in enumerate(pixels)}
    matrix = torch.zeros(len(pixels), len(pixels), dtype=torch.float64)
    right = torch.zeros(len(pixels), image.shape[1], dtype=torch.float64)
    for (y, x), n in number.items():
        for q in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
            if 0 <= q[0] < height and 0 <= q[1] < width:
                matrix[n, n] += 1
                if q in number:
                    matrix[n, number[q]] -= 1
                else:
                    right[n] += image[0, :, *q]
    solution = torch.linalg.solve(matrix, right)
    for (y, x), n in number.items():
        result[0, :, y, x] = solution[n]
    return result


def random_case(share, seed=0, size=(30, 34)):
    generator = torch.Generator().manual_seed(seed)
    image = torch.rand(1, 2, *size, generator=generator)
    return image, torch.rand(1, 1, *size, generator=generator) < share


@pytest.mark.parametrize("share", (0.02, 0.4, 0.9, 0.999))
def test_fast_twin_against_a_direct_solve_on_scattered_holes(share):
    image, mask = random_case(share)
    error = (harmonic_inpaint(image, mask) - dense_solution(image, mask)).abs().max()
    assert error < 1e-5


@pytest.mark.parametrize(
    "hole",
    (
        (slice(5, 30), slice(6, 30)),
        (slice(0, 25), slice(0, 20)),  # at a corner: no heat leaves
        (slice(0, 36), slice(10, 30)),  # from border to border
        (slice(0, 35), slice(0, 36)),  # all but one row
        (slice(17, 18), slice(1, 36)),  # a scratch
    ),
)
def test_fast_twin_against_a_direct_solve_on_blocks(hole):
    image, _ = random_case(0.5, size=(36, 36))
    mask = torch.zeros(1, 1, 36, 36, dtype=torch.bool)
    mask[..., hole[0], hole[1]] = True
    error = (harmonic_inpaint(image, mask) - dense_solution(image, mask)).abs().max()
    assert error < 1e-5


def test_tolerance_is_kept_on_a_large_hole():
    image, mask = photo("astronaut", 256), centre_mask(256, 256, 0.8)
    rough = harmonic_inpaint(image, mask, tolerance=1e-3)
    exact = harmonic_inpaint(image.double(), mask, tolerance=1e-12)
    assert (rough - exact).abs().max() < 1e-3
    assert (harmonic_inpaint(image, mask) - exact).abs().max() < 1e-5


def test_reference_reaches_the_fast_twin():
    image, mask = random_case(0.5)
    mask[..., 8:14, 8:14] = True
    slow = harmonic_inpaint_reference(image, mask, iterations=500)
    torch.testing.assert_close(slow, harmonic_inpaint(image, mask), rtol=0, atol=2e-5)


def test_one_jacobi_step_by_hand():
    image = torch.tensor([[[[0.0, 0.0, 1.0], [0.5, 9.0, 1.0]]]])
    mask = torch.tensor([[[[False, True, False], [False, True, False]]]])
    start, first = islice(jacobi_steps(image, mask), 2)
    assert start[0, 0, 0, 1] == 0.625  # the mean of the known pixels
    # top: neighbours 0, 1, 0.625 below, and itself (0.625) beyond the border
    assert first[0, 0, :, 1].tolist() == [(0 + 1 + 0.625 + 0.625) / 4, (0.5 + 1 + 1.25) / 4]


def test_zero_iterations_and_the_error_that_falls():
    image, mask = random_case(0.6)
    exact = harmonic_inpaint(image, mask)
    errors = [(step - exact).abs().max().item() for step in islice(jacobi_steps(image, mask), 9)]
    assert errors == sorted(errors, reverse=True)
    first = next(jacobi_steps(image, mask))
    assert torch.equal(harmonic_inpaint_reference(image, mask, iterations=0), first)


def test_maximum_principle():
    image, mask = random_case(0.7, seed=4)
    known = image[~mask.expand_as(image)]
    for filled in (harmonic_inpaint(image, mask), harmonic_inpaint_reference(image, mask, 50)):
        assert known.min() <= filled.min() and filled.max() <= known.max()


def test_linear_and_bilinear_pictures_are_reproduced():
    image = gradient_picture(96)  # u, v and u v
    filled = harmonic_inpaint(image, centre_mask(96, 96, 0.6))
    torch.testing.assert_close(filled, image, rtol=0, atol=1e-5)


def test_a_constant_picture_stays_constant_at_the_border_too():
    image = torch.full((1, 3, 40, 40), 0.3)
    mask = torch.ones(1, 1, 40, 40, dtype=torch.bool)
    mask[..., 20, 20] = False
    torch.testing.assert_close(harmonic_inpaint(image, mask), image)


def test_equal_calls_give_equal_bits():
    image, mask = random_case(0.8)
    assert torch.equal(harmonic_inpaint(image, mask), harmonic_inpaint(image, mask))


def test_laplace_matrix_of_a_full_square():
    matrix = laplace_matrix(np.ones((2, 2), dtype=bool)).toarray()
    wanted = [[2, -1, -1, 0], [-1, 2, 0, -1], [-1, 0, 2, -1], [0, -1, -1, 2]]
    assert matrix.tolist() == wanted


def test_multigrid_interpolates_constants_and_uses_few_cells():
    hole = np.zeros((32, 32), dtype=bool)
    hole[4:28, 4:28] = True
    prolongation, cells = bilinear_prolongation(hole)
    assert prolongation.shape == (24 * 24, 12 * 12) and cells.sum() == 144
    inside = prolongation.sum(axis=1).reshape(24, 24)[1:-1, 1:-1]
    np.testing.assert_allclose(inside, 1.0)


def test_multigrid_levels_shrink_by_four():
    hole = np.ones((64, 64), dtype=bool)
    hole[0, 0] = False
    levels, _ = build_levels(laplace_matrix(hole), hole)
    assert [level.matrix.shape[0] for level in levels] == [4095, 1024]


def test_multigrid_of_a_zero_right_side_is_zero():
    hole = np.zeros((40, 40), dtype=bool)
    hole[5:35, 5:35] = True
    assert not solve(laplace_matrix(hole), np.zeros((900, 2)), hole, 1e-6).any()
