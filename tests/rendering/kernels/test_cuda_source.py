"""The CUDA source, without a GPU: what the compiler makes of it, and what it computes on a CPU."""

import importlib.util
import subprocess
import sys
import types

import pytest
import torch

from course_lib.rendering.kernels import (
    bins,
    cuda_compile,
    cuda_host,
    project,
    splats_cuda,
    threads,
)
from course_lib.rendering.kernels import composite as numba_twin
from course_lib.rendering.splats.operators import rasterize_splats
from course_lib.rendering.splats.reference import blend, pixel_centres, splat_alpha

SOURCE = splats_cuda.SOURCE.read_text()
MOST_REGISTERS = 40  # a thread of the forward kernel: 6 blocks of 256 fit on a multiprocessor


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_DATA", str(tmp_path_factory.mktemp("cache")))
        yield


# --- Gate 1: what NVRTC makes of it ---------------------------------------------------------------


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
    compiled = cuda_compile.compile_cuda(SOURCE, capability, splats_cuda.MACROS)
    usage = cuda_compile.usage(compiled.log)
    assert set(usage) == set(splats_cuda.KERNELS)
    assert usage["composite"].registers <= MOST_REGISTERS
    assert usage["composite_backward"].registers <= 80  # 64 today; 80 let 3 blocks fit
    assert all(kernel.spilled == 0 for kernel in usage.values()), usage
    assert ".f64" not in compiled.ptx and compiled.ptx.count(".entry") == 2
    assert compiled.cubin[:4] == b"\x7fELF"


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
    assert (splats_cuda.TILE, splats_cuda.PACKED, splats_cuda.MOMENTS) == (
        project.TILE, project.PACKED, project.MOMENTS,
    )  # fmt: skip


# --- Gate 2: what it computes, on a CPU -----------------------------------------------------------

needs_gxx = pytest.mark.skipif(
    cuda_host.compiler() is None, reason="g++ is not installed: the source cannot run on the CPU"
)


@pytest.fixture(scope="module")
def launch():
    return cuda_host.host_launcher(SOURCE, splats_cuda.KERNELS, splats_cuda.MACROS)


def splats_of(arguments):
    """What the kernels read, from the CPU's projection and sorting; and the twin's picture."""
    background, width, height = (arguments[name] for name in ("background", "width", "height"))
    scene = [arguments[name] for name in ("means", "quats", "scales", "opacities")]
    image, alpha, packed, rects, order, starts, places = rasterize_splats(
        *scene, arguments["colors"][:, None], arguments["viewmat"], background, arguments["K"],
        width, height, -1,
    )  # fmt: skip
    order, pairs = order[order >= 0], int(starts[-1])
    tiles_x, _ = splats_cuda.tiles(width, height)
    with threads.kernel_lock:
        members = bins.list_members(
            order.numpy(), rects.numpy(), tiles_x, places.numpy(), pairs
        ).copy()
    lists = (packed, torch.from_numpy(members), places[[0, -1]].contiguous())
    return lists, (rects, starts), order, (image, alpha)


def by_splat(moments, lists, owners, order):
    """Gradients of means (M, 2), conics (M, 3), opacities and colours from the pairs' moments."""
    packed, (_, starts) = lists[0][order.long()].double(), owners
    total = torch.zeros(len(starts) - 1, splats_cuda.MOMENTS, dtype=torch.float64)
    owner = torch.repeat_interleave(torch.arange(len(total)), starts.diff().long())
    colors, rest = total.index_add(0, owner, moments.double())[order.long()].split([3, 6], dim=1)
    s, sx, sy, sxx, sxy, syy = rest.unbind(1)
    xx, xy, yy = packed[:, 2:5].unbind(1)
    return {
        "means": -torch.stack([xx * sx + xy * sy, xy * sx + yy * sy], dim=1),
        "conics": torch.stack([0.5 * sxx, sxy, 0.5 * syy], dim=1),
        "opacities": -s / packed[:, 5],
        "colors": colors,
    }


def reference(packed, background, width, height, grad_image, grad_alpha):
    """Picture and gradients of the same splats by the reference's `blend`, in float64."""
    rows = packed.double()
    leaves = {
        "means": rows[:, :2], "conics": rows[:, 2:5], "opacities": rows[:, 5],
        "colors": rows[:, 6:9], "background": background.double(),
    }  # fmt: skip
    leaves = {name: leaf.clone().requires_grad_() for name, leaf in leaves.items()}
    covariances = torch.linalg.inv(leaves["conics"][:, [0, 1, 1, 2]].unflatten(1, (2, 2)))
    pixels = pixel_centres(width, height).double()
    splats = zip(leaves["means"], covariances, leaves["opacities"], strict=True)
    picture, light = blend(
        (splat_alpha(pixels, *splat) for splat in splats),
        leaves["colors"], torch.ones(height, width, dtype=torch.float64),
    )  # fmt: skip
    image, alpha = picture + light[..., None] * leaves["background"], 1.0 - light
    loss = (image * grad_image).sum() + (alpha * grad_alpha).sum()
    gradients = torch.autograd.grad(loss, list(leaves.values()), materialize_grads=True)
    return (image.detach(), alpha.detach()), dict(zip(leaves, gradients, strict=True))


