"""Units 14 to 19: cameras, and pictures that know their derivatives.

Importing this package compiles nothing and does not import numba.
"""

from .cameras import look_at, opengl_to_opencv, orbit, pinhole
from .colmap import PointCloud, load_colmap
from .transforms import Views, load_transforms

__all__ = [
    "PointCloud",
    "Views",
    "load_colmap",
    "load_transforms",
    "look_at",
    "opengl_to_opencv",
    "orbit",
    "pinhole",
]
