"""The laboratory computes what a kernel says, counts what it touches, and finds what is wrong."""

import numpy as np
import pytest

from course_lib.kernel_lab import Kernel
from course_lib.kernel_lab.report import Report

SUM = """
def total(x, out):
    part = cuda.shared.array(64, float32)
    t = cuda.threadIdx.x
    part[t] = x[cuda.grid(1)]
    cuda.syncthreads()
    step = 32
    while step > 0:
        if t < step:
            part[t] += part[t + step]
        cuda.syncthreads()
        step //= 2
    if t == 0:
        cuda.atomic.add(out, 0, part[0])
"""


def zeros(*shape):
    return np.zeros(shape, np.float32)


def run(source, grid, block, *arguments, **options):
    return Kernel(source).launch(grid, block, *arguments, **options)


def kinds(report):
    return {each.kind for each in report.findings}


@pytest.mark.parametrize("order", [None, 0, 1])
def test_a_sum_with_barriers_and_atomics(order):
    x = np.arange(128, dtype=np.float32)
    report = run(SUM, 2, 64, x, zeros(1), order=order)
    assert report.arrays[1][0] == x.sum() and not report.findings
    assert report.counts[0].reads == 128 and report.counts[1].atomics == 2
    assert report.barriers == 7
    assert report.shared.writes == 64 * 2 + 63 * 2


@pytest.mark.parametrize("stride, sectors", [(1, 4), (2, 8), (4, 16), (8, 32), (32, 32)])
def test_sectors_grow_with_the_stride(stride, sectors):
    source = "def far(x, out, s):\n    i = cuda.grid(1)\n    out[i] = x[i * s]\n"
    report = run(source, 1, 32, zeros(32 * stride), zeros(32), stride)
    assert report.counts[0].sectors == sectors and report.counts[0].requests == 1


def test_one_address_for_all_is_one_sector():
    report = run("def same(x, out):\n    out[cuda.grid(1)] = x[3]\n", 2, 32, zeros(8), zeros(64))
    assert (report.counts[0].reads, report.counts[0].sectors) == (64, 2)


RACES = {
    "read and write": "def k(x):\n    i = cuda.grid(1)\n    x[i] = x[(i + 1) % 8]\n",
    "two write": "def k(x):\n    x[cuda.grid(1) // 2] = cuda.grid(1)\n",
    "added without atomics": "def k(x):\n    x[0] += 1.0\n",
    "atomic and plain": "def k(x):\n    cuda.atomic.add(x, 0, 1.0)\n    x[1] = x[0]\n",
    "across blocks, behind a barrier": (
        "def k(x):\n    if cuda.blockIdx.x == 0:\n        x[cuda.threadIdx.x] = 1.0\n"
        "    cuda.syncthreads()\n    if cuda.blockIdx.x == 1:\n        x[7] = x[0]\n"
    ),
    "a reader before, of another block": (
        "def k(x):\n    if cuda.blockIdx.x == 0:\n        x[7] = x[cuda.threadIdx.x]\n"
        "    if cuda.blockIdx.x == 1:\n        x[cuda.threadIdx.x] = 3.0\n"
    ),
    "shared": (
        "def k(x):\n    s = cuda.shared.array(8, float32)\n    t = cuda.threadIdx.x\n"
        "    s[t] = t\n    x[cuda.grid(1)] = s[3 - t]\n"
    ),
}


@pytest.mark.parametrize("name", RACES)
@pytest.mark.parametrize("order", [None, 3])
def test_races_are_found_in_any_order(name, order):
    assert "race" in kinds(run(RACES[name], 2, 4, zeros(8), order=order))


CALM = {
    "a barrier between": (
        "def k(x):\n    s = cuda.shared.array(8, float32)\n    t = cuda.threadIdx.x\n"
        "    s[t] = t\n    cuda.syncthreads()\n    x[cuda.grid(1)] = s[3 - t]\n"
    ),
    "all write the same": "def k(x):\n    x[0] = 5.0\n",
    "all atomic": "def k(x):\n    cuda.atomic.add(x, 0, 1.0)\n",
    "all read": "def k(x):\n    y = x[0] + x[1]\n",
    "own element twice": "def k(x):\n    i = cuda.grid(1)\n    x[i] = 1.0\n    x[i] += 2.0\n",
}


@pytest.mark.parametrize("name", CALM)
@pytest.mark.parametrize("order", [None, 3])
def test_no_race_is_seen_where_there_is_none(name, order):
    assert not run(CALM[name], 2, 4, zeros(8), order=order).findings


