"""Variational autoencoders: the encoder answers with a distribution; a bound to train them by.

All logarithms are natural, so that likelihoods and divergences come in nats.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from course_lib.generative.autoencoder import (
    CHUNK,
    ConvDecoder,
    ConvEncoder,
    check_pictures,
    check_shape,
)
from course_lib.training import History, descend

LOGVAR_RANGE = (-14.0, 6.0)  # what the encoder's answers are held to, so that none overflows


def reparameterize(mu: Tensor, logvar: Tensor, noise: Tensor) -> Tensor:
    """Turn normal noise into draws from N(mu, exp(logvar)): z = mu + exp(logvar / 2) noise.

    The draw is a differentiable function of mu and logvar; all chance sits in the noise.

    Args:
        mu, logvar: (B, ...).
        noise: (..., B, ...): any number of leading dimensions for several draws of each latent.

    Returns:
        z, of the shape of ``noise``.

    Raises:
        ValueError: wrong shapes.

    Source: Kingma, Welling, "Auto-encoding variational Bayes", ICLR 2014, section 2.4,
    https://arxiv.org/abs/1312.6114

    >>> mu, logvar = torch.tensor([[1.0]]), torch.tensor([[math.log(4.0)]])
    >>> reparameterize(mu, logvar, torch.tensor([[3.0]]))
    tensor([[7.]])
    """
    _same_shape(logvar, mu, "logvar")
    if noise.shape[noise.ndim - mu.ndim :] != mu.shape:
        raise ValueError(f"noise: got {tuple(noise.shape)}, wanted (..., {tuple(mu.shape)})")
    return mu + (logvar / 2).exp() * noise


def reparameterize_full(mu: Tensor, factor: Tensor, noise: Tensor) -> Tensor:
    """Turn standard normal noise into draws from N(mu, L L^T): z = mu + L noise.

    Args:
        mu: (B, D).
        factor: (B, D, D), the lower triangular L.
        noise: (..., B, D).

    Returns:
        z, of the shape of ``noise``.

    >>> factor = torch.tensor([[[2.0, 0.0], [1.0, 1.0]]])
    >>> reparameterize_full(torch.zeros(1, 2), factor, torch.ones(1, 2))
    tensor([[2., 2.]])
    """
    return mu + (factor @ noise[..., None]).squeeze(-1)


def kl_diagonal(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL( N(mu, diag exp(logvar)) || N(0, I) ) = 1/2 sum_j (mu_j^2 + exp(logvar_j) - 1 - logvar_j).

    Args:
        mu, logvar: (B, ...); all dimensions but the first are summed.

    Returns:
        (B,), in nats, at least 0.

    Raises:
        ValueError: shapes that differ.

    Source: Kingma, Welling 2014, appendix B, https://arxiv.org/abs/1312.6114

    >>> kl_diagonal(torch.tensor([[2.0, 0.0]]), torch.zeros(1, 2))
    tensor([2.])
    """
    _same_shape(logvar, mu, "logvar")
    return 0.5 * (mu.square() + logvar.exp() - 1 - logvar).flatten(1).sum(dim=1)


def kl_full(mu: Tensor, factor: Tensor) -> Tensor:
    """KL( N(mu, L L^T) || N(0, I) ) = 1/2 (|mu|^2 + |L|_F^2 - D) - sum_j log L_jj.

    Args:
        mu: (B, D).
        factor: (B, D, D), lower triangular with a positive diagonal: the L of a covariance L L^T.

    Returns:
        (B,), in nats, at least 0.

    Raises:
        ValueError: shapes that do not fit.

    >>> kl_full(torch.zeros(1, 2), torch.eye(2)[None])
    tensor([0.])
    """
    _same_shape(factor, mu[..., None].expand(*mu.shape, mu.shape[-1]), "factor")
    log_det = factor.diagonal(dim1=1, dim2=2).log().sum(dim=1)  # half of log det(L L^T)
    square = mu.square().sum(dim=1) + factor.square().sum(dim=(1, 2))
    return 0.5 * (square - mu.shape[1]) - log_det


