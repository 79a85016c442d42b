"""A vision transformer from its equations: patches, attention, an encoder block, a class token.

Shapes: B pictures, N patches of P numbers, D numbers a token, K classes.
"""

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, layer_norm, linear, scaled_dot_product_attention

EPSILON = 1e-6  # under the root of a layer norm, as in the vision transformer's own code


def patchify(images: Tensor, size: int) -> Tensor:
    """Cut pictures into square patches, each one a row of numbers.

    The patches come row by row, as one reads. The numbers of a patch come channel by channel, and
    in a channel row by row: the order of a convolution's weights, so that a linear layer on
    patches is a convolution with a stride as long as its kernel.

    Args:
        images: (B, C, H, W).
        size: side of a patch in pixels; H and W are multiples of it.

    Returns:
        (B, N, P) with N = (H / size) (W / size) and P = C size^2.

    Raises:
        ValueError: not a batch of pictures, or a size that does not divide them.

    Source: Dosovitskiy et al. (2021), https://arxiv.org/abs/2010.11929, section 3.1

    >>> patchify(torch.arange(16.0).reshape(1, 1, 4, 4), 2)[0, 1]
    tensor([2., 3., 6., 7.])
    """
    if images.ndim != 4:
        raise ValueError(f"images: got shape {tuple(images.shape)}, wanted (B, C, H, W)")
    B, C, H, W = images.shape
    if size < 1 or H % size or W % size:
        raise ValueError(f"size: got {size!r}, wanted a divisor of the height {H} and width {W}")
    grid = images.reshape(B, C, H // size, size, W // size, size)
    return grid.permute(0, 2, 4, 1, 3, 5).reshape(B, -1, C * size * size)


def attention(q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """Ask with queries, compare with keys, and take the mean of the values by likeness.

        A = softmax(q k^T / sqrt(d)),   result = A v

    Each row of A adds to one: what a query takes from each value. Products of d independent
    numbers of variance 1 have variance d; the root keeps the softmax from saturating.

    Args:
        q: (B, heads, M, d).
        k: (B, heads, N, d).
        v: (B, heads, N, e).

    Returns:
        The result (B, heads, M, e) and the weights A (B, heads, M, N).

    Raises:
        ValueError: shapes that do not fit.

    Source: Vaswani et al. (2017), https://arxiv.org/abs/1706.03762, equation 1

    >>> q, k = torch.zeros(1, 1, 1, 2), torch.randn(1, 1, 4, 2)
    >>> attention(q, k, torch.arange(4.0).reshape(1, 1, 4, 1))
    (tensor([[[[1.5000]]]]), tensor([[[[0.2500, 0.2500, 0.2500, 0.2500]]]]))
    """
    _check_attention(q, k, v)
    weights = torch.softmax(q @ k.mT / math.sqrt(q.shape[-1]), dim=-1)
    return weights @ v, weights


def self_attention(
    x: Tensor, parameters: Mapping[str, Tensor], heads: int
) -> tuple[Tensor, Tensor]:
    """Attention of tokens to each other, in several heads side by side.

        (q, k, v) = split(W_qkv x + b_qkv),   result = W_out [head_1, ..., head_h] + b_out

    Head j works with the j-th D / heads numbers of q, k and v, for itself.

    Args:
        x: (B, N, D).
        parameters: "qkv.weight" (3 D, D), "qkv.bias" (3 D,), the rows of q, k and v one below the
            other; "out.weight" (D, D), "out.bias" (D,).
        heads: a divisor of D.

    Returns:
        The result (B, N, D) and the weights (B, heads, N, N).

    Source: Vaswani et al. (2017), https://arxiv.org/abs/1706.03762, section 3.2.2

    >>> layer = EncoderBlock(8, 2, 16)
    >>> self_attention(torch.zeros(3, 5, 8), dict(layer.named_parameters()), 2)[1].shape
    torch.Size([3, 2, 5, 5])
    """
    B, N, D = x.shape
    q, k, v = (
        part.reshape(B, N, heads, D // heads).transpose(1, 2)  # (B, heads, N, d)
        for part in linear(x, parameters["qkv.weight"], parameters["qkv.bias"]).chunk(3, dim=-1)
    )
    result, weights = attention(q, k, v)
    joined = result.transpose(1, 2).reshape(B, N, D)
    return linear(joined, parameters["out.weight"], parameters["out.bias"]), weights


def encoder_block(x: Tensor, parameters: Mapping[str, Tensor], heads: int) -> Tensor:
    """Let tokens look at each other, then change each for itself; both are added to what was.

        y  = x + attention(norm_1(x))
        x' = y + W_2 gelu(W_1 norm_2(y) + b_1) + b_2

    The norms stand before, inside of the branches (pre-norm), so that the sum runs through all
    blocks untouched.

    Args:
        x: (B, N, D).
        parameters: those of `self_attention`; "norm_1.weight", "norm_1.bias", "norm_2.weight",
            "norm_2.bias" (D,); "mlp_1.weight" (M, D), "mlp_1.bias" (M,), "mlp_2.weight" (D, M),
            "mlp_2.bias" (D,).
        heads: a divisor of D.

    Returns:
        (B, N, D).

    Raises:
        ValueError: not tokens, heads that do not divide D, or a parameter that is missing.

    Source: Dosovitskiy et al. (2021), https://arxiv.org/abs/2010.11929, equations 2 and 3; layer
    norm: Ba, Kiros and Hinton (2016), https://arxiv.org/abs/1607.06450; where it stands: Xiong et
    al. (2020), https://arxiv.org/abs/2002.04745

    >>> block = EncoderBlock(8, 2, 16)
    >>> encoder_block(torch.zeros(3, 5, 8), dict(block.named_parameters()), 2).shape
    torch.Size([3, 5, 8])
    """
    _check_block(x, parameters, heads)
    y = x + self_attention(_norm(x, parameters, "norm_1"), parameters, heads)[0]
    hidden = _norm(y, parameters, "norm_2")
    hidden = gelu(linear(hidden, parameters["mlp_1.weight"], parameters["mlp_1.bias"]))
    return y + linear(hidden, parameters["mlp_2.weight"], parameters["mlp_2.bias"])


def mix_once(tokens: Tensor) -> Tensor:
    """Add to each token the attention of all tokens to each other: a block without parameters.

    Args:
        tokens: (B, N, D).

    >>> mix_once(torch.ones(1, 3, 2))[0, 0]
    tensor([2., 2.])
    """
    return tokens + scaled_dot_product_attention(tokens, tokens, tokens)


def class_token_forward(
    patches: Tensor,
    parameters: Mapping[str, Tensor],
    mix: Callable[[Tensor], Tensor] = mix_once,
) -> Tensor:
    """From patches to the scores of the classes, read from one token that is no patch.

        z = [c, E p_1 + b, ..., E p_N + b] + positions
        scores = W_head norm(mix(z)_0) + b_head

    Args:
        patches: (B, N, P).
        parameters: "embed.weight" (D, P), "embed.bias" (D,), "class_token" (D,), "positions"
            (N + 1, D), "norm.weight", "norm.bias" (D,), "head.weight" (K, D), "head.bias" (K,).
        mix: what happens to the tokens in between, (B, N + 1, D) to the same: the blocks.

    Returns:
        (B, K), before the softmax.

    Raises:
        ValueError: positions that are not one more than the patches.

    Source: Dosovitskiy et al. (2021), https://arxiv.org/abs/2010.11929, equations 1 and 4

    >>> model = VisionTransformer()
    >>> class_token_forward(torch.zeros(3, 16, 4), dict(model.named_parameters())).shape
    torch.Size([3, 10])
    """
    tokens = linear(patches, parameters["embed.weight"], parameters["embed.bias"])  # (B, N, D)
    B, N, D = tokens.shape
    positions = parameters["positions"]
    if positions.shape != (N + 1, D):
        raise ValueError(f"positions: got {tuple(positions.shape)}, wanted {(N + 1, D)}")
    first = parameters["class_token"].expand(B, 1, D)
    mixed = mix(torch.cat([first, tokens], dim=1) + positions)
    return linear(
        _norm(mixed[:, 0], parameters, "norm"), parameters["head.weight"], parameters["head.bias"]
    )


def sinusoidal_positions(count: int, width: int) -> Tensor:
    """A place as waves, from fast to slow: what a token's number looks like without learning.

        positions[n, 2 i] = sin(n / 10000^(2 i / D)),   positions[n, 2 i + 1] = cos(the same)

    Args:
        count: places.
        width: D, even.

    Returns:
        (count, D), between -1 and 1.

    Raises:
        ValueError: an odd width.

    Source: Vaswani et al. (2017), https://arxiv.org/abs/1706.03762, section 3.5

    >>> sinusoidal_positions(2, 4)
    tensor([[0.0000, 1.0000, 0.0000, 1.0000],
            [0.8415, 0.5403, 0.0100, 0.9999]])
    """
    if width < 2 or width % 2:
        raise ValueError(f"width: got {width!r}, wanted an even number above zero")
    slowness = 10_000 ** (-torch.arange(0, width, 2) / width)
    angles = torch.arange(count)[:, None] * slowness
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)


class EncoderBlock(nn.Module):
    """The parameters of an `encoder_block`, with PyTorch's own first values.

    Args:
        width: D.
        heads: a divisor of D.
        hidden: numbers between the two linear layers, M.
    """

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp_1, self.mlp_2 = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, D) to the same."""
        return encoder_block(x, dict(self.named_parameters()), self.heads)


class VisionTransformer(nn.Module):
    """A small vision transformer for small square pictures.

    Args:
        side: of a picture, in pixels, and `patch`, of a patch.
        channels: C.
        width: D, depth: number of blocks, heads: of each, hidden: M.
        classes: K.
        positions: "learned", "sinusoidal" or "none"; learned ones begin as large as waves (0.5;
            the paper: 0.02), for short trainings on few pictures.

    Source: Dosovitskiy et al. (2021), https://arxiv.org/abs/2010.11929

    >>> VisionTransformer()(torch.zeros(3, 1, 8, 8)).shape
    torch.Size([3, 10])
    """

    def __init__(
        self, side: int = 8, patch: int = 2, channels: int = 1, width: int = 48, depth: int = 3,
        heads: int = 4, hidden: int = 96, classes: int = 10, positions: str = "learned",
    ) -> None:  # fmt: skip
        super().__init__()
        count = (side // patch) ** 2 + 1
        places = {
            "learned": nn.Parameter(0.5 * torch.randn(count, width)),
            "sinusoidal": nn.Buffer(sinusoidal_positions(count, width)),
            "none": nn.Buffer(torch.zeros(count, width)),
        }
        if positions not in places:
            raise ValueError(f"positions: got {positions!r}, wanted one of {', '.join(places)}")
        self.patch, self.positions = patch, places[positions]
        self.class_token = nn.Parameter(0.02 * torch.randn(width))
        self.embed = nn.Linear(channels * patch**2, width)
        self.blocks = nn.Sequential(*(EncoderBlock(width, heads, hidden) for _ in range(depth)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, classes)

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) to the scores (B, K)."""
        parameters = {**dict(self.named_parameters()), "positions": self.positions}
        return class_token_forward(patchify(images, self.patch), parameters, self.blocks)

    @torch.no_grad()
    def attention_maps(self, images: Tensor) -> list[Tensor]:
        """The weights (B, heads, N + 1, N + 1) of each block; token 0 is the class token."""
        maps: list[Tensor] = []

        def look(block: EncoderBlock, given: tuple[Tensor, ...]) -> None:
            parameters = dict(block.named_parameters())
            normed = _norm(given[0], parameters, "norm_1")
            maps.append(self_attention(normed, parameters, block.heads)[1])

        hooks = [block.register_forward_pre_hook(look) for block in self.blocks]
        self(images)
        for hook in hooks:
            hook.remove()
        return maps


def small_cnn(channels: int = 1, classes: int = 10) -> nn.Sequential:
    """A convolutional network with as many parameters as `VisionTransformer()`, to four per cent.

    >>> small_cnn()(torch.zeros(3, 1, 8, 8)).shape
    torch.Size([3, 10])
    """
    layers: list[nn.Module] = []
    for before, after, stride in ((channels, 32, 1), (32, 64, 2), (64, 64, 1)):
        layers += [nn.Conv2d(before, after, 3, stride, 1), nn.BatchNorm2d(after), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, classes))


