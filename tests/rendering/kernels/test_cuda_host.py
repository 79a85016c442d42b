"""Running a CUDA source on the CPU."""

import pytest
import torch

from course_lib.rendering.kernels import cuda_host

pytestmark = pytest.mark.skipif(
    cuda_host.compiler() is None, reason="g++ is not installed: the source cannot run on the CPU"
)


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_DATA", str(tmp_path_factory.mktemp("cache")))
        yield


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


def test_an_error_in_the_source_is_told():
    with pytest.raises(RuntimeError, match=r"(?s)g\+\+ does not compile .*nonsense"):
        cuda_host.host_launcher("nonsense", (), {})
