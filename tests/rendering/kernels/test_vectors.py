from itertools import pairwise

import numpy as np
import pytest

from course_lib.rendering.kernels import vectors


def test_the_exponential_is_good_to_two_millionths():
    x = np.linspace(-0.4, 0.0, 2001, dtype=np.float32)
    got = np.array([vectors.exp_of_16(v) for v in x])
    assert np.abs(got / np.exp(16 * x.astype(np.float64)) - 1).max() < 3e-6
    assert vectors.exp_of_16(np.float32(-1e30)) == got[0] and got[-1] == 1.0


@pytest.mark.parametrize("count", [0, 1, 10, 1000])
@pytest.mark.parametrize("parts", [1, 3, 64])
def test_shares_follow_each_other(count, parts):
    bounds = [vectors.share(part, parts, count) for part in range(parts)]
    assert bounds[0][0] == 0 and bounds[-1][1] == count
    assert all(a[1] == b[0] for a, b in pairwise(bounds))
