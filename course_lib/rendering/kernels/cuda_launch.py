"""Launching compiled kernels on a GPU: PyTorch's memory, device and stream, and no copies.

Has not run on a real GPU yet; `tests/gpu` does where it finds one.
"""

import ctypes
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor

from .cuda_compile import (
    ADVICE,
    CudaError,
    Launch,
    Size,
    argument_pointers,
    compile_cuda,
    first_line,
)


def device_launcher(
    source: str, kernels: Sequence[str], macros: Mapping[str, float], device: torch.device
) -> Launch:
    """Compile a CUDA source for a GPU, load it there, and return how to launch it.

    Args:
        source: CUDA C++.
        kernels: names of its ``extern "C"`` kernels.
        macros: numbers that the source leaves open.
        device: a CUDA device.

    Returns:
        launch(kernel, grid, block, arguments): start a kernel on grid (x, y) blocks of block
        (x, y) threads, on PyTorch's current stream, and return before it is done. Arguments are
        contiguous tensors on the device, int (32 bits) or float (float32).

    Raises:
        CudaError: no working NVRTC or driver; an error in the source.
    """
    compiled = compile_cuda(source, torch.cuda.get_device_capability(device), macros)
    driver = load_driver()
    with torch.cuda.device(device):
        torch.cuda.current_stream().synchronize()  # PyTorch has made its context by now
        context = _checked(driver, driver.cuCtxGetCurrent())
        module = _checked(driver, driver.cuModuleLoadData(compiled.cubin))
    functions = {
        name: _checked(driver, driver.cuModuleGetFunction(module, name.encode()))
        for name in kernels
    }

    def launch(
        kernel: str, grid: Size, block: Size, arguments: Sequence[Tensor | int | float]
    ) -> None:
        pointers = argument_pointers(arguments)  # the driver copies what they point to
        with torch.cuda.device(device):
            stream = torch.cuda.current_stream().cuda_stream
            # autograd calls from threads of its own, which may have no context yet.
            _checked(driver, driver.cuCtxSetCurrent(context))
            answer = driver.cuLaunchKernel(
                functions[kernel], *grid, 1, *block, 1, 0, stream, ctypes.addressof(pointers), 0
            )
        _checked(driver, answer)

    return launch


@cache
def load_driver() -> Any:
    """Return `cuda.bindings.driver`, known to find the driver's library.

    Raises:
        CudaError: it does not.
    """
    try:
        from cuda.bindings import driver

        driver.cuInit(0)  # the library itself is loaded by the first call
    except Exception as error:  # cuda-bindings documents no type for this
        raise CudaError(
            f"cuda-bindings does not find the GPU's driver ({first_line(error)}); {ADVICE}"
        ) from None
    return driver


def _checked(driver: Any, answer: tuple[Any, ...]) -> Any:
    """Return the second of (result, value), if the result is success."""
    if answer[0] != driver.CUresult.CUDA_SUCCESS:
        raise CudaError(f"the CUDA driver failed with {answer[0].name}; {ADVICE}")
    return answer[1] if len(answer) > 1 else None
