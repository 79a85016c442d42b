"""Unit 17: from a quaternion to a picture made of Gaussians.

One module an exercise; this one lists them in the notebook's order.
"""

from course_lib.checks.gaussian_splatting.blending import BLEND
from course_lib.checks.gaussian_splatting.covariances import COVARIANCE
from course_lib.checks.gaussian_splatting.harmonics import EVALUATE_SH
from course_lib.checks.gaussian_splatting.projecting import PROJECT
from course_lib.checks.gaussian_splatting.rasterizing import RASTERIZE
from course_lib.checks.gaussian_splatting.rotations import QUATERNION_TO_ROTATION

CHECKS = (
    QUATERNION_TO_ROTATION,
    COVARIANCE,
    PROJECT,
    EVALUATE_SH,
    BLEND,
    RASTERIZE,
)

ALSO_SEALED = ("_rasterize_splats", "draw")