def _norm(x: Tensor, parameters: Mapping[str, Tensor], name: str) -> Tensor:
    weight, bias = parameters[f"{name}.weight"], parameters[f"{name}.bias"]
    return layer_norm(x, weight.shape, weight, bias, EPSILON)


def _check_attention(q: Tensor, k: Tensor, v: Tensor) -> None:
    shapes = [tuple(each.shape) for each in (q, k, v)]
    fits = all(len(shape) == 4 for shape in shapes) and shapes[0][:2] == shapes[1][:2]
    if not (fits and q.shape[3] == k.shape[3] and shapes[1][:3] == shapes[2][:3]):
        raise ValueError(
            f"q, k, v: got shapes {shapes[0]}, {shapes[1]} and {shapes[2]}, wanted "
            "(B, heads, M, d), (B, heads, N, d) and (B, heads, N, e)"
        )


def _check_block(x: Tensor, parameters: Mapping[str, Tensor], heads: int) -> None:
    if x.ndim != 3:
        raise ValueError(f"x: got shape {tuple(x.shape)}, wanted (B, N, D)")
    if heads < 1 or x.shape[2] % heads:
        raise ValueError(f"heads: got {heads!r}, wanted a divisor of D, {x.shape[2]}")
    names = ("norm_1", "qkv", "out", "norm_2", "mlp_1", "mlp_2")
    missing = [n for m in names for n in (f"{m}.weight", f"{m}.bias") if n not in parameters]
    if missing:
        raise ValueError(f"parameters: {', '.join(missing)} missing")
