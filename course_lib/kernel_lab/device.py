"""``from course_lib.kernel_lab import cuda``: numba.cuda, on a GPU if there is one.

Else numba's own simulator, which runs kernels in Python. numba decides between the two when
numba.cuda is imported for the first time, so this module asks before it imports it.
"""

import torch
from numba.core import config

if not torch.cuda.is_available():
    config.ENABLE_CUDASIM = 1

from numba import cuda

ON_GPU = not config.ENABLE_CUDASIM
__all__ = ["ON_GPU", "cuda"]
