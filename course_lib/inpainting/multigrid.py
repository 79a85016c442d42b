"""A solver for Laplace-like equations on a hole of any shape: conjugate gradients + multigrid.

A relaxation sweep moves information by one pixel, so a hole 256 pixels wide needs tens of
thousands of sweeps. A coarser grid moves it two pixels at a time, the next one four, and so on:
one "V-cycle" down to the coarsest grid and back costs a few sweeps and reaches across the hole.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import SuperLU, splu

COARSEST = 300  # unknowns; systems this small are factorised
DAMPING = 0.8  # of the Jacobi sweep, where it removes the oscillating part of the error fastest


@dataclass(frozen=True)
class Level:
    """One grid: its matrix, how to go up to it from the next coarser grid, its inverse diagonal."""

    matrix: sparse.csr_array  # (N, N)
    prolongation: sparse.csr_array  # (N, coarser N)
    inverse_diagonal: np.ndarray  # (N, 1)


def build_levels(matrix: sparse.csr_array, hole: np.ndarray) -> tuple[list[Level], SuperLU]:
    """Return the grids of a multigrid solver, finest first, and the coarsest one, factorised.

    Each coarser matrix is the Galerkin product P^T A P with bilinear prolongation P.

    Args:
        matrix: (N, N), symmetric and positive definite, one row a hole pixel in row-major order.
        hole: (H, W) bool, True at the N pixels that are the unknowns.

    Source: Trottenberg, Oosterlee and Schüller, Multigrid (2001), sections 2.4 and A.2.
    """
    levels = []
    while matrix.shape[0] > COARSEST:
        prolongation, hole = bilinear_prolongation(hole)
        levels.append(Level(matrix, prolongation, 1.0 / matrix.diagonal()[:, None]))
        matrix = (prolongation.T @ matrix @ prolongation).tocsr()
    return levels, splu(matrix.tocsc())


def bilinear_prolongation(hole: np.ndarray) -> tuple[sparse.csr_array, np.ndarray]:
    """Return the matrix that interpolates from 2 x 2 cells to pixels, and the cells that it uses.

    A pixel is 3/4 its own cell and 1/4 the next one, along each axis: 9/16, 3/16, 3/16, 1/16.

    >>> prolongation, cells = bilinear_prolongation(np.ones((2, 4), dtype=bool))
    >>> cells.shape, prolongation.toarray()[1].tolist()
    ((1, 2), [0.5625, 0.1875])
    """
    rows, columns = np.nonzero(hole)
    cells = np.zeros(((hole.shape[0] + 1) // 2, (hole.shape[1] + 1) // 2), dtype=bool)
    cells[rows // 2, columns // 2] = True
    number = np.full((cells.shape[0] + 2, cells.shape[1] + 2), -1)  # with a border of no cells
    number[1:-1, 1:-1][cells] = np.arange(np.count_nonzero(cells))
    pixel, cell, weight = [], [], []
    for row, row_weight in ((rows // 2, 0.75), (rows // 2 - 1 + 2 * (rows % 2), 0.25)):
        for column, column_weight in (
            (columns // 2, 0.75),
            (columns // 2 - 1 + 2 * (columns % 2), 0.25),
        ):
            found = number[row + 1, column + 1]
            pixel.append(np.flatnonzero(found >= 0))
            cell.append(found[found >= 0])
            weight.append(np.full(len(cell[-1]), row_weight * column_weight))
    entries = (np.concatenate(weight), (np.concatenate(pixel), np.concatenate(cell)))
    shape = (len(rows), np.count_nonzero(cells))
    return sparse.csr_array(entries, shape=shape), cells


def v_cycle(
    levels: list[Level], coarsest: SuperLU, right: np.ndarray, depth: int = 0
) -> np.ndarray:
    """Return roughly the solution of A x = right, (N, C): smooth, correct coarsely, smooth."""
    if depth == len(levels):
        return coarsest.solve(right)
    level = levels[depth]
    x = DAMPING * level.inverse_diagonal * right
    residual = right - level.matrix @ x
    x += level.prolongation @ v_cycle(levels, coarsest, level.prolongation.T @ residual, depth + 1)
    return x + DAMPING * level.inverse_diagonal * (right - level.matrix @ x)


def solve(
    matrix: sparse.csr_array, right: np.ndarray, hole: np.ndarray, tolerance: float
) -> np.ndarray:
    """Solve A x = b by conjugate gradients, each residual sharpened by a V-cycle.

    It stops when the V-cycle of the residual, an estimate of the error of x itself, is below the
    tolerance everywhere.

    Args:
        matrix: A, (N, N), symmetric and positive definite.
        right: b, (N, C), one column a channel.
        hole: (H, W) bool, where the N unknowns lie.
        tolerance: largest error allowed, in the unit of x.

    Returns:
        x, (N, C) float64.

    Raises:
        RuntimeError: no convergence in 200 iterations (6 to 10 are usual).

    Source: Saad, Iterative Methods for Sparse Linear Systems (2003), algorithm 9.1.
    """
    levels, coarsest = build_levels(matrix, hole)
    x = np.zeros_like(right)
    residual = right.copy()
    direction = np.zeros_like(right)
    previous = np.ones(right.shape[1])
    for _ in range(200):
        correction = v_cycle(levels, coarsest, residual)
        if np.abs(correction).max() < 0.1 * tolerance:
            return x
        product = np.maximum((residual * correction).sum(axis=0), np.finfo(float).tiny)  # (C,)
        direction = correction + (product / previous) * direction
        applied = matrix @ direction
        step = product / np.maximum((direction * applied).sum(axis=0), np.finfo(float).tiny)
        x += step * direction
        residual -= step * applied
        previous = product
    raise RuntimeError("multigrid: no convergence in 200 iterations")
