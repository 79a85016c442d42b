"""Unit 08: what a density is, what a map does to it, and how far apart two samples are.

One module an exercise; this one lists them in the notebook's order.
"""

from course_lib.checks.generative_foundations.coupling import COUPLING_FORWARD
from course_lib.checks.generative_foundations.discrepancy import MMD
from course_lib.checks.generative_foundations.gaussians import GAUSSIAN_LOG_PROB
from course_lib.checks.generative_foundations.pushing import PUSH_FORWARD_LOG_PROB
from course_lib.checks.generative_foundations.uncoupling import COUPLING_INVERSE

CHECKS = (GAUSSIAN_LOG_PROB, PUSH_FORWARD_LOG_PROB, MMD, COUPLING_FORWARD, COUPLING_INVERSE)
