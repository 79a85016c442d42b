"""Unit 14: from a pixel that an edge passes to a camera found by gradient descent.

One module an exercise; this one lists them in the notebook's order.
"""

from course_lib.checks.differentiable_rendering.cameras import FIT_CAMERA_STEP
from course_lib.checks.differentiable_rendering.depths import SOFT_DEPTH_BLEND
from course_lib.checks.differentiable_rendering.hard import HARD_COVERAGE
from course_lib.checks.differentiable_rendering.soft import SOFT_COVERAGE

CHECKS = (HARD_COVERAGE, SOFT_COVERAGE, SOFT_DEPTH_BLEND, FIT_CAMERA_STEP)

# The two halves of the answers to exercises 1 and 2 stand in the library under these names.
ALSO_SEALED = ("barycentric", "squared_distance")
