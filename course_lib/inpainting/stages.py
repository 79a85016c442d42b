"""More than one look at a hole: coarse then fine, structure then texture, from the rim inwards.

A network here is anything that can be called with `(B, channels, H, W)`, or, for small examples,
the parameters of two convolutions: see `apply_network`.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from .learned import compose, masked_l1, network_input
from .validate import check_image_and_mask

Network = nn.Module | Mapping[str, Tensor]


def apply_network(network: Network, x: Tensor) -> Tensor:
    """Call a network; or compute sigmoid(W2 * elu(W1 * x + b1) + b2) from its parameters.

    Args:
        network: a module, or a dictionary with "first.weight" (D, C, 3, 3), "first.bias" (D,),
            "second.weight" (E, D, 3, 3) and "second.bias" (E,).
        x: (B, C, H, W).

    Returns:
        (B, E, H, W), in [0, 1].

    >>> shapes = {"first.weight": (2, 4, 3, 3), "second.weight": (3, 2, 3, 3)}
    >>> network = {name: torch.zeros(shape) for name, shape in shapes.items()}
    >>> network |= {"first.bias": torch.zeros(2), "second.bias": torch.zeros(3)}
    >>> apply_network(network, torch.rand(1, 4, 8, 8)).unique()
    tensor([0.5000])
    """
    if not isinstance(network, Mapping):
        return network(x)
    hidden = functional.conv2d(x, network["first.weight"], network["first.bias"], padding=1)
    answer = functional.conv2d(
        functional.elu(hidden), network["second.weight"], network["second.bias"], padding=1
    )
    return answer.sigmoid()


def shrink(image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Halve a picture with a hole: each 2 x 2 square becomes the mean of its known pixels.

    Args:
        image: (B, C, H, W), H and W even; in the hole anything, NaN included.
        mask: (B, 1, H, W) bool, True = hole.

    Returns:
        The picture (B, C, H/2, W/2), 0 where nothing is known, and the mask of those squares.

    Raises:
        TypeError, ValueError: see `check_image_and_mask`; an odd height or width.

    >>> image, mask = torch.tensor([[[[0.1, 0.3], [0.5, 0.7]]]]), torch.eye(2)[None, None] > 0
    >>> small, hole = shrink(image, mask)
    >>> round(small.item(), 3), hole.item()
    (0.4, False)
    """
    check_image_and_mask(image, mask)
    if image.shape[2] % 2 or image.shape[3] % 2:
        raise ValueError(f"image: got {tuple(image.shape[2:])} pixels, wanted even numbers")
    known = (~mask).to(image)
    share = functional.avg_pool2d(known, 2)
    mean = functional.avg_pool2d(torch.where(mask, 0.0, image), 2) / share.clamp_min(0.25)
    return mean, share == 0


def coarse_to_fine(
    image: Tensor, mask: Tensor, coarse: Network, fine: Network
) -> tuple[Tensor, Tensor]:
    """Guess at half size, then refine: the second network sees the first one's guess.

        small, hole = shrink(image, mask)
        guess = compose(image, enlarge(compose(small, coarse([small, hole]), hole)), mask)
        result = compose(image, fine([guess, mask]), mask)

    Half the size doubles what each unit of the first network sees of the picture; the second has
    to mend what is wrong near by, and finds no empty hole in its input.

    Args:
        image: (B, C, H, W), H and W even, values in [0, 1]; in the hole anything.
        mask: (B, 1, H, W) bool, True = hole.
        coarse, fine: C + 1 channels to C.

    Returns:
        The guess and the result, (B, C, H, W); both are the picture itself outside of the hole.

    Raises:
        TypeError, ValueError: see `shrink`.

    Source: Yu et al. (2018), https://arxiv.org/abs/1801.07892, section 3 (there at full size)

    >>> paint = lambda x: torch.full_like(x[:, :3], 0.5)
    >>> image, mask = torch.ones(1, 3, 4, 8), torch.arange(8).expand(1, 1, 4, 8) > 3
    >>> [round(float(stage.mean()), 3) for stage in coarse_to_fine(image, mask, paint, paint)]
    [0.766, 0.75]
    """
    small, hole = shrink(image, mask)
    draft = compose(small, apply_network(coarse, network_input(small, hole)), hole)
    large = functional.interpolate(draft, image.shape[2:], mode="bilinear", align_corners=False)
    guess = compose(image, large, mask)
    refined = apply_network(fine, torch.cat([guess, mask.to(image)], dim=1))
    return guess, compose(image, refined, mask)


