"""How far apart two sets of samples are, where neither density is known.

Each of these numbers overlooks something; lecture 08 shows what.
"""

import torch
from torch import Tensor

from course_lib.generative.distributions import GaussianMixture, require_points


def mmd(x: Tensor, y: Tensor, bandwidth: float = 1.0) -> Tensor:
    """Return the squared maximum mean discrepancy with a Gaussian kernel, without bias.

    MMD^2 = mean_{i != j} k(x_i, x_j) + mean_{i != j} k(y_i, y_j) - 2 mean_{i, j} k(x_i, y_j)
    k(a, b) = exp(-|a - b|^2 / (2 h^2))

    A sample is not compared with itself; so the mean over many draws is right, and for two sets
    from the same distribution it is zero: a single value may then be a little below zero.

    Args:
        x: samples, (N, D), at least two.
        y: samples, (M, D), at least two.
        bandwidth: h, in the unit of the samples; see `median_distance`.

    Returns:
        A number, (), differentiable.

    Raises:
        ValueError: other shapes, a single sample, or a bandwidth that is not positive.

    Source: Gretton et al., A kernel two-sample test (2012), equation 3,
    https://jmlr.org/papers/v13/gretton12a.html

    >>> x = torch.tensor([[0.0], [0.0]])
    >>> mmd(x, x + 100.0)  # each set is at one place, and they do not see each other
    tensor(2.)
    """
    _require_pair(x, y)
    if len(x) < 2 or len(y) < 2:
        raise ValueError(f"x, y: got {len(x)} and {len(y)} samples, wanted at least 2 of each")
    if bandwidth <= 0:
        raise ValueError(f"bandwidth: got {bandwidth}, wanted a positive number")
    within = _mean_of_others(_kernel(x, x, bandwidth)) + _mean_of_others(_kernel(y, y, bandwidth))
    return within - 2 * _kernel(x, y, bandwidth).mean()


def _kernel(x: Tensor, y: Tensor, bandwidth: float) -> Tensor:
    apart = torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")  # (N, M)
    return torch.exp(-apart.square() / (2 * bandwidth**2))


def _mean_of_others(kernel: Tensor) -> Tensor:
    N = len(kernel)
    return (kernel.sum() - kernel.diagonal().sum()) / (N * (N - 1))


def median_distance(x: Tensor) -> float:
    """Return the median distance between two samples (N, D): a usual bandwidth for `mmd`.

    >>> median_distance(torch.tensor([[0.0], [1.0], [3.0]]))
    2.0
    """
    require_points(x, "x")
    return float(torch.nn.functional.pdist(x).median())


def sliced_wasserstein(
    x: Tensor, y: Tensor, directions: int = 64, *, generator: torch.Generator
) -> Tensor:
    """Return how far samples must be moved, seen along random directions.

    SW^2 = mean over directions u of mean_i (sorted(x u)_i - sorted(y u)_i)^2

    In one dimension the cheapest way to move one set onto another keeps their order.

    Args:
        x: samples, (N, D).
        y: samples, (N, D), as many.
        directions: how many are drawn, evenly on the sphere.
        generator: draws them.

    Returns:
        SW, (), in the unit of the samples, differentiable.

    Raises:
        ValueError: other shapes, or sets of different size.

    Source: Bonneel et al., Sliced and Radon Wasserstein barycenters of measures (2015),
    https://doi.org/10.1007/s10851-014-0506-3

    >>> x = torch.randn(50, 1, generator=torch.Generator().manual_seed(0))
    >>> sliced_wasserstein(x, x.flip(0) + 3.0, generator=torch.Generator()).round()
    tensor(3.)
    """
    _require_pair(x, y)
    if len(x) != len(y):
        raise ValueError(f"x, y: got {len(x)} and {len(y)} samples, wanted as many of each")
    u = torch.randn(x.shape[1], directions, generator=generator).to(x)
    u = u / u.norm(dim=0)
    moved = (x @ u).sort(dim=0).values - (y @ u).sort(dim=0).values  # (N, directions)
    return moved.square().mean().sqrt()


