"""A small convolutional GAN of faces, with or without glasses as asked; its weights ship.

`train_face_gan` makes the weights (``make weights``).
"""

import functools
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from course_lib.data import faces
from course_lib.generative.gan import fit_gan
from course_lib.generative.noise_prediction import Averaged
from course_lib.generative.shipped import load_weights
from course_lib.training import History

SIZE = 32
NOISE = 64
WIDTH = 32


class FaceGenerator(nn.Module):
    """Noise (B, 64) and a label (B,), 1 = glasses, to pictures (B, 3, 32, 32) in [0, 1].

    A 4 x 4 map is doubled three times, each time by a transposed convolution.

    Source: Radford et al., Unsupervised representation learning with deep convolutional generative
    adversarial networks (2016), https://arxiv.org/abs/1511.06434

    >>> FaceGenerator(8)(torch.zeros(2, 64), torch.tensor([0, 1])).shape
    torch.Size([2, 3, 32, 32])
    """

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        self.label = nn.Embedding(2, NOISE)
        self.enter = nn.Linear(2 * NOISE, 4 * width * 16)
        layers: list[nn.Module] = [nn.Unflatten(1, (4 * width, 4, 4))]
        for inputs, outputs in ((4, 2), (2, 1)):
            layers += [nn.GroupNorm(4, inputs * width), nn.ReLU()]
            layers += [nn.ConvTranspose2d(inputs * width, outputs * width, 4, 2, 1)]
        layers += [nn.GroupNorm(4, width), nn.ReLU(), nn.ConvTranspose2d(width, 3, 4, 2, 1)]
        self.maps = nn.Sequential(*layers)

    def forward(self, noise: Tensor, labels: Tensor) -> Tensor:
        return self.maps(self.enter(torch.cat([noise, self.label(labels)], dim=1))).sigmoid()


class FaceDiscriminator(nn.Module):
    """Pictures (B, 3, 32, 32) and labels (B,) to logits (B,): is this a real picture *of that*?

    The label enters as a projection: logit = v . h(x) + e(label) . h(x).

    Source: Miyato and Koyama, cGANs with projection discriminator (2018),
    https://arxiv.org/abs/1802.05637

    >>> FaceDiscriminator(8)(torch.zeros(2, 3, 32, 32), torch.tensor([0, 1])).shape
    torch.Size([2])
    """

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        widths = (3, width, 2 * width, 4 * width)
        self.maps = nn.ModuleList(nn.Conv2d(*widths[i : i + 2], 4, 2, 1) for i in range(3))
        self.leave = nn.Linear(4 * width * 16, 1)
        self.label = nn.Embedding(2, 4 * width * 16)
        nn.init.zeros_(self.label.weight)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        x = 2 * images - 1
        for layer in self.maps:
            x = functional.leaky_relu(layer(x), 0.2)
        x = x.flatten(1)
        return self.leave(x).squeeze(1) + (self.label(labels) * x).sum(dim=1)


@functools.cache
def load_face_generator() -> FaceGenerator:
    """Return the trained generator, frozen, on the CPU.

    >>> load_face_generator()(torch.zeros(1, 64), torch.tensor([1])).shape
    torch.Size([1, 3, 32, 32])
    """
    return load_weights(FaceGenerator(), "face_generator")


def train_face_gan(
    steps: int = 2000, *, seed: int = 0, count: int = 16_000, width: int = WIDTH, **options: Any
) -> tuple[FaceGenerator, History]:
    """Train the two players on drawn faces.

    Args:
        steps: of the generator, 32 faces each; 2,000 take 380 seconds of processor time.
        seed: of the weights, the faces and the noise.
        count: number of different faces.
        width: of both networks; the shipped weights have 32.
        **options: of `fit_gan`.

    Returns:
        The generator, a moving average of the trained one, and the history.
    """
    generator = torch.Generator().manual_seed(seed)
    images, attributes = faces(count, SIZE, generator=generator)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network, discriminator = FaceGenerator(width), FaceDiscriminator(width)
    averaged = Averaged(network, decay=0.99)
    usual = {"kind": "wasserstein", "rounds": 2, "learning_rates": (1e-3, 1e-3), "batch_size": 32}
    history = fit_gan(
        network,
        discriminator,
        (images, attributes["glasses"].long()),
        steps,
        noise_size=NOISE,
        generator=generator,
        callback=lambda done, _: averaged.update(done),
        **(usual | options),
    )
    return averaged.average.eval(), history
