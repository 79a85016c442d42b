"""Unit 09: latents edited and blended, directions of attributes, and whether a latent is valid.

One module an exercise; this one lists them in the notebook's order.
"""

from course_lib.checks.autoencoders.blends import BLEND
from course_lib.checks.autoencoders.directions import ATTRIBUTE_DIRECTION
from course_lib.checks.autoencoders.edits import EDIT_LATENT
from course_lib.checks.autoencoders.validity import LATENT_VALIDITY

CHECKS = (EDIT_LATENT, BLEND, ATTRIBUTE_DIRECTION, LATENT_VALIDITY)
