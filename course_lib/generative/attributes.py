"""What a picture of a face shows: a small network that reads the attributes off it.

Our faces are drawn from attributes. This goes the other way round, so that the faces which a
generator makes can be judged: which of them wear glasses, and is there any face at all that our
painter could have drawn so? Its weights ship with the package; `train_attribute_reader` (``make
weights``) makes them.
"""

import functools
import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from course_lib.data import HAIR_COLORS, HAIR_STYLES, Faces, draw_faces, faces
from course_lib.generative.shipped import load_weights
from course_lib.pictures import require_batch
from course_lib.training import History, descend

SIZE = 32
SIGNED = ("smile", "yaw", "face_width")  # in [-1, 1]
SHARES = ("eye_openness", "skin_tone")  # in [0, 1]
HUES = ("background", "shirt")  # in [0, 1], where 1 is 0 again
CHUNK = 512


class AttributeReader(nn.Module):
    """A small convolutional network: `(B, 3, 32, 32)` in [0, 1] to what it reads, unscaled.

    Its answer is a dictionary: a logit for glasses `(B,)`, logits for the hair's style `(B, 4)` and
    colour `(B, 5)`, a number for each other attribute `(B,)`, and for hues a direction `(B, 2)`.
    """

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        channels = (3, width, 2 * width, 3 * width, 4 * width)
        steps = pairwise(channels)
        self.maps = nn.Sequential(*(layer for pair in steps for layer in _halve(*pair)))
        self.features = nn.Sequential(
            nn.Flatten(), nn.Linear(4 * width * 4, 64), nn.BatchNorm1d(64), nn.ReLU()
        )
        self.head = nn.Linear(64, sum(_widths().values()))

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        answer = self.head(self.features(self.maps(images - 0.5)))
        parts = answer.split(list(_widths().values()), dim=1)
        return {n: part.squeeze(1) for n, part in zip(_widths(), parts, strict=True)}


