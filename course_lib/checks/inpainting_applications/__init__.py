"""Unit 07: one damage after another is turned into a hole, or into too few pixels.

One module an exercise; this one lists them in the notebook's order.
"""

from course_lib.checks.inpainting_applications.canvas import OUTPAINT_CANVAS
from course_lib.checks.inpainting_applications.enlarging import BACK_PROJECT
from course_lib.checks.inpainting_applications.removing import REMOVAL_MASK
from course_lib.checks.inpainting_applications.scratches import DETECT_SCRATCHES
from course_lib.checks.inpainting_applications.strokes import FIND_TEXT

CHECKS = (DETECT_SCRATCHES, FIND_TEXT, REMOVAL_MASK, OUTPAINT_CANVAS, BACK_PROJECT)

# With box_average this one is the answer to exercise 5.
ALSO_SEALED = ("consistent",)
