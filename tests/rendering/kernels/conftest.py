"""The CUDA kernels, run on the CPU."""

import pytest

from course_lib.rendering.kernels import cuda_host, cuda_stages


@pytest.fixture(scope="session")
def launch(tmp_path_factory):
    """How to launch the kernels of `splats_*.cu`, compiled by g++."""
    if cuda_host.compiler() is None:
        pytest.skip("g++ is not installed: the CUDA source cannot run on the CPU")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_DATA", str(tmp_path_factory.mktemp("cache")))
        return cuda_host.host_launcher(
            cuda_stages.source(), cuda_stages.KERNELS, cuda_stages.MACROS
        )
