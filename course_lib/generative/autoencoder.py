"""Pictures to a few numbers and back: an encoder, a decoder, and the two in a row."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from course_lib.pictures import require_batch
from course_lib.training import History, descend

SIDE = 32  # of the pictures, in pixels
CHUNK = 512


class ConvEncoder(nn.Module):
    """Pictures (B, 3, 32, 32) to numbers of the shape `outputs`.

    The picture is cut into patches of 4 x 4 pixels, which makes maps of 8 x 8; one more convolution
    halves them, unless the answer has that size; the last layer is linear.

    Args:
        outputs: `(D,)` for a vector, or `(C, 4, 4)` or `(C, 8, 8)` for maps.
        width: maps after the first convolution; the second makes twice as many.

    Raises:
        ValueError: another shape.

    >>> ConvEncoder((16,))(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 16])
    >>> ConvEncoder((4, 8, 8))(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 4, 8, 8])
    """

    def __init__(self, outputs: Sequence[int], width: int = 48) -> None:
        super().__init__()
        C, *side = check_shape(outputs, "outputs")
        patches = nn.Conv2d(3, width, 4, stride=4)
        shrink = nn.Conv2d(width, 2 * width, 3, padding=1)
        if side != [8, 8]:
            shrink = nn.Conv2d(width, 2 * width, 4, stride=2, padding=1)
        self.maps = nn.Sequential(patches, *_finish(width), shrink, *_finish(2 * width))
        vector = nn.Sequential(nn.Flatten(), nn.Linear(2 * width * 4 * 4, C))
        self.head = nn.Conv2d(2 * width, C, 3, padding=1) if side else vector

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.maps(2 * images - 1))


class ConvDecoder(nn.Module):
    """Numbers of the shape `inputs` to pictures (B, 3, 32, 32): the encoder's steps, backwards.

    The last layer's patches of 8 x 8 pixels overlap, so that no seams show. Values are not clamped,
    so that a gradient flows everywhere; `decode_latents` clamps.

    Args:
        inputs: as the encoder's `outputs`.
        width: as the encoder's.
        hidden: sizes of dense layers between a vector and the first maps: with them the decoder can
            bend its space more.

    Raises:
        ValueError: another shape, or dense layers behind maps.

    >>> ConvDecoder((4, 8, 8))(torch.zeros(2, 4, 8, 8)).shape
    torch.Size([2, 3, 32, 32])
    """

    def __init__(self, inputs: Sequence[int], width: int = 48, hidden: Sequence[int] = ()) -> None:
        super().__init__()
        C, *side = check_shape(inputs, "inputs")
        if side and hidden:
            raise ValueError(f"hidden: got {tuple(hidden)} for maps, wanted () or a vector")
        self.head = nn.Conv2d(C, 2 * width, 3, padding=1) if side else _spread(C, hidden, width)
        grow = nn.Conv2d(2 * width, width, 3, padding=1)
        if side != [8, 8]:
            grow = nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1)
        paint = nn.ConvTranspose2d(width, 3, 8, stride=4, padding=2)
        self.maps = nn.Sequential(*_finish(2 * width), grow, *_finish(width), paint)

    def forward(self, latents: Tensor) -> Tensor:
        return 0.5 + self.maps(self.head(latents))


def _spread(count: int, hidden: Sequence[int], width: int) -> nn.Sequential:
    """From a vector to the first maps (2 width, 4, 4)."""
    dense = [
        layer
        for a, b in pairwise((count, *hidden))
        for layer in (nn.Linear(a, b), nn.BatchNorm1d(b), nn.SiLU())
    ]
    last = nn.Linear((count, *hidden)[-1], 2 * width * 4 * 4)
    return nn.Sequential(*dense, last, nn.Unflatten(1, (2 * width, 4, 4)))


def _finish(channels: int) -> tuple[nn.Module, ...]:
    return nn.BatchNorm2d(channels), nn.SiLU()


def check_shape(shape: Sequence[int], name: str) -> tuple[int, ...]:
    """Return a latent's shape, `(D,)`, `(C, 4, 4)` or `(C, 8, 8)`, as a tuple.

    Raises:
        ValueError: another shape.

    >>> check_shape((4, 8, 4), "latent")
    Traceback (most recent call last):
    ValueError: latent: got (4, 8, 4), wanted (D,), (C, 4, 4) or (C, 8, 8)
    """
    shape = tuple(shape)
    if not shape or shape[0] < 1 or shape[1:] not in {(), (4, 4), (8, 8)}:
        raise ValueError(f"{name}: got {shape}, wanted (D,), (C, 4, 4) or (C, 8, 8)")
    return shape


class Autoencoder(nn.Module):
    """An encoder and a decoder in a row; `model.encoder` and `model.decoder` are its halves.

    Args:
        latent: shape of a latent, `(D,)`, `(C, 4, 4)` or `(C, 8, 8)`.
        width: see `ConvEncoder`.

    >>> model = Autoencoder((8,))
    >>> model(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 3, 32, 32])
    """

    def __init__(self, latent: Sequence[int], width: int = 48) -> None:
        super().__init__()
        self.latent = check_shape(latent, "latent")
        self.encoder = ConvEncoder(self.latent, width)
        self.decoder = ConvDecoder(self.latent, width)

    def forward(self, images: Tensor) -> Tensor:
        return self.decoder(self.encoder(images))


def fit_autoencoder(
    model: nn.Module,
    images: Tensor,
    steps: int,
    *,
    generator: torch.Generator,
    noise: float = 0.0,
    **options: Any,
) -> History:
    """Train an autoencoder to give back its pictures: L = mean (x - decoder(encoder(x)))^2.

    Args:
        model: `Autoencoder`, trained in place.
        images: (N, 3, 32, 32), values in [0, 1].
        steps: steps of Adam.
        generator: draws the batches and the noise.
        noise: standard deviation of noise that is added to the latents during training.
        **options: of `course_lib.training.descend`.

    Returns:
        The history, with "loss".

    Raises:
        ValueError: pictures of another shape.

    Source: Hinton, Salakhutdinov, "Reducing the dimensionality of data with neural networks",
    Science 2006, https://doi.org/10.1126/science.1127647

    >>> pictures = torch.rand(8, 3, 32, 32)
    >>> options = {"generator": torch.Generator(), "progress": False}
    >>> len(fit_autoencoder(Autoencoder((4,), width=4), pictures, 2, **options)["loss"])
    2
    """
    check_pictures(images)

    def loss(x: Tensor) -> Tensor:
        latents = model.encoder(x)
        if noise:
            latents = latents + noise * torch.randn(latents.shape, generator=generator)
        return (model.decoder(latents) - x).square().mean()

    options = {"learning_rate": 4e-3, "batch_size": 32} | options
    return descend(model, loss, (images,), steps, generator=generator, **options)


def check_pictures(images: Tensor) -> None:
    """Raise unless these are pictures (B, 3, 32, 32)."""
    require_batch(images, "images")
    if images.shape[1:] != (3, SIDE, SIDE):
        raise ValueError(f"images: got {tuple(images.shape)}, wanted (B, 3, {SIDE}, {SIDE})")


@torch.no_grad()
def encode_pictures(model: nn.Module, images: Tensor) -> Tensor:
    """Return the latents (B, ...) of pictures (B, 3, 32, 32), without a gradient.

    >>> encode_pictures(Autoencoder((8,)), torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 8])
    """
    check_pictures(images)
    encoder = model.encoder.eval()
    return torch.cat([encoder(part) for part in images.split(CHUNK)])


@torch.no_grad()
def decode_latents(model: nn.Module, latents: Tensor) -> Tensor:
    """Return the pictures (B, 3, 32, 32) of latents, clamped to [0, 1], without a gradient.

    >>> decode_latents(Autoencoder((8,)), torch.zeros(2, 8)).shape
    torch.Size([2, 3, 32, 32])
    """
    decoder = model.decoder.eval()
    return torch.cat([decoder(part).clamp(0, 1) for part in latents.split(CHUNK)])
