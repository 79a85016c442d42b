"""Compiled loops: numba twins (``*.py``) of what the topic packages explain.

Nothing here is imported before it is used. numba keeps compiled code in ``__pycache__`` and looks
only at a kernel's own file when it decides whether that is still good: after a change to the
constants in `course_lib.rendering.splats.projection`, remove the folder.
"""
