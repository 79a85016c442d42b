"""Where to put more Gaussians and which to remove, with the optimiser's memory carried along.

Two strategies. The original one (Kerbl et al. 2023, section 5.2) clones and splits Gaussians that
the loss pulls hard across the picture, and prunes transparent ones; their number grows. The one of
3DGS-MCMC (Kheradmand et al. 2024) keeps the number fixed and moves transparent ones to where the
scene is; it is the default of `fit`.

Every change returns a `Change`: the new Gaussians, from which old one each stems, and which start
afresh. `carry_optimizer_state` needs no more.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from .gaussians import Gaussians
from .projection import quaternion_to_rotation


class Change(NamedTuple):
    """New Gaussians and where they come from.

    Attributes:
        gaussians: M of them.
        origin: (M,) int64, index of the old Gaussian that each one stems from.
        fresh: (M,) bool, True where the optimiser has to forget what it knew.
    """

    gaussians: Gaussians
    origin: Tensor
    fresh: Tensor


class Masks(NamedTuple):
    """Which Gaussians to clone, to split and to prune, each (N,) bool."""

    clone: Tensor
    split: Tensor
    prune: Tensor


def pull_across_picture(means: Tensor, gradient: Tensor, viewmat: Tensor, K: Tensor) -> Tensor:
    """Return how hard the loss pulls each Gaussian across the picture, per pixel.

    |dL/du| is about |(R g)_xy| z / f: a pixel is z / f world units wide at depth z. (The part of
    the gradient that comes from the changing shape of the splat is included.)

    Args:
        means: (N, 3), world units.
        gradient: (N, 3), g = dL/dmeans.
        viewmat: (4, 4), world to camera.
        K: (3, 3), pixels.

    Returns:
        (N,), loss per pixel; 0 behind the camera.

    Source: Kerbl et al. (2023), https://arxiv.org/abs/2308.04079, section 5.2.

    >>> gradient = torch.tensor([[3.0, 4.0, 100.0]])
    >>> pull_across_picture(torch.tensor([[0.0, 0, 2]]), gradient, torch.eye(4), torch.eye(3) * 10)
    tensor([1.])
    """
    depth = means @ viewmat[2, :3] + viewmat[2, 3]
    across = gradient @ viewmat[:2, :3].T  # (N, 2)
    return across.norm(dim=-1) * depth.clamp(min=0) / torch.sqrt(K[0, 0] * K[1, 1])


def densify_masks(
    pull: Tensor,
    scales: Tensor,
    opacities: Tensor,
    *,
    pull_threshold: float,
    size_threshold: float,
    opacity_threshold: float = 0.005,
) -> Masks:
    """Decide by the lecture's four rules.

    Pulled hard and small: clone. Pulled hard and large: split. Nearly transparent: prune, and
    neither clone nor split.

    Args:
        pull: (N,), mean of `pull_across_picture` over the views that saw the Gaussian.
        scales: (N, 3), world units.
        opacities: (N,), in [0, 1].
        pull_threshold: from which on a Gaussian is pulled hard.
        size_threshold: above which largest scale it is large, world units.
        opacity_threshold: below which it is pruned.

    Source: Kerbl et al. (2023), https://arxiv.org/abs/2308.04079, section 5.2 and algorithm 2.

    >>> scales, opacities = torch.tensor([[0.1] * 3, [0.9] * 3, [0.1] * 3]), torch.tensor([1, 1, 0])
    >>> limits = {"pull_threshold": 0.5, "size_threshold": 0.5}
    >>> densify_masks(torch.ones(3), scales, opacities, **limits).split
    tensor([False,  True, False])
    """
    prune = opacities < opacity_threshold
    pulled = (pull >= pull_threshold) & ~prune
    large = scales.amax(dim=-1) > size_threshold
    return Masks(pulled & ~large, pulled & large, prune)


def clone(gaussians: Gaussians, mask: Tensor) -> Change:
    """Append a copy of each Gaussian in ``mask`` (N,); the optimiser will part the two.

    >>> from course_lib.rendering.splats import random_gaussians
    >>> scene = random_gaussians(3, 1.0, generator=torch.Generator().manual_seed(0))
    >>> clone(scene, torch.tensor([False, True, False])).origin
    tensor([0, 1, 2, 1])
    """
    origin = torch.cat([torch.arange(len(gaussians)), mask.nonzero()[:, 0]])
    return _taken(gaussians, origin, torch.arange(len(origin)) >= len(gaussians))


def split(
    gaussians: Gaussians, mask: Tensor, *, generator: torch.Generator, shrink: float = 1.6
) -> Change:
    """Replace each Gaussian in ``mask`` (N,) by two smaller ones, drawn from it.

    means ~ Normal(mean, R diag(scales^2) R^T), scales / shrink.

    Args:
        gaussians: N of them.
        mask: (N,) bool.
        generator: source of randomness.
        shrink: by what the scales are divided.

    Source: Kerbl et al. (2023), https://arxiv.org/abs/2308.04079, section 5.2.
    """
    old = mask.nonzero()[:, 0]
    kept = (~mask).nonzero()[:, 0]
    change = _taken(
        gaussians,
        torch.cat([kept, old, old]),
        torch.arange(len(kept) + 2 * len(old)) >= len(kept),
    )
    new = change.gaussians
    born = slice(len(kept), None)
    new.means[born] += _drawn_offsets(new, generator)[born]
    new.log_scales[born] -= math.log(shrink)
    return change


def prune(gaussians: Gaussians, mask: Tensor) -> Change:
    """Remove the Gaussians in ``mask`` (N,)."""
    origin = (~mask).nonzero()[:, 0]
    return _taken(gaussians, origin, torch.zeros(len(origin), dtype=torch.bool))


def reset_opacity(gaussians: Gaussians, ceiling: float = 0.01) -> Change:
    """Lower all opacities to at most ``ceiling``: what is needed will rise again, floaters not."""
    origin = torch.arange(len(gaussians))
    change = _taken(gaussians, origin, torch.zeros(len(gaussians), dtype=torch.bool))
    change.gaussians.logit_opacities.clamp_(max=math.log(ceiling / (1 - ceiling)))
    return change


def relocate(
    gaussians: Gaussians, dead: Tensor, *, generator: torch.Generator, jitter: float = 0.0
) -> Change:
    """Move dead Gaussians onto living ones and share out the opacity, so that the picture stays.

    A living Gaussian is chosen with probability proportional to its opacity o. With N of them in
    its place, each gets o' = 1 - (1 - o)^(1/N) and scales times
    o / sum_{i=1..N} sum_{k<i} binomial(i-1, k) (-1)^k o'^(k+1) / sqrt(k+1).

    Args:
        gaussians: N of them.
        dead: (N,) bool, at least one is not.
        generator: source of randomness.
        jitter: how far a moved Gaussian starts from the other, in standard deviations. At 0 the
            picture stays, but twins in one place have equal gradients and never part.

    Raises:
        ValueError: all are dead.

    Source: Kheradmand et al. (2024), https://arxiv.org/abs/2404.09591, equation (9).
    """
    if bool(dead.all()):
        raise ValueError("dead: all Gaussians are, so there is no living one to move to")
    gone = dead.nonzero()[:, 0]
    weights = torch.where(dead, 0.0, gaussians.opacities.detach())
    if len(gone) == 0:
        return _taken(gaussians, torch.arange(len(gaussians)), dead.clone())
    chosen = torch.multinomial(weights, len(gone), replacement=True, generator=generator)
    origin = torch.arange(len(gaussians))
    origin[gone] = chosen
    copies = torch.bincount(origin, minlength=len(gaussians))[origin]  # in each one's place
    change = _taken(gaussians, origin, copies > 1)
    opacities, factor = _shared_opacity(change.gaussians.opacities, copies)
    change.gaussians.logit_opacities.copy_(torch.logit(opacities, eps=1e-6))
    change.gaussians.log_scales.add_(factor.log()[:, None])
    if jitter > 0:
        change.gaussians.means[gone] += jitter * _drawn_offsets(change.gaussians, generator)[gone]
    return change


def _drawn_offsets(gaussians: Gaussians, generator: torch.Generator) -> Tensor:
    """One draw of Normal(0, covariance) for each Gaussian, (N, 3)."""
    drawn = torch.randn(len(gaussians), 3, 1, generator=generator) * gaussians.scales[..., None]
    return (quaternion_to_rotation(gaussians.quats) @ drawn)[..., 0]


def _shared_opacity(opacities: Tensor, copies: Tensor) -> tuple[Tensor, Tensor]:
    """Opacity of each of ``copies`` in one place, and the factor for their scales, (N,) each."""
    opacities = opacities.double()
    shared = 1 - (1 - opacities) ** (1 / copies)
    total = torch.zeros_like(shared)
    for i in range(1, int(copies.max()) + 1):
        inner = sum(
            math.comb(i - 1, k) * (-1) ** k * shared ** (k + 1) / math.sqrt(k + 1) for k in range(i)
        )
        total += torch.where(copies >= i, inner, 0.0)
    alone = copies == 1
    factor = torch.where(alone, 1.0, opacities / total)
    return torch.where(alone, opacities, shared).float(), factor.float()


def carry_optimizer_state(optimizer: torch.optim.Optimizer, change: Change) -> None:
    """Hand the optimiser the new parameters, with what it remembers of those that stay.

    Each parameter group holds one tensor and its ``name``. Running means of a new row are those
    of the row it stems from, zero where it is fresh; counters of steps stay.

    Args:
        optimizer: of `Gaussians.parameters()`, one group for each, with "name".
        change: what to carry over; its gaussians become leaves that require gradients.
    """
    parameters = change.gaussians.requires_grad_().parameters()
    for group in optimizer.param_groups:
        (old,) = group["params"]
        new = parameters[group["name"]]
        state = optimizer.state.pop(old, {})
        group["params"] = [new]
        optimizer.state[new] = {
            key: _carried(value, change) if torch.is_tensor(value) and value.ndim else value
            for key, value in state.items()
        }


def _carried(value: Tensor, change: Change) -> Tensor:
    rows = value[change.origin]
    rows[change.fresh] = 0
    return rows


def _taken(gaussians: Gaussians, origin: Tensor, fresh: Tensor) -> Change:
    """Rows ``origin`` of all parameters, detached copies."""
    rows = {name: value.detach()[origin] for name, value in gaussians.parameters().items()}
    return Change(Gaussians(**rows), origin, fresh)
