"""Unit 16: from a pixel's ray to its colour, and the network in between.

One module an exercise; this one lists them in the notebook's order.
"""

from course_lib.checks.nerf.compositing import COMPOSITE
from course_lib.checks.nerf.encoding import POSITIONAL_ENCODING
from course_lib.checks.nerf.fields import RADIANCE_FIELD
from course_lib.checks.nerf.importance import SAMPLE_PDF
from course_lib.checks.nerf.rays import GET_RAYS
from course_lib.checks.nerf.stratified import STRATIFIED_SAMPLES
from course_lib.checks.nerf.volume import VOLUME_WEIGHTS

CHECKS = (
    GET_RAYS,
    POSITIONAL_ENCODING,
    STRATIFIED_SAMPLES,
    VOLUME_WEIGHTS,
    COMPOSITE,
    RADIANCE_FIELD,
    SAMPLE_PDF,
)

ALSO_SEALED = ("composite_rays", "composite_packed", "_composite_samples", "composite_samples")
