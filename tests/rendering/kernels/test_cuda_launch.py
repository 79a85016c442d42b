"""What a launch asks of the driver, and what is said when it refuses: with a driver of paper."""

import contextlib
import ctypes
import enum
import sys
from types import SimpleNamespace

import pytest
import torch

from course_lib.rendering.kernels import cuda_compile, cuda_launch

GPU = torch.device("cuda", 0)


class CUresult(enum.Enum):
    CUDA_SUCCESS = 0
    CUDA_ERROR_INVALID_IMAGE = 200


class Driver:
    """Says yes to everything, or no to one image, and keeps what it was asked to launch."""

    CUresult = CUresult

    def __init__(self):
        self.launched = []

    def cuInit(self, flags):  # noqa: N802
        return (CUresult.CUDA_SUCCESS,)

    def cuCtxGetCurrent(self):  # noqa: N802
        return CUresult.CUDA_SUCCESS, "context"

    def cuCtxSetCurrent(self, context):  # noqa: N802
        assert context == "context"
        return (CUresult.CUDA_SUCCESS,)

    def cuModuleLoadData(self, image):  # noqa: N802
        if image == b"damaged":
            return CUresult.CUDA_ERROR_INVALID_IMAGE, None
        return CUresult.CUDA_SUCCESS, "module"

    def cuModuleGetFunction(self, module, name):  # noqa: N802
        return CUresult.CUDA_SUCCESS, (module, name)

    def cuLaunchKernel(self, function, *sizes_and_rest):  # noqa: N802
        *sizes, shared, stream, pointers, extra = sizes_and_rest
        values = ctypes.cast(pointers, ctypes.POINTER(ctypes.c_void_p))
        address = ctypes.cast(values[0], ctypes.POINTER(ctypes.c_void_p))[0]
        whole = ctypes.cast(values[1], ctypes.POINTER(ctypes.c_int))[0]
        real = ctypes.cast(values[2], ctypes.POINTER(ctypes.c_float))[0]
        self.launched.append((function, sizes, stream, (shared, extra), address, whole, real))
        return (CUresult.CUDA_SUCCESS,)


@pytest.fixture
def driver(monkeypatch):
    """A machine that takes this driver's word for it."""
    made = Driver()
    stream = SimpleNamespace(cuda_stream=42, synchronize=lambda: None)
    monkeypatch.setattr(cuda_launch, "load_driver", lambda: made)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))
    monkeypatch.setattr(torch.cuda, "device", lambda device: contextlib.nullcontext())
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: stream)
    return made


def launcher_of(monkeypatch, cubin):
    compiled = cuda_compile.Compiled(cubin, "", "")
    monkeypatch.setattr(cuda_launch, "compile_cuda", lambda *_: compiled)
    return cuda_launch.device_launcher("source", ("fill",), {}, GPU)


def test_a_launch_hands_over_sizes_stream_and_arguments(driver, monkeypatch):
    launch, tensor = launcher_of(monkeypatch, b"good"), torch.zeros(3)
    launch("fill", (5, 2), (16, 8), (tensor, 7, 0.5))
    asked = (("module", b"fill"), [5, 2, 1, 16, 8, 1], 42, (0, 0), tensor.data_ptr(), 7, 0.5)
    assert driver.launched == [asked]


def test_a_driver_that_refuses_is_one_sentence(driver, monkeypatch):
    message = "failed with CUDA_ERROR_INVALID_IMAGE; let the GPU's driver"
    with pytest.raises(cuda_compile.CudaError, match=message) as caught:
        launcher_of(monkeypatch, b"damaged")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("package", [None, SimpleNamespace(), SimpleNamespace(driver=None)])
def test_a_missing_driver_is_one_sentence(monkeypatch, package):
    monkeypatch.setitem(sys.modules, "cuda.bindings", package)
    cuda_launch.load_driver.cache_clear()
    with pytest.raises(cuda_compile.CudaError, match="does not find the GPU's driver") as caught:
        cuda_launch.load_driver()
    assert "\n" not in str(caught.value)
