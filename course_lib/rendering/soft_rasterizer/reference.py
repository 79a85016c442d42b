"""The renderer to read: every pixel meets every face."""

import torch
from torch import Tensor

from ..splats.arguments import check_camera
from ..splats.reference import pixel_centres
from .arguments import check_mesh, check_softness, check_values, corner_colors
from .blending import interpolate, soft_depth_blend
from .coverage import nearest_weights, soft_coverage, union
from .projection import project_faces

# A face that covers less of a pixel than this does not count there. It bounds how far a face
# reaches, to sqrt(13.8 sigma) pixels. The compiled kernels freeze it: after a change, remove the
# __pycache__ beside them.
MIN_COVERAGE = 1e-6


def soft_rasterize_reference(
    vertices: Tensor,
    faces: Tensor,
    colors: Tensor,
    viewmat: Tensor,
    K: Tensor,
    width: int,
    height: int,
    *,
    sigma: float,
    gamma: float,
    background: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Draw a mesh softly; what `soft_rasterize` computes, in the plainest way and any precision.

    The faces are projected (`project_faces`); each covers each pixel a little (`soft_coverage`)
    and has a depth and a colour there (`interpolate`); these are mixed (`soft_depth_blend`).
    PyTorch differentiates all of it. Faces times pixels numbers: meant for reading and testing.

    Args: as `soft_rasterize`, all of one dtype, float32 or float64.

    Returns:
        As `soft_rasterize`.

    Raises:
        TypeError, ValueError: as `soft_rasterize`.

    Source: Liu, Li, Chen and Li (2019), https://arxiv.org/abs/1904.01786, section 3.

    >>> from course_lib.rendering import pinhole
    >>> triangle = torch.tensor([[-4.0, -4.0, 2.0], [4.0, -4.0, 2.0], [0.0, 4.0, 2.0]])
    >>> image, alpha = soft_rasterize_reference(
    ...     triangle, torch.tensor([[0, 1, 2]]), torch.tensor([[[1.0, 0.5, 0.0]]]),
    ...     torch.eye(4), pinhole(9, 9, 1.0), 9, 9, sigma=0.5, gamma=0.1)
    >>> image[4, 4], alpha[4, 4]
    (tensor([1.0000, 0.5000, 0.0000]), tensor(1.))
    """
    check_mesh(vertices, faces, colors, viewmat, K, width, height, background)
    check_softness(sigma, gamma)
    check_values(vertices, faces, colors, background)
    check_camera(viewmat, K)
    corners, inverse_depths = project_faces(vertices, faces, viewmat, K)
    triangles = corners[:, None, None]  # (F, 1, 1, 3, 2)
    pixels = pixel_centres(width, height).to(vertices)  # (H, W, 2)
    coverage = soft_coverage(triangles, pixels, sigma)  # (F, H, W)
    counts = (coverage >= MIN_COVERAGE) & (inverse_depths > 0).all(dim=1)[:, None, None]
    coverage = torch.where(counts, coverage, 0.0)
    inverse_depth, shown = interpolate(
        nearest_weights(triangles, pixels),
        inverse_depths[:, None, None],
        corner_colors(colors, faces)[:, None, None],
    )  # (F, H, W), (F, H, W, 3)
    depths = 1.0 / torch.where(counts, inverse_depth, 1.0)
    behind = vertices.new_zeros(3) if background is None else background
    return soft_depth_blend(coverage, depths, shown, behind, gamma), union(coverage)
