"""From a 3-D Gaussian to its ellipse in the picture, and the constants every renderer here shares.

Zwicker, Pfister, van Baar and Gross, "EWA splatting" (2002),
https://doi.org/10.1109/TVCG.2002.1021576; Kerbl et al. (2023), https://arxiv.org/abs/2308.04079.
"""

from typing import NamedTuple

import torch
from torch import Tensor

# The one home of these numbers. The compiled kernels freeze them: after a change, remove the
# __pycache__ beside them.
COVARIANCE_BLUR = (
    0.3  # px^2 added to the diagonal of a covariance in the picture: a low-pass filter
)
MIN_ALPHA = 1.0 / 255.0  # a splat that adds less than one step of an 8-bit picture is skipped
MAX_ALPHA = 0.999  # no splat is quite opaque, so that what lies behind keeps a gradient
MIN_TRANSMITTANCE = 1e-4  # a pixel takes no splat that would let less light than this through
NEAR = 0.01  # world units; what is not farther in front of the camera than this is not drawn
GUARD = 0.3  # the Jacobian is taken at most this share of half a picture outside the picture


class Projection(NamedTuple):
    """Gaussians as a camera sees them.

    Attributes:
        means: (N, 2), pixels.
        covariances: (N, 2, 2), pixels squared, with `COVARIANCE_BLUR`.
        depths: (N,), along the camera's z, world units.
    """

    means: Tensor
    covariances: Tensor
    depths: Tensor


def quaternion_to_rotation(quats: Tensor) -> Tensor:
    """Return the rotation matrix of each quaternion; its length does not matter.

    R = [[1-2(y²+z²), 2(xy-wz), 2(xz+wy)], [2(xy+wz), 1-2(x²+z²), 2(yz-wx)],
    [2(xz-wy), 2(yz+wx), 1-2(x²+y²)]] for the normalised (w, x, y, z).

    Args:
        quats: (..., 4), (w, x, y, z), not zero.

    Returns:
        (..., 3, 3).

    Raises:
        ValueError: another last dimension.

    Source: Shoemake (1985), https://doi.org/10.1145/325165.325242

    >>> quaternion_to_rotation(torch.tensor([0.0, 0.0, 0.0, 2.0]))  # half a turn about z
    tensor([[-1., 0., 0.],
            [ 0., -1., 0.],
            [ 0., 0., 1.]])
    """
    if quats.shape[-1:] != (4,):
        raise ValueError(f"quats: got shape {tuple(quats.shape)}, wanted (..., 4)")
    w, x, y, z = (quats / quats.norm(dim=-1, keepdim=True)).unbind(-1)
    entries = [
        1 - 2 * (y * y + z * z),
        2 * (x * y - w * z),
        2 * (x * z + w * y),
        2 * (x * y + w * z),
        1 - 2 * (x * x + z * z),
        2 * (y * z - w * x),
        2 * (x * z - w * y),
        2 * (y * z + w * x),
        1 - 2 * (x * x + y * y),
    ]
    return torch.stack(entries, dim=-1).unflatten(-1, (3, 3))


def covariance(quats: Tensor, scales: Tensor) -> Tensor:
    """Return the covariance of each Gaussian in the world.

    Sigma = R S S^T R^T, with R the rotation of the quaternion and S = diag(scales): symmetric and
    positive semi-definite whatever the optimiser does to quats and scales.

    Args:
        quats: (N, 4), (w, x, y, z), not zero.
        scales: (N, 3), standard deviations along the Gaussian's own axes, world units.

    Returns:
        (N, 3, 3), world units squared.

    Source: Kerbl et al. (2023), https://arxiv.org/abs/2308.04079, equation (6).

    >>> covariance(torch.tensor([[1.0, 0, 0, 0]]), torch.tensor([[1.0, 2.0, 3.0]]))[0].diagonal()
    tensor([1., 4., 9.])
    """
    axes = quaternion_to_rotation(quats) * scales[..., None, :]  # (N, 3, 3), R S
    return axes @ axes.mT


