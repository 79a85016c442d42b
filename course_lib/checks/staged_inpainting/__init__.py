"""Unit 06: coarse then fine, structure then texture, from the boundary inwards.

One module an idea; this one lists the checks in the notebook's order.
"""

from course_lib.checks.staged_inpainting.drafting import COARSE_TO_FINE
from course_lib.checks.staged_inpainting.edging import STRUCTURE_MAP, STRUCTURE_THEN_TEXTURE
from course_lib.checks.staged_inpainting.filling import BOUNDARY_RING, PROGRESSIVE_FILL

CHECKS = (
    COARSE_TO_FINE,
    STRUCTURE_MAP,
    STRUCTURE_THEN_TEXTURE,
    BOUNDARY_RING,
    PROGRESSIVE_FILL,
)