def structure_map(image: Tensor, scale: float = 0.1) -> Tensor:
    """Where the picture's edges are: near 1 on strong ones, near 0 on smooth ground.

        s = (g_x^2 + g_y^2) / (g_x^2 + g_y^2 + scale^2)

    with the derivatives g of the mean of the channels, by Sobel's filters divided by 8 (so that a
    slope of 1 a pixel gives 1), the border's pixels repeated outside.

    Args:
        image: (B, C, H, W), values in [0, 1].
        scale: the slope, a pixel, that gives 1/2.

    Returns:
        (B, 1, H, W), from 0 to 1; gradients flow.

    Source: the edge map as a first stage is of Nazeri et al. (2019),
    https://arxiv.org/abs/1901.00212, who use Canny's edges, through which no gradient flows.

    >>> step = torch.zeros(1, 3, 4, 6)
    >>> step[..., 3:] = 1.0
    >>> structure_map(step)[0, 0, 1]
    tensor([0.0000, 0.0000, 0.9615, 0.9615, 0.0000, 0.0000])
    """
    grey = functional.pad(image.mean(dim=1, keepdim=True), (1, 1, 1, 1), mode="replicate")
    across = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]) / 8
    filters = torch.stack([across, across.T])[:, None].to(grey)
    squared = functional.conv2d(grey, filters).square().sum(dim=1, keepdim=True)
    return squared / (squared + scale**2)


def structure_then_texture(
    image: Tensor, mask: Tensor, structure: Network, texture: Network
) -> tuple[Tensor, Tensor]:
    """Continue the edges into the hole first, then paint between them.

        unknown = pixels whose 3 x 3 neighbourhood touches the hole
        edges = structure_map outside of unknown, 0 inside
        edges = compose(edges, structure([(1 - m) image, edges, unknown]), unknown)
        result = compose(image, texture([(1 - m) image, edges, m]), mask)

    An edge at the hole's rim would be the hole's own, so the rim counts as unknown.

    Args:
        image: (B, C, H, W), values in [0, 1]; in the hole anything, NaN included.
        mask: (B, 1, H, W) bool, True = hole.
        structure: C + 2 channels to 1; texture: C + 2 channels to C.

    Returns:
        The edges (B, 1, H, W) and the result (B, C, H, W).

    Raises:
        TypeError, ValueError: see `check_image_and_mask`.

    Source: Nazeri et al. (2019), https://arxiv.org/abs/1901.00212, section 3

    >>> image, mask = torch.rand(1, 3, 8, 8), torch.zeros(1, 1, 8, 8) > 0
    >>> edges, result = structure_then_texture(image, mask, lambda x: x[:, :1], lambda x: x[:, :3])
    >>> bool((edges == structure_map(image)).all()), bool((result == image).all())
    (True, True)
    """
    check_image_and_mask(image, mask)
    seen = torch.where(mask, 0.0, image)
    unknown = _touched(mask)
    edges = torch.where(unknown, 0.0, structure_map(seen))
    answer = apply_network(structure, torch.cat([seen, edges, unknown.to(seen)], dim=1))
    edges = compose(edges, answer, unknown)
    painted = apply_network(texture, torch.cat([seen, edges, mask.to(seen)], dim=1))
    return edges, compose(image, painted, mask)


def _touched(mask: Tensor, width: int = 1) -> Tensor:
    """Pixels within ``width`` (in x and in y) of a True one, (B, 1, H, W) bool."""
    return functional.max_pool2d(mask.float(), 2 * width + 1, 1, width) > 0


def boundary_ring(mask: Tensor, width: int = 1) -> Tensor:
    """The outermost pixels of the hole: those within ``width`` of a known one, diagonals included.

    Beyond the frame nothing is known: a hole along the border of the picture has no ring there.

    Args:
        mask: (B, 1, H, W) bool, True = hole.
        width: of the ring, pixels, at least 1.

    Returns:
        (B, 1, H, W) bool; none of a hole that fills the picture.

    Raises:
        ValueError: a width below 1.

    >>> boundary_ring(torch.tensor([[[[False, True, True, True]]]])).int()
    tensor([[[[0, 1, 0, 0]]]], dtype=torch.int32)
    """
    if width < 1:
        raise ValueError(f"width: got {width}, wanted at least 1")
    return mask & _touched(~mask, width)


