"""The single-shot network: picture and mask in, whole picture out."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..training import History, descend
from .convolutions import CONVOLUTIONS, Finish, HoleConv2d
from .learned import compose, masked_l1, network_input

MaskedLoss = Callable[[Tensor, Tensor, Tensor], Tensor]


class Layer(nn.Module):
    """A convolution and what follows it: (x, mask) to (y, mask); see `HoleConv2d`."""

    def __init__(
        self, channels: int, outputs: int, kind: str, size: int = 3, stride: int = 1
    ) -> None:
        super().__init__()
        self.convolution = HoleConv2d(channels, outputs, kind, size, stride)
        self.finish = Finish(outputs, kind)

    def forward(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        y, mask = self.convolution(x, mask)
        return self.finish(y), mask


class Join(nn.Module):
    """One step up: the small maps enlarged, beside the encoder's maps of that size.

    A convolution of two maps laid on top of each other is the sum of two convolutions. The one of
    the small maps is done before they are enlarged, at a quarter of the cost.
    """

    def __init__(self, low: int, high: int, kind: str, skips: bool) -> None:
        super().__init__()
        self.low = HoleConv2d(low, high, kind)
        self.high = HoleConv2d(high, high, kind) if skips else None
        self.finish = Finish(high, kind)

    def forward(
        self, low: Tensor, low_mask: Tensor | None, high: Tensor, high_mask: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        y, mask = self.low(low, low_mask)
        y = functional.interpolate(y, scale_factor=2, mode="nearest")
        if mask is not None:
            mask = mask.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
        if self.high is not None:
            across, left = self.high(high, high_mask)
            y, mask = y + across, None if mask is None else mask & left
        return self.finish(y), mask


class Dense(nn.Module):
    """Every place hears of every other one: x + W elu(norm(V x)), with x as one long vector."""

    def __init__(self, channels: int, size: int, width: int) -> None:
        super().__init__()
        numbers = channels * size * size
        self.inner = nn.Sequential(
            nn.Linear(numbers, width), nn.BatchNorm1d(width), nn.ELU(), nn.Linear(width, numbers)
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.inner(x.flatten(1)).view(x.shape)


class Generator(nn.Module):
    """An encoder and a decoder with skip connections between them (a U-Net).

    Each step down halves the maps and widens what one unit sees. Each step up enlarges them, and
    takes in the encoder's maps of that size, which still know where the edges are. The first step
    down has no partner: the last layer computes the four pixels of each 2 x 2 square as channels.

    Args:
        widths: channels after each step down.
        kind: of convolution: "plain", "partial" (Liu et al.) or "gated" (Yu et al.).
        middle: layers at the smallest size.
        dense: numbers through which all places of the smallest maps speak to each other, each
            place by weights of its own (Pathak et al.). It pays where faces stand in one place, and
            ties the network to pictures of one size. 0: none, and any size.
        size: height and width of the pictures, for ``dense``.
        skips: whether the encoder's maps are handed across; without them it is an autoencoder.
        inputs: channels of the input, of which the last is the mask; 4 is picture and mask.
        outputs: channels of the result.

    Raises:
        ValueError: an unknown kind, no widths, or, when called, a size that cannot be halved so
            often or is not the one of ``dense``.

    Source: Ronneberger et al. (2015), https://arxiv.org/abs/1505.04597 (skip connections); Shi et
    al. (2016), https://arxiv.org/abs/1609.05158 (pixels as channels); Pathak et al. (2016),
    https://arxiv.org/abs/1604.07379 (the dense layer in the middle)

    >>> Generator((8, 16))(torch.zeros(2, 4, 32, 32)).shape
    torch.Size([2, 3, 32, 32])
    """

    def __init__(
        self,
        widths: Sequence[int] = (32, 64, 128),
        *,
        kind: str = "plain",
        middle: int = 1,
        dense: int = 256,
        size: int = 32,
        skips: bool = True,
        inputs: int = 4,
        outputs: int = 3,
    ) -> None:
        super().__init__()
        if kind not in CONVOLUTIONS or len(widths) == 0:
            raise ValueError(
                f"kind, widths: got {kind!r}, {widths!r}, wanted {', '.join(CONVOLUTIONS)}, "
                "and at least one width"
            )
        steps, last = list(pairwise(widths)), widths[-1]
        self.divisor, self.size, self.partial = 2 ** len(widths), size, kind == "partial"
        self.enter = Layer(inputs, widths[0], kind, size=5, stride=2)
        self.down = nn.ModuleList(Layer(a, b, kind, stride=2) for a, b in steps)
        self.dense = Dense(last, size // self.divisor, dense) if dense else None
        self.middle = nn.ModuleList(Layer(last, last, kind) for _ in range(middle))
        self.up = nn.ModuleList(Join(b, a, kind, skips) for a, b in reversed(steps))
        self.leave = nn.Conv2d(widths[0], 4 * outputs, 3, padding=1)
        self.to(memory_format=torch.channels_last)  # the faster order of numbers on a processor

    def forward(self, x: Tensor) -> Tensor:
        """Return the whole picture, (B, outputs, H, W) in [0, 1], from `network_input`."""
        self._check_size(*x.shape[-2:])
        mask = x[:, -1:] > 0.5 if self.partial else None
        x, mask = self.enter(x.contiguous(memory_format=torch.channels_last), mask)
        maps = [(x, mask)]
        for layer in self.down:
            maps.append(layer(*maps[-1]))
        x, mask = maps.pop()
        if self.dense is not None:
            x, mask = self.dense(x), None if mask is None else torch.zeros_like(mask)
        for layer in self.middle:
            x, mask = layer(x, mask)
        for join in self.up:
            x, mask = join(x, mask, *maps.pop())
        return functional.pixel_shuffle(self.leave(x), 2).sigmoid()

    def _check_size(self, height: int, width: int) -> None:
        if self.dense is not None and (height, width) != (self.size, self.size):
            raise ValueError(
                f"x: got {height} x {width} pixels, wanted {self.size} x {self.size}; "
                "with dense=0 the network takes other sizes"
            )
        if height % self.divisor or width % self.divisor:
            raise ValueError(f"x: got {height} x {width}, wanted multiples of {self.divisor}")


def fit_inpainter(
    network: nn.Module,
    images: Tensor,
    masks: Tensor,
    steps: int,
    *,
    generator: torch.Generator,
    loss: MaskedLoss | None = None,
    batch_size: int = 32,
    learning_rate: float = 5e-3,
    **options: Any,
) -> History:
    """Teach a network to fill holes in whole pictures, in place: any picture with any hole.

    Args:
        network: (B, C + 1, H, W) to (B, C, H, W), such as a `Generator`.
        images: (N, C, H, W), whole pictures, values in [0, 1].
        masks: (M, 1, H, W) bool, True = hole; each step draws pictures and holes independently.
        steps: how many.
        generator: draws the batches.
        loss: ``loss(prediction, target, mask) -> scalar``; None: the network's own
            ``loss(image, mask)``, which those of several stages have, else `masked_l1`.
        batch_size: pictures a step.
        learning_rate: the largest; see `descend`.
        **options: of `descend` and `train`.

    Returns:
        The history, with "loss".

    >>> generator = torch.Generator().manual_seed(0)
    >>> grey = torch.full((4, 3, 8, 8), 0.5)
    >>> holes = torch.zeros(4, 1, 8, 8, dtype=torch.bool)
    >>> holes[..., 2:6] = True
    >>> network = Generator((8,), dense=0)
    >>> history = fit_inpainter(network, grey, holes, 40, generator=generator, progress=False)
    >>> history["loss"][-1] < history["loss"][0]
    True
    """

    def draw(generator: torch.Generator) -> tuple[Tensor, Tensor]:
        chosen = torch.randint(len(images), (batch_size,), generator=generator)
        holes = torch.randint(len(masks), (batch_size,), generator=generator)
        return images[chosen], masks[holes]

    def error(image: Tensor, mask: Tensor) -> Tensor:
        measure = masked_l1 if loss is None else loss
        return measure(network(network_input(image, mask)), image, mask)

    if loss is None:
        error = getattr(network, "loss", error)
    options = {"learning_rate": learning_rate, "description": "Learning to fill"} | options
    return descend(network, error, draw, steps, generator=generator, **options)


@torch.no_grad()
def learned_inpaint(network: nn.Module, image: Tensor, mask: Tensor) -> Tensor:
    """Fill holes with a trained network; known pixels keep their very bits.

    Args:
        network: (B, C + 1, H, W) to (B, C, H, W), such as a `Generator`; it is left in the mode,
            training or not, in which it came.
        image: (B, C, H, W), values in [0, 1]; in the hole anything, NaN included.
        mask: (B, 1, H, W) bool, True = hole.

    Returns:
        (B, C, H, W).

    Raises:
        TypeError, ValueError: see `check_image_and_mask`.
    """
    was_training = network.training
    network.eval()
    try:
        return compose(image, network(network_input(image, mask)), mask)
    finally:
        network.train(was_training)
