"""From a scene of Gaussians to what the unit's kernels read: packed splats, and lists for tiles."""

import numpy as np
import torch
from torch import Tensor

from course_lib.kernel_lab.reference import PACKED, TILE
from course_lib.rendering import splats
from course_lib.rendering.splats import Gaussians


def pack(scene: Gaussians, viewmat: Tensor, K: Tensor, width: int, height: int) -> np.ndarray:
    """Project a scene, drop what is not seen, sort by depth.

    Args:
        scene: N Gaussians.
        viewmat: (4, 4) world to camera; K: (3, 3) pixels.
        width, height: of the picture.

    Returns:
        (M, 9) float32, nearest first: u, v (pixels), xx, xy, yy of the inverse covariance
        (1 / pixel^2), opacity, red, green, blue; see `reference`.
    """
    shapes = splats.covariance(scene.quats, scene.scales)
    seen = splats.project(scene.means, shapes, viewmat, K, width, height)
    eye = -viewmat[:3, :3].mT @ viewmat[:3, 3]
    directions = torch.nn.functional.normalize(scene.means - eye, dim=1)
    rows = torch.zeros(len(scene.means), PACKED)
    rows[:, :2] = seen.means
    inverse = torch.linalg.inv(seen.covariances)
    rows[:, 2], rows[:, 3], rows[:, 4] = inverse[:, 0, 0], inverse[:, 0, 1], inverse[:, 1, 1]
    rows[:, 5], rows[:, 6:] = scene.opacities, splats.evaluate_sh(scene.sh, directions)
    kept = splats.visible(seen, scene.opacities, width, height).nonzero()[:, 0]
    return rows[kept[seen.depths[kept].argsort()]].numpy()


def tile_lists(
    rows: np.ndarray, width: int, height: int, tile: int = TILE
) -> tuple[np.ndarray, np.ndarray]:
    """List for each tile the splats that may be seen in it, nearest first.

    A splat is listed wherever the rectangle around its ellipse reaches: where its alpha is at least
    1/255, |x - u| is at most sqrt(2 ln(255 opacity) c), with c its variance along x.

    Returns:
        members (pairs,) int32, tile after tile; bounds (tiles + 1,) int32, where each tile's begin.
    """
    u, v, xx, xy, yy, opacity = rows.T[:6].astype(np.float64)
    reach = 2 * np.log(np.maximum(255 * opacity, 1.0)) / (xx * yy - xy * xy)
    wide, high = np.sqrt(reach * yy), np.sqrt(reach * xx)
    lists = []
    for top in range(0, height, tile):
        for left in range(0, width, tile):
            across = (u + wide >= left) & (u - wide <= left + tile)
            lists.append(np.nonzero(across & (v + high >= top) & (v - high <= top + tile))[0])
    bounds = np.cumsum([0, *map(len, lists)])
    return np.concatenate(lists).astype(np.int32), bounds.astype(np.int32)
