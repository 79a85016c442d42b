"""The unit's kernels: against numba's own simulator, an oracle, and the package's renderer."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

from course_lib.checks.cuda_kernels import CHECKS
from course_lib.kernel_lab import Kernel, launch, reference, source_of

ROOT = Path(__file__).parents[2]
SIMULATED = """
import sys
import numpy as np
import torch
import numba
from numba import cuda
from course_lib.checks.cuda_kernels import CHECKS
from course_lib.kernel_lab import launch, reference

assert numba.config.ENABLE_CUDASIM
compared = 0
for check in CHECKS:
    plain = getattr(reference, check.function)
    cases = check.cases(torch.Generator().manual_seed(3))
    for case in cases[: 2 if "tiled" in check.function else 4]:
        grid, block, *given = case.inputs
        arrays = [each.copy() if isinstance(each, np.ndarray) else each for each in given]
        cuda.jit(plain)[grid, block](*arrays)
        ours = iter(launch(plain, grid, block, *given).arrays)
        for array in arrays:
            if isinstance(array, np.ndarray):
                near = 2e-5 * (1 + np.abs(array).max(initial=0))  # the simulator adds up in float32
                np.testing.assert_allclose(next(ours), array, rtol=2e-4, atol=near)
                compared += 1
print(compared)
"""


def test_the_laboratory_agrees_with_numbas_simulator():
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1"}
    done = subprocess.run(
        [sys.executable, "-c", SIMULATED], env=environment, cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) > 40


def test_no_kernel_of_the_unit_depends_on_the_order_of_its_threads():
    for check in CHECKS:
        for case in check.cases(torch.Generator().manual_seed(1))[:2]:
            first, again = (
                check.reference.launch(*case.inputs, order=order).arrays for order in (None, 5)
            )
            for one, other in zip(first, again, strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def test_the_two_forward_kernels_draw_the_same_with_fewer_reads():
    generator = torch.Generator().manual_seed(0)
    from course_lib.checks.cuda_kernels.pictures import splats

    rows = splats(20, 32, 32, generator)
    image, light = np.zeros((32, 32, 3), np.float32), np.zeros((32, 32), np.float32)
    members = np.tile(np.arange(20, dtype=np.int32), 4)
    bounds = np.arange(5, dtype=np.int32) * 20
    plain = launch(reference.splat_forward_kernel, (2, 2), (16, 16), rows, image, light)
    tiled = launch(
        reference.splat_forward_tiled_kernel, (2, 2), (16, 16), rows, members, bounds, image, light
    )
    np.testing.assert_allclose(plain.arrays[1], tiled.arrays[3], atol=1e-6)
    assert tiled.counts[0].reads == 4 * 20 * 9
    assert plain.counts[0].reads > 100 * tiled.counts[0].reads


def test_counting_changes_no_value():
    case = CHECKS[3].cases(torch.Generator().manual_seed(2))[1]
    kernel = Kernel(source_of(reference.splat_forward_tiled_kernel))
    for one, other in zip(
        kernel.launch(*case.inputs).arrays,
        kernel.launch(*case.inputs, count=False).arrays,
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)
