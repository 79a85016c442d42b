"""Unit 11: what the two players want, how they move, and the slope of a critic.

One module an exercise; this one lists them in the notebook's order.
"""

from course_lib.checks.gans.losses import DISCRIMINATOR_LOSS, GENERATOR_LOSS
from course_lib.checks.gans.moves import GAN_STEP
from course_lib.checks.gans.optimum import OPTIMAL_DISCRIMINATOR
from course_lib.checks.gans.slopes import GRADIENT_PENALTY

CHECKS = (
    DISCRIMINATOR_LOSS,
    GENERATOR_LOSS,
    OPTIMAL_DISCRIMINATOR,
    GAN_STEP,
    GRADIENT_PENALTY,
)
ALSO_SEALED = ("slope_penalty", "_descended")
