"""Compiled twins of what the topic packages explain: numba for the CPU, ``.cu`` for CUDA.

`rasterize` uses `splats_cpu` for tensors on the CPU and `splats_cuda`, with ``splats_*.cu``, for
those on a GPU. The tests compile the ``.cu`` for three architectures and compare what they compute
on a CPU. **Nothing of them has run on a real GPU yet.**

Nothing here is imported before it is used. numba keeps compiled code in ``__pycache__`` and looks
only at a kernel's own file when it decides whether that is still good: after a change to the
constants in `course_lib.rendering.splats.projection`, remove the folder.
"""