def numba_moments(lists, owners, seen, gradients):
    packed, members, bounds = (part.numpy() for part in lists)
    busiest = (bounds[0] - bounds[1]).argsort().astype("int32")
    rects, starts, *pictures = (part.numpy() for part in (*owners, *seen, *gradients))
    moments = torch.empty(len(members), splats_cuda.MOMENTS)
    threads.in_parallel(
        numba_twin.composite_backward, len(busiest), packed, members, bounds, busiest,
        rects, starts, *pictures, moments.numpy(),
    )  # fmt: skip
    return moments


def assert_close(got, wanted, tolerance, name):
    """Off by at most ``tolerance`` of what is wanted, as a norm over all splats."""
    assert got.shape == wanted.shape and bool(torch.isfinite(got).all()), name
    difference, size = float((got - wanted).norm()), float(wanted.norm())
    assert difference <= tolerance * size + 1e-6, f"{name}: {difference} of {size}"


def check_scene(launch, arguments, tolerance=1e-4):
    """Values and gradients of the CUDA source against the numba twin and the reference."""
    background, width, height = (arguments[name] for name in ("background", "width", "height"))
    lists, owners, order, twin = splats_of(arguments)
    seen = splats_cuda.composite(launch, *lists, background, width, height)
    generator = torch.Generator().manual_seed(1)
    gradients = [torch.randn(part.shape, generator=generator) for part in seen]
    moments = splats_cuda.composite_backward(launch, *lists, *owners, *seen, *gradients)
    found = by_splat(moments, lists, owners, order)
    found["background"] = torch.einsum("hwc,hw->c", gradients[0], 1.0 - seen[1]).double()
    twins = by_splat(numba_moments(lists, owners, twin, gradients), lists, owners, order)
    wanted, wanted_gradients = reference(
        lists[0][order.long()], background, width, height, *gradients
    )
    for got, one, other in zip(seen, twin, wanted, strict=True):
        assert float((got - one).abs().mean()) <= 1e-6
        assert float((got - other).abs().mean()) <= 1e-6
    for name, other in wanted_gradients.items():
        assert_close(found[name], other, tolerance, f"{name}, reference")
    for name, other in twins.items():
        assert_close(found[name], other, tolerance, f"{name}, numba")
    return lists, seen


@needs_gxx
@pytest.mark.parametrize("size", [(1, 1), (16, 16), (17, 15), (48, 5), (33, 64)])
def test_picture_sizes(launch, scene, size):
    check_scene(launch, scene(60, *size))


@needs_gxx
@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_splats(launch, scene, count):
    lists, (image, alpha) = check_scene(launch, scene(count, 19, 18))
    assert len(lists[0]) == count
    if count == 0:
        assert bool((alpha == 0).all()) and bool((image == torch.tensor([0.2, 0.5, 0.9])).all())


@needs_gxx
@pytest.mark.parametrize("opacity", [0.004, 0.3, 0.9995, 1.0])
def test_transparent_and_opaque(launch, scene, opacity):
    check_scene(launch, scene(40, 30, 21, opacities=torch.full((40,), opacity)))


@needs_gxx
@pytest.mark.parametrize("factor", [1e-6, 0.3, 10.0])
def test_tiny_and_large(launch, scene, factor):
    arguments = scene(40, 30, 21)
    arguments["scales"] = arguments["scales"] * factor
    check_scene(launch, arguments)


@needs_gxx
def test_more_splats_in_a_tile_than_are_staged_at_a_time(launch, scene):
    arguments = scene(700, 20, 20, opacities=torch.full((700,), 0.01))
    arguments["means"] = arguments["means"] * 0.1
    (_, _, bounds), (_, alpha) = check_scene(launch, arguments)
    assert int((bounds[1] - bounds[0]).max()) > 2 * splats_cuda.TILE**2
    assert 0.1 < float(alpha.max()) < 1.0 - splats_cuda.MIN_TRANSMITTANCE  # none stops early


@needs_gxx
def test_a_whole_tile_that_stops_early(launch, scene):
    arguments = scene(400, 48, 48, opacities=torch.full((400,), 0.7))
    arguments["means"], arguments["scales"] = arguments["means"] * 0.1, arguments["scales"] * 3
    (_, _, bounds), (_, alpha) = check_scene(launch, arguments, 1e-3)
    light = (1.0 - alpha) / splats_cuda.MIN_TRANSMITTANCE
    assert float(light.min()) > 0.99  # without the stop there would be none left
    assert float(light[16:32, 16:32].max()) < 5.0 and float(light.max()) > 100.0
    assert int((bounds[1] - bounds[0]).max()) > splats_cuda.TILE**2


