"""Unit 19: a laboratory that runs CUDA kernels written in Python and keeps book of their memory.

A kernel for `numba.cuda` is Python; ``@cuda.jit`` compiles it for a GPU. Here the same text runs on
a machine made for learning: slow, without a GPU or a compiler, and with eyes. It says who reads and
writes what, how often global memory is asked, and where a kernel is wrong only by luck's leave.

`expressions` and `syntax` say what a kernel may be written in, `language` translates, `machine`
runs, `ledger` keeps the book, `memory` finds races, `report` is what comes out, `pictures` draws
it. `reference` has the kernels of the unit, `scenes` what they draw, `device` says where they run.
"""

from typing import Any

from course_lib.kernel_lab.expressions import NotAKernel
from course_lib.kernel_lab.kernel import Kernel, source_of
from course_lib.kernel_lab.memory import Counts
from course_lib.kernel_lab.pictures import draw_accesses, draw_requests
from course_lib.kernel_lab.report import Finding, Report

__all__ = [
    "Counts",
    "Finding",
    "Kernel",
    "NotAKernel",
    "Report",
    "cuda",
    "draw_accesses",
    "draw_requests",
    "launch",
    "source_of",
]


def launch(kernel: Any, grid: Any, block: Any, *arguments: Any, **options: Any) -> Report:
    """Launch a kernel, as ``@cuda.jit`` made it, in the laboratory: see `Kernel.launch`."""
    return Kernel(source_of(kernel)).launch(grid, block, *arguments, **options)


def __getattr__(name: str) -> Any:
    if name == "cuda":
        from course_lib.kernel_lab.device import cuda

        return cuda
    raise AttributeError(f"module 'course_lib.kernel_lab' has no attribute {name!r}")
