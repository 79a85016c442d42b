"""Unit 05: a network that fills holes: its holes, its input, its output, its losses.

One module an exercise; this one lists them in the notebook's order.
"""

from course_lib.checks.deep_inpainting.adversaries import GENERATOR_LOSS
from course_lib.checks.deep_inpainting.composing import COMPOSE
from course_lib.checks.deep_inpainting.inputs import NETWORK_INPUT
from course_lib.checks.deep_inpainting.losses import MASKED_L1
from course_lib.checks.deep_inpainting.masks import RANDOM_MASK
from course_lib.checks.deep_inpainting.partial import PARTIAL_CONV

CHECKS = (RANDOM_MASK, NETWORK_INPUT, COMPOSE, MASKED_L1, PARTIAL_CONV, GENERATOR_LOSS)
