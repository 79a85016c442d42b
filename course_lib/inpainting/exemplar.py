"""Copying instead of blurring: the hole is filled patch by patch, the most urgent patch first.

Criminisi, Pérez and Toyama, "Region filling and object removal by exemplar-based image
inpainting" (2004), https://doi.org/10.1109/TIP.2004.833105. This is the version to read;
`exemplar_fast` is its twin.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d, pad

from .priority import confidence_term, data_term, fill_front, patch_priority
from .validate import check_image_and_mask, check_patch_size


def distance_map(image: Tensor, mask: Tensor, row: int, column: int, patch_size: int = 9) -> Tensor:
    """Return how different each wholly known patch is from what is known of the target patch.

    d(q) = sum over the known pixels of the patch at p of |I(q + offset) - I(p + offset)|^2.

    Args:
        image: (3, H, W) in [0, 1], or any number of channels.
        mask: (H, W) bool, True = hole.
        row: of the target patch's centre p.
        column: of the target patch's centre p.
        patch_size: odd, in pixels.

    Returns:
        (H, W) float32 at the patches' centres q; infinity where the patch is not wholly known or
        not wholly inside the picture.

    Source: Criminisi et al. (2004), equation (5).

    >>> image = torch.tensor([[[0.0, 0.5, 1.0]] * 3])
    >>> mask = torch.zeros(3, 3, dtype=torch.bool)
    >>> distance_map(image, mask, 1, 1, patch_size=3)[1]
    tensor([inf, 0., inf])
    """
    radius = patch_size // 2
    target = ~mask
    target[: max(row - radius, 0)] = False
    target[row + radius + 1 :] = False
    target[:, : max(column - radius, 0)] = False
    target[:, column + radius + 1 :] = False  # the known pixels of the target patch
    around = pad(torch.where(mask, 0.0, image.double()), (radius,) * 4)  # (3, H + 2r, W + 2r)
    distance = torch.zeros(mask.shape, dtype=torch.float64, device=mask.device)
    for y, x in target.nonzero().tolist():
        down, right = radius + y - row, radius + x - column
        shifted = around[:, down : down + mask.shape[0], right : right + mask.shape[1]]
        distance += (shifted - image[:, y, x, None, None].double()).square().sum(dim=0)
    return torch.where(known_patches(mask, patch_size), distance.float(), torch.inf)


def known_patches(mask: Tensor, patch_size: int = 9) -> Tensor:
    """Return the centres of the patches that are wholly known and wholly inside the picture.

    Args:
        mask: (H, W) bool, True = hole.
        patch_size: odd, in pixels.

    Returns:
        (H, W) bool.

    >>> known_patches(torch.zeros(4, 3, dtype=torch.bool), patch_size=3)[:, 1]
    tensor([False,  True,  True, False])
    """
    radius = patch_size // 2
    unknown = pad(mask[None].float(), (radius,) * 4, value=1.0)
    return max_pool2d(unknown, patch_size, stride=1)[0] == 0


def best_patch(
    image: Tensor, mask: Tensor, row: int, column: int, patch_size: int = 9
) -> tuple[int, int]:
    """Return the centre of the wholly known patch that is most like the one at (row, column).

    q = argmin d(q), with d from `distance_map`; of equal ones the first in row-major order.

    Args:
        image: (3, H, W) in [0, 1]; what the hole holds is ignored.
        mask: (H, W) bool, True = hole.
        row: of the target patch's centre.
        column: of the target patch's centre.
        patch_size: odd, in pixels.

    Returns:
        (row, column) of the source patch's centre.

    Raises:
        ValueError: no patch of this size is wholly known.

    Source: Criminisi et al. (2004), equation (5).

    >>> image = torch.tensor([0.0, 1.0, 0.0, 0.0, 1.0, 0.0]).expand(1, 3, 6)
    >>> mask = torch.zeros(3, 6, dtype=torch.bool)
    >>> mask[:, 5] = True
    >>> best_patch(image, mask, 1, 4, patch_size=3)
    (1, 1)
    """
    return _most_alike(distance_map(image, mask, row, column, patch_size), patch_size, None)


@dataclass(frozen=True)
class FillStep:
    """One frame of the film: what decided which patch is filled next, and from where.

    Attributes:
        image: (C, H, W), before this patch is filled.
        mask: (H, W) bool, what is still a hole.
        confidence: (H, W) of single pixels.
        confidence_term: (H, W), C of the patches, zero off the front.
        data_term: (H, W), D of the patches, zero off the front.
        target: (row, column) of the patch to fill.
        source: (row, column) of the patch it is filled from.
    """

    image: Tensor
    mask: Tensor
    confidence: Tensor
    confidence_term: Tensor
    data_term: Tensor
    target: tuple[int, int]
    source: tuple[int, int]


def exemplar_steps(image: Tensor, mask: Tensor, patch_size: int = 9) -> Iterator[FillStep]:
    """Yield each step of exemplar-based filling of one picture, just before it is taken.

    Args:
        image: (1, C, H, W) float32 or float64, values in [0, 1].
        mask: (1, 1, H, W) bool, True = hole.
        patch_size: odd, in pixels.

    Yields:
        `FillStep`, whose tensors are its own. None for a picture without a hole.

    Raises:
        TypeError, ValueError: as `exemplar_inpaint_reference`; a batch of more than one picture.

    >>> image = torch.tensor([0.0, 1.0] * 6).expand(1, 1, 12, 12)
    >>> mask = torch.zeros(1, 1, 12, 12, dtype=torch.bool)
    >>> mask[..., 4:8, 4:8] = True
    >>> first = next(exemplar_steps(image, mask, patch_size=3))
    >>> first.target, first.source
    ((4, 4), (2, 4))
    """
    check_image_and_mask(image, mask)
    check_patch_size(patch_size)
    if len(image) != 1:
        raise ValueError(f"image: got a batch of {len(image)} pictures, wanted one")
    yield from (step for step, _ in _steps(image[0].detach(), mask[0, 0], patch_size))


def exemplar_inpaint_reference(image: Tensor, mask: Tensor, patch_size: int = 9) -> Tensor:
    """Fill holes patch by patch, in the order of `patch_priority`, from the `best_patch`.

    The sources are the patches that are known from the beginning. A filled pixel's confidence is
    C of its patch. Of equal priorities the higher confidence term wins; of equally similar
    patches the nearest does (in a flat region thousands are equal, and the first in row-major
    order may well hold an edge); then the first in row-major order.

    Args:
        image: (B, C, H, W) float32 or float64, values in [0, 1]; what the hole holds is ignored.
        mask: (B, 1, H, W) bool, True = hole.
        patch_size: odd, in pixels: a little larger than the texture's largest element.

    Returns:
        (B, C, H, W), like image; known pixels unchanged, bit for bit, and every filled value is
        one that occurs in the picture.

    Raises:
        TypeError, ValueError: see `check_image_and_mask`; a patch size that is even, or so large
            that no patch is wholly known.

    Source: Criminisi et al. (2004), table I.

    >>> image = torch.tensor([0.0, 1.0] * 6).expand(1, 1, 12, 12)
    >>> mask = torch.zeros(1, 1, 12, 12, dtype=torch.bool)
    >>> mask[..., 4:8, 4:8] = True
    >>> torch.equal(exemplar_inpaint_reference(image, mask, patch_size=3), image)
    True
    """
    check_image_and_mask(image, mask)
    check_patch_size(patch_size)
    result = image.detach().clone()
    for index in range(len(image)):
        for _, filled in _steps(image[index].detach(), mask[index, 0], patch_size):
            result[index] = filled
    return result


def _steps(image: Tensor, mask: Tensor, patch_size: int) -> Iterator[tuple[FillStep, Tensor]]:
    """Yield each step with the picture after it (one tensor, which goes on changing)."""
    image, mask = image.cpu(), mask.cpu()
    image, hole = torch.where(mask, 0.0, image), mask.clone()
    confidence = (~mask).float()
    sources = known_patches(mask, patch_size)
    while bool(hole.any()):
        front = fill_front(hole)
        trust = torch.where(front, confidence_term(confidence, hole, patch_size), 0.0)
        edges = torch.where(front, data_term(image, hole, patch_size), 0.0)
        priority = patch_priority(confidence, image, hole, patch_size)
        target = _most_urgent(front, priority, trust)
        distance = distance_map(image, hole, *target, patch_size)
        source = _most_alike(torch.where(sources, distance, torch.inf), patch_size, target)
        step = FillStep(
            image.clone(), hole.clone(), confidence.clone(), trust, edges, target, source
        )
        _copy_patch(image, hole, confidence, trust[target], target, source, patch_size)
        yield step, image


def _most_urgent(front: Tensor, priority: Tensor, trust: Tensor) -> tuple[int, int]:
    """Where on the front the priority is largest; of these, where C is; of these, the first."""
    trust = torch.where(front & (priority == priority[front].max()), trust, -1.0)
    row, column = (trust == trust.max()).nonzero()[0].tolist()
    return row, column


def _most_alike(distance: Tensor, patch_size: int, near: tuple[int, int] | None) -> tuple[int, int]:
    """Where the distance is smallest; of these, the nearest, if asked for; of these, the first."""
    if not bool(torch.isfinite(distance).any()):
        raise ValueError(f"patch_size: no patch of {patch_size} x {patch_size} is wholly known")
    equal = (distance == distance.min()).nonzero()  # (N, 2)
    if near is not None:
        way = (equal - torch.tensor(near)).square().sum(dim=1)
        equal = equal[way == way.min()]
    row, column = equal[0].tolist()
    return row, column


def _copy_patch(
    image: Tensor,
    hole: Tensor,
    confidence: Tensor,
    trust: Tensor,
    target: tuple[int, int],
    source: tuple[int, int],
    patch_size: int,
) -> None:
    """Fill, in place, what is unknown of the target patch."""
    radius = patch_size // 2
    (height, width), (row, column) = hole.shape, target
    rows = slice(max(row - radius, 0), min(row + radius + 1, height))
    columns = slice(max(column - radius, 0), min(column + radius + 1, width))
    down, right = source[0] - row, source[1] - column
    copied = image[
        :, rows.start + down : rows.stop + down, columns.start + right : columns.stop + right
    ]
    unknown = hole[rows, columns].clone()
    image[:, rows, columns] = torch.where(unknown, copied, image[:, rows, columns])
    confidence[rows, columns] = torch.where(unknown, trust, confidence[rows, columns])
    hole[rows, columns] = False
