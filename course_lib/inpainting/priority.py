"""Which patch to fill next: confidence times data, on the fill front.

Criminisi, Pérez and Toyama, "Region filling and object removal by exemplar-based image
inpainting" (2004), https://doi.org/10.1109/TIP.2004.833105.

Sums are taken in float64 and rounded to float32 before they are compared, so that a tie is a tie
in the fast twin too, whatever the order of summation.
"""

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, max_pool2d, pad

ALPHA = 1.0  # the data term's normalisation: the largest possible gradient, values in [0, 1]


def fill_front(mask: Tensor) -> Tensor:
    """Return the fill front: the hole pixels that have a known neighbour above, below or beside.

    Args:
        mask: (H, W) bool, True = hole.

    Returns:
        (H, W) bool.

    >>> fill_front(torch.tensor([[False, True, True, True, True]]))
    tensor([[False,  True, False, False, False]])
    """
    hole = pad(mask[None, None].float(), (1, 1, 1, 1), value=1.0)[0, 0] > 0  # (H + 2, W + 2)
    surrounded = hole[:-2, 1:-1] & hole[2:, 1:-1] & hole[1:-1, :-2] & hole[1:-1, 2:]
    return mask & ~surrounded


def confidence_term(confidence: Tensor, mask: Tensor, patch_size: int = 9) -> Tensor:
    """Return how much of the patch around each pixel is known, and how well.

    C(p) = (sum of the confidence over the known pixels of the patch) / (pixels in the patch); what
    lies beyond the picture is not in the patch.

    Args:
        confidence: (H, W) in [0, 1]: 1 at first, less where a pixel was filled.
        mask: (H, W) bool, True = hole.
        patch_size: odd, in pixels.

    Returns:
        (H, W) float32 in [0, 1].

    Source: Criminisi et al. (2004), equation (2).

    >>> confidence_term(torch.ones(1, 3), torch.tensor([[False, False, True]]), patch_size=3)
    tensor([[1.0000, 0.6667, 0.5000]])
    """
    known = torch.where(mask, 0.0, confidence.double())
    radius = patch_size // 2
    mean = avg_pool2d(known[None], patch_size, stride=1, padding=radius, count_include_pad=False)
    return mean[0].float()


def data_term(image: Tensor, mask: Tensor, patch_size: int = 9) -> Tensor:
    """Return how strongly an edge runs into the fill front at each pixel.

    D(p) = |isophote(p) . normal(p)| / alpha. The isophote, which runs along the edge, is the
    gradient turned by 90 degrees; of the patch's known gradients the strongest is taken. The
    normal is the direction of the mask's gradient, of length one (or zero where the mask has
    none, as in the middle of a scratch one pixel wide).

    Args:
        image: (3, H, W) in [0, 1], or any number of channels: their mean is used.
        mask: (H, W) bool, True = hole.
        patch_size: odd, in pixels.

    Returns:
        (H, W) float32, not below 0.

    Source: Criminisi et al. (2004), equation (2) and section III-A.

    >>> image = torch.zeros(3, 5, 6)
    >>> image[:, :, 3:] = 1.0  # a vertical edge, which runs into a hole below
    >>> mask = torch.zeros(5, 6, dtype=torch.bool)
    >>> mask[3:] = True
    >>> data_term(image, mask, patch_size=3)[3]
    tensor([0.0000, 0.5000, 0.5000, 0.5000, 0.5000, 0.0000])
    """
    down, right = strongest_gradient(image, mask, patch_size)
    normal_down, normal_right = central_differences(mask.float(), torch.ones_like(mask))
    length = torch.sqrt(normal_down.square() + normal_right.square())
    isophote_dot_normal = (
        right * normal_down - down * normal_right
    )  # (down, right) -> (right, -down)
    return isophote_dot_normal.abs() / torch.where(length > 0, length, 1.0) / ALPHA


def strongest_gradient(image: Tensor, mask: Tensor, patch_size: int = 9) -> tuple[Tensor, Tensor]:
    """Return the longest known gradient in the patch around each pixel, as (down, right).

    Of equally long ones the first in row-major order counts.

    Returns:
        two (H, W) float32, in values a pixel.

    >>> ramp = torch.arange(5.0).expand(1, 5, 5) / 8
    >>> strongest_gradient(ramp, torch.zeros(5, 5, dtype=torch.bool), patch_size=3)[1][2]
    tensor([0.1250, 0.1250, 0.1250, 0.1250, 0.1250])
    """
    grey = image.double().mean(dim=0).float()  # (H, W)
    down, right = central_differences(grey, ~mask)
    length = torch.where(mask, 0.0, down.square() + right.square())[None]  # (1, H, W)
    _, where = max_pool2d(length, patch_size, 1, patch_size // 2, return_indices=True)
    return down.flatten()[where[0]], right.flatten()[where[0]]


def central_differences(values: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gradient of a map, as (down, right), from its known pixels only.

    Half the difference of the neighbours on either side; a neighbour that is unknown, or beyond
    the picture, counts as equal to the pixel itself. Where the pixel is unknown, zero.

    Args:
        values: (H, W).
        known: (H, W) bool.

    Returns:
        two (H, W), in values a pixel.

    >>> central_differences(torch.tensor([[0.0, 2.0, 8.0]]), torch.tensor([[True, True, False]]))[1]
    tensor([[1., 1., 0.]])
    """
    outer = (1, 1, 1, 1)
    around = pad(values[None], outer, mode="replicate")[0]  # (H + 2, W + 2)
    seen = pad(known[None].float(), outer, mode="replicate")[0] > 0

    def neighbour(down: int, right: int) -> Tensor:
        shifted = (slice(1 + down, down - 1 or None), slice(1 + right, right - 1 or None))
        return torch.where(seen[shifted], around[shifted], values)

    vertical = (neighbour(1, 0) - neighbour(-1, 0)) / 2
    horizontal = (neighbour(0, 1) - neighbour(0, -1)) / 2
    return torch.where(known, vertical, 0.0), torch.where(known, horizontal, 0.0)


def patch_priority(confidence: Tensor, image: Tensor, mask: Tensor, patch_size: int = 9) -> Tensor:
    """Return which patch to fill next: the one where this map is largest.

    P(p) = C(p) D(p) on the fill front, 0 elsewhere.

    Args:
        confidence: (H, W) float32 in [0, 1]; not changed.
        image: (3, H, W) float32 in [0, 1]; what the hole holds is ignored.
        mask: (H, W) bool, True = hole.
        patch_size: odd, in pixels.

    Returns:
        (H, W) float32, not below 0.

    Source: Criminisi et al. (2004), equation (1).

    >>> image = torch.zeros(3, 5, 6)
    >>> image[:, :, 3:] = 1.0  # a vertical edge, which runs into a hole below
    >>> mask = torch.zeros(5, 6, dtype=torch.bool)
    >>> mask[3:] = True
    >>> patch_priority(torch.ones(5, 6), image, mask, patch_size=3)[2:4]
    tensor([[0.0000, 0.0000, 0.0000, 0.0000, 0.0000, 0.0000],
            [0.0000, 0.1667, 0.1667, 0.1667, 0.1667, 0.0000]])
    """
    priority = confidence_term(confidence, mask, patch_size) * data_term(image, mask, patch_size)
    return torch.where(fill_front(mask), priority, 0.0)
