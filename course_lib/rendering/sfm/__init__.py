"""Unit 15: pictures to cameras and points.

Corners (`corners`), what they look like (`descriptors`), which is which (`matching`); what two
pictures have in common (`epipolar`, `ransac`), how the cameras stand (`pose`) and where the points
are (`triangulation`); everything at once (`bundle`), many pictures (`pairs`, `tracks`,
`mapper`, `incremental`), and
the way to units 16 and 18 (`scene`). Geometry is float64 throughout.
"""

from .alignment import Similarity, align, rotation_angle
from .bundle import Observations, bundle_adjust, refine_pose
from .corners import gaussian_blur, harris_corners, harris_response, suppression_radii, to_grey
from .descriptors import describe, windows
from .epipolar import (
    cross_matrix,
    eight_point,
    epipolar_lines,
    essential_from_fundamental,
    fundamental_from_cameras,
    homogeneous,
    normalising_transform,
    rank_two,
    sampson_distance,
)
from .incremental import Reconstruction, map_matches, reconstruct
from .mapper import Mapper
from .matching import match_mutual, match_ratio
from .pairs import Features, detect, match_pictures, relative_pose
from .pose import (
    essential_candidates,
    in_front,
    pose_from_essential,
    ransac_pnp,
    resection,
    to_rays,
    viewmat_of,
)
from .ransac import draw_samples, ransac_fundamental, rounds_needed
from .scene import as_scene, into_cube
from .tracks import build_tracks
from .triangulation import (
    camera_centres,
    project_points,
    projection_matrix,
    triangulate,
    viewing_angles,
)

__all__ = [
    "Features",
    "Mapper",
    "Observations",
    "Reconstruction",
    "Similarity",
    "align",
    "as_scene",
    "build_tracks",
    "bundle_adjust",
    "camera_centres",
    "cross_matrix",
    "describe",
    "detect",
    "draw_samples",
    "eight_point",
    "epipolar_lines",
    "essential_candidates",
    "essential_from_fundamental",
    "fundamental_from_cameras",
    "gaussian_blur",
    "harris_corners",
    "harris_response",
    "homogeneous",
    "in_front",
    "into_cube",
    "map_matches",
    "match_mutual",
    "match_pictures",
    "match_ratio",
    "normalising_transform",
    "pose_from_essential",
    "project_points",
    "projection_matrix",
    "rank_two",
    "ransac_fundamental",
    "ransac_pnp",
    "reconstruct",
    "refine_pose",
    "relative_pose",
    "resection",
    "rotation_angle",
    "rounds_needed",
    "sampson_distance",
    "suppression_radii",
    "to_grey",
    "to_rays",
    "triangulate",
    "viewing_angles",
    "viewmat_of",
    "windows",
]
