"""Trilinear interpolation that is exact where it should be, and its compiled twin."""

import numpy as np
import pytest
import torch

from course_lib.rendering.kernels import hash_grid as kernels
from course_lib.rendering.nerf import grid_resolutions, hash_encoding, node_entry


def all_nodes(resolution):
    ticks = torch.arange(resolution)
    return torch.cartesian_prod(ticks, ticks, ticks)


def test_resolutions_grow_in_equal_ratios():
    assert grid_resolutions(6, 16, 128) == [16, 24, 36, 55, 84, 128]
    assert grid_resolutions(1, 5, 9) == [5]
    for arguments in ((0, 16, 128), (2, 1, 8), (2, 9, 8)):
        with pytest.raises(ValueError, match=r"^levels, coarsest, finest"):
            grid_resolutions(*arguments)


def test_a_grid_that_fits_has_a_row_for_each_node():
    assert len(node_entry(all_nodes(8), 8, 512).unique()) == 512
    rows = node_entry(all_nodes(9), 9, 512)  # 729 nodes share 512 rows
    assert int(rows.min()) >= 0 and int(rows.max()) < 512 and len(rows.unique()) > 300


def test_hashed_rows_by_hand():
    # 3 xor (5 * 2654435761) xor (7 * 805459861), modulo 2^32, then the low 10 bits.
    number = 3 ^ (5 * 2654435761 % 2**32) ^ (7 * 805459861 % 2**32)
    assert int(node_entry(torch.tensor([3, 5, 7]), 100, 1024)) == number % 1024


@pytest.mark.parametrize("resolution", [2, 5])
def test_a_linear_function_is_interpolated_exactly(resolution):
    slope, entries = torch.tensor([1.0, -2.0, 0.5]), 128
    table = torch.zeros(1, entries, 1)
    nodes = all_nodes(resolution)
    table[0, node_entry(nodes, resolution, entries), 0] = (nodes / (resolution - 1)) @ slope
    points = torch.rand(50, 3, generator=torch.Generator().manual_seed(0))
    points[:2] = torch.tensor([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    found = hash_encoding(points, table, [resolution])
    torch.testing.assert_close(found[:, 0], points @ slope, rtol=0, atol=1e-5)


def test_gradient_of_the_tables():
    generator = torch.Generator().manual_seed(0)
    tables = torch.randn(2, 16, 2, dtype=torch.float64, generator=generator, requires_grad=True)
    points = torch.rand(4, 3, dtype=torch.float64, generator=generator)
    assert torch.autograd.gradcheck(lambda t: hash_encoding(points, t, [2, 6]), tables)


@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 1000])
def test_compiled_twin(count):
    generator = torch.Generator().manual_seed(1)
    resolutions = grid_resolutions(4, 3, 60)  # dense and hashed levels
    tables = torch.randn(4, 2**12, 2, generator=generator, requires_grad=True)
    points = torch.rand(count, 3, generator=generator)
    points[:2] = torch.tensor([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])[:count]
    wanted = hash_encoding(points, tables, resolutions)
    places = (2 * points - 1).T.contiguous().numpy()
    found = np.zeros((8, count), np.float32)
    arrays = (tables.detach().numpy(), np.array(resolutions, np.int32))
    kernels.encode(places, count, *arrays, found)
    torch.testing.assert_close(torch.from_numpy(found).T, wanted.detach(), rtol=1e-4, atol=1e-4)
    grad = torch.randn(8, count, generator=generator)
    wanted.backward(grad.T)
    for level, resolution in enumerate(resolutions):
        table = np.zeros((2**12, 2), np.float32)
        kernels.scatter(places, count, resolution, *grad[2 * level : 2 * level + 2].numpy(), table)
        torch.testing.assert_close(
            torch.from_numpy(table), tables.grad[level], rtol=1e-4, atol=2e-4
        )


@pytest.mark.parametrize(
    ("points", "tables", "message"),
    [
        (torch.zeros(4, 2), torch.zeros(1, 8, 2), "points: got shape"),
        (torch.zeros(4, 3), torch.zeros(2, 8, 2), "tables: got shape"),
        (torch.zeros(4, 3), torch.zeros(1, 6, 2), "tables: got 6 rows"),
    ],
)
def test_bad_arguments_are_named(points, tables, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        hash_encoding(points, tables, [2])
