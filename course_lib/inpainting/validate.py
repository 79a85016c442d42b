"""What every inpainting function asks of its picture and its mask, and says when it gets less."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

Fill = Callable[[np.ndarray, np.ndarray], np.ndarray]


def check_image_and_mask(image: Tensor, mask: Tensor) -> None:
    """Raise unless ``image`` and ``mask`` are a picture batch and its holes.

    What a hole contains is never looked at: there it may be anything, NaN included.

    Args:
        image: (B, C, H, W) float32 or float64, values in [0, 1] at known pixels.
        mask: (B, 1, H, W) bool on the same device, True = hole.

    Raises:
        TypeError: not a tensor, or another dtype.
        ValueError: a wrong shape or device, a known value that is not in [0, 1], or a mask that
            is all hole, so that there is nothing to copy from.

    >>> check_image_and_mask(torch.zeros(1, 3, 8, 8), torch.ones(1, 1, 8, 8, dtype=torch.bool))
    Traceback (most recent call last):
    ValueError: mask: picture 0 is all hole; there is nothing to copy from
    """
    check_image(image)
    _check_tensor("mask", mask, (torch.bool,), "torch.bool, True = hole (try mask > 0.5)")
    wanted = (image.shape[0], 1, *image.shape[2:])
    if tuple(mask.shape) != wanted:
        raise ValueError(f"mask: got shape {tuple(mask.shape)}, wanted (B, 1, H, W) = {wanted}")
    if mask.device != image.device:
        raise ValueError(f"mask: is on {mask.device}, wanted the image's device, {image.device}")
    known = torch.where(mask, 0.0, image.detach())
    if not bool(torch.isfinite(known).all()):
        raise ValueError("image: got NaN or infinity outside the hole, wanted values in [0, 1]")
    low, high = float(known.min()), float(known.max())
    if low < 0.0 or high > 1.0:
        raise ValueError(f"image: got values from {low:g} to {high:g}, wanted [0, 1]")
    for index, is_hole in enumerate(mask.flatten(1).all(dim=1).tolist()):
        if is_hole:
            raise ValueError(f"mask: picture {index} is all hole; there is nothing to copy from")


def check_image(image: Tensor) -> None:
    """Raise unless ``image`` is a batch (B, C, H, W), float32 or float64; values are not looked at.

    >>> check_image(torch.zeros(3, 8, 8))
    Traceback (most recent call last):
    ValueError: image: got shape (3, 8, 8), wanted (B, C, H, W), none zero
    """
    _check_tensor("image", image, (torch.float32, torch.float64), "float32 with values in [0, 1]")
    if image.ndim != 4 or 0 in image.shape:
        raise ValueError(f"image: got shape {tuple(image.shape)}, wanted (B, C, H, W), none zero")


def check_patch_size(patch_size: int) -> None:
    """Raise ``ValueError`` unless ``patch_size`` is an odd integer of at least 3, in pixels.

    >>> check_patch_size(8)
    Traceback (most recent call last):
    ValueError: patch_size: got 8, wanted an odd integer of at least 3
    """
    if not isinstance(patch_size, int) or patch_size < 3 or patch_size % 2 == 0:
        raise ValueError(f"patch_size: got {patch_size!r}, wanted an odd integer of at least 3")


def check_positive(name: str, value: float) -> None:
    """Raise ``ValueError`` unless ``value`` is a number above zero.

    >>> check_positive("tolerance", 0.0)
    Traceback (most recent call last):
    ValueError: tolerance: got 0.0, wanted a number above zero
    """
    if not isinstance(value, int | float) or not value > 0:
        raise ValueError(f"{name}: got {value!r}, wanted a number above zero")


def fill_each(image: Tensor, mask: Tensor, fill: Fill) -> Tensor:
    """Fill the holes of each picture of a batch on the CPU; known pixels keep their very bits.

    Args:
        image: (B, C, H, W), checked before.
        mask: (B, 1, H, W) bool, True = hole.
        fill: takes a picture (C, H, W) float64, zero in its hole, and the hole (H, W) bool, and
            returns the picture filled. It is not called for a picture without a hole.

    Returns:
        (B, C, H, W), a new tensor with the image's dtype and device.

    >>> half = torch.tensor([[[[False, True]]]])
    >>> fill_each(torch.zeros(1, 1, 1, 2), half, lambda picture, hole: picture + 1.0)
    tensor([[[[0., 1.]]]])
    """
    result = image.detach().clone()
    for index in range(image.shape[0]):
        if bool(mask[index].any()):
            unknown = mask[index]  # (1, H, W)
            picture = torch.where(unknown, 0.0, image[index].detach().double()).cpu().numpy()
            filled = torch.from_numpy(fill(picture, unknown[0].cpu().numpy()))
            result[index] = torch.where(unknown, filled.to(result), result[index])
    return result


def _check_tensor(name: str, value: Tensor, dtypes: tuple[torch.dtype, ...], wanted: str) -> None:
    if not isinstance(value, Tensor):
        raise TypeError(f"{name}: got {type(value).__name__}, wanted a torch.Tensor")
    if value.dtype not in dtypes:
        raise TypeError(f"{name}: got {value.dtype}, wanted {wanted}")
