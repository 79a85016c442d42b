"""Operators lose what they say they lose; a guess is made to agree, and not more than that."""

import pytest
import torch

from course_lib.inpainting import back_project, box_average, consistent, frame, hole


def draw(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def holes(seed=3):
    return torch.rand(2, 1, 12, 18, generator=torch.Generator().manual_seed(seed)) < 0.4


OPERATORS = {
    "hole": lambda: hole(holes()),
    "frame": lambda: frame(left=2, right=5, top=0, bottom=3),
    "blocks": lambda: box_average(3),
    "blocks of one pixel": lambda: box_average(1),
}
each = pytest.mark.parametrize("name", OPERATORS)


def matrix(function, shape):
    """The matrix of a linear function of pictures (1, 1, H, W)."""
    basis = torch.eye(shape[0] * shape[1], dtype=torch.float64).reshape(-1, 1, 1, *shape)
    return torch.stack([function(one).flatten() for one in basis], dim=1)


@each
def test_linear(name):
    A, x, y = OPERATORS[name](), draw(2, 3, 12, 18), draw(2, 3, 12, 18, seed=1)
    torch.testing.assert_close(A.apply(2 * x - y), 2 * A.apply(x) - A.apply(y))


@pytest.mark.parametrize("name", ["hole", "frame", "blocks"])
def test_it_is_the_pseudo_inverse(name):
    A = {
        "hole": hole(holes()[:1, :, :6, :9]),
        "frame": frame(left=1, right=2, top=0, bottom=1),
        "blocks": box_average(3),
    }[name]
    small = A.apply(torch.zeros(1, 1, 6, 9)).shape[-2:]
    forward, back = matrix(A.apply, (6, 9)), matrix(A.pseudo_inverse, small)
    torch.testing.assert_close(back, torch.linalg.pinv(forward), atol=1e-10, rtol=0)


@each
def test_a_consistent_picture_is_measured_as_given_and_is_the_nearest(name):
    A, guess, truth = OPERATORS[name](), draw(2, 3, 12, 18), draw(2, 3, 12, 18, seed=1)
    x = consistent(guess, A.apply(truth), A)
    torch.testing.assert_close(A.apply(x), A.apply(truth))
    change, free = x - guess, truth - A.pseudo_inverse(A.apply(truth))  # free: A free = 0
    assert abs(float((change * free).sum())) < 1e-9  # no part of the change is for nothing


@each
def test_the_truth_stays(name):
    A, truth = OPERATORS[name](), draw(2, 3, 12, 18)
    torch.testing.assert_close(consistent(truth, A.apply(truth), A), truth)


def test_back_projection_is_consistent_with_block_means():
    guess, low = draw(1, 3, 8, 12), draw(1, 3, 2, 3, seed=1)
    torch.testing.assert_close(box_average(4).apply(back_project(guess, low, 4)), low)
    assert torch.autograd.gradcheck(lambda g, y: back_project(g, y, 4), _leaves(guess, low))


def _leaves(*tensors):
    return tuple(tensor.requires_grad_() for tensor in tensors)