def _halve(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    return convolution, nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d(2)


def _widths() -> dict[str, int]:
    """Numbers that the network answers with, for each attribute."""
    words = {"glasses": 1, "hair_style": len(HAIR_STYLES), "hair_color": len(HAIR_COLORS)}
    return words | dict.fromkeys(SIGNED + SHARES, 1) | dict.fromkeys(HUES, 2)


@functools.cache
def load_attribute_reader() -> AttributeReader:
    """Return the trained network, frozen, on the CPU.

    >>> sum(p.numel() for p in load_attribute_reader().parameters()) < 200_000
    True
    """
    return load_weights(AttributeReader(), "attribute_reader")


def read_attributes(images: Tensor) -> dict[str, Tensor]:
    """Read the attributes off pictures of faces, as `data.faces` gives them.

    Args:
        images: (B, 3, 32, 32), values in [0, 1].

    Returns:
        A dictionary of `(B,)` tensors: see `course_lib.data.sample_attributes`. They are always in
        the painter's range, whatever the picture shows. No gradient flows through it.

    Raises:
        ValueError: images of another shape.

    >>> images, truth = faces(64, generator=torch.Generator().manual_seed(5))
    >>> bool((read_attributes(images)["glasses"] == truth["glasses"]).float().mean() > 0.95)
    True
    """
    answers = [_plain(load_attribute_reader()(part)) for part in _chunks(images)]
    return {name: torch.cat([each[name] for each in answers]) for name in answers[0]}


def _plain(answer: dict[str, Tensor]) -> dict[str, Tensor]:
    """What the network answered, in the units of the attributes."""
    words = {name: answer[name].argmax(dim=1) for name in ("hair_style", "hair_color")}
    signed = {name: answer[name].clamp(-1, 1) for name in SIGNED}
    shares = {name: answer[name].clamp(0, 1) for name in SHARES}
    turns = {name: torch.atan2(*answer[name].unbind(1)) / math.tau for name in HUES}
    hues = {name: torch.remainder(turn, 1.0).clamp(0, 1) for name, turn in turns.items()}
    return {"glasses": answer["glasses"] > 0} | words | signed | shares | hues


def attribute_features(images: Tensor) -> Tensor:
    """Return 64 numbers for each picture: what the network knows before it answers.

    Args:
        images: (B, 3, 32, 32), values in [0, 1].

    Returns:
        (B, 64), at least 0; for `frechet_distance`.

    Raises:
        ValueError: images of another shape.

    >>> attribute_features(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 64])
    """
    reader = load_attribute_reader()
    return torch.cat([reader.features(reader.maps(part - 0.5)) for part in _chunks(images)])


def face_error(images: Tensor) -> Tensor:
    """Return how far each picture is from the nearest face that our painter would draw.

    The attributes are read off the picture x, the face with these attributes is drawn again, and
    compared: e = sqrt( mean (x - draw(read(x)))^2 ). Small for a face; large for a ghost of two
    faces, a blur, or no face. Not zero for a real face, as the reading is not exact: compare with
    the value on real faces.

    Args:
        images: (B, 3, 32, 32), values in [0, 1].

    Returns:
        (B,), at least 0.

    Raises:
        ValueError: images of another shape.

    >>> images = faces(64, generator=torch.Generator().manual_seed(5)).images
    >>> ghosts = (images + images.flip(0)) / 2
    >>> bool(face_error(ghosts).mean() > 1.5 * face_error(images).mean())
    True
    """
    redrawn = draw_faces(read_attributes(images), SIZE)
    return (images.detach().float().cpu() - redrawn).square().mean(dim=(1, 2, 3)).sqrt()


@torch.no_grad()
def _chunks(images: Tensor) -> tuple[Tensor, ...]:
    require_batch(images, "images")
    if images.shape[1:] != (3, SIZE, SIZE):
        raise ValueError(f"images: got {tuple(images.shape)}, wanted (B, 3, {SIZE}, {SIZE})")
    return images.detach().float().cpu().split(CHUNK)


def train_attribute_reader(
    steps: int = 3_000, *, seed: int = 0, batch_size: int = 128, progress: bool = True
) -> tuple[AttributeReader, History]:
    """Train the network on faces that are drawn as it goes; no face comes twice.

    A sixth of the pictures are blurred and a sixth noisy: generated faces are never quite sharp.

    Args:
        steps: steps of Adam; 3,000 took seven minutes of processor time.
        seed: of the weights and the faces.
        batch_size: faces a step.
        progress: show a bar.

    Returns:
        The network and what was recorded.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        reader = AttributeReader()
    history = descend(
        reader,
        lambda images, attributes: reading_loss(reader(images), attributes),
        lambda generator: _drawn(batch_size, generator),
        steps,
        generator=torch.Generator().manual_seed(seed),
        learning_rate=3e-3,
        progress=progress,
    )
    return reader.eval(), history


def _drawn(count: int, generator: torch.Generator) -> Faces:
    """New faces; the first sixth is blurred, the next is noisy."""
    images, attributes = faces(count, SIZE, generator=generator)
    part = count // 6
    images[:part] = functional.avg_pool2d(images[:part], 3, 1, 1, count_include_pad=False)
    noise = torch.randn(part, 3, SIZE, SIZE, generator=generator)
    images[part : 2 * part] += 0.05 * noise
    return Faces(images, attributes)


def reading_loss(answer: dict[str, Tensor], truth: dict[str, Tensor]) -> Tensor:
    """Cross-entropy for words, squared error for numbers and for the hues' directions."""
    glasses = functional.binary_cross_entropy_with_logits(
        answer["glasses"], truth["glasses"].float()
    )
    style = functional.cross_entropy(answer["hair_style"], truth["hair_style"])
    hairy = truth["hair_style"] > 0  # the colour of no hair cannot be seen
    color = functional.cross_entropy(answer["hair_color"][hairy], truth["hair_color"][hairy])
    numbers = sum((answer[name] - truth[name]).square().mean() for name in SIGNED + SHARES)
    hues = sum((answer[name] - _direction(truth[name])).square().mean() for name in HUES)
    return glasses + style + color + 3 * numbers + 3 * hues


def _direction(hue: Tensor) -> Tensor:
    """A hue as a point on the circle, (B, 2): sine and cosine."""
    return torch.stack([(math.tau * hue).sin(), (math.tau * hue).cos()], dim=1)
