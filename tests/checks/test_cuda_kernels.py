"""Unit 19: other right kernels pass; a mistake costs its own points and is called by its name."""

import numpy as np
import pytest
import torch

from course_lib.checks import Subject, evaluate
from course_lib.checks.cuda_kernels import CHECKS as EVERY
from course_lib.checks.cuda_kernels.pictures import drawn, gradient, splats
from course_lib.checks.evaluate import subject_of
from course_lib.kernel_lab import Kernel
from course_lib.rendering.splats import blend

CHECKS = {each.function: each for each in EVERY}
SAXPY_BY_HAND = """
def k(a, x, y, out):
    i = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
    if i >= x.shape[0]:
        return
    out[i] = y[i] + x[i] * a
"""
SAXPY_WITH_A_STRIDE = """
def k(a, x, y, out):
    for i in range(cuda.grid(1), len(out), cuda.gridsize(1)):
        out[i] = a * x[i] + y[i]
"""
TILES_WITH_A_HELPER = """
SIDE = 16
def up(n):
    return n // SIDE + (1 if n % SIDE > 0 else 0)

def k(tile, place):
    x, y = cuda.grid(2)
    if x >= tile.shape[1] or y >= tile.shape[0]:
        return
    column, row = x // SIDE, y // SIDE
    tile[y, x] = row * up(tile.shape[1]) + column
    place[y, x] = (y - SIDE * row) * SIDE + x - SIDE * column
"""
FORWARD_WITH_A_FLAG = """
def k(s, image, light):
    x, y = cuda.grid(2)
    if y < light.shape[0] and x < light.shape[1]:
        left, n = 1.0, 0
        c = cuda.local.array(3, float32)
        for j in range(3):
            c[j] = 0.0
        going = s.shape[0] > 0
        while going:
            u, v = x - s[n, 0] + 0.5, y - s[n, 1] + 0.5
            a = s[n, 5] * math.exp(-s[n, 2] * u * u / 2 - s[n, 4] * v * v / 2 - s[n, 3] * u * v)
            a = min(a, 0.999)
            if a >= 0.00392156862745098:
                if left * (1 - a) > 0.0001:
                    for j in range(3):
                        c[j] += left * a * s[n, 6 + j]
                    left -= left * a
                else:
                    going = False
            n += 1
            going = going and n < s.shape[0]
        for j in range(3):
            image[y, x, j] = c[j]
        light[y, x] = left
"""


def tiled_with_a_vote():
    """Barrier and vote in two lines, by another vote."""
    text = CHECKS["splat_forward_tiled_kernel"].reference.source
    vote = "cuda.syncthreads()\n        if cuda.syncthreads_and(finished) != 0:"
    return text.replace("if cuda.syncthreads_count(finished) == BATCH:", vote)


def tiled_by_columns():
    """Shared memory with a row for each of the nine numbers."""
    text = CHECKS["splat_forward_tiled_kernel"].reference.source
    for column in range(9):
        text = text.replace(f"staged[k, {column}]", f"staged[{column}, k]")
    text = text.replace("staged[thread, k]", "staged[k, thread]")
    return text.replace("(BATCH, PACKED)", "(PACKED, BATCH)")


def backward_capped_otherwise():
    text = CHECKS["splat_backward_kernel"].reference.source
    text = text.replace("by_sigma = -alpha * by_alpha", "by_sigma = -raw * by_alpha")
    return text.replace("if raw > MAX_ALPHA:", "if raw >= MAX_ALPHA:")


ANSWERS = [
    ("saxpy_kernel", Kernel(SAXPY_BY_HAND)),
    ("saxpy_kernel", Kernel(SAXPY_WITH_A_STRIDE)),
    ("tile_of_pixel", Kernel(TILES_WITH_A_HELPER)),
    ("splat_forward_kernel", Kernel(FORWARD_WITH_A_FLAG)),
    ("splat_forward_tiled_kernel", Kernel(tiled_with_a_vote())),
    ("splat_forward_tiled_kernel", Kernel(tiled_by_columns())),
    ("splat_backward_kernel", Kernel(backward_capped_otherwise())),
]


def test_other_kernels_are_not_the_reference_again():
    for name, answer in ANSWERS:
        assert answer.source != CHECKS[name].reference.source


LOST = [
    ("saxpy_kernel", "no bounds guard", "every element"),
    ("saxpy_kernel", "guard one too many", "every element"),
    ("saxpy_kernel", "blocks interleaved", "neighbouring"),
    ("saxpy_kernel", "every thread does everything", "read once"),
    ("tile_of_pixel", "tiles rounded down", "at the edge"),
    ("tile_of_pixel", "block for tile", "at the edge"),
    ("splat_forward_kernel", "no bounds guard", "leaves the picture"),
    ("splat_forward_kernel", "never stops", "early stop|no more than needed"),
    ("splat_forward_kernel", "stops one too late", "early stop"),
    ("splat_forward_kernel", "no cap", "early stop"),
    ("splat_forward_kernel", "adds up in global memory", "no more than needed"),
    ("splat_forward_tiled_kernel", "no bounds guard", "no race"),
    ("splat_forward_tiled_kernel", "outsiders leave", "no race"),
    ("splat_forward_tiled_kernel", "always the first batch", "batch after batch"),
    ("splat_forward_tiled_kernel", "no shared memory", "once for a tile|in vain"),
    ("splat_forward_tiled_kernel", "the tile never stops", "in vain"),
    ("splat_backward_kernel", "no bounds guard", "no race"),
    ("splat_backward_kernel", "added without atomics", "no race"),
    ("splat_backward_kernel", "through the cap", "cap"),
    ("splat_backward_kernel", "opacity by alpha", "by opacity"),
]


