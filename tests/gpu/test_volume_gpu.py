"""Compositing on a real GPU, against the CPU's. Skipped where there is none."""

import warnings

import pytest
import torch

from course_lib.rendering.nerf import composite_rays
from course_lib.rendering.nerf.operators import composite_samples, composite_samples_backward

pytest.importorskip("cuda.bindings", reason="cuda-bindings is not installed")
pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch finds no GPU")


def samples(rays, seed=0):
    """sigmas, deltas, colors, ts, starts of rays with 0 to 200 samples."""
    generator = torch.Generator().manual_seed(seed)
    counts = torch.randint(0, 200, (rays,), generator=generator)
    starts = torch.nn.functional.pad(counts.cumsum(0), (1, 0))
    rand = torch.rand(int(starts[-1]), 6, generator=generator)
    return [4 * rand[:, 0], 0.1 * rand[:, 1], rand[:, 2:5], 5 * rand[:, 5], starts.int()]


def derive(arguments):
    *values, starts = arguments
    leaves = [value.detach().clone().requires_grad_() for value in values]
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)  # it would say that the CPU has computed
        rendered, weights = composite_rays(*leaves, starts, torch.ones(3).to(starts.device))
    outputs = [*rendered, weights]
    generator = torch.Generator().manual_seed(1)
    loss = sum((o * torch.randn(o.shape, generator=generator).to(o)).sum() for o in outputs)
    return [o.detach() for o in outputs], torch.autograd.grad(loss, leaves)


@pytest.mark.parametrize("rays", [0, 1, 7, 8, 9, 20_000])
def test_values_and_gradients(rays):
    arguments = samples(rays)
    found, wanted = derive([a.cuda() for a in arguments]), derive(arguments)
    for one, other in zip(found[0], wanted[0], strict=True):
        assert one.is_cuda
        torch.testing.assert_close(one.cpu(), other, rtol=1e-5, atol=5e-6)
    for one, other in zip(found[1], wanted[1], strict=True):
        assert float((one.cpu() - other).norm()) <= 1e-4 * float(other.norm()) + 1e-6


def test_opcheck():
    *values, starts = [a.cuda() for a in samples(20)]
    torch.library.opcheck(composite_samples, (*[v.requires_grad_() for v in values], starts))
    values = [v.detach() for v in values]
    rays, weights = composite_samples(*values, starts)
    gradients = torch.ones_like(rays), torch.ones_like(weights)
    torch.library.opcheck(composite_samples_backward, (*values, starts, weights, *gradients))


def test_impossible_samples_are_named():
    arguments = [a.cuda() for a in samples(20)]
    arguments[0][7] = -1.0
    with pytest.raises(ValueError, match=r"^sigmas: sample 7"):
        composite_rays(*arguments)


def test_the_current_stream_is_used():
    arguments = samples(300)
    wanted, _ = composite_rays(*arguments)
    on_gpu = [a.cuda() for a in arguments]
    torch.cuda.synchronize()
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        torch.cuda._sleep(20_000_000)  # who does not wait for this reads memory not yet filled
        found, _ = composite_rays(*(a.clone() for a in on_gpu))
    stream.synchronize()
    torch.testing.assert_close(found.color.cpu(), wanted.color, rtol=1e-5, atol=5e-6)
