"""Unit 16: other right answers pass; a mistake costs its own points and is called by its name."""

import math

import numpy as np
import torch

from course_lib.checks.nerf import CHECKS as EVERY
from course_lib.rendering import nerf

CHECKS = {each.function: each for each in EVERY}


def rays_by_inverse(viewmat, K, width, height):
    """Pixels as homogeneous vectors through the inverses of K and of viewmat, row by row."""
    c2w, lens = torch.linalg.inv(viewmat), torch.linalg.inv(K)
    directions = torch.empty(height, width, 3)
    for i in range(height):
        for j in range(width):
            way = c2w[:3, :3] @ lens @ torch.tensor([j + 0.5, i + 0.5, 1.0])
            directions[i, j] = way / way.square().sum().sqrt()
    return c2w[:3, 3].repeat(height, width, 1), directions


def rays_by_two_points(viewmat, K, width, height):
    """Each ray through the camera's centre and a point at depth 3."""
    c2w = torch.linalg.inv(viewmat)
    x = (torch.arange(width) + 0.5 - K[0, 2]) * 3 / K[0, 0]
    y = (torch.arange(height) + 0.5 - K[1, 2]) * 3 / K[1, 1]
    seen = torch.cartesian_prod(y, x).reshape(height, width, 2).flip(-1)
    seen = torch.cat([seen, torch.full((height, width, 1), 3.0), torch.ones(height, width, 1)], -1)
    points = torch.einsum("ab,hwb->hwa", c2w, seen)[..., :3]
    origins = torch.zeros_like(points) + c2w[:3, 3]
    directions = points - origins
    return origins, directions / torch.linalg.vector_norm(directions, dim=-1, keepdim=True)


def encoding_by_exponential(x, frequencies):
    angles = x[..., None, :] * (math.pi * 2.0 ** torch.arange(frequencies))[:, None]
    turned = torch.exp(1j * angles)  # (..., L, D)
    return torch.stack([turned.imag, turned.real], dim=-2).flatten(-3)


def encoding_by_loop(x, frequencies):
    parts = []
    for k in range(frequencies):
        parts += [torch.sin(x * 2**k * torch.pi), torch.cos(x * 2**k * torch.pi)]
    return torch.cat(parts, dim=-1) if parts else torch.zeros(*x.shape[:-1], 0)


def stratified_by_edges(near, far, u):
    rays = [
        torch.linspace(0, 1, u.shape[1] + 1) * (b - a) + a for a, b in zip(near, far, strict=True)
    ]
    edges = torch.stack(rays)
    return edges[:, :-1] * (1 - u) + edges[:, 1:] * u


def weights_by_loop(sigmas, deltas):
    light, weights = torch.ones(len(sigmas)), []
    for sigma, delta in zip(sigmas.unbind(1), deltas.unbind(1), strict=True):
        alpha = 1 - torch.exp(-sigma * delta)
        weights.append(light * alpha)
        light = light * (1 - alpha)
    return torch.stack(weights, dim=1), light


def weights_by_differences(sigmas, deltas):
    """What each step takes from the light: T before it less T behind it."""
    passed = torch.exp(-(sigmas * deltas).cumsum(1))
    before = torch.cat([torch.ones(len(sigmas), 1), passed[:, :-1]], dim=1)
    return before - passed, passed[:, -1]


def weights_by_products(sigmas, deltas):
    through = torch.exp(-sigmas * deltas)
    light = torch.cumprod(torch.cat([torch.ones_like(through[:, :1]), through], 1), dim=1)
    return light[:, :-1] * (1 - through), light[:, -1]


def weights_with_a_tiny_number(sigmas, deltas):
    """As in the first published code: 1e-10 keeps the product away from zero."""
    alphas = 1 - torch.exp(-sigmas * deltas)
    kept = torch.cat([torch.ones(len(sigmas), 1), 1 - alphas + 1e-10], dim=1)
    light = torch.cumprod(kept, dim=1)
    return alphas * light[:, :-1], light[:, -1]


def composite_by_products(weights, colors, ts, background):
    opacity = weights.sum(1)
    color = torch.einsum("rs,rsc->rc", weights, colors)
    color = color + torch.outer(1 - opacity, background)
    depth = torch.einsum("rs,rs->r", weights, ts) / torch.clamp(opacity, min=1e-10)
    return color, depth, opacity


def composite_by_where(weights, colors, ts, background):
    opacity = weights.sum(dim=-1)
    color = background + (weights[..., None] * (colors - background)).sum(dim=1)
    safe = torch.where(opacity > 0, opacity, 1.0)
    return color, (weights * ts / safe[:, None]).sum(1), opacity


