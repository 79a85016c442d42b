"""Unit 13: what latent diffusion adds, latents of the right size, words, attention, a guided walk.

One module an exercise; this one lists them in the notebook's order.
"""

from course_lib.checks.latent_diffusion.attending import CROSS_ATTENTION
from course_lib.checks.latent_diffusion.scaling import LATENT_SCALE
from course_lib.checks.latent_diffusion.walking import GUIDED_SAMPLE
from course_lib.checks.latent_diffusion.words import TEXT_CONDITION

CHECKS = (LATENT_SCALE, TEXT_CONDITION, CROSS_ATTENTION, GUIDED_SAMPLE)

ALSO_SEALED = ("tokenize", "ddim_sample", "ddpm_sample")
