"""The CUDA kernels on a real GPU, against their numba twins. Skipped where there is none."""

import importlib.util

import pytest
import torch

from course_lib.rendering import look_at, pinhole
from course_lib.rendering.kernels import bins, composite, cuda_launch, splats_cuda, threads
from course_lib.rendering.splats.operators import rasterize_splats

pytestmark = [
    pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch finds no GPU"),
    pytest.mark.skipif(
        importlib.util.find_spec("cuda") is None, reason="cuda-bindings is not installed"
    ),
]


@pytest.fixture(scope="module")
def launch():
    source = splats_cuda.SOURCE.read_text()
    return cuda_launch.device_launcher(
        source, splats_cuda.KERNELS, splats_cuda.MACROS, torch.device("cuda")
    )


def drawn_on_the_cpu(count, width, height):
    """Packed, members, bounds; rects and starts; image and alpha."""
    generator = torch.Generator().manual_seed(count)
    rand = torch.rand(count, 14, generator=generator)
    image, alpha, packed, rects, order, starts, places = rasterize_splats(
        2.0 * rand[:, :3] - 1.0, rand[:, 3:7] - 0.5, 0.02 + 0.2 * rand[:, 7:10], rand[:, 10],
        rand[:, None, 11:], look_at((0.4, -3.0, 0.8)), torch.tensor([0.2, 0.5, 0.9]),
        pinhole(width, height, 1.0), width, height, -1,
    )  # fmt: skip
    tiles_x, _ = splats_cuda.tiles(width, height)
    order, rectangles = order[order >= 0].numpy(), rects.numpy()
    with threads.kernel_lock:
        members = bins.list_members(order, rectangles, tiles_x, places.numpy(), int(starts[-1]))
        members = torch.from_numpy(members.copy())
    return (packed, members, places[[0, -1]].contiguous()), (rects, starts), (image, alpha)


def on_the_gpu(*tensors):
    return [tensor.cuda() for tensor in tensors]


@pytest.mark.parametrize("count", [0, 1, 300, 20_000])
@pytest.mark.parametrize("size", [(1, 1), (48, 5), (250, 187)])
def test_picture_and_moments(launch, count, size):
    lists, owners, seen = drawn_on_the_cpu(count, *size)
    background = torch.tensor([0.2, 0.5, 0.9]).cuda()
    found = splats_cuda.composite(launch, *on_the_gpu(*lists), background, *size)
    for one, other in zip(found, seen, strict=True):
        assert float((one.cpu() - other).abs().mean()) <= 3e-6
    gradients = [torch.randn(part.shape) for part in seen]
    moments = splats_cuda.composite_backward(
        launch, *on_the_gpu(*lists, *owners), *found, *on_the_gpu(*gradients)
    )
    wanted = torch.empty(moments.shape)
    bounds = lists[2].numpy()
    busiest = (bounds[0] - bounds[1]).argsort().astype("int32")
    arrays = [part.numpy() for part in (*owners, *seen, *gradients, wanted)]
    threads.in_parallel(
        composite.composite_backward, len(busiest),
        lists[0].numpy(), lists[1].numpy(), bounds, busiest, *arrays,
    )  # fmt: skip
    assert bool(torch.isfinite(moments).all())
    difference = float((moments.cpu() - wanted).norm())
    assert difference <= 1e-3 * float(wanted.norm()) + 1e-6


def test_the_same_bits_on_every_run(launch):
    lists, owners, seen = drawn_on_the_cpu(5000, 200, 150)
    arguments = on_the_gpu(*lists, *owners, *seen, *map(torch.ones_like, seen))
    runs = [splats_cuda.composite_backward(launch, *arguments) for _ in range(3)]
    assert torch.equal(runs[0], runs[1]) and torch.equal(runs[0], runs[2])


def test_the_current_stream_is_used(launch):
    lists, _, seen = drawn_on_the_cpu(300, 64, 48)
    inputs = on_the_gpu(*lists, torch.tensor([0.2, 0.5, 0.9]))
    torch.cuda.synchronize()
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        torch.cuda._sleep(20_000_000)  # who does not wait for this reads memory not yet filled
        late = [tensor.clone() for tensor in inputs]
        image, _ = splats_cuda.composite(launch, *late, 64, 48)
    stream.synchronize()
    assert float((image.cpu() - seen[0]).abs().mean()) <= 1e-6