def project(
    means: Tensor, covariances: Tensor, viewmat: Tensor, K: Tensor, width: int, height: int
) -> Projection:
    """Project Gaussians into a picture, to first order around each mean.

    With (x, y, z) = R mean + t: mean2d = (f_x x/z + c_x, f_y y/z + c_y) and
    Sigma2d = J R Sigma R^T J^T + 0.3 I, where J = [[f_x/z, 0, -f_x x/z²], [0, f_y/z, -f_y y/z²]]
    is the Jacobian of the projection. In J, x/z and y/z are held to the picture and a margin
    around it (`GUARD`), outside of which the first order is far off.

    Args:
        means: (N, 3), world units.
        covariances: (N, 3, 3), world units squared.
        viewmat: (4, 4), world to camera.
        K: (3, 3), pixels.
        width: of the picture, in pixels.
        height: of the picture, in pixels.

    Returns:
        `Projection`. Gaussians at or behind the camera have meaningless values: see `visible`.

    Source: Zwicker et al. (2002), https://doi.org/10.1109/TVCG.2002.1021576, equation (29);
    Kerbl et al. (2023), equation (5).

    >>> K = torch.tensor([[100.0, 0, 50], [0, 100, 50], [0, 0, 1]])
    >>> seen = project(torch.tensor([[0.0, 0, 2]]), torch.eye(3)[None], torch.eye(4), K, 100, 100)
    >>> seen.means, seen.covariances[0].diagonal(), seen.depths
    (tensor([[50., 50.]]), tensor([2500.3000, 2500.3000]), tensor([2.]))
    """
    rotation, translation = viewmat[:3, :3], viewmat[:3, 3]
    x, y, z = (means @ rotation.mT + translation).unbind(-1)  # camera frame
    fx, fy, cx, cy = K[0, 0], K[1, 1], K[0, 2], K[1, 2]
    slope_x, slope_y = x / z, y / z
    margin_x, margin_y = GUARD * 0.5 * width / fx, GUARD * 0.5 * height / fy
    held_x = slope_x.clamp(-cx / fx - margin_x, (width - cx) / fx + margin_x)
    held_y = slope_y.clamp(-cy / fy - margin_y, (height - cy) / fy + margin_y)
    zero = torch.zeros_like(z)
    jacobian = torch.stack(
        [fx / z, zero, -fx * held_x / z, zero, fy / z, -fy * held_y / z], dim=-1
    ).unflatten(-1, (2, 3))  # (N, 2, 3)
    to_picture = jacobian @ rotation
    blur = COVARIANCE_BLUR * torch.eye(2, dtype=means.dtype, device=means.device)
    flat = to_picture @ covariances @ to_picture.mT + blur
    return Projection(torch.stack([fx * slope_x + cx, fy * slope_y + cy], dim=-1), flat, z)


def half_extents(covariances: Tensor, opacities: Tensor) -> Tensor:
    """Return how far from its mean each splat still reaches an alpha of `MIN_ALPHA`, per axis.

    opacity exp(-d²/2) = 1/255 at d² = 2 ln(255 opacity); the ellipse of that Mahalanobis distance
    has the bounding box mean ± sqrt(d² diag(Sigma2d)).

    Args:
        covariances: (N, 2, 2), pixels squared.
        opacities: (N,), in [0, 1].

    Returns:
        (N, 2), pixels; 0 where the opacity is below 1/255.

    >>> half_extents(4.0 * torch.eye(2)[None], torch.tensor([1.0]))
    tensor([[6.6581, 6.6581]])
    """
    distance2 = 2.0 * torch.log((opacities / MIN_ALPHA).clamp_min(1.0))
    return (distance2[:, None] * covariances.diagonal(dim1=-2, dim2=-1)).sqrt()


def visible(projection: Projection, opacities: Tensor, width: int, height: int) -> Tensor:
    """Return which splats can change the picture: in front of the camera, and reaching into it.

    Args:
        projection: of N Gaussians.
        opacities: (N,), in [0, 1].
        width: of the picture, in pixels.
        height: of the picture, in pixels.

    Returns:
        (N,) bool.

    >>> seen = Projection(torch.tensor([[5.0, 5.0]] * 2), torch.eye(2).expand(2, 2, 2),
    ...                   torch.tensor([1.0, -1.0]))
    >>> visible(seen, torch.ones(2), 10, 10)
    tensor([ True, False])
    """
    reach = half_extents(projection.covariances, opacities)
    size = projection.means.new_tensor([width, height])
    inside = (projection.means + reach > 0).all(-1) & (projection.means - reach < size).all(-1)
    return inside & (projection.depths > NEAR) & (opacities >= MIN_ALPHA)
