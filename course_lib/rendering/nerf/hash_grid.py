"""Grids of learnt numbers from coarse to fine, the fine ones folded into small tables."""

import torch
from torch import Tensor

from .arguments import check_floats

PRIMES = (1, 2654435761, 805459861)


def grid_resolutions(levels: int, coarsest: int, finest: int) -> list[int]:
    """Return the number of nodes along an edge, level by level, in equal ratios.

    N_l = floor(N_0 b^l) with b = (N_{L-1} / N_0)^(1 / (L - 1)).

    Args:
        levels: L, at least 1.
        coarsest: N_0, at least 2.
        finest: N_{L-1}, at least N_0.

    Raises:
        ValueError: numbers outside these ranges.

    Source: Müller et al. (2022), https://arxiv.org/abs/2201.05989, equations (2) and (3).

    >>> grid_resolutions(4, 16, 128)
    [16, 32, 64, 128]
    """
    if levels < 1 or not 2 <= coarsest <= finest:
        raise ValueError(
            f"levels, coarsest, finest: got {levels!r}, {coarsest!r}, {finest!r}, wanted at least "
            "one level and 2 <= coarsest <= finest"
        )
    ratio = (finest / coarsest) ** (1 / max(levels - 1, 1))
    return [int(coarsest * ratio**level + 1e-6) for level in range(levels)]


def node_entry(nodes: Tensor, resolution: int, entries: int) -> Tensor:
    """Return the row of the table in which a grid node keeps its numbers.

    A grid with no more nodes than the table has rows gets one row for each node. In a finer one
    nodes share rows: the row is (x xor 2654435761 y xor 805459861 z) mod entries.

    Args:
        nodes: (..., 3) integers, 0 to resolution - 1.
        resolution: nodes along an edge.
        entries: rows of the table, a power of two.

    Returns:
        (...) int64.

    Source: Müller et al. (2022), https://arxiv.org/abs/2201.05989, equation (4).

    >>> node_entry(torch.tensor([[1, 2, 3]]), resolution=8, entries=2**10)
    tensor([83])
    """
    x, y, z = nodes.long().unbind(-1)
    if resolution**3 <= entries:
        return (x * resolution + y) * resolution + z
    return (PRIMES[0] * x ^ PRIMES[1] * y ^ PRIMES[2] * z) & (entries - 1)


def hash_encoding(points: Tensor, tables: Tensor, resolutions: list[int]) -> Tensor:
    """Look up the eight nodes around each point, on each level, and mix them by nearness.

    feature_l = sum over the 8 corners of the product over the axes of (u if upper else 1 - u),
    times the corner's row in table l, with u the point's place between the two nodes.

    Args:
        points: (M, 3), in [0, 1]; beyond, the outermost cell goes on.
        tables: (L, T, F), T a power of two.
        resolutions: L numbers of nodes along an edge.

    Returns:
        (M, L F), level after level. Differentiable by tables (and points, almost everywhere).

    Raises:
        TypeError: not tensors of one floating dtype.
        ValueError: shapes that do not match, or T not a power of two.

    Source: Müller et al. (2022), https://arxiv.org/abs/2201.05989, section 3.

    >>> tables = torch.arange(8.0)[None, :, None]  # one level, one number for each corner
    >>> hash_encoding(torch.tensor([[0.0, 0.5, 1.0]]), tables, [2])
    tensor([[2.]])
    """
    check_floats(points=points, tables=tables)
    if points.ndim != 2 or points.shape[1] != 3:
        raise ValueError(f"points: got shape {tuple(points.shape)}, wanted (M, 3)")
    if tables.ndim != 3 or tables.shape[0] != len(resolutions):
        wanted = f"({len(resolutions)}, T, F)"
        raise ValueError(f"tables: got shape {tuple(tables.shape)}, wanted {wanted}")
    entries = tables.shape[1]
    if entries < 1 or entries & (entries - 1):
        raise ValueError(f"tables: got {entries} rows, wanted a power of two")
    levels = [
        _one_level(points, table, resolution)
        for table, resolution in zip(tables, resolutions, strict=True)
    ]
    return torch.cat(levels, dim=-1)


def _one_level(points: Tensor, table: Tensor, resolution: int) -> Tensor:
    """(M, F)."""
    place = points * (resolution - 1)
    lower = place.detach().floor().clamp(0, resolution - 2).long()  # (M, 3)
    upper_share = place - lower
    features = 0.0
    for corner in range(8):
        upper = torch.tensor([corner & 1, corner >> 1 & 1, corner >> 2])
        share = torch.where(upper.bool(), upper_share, 1.0 - upper_share).prod(dim=-1)
        entry = node_entry(lower + upper, resolution, table.shape[0])
        features = features + share[:, None] * table[entry]
    return features
