"""Exercise 1 of unit 19: one thread for each element."""

import numpy as np
import torch

from course_lib.checks.ask import Ask
from course_lib.checks.cuda_kernels.common import (
    answer,
    changed,
    clean,
    counted,
    launched,
    right,
    told,
)
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.kernel_lab import reference

EXACT = "128 elements and 128 threads"
RAGGED = "100 elements and 128 threads"
ONE = "one element and 32 threads"
FITS = "every element is there, and none is one too many"


def _cases(generator: torch.Generator) -> list[Case]:
    return [
        Case(EXACT, _inputs(2, 64, 128, generator)),
        Case(RAGGED, _inputs(4, 32, 100, generator)),
        Case(ONE, _inputs(1, 32, 1, generator)),
    ]


def _inputs(blocks: int, threads: int, count: int, generator: torch.Generator) -> tuple:
    x, y = torch.randn(2, count, generator=generator).numpy()
    a = float(torch.rand((), generator=generator)) + 1.5
    return blocks, threads, a, x, y, np.full(count, np.nan, np.float32)


def _wanted(case: Case) -> tuple[np.ndarray]:
    _, _, a, x, y, _ = case.inputs
    return ((a * x.astype(np.float64) + y).astype(np.float32),)


def _each_once(ask: Ask, case: Case) -> Finding | None:
    report = launched(ask, case)
    if found := report.finding("not a kernel", "error", "never ends", "out of bounds", "barrier"):
        return told(found)
    count = case.inputs[-1].size
    for name, counts in zip(("x", "y", "out"), report.counts, strict=True):
        reads = 0 if name == "out" else count
        why = "your threads read more of it than they need."
        if found := counted(counts.reads, reads, reads, f"reads of `{name}` in global memory", why):
            return found
        writes = count if name == "out" else 0
        why = "your threads write more than there is to write."
        if found := counted(counts.writes, writes, writes, f"writes to `{name}`", why):
            return found
    return None


def _side_by_side(ask: Ask, case: Case) -> Finding | None:
    report = launched(ask, case)
    if found := report.finding("not a kernel", "error", "never ends", "out of bounds", "barrier"):
        return told(found)
    requests = sum(each.requests for each in report.counts)
    sectors = sum(each.sectors for each in report.counts)
    if found := counted(requests, 12, requests, "requests by warps", ""):
        return found
    if sectors <= 4 * requests:
        return None
    return Finding(
        "the threads of a warp touch numbers that lie far apart.",
        came=f"{sectors / requests:.1f} sectors of 32 bytes for a warp's request",
        wanted="4.0: 32 neighbours of 4 bytes each",
        hint="Thread i and thread i + 1 should touch elements i and i + 1.",
    )


_RIGHT = answer(reference.saxpy_kernel)
_LINE = "out[i] = a * x[i] + y[i]"
MUTANTS = {
    "no bounds guard": changed(_RIGHT, ("if i < out.size:", "if True:")),
    "guard one too many": changed(_RIGHT, ("i < out.size", "i <= out.size")),
    "guard one too few": changed(_RIGHT, ("i < out.size", "i < out.size - 1")),
    "block forgotten": changed(_RIGHT, ("cuda.grid(1)", "cuda.threadIdx.x")),
    "blocks interleaved": changed(
        _RIGHT, ("cuda.grid(1)", "cuda.threadIdx.x * cuda.gridDim.x + cuda.blockIdx.x")
    ),
    "every thread does everything": changed(
        _RIGHT, ("i = cuda.grid(1)", "start = cuda.grid(1)"), ("if i < out.size:",
         "for i in range(out.size):")
    ),
    "result in two steps": changed(_RIGHT, (_LINE, "out[i] = a * x[i]\n        out[i] += y[i]")),
    "result in y": changed(_RIGHT, (_LINE, "y[i] = a * x[i] + y[i]")),
    "a forgotten": changed(_RIGHT, (_LINE, "out[i] = x[i] + y[i]")),
    "everybody at element 0": changed(_RIGHT, (_LINE, "out[0] = a * x[i] + y[i]")),
}  # fmt: skip
_MISTAKES = {
    "`a` has no effect.": MUTANTS["a forgotten"],
    "the result lies in `y`; `out` is never written.": MUTANTS["result in y"],
    "only as many elements as one block has threads are written, by every block again.": MUTANTS[
        "block forgotten"
    ],
}

SAXPY = Check(
    name="cuda_kernels.saxpy_kernel",
    reference=_RIGHT,
    cases=_cases,
    properties=(
        right(1, "a x + y", (EXACT,), _wanted, _MISTAKES, "See hint 1."),
        clean(1, FITS, (RAGGED, ONE), "race"),
        Property("each number is read once and written once", 1, _each_once, cases=(EXACT,)),
        Property("neighbouring threads, neighbouring numbers", 1, _side_by_side, cases=(EXACT,)),
    ),
    mutants=MUTANTS,
    kernel=True,
)
