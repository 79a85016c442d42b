"""The ray behind each pixel of a camera."""

import torch
from torch import Tensor

from .arguments import check_floats, check_rays


def get_rays(viewmat: Tensor, K: Tensor, width: int, height: int) -> tuple[Tensor, Tensor]:
    """Return the ray through the centre of each pixel.

    In the camera, pixel (i, j) looks along ((j + 0.5 - c_x) / f_x, (i + 0.5 - c_y) / f_y, 1); the
    inverse of the view turns that into the world, where it is made one unit long. All rays of a
    camera begin at its centre, -R^T t.

    Args:
        viewmat: (4, 4), world to camera, OpenCV's axes.
        K: (3, 3), pixels.
        width: of the picture, pixels.
        height: of the picture, pixels.

    Returns:
        origins (H, W, 3), world units, and directions (H, W, 3) of length one, in the world.

    Raises:
        TypeError: not tensors of one floating dtype.
        ValueError: a wrong shape or a size below 1.

    Source: Mildenhall et al. (2020), https://arxiv.org/abs/2003.08934, section 4.

    >>> from course_lib.rendering import pinhole
    >>> origins, directions = get_rays(torch.eye(4), pinhole(3, 3, 1.0), 3, 3)
    >>> directions[1, 1], directions[0, 0]
    (tensor([0., 0., 1.]), tensor([-0.3238, -0.3238,  0.8890]))
    """
    check_floats(viewmat=viewmat, K=K)
    for name, tensor, shape in (("viewmat", viewmat, (4, 4)), ("K", K, (3, 3))):
        if tuple(tensor.shape) != shape:
            raise ValueError(f"{name}: got shape {tuple(tensor.shape)}, wanted {shape}")
    for name, size in (("width", width), ("height", height)):
        if not size >= 1:
            raise ValueError(f"{name}: got {size!r}, wanted at least 1 pixel")
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    x, y = x.to(K), y.to(K)
    seen = torch.stack(
        [(x - K[0, 2]) / K[0, 0], (y - K[1, 2]) / K[1, 1], torch.ones_like(x)], dim=-1
    )  # (H, W, 3) in the camera
    rotation, translation = viewmat[:3, :3], viewmat[:3, 3]
    directions = torch.nn.functional.normalize(seen @ rotation, dim=-1)  # R^T d, row by row
    return (-rotation.mT @ translation).expand_as(directions), directions


def cross_cube(origins: Tensor, directions: Tensor, bound: float = 1.0) -> tuple[Tensor, Tensor]:
    """Return where each ray enters and leaves the cube [-bound, bound]^3.

    Along each axis a ray is between two planes from one t to another; inside the cube it is between
    all three pairs: near = max of the three first, far = min of the three last.

    Args:
        origins: (R, 3), world units.
        directions: (R, 3), of length one.
        bound: half the cube's edge, world units.

    Returns:
        near (R,) and far (R,), world units, at least 0. A ray that misses has near = far.

    Raises:
        TypeError, ValueError: not finite rays, directions not of length one, bound not above 0.

    Source: Kay and Kajiya (1986), https://doi.org/10.1145/15922.15916

    >>> origins = torch.tensor([[0.0, 0.0, -3.0], [0.0, 2.0, -3.0], [0.0, 0.0, 0.0]])
    >>> cross_cube(origins, torch.tensor([0.0, 0.0, 1.0]).expand(3, 3))
    (tensor([2., 0., 0.]), tensor([4., 0., 1.]))
    """
    check_rays(origins, directions)
    if not bound > 0:
        raise ValueError(f"bound: got {bound!r}, wanted a number above 0")
    # A ray parallel to two planes is between them always or never: t of plus or minus 1e9 and more.
    way = torch.where(directions.abs() < 1e-9, 1e-9, directions)
    one, other = (-bound - origins) / way, (bound - origins) / way  # (R, 3)
    far = torch.maximum(one, other).amin(dim=-1).clamp_min(0.0)
    near = torch.minimum(one, other).amax(dim=-1).clamp_min(0.0)
    return torch.minimum(near, far), far
