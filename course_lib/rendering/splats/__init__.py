"""Units 17 and 18: scenes of 3-D Gaussians, drawn and differentiated.

Start with `gaussians`, `projection` and `reference`; `rasterize` is the fast twin.
"""

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
    "Gaussians",
    "Projection",
    "blend",
    "covariance",
    "evaluate_sh",
    "from_points",
    "half_extents",
    "pixel_centres",
    "project",
    "quaternion_to_rotation",
    "random_gaussians",
    "rasterize",
    "rasterize_reference",
    "read_ply",
    "sh_basis",
    "splat_alpha",
    "visible",
    "write_ply",
]
