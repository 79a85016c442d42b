"""Unit 03: patches, attention, an encoder block, and a token that speaks for the picture.

One module an exercise; this one lists them in the notebook's order.
"""

from course_lib.checks.vision_transformer.attend import ATTENTION
from course_lib.checks.vision_transformer.blocks import ENCODER_BLOCK
from course_lib.checks.vision_transformer.class_token import CLASS_TOKEN_FORWARD
from course_lib.checks.vision_transformer.patches import PATCHIFY

CHECKS = (PATCHIFY, ATTENTION, ENCODER_BLOCK, CLASS_TOKEN_FORWARD)
