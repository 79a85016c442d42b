"""Which of the faces that cover a pixel is seen: the nearest, or a smooth mixture."""

import torch
from torch import Tensor

from .coverage import union


def interpolate(weights: Tensor, inverse_depths: Tensor, colors: Tensor) -> tuple[Tensor, Tensor]:
    """Return inverse depth and colour at a point of a triangle, correctly for perspective.

    With barycentric weights w in the picture, 1/z = sum_k w_k / z_k and C = z sum_k w_k C_k / z_k.

    Args:
        weights: (..., 3), of `barycentric` or `nearest_weights`.
        inverse_depths: (..., 3), of the corners, 1 / world unit.
        colors: (..., 3, C), of the corners.

    Returns:
        Inverse depth (...) and colours (..., C).

    Source: Blinn (1992), https://doi.org/10.1109/38.144819

    >>> middle, ends = torch.tensor([0.5, 0.5, 0.0]), torch.tensor([[0.0], [1.0], [0.0]])
    >>> interpolate(middle, torch.tensor([1.0, 0.25, 1.0]), ends)  # the far end counts less
    (tensor(0.6250), tensor([0.2000]))
    """
    parts = weights * inverse_depths  # w_k / z_k
    inverse_depth = parts.sum(dim=-1)
    mixed = (parts[..., None] * colors).sum(dim=-2)
    seen = inverse_depth > 0  # not so for a face that is left out
    return inverse_depth, mixed / torch.where(seen, inverse_depth, 1.0)[..., None]


def z_buffer(coverage: Tensor, depths: Tensor) -> Tensor:
    """Return which face is seen in each pixel: the nearest of those that cover it.

    Args:
        coverage: (F, ...) bool, see `hard_coverage`.
        depths: (F, ...), of each face at each pixel, world units.

    Returns:
        (...) int64, the index of the face, -1 where there is none. Of equally near ones, the first.

    Source: Catmull, A Subdivision Algorithm for Computer Display of Curved Surfaces (1974).

    >>> covered = torch.tensor([[True, True], [True, False]])
    >>> z_buffer(covered, depths=torch.tensor([[2.0, 2.0], [1.0, 1.0]]))
    tensor([1, 0])
    """
    distance = torch.where(coverage, depths, torch.inf)
    background = distance.new_full((1, *distance.shape[1:]), torch.inf)
    return torch.cat([background, distance]).argmin(dim=0) - 1


def soft_depth_blend(
    coverage: Tensor, depths: Tensor, colors: Tensor, background: Tensor, gamma: float
) -> Tensor:
    """Mix the faces' colours in each pixel, the nearer and the better covering ones counting more.

    w_j = D_j exp(1 / (z_j gamma)) / sum_k D_k exp(1 / (z_k gamma)) for the faces, and

        C = alpha sum_j w_j C_j + (1 - alpha) background,  alpha = 1 - product_j (1 - D_j).

    As gamma falls to 0 the nearest face takes all; a depth changes the picture smoothly, so it
    gets a gradient even behind another face. The largest exponent among faces with D > 0 is
    subtracted from all, so that nothing overflows.

    The paper gives the background the weight exp(epsilon / gamma) in the same sum. Then a face
    with D = 1/1000 hides the background if its own exponent is 10 larger, and objects grow by a
    rim; here the background gets what the silhouette leaves over, and one face alone has
    C = D C_1 + (1 - D) background exactly. Between faces the rim remains: choose sigma small
    where a near face passes before a far one.

    Args:
        coverage: (F, ...), D, in [0, 1], see `soft_coverage`.
        depths: (F, ...), z, world units, above 0.
        colors: (F, ..., C).
        background: (C,), or anything that broadcasts with (..., C).
        gamma: softness in depth, 1 / world unit, above 0: faces whose inverse depths differ by
            more than a few gamma hide each other.

    Returns:
        (..., C); differentiable by all tensors.

    Source: Liu, Li, Chen and Li (2019), https://arxiv.org/abs/1904.01786, equations (2) and (3).

    >>> coverage, depths = torch.tensor([[1.0], [1.0]]), torch.tensor([[1.0], [2.0]])
    >>> red_and_blue = torch.tensor([[[1.0, 0.0, 0.0]], [[0.0, 0.0, 1.0]]])
    >>> [soft_depth_blend(coverage, depths, red_and_blue, torch.zeros(3), g) for g in (0.5, 1e-3)]
    [tensor([[0.7311, 0.0000, 0.2689]]), tensor([[1., 0., 0.]])]
    """
    covers = coverage > 0
    nearness = torch.where(covers, 1.0 / depths, 0.0).detach()  # the background is infinitely far
    nearest = torch.cat([nearness.new_zeros(1, *nearness.shape[1:]), nearness]).amax(dim=0)
    exponents = torch.where(covers, (1.0 / depths - nearest) / gamma, 0.0)
    weights = coverage * exponents.exp()
    total = weights.sum(dim=0)
    shares = weights / torch.where(total > 0, total, 1.0)
    seen = (shares[..., None] * colors).sum(dim=0)
    alpha = union(coverage)[..., None]
    return alpha * seen + (1.0 - alpha) * background