def progressive_fill(
    image: Tensor, mask: Tensor, network: Network, width: int = 2
) -> tuple[Tensor, Tensor]:
    """Fill a hole ring by ring, from its boundary to its centre.

    Each step asks the network for the whole picture, keeps the outermost ring of what is left of
    the hole, and counts it as known from then on.

    Args:
        image: (B, C, H, W), values in [0, 1]; in the hole anything, NaN included.
        mask: (B, 1, H, W) bool, True = hole.
        network: C + 1 channels to C, from `network_input`.
        width: of a ring, pixels.

    Returns:
        The result (B, C, H, W), and in which step each pixel was filled, (B, 1, H, W) int64, 0
        outside of the hole.

    Raises:
        TypeError, ValueError: see `check_image_and_mask` and `boundary_ring`.

    Source: the idea is of Xiong et al. (2019) and others; as here Li et al. (2020),
    https://arxiv.org/abs/2008.03737 (there on features)

    >>> image, mask = torch.ones(1, 3, 1, 5), torch.tensor([[[[False, True, True, True, False]]]])
    >>> result, order = progressive_fill(image, mask, lambda x: 0.5 * x[:, :3] + 0.25, width=1)
    >>> order[0, 0]
    tensor([[0, 1, 2, 1, 0]])
    """
    check_image_and_mask(image, mask)
    image, left = torch.where(mask, 0.0, image), mask
    order, step = torch.zeros_like(mask, dtype=torch.int64), 0
    while bool(left.any()):
        step += 1
        ring = boundary_ring(left, width)
        image = compose(image, apply_network(network, network_input(image, left)), ring)
        order = torch.where(ring, step, order)
        left = left & ~ring
    return image, order


class CoarseToFine(nn.Module):
    """Two networks for `coarse_to_fine`, trained together; called like one.

    Args:
        coarse, fine: (B, C + 1, H, W) to (B, C, H, W), the first at half size.
    """

    def __init__(self, coarse: nn.Module, fine: nn.Module) -> None:
        super().__init__()
        self.coarse, self.fine = coarse, fine

    def forward(self, x: Tensor) -> Tensor:
        """(B, C + 1, H, W), see `network_input`, to (B, C, H, W)."""
        return coarse_to_fine(x[:, :-1], x[:, -1:] > 0.5, self.coarse, self.fine)[1]

    def loss(self, image: Tensor, mask: Tensor) -> Tensor:
        """What the guess and the result are off in the hole, each by `masked_l1`."""
        guess, result = coarse_to_fine(image, mask, self.coarse, self.fine)
        return masked_l1(guess, image, mask) + masked_l1(result, image, mask)


class StructureThenTexture(nn.Module):
    """Two networks for `structure_then_texture`, trained together; called like one.

    Args:
        structure: (B, C + 2, H, W) to (B, 1, H, W).
        texture: (B, C + 2, H, W) to (B, C, H, W).
    """

    def __init__(self, structure: nn.Module, texture: nn.Module) -> None:
        super().__init__()
        self.structure, self.texture = structure, texture

    def forward(self, x: Tensor) -> Tensor:
        """(B, C + 1, H, W), see `network_input`, to (B, C, H, W)."""
        mask = x[:, -1:] > 0.5
        return structure_then_texture(x[:, :-1], mask, self.structure, self.texture)[1]

    def loss(self, image: Tensor, mask: Tensor) -> Tensor:
        """What the edges and the result are off in the hole.

        The texture network paints twice, between its own edges and between the true ones, so that
        it learns that edges can be relied on.
        """
        wanted = structure_map(image)
        edges, result = structure_then_texture(image, mask, self.structure, self.texture)
        _, taught = structure_then_texture(image, mask, lambda _seen: wanted, self.texture)
        off = masked_l1(result, image, mask) + masked_l1(taught, image, mask)
        return off + masked_l1(edges, wanted, _touched(mask), 2.0)


class Progressive(nn.Module):
    """One network for `progressive_fill`; called like any other.

    Args:
        network: (B, C + 1, H, W) to (B, C, H, W).
        width: of a ring, pixels.
    """

    def __init__(self, network: nn.Module, width: int = 2) -> None:
        super().__init__()
        self.network, self.width = network, width

    def forward(self, x: Tensor) -> Tensor:
        """(B, C + 1, H, W), see `network_input`, to (B, C, H, W)."""
        return progressive_fill(x[:, :-1], x[:, -1:] > 0.5, self.network, self.width)[0]

    def loss(self, image: Tensor, mask: Tensor) -> Tensor:
        """What one step is off on the ring that it is asked for, the known part being true."""
        answer = self.network(network_input(image, mask))
        return masked_l1(answer, image, boundary_ring(mask, self.width))
