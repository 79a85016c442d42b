"""Textures that are on every machine already."""

from typing import Any

from torch import Tensor

from .arguments import one_of
from .photos import read_picture, shipped_folder

TEXTURES = ("brick", "grass", "gravel")


def texture_names() -> list[str]:
    """Return the names that `texture` knows.

    >>> texture_names()
    ['brick', 'grass', 'gravel']
    """
    return list(TEXTURES)


def texture(name: str = "brick", size: Any = None) -> Tensor:
    """Return a photographed texture, grey, from the scikit-image wheel.

    Args:
        name: one of `texture_names()`.
        size: the side of a square, or `(height, width)`, in pixels: the 512 x 512 picture is
            cropped about its centre to that shape and area-averaged. None: as it is.

    Returns:
        `(1, 3, H, W)` float32 in [0, 1], three equal channels.

    Raises:
        ValueError: an unknown name, or a size that is none.

    Source: scikit-image, data folder, https://scikit-image.org/docs/stable/api/skimage.data.html

    >>> texture("gravel", size=(32, 48)).shape
    torch.Size([1, 3, 32, 48])
    """
    file = one_of("name", name, TEXTURES) + ".png"
    return read_picture(shipped_folder() / file, size)
