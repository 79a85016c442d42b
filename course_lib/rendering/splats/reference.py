"""The renderer to read: sort the splats, then blend one after the other over all pixels."""

from collections.abc import Iterable

import torch
from torch import Tensor

from .arguments import check_camera, check_splats, check_values, for_each_camera
from .harmonics import evaluate_sh
from .projection import (
    MAX_ALPHA,
    MIN_ALPHA,
    MIN_TRANSMITTANCE,
    covariance,
    project,
    visible,
)


def rasterize_reference(
    means: Tensor,
    quats: Tensor,
    scales: Tensor,
    opacities: Tensor,
    colors: Tensor,
    viewmat: Tensor,
    K: Tensor,
    width: int,
    height: int,
    *,
    sh_degree: int | None = None,
    background: Tensor | None = None,
    return_depth: bool = False,
) -> tuple[Tensor, ...]:
    """Draw Gaussians; what `rasterize` computes, in the plainest way and in any precision.

    Each Gaussian becomes an ellipse in the picture (`project`) with a colour for this view
    (`evaluate_sh`); from near to far, the ellipses are laid over each other (`blend`). PyTorch
    differentiates all of it. Seconds for a thousand splats: meant for reading and testing.

    Args: as `rasterize`, all of one dtype, float32 or float64.

    Returns:
        As `rasterize`.

    Raises:
        TypeError, ValueError: as `rasterize`.

    Source: Kerbl et al. (2023), https://arxiv.org/abs/2308.04079, sections 4 and 6.

    >>> from course_lib.rendering import pinhole
    >>> image, alpha = rasterize_reference(
    ...     means=torch.tensor([[0.0, 0.0, 2.0]]), quats=torch.tensor([[1.0, 0.0, 0.0, 0.0]]),
    ...     scales=torch.full((1, 3), 0.2), opacities=torch.tensor([0.8]),
    ...     colors=torch.tensor([[1.0, 0.5, 0.0]]), viewmat=torch.eye(4),
    ...     K=pinhole(9, 9, 1.0), width=9, height=9)
    >>> image[4, 4], alpha[4, 4]
    (tensor([0.8000, 0.4000, 0.0000]), tensor(0.8000))
    """
    check_splats(
        means, quats, scales, opacities, colors, viewmat, K, width, height, sh_degree, background
    )

    check_values(means, quats, scales, opacities, colors)

    def draw(viewmat: Tensor, K: Tensor) -> tuple[Tensor, ...]:
        check_camera(viewmat, K)
        seen = project(means, covariance(quats, scales), viewmat, K, width, height)
        order = torch.argsort(seen.depths.detach(), stable=True)  # near to far
        order = order[visible(seen, opacities, width, height)[order]]
        shown = colors
        if sh_degree is not None:
            eye = -viewmat[:3, :3].mT @ viewmat[:3, 3]
            shown = evaluate_sh(colors, means - eye, sh_degree)
        shown = torch.cat([shown, seen.depths[:, None]], dim=1)  # depth is one more colour
        pixels = pixel_centres(width, height).to(means)  # (H, W, 2)
        alphas = (
            splat_alpha(pixels, seen.means[n], seen.covariances[n], opacities[n]) for n in order
        )
        blended, light = blend(alphas, shown[order], torch.ones_like(pixels[..., 0]))
        image, alpha = blended[..., :3], 1.0 - light
        if background is not None:
            image = image + light[..., None] * background
        return (image, alpha, blended[..., 3] / alpha.clamp_min(1e-8))[: 3 if return_depth else 2]

    return for_each_camera(draw, viewmat, K)


def pixel_centres(width: int, height: int) -> Tensor:
    """Return the (x, y) of each pixel's centre, (H, W, 2), in pixels.

    >>> pixel_centres(2, 1)
    tensor([[[0.5000, 0.5000],
             [1.5000, 0.5000]]])
    """
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    return torch.stack([x, y], dim=-1)


def splat_alpha(pixels: Tensor, mean: Tensor, covariance: Tensor, opacity: Tensor) -> Tensor:
    """Return how much of the light behind it one splat keeps from each pixel.

    alpha = min(0.999, opacity exp(-½ d^T Sigma2d^-1 d)) with d = pixel - mean; 0 if below 1/255.

    Args:
        pixels: (H, W, 2), centres, pixels.
        mean: (2,), pixels.
        covariance: (2, 2), pixels squared.
        opacity: (), in [0, 1].

    Returns:
        (H, W), in [0, 0.999].

    Source: Kerbl et al. (2023), https://arxiv.org/abs/2308.04079, equation (4).

    >>> splat_alpha(pixel_centres(3, 1), torch.tensor([0.5, 0.5]), torch.eye(2), torch.tensor(0.5))
    tensor([[0.5000, 0.3033, 0.0677]])
    """
    offset = pixels - mean  # (H, W, 2)
    distance2 = ((offset @ torch.linalg.inv(covariance)) * offset).sum(dim=-1)
    alpha = (opacity * torch.exp(-0.5 * distance2)).clamp_max(MAX_ALPHA)
    return torch.where(alpha >= MIN_ALPHA, alpha, 0.0)


def blend(alphas: Iterable[Tensor], colors: Tensor, light: Tensor) -> tuple[Tensor, Tensor]:
    """Lay splats over each other from near to far.

    C = sum_n color_n alpha_n T_n with T_n = product over m < n of (1 - alpha_m). A pixel is
    finished before the first splat that would bring its T to 1e-4 or less.

    Args:
        alphas: N pictures (H, W), from near to far.
        colors: (N, C), or whatever else is to be blended.
        light: (H, W), transmittance in front of the first splat, usually ones.

    Returns:
        The picture (H, W, C), and the transmittance (H, W) that remains for the background.

    Source: Kerbl et al. (2023), https://arxiv.org/abs/2308.04079, equation (3).

    >>> alphas, colors = torch.tensor([[[0.5]], [[0.5]]]), torch.tensor([[1.0], [0.0]])
    >>> blend(alphas, colors, torch.ones(1, 1))
    (tensor([[[0.5000]]]), tensor([[0.2500]]))
    """
    picture = light.new_zeros(*light.shape, colors.shape[1])
    unfinished = torch.ones_like(light, dtype=torch.bool)
    for alpha, color in zip(alphas, colors, strict=True):
        behind = light * (1.0 - alpha)
        unfinished = unfinished & (behind > MIN_TRANSMITTANCE)
        weight = torch.where(unfinished, alpha * light, 0.0)
        picture = picture + weight[..., None] * color
        light = torch.where(unfinished, behind, light)
    return picture, light
