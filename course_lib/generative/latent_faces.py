"""A small latent diffusion model of faces that reads prompts; its weights come with the package.

Two parts, trained one after the other: a variational autoencoder of 32 x 32 faces whose latents are
4 maps of 8 x 8, a twelfth of the numbers; and a `TextDenoiser` on its latents.
"""

import functools
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..data import faces
from ..training import History
from .latent_diffusion import guided_sample, latent_mask, latent_scale
from .sampling import repaint, respaced
from .schedules import cosine_schedule, spaced_steps
from .shipped import load_weights
from .text import describe, tokenize
from .text_denoiser import TextDenoiser, fit_text_denoiser
from .vae import VariationalAutoencoder, fit_vae, posterior_of, reparameterize

SIZE, FACTOR, STEPS = 32, 4, 1000
LATENT = (4, 8, 8)
PROMPTS = 8  # for each face, one of them empty


def latent_schedule() -> Tensor:
    """Return the schedule of the latent denoiser, (1000,).

    >>> latent_schedule().shape
    torch.Size([1000])
    """
    return cosine_schedule(STEPS)


class FacePainter:
    """The whole model: pictures to scaled latents, prompts to latents, and latents to pictures.

    Attributes:
        vae: the autoencoder.
        denoiser: predicts the noise in scaled latents.
        scale: what `latent_scale` gave for the training's faces.
        alpha_bar: (1000,).

    >>> painter = load_face_painter()
    >>> start = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    >>> painter.draw(["round face, glasses, smile"], start, steps=2).shape
    torch.Size([1, 3, 32, 32])
    """

    def __init__(self, vae: VariationalAutoencoder, denoiser: TextDenoiser, scale: float) -> None:
        self.vae, self.denoiser, self.scale = vae, denoiser, scale
        self.alpha_bar = latent_schedule()

    def encode(self, images: Tensor) -> Tensor:
        """Pictures (B, 3, 32, 32) in [0, 1] to the scaled means of their latents (B, 4, 8, 8)."""
        return self.scale * posterior_of(self.vae, images)[0]

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        """Scaled latents (B, 4, 8, 8) to pictures (B, 3, 32, 32), clamped to [0, 1]."""
        return self.vae.decoder(latents / self.scale).clamp(0, 1)

    @torch.no_grad()
    def sample(
        self,
        prompts: Sequence[str],
        start: Tensor,
        *,
        guidance: float = 3.0,
        steps: int = 20,
        avoid: str = "",
        times: Sequence[int] | None = None,
    ) -> Tensor:
        """Return the scaled latents of faces that the prompts describe.

        Args:
            prompts: B of them.
            start: (B, 4, 8, 8), noise; or latents under the noise of ``times[0]``.
            guidance: the scale of `guided_sample`.
            steps: of DDIM.
            avoid: a prompt of what is not wanted (a negative prompt).
            times: to walk through instead of ``steps`` evenly spaced ones; see `partly_noised`.
        """
        if len(prompts) != len(start):
            raise ValueError(f"prompts: got {len(prompts)}, wanted {len(start)}, as many as starts")
        times = spaced_steps(STEPS, steps) if times is None else times
        told, untold = self.denoiser.told(prompts), self.denoiser.told([avoid] * len(prompts))
        return guided_sample(start, told, untold, self.alpha_bar, times, guidance)

    def draw(self, prompts: Sequence[str], start: Tensor, **options: Any) -> Tensor:
        """Return faces (B, 3, 32, 32) that the prompts describe; for options see `sample`."""
        return self.decode(self.sample(prompts, start, **options))

    @torch.no_grad()
    def fill(
        self,
        images: Tensor,
        mask: Tensor,
        prompts: Sequence[str],
        *,
        generator: torch.Generator,
        steps: int = 30,
        repeats: int = 4,
    ) -> Tensor:
        """Fill holes with what the prompts say, by `repaint` on the latents.

        A latent is known if all of its pixels are. In the end known pixels are put back.

        Args:
            images: (B, 3, 32, 32), in the hole anything.
            mask: (B, 1, 32, 32) bool, True = hole.
            prompts: B of them.
            generator: of all noise.
            steps, repeats: of `repaint`.
        """
        hole = latent_mask(mask, FACTOR)
        grey = images.masked_fill(mask, 0.5)
        told, few = respaced(self.denoiser.told(prompts), self.alpha_bar, steps)
        options = {"generator": generator, "repeats": repeats, "clip": False}
        latents = repaint(told, self.encode(grey), hole, few, **options)
        return torch.where(mask, self.decode(latents), images)


@functools.cache
def load_face_painter() -> FacePainter:
    """Return the trained model, frozen, on the CPU."""
    vae = load_weights(VariationalAutoencoder(LATENT, 64), "latent_vae")
    denoiser = load_weights(TextDenoiser(LATENT[0], latent_schedule()), "text_denoiser")
    return FacePainter(vae, denoiser, SCALE)


SCALE = 1.01294  # latent_scale of the 16,000 faces that the autoencoder was trained on


def train_latent_vae(
    steps: int = 6_000, *, seed: int = 0, count: int = 16_000, **options: Any
) -> tuple[VariationalAutoencoder, History]:
    """Train the autoencoder; 6000 steps take about 4 minutes on one core.

    Args:
        steps: steps of Adam, of 32 faces each.
        seed: of the weights, the faces and the noise.
        count: number of different faces.
        **options: of `fit_vae`.
    """
    generator = torch.Generator().manual_seed(seed)
    images = faces(count, SIZE, generator=generator).images
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = VariationalAutoencoder(LATENT, 64)
    history = fit_vae(model, images, steps, generator=generator, **({"sigma": 0.05} | options))
    return model.eval(), history


def train_text_denoiser(
    steps: int = 6_000, *, seed: int = 1, count: int = 24_000, **options: Any
) -> tuple[TextDenoiser, History]:
    """Train the denoiser on the shipped autoencoder's latents; about 12 minutes on one core.

    Args:
        steps: steps of Adam, of 32 faces each.
        seed: of the weights, the faces, the prompts and the noise.
        count: number of different faces.
        **options: of `fit_text_denoiser`.
    """
    generator = torch.Generator().manual_seed(seed)
    vae = load_weights(VariationalAutoencoder(LATENT, 64), "latent_vae")
    images, attributes = faces(count, SIZE, generator=generator)
    mu, logvar = posterior_of(vae, images)
    scale = latent_scale(mu, logvar)
    told = [tokenize(describe(attributes, generator=generator)) for _ in range(PROMPTS - 1)]
    tokens = torch.stack([*told, tokenize([""] * count)], dim=1)  # (N, M, L)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = TextDenoiser(LATENT[0], latent_schedule())
    sigma = reparameterize(torch.zeros_like(mu), logvar, torch.ones_like(mu))
    data = scale * mu, scale * sigma, tokens
    options = {"batch_size": 32} | options
    return fit_text_denoiser(model, *data, steps, generator=generator, **options)
