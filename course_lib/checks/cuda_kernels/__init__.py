"""Unit 19: five CUDA kernels, judged by what their threads read and write in the laboratory."""

from course_lib.checks.cuda_kernels.backward import BACKWARD
from course_lib.checks.cuda_kernels.forward import FORWARD
from course_lib.checks.cuda_kernels.saxpy import SAXPY
from course_lib.checks.cuda_kernels.tiled import TILED
from course_lib.checks.cuda_kernels.tiles import TILES

CHECKS = (SAXPY, TILES, FORWARD, TILED, BACKWARD)
