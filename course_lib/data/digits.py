"""Handwritten digits: small ones that scikit-learn carries, or MNIST for those online."""

from typing import Any

import torch
from torch import Tensor

from .arguments import one_of
from .online import cache_folder, load_or_download
from .resize import crop_and_resize

SOURCES = ("sklearn", "mnist")
SPLITS = ("train", "test")
TEST_DIGITS = 360  # the last of scikit-learn's 1797


def digits(
    source: str = "sklearn", split: str = "train", size: Any = None
) -> tuple[Tensor, Tensor]:
    """Return pictures of handwritten digits and what they show.

    Args:
        source: "sklearn", 1,437 + 360 digits of 8 x 8 pixels, offline; or "mnist",
            60,000 + 10,000 digits of 28 x 28, downloaded once into `cache_folder()`.
        split: "train" or "test"; always the same pictures in the same order. The test digits
            of "sklearn" are the last of the file, MNIST's are its own.
        size: the side of a square, or `(height, width)`, in pixels; None: as they are.

    Returns:
        `images (B, 1, H, W)` float32 in [0, 1], white on black, and `labels (B,)` int64.

    Raises:
        ValueError: an unknown source or split, a size that is none, or damaged files.
        OfflineError: MNIST is neither in the cache folder nor can it be downloaded.

    Source: Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998,
    https://doi.org/10.24432/C50P49; LeCun, Bottou, Bengio, Haffner, "Gradient-Based Learning
    Applied to Document Recognition", 1998, https://doi.org/10.1109/5.726791

    >>> images, labels = digits(split="test", size=16)
    >>> images.shape, labels[:5].tolist()
    (torch.Size([360, 1, 16, 16]), [2, 3, 4, 5, 6])
    """
    one_of("source", source, SOURCES)
    one_of("split", split, SPLITS)
    images, labels = _sklearn(split) if source == "sklearn" else _mnist(split)
    return (images if size is None else crop_and_resize(images, size)), labels


def _sklearn(split: str) -> tuple[Tensor, Tensor]:
    from sklearn.datasets import load_digits

    data = load_digits()
    images = torch.from_numpy(data.images).float()[:, None] / 16  # ink from 0 to 16
    labels = torch.from_numpy(data.target).long()
    part = slice(-TEST_DIGITS, None) if split == "test" else slice(-TEST_DIGITS)
    return images[part].clone(), labels[part].clone()


def _mnist(split: str) -> tuple[Tensor, Tensor]:
    from torchvision.datasets import MNIST

    data = load_or_download(
        lambda download: MNIST(cache_folder(), train=split == "train", download=download),
        wanted="MNIST",
        folder=cache_folder() / "MNIST" / "raw",
        files="the four files {train,t10k}-{images-idx3,labels-idx1}-ubyte",
        instead='digits(source="sklearn")',
    )
    return data.data[:, None].float() / 255, data.targets.long()
