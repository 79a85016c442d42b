"""What a splat's pixels add up to, in vectors by hand, against plain sums in float64."""

import numpy as np
import pytest
from numba import njit

from course_lib.rendering.kernels.lanes import PIXELS, VECTOR, sum_moments
from course_lib.rendering.kernels.project import MOMENTS, TILE_WIDTH


@njit
def add(weights, d_sigmas, place, buffers, pixel, steps, u, v, moments, pair):
    sum_moments(weights, d_sigmas, place, buffers, pixel, steps, u, v, moments, pair)


@pytest.mark.parametrize(("first", "steps"), [(0, 0), (0, 1), (0, 16), (3, 2), (9, 5), (15, 1)])
@pytest.mark.parametrize("centre", [(3.7, 20.2), (-30.0, 90.0)])
def test_moments_about_the_centre(first, steps, centre):
    random = np.random.default_rng(steps)
    values = random.normal(size=(2, 5 + PIXELS)).astype(np.float32)
    buffers = random.normal(size=(5, PIXELS)).astype(np.float32)
    u, v = np.float32(centre)
    moments = np.full((3, MOMENTS), np.nan, np.float32)
    add(*values, 5, buffers, first * VECTOR, steps, u, v, moments, 1)
    pixels = np.arange(first * VECTOR, (first + steps) * VECTOR)
    weight, s = values[:, 5 : 5 + len(pixels)].astype(np.float64)
    dx, dy = pixels % TILE_WIDTH + 0.5 - u, pixels // TILE_WIDTH + 0.5 - v
    terms = [*(weight * buffers[2:, pixels]), s, s * dx, s * dy, s * dx**2, s * dx * dy, s * dy**2]
    tolerances = 1e-6 * np.abs(terms).sum(axis=1) + 1e-12
    assert (np.abs(moments[1] - np.sum(terms, axis=1)) <= tolerances).all()
    assert np.isnan(moments[[0, 2]]).all()
