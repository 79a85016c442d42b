"""What every learned inpainter shares: holes to practise on, its input, its output, its error."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..data import block_mask, half_mask, stroke_mask, text_mask
from .validate import check_image_and_mask

KINDS = ("strokes", "block", "half", "text")
SIDES = ("left", "right", "top", "bottom")
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def random_mask(
    count: int,
    height: int,
    width: int,
    *,
    generator: torch.Generator,
    kinds: Sequence[str] = ("strokes", "block", "half"),
    area: tuple[float, float] = (0.1, 0.4),
) -> Tensor:
    """Draw a hole of a random kind for each picture.

    A network that is to fill any hole must meet many kinds while it learns: it fills well what it
    has seen, and only that.

    Args:
        count, height, width: number and size of the masks, pixels.
        generator: source of randomness.
        kinds: to choose from, evenly: "strokes" of a brush, one "block", a "half", which goes
            along one side, or "text", one to four letters.
        area: least and largest share of the picture that is missing; a half is rounded to whole
            rows or columns. Letters are as large as they happen to be: it does not hold for them.

    Returns:
        (B, 1, H, W) bool, True = hole.

    Raises:
        ValueError: an unknown kind or none, or what the masks' own functions refuse.

    Source: Yu et al. (2019), https://arxiv.org/abs/1806.03589, section 3.4 (free-form strokes)

    >>> random_mask(4, 32, 32, generator=torch.Generator().manual_seed(0)).shape
    torch.Size([4, 1, 32, 32])
    """
    if isinstance(kinds, str) or not kinds or not set(kinds) <= set(KINDS):
        raise ValueError(f"kinds: got {kinds!r}, wanted some of {', '.join(KINDS)}, in a tuple")
    if count < 1:
        raise ValueError(f"count: got {count}, wanted at least 1")
    masks = torch.empty(count, 1, height, width, dtype=torch.bool)
    chosen = torch.randint(len(kinds), (count,), generator=generator)
    for number, kind in enumerate(kinds):
        here = (chosen == number).nonzero().flatten()
        if len(here):
            masks[here] = _DRAW[kind](len(here), height, width, generator=generator, area=area)
    return masks


def _halves(
    count: int, height: int, width: int, *, generator: torch.Generator, area: tuple[float, float]
) -> Tensor:
    shares = torch.empty(count).uniform_(*area, generator=generator).tolist()
    sides = torch.randint(len(SIDES), (count,), generator=generator).tolist()
    return torch.cat(
        [half_mask(height, width, SIDES[k], x) for k, x in zip(sides, shares, strict=True)]
    )


def _texts(
    count: int, height: int, width: int, *, generator: torch.Generator, area: tuple[float, float]
) -> Tensor:
    """Short words in the middle, moved up or down by up to a quarter of the height."""
    drawn = []
    for _ in range(count):
        length = int(torch.randint(1, 5, (), generator=generator))
        letters = torch.randint(len(LETTERS), (length,), generator=generator).tolist()
        quarter = height // 4
        shift = int(torch.randint(-quarter, quarter + 1, (), generator=generator))
        word = text_mask("".join(LETTERS[k] for k in letters), height, width)
        drawn.append(word.roll(shift, dims=2))
    return torch.cat(drawn)


_DRAW = {"strokes": stroke_mask, "block": block_mask, "half": _halves, "text": _texts}


def network_input(image: Tensor, mask: Tensor) -> Tensor:
    """Picture and mask side by side, and nothing of what the hole contained.

        x = [(1 - m) image, m],   m = 1 in the hole

    Without the mask a network cannot tell a hole from a black object.

    Args:
        image: (B, C, H, W), values in [0, 1]; in the hole anything, NaN included.
        mask: (B, 1, H, W) bool, True = hole.

    Returns:
        (B, C + 1, H, W), the image's dtype.

    Raises:
        TypeError, ValueError: see `check_image_and_mask`.

    >>> network_input(torch.ones(1, 3, 1, 2), torch.tensor([[[[False, True]]]]))[0, :, 0].T
    tensor([[1., 1., 1., 0.],
            [0., 0., 0., 1.]])
    """
    check_image_and_mask(image, mask)
    return torch.cat([torch.where(mask, 0.0, image), mask.to(image)], dim=1)


def compose(image: Tensor, prediction: Tensor, mask: Tensor) -> Tensor:
    """The prediction in the hole, the picture elsewhere: known pixels keep their very bits.

    Args:
        image: (B, C, H, W), values in [0, 1]; in the hole anything, NaN included.
        prediction: the same shape.
        mask: (B, 1, H, W) bool, True = hole.

    Returns:
        (B, C, H, W); gradients flow to the prediction from the hole alone.

    Raises:
        TypeError, ValueError: see `check_image_and_mask`; a prediction of another shape.

    >>> compose(torch.zeros(1, 1, 1, 2), torch.ones(1, 1, 1, 2), torch.tensor([[[[False, True]]]]))
    tensor([[[[0., 1.]]]])
    """
    check_image_and_mask(image, mask)
    _same_shape(prediction, image, "image")
    return torch.where(mask, prediction, image)


def masked_l1(prediction: Tensor, target: Tensor, mask: Tensor, hole_weight: float = 6.0) -> Tensor:
    """Mean absolute error, in the hole and outside of it, each by its own number of pixels.

        loss = hole_weight mean_{hole} |p - t| + mean_{known} |p - t|

    By their own numbers, because a mean over the picture would all but forget a small hole. The
    means run over the holes of the batch together; a part that no picture has counts as 0.

    Args:
        prediction: (B, C, H, W), the network's output before `compose`.
        target: the same shape, the whole picture.
        mask: (B, 1, H, W) bool, True = hole.
        hole_weight: how much more the hole matters; Liu et al. (2018) take 6.

    Returns:
        A scalar.

    Raises:
        ValueError: a target of another shape.

    Source: Liu et al. (2018), https://arxiv.org/abs/1804.07723, section 3.3; there both sums are
    divided by the size of the whole picture.

    >>> wrong, right = torch.tensor([[[[0.5, 0.25]]]]), torch.zeros(1, 1, 1, 2)
    >>> masked_l1(wrong, right, torch.tensor([[[[False, True]]]]), hole_weight=2.0)
    tensor(1.)
    """
    _same_shape(prediction, target, "target")
    error, channels = (prediction - target).abs(), prediction.shape[1]
    hole = torch.where(mask, error, 0.0).sum() / (channels * mask.sum()).clamp_min(1)
    known = torch.where(mask, 0.0, error).sum() / (channels * (~mask).sum()).clamp_min(1)
    return hole_weight * hole + known


def _same_shape(prediction: Tensor, other: Tensor, name: str) -> None:
    if prediction.shape != other.shape:
        raise ValueError(
            f"prediction: got shape {tuple(prediction.shape)}, wanted that of {name}, "
            f"{tuple(other.shape)}"
        )
