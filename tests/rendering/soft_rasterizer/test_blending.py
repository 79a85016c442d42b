import pytest
import torch
from torch.autograd import gradcheck

from course_lib.rendering.soft_rasterizer import (
    interpolate,
    nearest_weights,
    soft_depth_blend,
    union,
    z_buffer,
)


def layers_of(count, seed=0):
    """Coverage, depths, colours and background of a picture of 4 x 3 pixels."""
    generator = torch.Generator().manual_seed(seed)
    coverage = torch.rand(count, 4, 3, generator=generator)
    depths = 1.0 + 3.0 * torch.rand(count, 4, 3, generator=generator)
    colors = torch.rand(count, 4, 3, 3, generator=generator)
    return coverage, depths, colors, torch.tensor([0.1, 0.2, 0.3])


@pytest.mark.parametrize("gamma", [1e-3, 0.1, 10.0])
def test_the_mixture_is_the_formula(gamma):
    coverage, depths, colors, background = (layer.double() for layer in layers_of(4))
    shares = torch.softmax(coverage.log() + 1.0 / (depths * gamma), dim=0)
    alpha = 1.0 - torch.prod(1.0 - coverage, dim=0)
    wanted = alpha[..., None] * torch.einsum("fhw,fhwc->hwc", shares, colors)
    wanted = wanted + (1.0 - alpha)[..., None] * background
    torch.testing.assert_close(soft_depth_blend(*layers_of(4), gamma).double(), wanted, rtol=1e-4,
                               atol=1e-5)  # fmt: skip


def test_small_gamma_is_a_z_buffer():
    coverage, depths, colors, background = layers_of(6)
    covered = coverage > 0.4
    blended = soft_depth_blend(covered.float(), depths, colors, background, 1e-6)
    seen = z_buffer(covered, depths)
    rows, columns = torch.meshgrid(torch.arange(4), torch.arange(3), indexing="ij")
    wanted = torch.where(seen[..., None] >= 0, colors[seen, rows, columns], background)
    torch.testing.assert_close(blended, wanted)


def test_large_gamma_forgets_depth():
    coverage, depths, colors, background = layers_of(5)
    one = soft_depth_blend(coverage, depths, colors, background, 1e6)
    other = soft_depth_blend(coverage, depths.flip(0), colors, background, 1e6)
    torch.testing.assert_close(one, other, atol=1e-5, rtol=0)


def test_order_does_not_matter_and_one_colour_stays_itself():
    coverage, depths, colors, background = layers_of(5)
    wanted = soft_depth_blend(coverage, depths, colors, background, 0.1)
    order = torch.tensor([3, 0, 4, 2, 1])
    shuffled = soft_depth_blend(coverage[order], depths[order], colors[order], background, 0.1)
    torch.testing.assert_close(shuffled, wanted)
    same = soft_depth_blend(coverage, depths, torch.ones_like(colors), torch.ones(3), 0.1)
    torch.testing.assert_close(same, torch.ones(4, 3, 3))


def test_nothing_overflows_and_an_uncovering_face_does_not_count():
    coverage, depths, colors, background = layers_of(3)
    wanted = soft_depth_blend(coverage[1:], depths[1:], colors[1:], background, 1e-6)
    coverage[0], depths[0] = 0.0, 1e-3
    leaves = [layer.requires_grad_() for layer in (coverage, depths, colors)]
    blended = soft_depth_blend(*leaves, background, 1e-6)
    torch.testing.assert_close(blended, wanted)
    blended.sum().backward()
    assert all(bool(torch.isfinite(leaf.grad).all()) for leaf in leaves)


@pytest.mark.parametrize("count", [0, 3])
def test_where_nothing_covers_there_is_the_background(count):
    _, depths, colors, background = layers_of(count)
    blended = soft_depth_blend(torch.zeros(count, 4, 3), depths, colors, background, 0.1)
    assert torch.equal(blended, background.expand(4, 3, 3))
    assert bool((z_buffer(torch.zeros(count, 4, 3, dtype=torch.bool), depths) == -1).all())


def test_gradients():
    layers = [layer.double().requires_grad_() for layer in layers_of(3)]
    assert gradcheck(lambda *inputs: soft_depth_blend(*inputs, 0.3), layers)


def test_one_face_is_laid_over_the_background():
    coverage, depths, colors, background = layers_of(1)
    wanted = torch.lerp(background, colors[0], union(coverage)[..., None])
    torch.testing.assert_close(soft_depth_blend(coverage, depths, colors, background, 0.1), wanted)


def test_interpolation_is_that_of_points_in_space():
    """A point of a triangle in space, projected: its depth and what varies linearly over it."""
    generator = torch.Generator().manual_seed(1)
    corners = torch.rand(3, 3, generator=generator) + torch.tensor([0.0, 0.0, 1.0])
    mix = torch.softmax(torch.randn(50, 3, generator=generator), dim=1)
    points = mix @ corners  # (50, 3)
    depths = corners[:, 2]
    weights = mix * depths / points[:, 2:]  # in the picture, after division by z
    nearness, colors = interpolate(weights, 1.0 / depths, corners)
    torch.testing.assert_close(1.0 / nearness, points[:, 2])
    torch.testing.assert_close(colors, points)


def test_outside_a_triangle_there_are_no_colours_beyond_its_own():
    generator = torch.Generator().manual_seed(2)
    triangle = torch.tensor([[1.0, 0.0], [4.0, 1.0], [2.0, 5.0]])
    pixels = 6.0 * torch.randn(100, 2, generator=generator)
    weights = nearest_weights(triangle, pixels)
    nearness, colors = interpolate(weights, torch.tensor([1.0, 0.5, 0.25]), torch.eye(3))
    assert bool(((nearness >= 0.25) & (nearness <= 1.0)).all())
    assert bool(((colors >= 0) & (colors <= 1)).all())
    torch.testing.assert_close(colors.sum(dim=1), torch.ones(100))
