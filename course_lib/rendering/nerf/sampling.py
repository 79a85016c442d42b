"""Where along a ray to look."""

import torch
from torch import Tensor

from .arguments import check_floats, check_shape


def stratified_samples(
    near: Tensor, far: Tensor, count: int, generator: torch.Generator | None = None
) -> Tensor:
    """Cut each ray into equal bins and choose one place in each.

    t_i = near + (far - near) (i + u_i) / S, u_i uniform in [0, 1): no bin stays empty, and over
    many calls every place is seen.

    Args:
        near: (R,), where the rays begin, world units.
        far: (R,), where they end, at least near.
        count: S, at least 1.
        generator: draws u; None takes the middle of each bin, u = 1/2.

    Returns:
        ts (R, S), world units, rising.

    Raises:
        TypeError: not tensors of one floating dtype.
        ValueError: wrong shapes, count below 1, near past far, NaN or infinity.

    Source: Mildenhall et al. (2020), https://arxiv.org/abs/2003.08934, equation (2).

    >>> stratified_samples(torch.tensor([2.0]), torch.tensor([6.0]), 4)
    tensor([[2.5000, 3.5000, 4.5000, 5.5000]])
    """
    check_floats(near=near, far=far)
    if near.ndim != 1:
        raise ValueError(f"near: got shape {tuple(near.shape)}, wanted (R,)")
    check_shape("far", far, *near.shape)
    if count < 1:
        raise ValueError(f"count: got {count!r}, wanted at least 1")
    if not bool((torch.isfinite(far) & torch.isfinite(near) & (near <= far)).all()):
        raise ValueError("near, far: wanted finite numbers with near <= far")
    shape = (near.shape[0], count)
    u = torch.full(shape, 0.5) if generator is None else torch.rand(shape, generator=generator)
    place = (torch.arange(count) + u).to(near) / count
    return near[:, None] + (far - near)[:, None] * place


def step_lengths(ts: Tensor, far: Tensor) -> Tensor:
    """Return how far it is from each sample to the next, and from the last to the end.

    delta_i = t_{i+1} - t_i, delta_S = far - t_S.

    Args:
        ts: (R, S), rising, world units.
        far: (R,), where the rays end.

    Returns:
        deltas (R, S), at least 0.

    Raises:
        TypeError: not tensors of one floating dtype.
        ValueError: wrong shapes.

    Source: Mildenhall et al. (2020), https://arxiv.org/abs/2003.08934, below equation (3).

    >>> step_lengths(torch.tensor([[1.0, 3.0, 4.0]]), torch.tensor([4.5]))
    tensor([[2.0000, 1.0000, 0.5000]])
    """
    check_floats(ts=ts, far=far)
    if ts.ndim != 2:
        raise ValueError(f"ts: got shape {tuple(ts.shape)}, wanted (R, S)")
    check_shape("far", far, ts.shape[0])
    return torch.cat([ts, far[:, None]], dim=-1).diff(dim=-1).clamp_min(0.0)


def sample_pdf(
    edges: Tensor, weights: Tensor, count: int, generator: torch.Generator | None = None
) -> Tensor:
    """Draw places on each ray, more of them where the weights are large.

    A bin's weight is its share of the draws (whatever its width), spread evenly inside it. The
    sum of shares up to a place, the distribution function, rises from 0 to 1; the place at which
    it reaches a uniform number u is a draw.

    Args:
        edges: (R, B + 1), borders of the bins, rising, world units.
        weights: (R, B), at least 0, any sum. Where all are 0, every place is as likely.
        count: S, number of draws.
        generator: draws u; None takes u = (i + 1/2) / S.

    Returns:
        ts (R, S), world units, rising, without gradient.

    Raises:
        TypeError: not tensors of one floating dtype.
        ValueError: wrong shapes, count below 1, a weight that is negative or not finite.

    Source: Mildenhall et al. (2020), https://arxiv.org/abs/2003.08934, section 5.2.

    >>> sample_pdf(torch.tensor([[0.0, 1.0, 2.0]]), torch.tensor([[1.0, 3.0]]), 4)
    tensor([[0.5000, 1.1667, 1.5000, 1.8333]])
    """
    check_floats(edges=edges, weights=weights)
    if weights.ndim != 2 or weights.shape[1] < 1:
        raise ValueError(f"weights: got shape {tuple(weights.shape)}, wanted (R, B)")
    check_shape("edges", edges, weights.shape[0], weights.shape[1] + 1)
    if count < 1:
        raise ValueError(f"count: got {count!r}, wanted at least 1")
    if not bool((torch.isfinite(weights) & (weights >= 0)).all()):
        raise ValueError("weights: wanted finite numbers of at least 0")
    edges, heights = edges.detach(), weights.detach().double()
    total = heights.sum(dim=-1, keepdim=True)
    heights = torch.where(total > 0, heights, edges.diff(dim=-1).double().clamp_min(1e-30))
    cdf = torch.nn.functional.pad(torch.cumsum(heights, dim=-1), (1, 0))  # (R, B + 1)
    cdf = cdf / cdf[:, -1:]
    rays = weights.shape[0]
    jitter = 0.5 if generator is None else torch.rand(rays, count, generator=generator)
    u = (torch.arange(count) + jitter) / count  # one draw in each S-th: still uniform, but even
    u = u.expand(rays, count).to(cdf)
    return _invert(cdf, edges, u.contiguous())


def _invert(cdf: Tensor, edges: Tensor, u: Tensor) -> Tensor:
    """Where each piecewise linear cdf (R, B + 1) over its edges reaches u (R, S)."""
    bins = cdf.shape[1] - 1
    upper = torch.searchsorted(cdf, u, right=True).clamp(1, bins)
    low, high = cdf.gather(1, upper - 1), cdf.gather(1, upper)
    left, right = edges.gather(1, upper - 1), edges.gather(1, upper)
    share = ((u - low) / (high - low).clamp_min(1e-30)).clamp(0.0, 1.0)
    return left + share.to(edges) * (right - left)
