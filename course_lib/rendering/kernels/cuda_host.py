"""Running a CUDA source on the CPU, compiled by g++ with `cuda_host.h`: for tests, not for speed.

The same file that NVRTC compiles for a GPU, with barriers, shared memory and shuffles of warps:
a wrong index or a forgotten barrier shows here, without a GPU.
"""

import ctypes
import hashlib
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from torch import Tensor

from ...data import cache_folder
from .cuda_compile import Launch, Size, argument_pointers, macro_options, write_whole

HEADER = Path(__file__).with_name("cuda_host.h")
# _FORTIFY_SOURCE, which some systems switch on, forbids jumping from one stack to another.
FLAGS = ("-std=c++17", "-O2", "-shared", "-fPIC", "-U_FORTIFY_SOURCE", "-D_XOPEN_SOURCE=700")
LOADING = "-x", "c++", "-"  # from standard input


def compiler() -> str | None:
    """Return the path of g++, or None."""
    return shutil.which("g++")


def host_launcher(source: str, kernels: Sequence[str], macros: Mapping[str, float]) -> Launch:
    """Compile a CUDA source for the CPU, or take it from the cache, and return how to launch it.

    Args:
        source: CUDA C++.
        kernels: names of its ``extern "C"`` kernels.
        macros: numbers that the source leaves open.

    Returns:
        launch(kernel, grid, block, arguments): run a kernel on grid (x, y) blocks of block (x, y)
        threads. Arguments are contiguous CPU tensors, int (32 bits) or float (float32). It raises
        RuntimeError if the threads of a block wait at different barriers. Not for several
        Python threads at once: there is only one shared memory.

    Raises:
        RuntimeError: no g++, or an error in the source.
    """
    entries = "\n".join(f"HOST_KERNEL({name})" for name in kernels)
    text = f"{HEADER.read_text()}\n{source}\n{entries}\n"
    library = _load(text, tuple(macro_options(macros)))

    def launch(
        kernel: str, grid: Size, block: Size, arguments: Sequence[Tensor | int | float]
    ) -> None:
        sizes = [(ctypes.c_uint * 3)(*size, 1) for size in (grid, block)]
        if getattr(library, f"launch_{kernel}")(*sizes, argument_pointers(arguments)):
            raise RuntimeError(f"{kernel}: threads of one block wait at different barriers")

    return launch


@cache
def _load(text: str, options: tuple[str, ...]) -> ctypes.CDLL:
    program = compiler()
    if program is None:
        raise RuntimeError("running a CUDA source on the CPU needs g++, which is not installed")
    made_of = (text, FLAGS, options, program, platform.machine())
    key = hashlib.sha256(repr(made_of).encode()).hexdigest()[:32]
    path = cache_folder() / "kernels" / f"{key}.so"
    if not path.exists():
        write_whole(path, _compile(program, text, options))
    return ctypes.CDLL(str(path))


def _compile(program: str, text: str, options: tuple[str, ...]) -> bytes:
    """Return the shared library that g++ makes of the text."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "kernels.so"
        command = [program, *FLAGS, *options, "-o", str(made), *LOADING]
        done = subprocess.run(command, input=text, text=True, capture_output=True, check=False)
        if done.returncode:
            raise RuntimeError(f"g++ does not compile the CUDA source: {done.stderr.strip()}")
        return made.read_bytes()
