"""Places in a picture that can be found again: Harris corners, spread over the picture."""

import torch
from torch import Tensor

from .arguments import grey_picture

HARRIS_K = 0.05  # how much a one-sided change (an edge) counts against a place
WINDOW_SIGMA = 1.5  # pixels, of the Gaussian window in which gradients are gathered
WEAKEST = 1e-4  # of the strongest response (a tenth of its contrast); below is noise
MOST_CANDIDATES = 3000  # the strongest, among which distances are compared
ROBUST = 0.9  # a neighbour suppresses if this share of its response is more


def to_grey(image: Tensor) -> Tensor:
    """Return the brightness 0.299 R + 0.587 G + 0.114 B of a picture (3, H, W) as (H, W).

    >>> to_grey(torch.ones(3, 2, 2))
    tensor([[1., 1.],
            [1., 1.]])
    """
    if image.ndim != 3 or image.shape[0] != 3:
        raise ValueError(f"image: got shape {tuple(image.shape)}, wanted (3, H, W)")
    return torch.einsum("c,chw->hw", image.new_tensor([0.299, 0.587, 0.114]), image)


def gaussian_blur(image: Tensor, sigma: float) -> Tensor:
    """Return pictures (..., H, W) blurred by a Gaussian of ``sigma`` pixels; the rim is repeated.

    >>> dot = torch.zeros(1, 7)
    >>> dot[0, 3] = 1.0
    >>> gaussian_blur(dot, 1.0)[0]
    tensor([0.0044, 0.0540, 0.2420, 0.3991, 0.2420, 0.0540, 0.0044])
    """
    reach = int(3 * sigma + 0.5)
    kernel = torch.exp(-(torch.arange(-reach, reach + 1) ** 2) / (2 * sigma**2)).to(image)
    kernel = kernel / kernel.sum()
    flat = image.reshape(-1, 1, *image.shape[-2:])
    padded = torch.nn.functional.pad(flat, (reach,) * 4, mode="replicate")
    across = torch.nn.functional.conv2d(padded, kernel[None, None, None, :])
    return torch.nn.functional.conv2d(across, kernel[None, None, :, None]).view_as(image)


def harris_response(image: Tensor, sigma: float = WINDOW_SIGMA) -> Tensor:
    """Return how much the surroundings of each pixel change in every direction.

    M = G * [[Ix Ix, Ix Iy], [Ix Iy, Iy Iy]] with gradients I by central differences and a Gaussian
    window G; response = det M - 0.05 (trace M)^2: positive at corners, negative at edges, 0 where
    nothing changes.

    Args:
        image: (H, W) grey, at least 2 x 2.
        sigma: of the window, pixels.

    Returns:
        (H, W) float32, in units of brightness to the fourth.

    Raises:
        ValueError: another shape, NaN.

    Source: Harris and Stephens (1988), https://doi.org/10.5244/C.2.23

    >>> picture = torch.zeros(20, 20)
    >>> picture[10:, 10:] = 1.0
    >>> divmod(int(harris_response(picture).argmax()), 20)  # one pixel inside the corner
    (10, 10)
    """
    image = grey_picture(image)
    if min(image.shape) < 2:
        raise ValueError(f"image: got shape {tuple(image.shape)}, wanted at least (2, 2)")
    down, right = torch.gradient(image)
    xx, xy, yy = gaussian_blur(torch.stack([right**2, right * down, down**2]), sigma)
    return xx * yy - xy**2 - HARRIS_K * (xx + yy) ** 2


def suppression_radii(places: Tensor, strengths: Tensor, robust: float = ROBUST) -> Tensor:
    """Return how far each place is from the nearest clearly stronger one.

    r_i = min over j with s_i < robust s_j of |p_i - p_j|; infinity for the strongest.

    Args:
        places: (N, 2), pixels.
        strengths: (N,), positive.
        robust: in (0, 1]; below 1 a neighbour has to be clearly stronger.

    Returns:
        (N,) pixels.

    Source: Brown, Szeliski and Winder (2005), section 3, https://doi.org/10.1109/CVPR.2005.235

    >>> suppression_radii(torch.tensor([[0.0, 0], [3, 4], [6, 8]]), torch.tensor([1.0, 2, 4]))
    tensor([5., 5., inf])
    """
    apart = torch.cdist(places, places)  # (N, N)
    stronger = strengths[:, None] < robust * strengths[None, :]
    return torch.where(stronger, apart, torch.inf).amin(dim=1)


