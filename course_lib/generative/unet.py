"""A small U-Net that predicts noise: it is told the time, and may be told what to draw."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

Attend = Callable[[int], nn.Module]


def time_embedding(t: Tensor, size: int) -> Tensor:
    r"""Return times as waves of many lengths, from which a network can tell near from far.

    $e_{2k}, e_{2k+1} = \sin(t / 10000^{k / (D/2)}), \cos(\dots)$, all sines first.

    Args:
        t: (B,), times.
        size: D, even.

    Returns:
        (B, D) float32.

    Raises:
        ValueError: an odd size.

    Source: Vaswani et al. (2017), https://arxiv.org/abs/1706.03762, section 3.5

    >>> time_embedding(torch.tensor([0]), 4)
    tensor([[0., 0., 1., 1.]])
    """
    if size < 2 or size % 2:
        raise ValueError(f"size: got {size}, wanted an even number of at least 2")
    half = size // 2
    speeds = torch.exp(-math.log(10_000) * torch.arange(half, device=t.device) / half)
    angles = t[:, None].float() * speeds  # (B, D / 2)
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class Block(nn.Module):
    """Two convolutions beside a shortcut; between them the embedding scales and shifts each map.

    Source: Dhariwal, Nichol (2021), https://arxiv.org/abs/2105.05233 (scale and shift)
    """

    def __init__(self, inputs: int, outputs: int, embedding: int) -> None:
        super().__init__()
        self.first = nn.Sequential(_norm(inputs), nn.SiLU(), _convolution(inputs, outputs))
        self.told = nn.Linear(embedding, 2 * outputs)
        self.norm = _norm(outputs)
        self.second = nn.Sequential(nn.SiLU(), _silent(_convolution(outputs, outputs)))
        self.shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """(B, C, H, W) and (B, E) to (B, D, H, W)."""
        scale, shift = self.told(embedding)[..., None, None].chunk(2, dim=1)
        y = self.norm(self.first(x)) * (1 + scale) + shift
        return self.shortcut(x) + self.second(y)


class SelfAttention(nn.Module):
    """Every place of the map asks every other one; added to what was there."""

    def __init__(self, channels: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.norm = _norm(channels)
        self.ask = nn.Conv2d(channels, 3 * channels, 1)
        self.answer = _silent(nn.Conv2d(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        B, C, H, W = x.shape
        parts = self.ask(self.norm(x)).view(B, 3, self.heads, C // self.heads, H * W)
        q, k, v = parts.transpose(-1, -2).unbind(1)  # each (B, heads, H W, C / heads)
        y = functional.scaled_dot_product_attention(q, k, v)
        return x + self.answer(y.transpose(-1, -2).reshape(B, C, H, W))


class UNet(nn.Module):
    """Predict the noise in `x_t`: down, through the middle, up, with skip connections.

    Args:
        channels: of the pictures.
        widths: channels at each size; each further one is at half the size.
        patch: squares of so many pixels a side enter as channels and leave again as pixels; 2 makes
            everything four times cheaper, at some cost in detail.
        classes: K labels that it may be told; 0: none. One more, `no_label`, means "anything".
        blocks: blocks at each size, on either side.
        attend: the place for further conditions. ``attend(width)`` makes a module for maps of that
            width, called as ``module(x, context)`` after each block of the lower half; unit 13
            puts cross-attention to words there. None: nothing.

    Raises:
        ValueError: no widths, or, when called, a size that cannot be halved so often, or labels
            where there are no classes.

    Source: Ho, Jain, Abbeel (2020), https://arxiv.org/abs/2006.11239, appendix B; Ronneberger,
    Fischer, Brox (2015), https://arxiv.org/abs/1505.04597

    >>> network = UNet(1, (8, 16), classes=10)
    >>> x, t = torch.zeros(2, 1, 8, 8), torch.tensor([0, 99])
    >>> network(x, t, torch.tensor([3, network.no_label])).shape
    torch.Size([2, 1, 8, 8])
    """

    def __init__(
        self,
        channels: int = 3,
        widths: Sequence[int] = (32, 64, 128),
        *,
        patch: int = 1,
        classes: int = 0,
        blocks: int = 1,
        attend: Attend | None = None,
    ) -> None:
        super().__init__()
        if not widths or any(width % 8 for width in widths):
            raise ValueError(f"widths: got {tuple(widths)}, wanted multiples of 8, at least one")
        size, last = 4 * widths[0], widths[-1]
        self.patch, self.no_label, self.width = patch, classes, widths[0]
        self.divisor = patch * 2 ** (len(widths) - 1)
        self.time = nn.Sequential(nn.Linear(widths[0], size), nn.SiLU(), nn.Linear(size, size))
        self.label = nn.Embedding(classes + 1, size) if classes else None
        self.enter = _convolution(channels * patch**2, widths[0])
        self.down = nn.ModuleList(_stage(w, w, size, blocks, attend) for w in widths[:-1])
        self.halve = nn.ModuleList(_convolution(a, b, stride=2) for a, b in pairwise(widths))
        self.middle = _stage(last, last, size, 1, attend)
        self.look = SelfAttention(last)
        self.middle_after = _stage(last, last, size, 1, attend)
        pairs = list(pairwise(widths))[::-1]
        self.enlarge = nn.ModuleList(_convolution(b, a) for a, b in pairs)
        self.up = nn.ModuleList(_stage(2 * a, a, size, blocks, attend) for a, _ in pairs)
        out = channels * patch**2
        self.leave = nn.Sequential(
            _norm(widths[0]), nn.SiLU(), _silent(_convolution(widths[0], out))
        )

    def forward(
        self, x: Tensor, t: Tensor, labels: Tensor | None = None, context: Tensor | None = None
    ) -> Tensor:
        """Return the noise in ``x``.

        Args:
            x: (B, C, H, W), noisy pictures.
            t: (B,) int64, their times.
            labels: (B,) int64, what they show; None: anything.
            context: whatever ``attend``'s modules take, for unit 13.
        """
        self._check_size(x)
        told = self._told(t, labels)
        x = self.enter(functional.pixel_unshuffle(x, self.patch))
        maps = []
        for stage, halve in zip(self.down, self.halve, strict=True):
            x = stage(x, told, context)
            maps.append(x)
            x = halve(x)
        x = self.middle_after(self.look(self.middle(x, told, context)), told, context)
        for enlarge, stage in zip(self.enlarge, self.up, strict=True):
            x = functional.interpolate(enlarge(x), scale_factor=2, mode="nearest")
            x = stage(torch.cat([x, maps.pop()], dim=1), told, context)
        return functional.pixel_shuffle(self.leave(x), self.patch)

    def _told(self, t: Tensor, labels: Tensor | None) -> Tensor:
        """Time and label as one vector, (B, E)."""
        told = self.time(time_embedding(t, self.width))
        if self.label is None:
            if labels is not None:
                raise ValueError("labels: got some, but this network was made with classes=0")
            return functional.silu(told)
        labels = torch.full_like(t, self.no_label) if labels is None else labels
        return functional.silu(told + self.label(labels))

    def _check_size(self, x: Tensor) -> None:
        if x.ndim != 4 or x.shape[2] % self.divisor or x.shape[3] % self.divisor:
            raise ValueError(
                f"x: got shape {tuple(x.shape)}, wanted (B, C, H, W), multiples of {self.divisor}"
            )


class Stage(nn.Module):
    """Blocks at one size, each followed by what attends to the context, if anything does."""

    def __init__(self, blocks: Sequence[Block], attends: Sequence[nn.Module]) -> None:
        super().__init__()
        self.blocks, self.attends = nn.ModuleList(blocks), nn.ModuleList(attends)

    def forward(self, x: Tensor, told: Tensor, context: Tensor | None) -> Tensor:
        for number, block in enumerate(self.blocks):
            x = block(x, told)
            if self.attends and context is not None:
                x = self.attends[number](x, context)
        return x


def _stage(inputs: int, outputs: int, size: int, blocks: int, attend: Attend | None) -> Stage:
    widths = [inputs] + [outputs] * blocks
    made = [Block(a, b, size) for a, b in pairwise(widths)]
    return Stage(made, [attend(outputs) for _ in made] if attend else [])


def _norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(8, channels)


def _convolution(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1)


def _silent(layer: nn.Conv2d) -> nn.Conv2d:
    """The layer with weights of zero: at first it adds nothing."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
