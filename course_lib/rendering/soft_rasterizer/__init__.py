"""Unit 14: triangle meshes with soft edges, so that a picture has a gradient by its shapes.

Start with `coverage` (hard and soft edges), `blending` (hard and soft occlusion), `projection` and
`reference`; `rasterize` is the fast twin. `shading` lights a mesh, `meshes` has one to begin with
and a measure of roughness, `fit` moves a camera. ``write_mesh`` of `course_lib.rendering.nerf`
writes an ``.obj``.

Two other ways to get a gradient, which this package does not take: Li, Aittala, Durand and Lehtinen
(2018), https://doi.org/10.1145/3272127.3275109, keep the picture hard and add what its edges
contribute, by sampling points on them; Kato, Ushiku and Harada (2018),
https://arxiv.org/abs/1711.07566, keep the hard picture and make up a gradient for the way back.
"""

from .blending import interpolate, soft_depth_blend, z_buffer
from .coverage import (
    barycentric,
    hard_coverage,
    nearest_weights,
    soft_coverage,
    squared_distance,
    union,
)
from .fit import fit_camera_step
from .meshes import icosphere, laplacian_loss
from .projection import Triangles, project_faces
from .rasterize import MeshPicture, rasterize_mesh, soft_rasterize, soft_silhouette
from .reference import soft_rasterize_reference
from .shading import face_normals, lambert, vertex_normals

__all__ = [
    "MeshPicture",
    "Triangles",
    "barycentric",
    "face_normals",
    "fit_camera_step",
    "hard_coverage",
    "icosphere",
    "interpolate",
    "lambert",
    "laplacian_loss",
    "nearest_weights",
    "project_faces",
    "rasterize_mesh",
    "soft_coverage",
    "soft_depth_blend",
    "soft_rasterize",
    "soft_rasterize_reference",
    "soft_silhouette",
    "squared_distance",
    "union",
    "vertex_normals",
    "z_buffer",
]
