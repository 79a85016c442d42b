"""How much of a pixel a triangle covers: all or nothing, or softly.

The functions broadcast: triangles (..., 3, 2) against pixels (..., 2). One triangle and a picture
of pixel centres (H, W, 2) give (H, W); F triangles as (F, 1, 1, 3, 2) give (F, H, W).
"""

import torch
from torch import Tensor


def barycentric(triangles: Tensor, pixels: Tensor) -> Tensor:
    """Return the weights with which a triangle's corners add up to a pixel.

    w_a = area(p, b, c) / area(a, b, c) and so on around, with signed areas: p = w_a a + w_b b +
    w_c c and w_a + w_b + w_c = 1. All three are at least 0 inside; one is below 0 outside. For a
    triangle of area zero they are 0, which no other triangle gives.

    Args:
        triangles: (..., 3, 2), pixels.
        pixels: (..., 2), pixels.

    Returns:
        (..., 3).

    Source: Möbius (1827); Pineda (1988), https://doi.org/10.1145/54852.378457, for edge functions.

    >>> triangle = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])
    >>> barycentric(triangle, torch.tensor([1.0, 1.0]))
    tensor([0.5000, 0.2500, 0.2500])
    """
    a, b, c = triangles.unbind(-2)
    area = _cross(b - a, c - a)  # twice the signed area
    against = torch.stack(
        [_cross(b - pixels, c - pixels), _cross(c - pixels, a - pixels),
         _cross(a - pixels, b - pixels)], dim=-1,
    )  # fmt: skip
    flat = (area == 0)[..., None]
    return torch.where(flat, 0.0, against / torch.where(flat, 1.0, area[..., None]))


def squared_distance(triangles: Tensor, pixels: Tensor) -> Tensor:
    """Return the squared distance of pixels to a triangle's boundary, from inside or outside.

    For the edge from a to b, the closest point is a + t (b - a) with t = (p - a) . (b - a) /
    |b - a|² held between 0 and 1; the smallest of the three distances counts.

    Args:
        triangles: (..., 3, 2), pixels.
        pixels: (..., 2), pixels.

    Returns:
        (...), pixels squared.

    >>> triangle = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])
    >>> squared_distance(triangle, torch.tensor([[1.0, 0.5], [-3.0, -4.0]]))
    tensor([ 0.2500, 25.0000])
    """
    return _closest_on_edges(triangles, pixels)[1].amin(dim=-1)


def nearest_weights(triangles: Tensor, pixels: Tensor) -> Tensor:
    """Return the barycentric weights of the point of a triangle that is nearest to a pixel.

    Inside, that is the pixel itself; outside, the closest point of the boundary, a + t (b - a),
    with weights 1 - t and t. What a face has there stands for it in pixels that it covers softly.
    (The paper cuts negative weights off instead. For a face seen nearly edge-on these turn over
    within a fraction of a pixel, and gradients with them.)

    Args:
        triangles: (..., 3, 2), pixels.
        pixels: (..., 2), pixels.

    Returns:
        (..., 3), at least 0, sum 1; differentiable by triangles and pixels.

    >>> triangle = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])
    >>> nearest_weights(triangle, torch.tensor([[1.0, 1.0], [1.0, -9.0], [9.0, 0.0]]))
    tensor([[0.5000, 0.2500, 0.2500],
            [0.7500, 0.2500, 0.0000],
            [0.0000, 1.0000, 0.0000]])
    """
    weights = barycentric(triangles, pixels)
    inside = (weights >= 0).all(dim=-1, keepdim=True)
    t, distance2 = _closest_on_edges(triangles, pixels)
    edge = distance2.argmin(dim=-1, keepdim=True)
    t = t.gather(-1, edge)  # (..., 1)
    corners = torch.arange(3, device=edge.device)
    on_edge = (1.0 - t) * (corners == edge) + t * (corners == (edge + 1) % 3)
    return torch.where(inside, weights, on_edge)


