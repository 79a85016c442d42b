"""From a task to a hole: which pixels of this picture are the ones to be filled?

Scratches and captions are found, a removal's mask is widened, a picture's frame is moved outwards.
Each function returns a mask for any filling function of this package.
"""

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from .hybrid import total_variation_smooth
from .operators import box_average, consistent
from .validate import check_image, check_positive


def outpaint_canvas(
    image: Tensor, left: int, right: int, top: int, bottom: int
) -> tuple[Tensor, Tensor]:
    """Lay a picture on a larger canvas; what is new is the hole.

    Args:
        image: (B, C, H, W).
        left, right, top, bottom: how far the canvas reaches beyond the picture, in pixels, at
            least 0.

    Returns:
        canvas (B, C, top + H + bottom, left + W + right), zero outside the picture, and mask
        (B, 1, ...) bool of the same size, True = hole.

    Raises:
        TypeError: no float32 or float64 tensor.
        ValueError: another shape, or a margin that is no integer of at least 0.

    >>> canvas, mask = outpaint_canvas(torch.ones(1, 1, 1, 2), left=1, right=0, top=0, bottom=0)
    >>> canvas[0, 0], mask[0, 0]
    (tensor([[0., 1., 1.]]), tensor([[ True, False, False]]))
    """
    check_image(image)
    margins = {"left": left, "right": right, "top": top, "bottom": bottom}
    for name, margin in margins.items():
        if not isinstance(margin, int) or margin < 0:
            raise ValueError(f"{name}: got {margin!r}, wanted an integer of at least 0, in pixels")
    canvas = torch.nn.functional.pad(image, (left, right, top, bottom))
    mask = torch.ones_like(canvas[:, :1], dtype=torch.bool)
    mask[..., top : top + image.shape[2], left : left + image.shape[3]] = False
    return canvas, mask


def removal_mask(mask: Tensor, margin: float) -> Tensor:
    """Widen a mask by a disc: all pixels within a distance of it.

        result = {p : |p - q| <= margin for some q in the mask}

    An object's rim is mixed with what is behind it, and a shadow lies around it; a filling that
    starts from such pixels smears them into the hole.

    Args:
        mask: (B, 1, H, W) bool, True = hole.
        margin: in pixels, between centres, at least 0.

    Returns:
        (B, 1, H, W) bool.

    Raises:
        ValueError: another shape or dtype, or a negative margin.

    >>> dot = torch.zeros(1, 1, 3, 3, dtype=torch.bool)
    >>> dot[..., 1, 1] = True
    >>> removal_mask(dot, 1.0)[0, 0].int()
    tensor([[0, 1, 0],
            [1, 1, 1],
            [0, 1, 0]], dtype=torch.int32)
    """
    _check_mask(mask)
    if not margin >= 0:
        raise ValueError(f"margin: got {margin!r}, wanted a number of at least 0, in pixels")
    result = mask.clone()
    for one in result[:, 0]:
        if bool(one.any()):
            distance = ndimage.distance_transform_edt((~one).cpu().numpy())
            one.copy_(torch.from_numpy(distance <= margin))
    return result


def find_text(image: Tensor, color: Tensor, tolerance: float, window: int) -> Tensor:
    """Find the strokes of a caption that was printed in one known colour.

    A pixel has the colour if no channel is off by more than the tolerance. It belongs to a stroke
    if, besides, less than half of the window x window pixels around it have the colour: a stroke is
    thin, a sky of the same colour is not. At the picture's border the window is cut off.

    Args:
        image: (B, C, H, W), values in [0, 1].
        color: (C,), of the letters.
        tolerance: largest difference in a channel.
        window: side of the neighbourhood in pixels, odd: more than twice as wide as a stroke.

    Returns:
        (B, 1, H, W) bool, True = letter. Soft rims are missed, see `removal_mask`; the corners of a
        large field are found.

    Raises:
        TypeError, ValueError: see `check_image`; a colour of another length, an even window.

    >>> wall = torch.full((1, 3, 5, 5), 0.2)
    >>> wall[..., 2] = 1.0
    >>> find_text(wall, torch.ones(3), tolerance=0.1, window=5)[0, 0, 0].int()
    tensor([0, 0, 1, 0, 0], dtype=torch.int32)
    """
    check_image(image)
    if color.shape != image.shape[1:2]:
        raise ValueError(f"color: got shape {tuple(color.shape)}, wanted {(image.shape[1],)}")
    _check_window(window)
    alike = ((image - color[:, None, None]).abs() <= tolerance).all(dim=1, keepdim=True)
    share = torch.nn.functional.avg_pool2d(
        alike.to(image), window, stride=1, padding=window // 2, count_include_pad=False
    )
    return alike & (share < 0.5)


