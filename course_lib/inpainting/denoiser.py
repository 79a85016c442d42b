"""An autoencoder that takes noise away: A = I, and nothing may be kept as it was measured."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from ..training import History, descend


class DenoisingAutoencoder(nn.Module):
    """A picture through a bottleneck: encoder down by 8, decoder up again, nothing handed across.

    What passes is what pictures of this kind have in common. Noise has nothing in common with
    anything, so it stays behind, and with it the finest detail.

    Args:
        widths: channels after each step down by 2.
        channels: of the picture.

    Source: Vincent, Larochelle, Bengio and Manzagol (2008),
    https://doi.org/10.1145/1390156.1390294

    >>> DenoisingAutoencoder((4, 8, 8))(torch.rand(2, 3, 16, 16)).shape
    torch.Size([2, 3, 16, 16])
    """

    def __init__(self, widths: Sequence[int] = (24, 48, 96), channels: int = 3) -> None:
        super().__init__()
        sizes = [channels, *widths]
        self.encoder = nn.Sequential(*(_down(a, b) for a, b in pairwise(sizes)))
        self.decoder = nn.Sequential(
            *(_up(a, b) for a, b in pairwise(reversed(widths))),
            nn.Conv2d(widths[0], 4 * channels, 3, padding=1),
            nn.PixelShuffle(2),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the picture without its noise, (B, C, H, W) in [0, 1]; sides a multiple of 2^n."""
        return self.decoder(self.encoder(x))


def _down(channels: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, outputs, 3, stride=2, padding=1), nn.BatchNorm2d(outputs), nn.ELU()
    )


def _up(channels: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, 4 * outputs, 3, padding=1),
        nn.PixelShuffle(2),
        nn.BatchNorm2d(outputs),
        nn.ELU(),
    )


def add_noise(image: Tensor, sigma: float, *, generator: torch.Generator) -> Tensor:
    """y = x + n with n drawn from N(0, sigma^2), independently in each value; not clamped.

    >>> add_noise(torch.zeros(1, 1, 1, 2), 0.0, generator=torch.Generator().manual_seed(0))
    tensor([[[[0., 0.]]]])
    """
    drawn = torch.randn(image.shape, generator=generator, dtype=image.dtype)
    return image + sigma * drawn.to(image.device)


def fit_denoiser(
    network: nn.Module,
    images: Tensor,
    sigma: float,
    steps: int,
    *,
    generator: torch.Generator,
    **options: Any,
) -> History:
    """Teach a network to undo noise, in place: E |network(x + n) - x|^2 falls.

    Args:
        network: (B, C, H, W) to the same shape.
        images: (N, C, H, W), clean, values in [0, 1].
        sigma: standard deviation of the noise; drawn anew in each step.
        steps: how many.
        generator: draws batches and noise.
        **options: of `descend` and `train`.

    Returns:
        The history, with "loss".

    >>> generator = torch.Generator().manual_seed(0)
    >>> network = DenoisingAutoencoder((4, 8))
    >>> grey = torch.full((8, 3, 8, 8), 0.5)
    >>> history = fit_denoiser(network, grey, 0.1, 40, generator=generator, progress=False)
    >>> history["loss"][-1] < history["loss"][0]
    True
    """

    def error(image: Tensor) -> Tensor:
        return (network(add_noise(image, sigma, generator=generator)) - image).square().mean()

    chosen = {"batch_size": 32, "learning_rate": 5e-3, "description": "Learning to denoise"}
    return descend(network, error, (images,), steps, generator=generator, **(chosen | options))
