"""Unit 04: holes in pictures, filled by diffusion, by copying, and by both.

One module an exercise; this one lists them in the notebook's order.
"""

from course_lib.checks.classical_inpainting.harmonic import HARMONIC_INPAINT
from course_lib.checks.classical_inpainting.hybrid import HYBRID_INPAINT
from course_lib.checks.classical_inpainting.patch import BEST_PATCH
from course_lib.checks.classical_inpainting.priority import PATCH_PRIORITY
from course_lib.checks.classical_inpainting.split import SPLIT_STRUCTURE_TEXTURE

CHECKS = (
    HARMONIC_INPAINT,
    BEST_PATCH,
    PATCH_PRIORITY,
    SPLIT_STRUCTURE_TEXTURE,
    HYBRID_INPAINT,
)