def gaussian_log_likelihood(x: Tensor, x_hat: Tensor, sigma: float) -> Tensor:
    """Return log N(x; x_hat, sigma^2 I), the sum over the P pixels and channels of each picture.

    -|x - x_hat|^2 / (2 sigma^2) - P log(sigma sqrt(2 pi))

    Args:
        x: (B, C, H, W).
        x_hat: (..., B, C, H, W).
        sigma: standard deviation of the pixels' noise, above 0.

    Returns:
        (..., B), in nats.

    Raises:
        ValueError: sigma is not above 0.

    >>> x = torch.zeros(1, 1, 1, 1)
    >>> round(gaussian_log_likelihood(x, x, 1.0).item(), 4)  # -log(2 pi) / 2
    -0.9189
    """
    if not sigma > 0:
        raise ValueError(f"sigma: got {sigma!r}, wanted a number above 0")
    error = (x - x_hat).square().sum(dim=(-3, -2, -1))
    pixels = math.prod(x.shape[-3:])
    return -error / (2 * sigma**2) - pixels * math.log(sigma * math.sqrt(2 * math.pi))


def elbo(
    x: Tensor, x_hat: Tensor, mu: Tensor, logvar: Tensor, sigma: float, beta: float = 1.0
) -> tuple[Tensor, Tensor, Tensor]:
    """The evidence lower bound, from one draw: log p(x | z) - beta KL( q(z | x) || p(z) ).

    At beta = 1 its mean over draws is at most log p(x). The prior p(z) is N(0, I).

    Args:
        x: (B, C, H, W) pictures.
        x_hat: (B, C, H, W), the decoder's means for a draw z from q.
        mu, logvar: (B, ...), what the encoder says of q.
        sigma: standard deviation of p(x | z).
        beta: weight of the divergence.

    Returns:
        The bound, the log-likelihood and the divergence (not weighted), each (B,), in nats.

    Raises:
        ValueError: wrong shapes or sigma.

    Source: Kingma, Welling 2014, equation 3; Higgins et al., "beta-VAE", ICLR 2017,
    https://openreview.net/forum?id=Sy2fzU9gl

    >>> x, zero = torch.zeros(1, 1, 1, 1), torch.zeros(1, 2)
    >>> [round(value.item(), 4) for value in elbo(x, x, zero + 1, zero, 1.0)]
    [-1.9189, -0.9189, 1.0]
    """
    _same_shape(x_hat, x, "x_hat")
    log_likelihood, kl = gaussian_log_likelihood(x, x_hat, sigma), kl_diagonal(mu, logvar)
    return log_likelihood - beta * kl, log_likelihood, kl


def importance_log_likelihood(
    x: Tensor, x_hat: Tensor, z: Tensor, mu: Tensor, logvar: Tensor, sigma: float
) -> Tensor:
    """Estimate log p(x) from S draws z_s of q: log 1/S sum_s p(x | z_s) p(z_s) / q(z_s | x).

    At S = 1 its mean is the evidence lower bound; with S it grows towards log p(x).

    Args:
        x: (B, C, H, W).
        x_hat: (S, B, C, H, W), the decoder's means for ``z``.
        z: (S, B, D), draws from q = N(mu, exp(logvar)).
        mu, logvar: (B, D).
        sigma: standard deviation of p(x | z).

    Returns:
        (B,), in nats.

    Raises:
        ValueError: wrong shapes or sigma.

    Source: Burda, Grosse, Salakhutdinov, "Importance weighted autoencoders", ICLR 2016, equation 8,
    https://arxiv.org/abs/1509.00519

    >>> x, z = torch.zeros(1, 1, 1, 1), torch.zeros(3, 1, 2)
    >>> value = importance_log_likelihood(x, x.expand(3, 1, 1, 1, 1), z, z[0], z[0], 1.0)
    >>> round(value.item(), 4)  # here q is the prior
    -0.9189
    """
    _same_shape(x_hat[0], x, "x_hat[0]")
    _same_shape(z[0], mu, "z[0]")
    prior = _log_normal(z, torch.zeros_like(mu), torch.zeros_like(logvar))
    log_weights = gaussian_log_likelihood(x, x_hat, sigma) + prior - _log_normal(z, mu, logvar)
    return log_weights.logsumexp(dim=0) - math.log(len(z))


