"""Bundle adjustment: move all cameras and points until every point is seen where it was seen."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from .arguments import finite
from .triangulation import camera_centres


class Observations(NamedTuple):
    """Which view sees which point, and where.

    Attributes:
        view: (O,) int64.
        point: (O,) int64.
        pixel: (O, 2) float64, x and y.
    """

    view: Tensor
    point: Tensor
    pixel: Tensor


def rotation_from_vector(vector: np.ndarray) -> np.ndarray:
    """Return the rotations (..., 3, 3) by |v| radians about v (..., 3) (Rodrigues' formula).

    exp([v]x) = I + sin a / a [v]x + (1 - cos a) / a^2 [v]x^2, a = |v|.

    >>> rotation_from_vector(np.array([0.0, 0.0, np.pi / 2])).round(6)[:, 0]  # x goes to y
    array([0., 1., 0.])
    """
    cross, first, second, _ = _series(vector)
    return np.eye(3) + first * cross + second * cross @ cross


def left_jacobian(vector: np.ndarray) -> np.ndarray:
    """Return J (..., 3, 3) with exp([v + d]x) = exp([J d]x) exp([v]x) for small d.

    J = I + (1 - cos a) / a^2 [v]x + (a - sin a) / a^3 [v]x^2.

    Source: Barfoot, State Estimation for Robotics (2017), equation (7.77).

    >>> left_jacobian(np.zeros(3)).diagonal()
    array([1., 1., 1.])
    """
    cross, _, second, third = _series(vector)
    return np.eye(3) + second * cross + third * cross @ cross


def _series(vector: np.ndarray) -> tuple[np.ndarray, ...]:
    """[v]x and sin a / a, (1 - cos a) / a^2, (a - sin a) / a^3, also where a is nearly 0."""
    angle = np.linalg.norm(vector, axis=-1)[..., None, None]
    small, a = angle < 1e-4, np.where(angle < 1e-4, 1.0, angle)
    first = np.where(small, 1 - angle**2 / 6, np.sin(a) / a)
    second = np.where(small, 0.5 - angle**2 / 24, (1 - np.cos(a)) / a**2)
    third = np.where(small, 1 / 6 - angle**2 / 120, (a - np.sin(a)) / a**3)
    return _cross(vector), first, second, third


def _cross(vector: np.ndarray) -> np.ndarray:
    x, y, z = np.moveaxis(vector, -1, 0)
    o = np.zeros_like(x)
    rows = [np.stack(row, axis=-1) for row in ((o, -z, y), (z, o, -x), (-y, x, o))]
    return np.stack(rows, axis=-2)


class BundleProblem:
    """Residuals and their derivatives, for `scipy.optimize.least_squares`.

    The unknowns are six numbers (w, d) for each view that may move and three for each point.
    A view's pose is R = exp([w]x) R_0, t = t_0 + d: a step in the tangent space of the rotations
    around where they began, so that they always stay rotations.
    """

    def __init__(
        self, viewmats: Tensor, K: Tensor, points: Tensor, seen: Observations, moving: Tensor
    ) -> None:
        self.rotation, self.translation = viewmats[:, :3, :3].numpy(), viewmats[:, :3, 3].numpy()
        self.K, self.points = K.numpy(), points.numpy()
        self.view, self.point, self.pixel = (part.numpy() for part in seen)
        self.moving = moving.numpy()
        self.slot = np.where(self.moving, np.cumsum(self.moving) - 1, -1)  # of a view's unknowns
        self.cameras = 6 * int(self.moving.sum())

    def start(self) -> np.ndarray:
        """No motion, and the points as they are."""
        return np.concatenate([np.zeros(self.cameras), self.points.ravel()])

    def unpack(self, unknowns: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Turns w (V, 3) and translations (V, 3) of all views, and points (M, 3)."""
        steps = np.zeros((len(self.moving), 6))
        steps[self.moving] = unknowns[: self.cameras].reshape(-1, 6)
        return (
            steps[:, :3],
            self.translation + steps[:, 3:],
            unknowns[self.cameras :].reshape(-1, 3),
        )

    def residuals(self, unknowns: np.ndarray) -> np.ndarray:
        """Where points are seen less where they were seen, x and y in turn, (2 O,) pixels."""
        w, translation, points = self.unpack(unknowns)
        rotation = rotation_from_vector(w) @ self.rotation
        local = np.einsum("oab,ob->oa", rotation[self.view], points[self.point])
        return (self._pixels(local + translation[self.view]) - self.pixel).ravel()

    def _pixels(self, local: np.ndarray) -> np.ndarray:
        seen = np.einsum("oab,ob->oa", self.K[self.view], local)
        return seen[:, :2] / seen[:, 2:]

    def jacobian(self, unknowns: np.ndarray) -> "object":
        """d residuals / d unknowns, (2 O, 6 moving + 3 M), sparse: a row has nine numbers."""
        from scipy.sparse import csr_matrix

        w, translation, points = self.unpack(unknowns)
        rotation = rotation_from_vector(w) @ self.rotation
        turned = np.einsum("oab,ob->oa", rotation[self.view], points[self.point])
        by_place = self._by_place(turned + translation[self.view])  # (O, 2, 3)
        by_turn = -by_place @ _cross(turned) @ left_jacobian(w)[self.view]
        by_point = by_place @ rotation[self.view]
        values = np.concatenate([by_turn, by_place, by_point], axis=2)  # (O, 2, 9)
        camera = 6 * self.slot[self.view][:, None] + np.arange(6)
        columns = np.concatenate(
            [camera, self.cameras + 3 * self.point[:, None] + np.arange(3)], axis=1
        )
        columns = np.repeat(columns[:, None], 2, axis=1)  # (O, 2, 9)
        fixed = self.slot[self.view] < 0
        values[fixed, :, :6], columns[fixed, :, :6] = 0.0, 0
        rows = np.broadcast_to(np.arange(values[..., 0].size).reshape(-1, 2, 1), values.shape)
        shape = (values[..., 0].size, len(unknowns))
        return csr_matrix((values.ravel(), (rows.ravel(), columns.ravel())), shape=shape)

    def _by_place(self, local: np.ndarray) -> np.ndarray:
        """d pixel / d place in the camera, (O, 2, 3): (K_12 - pixel K_3) / depth."""
        K = self.K[self.view]
        seen = np.einsum("oab,ob->oa", K, local)
        pixel = seen[:, :2] / seen[:, 2:]
        return (K[:, :2] - pixel[:, :, None] * K[:, 2:]) / seen[:, 2, None, None]


def bundle_adjust(
    viewmats: Tensor,
    K: Tensor,
    points: Tensor,
    seen: Observations,
    *,
    moving: Tensor | None = None,
    linear_beyond: float = 1.0,
    steps: int = 50,
    tolerance: float = 1e-6,
) -> tuple[Tensor, Tensor]:
    """Return cameras and points that together explain best where points were seen.

    minimise the sum of rho(e^2), rho(z) = 2 s^2 (sqrt(1 + z / s^2) - 1), over all residuals e =
    pixel(K_v (R_v X_p + t_v)) - x_o, x and y, over all R, t and X. The first view that sees
    something stays where it is, and the mean distance of the centres to it stays what it was:
    pictures leave place, direction and size of the world open.

    Args:
        viewmats: (V, 4, 4), world to camera: where to begin.
        K: (V, 3, 3), pixels.
        points: (M, 3), world units.
        seen: what was seen where.
        moving: (V,) bool, views that may move; all but the first one by default.
        linear_beyond: s, pixels; much larger errors count linearly, so that wrong matches pull
            less. (Huber's loss has a second derivative with which SciPy's steps stall.)
        steps: of the optimiser at most.
        tolerance: relative change at which it stops.

    Returns:
        viewmats (V, 4, 4) and points (M, 3), float64.

    Raises:
        ValueError: other shapes, NaN, or indices that do not exist.

    Source: Triggs, McLauchlan, Hartley and Fitzgibbon (2000), https://doi.org/10.1007/3-540-44480-7_21
    """
    from scipy.optimize import least_squares

    viewmats, points = finite("viewmats", viewmats, None, 4, 4), finite("points", points, None, 3)
    K = finite("K", K, len(viewmats), 3, 3)
    seen = _checked(seen, len(viewmats), len(points))
    if len(seen.view) == 0:
        return viewmats, points
    anchor = int(seen.view.min())
    scale_free = moving is None
    if moving is None:
        moving = torch.zeros(len(viewmats), dtype=torch.bool).index_fill(0, seen.view, True)
        moving[anchor] = False
    problem = BundleProblem(viewmats, K, points, seen, moving)
    found = least_squares(
        problem.residuals,
        problem.start(),
        problem.jacobian,
        tr_solver="lsmr",
        x_scale="jac",
        loss="soft_l1",
        f_scale=linear_beyond,
        max_nfev=steps,
        ftol=tolerance,
        xtol=1e-12,
        gtol=None,
    )
    w, translation, places = problem.unpack(found.x)
    adjusted = viewmats.clone()
    adjusted[:, :3, :3] = torch.from_numpy(rotation_from_vector(w) @ problem.rotation)
    adjusted[:, :3, 3] = torch.from_numpy(translation)
    points = torch.from_numpy(places.copy())
    return _same_size(viewmats, adjusted, points, anchor) if scale_free else (adjusted, points)


def _same_size(before: Tensor, after: Tensor, points: Tensor, anchor: int) -> tuple[Tensor, Tensor]:
    """Scale the world about the anchor's centre so that the cameras are as far apart as before."""
    centre = camera_centres(before[anchor])
    was = (camera_centres(before) - centre).norm(dim=1).mean()
    is_now = (camera_centres(after) - centre).norm(dim=1).mean()
    scale = was / is_now if was > 0 and is_now > 0 else torch.tensor(1.0).double()
    moved = centre + scale * (camera_centres(after) - centre)
    after = after.clone()
    after[:, :3, 3] = -(after[:, :3, :3] @ moved[..., None])[..., 0]
    return after, centre + scale * (points - centre)


def _checked(seen: Observations, views: int, points: int) -> Observations:
    pixel = finite("seen.pixel", seen.pixel, None, 2)
    for name, index, count in (("view", seen.view, views), ("point", seen.point, points)):
        if index.shape != pixel.shape[:1] or index.is_floating_point():
            raise ValueError(f"seen.{name}: wanted ({len(pixel)},) integers")
        if len(index) and not 0 <= int(index.min()) <= int(index.max()) < count:
            raise ValueError(f"seen.{name}: wanted indices from 0 to {count - 1}")
    return Observations(seen.view, seen.point, pixel)


def refine_pose(
    viewmat: Tensor, K: Tensor, points: Tensor, pixels: Tensor, linear_beyond: float = 1.0
) -> Tensor:
    """Return the pose (4, 4) of one camera that sees known points (N, 3) best at pixels (N, 2).

    Bundle adjustment with the points held fast: six unknowns.
    """
    from scipy.optimize import least_squares

    one = torch.zeros(len(points), dtype=torch.int64)
    seen = Observations(one, torch.arange(len(points)), pixels.double())
    matrices, moving = (viewmat.double()[None], K.double()[None]), torch.ones(1, dtype=torch.bool)
    problem = BundleProblem(*matrices, points.double(), seen, moving)
    fixed = problem.start()[6:]
    found = least_squares(
        lambda step: problem.residuals(np.concatenate([step, fixed])),
        np.zeros(6),
        lambda step: problem.jacobian(np.concatenate([step, fixed]))[:, :6].toarray(),
        x_scale="jac",
        loss="soft_l1",
        f_scale=linear_beyond,
    )
    w, translation, _ = problem.unpack(np.concatenate([found.x, fixed]))
    refined = viewmat.double().clone()
    refined[:3, :3] = torch.from_numpy((rotation_from_vector(w) @ problem.rotation)[0])
    refined[:3, 3] = torch.from_numpy(translation[0])
    return refined
