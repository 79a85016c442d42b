"""Units 17 and 18: scenes of 3-D Gaussians, drawn and differentiated.

Start with `gaussians`, `projection` and `reference`; `rasterize` is the fast twin. `fit` learns a
scene from pictures, `densify` says where to put more Gaussians, `ply` reads and writes them.
"""

from .densify import (
    Change,
    carry_optimizer_state,
    clone,
    densify_masks,
    prune,
    pull_across_picture,
    relocate,
    reset_opacity,
    split,
)
from .fit import SplatFit, fit, photometric_loss
from .gaussians import Gaussians, from_points, random_gaussians
from .harmonics import evaluate_sh, sh_basis
from .ply import read_ply, write_ply
from .projection import (
    Projection,
    covariance,
    half_extents,
    project,
    quaternion_to_rotation,
    visible,
)
from .rasterize import rasterize
from .reference import blend, pixel_centres, rasterize_reference, splat_alpha

__all__ = [
    "Change",
    "Gaussians",
    "Projection",
    "SplatFit",
    "blend",
    "carry_optimizer_state",
    "clone",
    "covariance",
    "densify_masks",
    "evaluate_sh",
    "fit",
    "from_points",
    "half_extents",
    "photometric_loss",
    "pixel_centres",
    "project",
    "prune",
    "pull_across_picture",
    "quaternion_to_rotation",
    "random_gaussians",
    "rasterize",
    "rasterize_reference",
    "read_ply",
    "relocate",
    "reset_opacity",
    "sh_basis",
    "splat_alpha",
    "split",
    "visible",
    "write_ply",
]
