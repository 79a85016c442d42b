"""Running a compiled kernel on several threads, and the memory that kernels use again and again.

Plain Python threads, each inside a numba function that has let go of the interpreter's lock. Next
to numba's own ``prange`` this compiles in a third of the time, brings no second OpenMP runtime to
spin against PyTorch's, and deals the parts out one by one, so that a thread held up by a
neighbour on the machine holds nobody else up.
"""

import contextlib
import ctypes
import itertools
import math
import os
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch

# Of a kernel, which Python calls.
COMPILED = {
    "nogil": True,
    "cache": True,
    "no_cfunc_wrapper": True,  # what C would call: nobody does, and it takes time to compile
    "error_model": "numpy",
    # Multiply and add in one instruction. Not reassoc: on long polynomials LLVM then tries orders
    # for seconds. Never nnan or ninf: the kernels test for NaN and infinity.
    "fastmath": {"contract"},
}
# For loops that add up over pixels, which become vectors only if sums may be reordered.
REORDERED = {**COMPILED, "fastmath": {"contract", "reassoc", "arcp", "nsz"}}
# Of what only kernels call: without an entrance for Python they compile in a third less time.
HELPER = {**COMPILED, "no_cpython_wrapper": True}
HELPER_REORDERED = {**REORDERED, "no_cpython_wrapper": True}
FEW = 20_000
LARGEST_KEPT = 64 * 2**20  # bytes; larger scratch memory goes back to the system after its call
SMALL = 2**16  # bytes that malloc has at hand
CACHE_LINE = 64  # bytes

kernel_lock = threading.RLock()  # held from the first to the last kernel that shares scratch memory
_kept: dict[str, np.ndarray] = {}
_shelf: dict[int, bytearray] = {}  # by id: what `recycled` has back, the longest unused first
_pool: list[ThreadPoolExecutor] = []
_helpers: list[int] = []  # the pool's threads, as the system numbers them
_this_processor = (  # only Linux lets a thread be placed
    getattr(ctypes.CDLL(None), "sched_getcpu", None) if hasattr(os, "sched_setaffinity") else None
)


def in_parallel(
    kernel: Callable[..., None], parts: int, *arguments: Any, items: int = FEW + 1
) -> None:
    """Call ``kernel(part, parts, *arguments)`` for each part, on as many threads as PyTorch uses.

    A thread takes the next part as soon as it is free. A kernel's result must not depend on who
    computes which part, nor on their order. Few items of quick work stay on this thread: to wake
    another takes longer.
    """
    following = itertools.count()  # its next() is atomic

    def work() -> None:
        while (part := next(following)) < parts:
            kernel(part, parts, *arguments)

    helpers = min(torch.get_num_threads(), parts) - 1 if items > FEW else 0
    with _elsewhere() if helpers > 0 else contextlib.nullcontext():
        others = [_threads().submit(work) for _ in range(helpers)]
    try:
        work()
    finally:
        for other in others:
            other.result()


def scratch(name: str, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Return uninitialised memory that holds until the next call with this name, under the lock."""
    size = int(np.prod(shape))
    kept = _kept.get(name)
    if kept is None or kept.size < size or kept.dtype != dtype:
        kept = np.empty(size, dtype)
        if kept.nbytes <= LARGEST_KEPT:
            _kept[name] = kept
    return kept[:size].reshape(shape)


def recycled(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Return uninitialised memory for a result, from the beginning of a cache line on.

    It is the caller's as long as anything refers to it, and then that of a later result. Memory
    that is new from the system is filled with zeros, page by page, at the first touch: for a
    picture and its gradients that took a sixth of the time.
    """
    count = math.prod(shape)
    needed = count * np.dtype(dtype).itemsize + CACHE_LINE
    if needed <= SMALL:
        return np.empty(shape, dtype)
    fitting = (key for key, kept in list(_shelf.items()) if needed <= len(kept) <= 2 * needed)
    memory = _shelf.pop(next(fitting, 0), None) or bytearray(needed)
    first = -np.frombuffer(memory, np.uint8).ctypes.data % CACHE_LINE
    whole = np.frombuffer(memory, dtype, count, offset=first)  # all views of it keep it alive
    weakref.finalize(whole, _put_back, memory).atexit = False
    return whole.reshape(shape)


def _put_back(memory: bytearray) -> None:
    _shelf[id(memory)] = memory
    while sum(map(len, _shelf.values())) > LARGEST_KEPT:
        del _shelf[next(iter(_shelf))]


def _threads() -> ThreadPoolExecutor:
    if not _pool:
        named = {"thread_name_prefix": "kernel", "initializer": _enlist}
        _pool.append(ThreadPoolExecutor(os.cpu_count() or 1, **named))
    return _pool[0]


def _enlist() -> None:
    _helpers.append(threading.get_native_id())


@contextlib.contextmanager
def _elsewhere() -> Iterator[None]:
    """Let helpers that are woken meanwhile begin on another processor than this thread's.

    Linux may wake a thread where its waker runs, and leave both there for tens of milliseconds
    next to an idle processor: the first picture after a pause took 36 ms instead of 27.
    """
    allowed = os.sched_getaffinity(0) if _this_processor else set()
    others = allowed - {_this_processor()} if allowed else allowed
    _allow(others)
    try:
        yield
    finally:
        _allow(allowed if others else set())


def _allow(processors: set[int]) -> None:
    try:
        for helper in _helpers if processors else ():
            os.sched_setaffinity(helper, processors)
    except OSError:  # forbidden here: they begin where the system lets them
        _helpers.clear()


def _forget() -> None:
    """A forked process has the pool's object but not its threads, and maybe a lock held."""
    global kernel_lock
    _pool.clear()
    _helpers.clear()
    _kept.clear()
    kernel_lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
