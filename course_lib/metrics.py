"""How far two pictures are apart: PSNR and SSIM, over the whole picture or over a hole.

And a distance that asks what the eye would notice: `perceptual_distance`.
"""

import torch

from course_lib.pictures import require_batch


def psnr(a: torch.Tensor, b: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
    """Return the peak signal-to-noise ratio of each pair of pictures, in decibel.

    PSNR = -10 log10( mean((a - b)^2) ), with values in [0, 1], so that the peak is 1. Equal
    pictures give infinity.

    Args:
        a: (B, C, H, W), values in [0, 1].
        b: the same shape.
        mask: (B, 1, H, W) bool or None; the mean runs over True pixels only.

    Returns:
        (B,), decibel.

    Raises:
        ValueError: the shapes differ, or a mask selects no pixel.

    >>> psnr(torch.zeros(1, 3, 4, 4), torch.full((1, 3, 4, 4), 0.1))
    tensor([20.])
    """
    _same_shape(a, b)
    squared = (a - b).square().mean(dim=1, keepdim=True)  # (B, 1, H, W)
    return -10.0 * torch.log10(_mean(squared, mask))


def ssim(a: torch.Tensor, b: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
    """Return the structural similarity of each pair of pictures (1 = equal).

    SSIM = (2 m_a m_b + c1)(2 s_ab + c2) / ((m_a^2 + m_b^2 + c1)(s_a^2 + s_b^2 + c2)) with local
    means m, variances s^2 and covariance s_ab under a Gaussian window of 11 pixels and standard
    deviation 1.5, c1 = 0.01^2, c2 = 0.03^2; averaged over pixels and channels.

    Args:
        a: (B, C, H, W), values in [0, 1], at least 11 pixels high and wide.
        b: the same shape.
        mask: (B, 1, H, W) bool or None; the mean runs over True pixels only.

    Returns:
        (B,), at most 1.

    Raises:
        ValueError: the shapes differ, the pictures are too small, or a mask selects no pixel.

    Source: Wang, Bovik, Sheikh and Simoncelli (2004), https://doi.org/10.1109/TIP.2003.819861

    >>> ssim(torch.ones(1, 1, 16, 16), torch.ones(1, 1, 16, 16))
    tensor([1.])
    """
    _same_shape(a, b)
    if min(a.shape[-2:]) < 11:
        raise ValueError(f"a: {tuple(a.shape[-2:])} is too small; SSIM needs 11 x 11 pixels")
    together = torch.cat([a, b, a * a, b * b, a * b], dim=1)  # one pass: half the time of five
    mean_a, mean_b, square_a, square_b, product = _window(together).chunk(5, dim=1)
    variance_a, variance_b = square_a - mean_a**2, square_b - mean_b**2
    covariance = product - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    similarity = ((2 * mean_a * mean_b + c1) * (2 * covariance + c2)) / (
        (mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2)
    )
    return _mean(similarity.mean(dim=1, keepdim=True), mask)


def perceptual_distance(a: torch.Tensor, b: torch.Tensor, scales: int = 4) -> torch.Tensor:
    """Return how different each pair of pictures looks (0 = equal), at several scales.

    Each picture becomes a Laplacian pyramid: bands z_k of details, fine to coarse, and a small
    remainder. Each band is divided by its own activity around the pixel, as the eye's response to
    a detail is weaker where there are many,

        y_k = z_k / (s + blur |z_k|),   distance = mean_k sqrt( mean (y_k - y'_k)^2 ),

    with s = 0.02 for the bands and 0.28 for the remainder: a small error counts on a smooth cheek,
    and is masked in a texture. A missing detail counts in its own band, so that blur is dear.

    Simplified from the source (the Normalized Laplacian Pyramid Distance): the neighbourhood of a
    band is weighted by the pyramid's own filter and s is chosen by hand, where the source fits both
    to photographs; values are taken as they are stored, without a model of the screen; red, green
    and blue count alike. No weights are learnt, so nothing has to be loaded. Not calibrated: only
    comparisons mean something.

    Args:
        a: (B, C, H, W), values in [0, 1].
        b: the same shape.
        scales: bands and remainder together; fewer where the picture would be less than 4 pixels.

    Returns:
        (B,), at least 0.

    Raises:
        ValueError: the shapes differ, or fewer than 2 scales.

    Source: Laparra, Balle, Berardino and Simoncelli (2016),
    https://doi.org/10.2352/ISSN.2470-1173.2016.16.HVEI-103

    >>> picture = torch.zeros(1, 3, 16, 16)
    >>> perceptual_distance(picture, picture)
    tensor([0.])
    """
    _same_shape(a, b)
    if scales < 2:
        raise ValueError(f"scales: got {scales}, wanted at least 2")
    bands = zip(_normalised_bands(a, scales), _normalised_bands(b, scales), strict=True)
    each = [(x - y).square().mean(dim=(1, 2, 3)).sqrt() for x, y in bands]
    return torch.stack(each).mean(dim=0)


def _normalised_bands(picture: torch.Tensor, scales: int) -> list[torch.Tensor]:
    bands = []
    for _ in range(scales - 1):
        if min(picture.shape[-2:]) < 8:
            break
        small = _burt_adelson(picture)[..., ::2, ::2]
        back = torch.nn.functional.interpolate(small, picture.shape[-2:], mode="bilinear")
        band, picture = picture - back, small
        bands.append(band / (0.02 + _burt_adelson(band.abs())))
    return [*bands, picture / (0.28 + _burt_adelson(picture.abs()))]


def _burt_adelson(x: torch.Tensor) -> torch.Tensor:
    """Local mean with weights (1, 4, 6, 4, 1) / 16 in both directions, the same shape."""
    weights = (torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16).to(x).expand(x.shape[1], 1, 5)
    x = torch.nn.functional.pad(x, (2, 2, 2, 2), mode="replicate")
    x = torch.nn.functional.conv2d(x, weights[..., None, :], groups=x.shape[1])
    return torch.nn.functional.conv2d(x, weights[..., :, None], groups=x.shape[1])


def _window(x: torch.Tensor) -> torch.Tensor:
    """Gaussian-weighted local mean, (B, C, H, W) to the same shape."""
    steps = torch.arange(-5, 6, dtype=x.dtype, device=x.device)
    weights = torch.exp(-0.5 * (steps / 1.5) ** 2)
    weights = (weights / weights.sum()).expand(x.shape[1], 1, 11)  # (C, 1, 11)
    x = torch.nn.functional.pad(x, (5, 5, 5, 5), mode="reflect")
    x = torch.nn.functional.conv2d(x, weights[..., None, :], groups=x.shape[1])
    return torch.nn.functional.conv2d(x, weights[..., :, None], groups=x.shape[1])


def _mean(values: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """Mean of (B, 1, H, W) over the pixels where the mask is True, (B,)."""
    if mask is None:
        return values.mean(dim=(1, 2, 3))
    count = mask.sum(dim=(1, 2, 3))
    if bool((count == 0).any()):
        raise ValueError("mask: it selects no pixel in at least one picture")
    return torch.where(mask, values, 0.0).sum(dim=(1, 2, 3)) / count


def _same_shape(a: torch.Tensor, b: torch.Tensor) -> None:
    require_batch(a, "a")
    require_batch(b, "b")
    if a.shape != b.shape:
        raise ValueError(f"b: got shape {tuple(b.shape)}, wanted that of a, {tuple(a.shape)}")
