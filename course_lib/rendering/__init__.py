"""Units 14 to 19: cameras, and pictures that know their derivatives.

Importing this package compiles nothing and does not import numba.
"""

from .cameras import look_at, opengl_to_opencv, orbit, pinhole
from .transforms import Views, load_transforms

__all__ = ["Views", "load_transforms", "look_at", "opengl_to_opencv", "orbit", "pinhole"]
