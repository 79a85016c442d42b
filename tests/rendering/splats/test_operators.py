import warnings

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from course_lib.rendering.kernels import splats_cuda
from course_lib.rendering.kernels.cuda_compile import CudaError
from course_lib.rendering.splats import operators, rasterize
from course_lib.rendering.splats.operators import rasterize_splats, rasterize_splats_backward


def operator_arguments(scene, sh_degree):
    made = scene(40, 21, 18, sh_degree)
    colors = made["colors"][:, None] if sh_degree is None else made["colors"]
    tensors = [made[name] for name in ("means", "quats", "scales", "opacities")]
    tensors += [colors, made["viewmat"], made["background"]]
    degree = -1 if sh_degree is None else sh_degree
    return [t.requires_grad_() for t in tensors] + [made["K"], 21, 18, degree]


@pytest.mark.parametrize("sh_degree", [None, 2])
def test_opcheck_forward(scene, sh_degree):
    torch.library.opcheck(rasterize_splats, operator_arguments(scene, sh_degree))


def test_opcheck_backward(scene):
    arguments = [a.detach() if torch.is_tensor(a) else a for a in operator_arguments(scene, 1)]
    image, alpha, *kept = rasterize_splats(*arguments)
    *inputs, _, K, width, height, degree = arguments
    gradients = (torch.ones_like(image), torch.ones_like(alpha))
    torch.library.opcheck(
        rasterize_splats_backward,
        (*gradients, *inputs, K, width, height, degree, image, alpha, *kept),
    )


@pytest.mark.skipif(
    torch.__version__ < (2, 6),
    reason="Dynamo of 2.5 follows neither dict |= nor tuple[Tensor, ...]",
)
def test_compiled_equals_eager_in_one_graph(scene):
    arguments = scene(40, 21, 18, 1)

    def loss(means, opacities):
        image, alpha = rasterize(**(arguments | {"means": means, "opacities": opacities}))
        return image.square().mean() + alpha.mean()

    compiled = torch.compile(loss, backend="aot_eager", fullgraph=True)
    results = []
    for function in (loss, compiled):
        leaves = [arguments[name].clone().requires_grad_() for name in ("means", "opacities")]
        value = function(*leaves)
        value.backward()
        results.append([value.detach(), *(leaf.grad for leaf in leaves)])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other)


def test_cuda_has_kernels_with_outputs_on_its_device_and_pairs_on_the_cpu():
    with FakeTensorMode():
        shapes = ((5, 3), (5, 4), (5, 3), (5,), (5, 1, 3), (4, 4), (3,), (3, 3))
        tensors = [torch.empty(shape, device="cuda") for shape in shapes]
        *outputs, pairs = rasterize_splats(*tensors, 33, 20, -1)
    assert outputs[0].shape == (20, 33, 3) and pairs.device.type == "cpu"
    assert all(output.device.type == "cuda" for output in outputs)
    for name in (operators.FORWARD, operators.BACKWARD):
        assert torch._C._dispatch_has_kernel_for_dispatch_key(name, "CUDA")


def test_cuda_is_asked_for_on_a_gpu_only(monkeypatch):
    monkeypatch.setattr(splats_cuda, "launcher", lambda device: f"how to launch on {device}")
    assert operators._launcher(torch.device("cuda", 1)) == "how to launch on cuda:1"
    assert operators._launcher(torch.device("cpu")) is None


@pytest.fixture
def broken(monkeypatch):
    """Tensors that claim to be on a GPU, for which nothing compiles."""

    def device_launcher(*_):
        raise CudaError("NVRTC, CUDA's compiler, does not load (no such file)")

    gpu = torch.device("cuda", 0)
    monkeypatch.setattr(splats_cuda, "device_launcher", device_launcher)
    monkeypatch.setattr(operators, "_launcher", lambda device: splats_cuda.launcher(gpu))
    splats_cuda.launcher.cache_clear()
    yield
    splats_cuda.launcher.cache_clear()


def test_a_broken_installation_warns_once_and_draws_on_the_cpu(scene, derive, request):
    wanted, wanted_gradients = derive(rasterize, scene(40, 21, 18, 1))
    request.getfixturevalue("broken")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        values, gradients = derive(rasterize, scene(40, 21, 18, 1))
        derive(rasterize, scene(40, 21, 18))
    (told,) = (warning for warning in caught if warning.category is RuntimeWarning)
    message = str(told.message)
    assert "on the CPU" in message and "cuda:0" in message and "no such file" in message
    assert "\n" not in message
    assert all(torch.equal(*pair) for pair in zip(values, wanted, strict=True))
    assert all(torch.equal(gradients[name], wanted_gradients[name]) for name in gradients)
