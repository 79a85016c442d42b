"""From a reconstruction to what units 16 and 18 learn from: views and coloured points in a cube."""

import torch
from torch import Tensor

from course_lib.rendering.colmap import PointCloud
from course_lib.rendering.transforms import Views

from .alignment import Similarity
from .incremental import Reconstruction

FILLED = 0.8  # of the cube's half edge: there most of the points end
MOST = 0.98  # of the points; the others may be anywhere
LEVEL = 0.01  # weight of the pictures' upper edges beside their rows


def into_cube(reconstruction: Reconstruction) -> Similarity:
    """Return the similarity that puts most points into [-0.8, 0.8]^3, with z up.

    The middle is the points' median. People hold cameras level, so up is the direction to which
    the pictures' rows are most nearly at right angles, on the side of their upper edges.
    """
    points = reconstruction.points
    rotation = _turn_to_z(_up(reconstruction.viewmats[reconstruction.registered]))
    turned = (points - points.median(dim=0).values) @ rotation.mT
    scale = FILLED / turned.abs().amax(dim=1).quantile(MOST).clamp_min(1e-12)
    return Similarity(scale, rotation, -scale * rotation @ points.median(dim=0).values)


def _up(viewmats: Tensor) -> Tensor:
    """The direction u that minimises sum (x_v . u)^2; pictures' columns decide where it is open."""
    right, upper = viewmats[:, 0, :3], -viewmats[:, 1, :3].mean(dim=0)
    spread = right.mT @ right - LEVEL * torch.outer(upper, upper)
    up = torch.linalg.eigh(spread).eigenvectors[:, 0]  # of the smallest eigenvalue
    return up * torch.sign(up @ upper)


def _turn_to_z(up: Tensor) -> Tensor:
    """A rotation (3, 3) that takes a direction to z."""
    z = torch.nn.functional.normalize(up, dim=0)
    helper = torch.eye(3, dtype=z.dtype)[z.abs().argmin()]  # the axis least along it
    x = torch.nn.functional.normalize(torch.linalg.cross(helper, z), dim=0)
    return torch.stack([x, torch.linalg.cross(z, x), z])


def as_scene(reconstruction: Reconstruction, images: Tensor) -> tuple[Views, PointCloud]:
    """Return a reconstruction as `load_colmap` would, for `nerf.fit` and `splats.fit`.

    `splats.from_points(*cloud)` is where splats begin. The world is moved `into_cube`, since fields
    and learning rates expect a scene in [-1, 1]^3.

    Args:
        reconstruction: of the pictures.
        images: (V, 3, H, W), RGB in [0, 1]: those it was made of, or the same in another size;
            K is scaled accordingly.

    Returns:
        `Views` of the registered pictures, in their order, and a `PointCloud`, float32.

    Raises:
        ValueError: another number of pictures, or no points.
    """
    count = len(reconstruction.viewmats)
    if images.ndim != 4 or len(images) != count:
        raise ValueError(f"images: got shape {tuple(images.shape)}, wanted ({count}, 3, H, W)")
    if len(reconstruction.points) == 0:
        raise ValueError("reconstruction: it has no points")
    cube, kept = into_cube(reconstruction), reconstruction.registered
    height, width = images.shape[2:]
    share = torch.tensor([width / reconstruction.width, height / reconstruction.height, 1.0])
    viewmats = cube.move_cameras(reconstruction.viewmats[kept])
    K = share[:, None] * reconstruction.K[kept]
    cloud = PointCloud(cube.move(reconstruction.points).float(), reconstruction.colors)
    return Views(viewmats.float(), K.float(), width, height, images[kept].float()), cloud
