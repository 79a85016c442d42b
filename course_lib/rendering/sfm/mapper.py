"""An incremental reconstruction and its steps: begin, register, triangulate, adjust."""

from dataclasses import dataclass

import torch
from torch import Tensor

from .bundle import Observations, bundle_adjust, refine_pose
from .pairs import FEWEST_MATCHES, relative_pose
from .pose import PNP_SIZE, ransac_pnp
from .triangulation import (
    camera_centres,
    project_points,
    projection_matrix,
    triangulate,
    viewing_angles,
)

FEWEST_SEEN = 12  # known points in a picture, for it to be added
SMALLEST_ANGLE = 1.5  # degrees between rays, for a point to be trusted
GOOD_ANGLE = 6.0  # degrees between the rays of the first pair
FARTHEST = 1.2  # pixels between where a point is seen and where it should be
LINEAR_BEYOND = 0.5  # pixels; see `bundle_adjust`


@dataclass
class Mapper:
    """A reconstruction in progress.

    Attributes:
        K: (V, 3, 3).
        pixels: (V, T, 2), where view v sees track t; whatever it is where it does not.
        seen: (V, T) bool, whether it does; observations found to be wrong are struck out.
        viewmats: (V, 4, 4).
        registered: (V,) bool.
        points: (T, 3), NaN where not known yet.
        generator: for RANSAC.
    """

    K: Tensor
    pixels: Tensor
    seen: Tensor
    viewmats: Tensor
    registered: Tensor
    points: Tensor
    generator: torch.Generator

    @property
    def known(self) -> Tensor:
        """(T,) bool, which tracks have a point."""
        return self.points[:, 0].isfinite()

    def begin(self) -> None:
        """Place the two views with most points in common under a good angle, or the widest."""
        common = (self.seen[:, None] & self.seen[None]).sum(dim=-1).triu(1)  # (V, V)
        widest = (0.0, None, None)
        for pair in common.flatten().sort(descending=True, stable=True).indices:
            i, j = divmod(int(pair), len(self.K))
            if common[i, j] < FEWEST_MATCHES or widest[0] >= GOOD_ANGLE:
                break
            try:
                angle, viewmat = self._pose_of_pair(i, j)
            except ValueError:  # nothing agrees
                continue
            widest = max(widest, (angle, (i, j), viewmat), key=lambda each: each[0])
        if widest[1] is None:
            raise ValueError("images: no two of them share enough points to begin with")
        _, (i, j), self.viewmats[j] = widest
        self.registered[[i, j]] = True
        self.triangulate()

    def _pose_of_pair(self, i: int, j: int) -> tuple[float, Tensor]:
        """The median angle, degrees, under which i and j see their points; and the pose of j."""
        both = self.seen[i] & self.seen[j]
        pixels = self.pixels[[i, j]][:, both]
        viewmat, inliers = relative_pose(*pixels, *self.K[[i, j]], generator=self.generator)
        viewmats = torch.stack([torch.eye(4).double(), viewmat])
        points = triangulate(projection_matrix(self.K[[i, j]], viewmats), pixels[:, inliers])
        angles = viewing_angles(*camera_centres(viewmats), points)
        return float(angles.nanmedian().rad2deg()), viewmat

    def triangulate(self) -> None:
        """Find the points of tracks that registered views see under a trustworthy angle."""
        seen = self.seen & self.registered[:, None] & ~self.known
        new = (seen.sum(dim=0) >= 2).nonzero()[:, 0]
        projections = projection_matrix(self.K, self.viewmats)
        points = triangulate(projections, self.pixels[:, new], seen[:, new])
        angle = _widest_angle(camera_centres(self.viewmats), points, seen[:, new])
        where, depths = project_points(projections, points)
        off = (where - self.pixels[:, new]).norm(dim=-1)
        wrong = seen[:, new] & ~((depths > 0) & (off < 2 * FARTHEST))
        good = (angle > SMALLEST_ANGLE) & ~wrong.any(dim=0)
        self.points[new[good]] = points[good]

    def next_view(self) -> int | None:
        """The view that sees the most known points and has no place yet."""
        counts = (self.seen & self.known).sum(dim=1).masked_fill(self.registered, 0)
        return int(counts.argmax()) if int(counts.max()) >= FEWEST_SEEN else None

    def register(self, view: int) -> bool:
        """Find the place of a view from the points that it sees; whether that worked."""
        tracks = (self.seen[view] & self.known).nonzero()[:, 0]
        points, pixels, K = self.points[tracks], self.pixels[view, tracks], self.K[view]
        try:
            viewmat, inliers = ransac_pnp(points, pixels, K, generator=self.generator)
        except ValueError:
            inliers = torch.zeros(len(tracks), dtype=torch.bool)
        if int(inliers.sum()) < max(PNP_SIZE, FEWEST_SEEN // 2):
            self.seen[view, tracks] = False  # these will not place it later either
            return False
        self.viewmats[view] = refine_pose(viewmat, K, points[inliers], pixels[inliers])
        self.seen[view, tracks[~inliers]] = False
        self.registered[view] = True
        return True

    def observations(self) -> tuple[Observations, Tensor]:
        """What registered views see of known points, numbered anew, and their tracks (M,)."""
        tracks = self.known.nonzero()[:, 0]
        view, point = (self.seen & self.registered[:, None])[:, tracks].nonzero(as_tuple=True)
        return Observations(view, point, self.pixels[view, tracks[point]]), tracks

    def adjust(self, steps: int = 30, tolerance: float = 1e-4) -> None:
        """Bundle adjustment of all there is; then strike out what is still far off."""
        seen, tracks = self.observations()
        options = {"steps": steps, "tolerance": tolerance, "linear_beyond": LINEAR_BEYOND}
        self.viewmats, points = bundle_adjust(
            self.viewmats, self.K, self.points[tracks], seen, **options
        )
        self.points[tracks] = points
        where, depths = project_points(projection_matrix(self.K, self.viewmats), points)
        off = (where[seen.view, seen.point] - seen.pixel).norm(dim=1)
        wrong = ~((off < FARTHEST) & (depths[seen.view, seen.point] > 0))
        self.seen[seen.view[wrong], tracks[seen.point[wrong]]] = False
        alone = (self.seen & self.registered[:, None]).sum(dim=0) < 2
        self.points[alone] = torch.nan


def _widest_angle(centres: Tensor, points: Tensor, seen: Tensor) -> Tensor:
    """Largest angle between the rays by which a point (N, 3) is seen (V, N), (N,) degrees."""
    ways = torch.nn.functional.normalize(points - centres[:, None], dim=-1)  # (V, N, 3)
    cosine = torch.einsum("vnc,wnc->vwn", ways, ways)
    cosine = torch.where(seen[:, None] & seen[None], cosine, 1.0)
    return cosine.flatten(0, 1).amin(dim=0).clamp(-1, 1).arccos().rad2deg()
