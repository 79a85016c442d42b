"""Compiling CUDA C++ with NVRTC, the compiler that comes with PyTorch, and keeping what it made.

Needs neither a GPU nor a CUDA toolkit, only the package cuda-bindings, which is imported at the
first call and not before. What was compiled lies in the user's cache folder.
"""

import ctypes
import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from ...data import cache_folder

# How a kernel is started, wherever it runs: its name, grid and block in x and y, and arguments.
Size = tuple[int, int]
Launch = Callable[[str, Size, Size, Sequence[Tensor | int | float]], None]

# What to do about an installation that does not work.
ADVICE = "let the GPU's driver, PyTorch and cuda-bindings be made for the same CUDA version"
OPTIONS = ("--std=c++17", "--ptxas-options=-v")  # -v: say how many registers each kernel takes


class CudaError(RuntimeError):
    """CUDA cannot be used on this machine, or not with this source; the message says why."""


class Compiled(NamedTuple):
    """What NVRTC made of a source file.

    Attributes:
        cubin: machine code for one architecture.
        ptx: the assembly text that it was made from.
        log: what the compiler said.
    """

    cubin: bytes
    ptx: str
    log: str


class Usage(NamedTuple):
    """What one thread of a kernel takes.

    Attributes:
        registers: 32-bit registers.
        spilled: bytes stored to or loaded from slow memory because registers ran out.
    """

    registers: int
    spilled: int


def compile_cuda(
    source: str, capability: tuple[int, int], macros: Mapping[str, float] | None = None
) -> Compiled:
    """Compile a CUDA source for one architecture, or take it from the cache.

    Args:
        source: CUDA C++.
        capability: compute capability of the GPU, such as (7, 5).
        macros: numbers that the source leaves open; floats become float literals, never doubles.

    Returns:
        `Compiled`.

    Raises:
        CudaError: no working NVRTC; an architecture that it does not know; an error in the source.
    """
    nvrtc = load_nvrtc()
    architecture = f"sm_{capability[0]}{capability[1]}"
    options = (f"--gpu-architecture={architecture}", *OPTIONS, *macro_options(macros or {}))
    version = nvrtc.nvrtcVersion()[1:]
    key = hashlib.sha256(repr((source, options, version)).encode()).hexdigest()[:32]
    kept = cache_folder() / "kernels"
    compiled = read_kept(kept, key)
    if compiled is None:
        supported = nvrtc.nvrtcGetSupportedArchs()[1]
        if capability[0] * 10 + capability[1] not in supported:
            raise CudaError(
                f"capability: NVRTC {version[0]}.{version[1]} cannot compile for {architecture}, "
                f"only for sm_{', sm_'.join(map(str, supported))}; another version of it, which "
                "comes with another PyTorch, may"
            )
        compiled = run_nvrtc(nvrtc, source, options)
        keep(kept, key, compiled)
    return compiled


@cache
def load_nvrtc() -> Any:
    """Return `cuda.bindings.nvrtc`, known to work.

    Raises:
        CudaError: the package is not installed, or does not find NVRTC's library.
    """
    try:
        from cuda.bindings import nvrtc

        nvrtc.nvrtcVersion()  # the library itself is loaded by the first call
    except ImportError as error:
        raise CudaError(
            "CUDA kernels need the package cuda-bindings, which is not installed or does not load "
            f"({error}); install it with: pip install cuda-bindings"
        ) from None
    except Exception as error:  # cuda-bindings documents no type for this
        raise CudaError(
            f"NVRTC, CUDA's compiler, does not load ({first_line(error)}); {ADVICE}"
        ) from None
    return nvrtc


def run_nvrtc(nvrtc: Any, source: str, options: Sequence[str]) -> Compiled:
    """Compile, past the cache."""
    program = _checked(nvrtc, nvrtc.nvrtcCreateProgram(source.encode(), b"source.cu", 0, [], []))
    try:
        flags = [option.encode() for option in options]
        (result,) = nvrtc.nvrtcCompileProgram(program, len(flags), flags)
        log = _fetch(nvrtc, "ProgramLog", program).decode().rstrip("\0")
        if result != nvrtc.nvrtcResult.NVRTC_SUCCESS:
            raise CudaError(f"the CUDA source does not compile: {log.strip() or result.name}")
        ptx = _fetch(nvrtc, "PTX", program).decode().rstrip("\0")
        return Compiled(_fetch(nvrtc, "CUBIN", program), ptx, log)
    finally:
        nvrtc.nvrtcDestroyProgram(program)


