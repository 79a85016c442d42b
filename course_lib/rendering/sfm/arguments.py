"""What this package asks of arguments, and the sentence it says when it gets less."""

import torch
from torch import Tensor


def grey_picture(image: Tensor) -> Tensor:
    """Return a picture (H, W) as float32, or raise."""
    if not isinstance(image, Tensor) or image.ndim != 2:
        got = tuple(image.shape) if isinstance(image, Tensor) else type(image).__name__
        raise ValueError(f"image: got {got}, wanted a grey picture (H, W); see to_grey")
    if not bool(torch.isfinite(image).all()):
        raise ValueError("image: got NaN or infinity, wanted finite numbers")
    return image.float()


def finite(name: str, value: Tensor, *wanted: int | None) -> Tensor:
    """Return a tensor of this shape (None: any size) as float64, or raise ``ValueError``."""
    value = torch.as_tensor(value)
    right = value.ndim == len(wanted) and all(
        size in (None, got) for size, got in zip(wanted, value.shape, strict=True)
    )
    if not right:
        shape = ", ".join("N" if size is None else str(size) for size in wanted)
        raise ValueError(f"{name}: got shape {tuple(value.shape)}, wanted ({shape})")
    if not bool(torch.isfinite(value).all()):
        raise ValueError(f"{name}: got NaN or infinity, wanted finite numbers")
    return value.double()


def point_pairs(first: Tensor, second: Tensor, fewest: int) -> tuple[Tensor, Tensor]:
    """Return matched points (N, 2), (N, 2) with N at least ``fewest`` as float64, or raise."""
    first = finite("first", first, None, 2)
    second = finite("second", second, len(first), 2)
    if len(first) < fewest:
        raise ValueError(f"first, second: got {len(first)} matches, wanted at least {fewest}")
    return first, second