def field_by_matrices(points, directions, parameters):
    p = parameters
    encoded = encoding_by_loop(points, 10)
    h, k = encoded, 0
    while f"layers.{k}.weight" in p:
        if k == 4:
            h = torch.hstack([h, encoded])
        h = torch.clamp(h @ p[f"layers.{k}.weight"].T + p[f"layers.{k}.bias"], min=0)
        k += 1
    sigmas = torch.clamp(h @ p["density.weight"][0] + p["density.bias"], min=0)
    feature = h @ p["feature.weight"].T + p["feature.bias"]
    joined = torch.hstack([feature, encoding_by_loop(directions, 4)])
    h = torch.clamp(joined @ p["view.weight"].T + p["view.bias"], min=0)
    logits = h @ p["color.weight"].T + p["color.bias"]
    return sigmas, 1 / (1 + torch.exp(-logits))


def pdf_by_numpy(edges, weights, u):
    rays = []
    for edge, weight, each in zip(edges.numpy(), weights.double().numpy(), u.numpy(), strict=True):
        weight = weight if weight.sum() > 0 else np.diff(edge)
        cdf = np.concatenate([[0.0], np.cumsum(weight)]) / weight.sum()
        rays.append(np.interp(each, cdf, edge))
    return torch.from_numpy(np.stack(rays)).float()


def pdf_by_counting(edges, weights, u):
    """How much of each bin u has filled: no search at all."""
    total = weights.sum(dim=1, keepdim=True)
    shares = torch.where(total > 0, weights / total.clamp_min(1e-30), edges.diff(dim=1))
    shares = shares / shares.sum(dim=1, keepdim=True)
    start = shares.cumsum(dim=1) - shares
    filled = ((u[..., None] - start[:, None]) / shares[:, None].clamp_min(1e-12)).clamp(0, 1)
    bins = (u[..., None] > start[:, None]).sum(-1).clamp_min(1) - 1  # the last one begun
    inside = filled.gather(2, bins[..., None])[..., 0]
    return edges.gather(1, bins) + inside * edges.diff(dim=1).gather(1, bins)


ANSWERS = [
    ("get_rays", rays_by_inverse),
    ("get_rays", rays_by_two_points),
    ("positional_encoding", encoding_by_exponential),
    ("positional_encoding", encoding_by_loop),
    ("stratified_samples", stratified_by_edges),
    ("volume_weights", weights_by_loop),
    ("volume_weights", weights_by_differences),
    ("volume_weights", weights_by_products),
    ("volume_weights", weights_with_a_tiny_number),
    ("composite", composite_by_products),
    ("composite", composite_by_where),
    ("radiance_field", field_by_matrices),
    ("sample_pdf", pdf_by_numpy),
    ("sample_pdf", pdf_by_counting),
]


