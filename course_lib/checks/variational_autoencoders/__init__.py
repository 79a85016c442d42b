"""Unit 10: draws that carry gradients, divergences, the bound, and a better estimate.

One module an exercise (both divergences share one); this one lists them in the notebook's order.
"""

from course_lib.checks.variational_autoencoders.bounds import ELBO
from course_lib.checks.variational_autoencoders.divergences import KL_DIAGONAL, KL_FULL
from course_lib.checks.variational_autoencoders.draws import REPARAMETERIZE
from course_lib.checks.variational_autoencoders.importance import IMPORTANCE_LOG_LIKELIHOOD

CHECKS = (REPARAMETERIZE, KL_DIAGONAL, KL_FULL, ELBO, IMPORTANCE_LOG_LIKELIHOOD)
ALSO_SEALED = ("reparameterize_full",)