@needs_gxx
def test_pixels_that_stop_while_others_of_their_tile_go_on(launch, scene):
    arguments = scene(700, 16, 16)
    arguments["means"] = arguments["means"] * 0.4
    _, (_, alpha) = check_scene(launch, arguments, 1e-3)
    light = (1.0 - alpha) / splats_cuda.MIN_TRANSMITTANCE
    assert 0.99 < float(light.min()) < 2.0 and float(light.max()) > 100.0


@needs_gxx
def test_where_alpha_is_capped(launch, scene):
    arguments = scene(5, 20, 18, opacities=torch.ones(5))
    arguments["scales"] = torch.full((5, 3), 20.0)
    _, (_, alpha) = check_scene(launch, arguments)
    assert float(((alpha - splats_cuda.MAX_ALPHA).abs() < 1e-6).float().mean()) > 0.1


@needs_gxx
def test_the_same_bits_on_every_run(launch, scene):
    lists, owners, *_ = splats_of(scene(200, 40, 20))
    seen = splats_cuda.composite(launch, *lists, torch.ones(3), 40, 20)
    gradients = [torch.ones_like(part) for part in seen]
    runs = [
        splats_cuda.composite_backward(launch, *lists, *owners, *seen, *gradients) for _ in range(2)
    ]
    assert torch.equal(*runs)


def alpha_of(launch, *splats):
    """Alpha of a 4 x 4 picture of splats (u, v, A, B, C, opacity), all white."""
    packed = torch.ones(len(splats), splats_cuda.PACKED)
    packed[:, :6] = torch.tensor(splats)
    members = torch.arange(len(splats), dtype=torch.int32)
    bounds = torch.tensor([[0], [len(splats)]], dtype=torch.int32)
    return splats_cuda.composite(launch, packed, members, bounds, torch.zeros(3), 4, 4)[1]


@needs_gxx
def test_numbers_that_are_not_finite_draw_nothing(launch):
    nan, inf = float("nan"), float("inf")
    plain = (2.0, 2.0, 1.0, 0.0, 1.0, 0.5)
    alpha = alpha_of(launch, (nan,) * 6, (2.0, 2.0, inf, -inf, inf, 1.0), plain)
    assert torch.equal(alpha, alpha_of(launch, plain)) and float(alpha.max()) > 0.3


@needs_gxx
def test_a_sigma_that_rounding_made_negative_adds_no_light(launch):
    assert float(alpha_of(launch, (2.0, 2.0, 1.0, -1.001, 1.0, 0.5)).max()) == 0.5


# --- The host itself ------------------------------------------------------------------------------

TOTALS = """
extern "C" __global__ void totals(const float* values, float factor, float* by_warp, float* total) {
    __shared__ float kept[96];
    int thread = threadIdx.y * blockDim.x + threadIdx.x;
    kept[95 - thread] = factor * values[96 * blockIdx.x + thread];
    __syncthreads();
    float value = kept[thread];
    for (int step = 16; step > 0; step /= 2) value += __shfl_down_sync(0xffffffffu, value, step);
    if (thread % 32 == 0) by_warp[3 * blockIdx.x + thread / 32] = value;
    if (thread % 32 == 0) atomicAdd(total, value);
}
extern "C" __global__ void stuck(int* x) { if (threadIdx.x > 3) __syncthreads(); *x = 1; }
"""


@needs_gxx
def test_the_host_runs_blocks_warps_and_barriers():
    launch = cuda_host.host_launcher(TOTALS, ("totals", "stuck"), {})
    values, by_warp, total = torch.arange(192.0), torch.zeros(2, 3), torch.zeros(1)
    launch("totals", (2, 1), (16, 6), (values, 0.5, by_warp, total))
    assert torch.equal(by_warp, 0.5 * values.reshape(2, 3, 32).sum(-1).flip(1))
    assert float(total) == 0.5 * float(values.sum())
    with pytest.raises(RuntimeError, match="stuck: threads of one block wait at different"):
        launch("stuck", (1, 1), (8, 1), (torch.zeros(1, dtype=torch.int32),))
    with pytest.raises(ValueError, match="wanted contiguous"):
        launch("totals", (1, 1), (16, 6), (values[::2], 0.5, by_warp, total))


@needs_gxx
def test_an_error_in_the_source_is_told():
    with pytest.raises(RuntimeError, match=r"(?s)g\+\+ does not compile .*nonsense"):
        cuda_host.host_launcher("nonsense", (), {})