def harris_corners(
    image: Tensor, count: int = 500, *, border: int = 20, subpixel: bool = True
) -> Tensor:
    """Return corners of a picture: strong ones, and spread over all of it.

    Local maxima (3 x 3) of `harris_response` above a ten-thousandth of the largest; of these the
    ``count`` with the largest `suppression_radii`, in that order; each moved to the top of the
    parabola through the response at its neighbours.

    Args:
        image: (H, W) grey.
        count: how many at most.
        border: no corner is closer to the picture's rim, pixels; 20 leaves room for `describe`.
        subpixel: whether to move corners off the pixels' centres.

    Returns:
        (N, 2) float64, x and y in pixels (pixel (i, j) has its centre at (j + 0.5, i + 0.5)),
        N <= count; none in a picture without contrast.

    Raises:
        ValueError: another shape, NaN, a count below 1 or a border below 1.

    Source: Harris and Stephens (1988), https://doi.org/10.5244/C.2.23; Brown, Szeliski and Winder
    (2005), https://doi.org/10.1109/CVPR.2005.235

    >>> picture = torch.zeros(64, 64)
    >>> picture[24:40, 24:40] = 1.0
    >>> harris_corners(picture, 4).floor().sort(dim=0).values.int()
    tensor([[24, 24],
            [24, 24],
            [39, 39],
            [39, 39]], dtype=torch.int32)
    """
    if count < 1 or border < 1:
        raise ValueError(f"count, border: got {count!r}, {border!r}, wanted at least 1 each")
    response = harris_response(image)
    rows, columns = _local_maxima(response, border)
    strengths = response[rows, columns]
    strongest = strengths.sort(descending=True, stable=True).indices[:MOST_CANDIDATES]
    rows, columns = rows[strongest], columns[strongest]
    places = torch.stack([columns, rows], dim=1) + 0.5  # (N, 2)
    radii = suppression_radii(places, strengths[strongest]) if len(places) else places[:, 0]
    kept = radii.sort(descending=True, stable=True).indices[:count]
    corners = places[kept].double()
    return corners + _offsets(response, rows[kept], columns[kept]) if subpixel else corners


def _local_maxima(response: Tensor, border: int) -> tuple[Tensor, Tensor]:
    """Rows and columns of the pixels that no neighbour exceeds, away from the rim."""
    largest = torch.nn.functional.max_pool2d(response[None], 3, stride=1, padding=1)[0]
    inside = torch.zeros_like(response, dtype=torch.bool)
    inside[border : response.shape[0] - border, border : response.shape[1] - border] = True
    floor = max(WEAKEST * float(response.max()), 1e-12)
    return torch.where((response == largest) & (response > floor) & inside)


def _offsets(response: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """From a pixel's centre to the top of the parabola through its 3 x 3 responses, (N, 2)."""
    near = {
        (i, j): response[rows + i, columns + j].double() for i in (-1, 0, 1) for j in (-1, 0, 1)
    }
    dx, dy = (near[0, 1] - near[0, -1]) / 2, (near[1, 0] - near[-1, 0]) / 2
    xx = near[0, -1] + near[0, 1] - 2 * near[0, 0]
    yy = near[-1, 0] + near[1, 0] - 2 * near[0, 0]
    xy = (near[1, 1] - near[1, -1] - near[-1, 1] + near[-1, -1]) / 4
    flat = xx * yy - xy**2
    safe = torch.where(flat > 1e-12 * near[0, 0] ** 2, flat, torch.inf)  # no parabola: stay
    step = torch.stack([xy * dy - yy * dx, xy * dx - xx * dy], dim=1) / safe[:, None]
    return step.clamp(-0.5, 0.5)
