"""Many pictures to cameras and points: begin with two, add one after the other, adjust."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from .arguments import finite
from .bundle import Observations
from .mapper import Mapper
from .pairs import Features, detect, match_pictures
from .tracks import build_tracks
from .triangulation import project_points, projection_matrix

ADJUST_EVERY = 1.2  # times as many pictures as at the last bundle adjustment


class Reconstruction(NamedTuple):
    """Cameras and points that explain pictures; place, direction and size of the world are free.

    Attributes:
        viewmats: (V, 4, 4) float64, world to camera; the identity where not registered.
        registered: (V,) bool, which pictures found their place.
        K: (V, 3, 3) float64, pixels.
        points: (M, 3) float64.
        colors: (M, 3) float32, RGB in [0, 1].
        seen: which view sees which point where.
        width: of the pictures, in pixels.
        height: of the pictures, in pixels.
    """

    viewmats: Tensor
    registered: Tensor
    K: Tensor
    points: Tensor
    colors: Tensor
    seen: Observations
    width: int
    height: int

    def errors(self) -> Tensor:
        """Between where points were seen and where they should be, (O,) pixels."""
        where, _ = project_points(projection_matrix(self.K, self.viewmats), self.points)
        return (where[self.seen.view, self.seen.point] - self.seen.pixel).norm(dim=1)


def reconstruct(
    images: Tensor,
    K: Tensor,
    *,
    corners: int = 1000,
    generator: torch.Generator,
    callback: Callable[[Mapper], None] | None = None,
) -> Reconstruction:
    """Find the cameras that took pictures, and points of what they show.

    Corners, matches between all pairs, tracks; the pair with many points under a good angle; then,
    one at a time, the picture that sees most known points (PnP), the points that it adds, and
    bundle adjustment of everything.

    Args:
        images: (V, 3, H, W), V >= 2, RGB in [0, 1], of one rigid scene.
        K: (3, 3) of the one camera, or (V, 3, 3), pixels.
        corners: in each picture, at most.
        generator: for RANSAC; the same pictures and seed give the same result.
        callback: called after the first pair and after each further picture.

    Returns:
        `Reconstruction`. Pictures that share too little with the others are not registered.

    Raises:
        ValueError: other shapes, NaN, or no two pictures with enough in common to begin.

    Source: Snavely, Seitz and Szeliski (2006), https://doi.org/10.1145/1141911.1141964; Schönberger
    and Frahm (2016), https://doi.org/10.1109/CVPR.2016.445
    """
    finite("images", images, None, 3, None, None)
    K = finite("K", K if K.ndim == 3 else K.expand(len(images), 3, 3), len(images), 3, 3)
    features = detect(images, corners)
    matches = match_pictures(features, generator=generator)
    return map_matches(features, matches, K, images, generator=generator, callback=callback)


def map_matches(
    features: list[Features],
    matches: Mapping[tuple[int, int], Tensor],
    K: Tensor,
    images: Tensor,
    *,
    generator: torch.Generator,
    callback: Callable[[Mapper], None] | None = None,
) -> Reconstruction:
    """The second half of `reconstruct`: from verified matches to cameras and points."""
    view, corner, track = build_tracks(matches, [len(each.corners) for each in features])
    views, tracks = len(features), int(track.max()) + 1 if len(track) else 0
    pixels = torch.zeros(views, tracks, 2, dtype=torch.float64)
    seen = torch.zeros(views, tracks, dtype=torch.bool)
    starts = torch.tensor([0, *(len(each.corners) for each in features)]).cumsum(0)
    pixels[view, track] = torch.cat([each.corners for each in features])[starts[view] + corner]
    seen[view, track] = True
    mapper = Mapper(
        K=K.double(),
        pixels=pixels,
        seen=seen,
        viewmats=torch.eye(4, dtype=torch.float64).repeat(views, 1, 1),
        registered=torch.zeros(views, dtype=torch.bool),
        points=torch.full((tracks, 3), torch.nan, dtype=torch.float64),
        generator=generator,
    )
    _grow(mapper, callback)
    return _finished(mapper, images)


def _grow(mapper: Mapper, callback: Callable[[Mapper], None] | None) -> None:
    """Begin, add views while there are any that see enough, and adjust."""
    mapper.begin()
    adjusted = 0
    while True:
        if mapper.registered.sum() >= ADJUST_EVERY * adjusted:
            mapper.adjust()
            adjusted = int(mapper.registered.sum())
        if callback is not None:
            callback(mapper)
        view = mapper.next_view()
        while view is not None and not mapper.register(view):
            view = mapper.next_view()
        if view is None:
            break
        mapper.triangulate()
    for _ in range(2):
        mapper.triangulate()
        mapper.adjust(steps=100, tolerance=1e-7)


def _finished(mapper: Mapper, images: Tensor) -> Reconstruction:
    """What is known, numbered anew, with the mean colour of what the views see of each point."""
    seen, tracks = mapper.observations()
    columns, rows = seen.pixel.floor().long().unbind(dim=1)
    looks = images.permute(0, 2, 3, 1)[seen.view, rows, columns].float()  # (O, 3)
    sums = torch.zeros(len(tracks), 3).index_add(0, seen.point, looks)
    counts = torch.bincount(seen.point, minlength=len(tracks)).clamp_min(1)
    return Reconstruction(
        mapper.viewmats, mapper.registered, mapper.K, mapper.points[tracks],
        sums / counts[:, None], seen, images.shape[3], images.shape[2],
    )  # fmt: skip
