"""How likely a diffusion model finds a picture: its evidence lower bound, in nats."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from .diffusion import predict_x0, q_sample


@torch.no_grad()
def diffusion_bound(
    denoiser: Callable[[Tensor, Tensor], Tensor],
    x_0: Tensor,
    alpha_bar: Tensor,
    sigma: float,
    *,
    generator: torch.Generator,
    first: int = 0,
    draws: int = 64,
) -> Tensor:
    """Estimate a lower bound of the log-density that a diffusion model gives to pictures.

    The model walks from noise down to the time ``first``, and from there the picture is drawn about
    what the network sees, with the deviation sigma. With S_t = alpha_bar_t / (1 - alpha_bar_t) and
    D_t the mean squared distance, summed over the pixels, from x_0 to what is seen of it at time t:

        log p(x_0) >= E log N(x_0; seen at first, sigma^2)
                      - 1/2 sum_{t > first} (S_{t-1} - S_t) D_t  -  KL(q(x_{T-1}) || N(0, I))

    The sum is estimated from times drawn at random, one from each of ``draws`` equal stretches.

    Args:
        denoiser: ``denoiser(x_t, t) -> noise``.
        x_0: (B, ...) pictures or latents, in the units of the training.
        alpha_bar: (T,).
        sigma: deviation of the last draw, in the same units, above 0.
        generator: draws times and noise.
        first: the last time of the walk; below it the noise is smaller than what matters.
        draws: times for each picture.

    Returns:
        (B,), in nats, for the density in the units of ``x_0``.

    Raises:
        ValueError: sigma not above 0, draws below 1, or first not a time before the last one.

    Source: Ho, Jain, Abbeel (2020), https://arxiv.org/abs/2006.11239, equation 5; in this form
    Kingma et al. (2021), https://arxiv.org/abs/2107.00630, equation 13

    >>> schedule, x = torch.tensor([0.9, 0.5, 0.1]), torch.zeros(1, 4)
    >>> options = {"generator": torch.Generator().manual_seed(0)}
    >>> knows = lambda x_t, t: x_t / (1 - schedule[t])[:, None].sqrt()  # that x_0 is 0
    >>> round(diffusion_bound(knows, x, schedule, 0.5, **options).item(), 2)  # 4 log 0.798 - KL
    -0.91
    """
    steps = len(alpha_bar) - 1 - first
    if not sigma > 0 or draws < 1:
        raise ValueError(f"sigma, draws: got {sigma} and {draws}, wanted above 0 and at least 1")
    if first < 0 or steps < 1:
        raise ValueError(f"first: got {first}, wanted 0 to {len(alpha_bar) - 2}")

    def error(t: Tensor) -> Tensor:  # (B,), squared, of the picture behind the noise
        noise = torch.randn(x_0.shape, generator=generator)
        x_t = q_sample(x_0, t, noise, alpha_bar)
        return (x_0 - predict_x0(x_t, t, denoiser(x_t, t), alpha_bar)).square().flatten(1).sum(1)

    B, P = len(x_0), x_0[0].numel()
    bound = -error(torch.full((B,), first)) / (2 * sigma**2)
    bound -= P * math.log(sigma * math.sqrt(2 * math.pi))
    snr = alpha_bar / (1 - alpha_bar)
    for stretch in range(draws):
        place = (stretch + torch.rand(B, generator=generator)) / draws  # in [0, 1)
        t = first + 1 + (place * steps).long().clamp(max=steps - 1)
        bound -= steps / draws * 0.5 * (snr[t - 1] - snr[t]) * error(t)
    left = alpha_bar[-1]
    squares = x_0.square().flatten(1).sum(1)
    return bound - 0.5 * (left * squares - P * (left + torch.log1p(-left)))
