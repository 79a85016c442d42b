"""Unit 16: scenes as fields of density and colour, drawn along rays and learnt from pictures.

Start with `rays`, `sampling`, `volume` and `encoding`; `field` has the classic network and a small
one on a hash grid, `renderer` draws any field, `fit` learns one from pictures, and `export` takes
depth maps, meshes and films from it. `compositing` is the fast twin of `volume`; `occupancy` knows
what is empty; `fused` and `training` are the compiled way through a hash-grid field.
"""

from .compositing import Rendered, composite_rays
from .encoding import positional_encoding, spherical_harmonics
from .export import density_mesh, orbit_film, write_depth_map, write_film, write_mesh
from .field import HashField, MLPField, radiance_field
from .fit import FieldFit, fit
from .hash_grid import grid_resolutions, hash_encoding, node_entry
from .occupancy import OccupancyGrid, march_rays
from .rays import cross_cube, get_rays
from .renderer import render_rays, render_view
from .sampling import sample_pdf, step_lengths, stratified_samples
from .volume import composite, composite_packed, volume_weights

__all__ = [
    "FieldFit",
    "HashField",
    "MLPField",
    "OccupancyGrid",
    "Rendered",
    "composite",
    "composite_packed",
    "composite_rays",
    "cross_cube",
    "density_mesh",
    "fit",
    "get_rays",
    "grid_resolutions",
    "hash_encoding",
    "march_rays",
    "node_entry",
    "orbit_film",
    "positional_encoding",
    "radiance_field",
    "render_rays",
    "render_view",
    "sample_pdf",
    "spherical_harmonics",
    "step_lengths",
    "stratified_samples",
    "volume_weights",
    "write_depth_map",
    "write_film",
    "write_mesh",
]