def test_a_missing_barrier_gives_another_answer_in_another_order():
    source = SUM.replace("        cuda.syncthreads()\n        step", "        step")
    x = np.ones(64, np.float32)
    sums = {float(run(source, 1, 64, x, zeros(1), order=o).arrays[1][0]) for o in range(8)}
    assert len(sums) > 1
    assert "race" in kinds(run(source, 1, 64, x, zeros(1)))


@pytest.mark.parametrize(
    "body",
    [
        "    if cuda.threadIdx.x < 2:\n        return\n    cuda.syncthreads()\n",
        "    if cuda.threadIdx.x < 2:\n        cuda.syncthreads()\n",
        "    if cuda.threadIdx.x < 2:\n        cuda.syncthreads()\n"
        "    else:\n        cuda.syncthreads()\n",
        "    for k in range(cuda.threadIdx.x):\n        cuda.syncthreads()\n",
    ],
)
def test_a_barrier_that_not_all_reach(body):
    assert kinds(run("def k(x):\n" + body, 1, 4, zeros(8))) == {"barrier"}


def test_barriers_that_count():
    source = (
        "def k(x):\n    t = cuda.threadIdx.x\n"
        "    x[t] = cuda.syncthreads_count(1 if t < 3 else 0)\n"
        "    x[4 + t] = cuda.syncthreads_or(t - 1) + 2 * cuda.syncthreads_and(t - 1)\n"
    )
    assert run(source, 1, 4, zeros(8)).arrays[0].tolist() == [3] * 4 + [1] * 4


def test_out_of_bounds_is_told_with_thread_and_line():
    report = run("def k(x):\n    i = cuda.grid(1)\n    x[i] = 1.0\n", 2, 8, zeros(10))
    (found,) = report.findings
    assert (found.kind, found.line, found.count) == ("out of bounds", 3, 6)
    assert str(found).startswith("thread 2 of block 1 writes x[10], and it has 10 elements")
    assert "line 3, `x[i] = 1.0`" in str(found)
    assert kinds(run("def k(x):\n    x[-1] = 1.0\n", 1, 1, zeros(3))) == {"out of bounds"}


def test_shared_memory_begins_without_values_and_is_each_blocks_own():
    source = (
        "def k(x):\n    s = cuda.shared.array(1, float32)\n    if cuda.blockIdx.x == 0:\n"
        "        s[0] = 1.0\n    x[cuda.blockIdx.x] = s[0]\n"
    )
    assert kinds(run(source, 2, 1, zeros(8))) == {"uninitialised"}


ERRORS = {
    "1 // 0": "ZeroDivisionError",
    "x[0.5]": "no whole number",
    "x[0, 0]": "2 indices",
    "3 ** 50": "64 bits",
    "min(1)": "two numbers",
    "x + 1": "TypeError",
}


@pytest.mark.parametrize("expression", ERRORS)
def test_errors_are_told_with_their_line(expression):
    (found,) = run(f"def k(x):\n    y = {expression}\n", 1, 1, zeros(3)).findings
    assert found.kind == "error" and ERRORS[expression] in found.message and found.line == 2


def test_what_never_ends_is_ended(monkeypatch):
    monkeypatch.setattr("course_lib.kernel_lab.machine.STEPS", 1000)
    report = run("def k(x):\n    while True:\n        x[0] = 1.0\n", 1, 1, zeros(3))
    assert kinds(report) == {"never ends"}


def test_arguments_are_copied_and_types_kept():
    x, i = zeros(3), np.zeros(3, np.int32)
    report = run("def k(x, i):\n    x[0] = 0.1\n    i[0] = 7 / 2\n", 1, 1, x, i)
    assert x[0] == 0 and report.arrays[0][0] == np.float32(0.1)
    assert report.arrays[1][0] == 3 and report.arrays[1].dtype == np.int32


def test_a_report_crosses_the_wall_and_back():
    report = run(RACES["two write"], 2, 4, zeros(8))
    again = Report.from_values(report.as_values())
    assert again.findings == report.findings and again.counts == report.counts
    for bad in (None, {}, {"arrays": 3}, {**report.as_values(), "barriers": "7"}):
        with pytest.raises(ValueError, match="no report"):
            Report.from_values(bad)


@pytest.mark.parametrize("grid, block", [(0, 1), (1, 2000), (1.5, 1), ((1, 1, 1, 1), 1)])
def test_sizes_are_checked(grid, block):
    with pytest.raises(ValueError, match=r"grid|block"):
        run("def k(x):\n    x[0] = 1.0\n", grid, block, zeros(3))
