"""Compiled twins of what the topic packages explain: numba for the CPU, ``.cu`` for CUDA.

`splats_cpu` is what `rasterize` uses. `splats.cu` composites on CUDA: it is compiled and compared
in the tests, has not run on a real GPU, and `rasterize` does not call it yet.

Nothing here is imported before it is used. numba keeps compiled code in ``__pycache__`` and looks
only at a kernel's own file when it decides whether that is still good: after a change to the
constants in `course_lib.rendering.splats.projection`, remove the folder.
"""
