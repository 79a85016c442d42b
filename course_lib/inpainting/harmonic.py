"""PDE diffusion: heat flows into the hole from its rim until nothing changes any more.

This "diffusion" is the heat equation, not a diffusion model: nothing is learned and nothing is
random.
"""

from collections.abc import Iterator
from itertools import islice

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from .multigrid import solve
from .validate import check_image_and_mask, check_positive, fill_each


def harmonic_inpaint_reference(image: Tensor, mask: Tensor, iterations: int = 1000) -> Tensor:
    """Fill holes by Jacobi's iteration: be the mean of your neighbours, again and again.

    u_p <- 1/4 (u_north + u_south + u_west + u_east) for p in the hole; a neighbour beyond the
    picture's border is p itself, so no heat leaves there.

    Args:
        image: (B, C, H, W) float32 or float64, values in [0, 1]; what the hole holds is ignored.
        mask: (B, 1, H, W) bool, True = hole.
        iterations: how many sweeps; a hole of width w needs about w^2.

    Returns:
        (B, C, H, W), like image; known pixels unchanged, bit for bit.

    Raises:
        TypeError, ValueError: see `check_image_and_mask`; fewer than 0 iterations.

    Source: Bertalmio, Sapiro, Caselles and Ballester (2000), https://doi.org/10.1145/344779.344972,
    brought diffusion to inpainting; the harmonic case and its error: Chan and Shen (2002),
    https://doi.org/10.1137/S0036139900368844, section 3.

    >>> image = torch.tensor([[[[0.0, 0.5, 0.5, 0.9]]]])
    >>> mask = torch.tensor([[[[False, True, True, False]]]])
    >>> harmonic_inpaint_reference(image, mask, iterations=200)
    tensor([[[[0.0000, 0.3000, 0.6000, 0.9000]]]])
    """
    if not isinstance(iterations, int) or iterations < 0:
        raise ValueError(f"iterations: got {iterations!r}, wanted an integer of at least 0")
    return next(islice(jacobi_steps(image, mask), iterations, None))


def jacobi_steps(image: Tensor, mask: Tensor) -> Iterator[Tensor]:
    """Yield the picture before the first Jacobi sweep, after it, after the second, without end.

    The hole starts as the mean colour of the known pixels. Arguments and errors as in
    `harmonic_inpaint_reference`.

    >>> image = torch.tensor([[[[0.0, 0.5, 0.5, 0.9]]]])
    >>> mask = torch.tensor([[[[False, True, True, False]]]])
    >>> for step, filled in zip(range(3), jacobi_steps(image, mask)):
    ...     print(step, filled[0, 0, 0, 1:3])
    0 tensor([0.4500, 0.4500])
    1 tensor([0.3375, 0.5625])
    2 tensor([0.3094, 0.5906])
    """
    check_image_and_mask(image, mask)
    image = image.detach()
    known = torch.where(mask, 0.0, image)
    mean = known.sum(dim=(2, 3), keepdim=True) / (~mask).sum(dim=(2, 3), keepdim=True)
    filled = torch.where(mask, mean, image)  # (B, C, H, W)
    while True:
        yield filled
        padded = torch.nn.functional.pad(filled, (1, 1, 1, 1), mode="replicate")
        vertical = padded[..., :-2, 1:-1] + padded[..., 2:, 1:-1]
        horizontal = padded[..., 1:-1, :-2] + padded[..., 1:-1, 2:]
        filled = torch.where(mask, (vertical + horizontal) / 4, image)


def harmonic_inpaint(image: Tensor, mask: Tensor, tolerance: float = 1e-5) -> Tensor:
    """Fill holes with the solution of Laplace's equation, the fixed point of Jacobi's iteration.

    sum over the neighbours q of p of (u_p - u_q) = 0 for every p in the hole, u = image outside.

    Args:
        image: (B, C, H, W) float32 or float64, values in [0, 1]; what the hole holds is ignored.
        mask: (B, 1, H, W) bool, True = hole.
        tolerance: largest error of a pixel against the exact solution.

    Returns:
        (B, C, H, W), like image (computed on the CPU, not differentiable); known pixels
        unchanged, bit for bit. No filled value leaves the range of the hole's rim.

    Raises:
        TypeError, ValueError: see `check_image_and_mask`; a tolerance that is not above zero.

    Source: Chan and Shen (2002), https://doi.org/10.1137/S0036139900368844, section 3.

    >>> image = torch.tensor([[[[0.0, 0.5, 0.5, 0.9]]]])
    >>> mask = torch.tensor([[[[False, True, True, False]]]])
    >>> harmonic_inpaint(image, mask)
    tensor([[[[0.0000, 0.3000, 0.6000, 0.9000]]]])
    """
    # The fast twin of harmonic_inpaint_reference: the same equations as one sparse system over
    # the hole's pixels, solved by multigrid. A hole of 256 x 256 in 512 x 512 takes 0.2 s instead
    # of minutes, about 1000 times less (benchmarks/inpainting.py, "Solvers").
    check_image_and_mask(image, mask)
    check_positive("tolerance", tolerance)
    return fill_each(image, mask, lambda picture, hole: fill_harmonic(picture, hole, tolerance))


def fill_harmonic(picture: np.ndarray, hole: np.ndarray, tolerance: float = 1e-5) -> np.ndarray:
    """Fill one picture (C, H, W), zero in its hole (H, W), and return it; nothing is checked."""
    right = neighbour_sum(picture)[:, hole].T  # (N, C)
    solution = solve(laplace_matrix(hole), right, hole, tolerance)
    known = picture[:, ~hole]
    filled = picture.copy()
    filled[:, hole] = np.clip(solution.T, known.min(1, keepdims=True), known.max(1, keepdims=True))
    return filled


def laplace_matrix(hole: np.ndarray) -> sparse.csr_array:
    """Return the discrete Laplace operator of a hole: number of neighbours minus adjacency.

    (A u)_p = |neighbours of p| u_p - (sum of u over those neighbours that are in the hole).

    Args:
        hole: (H, W) bool.

    Returns:
        (N, N) sparse, symmetric; rows and columns are the N hole pixels in row-major order.

    >>> laplace_matrix(np.array([[False, True, True]])).toarray()
    array([[ 2., -1.],
           [-1.,  1.]])
    """
    number = np.cumsum(hole).reshape(hole.shape) - 1  # of each hole pixel
    beside = hole[:, :-1] & hole[:, 1:]
    below = hole[:-1] & hole[1:]
    one = np.concatenate([number[:, :-1][beside], number[:-1][below]])
    other = np.concatenate([number[:, 1:][beside], number[1:][below]])
    count = np.count_nonzero(hole)
    upper = sparse.csr_array((np.ones(len(one)), (one, other)), shape=(count, count))
    neighbours = neighbour_sum(np.ones((1, *hole.shape)))[0, hole]
    return (sparse.diags_array(neighbours) - upper - upper.T).tocsr()


def neighbour_sum(picture: np.ndarray) -> np.ndarray:
    """Return the sum over each pixel's neighbours above, below, left and right, (C, H, W).

    >>> neighbour_sum(np.array([[[1.0, 2.0, 4.0]]]))
    array([[[2., 5., 2.]]])
    """
    total = np.zeros_like(picture)
    total[:, 1:] += picture[:, :-1]
    total[:, :-1] += picture[:, 1:]
    total[:, :, 1:] += picture[:, :, :-1]
    total[:, :, :-1] += picture[:, :, 1:]
    return total
