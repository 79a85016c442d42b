"""A diffusion model of faces whose weights come with the package: training takes too long here.

Two labels: 0 no glasses, 1 glasses. `train_face_denoiser` makes the weights (``make weights``).
"""

import functools
from typing import Any

import torch
from torch import Tensor

from ..data import faces
from ..training import History
from .noise_prediction import Velocity, fit_denoiser
from .sampling import to_signed
from .schedules import cosine_schedule
from .shipped import load_weights
from .unet import UNet

STEPS = 1000
SIZE = 32


def face_schedule() -> Tensor:
    """Return the schedule that the faces' network was trained with, (1000,).

    >>> face_schedule().shape
    torch.Size([1000])
    """
    return cosine_schedule(STEPS)


def face_network() -> Velocity:
    """Return the network without its training: (B, 3, 32, 32), labels 0 and 1."""
    return Velocity(UNet(3, (24, 48, 96), patch=2, classes=2), face_schedule())


@functools.cache
def load_face_denoiser() -> Velocity:
    """Return the trained network, frozen, on the CPU.

    Its schedule is `face_schedule`; pictures are in [-1, 1], see `to_signed`.

    >>> network = load_face_denoiser()
    >>> network(torch.zeros(1, 3, 32, 32), torch.tensor([0])).shape
    torch.Size([1, 3, 32, 32])
    """
    return load_weights(face_network(), "face_denoiser")


def train_face_denoiser(
    steps: int = 5000, *, seed: int = 0, count: int = 16_000, **options: Any
) -> tuple[Velocity, History]:
    """Train the network on drawn faces; 5000 steps took 8 minutes of processor time.

    Args:
        steps: steps of Adam, of 32 faces each.
        seed: of the weights, the faces and the noise.
        count: number of different faces.
        **options: of `fit_denoiser`.

    Returns:
        The averaged network and the history.
    """
    generator = torch.Generator().manual_seed(seed)
    images, attributes = faces(count, SIZE, generator=generator)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = face_network()
    usual = {"learning_rate": 2e-3, "decay": 0.998, "largest_gradient": 1.0, "batch_size": 32}
    return fit_denoiser(
        network,
        to_signed(images),
        face_schedule(),
        steps,
        generator=generator,
        labels=attributes["glasses"].long(),
        weights=1 / face_schedule(),
        **(usual | options),
    )
