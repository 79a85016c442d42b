import numpy as np
import pytest
import torch

from course_lib.data.brush import along_and_off, brush_arrival, draw_scratch


def test_positions_relative_to_a_slanted_segment():
    start, end = (0.0, 0.0), (3.0, 4.0)  # length 5
    x = np.array([3.0, 6.0, -4.0, 1.5, 7.0])
    y = np.array([4.0, 8.0, 3.0, 2.0, 1.0])
    along, off, distance = along_and_off(x, y, start, end)
    np.testing.assert_allclose(along, [5.0, 10.0, 0.0, 2.5, 5.0], atol=1e-12)
    np.testing.assert_allclose(off, [0.0, 0.0, 5.0, 0.0, -5.0], atol=1e-12)
    np.testing.assert_allclose(distance, [0.0, 5.0, 5.0, 0.0, 5.0], atol=1e-12)


def test_a_segment_without_length_is_a_point():
    distance = along_and_off(np.arange(5.0), np.zeros(1), (2, 0), (2, 0))[2]
    assert distance.tolist() == [2, 1, 0, 1, 2]


@pytest.mark.parametrize("wanted", [1, 100, 256])
def test_the_walk_goes_on_until_it_has_enough(wanted):
    arrival = brush_arrival(16, 16, 2.0, wanted, torch.Generator().manual_seed(0))
    assert arrival.isfinite().sum() >= wanted
    assert -4 <= arrival.min() <= 2  # the rear of the brush, one diameter behind its front


def test_the_brush_arrives_at_the_pixels_in_front_of_it_in_order():
    from course_lib.data.brush import _touch

    arrival = np.full((5, 12), np.inf, np.float32)
    _touch(arrival, (2.5, 2.5), (8.5, 2.5), radius=1.2, travelled=10.0)
    assert arrival[2, 2:9].tolist() == pytest.approx([10 + i - 1.2 for i in range(7)], abs=1e-5)
    assert arrival[1, 2] > arrival[2, 2] and np.array_equal(arrival[1], arrival[3])
    assert np.isinf(arrival[0]).all() and np.isinf(arrival[2, 10:]).all()


def test_a_scratch_adds_to_the_mask():
    mask = torch.zeros(32, 32, dtype=torch.bool)
    mask[0] = True
    draw_scratch(mask, 1.0, torch.Generator().manual_seed(0))
    assert mask[0].all() and mask[1:].any()
