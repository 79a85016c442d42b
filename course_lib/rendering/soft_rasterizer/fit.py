"""Gradient descent through the renderer."""

import torch
from torch import Tensor

from .arguments import check_tensor
from .rasterize import soft_silhouette


def fit_camera_step(
    viewmat: Tensor,
    vertices: Tensor,
    faces: Tensor,
    K: Tensor,
    target: Tensor,
    *,
    sigma: float,
    learning_rate: float,
) -> tuple[Tensor, Tensor]:
    """Move a camera by one step of gradient descent, so that a mesh's silhouette fits a picture.

    L = mean over pixels of (alpha - target)², t <- t - learning_rate dL/dt, with t the translation
    in viewmat = [R | t]; the rotation stays.

    Args:
        viewmat: (4, 4), world to camera, before the step.
        vertices: (N, 3), world units.
        faces: (F, 3) int64.
        K: (3, 3), pixels.
        target: (H, W), the silhouette to reach, in [0, 1].
        sigma: softness of edges, pixels squared, see `soft_silhouette`.
        learning_rate: world units squared.

    Returns:
        viewmat (4, 4) after the step, and the loss before it, a scalar; neither has a gradient.

    Raises:
        TypeError, ValueError: as `soft_silhouette`; a target that is no picture (H, W).

    >>> from course_lib.rendering import pinhole
    >>> triangle = torch.tensor([[-1.0, -1.0, 4.0], [1.0, -1.0, 4.0], [0.0, 1.0, 4.0]])
    >>> scene = (triangle, torch.tensor([[0, 1, 2]]), pinhole(16, 16, 1.0))
    >>> target = soft_silhouette(triangle, scene[1], torch.eye(4), scene[2], 16, 16, sigma=1.0)
    >>> viewmat = torch.eye(4)
    >>> viewmat[0, 3] = 0.3  # the camera stands 0.3 too far to the left
    >>> for _ in range(20):
    ...     viewmat, loss = fit_camera_step(viewmat, *scene, target, sigma=1.0, learning_rate=2.0)
    >>> bool(viewmat[0, 3].abs() < 0.03)
    True
    """
    check_tensor("viewmat", viewmat, vertices)
    check_tensor("target", target, vertices)
    if tuple(viewmat.shape) != (4, 4):
        raise ValueError(f"viewmat: got shape {tuple(viewmat.shape)}, wanted (4, 4)")
    if target.ndim != 2:
        raise ValueError(f"target: got shape {tuple(target.shape)}, wanted (H, W)")
    height, width = target.shape
    translation = viewmat[:3, 3].detach().clone().requires_grad_()
    moved = torch.cat([viewmat[:3, :3].detach(), translation[:, None]], dim=1)
    moved = torch.cat([moved, viewmat[3:].detach()])  # (4, 4)
    alpha = soft_silhouette(vertices, faces, moved, K, width, height, sigma=sigma)
    loss = (alpha - target).square().mean()
    (gradient,) = torch.autograd.grad(loss, translation)
    after = viewmat.detach().clone()
    after[:3, 3] -= learning_rate * gradient
    return after, loss.detach()