def _log_normal(z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """log N(z; mu, exp(logvar)) of z (S, B, D): (S, B)."""
    exponent = (z - mu).square() / logvar.exp() + logvar + math.log(2 * math.pi)
    return -0.5 * exponent.sum(dim=-1)


class VariationalAutoencoder(nn.Module):
    """An encoder that answers with a Gaussian, and a decoder.

    Args:
        latent: shape of a latent, `(D,)`, `(C, 4, 4)` or `(C, 8, 8)`.
        width: see `ConvEncoder`.
        hidden: see `ConvDecoder`.

    >>> model = VariationalAutoencoder((4, 8, 8))
    >>> mu, logvar = model.posterior(torch.zeros(2, 3, 32, 32))
    >>> mu.shape, logvar.shape
    (torch.Size([2, 4, 8, 8]), torch.Size([2, 4, 8, 8]))
    """

    def __init__(self, latent: Sequence[int], width: int = 48, hidden: Sequence[int] = ()) -> None:
        super().__init__()
        self.latent = check_shape(latent, "latent")
        self.encoder = ConvEncoder((2 * self.latent[0], *self.latent[1:]), width)
        self.decoder = ConvDecoder(self.latent, width, hidden)

    def posterior(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and logarithm of the variance of q(z | x), each of the latent's shape."""
        mu, logvar = self.encoder(images).chunk(2, dim=1)
        return mu, logvar.clamp(*LOGVAR_RANGE)

    def forward(self, images: Tensor) -> Tensor:
        return self.decoder(self.posterior(images)[0])


def fit_vae(
    model: VariationalAutoencoder,
    images: Tensor,
    steps: int,
    *,
    generator: torch.Generator,
    sigma: float = 0.1,
    beta: float = 1.0,
    **options: Any,
) -> History:
    """Train a variational autoencoder: minimise the mean of -elbo, in nats a pixel value.

    Args:
        model: trained in place.
        images: (N, 3, 32, 32), values in [0, 1].
        steps: steps of Adam.
        generator: draws the batches and the noise.
        sigma: standard deviation of a pixel about the decoder's mean: how exact it has to be.
        beta: weight of the divergence.
        **options: of `course_lib.training.descend`.

    Returns:
        The history, with "loss".

    Raises:
        ValueError: pictures of another shape.

    >>> pictures = torch.rand(8, 3, 32, 32)
    >>> options = {"generator": torch.Generator(), "progress": False}
    >>> len(fit_vae(VariationalAutoencoder((4,), width=4), pictures, 2, **options)["loss"])
    2
    """
    check_pictures(images)

    def loss(x: Tensor) -> Tensor:
        mu, logvar = model.posterior(x)
        z = reparameterize(mu, logvar, torch.randn(mu.shape, generator=generator))
        bound, _, _ = elbo(x, model.decoder(z), mu, logvar, sigma, beta)
        return -bound.mean() / x[0].numel()

    options = {"learning_rate": 3e-3, "batch_size": 32, "largest_gradient": 5.0} | options
    return descend(model, loss, (images,), steps, generator=generator, **options)


@torch.no_grad()
def posterior_of(model: VariationalAutoencoder, images: Tensor) -> tuple[Tensor, Tensor]:
    """Return mu and logvar (B, ...) of pictures (B, 3, 32, 32), without a gradient.

    >>> mu, logvar = posterior_of(VariationalAutoencoder((8,)), torch.zeros(2, 3, 32, 32))
    >>> mu.shape
    torch.Size([2, 8])
    """
    check_pictures(images)
    model.eval()
    parts = [model.posterior(part) for part in images.split(CHUNK)]
    mu, logvar = (torch.cat(part) for part in zip(*parts, strict=True))
    return mu, logvar


def _same_shape(value: Tensor, like: Tensor, name: str) -> None:
    if value.shape != like.shape:
        raise ValueError(f"{name}: got {tuple(value.shape)}, wanted {tuple(like.shape)}")