def detect_scratches(image: Tensor, window: int, threshold: float, shortest: int) -> Tensor:
    """Find thin, long lines that are brighter than what is around them.

    1. grey g, the mean of the channels; background b, the median of g over window x window pixels;
    2. candidates: g - b > threshold;
    3. of their pieces (connected also over corners), those that reach over at least ``shortest``
       rows or columns.

    The median forgets a line that is narrower than half the window and keeps an edge: so step 2
    finds lines and grains, and step 3 drops the grains. For dark scratches hand in 1 - image.

    Args:
        image: (B, C, H, W), values in [0, 1].
        window: side of the median's window in pixels, odd: more than twice a scratch's width. At
            the border the picture is mirrored.
        threshold: how much brighter than its background a scratch is, at least.
        shortest: smallest extent of a scratch, in rows or columns.

    Returns:
        (B, 1, H, W) bool, True = scratch.

    Raises:
        TypeError, ValueError: see `check_image`; an even window, a threshold or length that is not
            above 0.

    >>> image = torch.full((1, 3, 9, 9), 0.5)
    >>> image[..., 4], image[..., 1, 1] = 1.0, 1.0  # a scratch and a grain
    >>> detect_scratches(image, window=5, threshold=0.2, shortest=6)[0, 0, 1].int()
    tensor([0, 0, 0, 0, 1, 0, 0, 0, 0], dtype=torch.int32)
    """
    check_image(image)
    _check_window(window)
    check_positive("threshold", threshold)
    check_positive("shortest", shortest)
    found = []
    for picture in image.detach().cpu():
        grey = picture.mean(dim=0).numpy()
        thin = grey - ndimage.median_filter(grey, size=window) > threshold
        found.append(torch.from_numpy(_long_pieces(thin, shortest)))
    return torch.stack(found)[:, None].to(image.device)


def back_project(image: Tensor, low: Tensor, factor: int) -> Tensor:
    """Correct an enlarged picture so that it shrinks to the small one exactly.

        x + A+ (low - A x),   A: mean of each factor x factor block, A+: repeat each pixel

    Args:
        image: (B, C, factor H, factor W), the guess.
        low: (B, C, H, W), the small picture.
        factor: whole number of at least 1.

    Returns:
        (B, C, factor H, factor W), the nearest picture to the guess whose blocks have the means
        ``low``. It may leave [0, 1] a little.

    Raises:
        TypeError, ValueError: see `check_image`; sizes that do not fit.

    Source: Irani and Peleg (1991), https://doi.org/10.1016/1049-9652(91)90045-L, who iterate with a
    blur between; with block means one step is enough.

    >>> back_project(torch.tensor([[[[0.0, 0.5], [0.0, 0.5]]]]), torch.ones(1, 1, 1, 1), 2)
    tensor([[[[0.7500, 1.2500],
              [0.7500, 1.2500]]]])
    """
    check_image(image)
    check_image(low)
    wanted = (*low.shape[:2], factor * low.shape[2], factor * low.shape[3])
    if tuple(image.shape) != wanted:
        raise ValueError(f"image: got shape {tuple(image.shape)}, wanted {wanted}")
    return consistent(image, low, box_average(factor))


def super_resolve(low: Tensor, factor: int, steps: int = 10, weight: float = 0.01) -> Tensor:
    """Enlarge a picture: smooth except at edges, and faithful to the small picture.

    Starts from bicubic interpolation; each step lowers the total variation a little and makes the
    result agree with ``low`` again.

    Args:
        low: (B, C, H, W), values in [0, 1].
        factor: how many times larger, a whole number.
        steps: how often.
        weight: of the smoothing; see `total_variation_smooth`. 0: none.

    Returns:
        (B, C, factor H, factor W), whose block means are ``low``.

    >>> low = torch.rand(1, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    >>> back = box_average(2).apply(super_resolve(low, 2))
    >>> torch.allclose(back, low, atol=1e-6)
    True
    """
    check_image(low)
    image = torch.nn.functional.interpolate(low, scale_factor=factor, mode="bicubic")
    image = back_project(image, low, factor)
    for _ in range(steps if weight > 0 else 0):
        image = back_project(total_variation_smooth(image, weight, 10), low, factor)
    return image


def _long_pieces(candidates: np.ndarray, shortest: int) -> np.ndarray:
    """Keep the pieces (8 neighbours) whose bounding box has a side of at least ``shortest``."""
    pieces, _ = ndimage.label(candidates, structure=np.ones((3, 3)))
    sides = [max(s.stop - s.start for s in box) for box in ndimage.find_objects(pieces)]
    return np.array([False] + [side >= shortest for side in sides])[pieces]


def _check_mask(mask: Tensor) -> None:
    if not isinstance(mask, Tensor) or mask.dtype != torch.bool or mask.ndim != 4:
        came = f"{mask.dtype} {tuple(mask.shape)}" if isinstance(mask, Tensor) else repr(mask)
        raise ValueError(f"mask: got {came}, wanted torch.bool (B, 1, H, W), True = hole")


def _check_window(window: int) -> None:
    if not isinstance(window, int) or window < 3 or window % 2 == 0:
        raise ValueError(f"window: got {window!r}, wanted an odd integer of at least 3")
