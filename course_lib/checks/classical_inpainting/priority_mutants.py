"""Plausible wrong answers to exercise 3 of unit 04; the check recognises some of them."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from course_lib.inpainting.priority import (
    central_differences,
    confidence_term,
    data_term,
    fill_front,
    patch_priority,
    strongest_gradient,
)


def _normal(mask: Tensor) -> tuple[Tensor, Tensor]:
    down, right = central_differences(mask.float(), torch.ones_like(mask))
    length = torch.sqrt(down.square() + right.square())
    length = torch.where(length > 0, length, 1.0)
    return down / length, right / length


def not_turned(confidence: Tensor, image: Tensor, mask: Tensor, patch_size: int) -> Tensor:
    """The gradient itself times the normal."""
    down, right = strongest_gradient(image, mask, patch_size)
    normal_down, normal_right = _normal(mask)
    along = (down * normal_down + right * normal_right).abs()
    return _on_front(mask, confidence_term(confidence, mask, patch_size) * along)


def signed(confidence: Tensor, image: Tensor, mask: Tensor, patch_size: int) -> Tensor:
    down, right = strongest_gradient(image, mask, patch_size)
    normal_down, normal_right = _normal(mask)
    turned = right * normal_down - down * normal_right
    return _on_front(mask, confidence_term(confidence, mask, patch_size) * turned)


def mirrored(confidence: Tensor, image: Tensor, mask: Tensor, patch_size: int) -> Tensor:
    """(down, right) -> (right, down): swapped, but no sign changed."""
    down, right = strongest_gradient(image, mask, patch_size)
    normal_down, normal_right = _normal(mask)
    mirrored = (right * normal_down + down * normal_right).abs()
    return _on_front(mask, confidence_term(confidence, mask, patch_size) * mirrored)


def long_normal(confidence: Tensor, image: Tensor, mask: Tensor, patch_size: int) -> Tensor:
    down, right = central_differences(mask.float(), torch.ones_like(mask))
    length = torch.sqrt(down.square() + right.square())
    return patch_priority(confidence, image, mask, patch_size) * length


def _divided_by_zero(confidence: Tensor, image: Tensor, mask: Tensor, patch_size: int) -> Tensor:
    down, right = central_differences(mask.float(), torch.ones_like(mask))
    length = torch.sqrt(down.square() + right.square())
    return long_normal(confidence, image, mask, patch_size) / length.where(
        fill_front(mask), torch.tensor(1.0)
    )


def _on_front(mask: Tensor, values: Tensor) -> Tensor:
    return torch.where(fill_front(mask), values, 0.0)


def _with_confidence(
    term: Callable[[Tensor, Tensor, int], Tensor],
) -> Callable[[Tensor, Tensor, Tensor, int], Tensor]:
    """A wrong answer that differs in the confidence term only."""

    def function(confidence: Tensor, image: Tensor, mask: Tensor, patch_size: int) -> Tensor:
        trust = term(confidence, mask, patch_size)
        return _on_front(mask, trust * data_term(image, mask, patch_size))

    return function


def _known_only(confidence: Tensor, mask: Tensor, size: int) -> Tensor:
    count = avg_pool2d((~mask).float()[None], size, 1, size // 2, count_include_pad=False)[0]
    return confidence_term(confidence, mask, size) / count.clamp(min=1e-6)


def _beyond(confidence: Tensor, mask: Tensor, size: int) -> Tensor:
    return avg_pool2d(torch.where(mask, 0.0, confidence)[None], size, 1, size // 2)[0]


def _off_the_front(confidence: Tensor, image: Tensor, mask: Tensor, patch_size: int) -> Tensor:
    return confidence_term(confidence, mask, patch_size) * data_term(image, mask, patch_size)


def _added(confidence: Tensor, image: Tensor, mask: Tensor, patch_size: int) -> Tensor:
    trust = confidence_term(confidence, mask, patch_size)
    return _on_front(mask, trust + data_term(image, mask, patch_size))


def _in_place(confidence: Tensor, image: Tensor, mask: Tensor, patch_size: int) -> Tensor:
    confidence[mask] = 0.0
    return patch_priority(confidence, image, mask, patch_size)


def _in_the_hole(confidence: Tensor, image: Tensor, mask: Tensor, patch_size: int) -> Tensor:
    """The gradient at the front's own pixel, where nothing is known."""
    down, right = central_differences(image.mean(dim=0), ~mask)
    normal_down, normal_right = _normal(mask)
    data = (right * normal_down - down * normal_right).abs()
    return _on_front(mask, confidence_term(confidence, mask, patch_size) * data)


MUTANTS = {
    "gradient not turned": not_turned,
    "gradient mirrored, not turned": mirrored,
    "normal not normalised": long_normal,
    "normal of length zero divided": _divided_by_zero,
    "sign kept": signed,
    "confidence not averaged": _with_confidence(lambda confidence, mask, size: confidence),
    "confidence summed": _with_confidence(
        lambda confidence, mask, size: confidence_term(confidence, mask, size) * size**2
    ),
    "the hole counted as known": _with_confidence(
        lambda confidence, mask, size: confidence_term(confidence, torch.zeros_like(mask), size)
    ),
    "mean over known pixels only": _with_confidence(_known_only),
    "beyond the border counted": _with_confidence(_beyond),
    "off the front": _off_the_front,
    "added, not multiplied": _added,
    "gradient taken in the hole": _in_the_hole,
    "changes confidence in place": _in_place,
}
