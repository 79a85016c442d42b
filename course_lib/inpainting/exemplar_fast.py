"""Exemplar-based filling at the speed of compiled loops: the twin of `exemplar`."""

import numpy as np
import torch
from torch import Tensor

from .exemplar import known_patches
from .validate import check_image_and_mask, check_patch_size, fill_each


def exemplar_inpaint(image: Tensor, mask: Tensor, patch_size: int = 9) -> Tensor:
    """Fill holes patch by patch, the most urgent first, each from the most similar known patch.

    Priority P(p) = C(p) D(p) on the fill front; source q = argmin over the wholly known patches
    of the sum of squared differences; the unknown pixels of the patch at p are copied from q.

    Args:
        image: (B, C, H, W) float32 or float64, values in [0, 1]; what the hole holds is ignored.
        mask: (B, 1, H, W) bool, True = hole.
        patch_size: odd, in pixels: a little larger than the texture's largest element.

    Returns:
        (B, C, H, W), like image (computed on the CPU); known pixels unchanged, bit for bit, and
        every filled value is one that occurs in the picture. Equal to
        `exemplar_inpaint_reference`.

    Raises:
        TypeError, ValueError: see `check_image_and_mask`; a patch size that is even, or so large
            that no patch is wholly known.

    Source: Criminisi, Pérez and Toyama (2004), https://doi.org/10.1109/TIP.2004.833105, table I.

    >>> image = torch.tensor([0.0, 1.0] * 6).expand(1, 1, 12, 12)
    >>> mask = torch.zeros(1, 1, 12, 12, dtype=torch.bool)
    >>> mask[..., 4:8, 4:8] = True
    >>> torch.equal(exemplar_inpaint(image, mask, patch_size=3), image)
    True
    """
    # The fast twin of exemplar_inpaint_reference: it recomputes priorities only around the patch
    # just filled, and gives up on a candidate as soon as its sum exceeds the best so far. About
    # 30 times faster (benchmarks/inpainting.py, "Solvers").
    check_image_and_mask(image, mask)
    check_patch_size(patch_size)
    return fill_each(image, mask, lambda picture, hole: fill_exemplar(picture, hole, patch_size))


def fill_exemplar(picture: np.ndarray, hole: np.ndarray, patch_size: int = 9) -> np.ndarray:
    """Fill one picture (C, H, W), zero in its hole (H, W), and return it; any range of values."""
    from .kernels import fill_patches  # numba takes half a second to import

    sources = known_patches(torch.from_numpy(hole), patch_size).nonzero().numpy()  # (N, 2)
    if len(sources) == 0:
        raise ValueError(f"patch_size: no patch of {patch_size} x {patch_size} is wholly known")
    filled = np.ascontiguousarray(picture.transpose(1, 2, 0))  # (H, W, C)
    fill_patches(filled, hole.copy(), sources, patch_size)
    return filled.transpose(2, 0, 1).copy()
