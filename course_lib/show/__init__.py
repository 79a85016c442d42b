"""Figures, sliders and viewers for the notebooks, each with alternative text."""

from typing import Any

from course_lib.show.attempt import attempt
from course_lib.show.cameras import cameras
from course_lib.show.comparison import before_after
from course_lib.show.explore import explore
from course_lib.show.figures import figure, pictures, use_style
from course_lib.show.plane import plane

__all__ = [
    "SplatWidget",
    "attempt",
    "before_after",
    "cameras",
    "explore",
    "figure",
    "pictures",
    "plane",
    "splat_viewer",
    "use_style",
]


def __getattr__(name: str) -> Any:
    """Import what needs the renderers only when it is asked for."""
    if name == "splat_viewer":
        from course_lib.show.splats import splat_viewer

        return splat_viewer
    if name == "SplatWidget":
        from course_lib.show.splat_widget import SplatWidget

        return SplatWidget
    raise AttributeError(f"module 'course_lib.show' has no attribute {name!r}")
