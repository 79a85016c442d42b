"""Pictures as files hold them, and as batches of tensors as networks want them."""

from collections.abc import Sequence

import numpy as np
import torch


def to_batch(pictures: Sequence[np.ndarray]) -> torch.Tensor:
    """Return pictures as one batch: channels first, values in [0, 1].

    Args:
        pictures: B arrays (H, W, 3), uint8, all of one size.

    Returns:
        (B, 3, H, W) float32.

    Raises:
        ValueError: no picture, a wrong shape or dtype, or sizes that differ.

    >>> to_batch([np.full((2, 4, 3), 255, dtype=np.uint8)]).shape
    torch.Size([1, 3, 2, 4])
    """
    if len(pictures) == 0:
        raise ValueError("pictures: got none, wanted at least one")
    for picture in pictures:
        if picture.ndim != 3 or picture.dtype != np.uint8 or picture.shape != pictures[0].shape:
            raise ValueError(
                f"pictures: got {picture.dtype} {picture.shape}, wanted uint8 (H, W, 3), all alike"
            )
    stacked = torch.from_numpy(np.stack(pictures))  # (B, H, W, 3)
    return stacked.permute(0, 3, 1, 2).contiguous().float() / 255.0


def to_picture(batch: torch.Tensor, index: int = 0) -> np.ndarray:
    """Return one picture of a batch (B, C, H, W) in the form that is shown: (H, W, C) in [0, 1].

    A grey picture comes back as (H, W). Values outside [0, 1] are clamped.

    >>> to_picture(torch.zeros(1, 3, 2, 4)).shape
    (2, 4, 3)
    """
    require_batch(batch, "batch")
    picture = batch[index].detach().cpu().float().clamp(0.0, 1.0).permute(1, 2, 0).numpy()
    return picture[..., 0] if picture.shape[-1] == 1 else picture


def require_batch(pictures: torch.Tensor, name: str) -> None:
    """Raise ``TypeError`` or ``ValueError`` unless ``pictures`` is a float batch (B, C, H, W)."""
    if not isinstance(pictures, torch.Tensor):
        raise TypeError(f"{name}: got {type(pictures).__name__}, wanted a torch.Tensor")
    if pictures.ndim != 4:
        raise ValueError(f"{name}: got shape {tuple(pictures.shape)}, wanted (B, C, H, W)")
    if not pictures.is_floating_point():
        raise ValueError(f"{name}: got {pictures.dtype}, wanted float32 with values in [0, 1]")