def test_the_library_gives_the_same_places_for_the_same_numbers():
    """The exercises take u, the library a generator; the formulas are the same."""
    near, far = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 6.0])
    wanted = nerf.stratified_samples(near, far, 5, torch.Generator().manual_seed(3))
    u = torch.rand(2, 5, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(CHECKS["stratified_samples"].reference(near, far, u), wanted)
    edges, weights = torch.rand(2, 7).cumsum(1), torch.rand(2, 6)
    u = (torch.arange(8) + 0.5).expand(2, 8) / 8
    torch.testing.assert_close(
        CHECKS["sample_pdf"].reference(edges, weights, u), nerf.sample_pdf(edges, weights, 8)
    )


LOST = [
    ("get_rays", "pixel corners", "own pixel"),
    ("get_rays", "OpenGL's axes", "own pixel"),
    ("get_rays", "not of length one", "length one"),
    ("get_rays", "origin is the translation", "centre"),
    ("positional_encoding", "cosines first", "order|gradients"),
    ("positional_encoding", "sine and cosine alternate", "order|gradients"),
    ("positional_encoding", "detached", "gradients"),
    ("stratified_samples", "always the middle", "u says|preferred"),
    ("stratified_samples", "u from the right", "u says"),
    ("volume_weights", "infinity minus infinity", "by hand"),
    ("volume_weights", "left before the last step", "lost|values|gradients"),
    ("volume_weights", "back to front", "by hand|values|gradients"),
    ("volume_weights", "transmittance detached", "gradients"),
    ("composite", "nought by nought", "by hand|white"),
    ("composite", "depth not divided", "by hand|depth|values"),
    ("composite", "colours detached", "values"),
    ("radiance_field", "density may be negative", "density"),
    ("radiance_field", "no skip", "way round"),
    ("radiance_field", "directions detached", "gradients"),
    ("sample_pdf", "nought by nought", "empty"),
    ("sample_pdf", "1e-5 added", "proportions"),
    ("sample_pdf", "first ray for all", "u says|empty"),
]


TOLD = [
    ("get_rays", "pixel corners", "half a pixel off"),
    ("get_rays", "rows for columns", "have changed places"),
    ("get_rays", "OpenGL's axes", "OpenGL's"),
    ("get_rays", "upside down", "upside down"),
    ("get_rays", "backwards", "looks backwards"),
    ("get_rays", "not turned", "still in the camera's axes"),
    ("get_rays", "rotation the wrong way", "from the world to the camera"),
    ("get_rays", "one focal length", "one focal length serves"),
    ("get_rays", "no principal point", "principal point is not subtracted"),
    ("get_rays", "origin is the translation", "not where the camera is"),
    ("positional_encoding", "no pi", "pi is missing"),
    ("positional_encoding", "two pi", "twice as fast"),
    ("positional_encoding", "frequencies in equal steps", "equal steps"),
    ("positional_encoding", "sines only", "depend only on how far apart"),
    ("positional_encoding", "cosines first", "cosines come before"),
    ("positional_encoding", "coordinate by coordinate", "coordinate by coordinate"),
    ("stratified_samples", "sorted noise", "some bins stay empty"),
    ("stratified_samples", "S - 1 bins", "not S - 1"),
    ("stratified_samples", "always the middle", "u has no effect"),
    ("stratified_samples", "one number a ray", "moved by the same amount"),
    ("stratified_samples", "near forgotten", "begin at 0"),
    ("stratified_samples", "far as a length", "ray's length"),
    ("stratified_samples", "u squared", "every distance should come up equally often"),
    ("stratified_samples", "changes u in place", "`u` in place"),
    ("volume_weights", "alpha is sigma delta", "only its beginning"),
    ("volume_weights", "delta ignored", "length of the steps has no effect"),
    ("volume_weights", "own shadow", "its own shadow"),
    ("volume_weights", "no transmittance", "as if nothing stood in front"),
    ("volume_weights", "no transmittance", "light is never lost"),
    ("volume_weights", "density for alpha", "within a thick step"),
    ("volume_weights", "back to front", "taken as the nearest"),
    ("volume_weights", "stopped light returned", "asked is what passes"),
    ("volume_weights", "left before the last step", "leaves out the last step"),
    ("composite", "no background", "background is missing"),
    ("composite", "background times opacity", "*not* stopped"),
    ("composite", "mean colour", "thin matter looks solid"),
    ("composite", "depth not divided", "seem to be near"),
    ("composite", "nought by nought", "NaN"),
    ("composite", "light that passes", "asked is what is stopped"),
    ("radiance_field", "density depends on the direction", "who looks"),
    ("radiance_field", "direction enters at the first layer", "who looks"),
    ("radiance_field", "density may be negative", "at least 0"),
    ("radiance_field", "softplus", "a little foggy"),
    ("radiance_field", "no sigmoid", "between 0 and 1"),
    ("radiance_field", "blind to the direction", "nothing can ever shine"),
    ("radiance_field", "no skip", "does not come in again"),
    ("radiance_field", "feature through a relu", "plain linear layer"),
    ("sample_pdf", "beginning of the bin", "beginning of its bin"),
    ("sample_pdf", "no leading zero", "should begin at 0"),
    ("sample_pdf", "one bin too far", "one bin too far"),
    ("sample_pdf", "weights ignored", "spread evenly"),
    ("sample_pdf", "nought by nought", "NaN"),
    ("sample_pdf", "0.01 added", "only the proportions"),
    ("sample_pdf", "sorted", "no longer stand where"),
]


def test_inputs_can_be_sent_to_a_sandbox():
    """Tensors, numbers, and dicts of tensors with strings as keys; nothing else."""
    for check in EVERY:
        for case in check.cases(torch.Generator().manual_seed(0)):
            for value in case.inputs:
                parts = value.values() if isinstance(value, dict) else [value]
                assert all(isinstance(part, (torch.Tensor, int, float)) for part in parts)


def test_the_unit_has_thirty_points():
    assert [check.points for check in CHECKS.values()] == [4, 4, 3, 5, 4, 5, 5]
