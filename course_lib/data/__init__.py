"""Pictures, textures, digits, faces, masks and scenes: all of it offline unless you ask otherwise.

>>> from course_lib.data import photo
>>> photo("astronaut", size=32).shape
torch.Size([1, 3, 32, 32])
"""

from .clips import Clip, panning_clip
from .digits import digits
from .faces import HAIR_COLORS, HAIR_STYLES, Faces, draw_faces, faces, sample_attributes
from .made import (
    edge_picture,
    gradient_picture,
    stripes_picture,
    structure_texture_parts,
    structure_texture_picture,
)
from .masks import block_mask, centre_mask, half_mask, scratch_mask, stroke_mask, text_mask
from .online import OfflineError, cache_folder
from .photos import photo, photo_names, read_picture
from .resize import crop_and_resize
from .scenes import spread_viewpoints, still_life, trace_still_life
from .shapes import Shapes, shapes
from .speckles import speckles
from .stereo import StereoPair, stereo_motorcycle
from .textures import texture, texture_names

__all__ = [
    "HAIR_COLORS",
    "HAIR_STYLES",
    "Clip",
    "Faces",
    "OfflineError",
    "Shapes",
    "StereoPair",
    "block_mask",
    "cache_folder",
    "centre_mask",
    "crop_and_resize",
    "digits",
    "draw_faces",
    "edge_picture",
    "faces",
    "gradient_picture",
    "half_mask",
    "panning_clip",
    "photo",
    "photo_names",
    "read_picture",
    "sample_attributes",
    "scratch_mask",
    "shapes",
    "speckles",
    "spread_viewpoints",
    "stereo_motorcycle",
    "still_life",
    "stripes_picture",
    "stroke_mask",
    "structure_texture_parts",
    "structure_texture_picture",
    "text_mask",
    "texture",
    "texture_names",
    "trace_still_life",
]
