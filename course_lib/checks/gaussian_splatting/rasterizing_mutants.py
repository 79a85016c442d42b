"""The answer to exercise 6 of unit 17, and plausible wrong ones, some of which are recognised."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from course_lib.rendering import splats
from course_lib.rendering.splats.projection import (
    MAX_ALPHA,
    MIN_ALPHA,
    MIN_TRANSMITTANCE,
    NEAR,
    Projection,
)


def rasterize(
    means: Tensor,
    quats: Tensor,
    scales: Tensor,
    opacities: Tensor,
    colors: Tensor,
    viewmat: Tensor,
    K: Tensor,
    width: int,
    height: int,
) -> Tensor:
    """The course's own readable renderer, its picture only."""
    return splats.rasterize_reference(
        means, quats, scales, opacities, colors, viewmat, K, width, height
    )[0]


def _by_depth(seen: Projection, _means: Tensor, _viewmat: Tensor) -> Tensor:
    return seen.depths


def _by_distance(_seen: Projection, means: Tensor, viewmat: Tensor) -> Tensor:
    return (means @ viewmat[:3, :3].mT + viewmat[:3, 3]).norm(dim=1)


def _by_list(seen: Projection, _means: Tensor, _viewmat: Tensor) -> Tensor:
    return torch.arange(len(seen.depths)).float()


def _far_first(seen: Projection, _means: Tensor, _viewmat: Tensor) -> Tensor:
    return -seen.depths


def _mahalanobis(offset: Tensor, covariance: Tensor) -> Tensor:
    return ((offset @ torch.linalg.inv(covariance)) * offset).sum(dim=-1)


def _not_inverted(offset: Tensor, covariance: Tensor) -> Tensor:
    return ((offset @ covariance) * offset).sum(dim=-1)


def _diagonal(offset: Tensor, covariance: Tensor) -> Tensor:
    return (offset.square() / covariance.diagonal()).sum(dim=-1)


@dataclass(frozen=True)
class _Renderer:
    """The renderer once more, each of its decisions a field, so that one can be made wrongly."""

    order: Callable[[Projection, Tensor, Tensor], Tensor] = _by_depth
    near: float = NEAR
    corner: float = 0.5
    swapped: bool = False
    distance: Callable[[Tensor, Tensor], Tensor] = _mahalanobis
    half: float = 0.5
    opaque: bool = False
    most: float = MAX_ALPHA
    least: float = MIN_ALPHA
    stop: float = MIN_TRANSMITTANCE
    stop_all: bool = False
    dims: bool = True
    background: float = 0.0

    def __call__(
        self,
        means: Tensor,
        quats: Tensor,
        scales: Tensor,
        opacities: Tensor,
        colors: Tensor,
        viewmat: Tensor,
        K: Tensor,
        width: int,
        height: int,
    ) -> Tensor:
        shapes = splats.covariance(quats, scales)
        seen = splats.project(means, shapes, viewmat, K, width, height)
        order = self.order(seen, means, viewmat).argsort()
        rows, columns = torch.arange(height) + self.corner, torch.arange(width) + self.corner
        y, x = torch.meshgrid(rows, columns, indexing="ij")
        pixels = torch.stack([y, x] if self.swapped else [x, y], dim=-1)  # (H, W, 2)
        picture, light = torch.zeros(height, width, 3), torch.ones(height, width)
        open_ = torch.ones(height, width, dtype=torch.bool)
        for n in order[seen.depths[order] > self.near].tolist():
            opacity = 1.0 if self.opaque else opacities[n]
            distance = self.distance(pixels - seen.means[n], seen.covariances[n])
            alpha = (opacity * torch.exp(-self.half * distance)).clamp_max(self.most)
            alpha = torch.where(alpha >= self.least, alpha, 0.0)
            behind = light * (1 - alpha)
            open_ = open_ & (behind > self.stop)
            if self.stop_all and not bool(open_.all()):
                break
            picture = picture + torch.where(open_, alpha * light, 0.0)[..., None] * colors[n]
            light = torch.where(open_, behind, light) if self.dims else light
        return picture + self.background * light[..., None]


_RIGHT = _Renderer()


def _detached(*inputs: Tensor) -> Tensor:
    means, quats, scales, *rest = inputs
    return rasterize(means, quats, scales.detach(), *rest)


def _no_gradient(*inputs: Tensor) -> Tensor:
    return rasterize(*inputs).detach()


def _turned(*inputs: Tensor) -> Tensor:
    return rasterize(*inputs).transpose(0, 1).contiguous()


MUTANTS: Mapping[str, Callable[..., Tensor]] = {
    "not sorted": replace(_RIGHT, order=_by_list),
    "far to near": replace(_RIGHT, order=_far_first),
    "sorted by distance": replace(_RIGHT, order=_by_distance),
    "behind not dropped": replace(_RIGHT, near=-torch.inf),
    "pixel corners": replace(_RIGHT, corner=0.0),
    "rows for columns": replace(_RIGHT, swapped=True),
    "width first": _turned,
    "covariance not inverted": replace(_RIGHT, distance=_not_inverted),
    "diagonal only": replace(_RIGHT, distance=_diagonal),
    "no half in the exponent": replace(_RIGHT, half=1.0),
    "opacities ignored": replace(_RIGHT, opaque=True),
    "light not stopped": replace(_RIGHT, dims=False),
    "no cap": replace(_RIGHT, most=1.0),
    "faint drawn": replace(_RIGHT, least=0.0),
    "never stops": replace(_RIGHT, stop=-1.0),
    "one stops all": replace(_RIGHT, stop_all=True),
    "white background": replace(_RIGHT, background=1.0),
    "scales detached": _detached,
    "detached": _no_gradient,
}
