"""`rasterize` on a real GPU, against the CPU's and the reference. Skipped where there is none."""

import math
import warnings

import pytest
import torch

from course_lib.rendering import look_at, orbit, pinhole
from course_lib.rendering.kernels import splats_cuda
from course_lib.rendering.kernels.cuda_compile import CudaError
from course_lib.rendering.splats import rasterize, rasterize_reference
from course_lib.rendering.splats.operators import rasterize_splats, rasterize_splats_backward

pytest.importorskip("cuda.bindings", reason="cuda-bindings is not installed")
pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch finds no GPU")
TENSORS = ("means", "quats", "scales", "opacities", "colors", "viewmat", "K", "background")
DIFFERENTIABLE = tuple(name for name in TENSORS if name != "K")


def scene(count, width, height, sh_degree=None, **changes):
    """Arguments of `rasterize`, on the CPU: Gaussians around the origin, seen from outside."""
    generator = torch.Generator().manual_seed(count)
    rand = torch.rand(count, 11 + 48, generator=generator)
    colors = rand[:, 11:14]
    if sh_degree is not None:
        colors = (rand[:, 11:] - 0.5).unflatten(1, (16, 3))[:, : (sh_degree + 1) ** 2]
    made = {
        "means": 2.0 * rand[:, :3] - 1.0,
        "quats": rand[:, 3:7] - 0.5,
        "scales": 0.02 + 0.2 * rand[:, 7:10],
        "opacities": 0.05 + 0.9 * rand[:, 10],
        "colors": colors,
        "viewmat": look_at((0.4, -3.0, 0.8)),
        "K": pinhole(width, height, 1.0),
        "background": torch.tensor([0.2, 0.5, 0.9]),
    }
    return made | {"width": width, "height": height, "sh_degree": sh_degree} | changes


def moved(arguments, *to):
    """The same with all tensors on another device or of another dtype."""
    return {k: v.to(*to) if torch.is_tensor(v) else v for k, v in arguments.items()}


def derive(renderer, arguments, **options):
    """Pictures, and the gradients of a random weighting of them, where the arguments are."""
    leaves = {k: v.detach().clone() if k in TENSORS else v for k, v in arguments.items()}
    inputs = [leaves[name].requires_grad_() for name in DIFFERENTIABLE]
    outputs = renderer(**leaves, **options)
    generator = torch.Generator().manual_seed(1)
    weights = [torch.randn(part.shape, generator=generator).to(part) for part in outputs]
    loss = sum((weight * part).sum() for weight, part in zip(weights, outputs, strict=True))
    gradients = torch.autograd.grad(loss, inputs, allow_unused=True, materialize_grads=True)
    return [part.detach() for part in outputs], dict(zip(DIFFERENTIABLE, gradients, strict=True))


def assert_close(found, wanted, tolerance):
    """Mean error of a picture at most 3e-6, of a gradient at most ``tolerance`` of its norm."""
    for one, other in zip(found[0], wanted[0], strict=True):
        assert one.is_cuda and one.dtype == torch.float32 and one.shape == other.shape
        assert float((one.cpu() - other).abs().mean()) <= 3e-6
    for name, other in wanted[1].items():
        one = found[1][name]
        assert one.is_cuda and bool(torch.isfinite(one).all()), name
        difference, size = float((one.cpu() - other).norm()), float(other.norm())
        assert difference <= tolerance * size + 1e-5, (name, difference, size)


