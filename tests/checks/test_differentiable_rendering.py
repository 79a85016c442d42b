"""Unit 14: other right answers pass; a mistake costs its own points and is called by its name."""

import pytest
import torch

from course_lib.checks.differentiable_rendering import CHECKS as EVERY
from course_lib.checks.differentiable_rendering.cameras import (
    FACES,
    TETRAHEDRON,
    fit_camera_step,
    silhouette,
)
from course_lib.rendering import look_at, pinhole, soft_rasterizer

CHECKS = {each.function: each for each in EVERY}


def cross(u, v):
    return u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]


def hard_by_turning_it_round(triangle, pixels):
    """List the corners so that the area is positive; then all three edges must be on the left."""
    a, b, c = triangle.detach()
    if float(cross(b - a, c - a)) == 0:
        return torch.zeros(pixels.shape[:-1], dtype=torch.bool)
    if float(cross(b - a, c - a)) < 0:
        b, c = c, b
    first, second = cross(b - a, pixels - a) >= 0, cross(c - b, pixels - b) >= 0
    return first & second & (cross(a - c, pixels - c) >= 0)


def hard_by_shares(triangle, pixels):
    """Solve p = a + s (b - a) + t (c - a) in double precision, by Cramer's rule."""
    a, b, c = triangle.double()
    whole = cross(b - a, c - a)
    s = cross(pixels.double() - a, c - a) / whole
    t = cross(b - a, pixels.double() - a) / whole
    return (s >= 0) & (t >= 0) & (s + t <= 1) & (whole != 0)


def soft_with_distance(triangle, pixels, sigma):
    """The nearest point's place on the edge is detached: its slope is zero there anyway."""
    nearest = []
    for a, b in zip(triangle, triangle.roll(-1, dims=0), strict=True):
        t = ((pixels - a) @ (b - a) / (b - a).dot(b - a)).detach().clip(0, 1)
        nearest.append(((pixels - a - t[..., None] * (b - a)) ** 2).sum(-1))
    squares = torch.stack(nearest).min(dim=0).values
    sign = 2.0 * hard_by_turning_it_round(triangle, pixels).float() - 1.0
    return 1 / (1 + torch.exp((-sign * squares / sigma).clamp(max=80.0)))


def soft_in_two_cases(triangle, pixels, sigma):
    """To the line if the foot lies on the edge, else to the nearer end."""
    squares = []
    for a, b in zip(triangle, triangle.roll(-1, dims=0), strict=True):
        ends = torch.minimum((pixels - a).square().sum(-1), (pixels - b).square().sum(-1))
        line = cross(b - a, pixels - a).square() / (b - a).square().sum()
        t = (pixels - a) @ (b - a) / (b - a).square().sum()
        squares.append(torch.where((t > 0) & (t < 1), line, ends))
    distance2 = torch.minimum(torch.minimum(*squares[:2]), squares[2])
    inside = soft_rasterizer.hard_coverage(triangle, pixels)
    return (distance2 * (2 * inside.int() - 1) / sigma).sigmoid()


def blend_by_softmax(coverage, depths, colors, background, gamma):
    logits = torch.where(coverage > 0, coverage.clamp_min(1e-30).log() + 1 / (depths * gamma), -1e9)
    shares = logits.softmax(dim=0)
    left = torch.prod(1 - coverage, dim=0).unsqueeze(-1)
    return torch.einsum("fhw,fhwc->hwc", shares, colors) * (1 - left) + left * background


def blend_in_a_loop(coverage, depths, colors, background, gamma):
    """Keep the largest exponent so far and rescale, as in a running softmax."""
    largest = torch.zeros_like(depths[0])
    total, seen = torch.zeros_like(largest), torch.zeros_like(colors[0])
    left = torch.ones_like(largest)
    for D, z, color in zip(coverage, depths, colors, strict=True):
        exponent = torch.where(D > 0, 1 / (z * gamma), 0.0)
        new = torch.maximum(largest, exponent.detach())
        shrink, weight = torch.exp(largest - new), D * torch.exp(exponent - new)
        total, seen = total * shrink + weight, seen * shrink[..., None] + weight[..., None] * color
        largest, left = new, left * (1 - D)
    empty = total == 0
    seen = seen / torch.where(empty, 1.0, total)[..., None]
    return (1 - left)[..., None] * seen + left[..., None] * background


