"""The higher-order relative of diffusion: a thin metal plate bent through the known pixels."""

import numpy as np
from scipy import sparse
from scipy.ndimage import label
from scipy.sparse.linalg import splu
from torch import Tensor

from .harmonic import fill_harmonic
from .validate import check_image_and_mask, fill_each


def biharmonic_inpaint(image: Tensor, mask: Tensor) -> Tensor:
    """Fill holes with the surface that bends least: slopes run on into the hole, not just values.

    min over u in the hole of sum (u_xx)^2 + 2 (u_xy)^2 + (u_yy)^2, whose condition inside is the
    biharmonic equation, Laplacian(Laplacian(u)) = 0; at the picture's border the plate is free.
    Cubic polynomials are reproduced (linear ones also where the hole meets the border).

    Args:
        image: (B, C, H, W) float32 or float64, values in [0, 1]; what the hole holds is ignored.
        mask: (B, 1, H, W) bool, True = hole.

    Returns:
        (B, C, H, W), like image (computed on the CPU, not differentiable); known pixels
        unchanged, bit for bit. The plate can overshoot the values at the rim, so a filling is
        clamped to the range of the known pixels, or to [0, 1] in a hole that reaches the
        picture's border, where a ramp may have to go on. Known pixels that all lie on one line
        do not hold a plate: then the harmonic filling is returned.

    Raises:
        TypeError, ValueError: see `check_image_and_mask`.

    Source: Damelin and Hoang (2018), https://doi.org/10.1155/2018/3950312; the plate's energy:
    Duchon (1977), https://doi.org/10.1007/BFb0086566

    >>> import torch
    >>> image = torch.linspace(0, 1, 9).square().expand(1, 1, 9, 9).contiguous()
    >>> mask = torch.zeros(1, 1, 9, 9, dtype=torch.bool)
    >>> mask[..., 3:6, 3:6] = True
    >>> bool((biharmonic_inpaint(image, mask) - image).abs().max() < 1e-6)
    True
    """
    check_image_and_mask(image, mask)
    return fill_each(image, mask, fill_biharmonic)


def fill_biharmonic(picture: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Fill one picture (C, H, W), zero in its hole (H, W), and return it; nothing is checked."""
    rows, columns = np.nonzero(~hole)
    corners = np.stack([np.ones_like(rows), rows, columns])  # a plane's three degrees of freedom
    if np.linalg.matrix_rank(corners @ corners.T) < 3:
        return fill_harmonic(picture, hole)
    bending = second_differences(hole)  # (M, H * W)
    inside = bending[:, np.flatnonzero(hole)]  # (M, N)
    right = -(inside.T @ (bending @ picture.reshape(len(picture), -1).T))  # (N, C)
    factors = splu(
        (inside.T @ inside).tocsc(),
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )
    filled = picture.copy()
    known = picture[:, ~hole]
    open_ended = holes_at_border(hole)[hole]  # (N,)
    low = np.where(open_ended, 0.0, known.min(axis=1, keepdims=True))  # (C, N)
    high = np.where(open_ended, 1.0, known.max(axis=1, keepdims=True))
    filled[:, hole] = np.clip(factors.solve(right).T, low, high)
    return filled


def holes_at_border(hole: np.ndarray) -> np.ndarray:
    """Return which hole pixels are connected, within the hole, to the picture's border.

    >>> hole = np.zeros((3, 4), dtype=bool)
    >>> hole[1, 1] = hole[0, 3] = True
    >>> holes_at_border(hole).nonzero()
    (array([0]), array([3]))
    """
    labels, _ = label(hole)
    border = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    return hole & np.isin(labels, border)


def second_differences(hole: np.ndarray) -> sparse.csc_array:
    """Return the matrix of u_xx, u_yy and sqrt(2) u_xy wherever they involve a hole pixel.

    Args:
        hole: (H, W) bool.

    Returns:
        (M, H * W) sparse: times a picture, flattened, it gives M second differences.

    >>> second_differences(np.array([[False, True, False, False]])).toarray()
    array([[ 1., -2.,  1.,  0.],
           [ 0.,  1., -2.,  1.]])
    """
    pixel = np.arange(hole.size).reshape(hole.shape)
    mixed = np.sqrt(2.0)
    stencils = (
        ((pixel[:, :-2], pixel[:, 1:-1], pixel[:, 2:]), (1.0, -2.0, 1.0)),
        ((pixel[:-2], pixel[1:-1], pixel[2:]), (1.0, -2.0, 1.0)),
        (
            (pixel[:-1, :-1], pixel[:-1, 1:], pixel[1:, :-1], pixel[1:, 1:]),
            (mixed, -mixed, -mixed, mixed),
        ),
    )
    return sparse.vstack([_rows(hole, *stencil) for stencil in stencils]).tocsc()


def _rows(
    hole: np.ndarray, cells: tuple[np.ndarray, ...], weights: tuple[float, ...]
) -> sparse.csr_array:
    """One matrix row for each place of a stencil that touches the hole."""
    places = np.stack([cell.ravel() for cell in cells], axis=1)  # (M, stencil)
    places = places[hole.ravel()[places].any(axis=1)]
    starts = np.arange(0, places.size + 1, len(weights))
    entries = (np.tile(weights, len(places)), places.ravel(), starts)
    return sparse.csr_array(entries, shape=(len(places), hole.size))