def frechet_distance(features_a: Tensor, features_b: Tensor) -> float:
    """Return the squared Wasserstein distance of two Gaussians fitted to sets of features.

    d^2 = |mu_a - mu_b|^2 + trace(C_a + C_b - 2 (C_a C_b)^(1/2))

    On features of the Inception network this is the FID. Only means and covariances count. With
    few samples it is too large: compare with the value between two real sets of the same size.

    Args:
        features_a: (N, D), at least two.
        features_b: (M, D), at least two.

    Returns:
        d^2, in squared units of the features, computed in double precision.

    Raises:
        ValueError: other shapes, or a single sample.

    Source: Heusel et al., GANs trained by a two time-scale update rule converge to a local Nash
    equilibrium (2017), equation 6, https://arxiv.org/abs/1706.08500

    >>> x = torch.randn(500, 3, generator=torch.Generator().manual_seed(0))
    >>> round(frechet_distance(x, x + torch.tensor([3.0, 0.0, 4.0])), 3)
    25.0
    """
    _require_pair(features_a, features_b)
    if len(features_a) < 2 or len(features_b) < 2:
        counts = f"{len(features_a)} and {len(features_b)}"
        raise ValueError(f"features_a, features_b: got {counts} rows, wanted at least 2 each")
    a, b = features_a.detach().double(), features_b.detach().double()
    C_a, C_b = torch.cov(a.T).reshape(a.shape[1], -1), torch.cov(b.T).reshape(b.shape[1], -1)
    root = _square_root(C_a)
    both = torch.linalg.eigvalsh(root @ C_b @ root).clamp(min=0).sqrt().sum()
    apart = (a.mean(dim=0) - b.mean(dim=0)).square().sum() + C_a.trace() + C_b.trace() - 2 * both
    return float(apart.clamp(min=0))


def _square_root(covariance: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(covariance)
    return (vectors * values.clamp(min=0).sqrt()) @ vectors.mT


def modes_covered(samples: Tensor, mixture: GaussianMixture, *, least: float = 0.1) -> int:
    """Return how many components of a mixture have got their share of the samples.

    A component is covered if it has, within three of its standard deviations, at least the part
    ``least`` of the samples that its weight promises.

    Args:
        samples: (N, D).
        mixture: the truth.
        least: the part, above 0.

    Returns:
        From 0 to the number of components.

    >>> from course_lib.generative.distributions import ring_mixture
    >>> ring = ring_mixture(8)
    >>> modes_covered(ring.means[:3], ring)
    3
    """
    near = _near(samples, mixture).float().mean(dim=0)  # (K,)
    return int((near >= least * mixture.weights).sum())


def share_near_modes(samples: Tensor, mixture: GaussianMixture) -> float:
    """Return the share of the samples within three standard deviations of some component.

    Of true samples in the plane this is about 0.989: 1 - exp(-9/2).

    >>> from course_lib.generative.distributions import ring_mixture
    >>> ring = ring_mixture(8)
    >>> share_near_modes(torch.cat([ring.means[:1], torch.zeros(1, 2)]), ring)
    0.5
    """
    return float(_near(samples, mixture).any(dim=1).float().mean())


def _near(samples: Tensor, mixture: GaussianMixture) -> Tensor:
    """Whether each sample (N, D) is within three standard deviations of a component: (N, K)."""
    require_points(samples, "samples")
    away = samples - mixture.means[:, None]  # (K, N, D)
    pulls = torch.linalg.solve(mixture.covariances, away.mT).mT
    return ((away * pulls).sum(dim=2) <= 9).T


def _require_pair(x: Tensor, y: Tensor) -> None:
    require_points(x, "x")
    require_points(y, "y")
    if x.shape[1] != y.shape[1]:
        raise ValueError(f"x, y: got {x.shape[1]} and {y.shape[1]} columns, wanted the same number")
