import pytest
import torch

from course_lib.rendering.splats import rasterize
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