TOLD = [
    ("saxpy_kernel", "no bounds guard", "thread 4 of block 3 reads x[100]"),
    ("saxpy_kernel", "a forgotten", "`a` has no effect"),
    ("saxpy_kernel", "block forgotten", "as one block has threads"),
    ("saxpy_kernel", "blocks interleaved", "lie far apart"),
    ("saxpy_kernel", "every thread does everything", "read more of it than they need"),
    ("saxpy_kernel", "everybody at element 0", "nothing says who comes first"),
    ("tile_of_pixel", "threads along columns", "below each other"),
    ("tile_of_pixel", "tiles rounded down", "is rounded down"),
    ("tile_of_pixel", "block for tile", "here a block is not a tile"),
    ("splat_forward_kernel", "pixel corners", "half a pixel off"),
    ("splat_forward_kernel", "no half", "factor 1/2"),
    ("splat_forward_kernel", "never stops", "needs no more splats"),
    ("splat_forward_kernel", "stops one too late", "it is not drawn any more"),
    ("splat_forward_kernel", "far to near", "from far to near"),
    ("splat_forward_kernel", "adds up in global memory", "belongs into its own variables"),
    ("splat_forward_tiled_kernel", "outsiders leave", "has left the kernel"),
    ("splat_forward_tiled_kernel", "finished ones leave", "has left the kernel"),
    ("splat_forward_tiled_kernel", "no barrier after fetching", "nobody has written yet"),
    ("splat_forward_tiled_kernel", "no barrier before fetching", "nothing says who comes first"),
    ("splat_forward_tiled_kernel", "no shared memory", "fetched once for the whole tile"),
    ("splat_forward_tiled_kernel", "the tile never stops", "fetch no more"),
    ("splat_forward_tiled_kernel", "one finished stops the tile", "before its last batch"),
    ("splat_forward_tiled_kernel", "members ignored", "`members` has no effect"),
    ("splat_backward_kernel", "added without atomics", "nothing says who comes first"),
    ("splat_backward_kernel", "behind ignored", "also hides what lies behind"),
    ("splat_backward_kernel", "means pushed away", "the wrong way round"),
    ("splat_backward_kernel", "through the cap", "a capped alpha does not depend"),
    ("splat_backward_kernel", "sign of sigma", "yours has the other sign"),
]


@pytest.mark.parametrize("name", CHECKS)
def test_a_kernel_that_does_nothing_earns_nothing(name):
    arguments = ", ".join(CHECKS[name].reference.program.parameters)
    result = evaluate(CHECKS[name], Subject(Kernel(f"def k({arguments}):\n    pass\n")))
    assert result.earned <= (1 if name == "splat_backward_kernel" else 0), result.outcomes


def test_what_is_no_kernel_is_told_with_its_line():
    text = "def k(a, x, y, out):\n    print(a)\n"
    (finding,) = evaluate(CHECKS["saxpy_kernel"], Subject(Kernel(text))).findings
    assert "`print(...)` cannot be called in a kernel (line 2, `print(a)`)" in finding.message


def plain_saxpy(a, x, y, out):
    i = cuda.grid(1)  # noqa: F821
    if i < out.size:
        out[i] = a * x[i] + y[i]


def test_a_function_of_the_notebook_is_judged_by_its_text():
    check = CHECKS["saxpy_kernel"]
    assert evaluate(check, subject_of(check, plain_saxpy)).passed


def test_the_oracle_is_the_renderers_and_its_gradient_a_difference():
    rows = splats(6, 8, 8, torch.Generator().manual_seed(4), opacity=(0.3, 0.8))
    image, light, _ = drawn(torch.from_numpy(rows), 8, 8)
    y, x = torch.meshgrid(torch.arange(8) + 0.5, torch.arange(8) + 0.5, indexing="ij")
    offset = torch.stack([x, y], -1).reshape(-1, 1, 2) - torch.from_numpy(rows[:, :2])
    a, b, c, opacity = torch.from_numpy(rows[:, 2:6]).T
    sigma = (a * offset[..., 0] ** 2 + c * offset[..., 1] ** 2) / 2 + b * offset.prod(-1)
    alphas = opacity * torch.exp(-sigma)
    alphas = torch.where(alphas >= 1 / 255, alphas, 0.0)
    wanted, left = blend(alphas.T, torch.from_numpy(rows[:, 6:]), torch.ones(64))
    torch.testing.assert_close(image.reshape(-1, 3).float(), wanted, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(light.flatten().float(), left, atol=1e-5, rtol=1e-4)
    g = np.ones((8, 8, 3), np.float32)
    found, step = gradient(rows, g), 1e-3
    for k in (5, 6):  # opacity and red are smooth where nothing is skipped anew
        moved = rows.copy()
        moved[2, k] += step
        change = float((drawn(torch.from_numpy(moved), 8, 8)[0] - image).sum()) / step
        assert abs(change - found[2, k]) < 0.05 * abs(change) + 0.02


def test_the_unit_has_twenty_five_points():
    assert [check.points for check in EVERY] == [4, 4, 5, 6, 6]