def agree(arguments, tolerance=1e-3, **options):
    """CUDA against numba and, where that does not take minutes, the reference in float64."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)  # it would say that the CPU has drawn
        found = derive(rasterize, moved(arguments, "cuda"), **options)
    assert_close(found, derive(rasterize, arguments, **options), tolerance)
    if len(arguments["means"]) <= 1000:
        in_double = moved(arguments, torch.float64)
        assert_close(found, derive(rasterize_reference, in_double, **options), tolerance)


@pytest.mark.parametrize("sh_degree", [None, 0, 1, 2, 3])
def test_colours_and_harmonics(sh_degree):
    agree(scene(300, 37, 29, sh_degree))


@pytest.mark.parametrize("count", [0, 1, 257, 10_000, 50_000])
@pytest.mark.parametrize("size", [(1, 1), (48, 5), (250, 187)])
def test_counts_and_sizes(count, size):
    arguments = scene(count, *size)
    if count > 1000:
        arguments["scales"] = arguments["scales"] * 0.2
    agree(arguments, tolerance=3e-3)


@pytest.mark.parametrize("factor", [1e-6, 0.0, 30.0, 1000.0])
def test_tiny_and_enormous(factor):
    arguments = scene(40, 30, 21)
    arguments["scales"] = arguments["scales"] * factor
    agree(arguments)


@pytest.mark.parametrize("opacity", [0.0, 0.0038, 0.004, 0.9995, 1.0])
def test_transparent_and_opaque(opacity):
    agree(scene(30, 20, 20, opacities=torch.full((30,), opacity)))


def test_behind_the_camera():
    agree(scene(20, 20, 20, viewmat=look_at((0, -3, 0), target=(0, -6, 0))))
    agree(scene(200, 30, 30, viewmat=look_at((0.1, -0.2, 0.0))))


def test_all_in_one_tile_and_pixels_that_stop_early():
    arguments = scene(600, 64, 64, opacities=torch.full((600,), 0.7))
    arguments["means"] = arguments["means"] * 0.05
    agree(arguments)


def test_depth_and_batches_of_cameras():
    agree(scene(60, 20, 18, 2, viewmat=orbit(3, 3.0)), return_depth=True)


def test_equal_depths_keep_their_order():
    arguments = scene(5000, 40, 24, means=torch.zeros(5000, 3), quats=torch.ones(5000, 4))
    agree(arguments, tolerance=3e-3)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("means", math.nan), ("quats", 0.0), ("scales", -0.1), ("opacities", 1.1),
        ("colors", math.inf), ("viewmat", math.nan), ("K", 0.0),
    ],
)  # fmt: skip
def test_bad_values_are_named(name, value):
    arguments = moved(scene(300, 20, 20, 1), "cuda")
    arguments[name] = arguments[name].clone()
    arguments[name][2 if name in ("viewmat", "K") else 277] = value
    with pytest.raises(ValueError, match=name if name in ("viewmat", "K") else f"{name}: .* 277"):
        rasterize(**arguments)
    agree(scene(30, 20, 20))  # the GPU goes on


def test_tensors_on_two_devices_are_named():
    arguments = moved(scene(3, 20, 20), "cuda")
    with pytest.raises(ValueError, match=r"^scales: is on cpu, wanted that of means, cuda:0"):
        rasterize(**(arguments | {"scales": torch.ones(3, 3)}))


def test_the_same_bits_on_every_run():
    arguments = moved(scene(20_000, 200, 150, 2), "cuda")
    first, *others = [derive(rasterize, arguments) for _ in range(3)]
    for values, gradients in others:
        assert all(torch.equal(*pair) for pair in zip(values, first[0], strict=True))
        for name in DIFFERENTIABLE[:-1]:  # PyTorch's own sum makes the background's
            assert torch.equal(gradients[name], first[1][name]), name


def test_the_cpu_waits_for_the_gpu_once_in_a_step():
    arguments = moved(scene(5000, 200, 150, 2), "cuda")
    derive(rasterize, arguments)  # compiles, and fills PyTorch's pool of memory
    leaves = {k: v.requires_grad_() if k in DIFFERENTIABLE else v for k, v in arguments.items()}
    weights = (torch.ones(150, 200, 3, device="cuda"), torch.ones(150, 200, device="cuda"))
    torch.cuda.synchronize()
    try:
        torch.cuda.set_sync_debug_mode("warn")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            pictures = rasterize(**leaves)
        torch.cuda.set_sync_debug_mode("error")
        torch.autograd.backward(pictures, weights)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    waits = [w for w in caught if "called a synchronizing CUDA operation" in str(w.message)]
    assert len(waits) == 1, [str(wait.message) for wait in waits]
    assert all(bool(torch.isfinite(leaves[name].grad).all()) for name in DIFFERENTIABLE)


def test_the_current_stream_is_used():
    arguments = scene(300, 64, 48, 1)
    wanted, _ = rasterize(**arguments)
    ready = moved(arguments, "cuda")
    rasterize(**ready)
    torch.cuda.synchronize()
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        torch.cuda._sleep(20_000_000)  # who does not wait for this reads memory not yet filled
        late = {k: v.clone() if torch.is_tensor(v) else v for k, v in ready.items()}
        image, _ = rasterize(**late)
    stream.synchronize()
    assert float((image.cpu() - wanted).abs().mean()) <= 3e-6


def test_opcheck():
    made = moved(scene(40, 21, 18, 1), "cuda")
    camera = [made["viewmat"], made["background"], made["K"], 21, 18, 1]
    tensors = [made[name] for name in ("means", "quats", "scales", "opacities", "colors")]
    image, alpha, *kept = rasterize_splats(*tensors, *camera)
    gradients = (torch.ones_like(image), torch.ones_like(alpha))
    sizes = (camera[0], camera[2], 21, 18, 1)
    torch.library.opcheck(
        rasterize_splats_backward, (*gradients, *tensors, *sizes, image, alpha, *kept)
    )
    leaves = [tensor.clone().requires_grad_() for tensor in tensors]
    torch.library.opcheck(rasterize_splats, (*leaves, *camera))


def test_a_broken_installation_warns_once_and_draws_on_the_cpu(monkeypatch):
    def device_launcher(*_):
        raise CudaError("NVRTC, CUDA's compiler, does not load (no such file)")

    arguments = scene(60, 40, 30, 1)
    wanted = derive(rasterize, arguments)
    monkeypatch.setattr(splats_cuda, "device_launcher", device_launcher)
    splats_cuda.launcher.cache_clear()
    try:
        with pytest.warns(RuntimeWarning, match="on the CPU.*cuda:0.*no such file") as caught:
            found = [derive(rasterize, moved(arguments, "cuda")) for _ in range(2)]
    finally:
        splats_cuda.launcher.cache_clear()
    assert len([w for w in caught if w.category is RuntimeWarning]) == 1
    for one in found:
        assert_close(one, wanted, tolerance=1e-6)
