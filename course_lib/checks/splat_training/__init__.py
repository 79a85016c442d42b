"""Unit 18: the loss, who is cloned, split and pruned, and what the optimiser remembers.

One module an exercise; this one lists them in the notebook's order.
"""

from course_lib.checks.splat_training.carrying import CARRY_OPTIMIZER_STATE
from course_lib.checks.splat_training.cloning import CLONE
from course_lib.checks.splat_training.deciding import DENSIFY_MASKS
from course_lib.checks.splat_training.losses import PHOTOMETRIC_LOSS
from course_lib.checks.splat_training.pruning import PRUNE
from course_lib.checks.splat_training.splitting import SPLIT

CHECKS = (
    PHOTOMETRIC_LOSS,
    DENSIFY_MASKS,
    CLONE,
    SPLIT,
    PRUNE,
    CARRY_OPTIMIZER_STATE,
)
