"""`volume.cu` without a GPU: what the compiler makes of it, and what it computes on a CPU."""

import importlib.util
import math

import pytest
import torch

from course_lib.rendering.kernels import cuda_compile, cuda_host, volume_cpu, volume_cuda
from course_lib.rendering.nerf import composite_packed, volume_weights

SOURCE = volume_cuda.SOURCE.read_text()
MOST_REGISTERS = 40


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


@pytest.mark.skipif(not installed("cuda.bindings"), reason="cuda-bindings is not installed")
@pytest.mark.parametrize("capability", [(7, 5), (8, 0), (9, 0)])
def test_few_registers_no_spills_no_doubles(capability):
    compiled = cuda_compile.compile_cuda(SOURCE, capability, volume_cuda.MACROS)
    usage = cuda_compile.usage(compiled.log)
    assert set(usage) == set(volume_cuda.KERNELS)
    assert all(kernel.registers <= MOST_REGISTERS for kernel in usage.values()), usage
    assert all(kernel.spilled == 0 for kernel in usage.values()), usage
    assert ".f64" not in compiled.ptx and compiled.ptx.count(".entry") == 2


needs_gxx = pytest.mark.skipif(
    cuda_host.compiler() is None, reason="g++ is not installed: the source cannot run on the CPU"
)


@pytest.fixture(scope="module")
def launch():
    return cuda_host.host_launcher(SOURCE, volume_cuda.KERNELS, volume_cuda.MACROS)


def made(counts, seed=0, density=4.0):
    """sigmas, deltas, colors, ts, starts of rays with these numbers of samples."""
    starts = torch.tensor([0, *counts]).cumsum(0).int()
    generator = torch.Generator().manual_seed(seed)
    rand = torch.rand(int(starts[-1]), 6, generator=generator)
    values = density * rand[:, 0], 0.3 * rand[:, 1], rand[:, 2:5], 5 * rand[:, 5]
    return [*(value.contiguous() for value in values), starts]


def reference(arguments, grad_rays, grad_weights):
    """Rays, weights and gradients by `composite_packed` and `volume_weights`, in float64."""
    *values, starts = arguments
    leaves = [value.double().requires_grad_() for value in values]
    sigmas, deltas, _, ts = leaves
    color, _, opacity = composite_packed(*leaves, starts)
    pairs = list(zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True))
    weights = torch.cat(
        [leaves[0][:0], *(volume_weights(sigmas[a:b], deltas[a:b])[0] for a, b in pairs)]
    )
    distance = torch.stack([(weights[a:b] * ts[a:b]).sum() for a, b in pairs])
    rays = torch.cat([color, distance[:, None], opacity[:, None]], dim=1)
    loss = (rays * grad_rays).sum() + (weights * grad_weights).sum()
    return rays.detach(), weights.detach(), torch.autograd.grad(loss, leaves)


def agree(launch, arguments, tolerance=1e-5):
    """Values and gradients of the CUDA source, of the numba twin and of the reference."""
    rays, weights, fault = volume_cuda.composite_samples(launch, *arguments)
    assert fault is None
    generator = torch.Generator().manual_seed(1)
    grads = [torch.randn(part.shape, generator=generator) for part in (rays, weights)]
    found = volume_cuda.composite_samples_backward(launch, *arguments, weights, *grads)
    arrays = [argument.numpy() for argument in arguments]
    twin = volume_cpu.composite_samples(*arrays)
    twins = volume_cpu.composite_samples_backward(
        *arrays, twin[1], *(grad.numpy() for grad in grads)
    )
    wanted_rays, wanted_weights, wanted = reference(arguments, *grads)
    for rays_like, weights_like in (map(torch.from_numpy, twin[:2]), (wanted_rays, wanted_weights)):
        torch.testing.assert_close(rays.double(), rays_like.double(), rtol=2e-6, atol=2e-6)
        torch.testing.assert_close(weights.double(), weights_like.double(), rtol=0, atol=1e-6)
    for one, other, third in zip(found, map(torch.from_numpy, twins), wanted, strict=True):
        for right in (other, third):
            difference, size = float((one - right).norm()), float(right.norm())
            assert difference <= tolerance * size + 1e-6
    return rays, weights, found


@needs_gxx
@pytest.mark.parametrize(
    "counts", [[1], [31], [32], [33], [0, 5, 0], [64, 1, 0, 100, 700, 3, 32, 31, 33] * 2]
)
def test_numbers_of_samples(launch, counts):
    agree(launch, made(counts))


@needs_gxx
@pytest.mark.parametrize("density", [0.0, 0.01, 300.0])
def test_thin_and_thick(launch, density):
    agree(launch, made([100, 40], density=density), 1e-4)


@needs_gxx
def test_weights_and_remaining_light_add_to_one(launch):
    rays, weights, _ = agree(launch, made([1000] * 3, density=0.02))
    assert float((weights.view(3, -1).double().sum(1) - rays[:, 4]).abs().max()) <= 1e-6
    sigmas, deltas = torch.full((1000,), 0.7), torch.full((1000,), 0.002)
    starts = torch.tensor([0, 1000], dtype=torch.int32)
    rays, _, _ = volume_cuda.composite_samples(
        launch, sigmas, deltas, torch.ones(1000, 3), torch.ones(1000), starts
    )
    assert float(rays[0, 4]) == pytest.approx(1 - math.exp(-1.4), abs=1e-6)


@needs_gxx
def test_walls_and_steps_without_length(launch):
    arguments = made([70, 40])
    arguments[0][[3, 33, 90]] = math.inf
    arguments[1][[3, 50, 100]] = 0.0
    arguments[1][105] = math.inf
    rays, weights, gradients = agree(launch, arguments)
    assert float(weights[3]) == 0.0 and bool((weights[34:70] == 0).all())
    assert float(rays[0, 4]) == pytest.approx(1.0, abs=1e-6)
    assert all(bool(torch.isfinite(gradient).all()) for gradient in gradients)


@needs_gxx
def test_no_rays(launch):
    rays, weights, _ = volume_cuda.composite_samples(launch, *made([]))
    assert rays.shape == (0, 5) and weights.shape == (0,)
    gradients = volume_cuda.composite_samples_backward(launch, *made([]), weights, rays, weights)
    assert [tuple(gradient.shape) for gradient in gradients] == [(0,), (0,), (0, 3), (0,)]


@needs_gxx
@pytest.mark.parametrize(("which", "bad"), [(0, -1.0), (0, math.nan), (1, math.nan)])
def test_impossible_samples_are_found(launch, which, bad):
    arguments = made([5, 5])
    arguments[which][7] = bad
    assert volume_cuda.composite_samples(launch, *arguments)[2] == (which, 7)
    assert volume_cpu.composite_samples(*(a.numpy() for a in arguments))[2] == (which, 7)


@needs_gxx
def test_the_same_bits_on_every_run(launch):
    arguments = made([64, 1, 0, 100, 700])
    runs = [agree(launch, arguments) for _ in range(2)]
    assert torch.equal(runs[0][0], runs[1][0])
    assert all(torch.equal(a, b) for a, b in zip(runs[0][2], runs[1][2], strict=True))