def macro_options(macros: Mapping[str, float]) -> list[str]:
    """Return the macros as options of a C++ compiler.

    >>> macro_options({"TILE": 16, "MAX_ALPHA": 0.999})
    ['-DTILE=16', '-DMAX_ALPHA=0.999f']
    """
    return [
        f"-D{name}={float(value)!r}f" if isinstance(value, float) else f"-D{name}={value}"
        for name, value in macros.items()
    ]


def usage(log: str) -> dict[str, Usage]:
    """Read registers and spills of each kernel from NVRTC's log.

    Args:
        log: as `compile_cuda` returns it.

    Returns:
        `Usage` by the kernel's name.

    >>> usage("ptxas info : Compiling entry function 'blur' for 'sm_75'\\n"
    ...       "0 bytes stack frame, 0 bytes spill stores, 4 bytes spill loads\\n"
    ...       "ptxas info : Used 33 registers, 368 bytes cmem[0]")
    {'blur': Usage(registers=33, spilled=4)}
    """
    found = {}
    for part in re.split(r"Compiling entry function", log)[1:]:
        name = re.search(r"'(\w+)'", part)
        registers = re.search(r"Used (\d+) registers", part)
        spills = re.findall(r"(\d+) bytes spill", part)
        if name and registers and spills:
            found[name[1]] = Usage(int(registers[1]), sum(map(int, spills)))
    return found


def argument_pointers(arguments: Sequence[Tensor | int | float]) -> ctypes.Array:
    """Return what a launch wants: an array of pointers to a kernel's arguments.

    Args:
        arguments: tensors are passed by the address of their memory, int as 32 bits, float as
            float32. They must outlive the launch.

    Raises:
        ValueError: a tensor is not contiguous.
    """
    values = []
    for argument in arguments:
        if isinstance(argument, Tensor):
            if not argument.is_contiguous():
                raise ValueError(f"arguments: got strides {argument.stride()}, wanted contiguous")
            values.append(ctypes.c_void_p(argument.data_ptr()))
        else:
            kind = ctypes.c_float if isinstance(argument, float) else ctypes.c_int
            values.append(kind(argument))
    pointers = (ctypes.c_void_p * len(values))(*map(ctypes.addressof, values))
    pointers.values = values  # kept alive as long as the pointers to them
    return pointers


def read_kept(folder: Path, key: str) -> Compiled | None:
    """Return what `keep` wrote, or None."""
    paths = [folder / f"{key}.{name}" for name in Compiled._fields]
    try:
        cubin, ptx, log = (path.read_bytes() for path in paths)
    except OSError:
        return None
    return Compiled(cubin, ptx.decode(), log.decode())


def keep(folder: Path, key: str, compiled: Compiled) -> None:
    """Write to the cache; where that is not possible, the next start compiles again."""
    try:
        for name, content in compiled._asdict().items():
            data = content if isinstance(content, bytes) else content.encode()
            write_whole(folder / f"{key}.{name}", data)
    except OSError:
        pass


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that nobody, whenever they look, sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def _fetch(nvrtc: Any, what: str, program: Any) -> bytes:
    data = b"\0" * _checked(nvrtc, getattr(nvrtc, f"nvrtcGet{what}Size")(program))
    _checked(nvrtc, getattr(nvrtc, f"nvrtcGet{what}")(program, data))
    return data


def _checked(nvrtc: Any, answer: tuple[Any, ...]) -> Any:
    """Return the second of (result, value), if the result is success."""
    if answer[0] != nvrtc.nvrtcResult.NVRTC_SUCCESS:
        raise CudaError(f"NVRTC, CUDA's compiler, failed with {answer[0].name}")
    return answer[1] if len(answer) > 1 else None


def first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
