"""Figures, sliders and pictures for the notebooks, each with alternative text."""

from course_lib.show.attempt import attempt
from course_lib.show.explore import explore
from course_lib.show.figures import figure, pictures, use_style

__all__ = ["attempt", "explore", "figure", "pictures", "use_style"]
