import math

import pytest
import torch

from course_lib.generative.schedules import (
    cosine_schedule,
    linear_schedule,
    log_snr,
    spaced_steps,
    step_variances,
)


@pytest.mark.parametrize("make", [linear_schedule, cosine_schedule])
@pytest.mark.parametrize("steps", [50, 100, 1000])
def test_it_falls_from_nearly_one_to_nearly_nothing(make, steps):
    alpha_bar = make(steps)
    assert alpha_bar.shape == (steps,) and alpha_bar.dtype == torch.float32
    assert bool((alpha_bar.diff() < 0).all())
    assert alpha_bar[0] > 0.99 and 0 < alpha_bar[-1] < 1e-3


def test_linear_is_linear_in_the_variances():
    betas = step_variances(linear_schedule(1000).double())
    wanted = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
    torch.testing.assert_close(betas, wanted, atol=2e-6, rtol=1e-3)


def test_cosine_is_a_squared_cosine_until_the_cap():
    u = (torch.arange(1, 1001).double() / 1000 + 0.008) / 1.008
    wanted = (u * math.pi / 2).cos().square() / math.cos(0.008 / 1.008 * math.pi / 2) ** 2
    torch.testing.assert_close(cosine_schedule(1000)[:-1], wanted[:-1].float(), atol=1e-6, rtol=0)
    assert step_variances(cosine_schedule(1000))[-1] == pytest.approx(0.999, abs=1e-4)


def test_few_steps_reach_as_far_as_many():
    assert float(linear_schedule(50)[-1]) == pytest.approx(
        float(linear_schedule(1000)[-1]), abs=1e-4
    )


def test_signal_to_noise_is_one_where_half_is_left():
    assert float(log_snr(torch.tensor([0.5, 0.9, 0.1])).sum()) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(("steps", "count"), [(1000, 50), (1000, 1000), (7, 3), (5, 1)])
def test_spaced_steps_are_distinct_and_reach_both_ends(steps, count):
    times = spaced_steps(steps, count)
    assert len(set(times)) == count and times == sorted(times, reverse=True)
    assert times[0] == steps - 1 and (count == 1 or times[-1] == 0)


def test_errors_name_the_argument():
    with pytest.raises(ValueError, match="steps: got 1"):
        linear_schedule(1)
    with pytest.raises(ValueError, match="steps"):
        cosine_schedule(0)
    with pytest.raises(ValueError, match="start, end"):
        linear_schedule(10)
    with pytest.raises(ValueError, match="count: got 11"):
        spaced_steps(10, 11)
