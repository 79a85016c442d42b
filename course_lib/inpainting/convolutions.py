"""Convolutions that know about holes: partial (by a rule) and gated (learnt)."""

import torch
from torch import Tensor, nn
from torch.nn import functional

CONVOLUTIONS = ("plain", "partial", "gated")


def partial_conv(
    x: Tensor, mask: Tensor, weight: Tensor, bias: Tensor | None = None, stride: int = 1
) -> tuple[Tensor, Tensor]:
    """Convolve over known pixels alone, and shrink the hole by what now has an answer.

        y = W^T (x known) k^2 / sum(known) + b   where sum(known) > 0, else 0
        the hole that is left: where sum(known) = 0

    The factor makes up for the pixels that are missing: on a constant picture the answer is, with
    weights that are all alike, the same near a hole as far from it. Padding counts as missing.

    Args:
        x: (B, C, H, W); in the hole anything, NaN included.
        mask: (B, 1, H, W) bool, True = hole.
        weight: (D, C, k, k), k odd.
        bias: (D,) or None.
        stride: pixels between two answers.

    Returns:
        y (B, D, H', W') and the mask that is left, (B, 1, H', W') bool, with H' = ceil(H / stride).

    Raises:
        ValueError: a kernel that is not odd and square, or a mask of another size.

    Source: Liu et al. (2018), https://arxiv.org/abs/1804.07723, equations 1 and 2

    >>> x, mask = torch.ones(1, 1, 1, 4), torch.tensor([[[[False, True, True, True]]]])
    >>> y, left = partial_conv(x, mask, torch.ones(1, 1, 3, 3) / 9)
    >>> [round(v, 3) for v in y.flatten().tolist()], left.flatten().tolist()
    ([1.0, 1.0, 0.0, 0.0], [False, False, True, True])
    """
    size = weight.shape[-1]
    if weight.ndim != 4 or weight.shape[-2] != size or size % 2 == 0:
        raise ValueError(f"weight: got shape {tuple(weight.shape)}, wanted (D, C, k, k), k odd")
    wanted = (x.shape[0], 1, *x.shape[2:])
    if mask.dtype != torch.bool or mask.shape != wanted:
        raise ValueError(f"mask: got {mask.dtype} {tuple(mask.shape)}, wanted torch.bool {wanted}")
    window = weight.new_ones(1, 1, size, size)
    seen = functional.conv2d(
        (~mask).to(x), window, stride=stride, padding=size // 2
    )  # (B, 1, H', W')
    raw = functional.conv2d(torch.where(mask, 0.0, x), weight, stride=stride, padding=size // 2)
    y = raw * (size * size / seen.clamp_min(1.0))
    if bias is not None:
        y = y + bias[:, None, None]
    left = seen == 0
    return torch.where(left, 0.0, y), left


class PartialConv2d(nn.Conv2d):
    """A layer of `partial_conv`: (x, mask) to (y, the mask that is left).

    Args:
        channels, outputs: C and D.
        size: k of the kernel, odd.
        stride: pixels between two answers.
        bias: whether a number is added to each channel.

    >>> y, left = PartialConv2d(3, 8, stride=2)(
    ...     torch.zeros(1, 3, 8, 8), torch.ones(1, 1, 8, 8) > 0
    ... )
    >>> y.shape, left.shape
    (torch.Size([1, 8, 4, 4]), torch.Size([1, 1, 4, 4]))
    """

    def __init__(
        self, channels: int, outputs: int, size: int = 3, stride: int = 1, bias: bool = True
    ) -> None:
        super().__init__(channels, outputs, size, stride, size // 2, bias=bias)

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        return partial_conv(x, mask, self.weight, self.bias, self.stride[0])


class GatedConv2d(nn.Module):
    """A convolution that learns where to look: y = elu(features) sigmoid(gate).

    Both are convolutions of the same input, so that the gate may depend on the picture, on the
    mask, and on the channel; `partial_conv` is a fixed gate of 0 or 1 for all channels.

    Args:
        channels, outputs: C and D.
        size: k of the kernel, odd.
        stride: pixels between two answers.
        dilation: pixels between the kernel's own.

    Source: Yu et al. (2019), https://arxiv.org/abs/1806.03589, equation 3

    >>> GatedConv2d(4, 8, stride=2)(torch.zeros(1, 4, 32, 32)).shape
    torch.Size([1, 8, 16, 16])
    """

    def __init__(
        self, channels: int, outputs: int, size: int = 3, stride: int = 1, dilation: int = 1
    ) -> None:
        super().__init__()
        padding = size // 2 * dilation
        self.both = nn.Conv2d(channels, 2 * outputs, size, stride, padding, dilation)

    def forward(self, x: Tensor) -> Tensor:
        features, gate = self.both(x).chunk(2, dim=1)
        return functional.elu(features) * gate.sigmoid()


class HoleConv2d(nn.Module):
    """The bare convolution of a layer, of any kind: (x, mask) to (y, mask).

    Only "partial" looks at the mask and shrinks it; "plain" and "gated" take None and hand on None.
    "gated" returns twice the channels, features and gates, for `Finish` to put together.

    Args:
        channels, outputs: C and D.
        kind: "plain", "partial" or "gated".
        size: k of the kernel, odd.
        stride: pixels between two answers.
    """

    def __init__(
        self, channels: int, outputs: int, kind: str = "plain", size: int = 3, stride: int = 1
    ) -> None:
        super().__init__()
        if kind == "partial":
            self.inner = PartialConv2d(channels, outputs, size, stride, bias=False)
        else:
            both = 2 * outputs if kind == "gated" else outputs
            self.inner = nn.Conv2d(channels, both, size, stride, size // 2, bias=kind == "gated")

    def forward(self, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        if isinstance(self.inner, PartialConv2d):
            return self.inner(x, mask)
        return self.inner(x), None


class Finish(nn.Module):
    """What follows a convolution: batch normalisation, ELU, and the gate if there is one.

    Args:
        outputs: D.
        kind: "plain", "partial" or "gated".
    """

    def __init__(self, outputs: int, kind: str = "plain") -> None:
        super().__init__()
        self.gated = kind == "gated"
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, y: Tensor) -> Tensor:
        if not self.gated:
            return functional.elu(self.norm(y))
        features, gate = y.chunk(2, dim=1)
        return functional.elu(self.norm(features)) * gate.sigmoid()