def hard_coverage(triangles: Tensor, pixels: Tensor) -> Tensor:
    """Return which pixels' centres lie in a triangle.

    A centre is inside if none of its barycentric weights is negative, whichever way round the
    corners are listed. A centre on an edge counts as inside, so two triangles that share the edge
    both have it. (Graphics hardware gives such a pixel to one of them by its top-left rule; where
    the nearest face wins anyway, as here, nothing is counted twice.) A triangle of area zero has
    no pixel. The derivative by the corners is 0 wherever it exists.

    Args:
        triangles: (..., 3, 2), pixels.
        pixels: (..., 2), pixels: centres.

    Returns:
        (...) bool.

    Source: Pineda (1988), https://doi.org/10.1145/54852.378457

    >>> triangle = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])
    >>> hard_coverage(triangle, torch.tensor([[0.5, 0.5], [2.5, 2.5], [2.0, 2.0]]))
    tensor([ True, False,  True])
    """
    weights = barycentric(triangles, pixels)
    return (weights >= 0).all(dim=-1) & (weights > 0).any(dim=-1)


def soft_coverage(triangles: Tensor, pixels: Tensor, sigma: float) -> Tensor:
    """Return how much of pixels a triangle covers, smoothly, so that its corners get a gradient.

    D = sigmoid(s d² / sigma), with d the distance of the pixel's centre to the triangle's boundary
    in pixels, s = +1 inside and -1 outside: 1/2 on the edge, towards 1 inside and 0 outside. As
    sigma falls to 0 this becomes `hard_coverage`, except on the edge itself, where it stays 1/2.
    A triangle of area zero covers nothing.

    Args:
        triangles: (..., 3, 2), pixels.
        pixels: (..., 2), pixels: centres.
        sigma: softness, pixels squared, above 0; the transition is about sqrt(sigma) pixels wide
            on each side. (The paper measures d, and so sigma, in half pictures.)

    Returns:
        (...), between 0 and 1; differentiable by triangles and pixels.

    Source: Liu, Li, Chen and Li (2019), https://arxiv.org/abs/1904.01786, equation (1).

    >>> triangle = torch.tensor([[0.0, 0.0], [8.0, 0.0], [0.0, 8.0]])
    >>> soft_coverage(triangle, torch.tensor([[1.0, 2.0], [2.0, 0.0], [2.0, -1.0]]), sigma=1.0)
    tensor([0.7311, 0.5000, 0.2689])
    """
    weights = barycentric(triangles, pixels)
    inside = (weights >= 0).all(dim=-1)
    distance2 = squared_distance(triangles, pixels)
    coverage = torch.sigmoid(torch.where(inside, distance2, -distance2) / sigma)
    return torch.where((weights == 0).all(dim=-1), 0.0, coverage)


def union(coverage: Tensor) -> Tensor:
    """Return how much of a pixel all faces together cover: their silhouette.

    alpha = 1 - product over faces of (1 - D_j), as if the faces covered a pixel independently of
    one another.

    Args:
        coverage: (F, ...), in [0, 1].

    Returns:
        (...), in [0, 1]; 0 where there are no faces.

    Source: Liu, Li, Chen and Li (2019), https://arxiv.org/abs/1904.01786, equation (4).

    >>> union(torch.tensor([[0.5, 0.0], [0.5, 1.0]]))
    tensor([0.7500, 1.0000])
    """
    return 1.0 - (1.0 - coverage).prod(dim=0)


def _closest_on_edges(triangles: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Where on each edge the closest point is, t, and its squared distance, (..., 3) each."""
    along = triangles.roll(-1, dims=-2) - triangles  # (..., 3, 2), edge by edge
    away = pixels[..., None, :] - triangles
    length2 = along.square().sum(dim=-1)
    t = (away * along).sum(dim=-1) / torch.where(length2 > 0, length2, 1.0)
    t = t.clamp(0.0, 1.0)
    return t, (away - t[..., None] * along).square().sum(dim=-1)


def _cross(a: Tensor, b: Tensor) -> Tensor:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
