"""The CUDA source, without a GPU: what NVRTC makes of it, and what a broken installation says."""

import importlib.util
import re
import subprocess
import sys
import types

import pytest

from course_lib.rendering.kernels import cuda_compile, cuda_stages, project
from course_lib.rendering.splats import operators

# Registers of a thread. A multiprocessor has 65536: 40 let 6 blocks of 256 threads share it, 80
# let 3. The forward compositing has 31 at most today, the others 72.
MOST_REGISTERS = {"composite": 40}
MOST_OF_OTHERS = 80


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_DATA", str(tmp_path_factory.mktemp("cache")))
        yield


def installed(package):
    try:
        return importlib.util.find_spec(package) is not None
    except ImportError:
        return False


needs_nvrtc = pytest.mark.skipif(
    not installed("cuda.bindings"), reason="cuda-bindings is not installed: nothing to compile with"
)


@needs_nvrtc
@pytest.mark.parametrize("capability", [(7, 5), (8, 0), (9, 0)])
def test_few_registers_no_spills_no_doubles(capability):
    compiled = cuda_compile.compile_cuda(cuda_stages.source(), capability, cuda_stages.MACROS)
    usage = cuda_compile.usage(compiled.log)
    assert set(usage) == set(cuda_stages.KERNELS)
    for name, kernel in usage.items():
        assert kernel.registers <= MOST_REGISTERS.get(name, MOST_OF_OTHERS), f"{name}: {kernel}"
        assert kernel.spilled == 0, f"{name}: {kernel}"
    # An array that does not fit into registers would lie in slow memory too: the stack frame.
    frames = re.findall(r"(\d+) bytes stack frame", compiled.log)
    assert frames == ["0"] * len(cuda_stages.KERNELS)
    assert ".f64" not in compiled.ptx
    assert compiled.ptx.count(".entry") == len(cuda_stages.KERNELS)
    assert compiled.cubin[:4] == b"\x7fELF"


@needs_nvrtc
def test_an_error_is_told_with_the_file_it_is_in(monkeypatch):
    source = cuda_stages.source().replace("return sight;", "return sigt;")
    with pytest.raises(cuda_compile.CudaError, match=r"splats_project\.cu\(\d+\).*sigt"):
        cuda_compile.compile_cuda(source, (7, 5), cuda_stages.MACROS)


@needs_nvrtc
def test_a_double_would_be_noticed():
    source = 'extern "C" __global__ void half(float* x) { *x *= 0.3; }'
    assert ".f64" in cuda_compile.compile_cuda(source, (7, 5)).ptx


@needs_nvrtc
def test_what_was_compiled_is_kept(monkeypatch):
    source = 'extern "C" __global__ void fill(int* x) { x[threadIdx.x] = VALUE; }'
    first = cuda_compile.compile_cuda(source, (7, 5), {"VALUE": 3})
    monkeypatch.setattr(cuda_compile, "run_nvrtc", lambda *_: pytest.fail("compiled again"))
    assert cuda_compile.compile_cuda(source, (7, 5), {"VALUE": 3}) == first
    with pytest.raises(pytest.fail.Exception, match="compiled again"):
        cuda_compile.compile_cuda(source, (7, 5), {"VALUE": 4})


@needs_nvrtc
def test_a_cache_that_cannot_be_written_costs_time_only(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "file"))
    assert cuda_compile.compile_cuda("", (7, 5)).cubin


@needs_nvrtc
@pytest.mark.parametrize(
    ("source", "capability", "message"),
    [("nonsense", (7, 5), "does not compile.*nonsense"), ("", (3, 0), "cannot compile for sm_30")],
)
def test_what_cannot_be_compiled_is_told(source, capability, message):
    with pytest.raises(cuda_compile.CudaError, match=f"(?s){message}"):
        cuda_compile.compile_cuda(source, capability)


def broken_library():
    raise RuntimeError("libnvrtc.so: cannot open\nmany more lines")


@pytest.mark.parametrize(
    ("package", "message"),
    [
        (None, "pip install cuda-bindings"),
        (types.SimpleNamespace(nvrtc=types.SimpleNamespace(nvrtcVersion=broken_library)), "load"),
    ],
    ids=["missing", "broken"],
)
def test_a_missing_or_broken_installation_is_one_sentence(monkeypatch, package, message):
    monkeypatch.setitem(sys.modules, "cuda.bindings", package)
    cuda_compile.load_nvrtc.cache_clear()
    with pytest.raises(cuda_compile.CudaError, match=message) as caught:
        cuda_compile.compile_cuda("", (7, 5))
    assert "\n" not in str(caught.value)


def test_nothing_of_cuda_is_imported_before_it_is_used():
    code = (
        "import sys, course_lib.rendering.splats, course_lib.rendering.kernels.splats_cuda; "
        "sys.exit('cuda.bindings.nvrtc' in sys.modules or 'numba' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_kernels_for_both_devices_have_the_same_layout():
    assert (cuda_stages.PACKED, cuda_stages.MOMENTS) == (project.PACKED, project.MOMENTS)
    assert operators.CPU_TILE == (project.TILE_WIDTH, project.TILE_HEIGHT)
