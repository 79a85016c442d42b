"""Distributions whose density we know: Gaussians, mixtures of them, and what a map makes of them.

With a known density every claim of a generative model can be checked against the truth.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


def gaussian_log_prob(x: Tensor, mean: Tensor, covariance: Tensor) -> Tensor:
    """Return the logarithm of a Gaussian's density.

    log N(x; mu, C) = -1/2 (x - mu)^T C^-1 (x - mu) - 1/2 log det C - D/2 log(2 pi)

    By a Cholesky factor C = L L^T: no inverse, and no determinant that leaves the range of numbers.

    Args:
        x: points, (N, D).
        mean: (D,).
        covariance: (D, D), symmetric and positive definite.

    Returns:
        Logarithms in nats, (N,).

    Raises:
        ValueError: shapes that do not go together.
        torch.linalg.LinAlgError: a covariance that is not positive definite.

    Source: Bishop, Pattern Recognition and Machine Learning (2006), equation 2.43.

    >>> value = gaussian_log_prob(torch.zeros(1, 2), torch.zeros(2), torch.eye(2))
    >>> round(value.item(), 4)  # -log(2 pi)
    -1.8379
    """
    require_points(x, "x")
    _require_gaussian(mean, covariance, x.shape[1])
    factor = torch.linalg.cholesky(covariance)
    whitened = torch.linalg.solve_triangular(factor, (x - mean).mT, upper=False)  # (D, N)
    log_det = factor.diagonal().log().sum()  # half of log det C
    return -0.5 * whitened.square().sum(dim=0) - log_det - 0.5 * len(mean) * math.log(2 * math.pi)


def push_forward_log_prob(z: Tensor, jacobian: Tensor) -> Tensor:
    """Return the log-density that a map g gives to x = g(z), where z is standard Gaussian.

    log p(g(z)) = log N(z; 0, I) - log |det J(z)|,    J = dg/dz

    Args:
        z: points before the map, (N, D).
        jacobian: of the map at each z, (N, D, D).

    Returns:
        The log-density at each g(z), (N,): infinite where J is singular.

    Raises:
        ValueError: shapes that do not go together.

    Source: Ruthotto and Haber, An introduction to deep generative modeling (2021), section 3,
    https://arxiv.org/abs/2103.05180

    >>> z = torch.zeros(1, 2)
    >>> twice = 2 * torch.eye(2)[None]  # four times the area, a quarter of the density
    >>> round((push_forward_log_prob(z, twice) - push_forward_log_prob(z, twice / 2)).item(), 4)
    -1.3863
    """
    require_points(z, "z")
    N, D = z.shape
    if jacobian.shape != (N, D, D):
        raise ValueError(f"jacobian: got {tuple(jacobian.shape)}, wanted {(N, D, D)}")
    standard = -0.5 * z.square().sum(dim=1) - 0.5 * D * math.log(2 * math.pi)
    return standard - torch.linalg.slogdet(jacobian).logabsdet


@dataclass(frozen=True)
class GaussianMixture:
    """A weighted sum of Gaussians: p(x) = sum_k w_k N(x; mu_k, C_k).

    Args:
        weights: (K,), positive; they add to one.
        means: (K, D).
        covariances: (K, D, D), positive definite.

    Raises:
        ValueError: shapes that do not go together, or weights that are no shares.

    >>> ring = ring_mixture()
    >>> points = ring.sample(4000, generator=torch.Generator().manual_seed(0))
    >>> round(ring.log_prob(points).mean().item(), 1)  # minus the entropy
    -1.7
    """

    weights: Tensor
    means: Tensor
    covariances: Tensor

    def __post_init__(self) -> None:
        require_points(self.means, "means")
        K, D = self.means.shape
        if self.weights.shape != (K,):
            raise ValueError(f"weights: got {tuple(self.weights.shape)}, wanted {(K,)}")
        if bool((self.weights <= 0).any()) or abs(float(self.weights.sum()) - 1) > 1e-4:
            raise ValueError(f"weights: got {self.weights.tolist()}, wanted shares that add to 1")
        if self.covariances.shape != (K, D, D):
            came = tuple(self.covariances.shape)
            raise ValueError(f"covariances: got {came}, wanted {(K, D, D)}")

    def log_prob(self, x: Tensor) -> Tensor:
        """The log-density at points (N, D): (N,), in nats."""
        return self._joint(x).logsumexp(dim=1)

    def responsibilities(self, x: Tensor) -> Tensor:
        """How likely each component is to have made a point: (N, D) to (N, K), rows add to 1."""
        return self._joint(x).softmax(dim=1)

    def score(self, x: Tensor) -> Tensor:
        """The gradient of the log-density at points (N, D): (N, D).

        grad log p(x) = sum_k r_k(x) C_k^-1 (mu_k - x), with the responsibilities r.
        """
        away = self.means[:, None] - x  # (K, N, D)
        pulls = torch.linalg.solve(self.covariances, away.mT).mT  # (K, N, D)
        return torch.einsum("nk,knd->nd", self.responsibilities(x), pulls)

    def sample(self, count: int, *, generator: torch.Generator) -> Tensor:
        """Draw points: (count, D)."""
        which = torch.multinomial(self.weights, count, replacement=True, generator=generator)
        noise = torch.randn(count, self.means.shape[1], generator=generator).to(self.means)
        factors = torch.linalg.cholesky(self.covariances)[which]  # (count, D, D)
        return self.means[which] + (factors @ noise[:, :, None]).squeeze(2)

    def diffused(self, alpha_bar: float) -> "GaussianMixture":
        """The distribution of sqrt(alpha_bar) x + sqrt(1 - alpha_bar) noise: a mixture again."""
        if not 0 <= alpha_bar <= 1:
            raise ValueError(f"alpha_bar: got {alpha_bar}, wanted a number from 0 to 1")
        noise = (1 - alpha_bar) * torch.eye(self.means.shape[1]).to(self.means)
        return GaussianMixture(
            self.weights, math.sqrt(alpha_bar) * self.means, alpha_bar * self.covariances + noise
        )

    def _joint(self, x: Tensor) -> Tensor:
        """log w_k + log N(x; mu_k, C_k), (N, K)."""
        parts = zip(self.means, self.covariances, strict=True)
        logs = [gaussian_log_prob(x, mean, covariance) for mean, covariance in parts]
        return torch.stack(logs, dim=1) + self.weights.log()


def ring_mixture(modes: int = 8, radius: float = 2.0, std: float = 0.2) -> GaussianMixture:
    """Return round Gaussians of equal weight, evenly on a circle around zero, in the plane.

    Args:
        modes: how many.
        radius: of the circle through their means.
        std: standard deviation of each, along either axis.

    Returns:
        A mixture in two dimensions; its first mean lies at (radius, 0).

    Raises:
        ValueError: no modes, or a size that is not positive.

    >>> ring_mixture(4, radius=3.0).means.round()[1]
    tensor([-0., 3.])
    """
    if modes < 1 or radius <= 0 or std <= 0:
        raise ValueError(
            f"modes, radius, std: got {modes}, {radius}, {std}, wanted positive numbers"
        )
    angles = 2 * math.pi * torch.arange(modes) / modes
    means = radius * torch.stack([angles.cos(), angles.sin()], dim=1)
    return GaussianMixture(
        torch.full((modes,), 1 / modes), means, std**2 * torch.eye(2).repeat(modes, 1, 1)
    )


def require_points(x: Tensor, name: str) -> None:
    """Refuse anything but numbers of shape (N, D)."""
    if not isinstance(x, Tensor) or x.ndim != 2 or x.numel() == 0 or not x.is_floating_point():
        came = f"{x.dtype}, {tuple(x.shape)}" if isinstance(x, Tensor) else type(x).__name__
        raise ValueError(f"{name}: got {came}, wanted a floating-point tensor of shape (N, D)")


def _require_gaussian(mean: Tensor, covariance: Tensor, D: int) -> None:
    if mean.shape != (D,):
        raise ValueError(f"mean: got {tuple(mean.shape)}, wanted {(D,)}")
    if covariance.shape != (D, D):
        raise ValueError(f"covariance: got {tuple(covariance.shape)}, wanted {(D, D)}")
