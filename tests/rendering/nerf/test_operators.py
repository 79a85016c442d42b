import pytest
import torch

from course_lib.rendering.nerf import composite_rays
from course_lib.rendering.nerf.operators import composite_samples, composite_samples_backward


def arguments():
    rand = torch.rand(7, 6, generator=torch.Generator().manual_seed(0))
    starts = torch.tensor([0, 3, 3, 7], dtype=torch.int32)
    return rand[:, 0].clone(), rand[:, 1].clone(), rand[:, 2:5].contiguous(), rand[:, 5], starts


def test_opcheck_forward():
    *tensors, starts = arguments()
    torch.library.opcheck(composite_samples, (*[t.requires_grad_() for t in tensors], starts))


def test_opcheck_backward():
    rays, weights = composite_samples(*arguments())
    gradients = torch.ones_like(rays), torch.ones_like(weights)
    torch.library.opcheck(composite_samples_backward, (*arguments(), weights, *gradients))


@pytest.mark.filterwarnings("ignore:Input #")  # gradcheck would rather have doubles
def test_gradcheck():
    *tensors, starts = arguments()
    leaves = [t.requires_grad_() for t in tensors]

    def composited(*leaves):
        return composite_samples(*leaves, starts)

    # In float32, so the steps are large and the tolerance is that of their rounding.
    assert torch.autograd.gradcheck(composited, leaves, eps=1e-2, atol=2e-3, rtol=1e-2)


def test_compiled_equals_eager_in_one_graph():
    *tensors, starts = arguments()

    def loss(sigmas, colors):
        rendered, _ = composite_rays(sigmas, tensors[1], colors, tensors[3], starts)
        return rendered.color.square().mean() + rendered.depth.mean()

    results = []
    for function in (loss, torch.compile(loss, backend="aot_eager", fullgraph=True)):
        leaves = [tensors[0].clone().requires_grad_(), tensors[2].clone().requires_grad_()]
        value = function(*leaves)
        value.backward()
        results.append([value.detach(), *(leaf.grad for leaf in leaves)])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other)