def step_by_backward(viewmat, vertices, faces, K, target, sigma, learning_rate):
    """The compiled silhouette; the gradient by the whole camera, of which one column is used."""
    camera = viewmat.detach().clone().requires_grad_()
    height, width = target.shape
    alpha = soft_rasterizer.soft_silhouette(vertices, faces, camera, K, width, height, sigma=sigma)
    loss = torch.nn.functional.mse_loss(alpha, target)
    loss.backward()
    step = torch.zeros(4, 4)
    step[:3, 3] = camera.grad[:3, 3]
    return viewmat - learning_rate * step, loss.detach()


def step_by_the_library(viewmat, vertices, faces, K, target, sigma, learning_rate):
    given = {"sigma": sigma, "learning_rate": learning_rate}
    return soft_rasterizer.fit_camera_step(viewmat, vertices, faces, K, target, **given)


def step_of_the_position(viewmat, vertices, faces, K, target, sigma, learning_rate):
    """Descend by the camera's place in the world: a turned frame has the same steepest way."""
    R, size = viewmat[:3, :3], target.shape[0]
    place = (-R.T @ viewmat[:3, 3]).requires_grad_()
    top = torch.cat([R, (-R @ place)[:, None]], dim=1)
    alpha = silhouette(torch.cat([top, viewmat[3:]]), vertices, faces, K, size, sigma)
    loss = ((alpha - target) ** 2).sum() / target.numel()
    (gradient,) = torch.autograd.grad(loss, place)
    after = viewmat.clone()
    after[:3, 3] = -R @ (place.detach() - learning_rate * gradient)
    return after, loss.item()


ANSWERS = [
    ("hard_coverage", hard_by_turning_it_round),
    ("hard_coverage", hard_by_shares),
    ("soft_coverage", soft_with_distance),
    ("soft_coverage", soft_in_two_cases),
    ("soft_depth_blend", blend_by_softmax),
    ("soft_depth_blend", blend_in_a_loop),
    ("fit_camera_step", step_by_backward),
    ("fit_camera_step", step_by_the_library),
    ("fit_camera_step", step_of_the_position),
]


LOST = [
    ("hard_coverage", "edges outside", "on an edge"),
    ("hard_coverage", "lines and points covered", "no area"),
    ("hard_coverage", "one way round only", "order of the corners|pictures"),
    ("hard_coverage", "the box", "by eye|pictures"),
    ("soft_coverage", "one way round only", "sigma to 0|values|gradients"),
    ("soft_coverage", "clamped line", "known distances|values|gradients"),
    ("soft_coverage", "farthest edge", "known distances|values|gradients"),
    ("soft_coverage", "detached", "gradients"),
    ("soft_depth_blend", "overflow", "z-buffer"),
    ("soft_depth_blend", "uncovering faces set the largest exponent", "z-buffer"),
    ("soft_depth_blend", "one largest exponent for the picture", "z-buffer"),
    ("soft_depth_blend", "depth for inverse depth", "by hand|values|gradients"),
    ("soft_depth_blend", "alpha the sum", "values|gradients"),
    ("soft_depth_blend", "weights detached", "gradients"),
    ("soft_depth_blend", "alpha detached", "gradients"),
    ("fit_camera_step", "the rotation moves", "right camera"),
    ("fit_camera_step", "half the mean", "loss and step"),
    ("fit_camera_step", "loss after the step", "loss and step"),
    ("fit_camera_step", "uphill", "loss and step|twenty steps"),
    ("fit_camera_step", "another sigma", "right camera|loss and step"),
]


