"""Two photographs of one motorcycle, with the cameras that took them and the true disparity."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from .photos import read_picture, shipped_folder

# In pixels of the pictures, but for the baseline. Published with the pictures; see scikit-image's
# `skimage.data.stereo_motorcycle`.
FOCAL = 994.978
CENTRE_X, CENTRE_Y = 311.193, 254.877  # of the left camera
CENTRE_SHIFT = 31.086  # the right camera's principal point is so much further right
BASELINE = 0.193001  # metres


class StereoPair(NamedTuple):
    """Two rectified pictures, left and right, and how they were taken.

    Attributes:
        images: (2, 3, 500, 741) float32, RGB in [0, 1].
        K: (2, 3, 3) float32, pixels.
        viewmats: (2, 4, 4) float32, world to camera; the world is the left camera, in metres.
        disparity: (500, 741) float32, pixels: what is at column x of the left picture is at
            x - disparity of the right one, in the same row. NaN where it is not known.
        depth: (500, 741) float32, metres along the left camera's z axis; NaN where not known.
    """

    images: Tensor
    K: Tensor
    viewmats: Tensor
    disparity: Tensor
    depth: Tensor


def stereo_motorcycle() -> StereoPair:
    """Return the calibrated stereo pair that scikit-image carries in its wheel.

    depth = f b / (d + s), with f the focal length and d the disparity in pixels, b the baseline and
    s the shift of the principal point between the cameras.

    Source: Scharstein et al. (2014), High-resolution stereo datasets with subpixel-accurate ground
    truth, https://doi.org/10.1007/978-3-319-11752-2_3

    >>> pair = stereo_motorcycle()
    >>> pair.images.shape, round(float(pair.depth.nanmean()), 1)
    (torch.Size([2, 3, 500, 741]), 3.1)
    """
    folder = shipped_folder()
    sides = [read_picture(folder / f"motorcycle_{side}.png") for side in ("left", "right")]
    with np.load(folder / "motorcycle_disp.npz") as file:
        disparity = torch.from_numpy(file["arr_0"]).float()
    disparity = torch.where(disparity.isfinite(), disparity, torch.nan)
    left = torch.tensor([[FOCAL, 0, CENTRE_X], [0, FOCAL, CENTRE_Y], [0, 0, 1]])
    right = left.clone()
    right[0, 2] += CENTRE_SHIFT
    viewmats = torch.eye(4).repeat(2, 1, 1)
    viewmats[1, 0, 3] = -BASELINE
    depth = FOCAL * BASELINE / (disparity + CENTRE_SHIFT)
    return StereoPair(torch.cat(sides), torch.stack([left, right]), viewmats, disparity, depth)
