"""Photographs that are on every machine already, and the reader's own pictures."""

import os
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .arguments import one_of
from .resize import crop_and_resize

LARGEST_PICTURE = 64_000_000  # pixels; beyond that a file is taken for a decompression bomb

# Name -> file, of the pictures inside the scikit-image wheel (never one it would download).
PHOTOS = {
    "astronaut": "astronaut.png",
    "camera": "camera.png",
    "cell": "cell.png",
    "chelsea": "chelsea.png",
    "coffee": "coffee.png",
    "coins": "coins.png",
    "hubble_deep_field": "hubble_deep_field.jpg",
    "moon": "moon.png",
    "motorcycle": "motorcycle_left.png",
    "page": "page.png",
    "retina": "retina.jpg",
    "rocket": "rocket.jpg",
    "text": "text.png",
}

# Raster formats that Pillow decodes in its own process (EPS, for one, would start Ghostscript).
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM", "TGA", "ICO", "JPEG2000")


def photo_names() -> list[str]:
    """Return the names that `photo` knows, in alphabetical order.

    >>> "chelsea" in photo_names()
    True
    """
    return sorted(PHOTOS)


def photo(name: str = "astronaut", size: Any = None) -> Tensor:
    """Return one of the photographs that scikit-image carries in its wheel.

    Args:
        name: one of `photo_names()`; a grey picture comes with three equal channels.
        size: the side of a square, or `(height, width)`, in pixels: the picture is cropped
            about its centre to that shape and area-averaged to that size. None: as it is.

    Returns:
        `(1, 3, H, W)` float32 in [0, 1].

    Raises:
        ValueError: an unknown name, or a size that is none.

    Source: scikit-image, data folder, https://scikit-image.org/docs/stable/api/skimage.data.html

    >>> photo("chelsea", size=64).shape
    torch.Size([1, 3, 64, 64])
    """
    file = PHOTOS[one_of("name", name, photo_names())]
    return read_picture(shipped_folder() / file, size)


def shipped_folder() -> Path:
    """Return the folder in which the scikit-image wheel keeps its pictures.

    >>> (shipped_folder() / "astronaut.png").is_file()
    True
    """
    return Path(find_spec("skimage").origin).parent / "data"


def read_picture(path: Any, size: Any = None) -> Tensor:
    """Read a picture file of your own.

    The camera's orientation tag is obeyed; a palette is looked up; grey becomes three equal
    channels; 16 bits are scaled to [0, 1]; what is transparent is laid on white; of an
    animation the first frame is taken.

    Args:
        path: a PNG, JPEG, TIFF, WebP, GIF, BMP, … file.
        size: as in `photo`.

    Returns:
        `(1, 3, H, W)` float32 in [0, 1].

    Raises:
        FileNotFoundError: there is nothing at `path`.
        ValueError: what is there is no picture, a damaged one, or one beyond
            `LARGEST_PICTURE` pixels; or `size` is not a size.

    >>> read_picture(shipped_folder() / "coffee.png", size=(20, 30)).shape
    torch.Size([1, 3, 20, 30])
    """
    if not isinstance(path, (str, os.PathLike)):
        raise ValueError(f"path must be the path of a picture file, got {path!r}")
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"path: there is no file {str(path)!r}; wants a picture file")
    if not path.is_file():
        raise ValueError(f"path must be a picture file, got {str(path)!r}, a folder or device")
    picture = _decode(path)
    return picture if size is None else crop_and_resize(picture, size)


def _decode(path: Path) -> Tensor:
    """Decode a file; whatever goes wrong in the decoder becomes one ValueError."""
    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=FORMATS) as image:
                if image.width * image.height > LARGEST_PICTURE:
                    raise Image.DecompressionBombError(f"{image.width} x {image.height} pixels")
                image.load()
                pixels = _rgb_pixels(ImageOps.exif_transpose(image))  # (H, W, 3)
    except Image.UnidentifiedImageError as error:
        wanted = "wants a PNG, JPEG, TIFF, WebP, GIF or BMP file"
        raise ValueError(f"path: {str(path)!r} is not a picture; {wanted}") from error
    except Image.DecompressionBombError as error:
        limit = f"wants at most {LARGEST_PICTURE:,} pixels"
        raise ValueError(f"path: {str(path)!r} is too large ({error}); {limit}") from error
    except Exception as error:  # decoders raise a dozen kinds on damaged files
        wanted = "wants a whole, undamaged picture"
        raise ValueError(f"path: {str(path)!r} cannot be decoded ({error}); {wanted}") from error
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].contiguous()  # (1, 3, H, W)


def _rgb_pixels(image: Any) -> np.ndarray:
    """Turn a decoded Pillow image of any mode into (H, W, 3) float32 in [0, 1]."""
    from PIL import Image

    if image.mode == "F" or image.mode.startswith("I"):  # float, or 16 bits in one channel
        grey = np.asarray(image, dtype=np.float32)
        full = 1.0 if image.mode == "F" else 65535.0
        if not (grey.min() >= 0 and grey.max() <= full):
            raise ValueError(f"values from {grey.min()} to {grey.max()}, wants 0 to {full:g}")
        return np.repeat(grey[..., None] / np.float32(full), 3, axis=2)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return np.asarray(image.convert("RGB"), dtype=np.float32) / np.float32(255)