TOLD = [
    ("hard_coverage", "one way round only", "its corners listed in another order"),
    ("hard_coverage", "edges outside", "exactly on an edge, or at a corner, counts as inside"),
    ("hard_coverage", "lines and points covered", "has no area and covers nothing"),
    ("hard_coverage", "the box", "the box around the triangle is covered"),
    ("hard_coverage", "x and y swapped", "x and y have changed places"),
    ("hard_coverage", "half a pixel added", "`pixels` are centres already"),
    ("hard_coverage", "inside out", "what is outside is True"),
    ("hard_coverage", "zero and one", "should be torch.bool"),
    ("hard_coverage", "in place", "`pixels` in place"),
    ("soft_coverage", "endless lines", "an edge ends at its corners"),
    ("soft_coverage", "endless on one side", "goes on beyond one of them"),
    ("soft_coverage", "distance not squared", "the distance is not squared"),
    ("soft_coverage", "sigma multiplies", "a larger sigma should make the edge softer"),
    ("soft_coverage", "sigma squared", "it is an area already"),
    ("soft_coverage", "no sign", "the sign is missing"),
    ("soft_coverage", "inside out", "the sign is the wrong way round"),
    ("soft_coverage", "one all over the inside", "the sigmoid has two sides"),
    ("soft_coverage", "farthest edge", "should be the nearest"),
    ("soft_coverage", "nearest corner", "the distance is to the nearest corner"),
    ("soft_coverage", "one way round only", "corners listed backwards"),
    ("soft_coverage", "hard", "sigma has no effect"),
    ("soft_coverage", "detached", "no gradient flows"),
    ("soft_depth_blend", "farthest first", "the farthest face counts most"),
    ("soft_depth_blend", "depth for inverse depth", "asked is its inverse"),
    ("soft_depth_blend", "gamma multiplies", "it should divide"),
    ("soft_depth_blend", "coverage not in the weights", "coverage does not enter the weights"),
    ("soft_depth_blend", "weights not divided by their sum", "the weights do not add to one"),
    ("soft_depth_blend", "no background", "the background is missing"),
    ("soft_depth_blend", "background at full strength", "at full strength"),
    ("soft_depth_blend", "alpha forgotten", "the background never shows"),
    ("soft_depth_blend", "alpha the largest coverage", "alpha is the largest coverage"),
    ("soft_depth_blend", "alpha the sum", "counts the overlap twice"),
    ("soft_depth_blend", "depths ignored", "the depths make no difference"),
    ("soft_depth_blend", "the paper's background", "as one more face of the sum"),
    ("soft_depth_blend", "overflow", "float32 ends at e to the power 88"),
    (
        "soft_depth_blend",
        "uncovering faces set the largest exponent",
        "being near is not enough",
    ),
    ("soft_depth_blend", "one largest exponent for the picture", "should take it all"),
    ("fit_camera_step", "uphill", "the step goes uphill"),
    ("fit_camera_step", "sum for mean", "asked is their mean"),
    ("fit_camera_step", "half the mean", "half the mean of the squares"),
    ("fit_camera_step", "absolute values", "not of squares"),
    ("fit_camera_step", "root of the mean", "the root of the mean square"),
    ("fit_camera_step", "unit steps", "whatever the gradient's length is"),
    ("fit_camera_step", "signs only", "only the signs"),
    ("fit_camera_step", "loss after the step", "asked is the one before it"),
    ("fit_camera_step", "sideways only", "sideways only"),
    ("fit_camera_step", "target made hard", "made hard before it is compared"),
    ("fit_camera_step", "target turned round", "the target is turned round"),
    ("fit_camera_step", "another sigma", "not the one that was given"),
    ("fit_camera_step", "the rotation moves", "may change the translation only"),
    ("fit_camera_step", "no step", "the loss is right, the step is not"),
    ("fit_camera_step", "in place", "`viewmat` in place"),
]


@pytest.mark.parametrize("sigma", [0.3, 2.0])
def test_the_step_of_the_check_is_the_librarys(sigma):
    """The check's step meets every pixel with every face; the library's is compiled."""
    viewmat, K = look_at((0.4, -3.0, 1.0)), pinhole(20, 20, 0.8)
    target = silhouette(look_at((0.0, -3.0, 0.8)), TETRAHEDRON, FACES, K, 20, sigma)
    given = (viewmat, TETRAHEDRON, FACES, K, target, sigma, 0.5)
    (came, loss), (wanted, least) = fit_camera_step(*given), step_by_the_library(*given)
    torch.testing.assert_close(came, wanted, atol=2e-5, rtol=1e-4)
    assert loss == pytest.approx(float(least), rel=1e-4)


def test_the_unit_has_sixteen_points():
    assert [check.points for check in CHECKS.values()] == [4] * 4
