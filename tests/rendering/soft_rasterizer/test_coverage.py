import pytest
import torch
from torch.autograd import gradcheck

from course_lib.rendering.soft_rasterizer import (
    barycentric,
    hard_coverage,
    nearest_weights,
    soft_coverage,
    squared_distance,
    union,
)
from course_lib.rendering.splats import pixel_centres

TRIANGLE = torch.tensor([[2.1, 1.3], [9.2, 3.1], [4.4, 8.3]])
PIXELS = pixel_centres(12, 10)


def test_barycentric_weights_put_a_pixel_together():
    weights = barycentric(TRIANGLE, PIXELS)
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(10, 12))
    torch.testing.assert_close(weights @ TRIANGLE, PIXELS)
    torch.testing.assert_close(barycentric(TRIANGLE, TRIANGLE), torch.eye(3))


def test_the_distance_is_that_of_many_points_on_the_boundary():
    t = torch.linspace(0.0, 1.0, 2001)[:, None]
    edges = [a + t * (b - a) for a, b in zip(TRIANGLE, TRIANGLE.roll(-1, dims=0), strict=True)]
    wanted = torch.cdist(PIXELS.view(-1, 2), torch.cat(edges)).amin(dim=1).view(10, 12)
    torch.testing.assert_close(squared_distance(TRIANGLE, PIXELS).sqrt(), wanted, atol=2e-3, rtol=0)


def test_the_nearest_points_weights_lead_to_it():
    weights = nearest_weights(TRIANGLE, PIXELS)
    assert bool((weights >= 0).all())
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(10, 12))
    away = (weights @ TRIANGLE - PIXELS).square().sum(dim=-1)
    inside = hard_coverage(TRIANGLE, PIXELS)
    wanted = torch.where(inside, 0.0, squared_distance(TRIANGLE, PIXELS))
    torch.testing.assert_close(away, wanted, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(weights[inside], barycentric(TRIANGLE, PIXELS)[inside])


def test_hard_coverage_has_the_triangles_area_and_either_direction():
    fine = pixel_centres(1200, 1000) / 100.0
    covered = hard_coverage(TRIANGLE, fine)
    assert abs(float(covered.sum()) / 1e4 - 22.78) < 0.05  # (7.1 · 7 - 1.8 · 2.3) / 2
    assert torch.equal(covered, hard_coverage(TRIANGLE.flip(0), fine))


@pytest.mark.parametrize("sigma", [0.01, 1.0, 30.0])
def test_soft_coverage_is_above_a_half_inside_only(sigma):
    soft, hard = soft_coverage(TRIANGLE, PIXELS, sigma), hard_coverage(TRIANGLE, PIXELS)
    assert torch.equal(soft > 0.5, hard)
    assert bool(((soft >= 0) & (soft <= 1)).all())
    logit = torch.where(hard, 1.0, -1.0) * squared_distance(TRIANGLE, PIXELS) / sigma
    torch.testing.assert_close(soft, torch.sigmoid(logit))


def test_soft_coverage_becomes_hard_and_is_a_half_on_the_edge():
    soft = soft_coverage(TRIANGLE, PIXELS, 1e-9)
    torch.testing.assert_close(soft, hard_coverage(TRIANGLE, PIXELS).float())
    for sigma in (1e-6, 1.0, 1e6):
        middle = soft_coverage(TRIANGLE, TRIANGLE[:1], sigma)
        torch.testing.assert_close(middle, torch.tensor([0.5]))


def test_moving_moves_and_scaling_scales_with_sigma_as_an_area():
    soft = soft_coverage(TRIANGLE, PIXELS, 2.0)
    moved = soft_coverage(TRIANGLE + 5.0, PIXELS + 5.0, 2.0)
    scaled = soft_coverage(3.0 * TRIANGLE, 3.0 * PIXELS, 18.0)
    torch.testing.assert_close(moved, soft, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(scaled, soft, atol=1e-5, rtol=1e-4)


def test_gradients_by_corners_and_pixels():
    pixels = PIXELS.double()[::3, ::4].contiguous().requires_grad_()
    triangle = TRIANGLE.double().requires_grad_()
    assert gradcheck(lambda t, p: soft_coverage(t, p, 3.0), (triangle, pixels))
    assert gradcheck(nearest_weights, (triangle, pixels))


def test_a_pixel_outside_pulls_the_edge_towards_itself():
    triangle = TRIANGLE.clone().requires_grad_()
    soft_coverage(triangle, torch.tensor([1.0, 0.0]), 1.0).backward()  # nearest: the first corner
    assert float(triangle.grad[0].max()) < 0 and bool((triangle.grad[1:] == 0).all())


@pytest.mark.parametrize("flat", [TRIANGLE[[0, 0, 0]], TRIANGLE[[0, 1, 1]], TRIANGLE[[0, 1, 0]]])
def test_a_triangle_without_area_covers_nothing_and_has_no_gradient(flat):
    triangle = flat.clone().requires_grad_()
    soft = soft_coverage(triangle, PIXELS, 1.0)
    soft.sum().backward()
    assert bool((soft == 0).all()) and bool((triangle.grad == 0).all())
    assert not bool(hard_coverage(flat, PIXELS).any())


def test_many_triangles_at_once():
    triangles = torch.stack([TRIANGLE, TRIANGLE + 1.0, TRIANGLE.flip(0)])
    together = soft_coverage(triangles[:, None, None], PIXELS, 1.0)
    apart = torch.stack([soft_coverage(triangle, PIXELS, 1.0) for triangle in triangles])
    torch.testing.assert_close(together, apart, atol=1e-6, rtol=0)


def test_union():
    generator = torch.Generator().manual_seed(0)
    coverage = torch.rand(5, 4, 3, generator=generator)
    alpha = union(coverage)
    assert bool((alpha >= coverage.amax(dim=0)).all()) and bool((alpha <= 1).all())
    torch.testing.assert_close(union(coverage.flip(0)), alpha)
    assert bool((union(coverage[:0]) == 0).all()) and union(coverage[:0]).shape == (4, 3)
    torch.testing.assert_close(union(coverage[:1]), coverage[0])
