"""Both at once: the picture's large shapes are diffused into the hole, its texture is copied.

Bertalmio, Vese, Sapiro and Osher, "Simultaneous structure and texture image inpainting" (2003),
https://doi.org/10.1109/TIP.2003.815261.
"""

import torch
from torch import Tensor

from .exemplar_fast import fill_exemplar
from .harmonic import fill_harmonic, harmonic_inpaint
from .validate import check_image, check_image_and_mask, check_patch_size, check_positive, fill_each

STEP = 0.25  # of Chambolle's iteration; proven up to 1/8, and stable in practice up to 1/4


def split_structure_texture(
    image: Tensor, mask: Tensor | None = None, weight: float = 0.3, iterations: int = 100
) -> tuple[Tensor, Tensor]:
    """Split a picture into its large shapes and the fine rest, which add up to it.

    structure = argmin over u of TV(u) + |u - image|^2 / (2 weight), texture = image - structure.

    Args:
        image: (B, C, H, W) float32 or float64, values in [0, 1].
        mask: (B, 1, H, W) bool or None, True = hole. What the hole holds is ignored: the split
            sees the harmonic filling there.
        weight: how much goes into the texture; bright or dark patches of less than about
            4 * weight / contrast pixels in diameter do.
        iterations: of Chambolle's projection.

    Returns:
        structure and texture, both like image. In the hole the texture is zero. At known pixels
        structure + texture == image, bit for bit, if a float32 picture was given as float64
        (``image.double()``). As float32 it is off by at most one rounding, 2^-25, and only where
        the image is below 1/2: float32 has finer digits for a dark pixel, such as 1/255, than
        for a brighter structure around it, so no exact pair exists there.

    Raises:
        TypeError, ValueError: see `check_image_and_mask`; a weight or a number of iterations that
            is not above zero.

    Source: Bertalmio et al. (2003), https://doi.org/10.1109/TIP.2003.815261, with the split of
    Rudin, Osher and Fatemi (1992), https://doi.org/10.1016/0167-2789(92)90242-F

    >>> image = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)).double()
    >>> structure, texture = split_structure_texture(image)
    >>> torch.equal(structure + texture, image)
    True
    """
    if mask is None:
        check_image(image)
        mask = torch.zeros_like(image[:, :1], dtype=torch.bool)
    check_image_and_mask(image, mask)
    check_positive("weight", weight)
    check_positive("iterations", iterations)
    filled = harmonic_inpaint(image, mask)
    structure = total_variation_smooth(filled, weight, int(iterations))
    grid = torch.finfo(image.dtype).eps / 2
    structure = torch.round(structure / grid) * grid  # so that the difference needs no more digits
    return structure, torch.where(mask, 0.0, filled - structure)


def total_variation_smooth(image: Tensor, weight: float, iterations: int) -> Tensor:
    """Return argmin over u of TV(u) + |u - image|^2 / (2 weight): edges stay, texture goes.

    u = image - weight div p, where p, a vector at each pixel, is iterated:
    g = grad(div p - image / weight); p <- (p + step g) / (1 + step |g|).

    Args:
        image: (B, C, H, W).
        weight: in the unit of image times pixels.
        iterations: about 100.

    Returns:
        (B, C, H, W).

    Source: Chambolle (2004), https://doi.org/10.1023/B:JMIV.0000011325.36760.1e, equation (9).

    >>> step = torch.tensor([[[[0.0, 0.0, 1.0, 1.0]]]])
    >>> total_variation_smooth(step, weight=0.1, iterations=200)
    tensor([[[[0.0500, 0.0500, 0.9500, 0.9500]]]])
    """
    down, right = torch.zeros_like(image), torch.zeros_like(image)  # p
    for _ in range(iterations):
        descent = _divergence(down, right) - image / weight
        gradient_down, gradient_right = torch.zeros_like(image), torch.zeros_like(image)
        gradient_down[..., :-1, :] = descent[..., 1:, :] - descent[..., :-1, :]
        gradient_right[..., :-1] = descent[..., 1:] - descent[..., :-1]
        length = torch.sqrt(gradient_down.square() + gradient_right.square())
        down = (down + STEP * gradient_down) / (1 + STEP * length)
        right = (right + STEP * gradient_right) / (1 + STEP * length)
    return image - weight * _divergence(down, right)


def hybrid_inpaint(
    image: Tensor, mask: Tensor, patch_size: int = 9, weight: float = 0.3, iterations: int = 100
) -> Tensor:
    """Fill holes twice and add: structure by diffusion, texture by copying patches.

    filled = harmonic(structure) + exemplar(texture), clamped to [0, 1].

    Args:
        image: (B, C, H, W) float32 or float64, values in [0, 1]; what the hole holds is ignored.
        mask: (B, 1, H, W) bool, True = hole.
        patch_size: of the texture's patches: odd, in pixels.
        weight: of the split, see `split_structure_texture`: how much is left to the patches.
        iterations: of the split.

    Returns:
        (B, C, H, W), like image; known pixels unchanged, bit for bit.

    Raises:
        TypeError, ValueError: see `split_structure_texture` and `exemplar_inpaint`.

    Source: Bertalmio et al. (2003), https://doi.org/10.1109/TIP.2003.815261, with the exemplar
    filling of Criminisi et al. (2004) for the texture.

    >>> image = torch.linspace(0.2, 0.8, 32).expand(1, 1, 32, 32)
    >>> mask = torch.zeros(1, 1, 32, 32, dtype=torch.bool)
    >>> mask[..., 12:20, 12:20] = True
    >>> bool((hybrid_inpaint(image, mask) - image).abs().max() < 0.01)
    True
    """
    check_patch_size(patch_size)
    structure, texture = split_structure_texture(image, mask, weight, iterations)
    shapes = fill_each(structure, mask, fill_harmonic)
    details = fill_each(
        texture, mask, lambda picture, hole: fill_exemplar(picture, hole, patch_size)
    )
    return torch.where(mask, (shapes + details).clamp(0.0, 1.0), image.detach())


def _divergence(down: Tensor, right: Tensor) -> Tensor:
    """The negative transpose of the forward difference."""
    result = down + right
    result[..., 1:, :] -= down[..., :-1, :]
    result[..., 1:] -= right[..., :-1]
    return result
