"""Unit 15: from two pictures to cameras and points.

One module an exercise; this one lists them in the notebook's order.
"""

from course_lib.checks.structure_from_motion.cornering import HARRIS_CORNERS
from course_lib.checks.structure_from_motion.describing import DESCRIBE
from course_lib.checks.structure_from_motion.eight_points import EIGHT_POINT
from course_lib.checks.structure_from_motion.matching import MATCH_RATIO
from course_lib.checks.structure_from_motion.posing import POSE_FROM_ESSENTIAL
from course_lib.checks.structure_from_motion.robust import RANSAC_FUNDAMENTAL
from course_lib.checks.structure_from_motion.triangulating import TRIANGULATE

CHECKS = (
    HARRIS_CORNERS,
    DESCRIBE,
    MATCH_RATIO,
    EIGHT_POINT,
    RANSAC_FUNDAMENTAL,
    POSE_FROM_ESSENTIAL,
    TRIANGULATE,
)

ALSO_SEALED = ("eight_point_batch",)
