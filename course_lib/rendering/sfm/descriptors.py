"""What a corner looks like, as 64 numbers that can be compared."""

import torch
from torch import Tensor

from .arguments import finite, grey_picture
from .corners import gaussian_blur

WINDOW = 40  # pixels
STEP = 5  # pixels between samples: 40 / 8
BLUR = 2.0  # pixels: what varies faster than two steps would alias
FLAT = 1e-6  # standard deviation of a window in which there is nothing to see


def windows(image: Tensor, corners: Tensor) -> Tensor:
    """Cut the 40 x 40 window around each corner, (N, 40, 40).

    A corner in pixel (i, j) gets rows i - 20 … i + 19 and columns j - 20 … j + 19.

    >>> windows(torch.arange(3600.0).view(60, 60), torch.tensor([[30.5, 20.5]]))[0, 0, 0]
    tensor(10.)
    """
    image, corners = grey_picture(image), finite("corners", corners, None, 2)
    columns, rows = corners.floor().long().unbind(dim=1)
    half = WINDOW // 2
    fits = (rows >= half) & (rows + half <= image.shape[0])
    fits &= (columns >= half) & (columns + half <= image.shape[1])
    if not bool(fits.all()):
        n = int((~fits).nonzero()[0])
        raise ValueError(
            f"corners: the window of corner {n}, at {tuple(corners[n].tolist())}, leaves the "
            f"picture; wanted at least {half} pixels to the rim"
        )
    ruler = torch.arange(-half, half)
    return image[rows[:, None, None] + ruler[:, None], columns[:, None, None] + ruler]


def describe(image: Tensor, corners: Tensor, normalize: bool = True) -> Tensor:
    """Return the descriptors of corners: what is around them, small, blurred and flattened.

    A window of 40 x 40 pixels, blurred by a Gaussian of 2 pixels (its rim repeated), every fifth
    row and column of it from the third on, 8 x 8, row by row. Normalised: d <- (d - mean d) / std
    d, which takes back any change of brightness and contrast, a I + b with a > 0.

    Args:
        image: (H, W) grey.
        corners: (N, 2), x and y in pixels, at least 20 pixels from the rim.
        normalize: whether to normalise. Where a window shows nothing at all the result is 0.

    Returns:
        (N, 64) float32.

    Raises:
        ValueError: another shape, NaN, or a window that leaves the picture.

    Source: Brown, Szeliski and Winder (2005), section 4, https://doi.org/10.1109/CVPR.2005.235

    >>> ramp = torch.arange(64.0).expand(64, 64) / 64
    >>> describe(ramp, torch.tensor([[32.5, 32.5]]), normalize=False).view(8, 8)[0] * 64
    tensor([14.1541, 19.0000, 24.0000, 29.0000, 34.0000, 39.0000, 44.0000, 48.8459])
    """
    small = gaussian_blur(windows(image, corners), BLUR)[:, STEP // 2 :: STEP, STEP // 2 :: STEP]
    vectors = small.reshape(-1, 64)
    if not normalize:
        return vectors
    centred = vectors - vectors.mean(dim=1, keepdim=True)
    spread = centred.square().mean(dim=1, keepdim=True).sqrt()
    return torch.where(spread > FLAT, centred / spread.clamp_min(FLAT), 0.0)
