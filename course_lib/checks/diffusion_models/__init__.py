"""Unit 12: noise forwards, and steps back to a picture.

One module an exercise; this one lists them in the notebook's order.
"""

from course_lib.checks.diffusion_models.ancestral import DDPM_STEP
from course_lib.checks.diffusion_models.clean import PREDICT_X0
from course_lib.checks.diffusion_models.forward import Q_SAMPLE
from course_lib.checks.diffusion_models.guiding import CLASSIFIER_FREE_GUIDANCE
from course_lib.checks.diffusion_models.implicit import DDIM_STEP
from course_lib.checks.diffusion_models.repainting import REPAINT_STEP

CHECKS = (
    Q_SAMPLE,
    PREDICT_X0,
    DDPM_STEP,
    DDIM_STEP,
    CLASSIFIER_FREE_GUIDANCE,
    REPAINT_STEP,
)
