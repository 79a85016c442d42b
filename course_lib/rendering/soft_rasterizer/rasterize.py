"""Drawing meshes at the speed of compiled loops: softly, the twin of `reference`, and hard."""

from typing import NamedTuple

import torch
from torch import Tensor

from ..splats.arguments import check_camera
from ..splats.reference import pixel_centres
from .arguments import (
    check_faces,
    check_mesh,
    check_softness,
    check_tensor,
    check_values,
    corner_colors,
)
from .blending import interpolate
from .coverage import barycentric
from .operators import nearest_faces, rasterize_soft_mesh
from .projection import Triangles, project_faces


class MeshPicture(NamedTuple):
    """A mesh with hard edges.

    Attributes:
        image: (H, W, 3), RGB.
        alpha: (H, W), 1 where a face covers the pixel's centre, else 0.
        depth: (H, W), along the camera's z, world units; 0 where there is no face.
        seen: (H, W) int64, the index of the face; -1 where there is none.
    """

    image: Tensor
    alpha: Tensor
    depth: Tensor
    seen: Tensor


def soft_rasterize(
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
    """Draw a mesh with soft edges and soft occlusion, differentiably.

    Face j covers a pixel by D_j = sigmoid(± d_j² / sigma), d_j the distance in pixels from its
    centre to the face's boundary, + inside; less than 1e-6 counts as nothing. With z_j the face's
    depth there, w_j = D_j exp(1 / (z_j gamma)) / sum_k D_k exp(1 / (z_k gamma)) and

        C = alpha sum_j w_j C_j + (1 - alpha) background,  alpha = 1 - product_j (1 - D_j).

    As sigma, then gamma, fall to 0, this becomes `rasterize_mesh`, except for pixels whose centre
    lies on an edge (`soft_silhouette` says how seams look). Faces are drawn from both sides. A
    face with a corner at most 0.01 world units in front of the camera's plane is left out as a
    whole, and so is one without area in the picture.

    Args:
        vertices: (N, 3), world units.
        faces: (F, 3) int64, indices of vertices.
        colors: RGB, (N, 3) for the vertices, (F, 1, 3) for the faces, or (F, 3, 3) for the three
            corners of each face; interpolated correctly for perspective.
        viewmat: (4, 4), world to camera, OpenCV's axes.
        K: (3, 3), pixels.
        width: of the picture, 1 to 16384 pixels.
        height: of the picture, 1 to 16384 pixels.
        sigma: softness of edges, pixels squared, at least 1e-12. A face's edge can be felt, and
            pulled, from sqrt(13.8 sigma) pixels.
        gamma: softness of occlusion, 1 / world unit, at least 1e-12.
        background: (3,), RGB; None is black.

    Returns:
        Image (H, W, 3) and alpha (H, W). Differentiable by vertices, colors, viewmat, K and
        background. The same bits on any number of threads, but for the gradients by viewmat, K
        and background, which PyTorch sums up and which may differ in the last digit.

    Raises:
        TypeError: not a tensor, or not float32 (faces: int64 or int32).
        ValueError: a wrong shape, device, size, camera or softness; NaN or infinity; a face with
            an index that no vertex has.
        NotImplementedError: tensors that are not on the CPU.

    Source: Liu, Li, Chen and Li (2019), https://arxiv.org/abs/1904.01786, section 3. The
    background's share differs, see `soft_depth_blend`.

    >>> from course_lib.rendering import pinhole
    >>> triangle = torch.tensor([[-4.0, -4.0, 2.0], [4.0, -4.0, 2.0], [0.0, 4.0, 2.0]])
    >>> image, alpha = soft_rasterize(
    ...     triangle, torch.tensor([[0, 1, 2]]), torch.tensor([[[1.0, 0.5, 0.0]]]),
    ...     torch.eye(4), pinhole(9, 9, 1.0), 9, 9, sigma=0.5, gamma=0.1)
    >>> image[4, 4], alpha[4, 4]
    (tensor([1.0000, 0.5000, 0.0000]), tensor(1.))
    """
    # The fast twin of soft_rasterize_reference: a pixel meets only the faces that reach it.
    check_softness(sigma, gamma)
    triangles = _project(vertices, faces, colors, viewmat, K, width, height, background)
    behind = vertices.new_zeros(3) if background is None else background
    softness = (float(sigma), float(gamma))
    return rasterize_soft_mesh(
        *triangles, corner_colors(colors, faces), behind, width, height, *softness
    )[:2]


def soft_silhouette(
    vertices: Tensor,
    faces: Tensor,
    viewmat: Tensor,
    K: Tensor,
    width: int,
    height: int,
    *,
    sigma: float,
) -> Tensor:
    """Draw how much of each pixel a mesh covers, differentiably: the alpha of `soft_rasterize`.

    alpha = 1 - product_j (1 - D_j), D_j = sigmoid(± d_j² / sigma). Neither colours nor depths
    take part. Where two faces meet, each has D = 1/2 on the edge, and alpha is 3/4: choose sigma
    small next to the squared size of a face, or the inside shows its seams.

    Args: as `soft_rasterize`.

    Returns:
        (H, W), in [0, 1]. Differentiable by vertices, viewmat and K.

    Raises:
        TypeError, ValueError, NotImplementedError: as `soft_rasterize`.

    Source: Liu, Li, Chen and Li (2019), https://arxiv.org/abs/1904.01786, equation (4).

    >>> from course_lib.rendering import pinhole
    >>> triangle = torch.tensor([[-4.0, 0.0, 2.0], [4.0, 0.0, 2.0], [0.0, 4.0, 2.0]])
    >>> soft_silhouette(triangle, torch.tensor([[0, 1, 2]]), torch.eye(4), pinhole(5, 5, 1.0),
    ...                 5, 5, sigma=1.0)[:, 2]  # the edge goes through the middle row
    tensor([0.0180, 0.2689, 0.5000, 0.7311, 0.9820])
    """
    check_tensor("vertices", vertices, vertices)
    check_faces(faces, vertices)
    unseen = vertices.new_zeros(faces.shape[0], 1, 3)
    options = {"sigma": sigma, "gamma": 1.0}
    return soft_rasterize(vertices, faces, unseen, viewmat, K, width, height, **options)[1]


def rasterize_mesh(
    vertices: Tensor,
    faces: Tensor,
    colors: Tensor,
    viewmat: Tensor,
    K: Tensor,
    width: int,
    height: int,
    *,
    background: Tensor | None = None,
) -> MeshPicture:
    """Draw a mesh with hard edges: each pixel shows the nearest face that covers its centre.

    Which face that is jumps as a vertex moves, and its derivative is 0 wherever it exists. What
    gradient the picture has comes from colours and depths inside the faces: none says where an
    edge should go.

    Args: as `soft_rasterize`.

    Returns:
        `MeshPicture`. Image and depth are differentiable as far as said above; alpha is not.

    Raises:
        TypeError, ValueError, NotImplementedError: as `soft_rasterize`.

    Source: Catmull (1974) for the z-buffer; Li, Aittala, Durand and Lehtinen (2018),
    https://doi.org/10.1145/3272127.3275109, section 3, for what the derivative misses.

    >>> from course_lib.rendering import pinhole
    >>> triangle = torch.tensor([[-4.0, 0.0, 2.0], [4.0, 0.0, 2.0], [0.0, 4.0, 2.0]])
    >>> picture = rasterize_mesh(
    ...     triangle, torch.tensor([[0, 1, 2]]), torch.tensor([[[1.0, 0.5, 0.0]]]),
    ...     torch.eye(4), pinhole(4, 4, 1.0), 4, 4)
    >>> picture.alpha[:, 1], picture.depth[:, 1].round(decimals=3), picture.seen[:, 1]
    (tensor([0., 0., 1., 1.]), tensor([0., 0., 2., 2.]), tensor([-1, -1,  0,  0]))
    """
    triangles = _project(vertices, faces, colors, viewmat, K, width, height, background)
    with torch.no_grad():
        seen = nearest_faces(*triangles, width, height)  # (H, W)
    covered = seen >= 0
    chosen = seen[covered]  # (P,), the pixels with a face
    weights = barycentric(triangles.corners[chosen], pixel_centres(width, height)[covered])
    shown = corner_colors(colors, faces)[chosen]
    inverse_depth, color = interpolate(weights, triangles.inverse_depths[chosen], shown)
    behind = vertices.new_zeros(3) if background is None else background
    image = behind.expand(height, width, 3).masked_scatter(covered[..., None], color)
    depth = vertices.new_zeros(height, width).masked_scatter(covered, 1.0 / inverse_depth)
    return MeshPicture(image, covered.to(vertices.dtype), depth, seen)


def _project(
    vertices: Tensor,
    faces: Tensor,
    colors: Tensor,
    viewmat: Tensor,
    K: Tensor,
    width: int,
    height: int,
    background: Tensor | None,
) -> Triangles:
    """Check the arguments of a fast renderer; return the mesh in the picture."""
    check_mesh(vertices, faces, colors, viewmat, K, width, height, background)
    if vertices.dtype != torch.float32:
        got = f"got {vertices.dtype}, wanted torch.float32"
        raise TypeError(f"vertices: {got}; soft_rasterize_reference takes both")
    if vertices.device.type != "cpu":
        where = f"is on {vertices.device}, but there is no kernel for it"
        raise NotImplementedError(f"vertices: {where}; move all to the CPU")
    check_values(vertices, faces, colors, background)
    check_camera(viewmat, K)
    return project_faces(vertices, faces, viewmat, K)
