"""Exercise 3 of unit 17: from an ellipsoid in the world to an ellipse in the picture."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.mistakes import (
    Mistakes,
    gradients_flow,
    listed,
    recognise,
    uniform,
)
from course_lib.checks.properties import difference
from course_lib.rendering import look_at
from course_lib.rendering.splats import covariance
from course_lib.rendering.splats import project as project_into
from course_lib.rendering.splats.projection import COVARIANCE_BLUR

Projected = tuple[Tensor, Tensor, Tensor]

SIDE = "eight Gaussians, seen from the side"
EDGE = "Gaussians far from the middle of the picture"
AXIS = "round Gaussians straight ahead, farther and farther"
BEHIND = "one Gaussian in front of the camera, one behind"

WIDE = 10**9  # a picture this large never comes into the course's guard against steep views


def project(means: Tensor, covariances: Tensor, viewmat: Tensor, K: Tensor) -> Projected:
    """The course's projection, without the guard for what lies far outside the picture."""
    return tuple(project_into(means, covariances, viewmat, K, WIDE, WIDE))


def _cases(generator: torch.Generator) -> list[Case]:
    def draw(low: float, high: float, *shape: int) -> Tensor:
        return uniform(low, high, *shape, generator=generator)

    def shapes(count: int) -> Tensor:
        return covariance(torch.randn(count, 4, generator=generator), draw(0.1, 0.5, count, 3))

    K = torch.tensor([[60.0, 0.0, 35.0], [0.0, 48.0, 22.0], [0.0, 0.0, 1.0]])
    side = look_at(3.5 * torch.nn.functional.normalize(draw(0.5, 1.0, 3), dim=0), (0.1, 0.2, 0.0))
    flat = draw(0.4, 0.9, 4, 2) * torch.tensor([[1.0, 1.0], [-1, 1], [1, -1], [-1, -1]])
    depth = draw(1.5, 3.0, 4, 1)
    ahead = torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.0, 2.0], [0.0, 0.0, 4.0]])
    round_ones = 0.25 * torch.eye(3).repeat(3, 1, 1)
    pair = torch.cat([draw(-0.3, 0.3, 2, 2), torch.tensor([[2.0], [-1.5]])], dim=1)
    return [
        Case(SIDE, (draw(-0.8, 0.8, 8, 3), shapes(8), side, K)),
        Case(EDGE, (torch.cat([flat * depth, depth], dim=1), shapes(4), torch.eye(4), K)),
        Case(AXIS, (ahead, round_ones, torch.eye(4), K)),
        Case(BEHIND, (pair, shapes(2), torch.eye(4), K)),
    ]


def _in_front(ask: Ask, case: Case) -> tuple[Projected, Projected]:
    """The student's results and the reference's, for what is in front of the camera."""
    came, wanted = ask(*case.inputs), ask.wanted(*case.inputs)
    seen = wanted[2] > 0
    return tuple(part[seen] for part in came), tuple(part[seen] for part in wanted)


def _means_and_depths(ask: Ask, case: Case) -> Finding | None:
    came, wanted = _in_front(ask, case)
    depths = difference(ask(*case.inputs)[2], ask.wanted(*case.inputs)[2], atol=1e-4)
    if depths:
        message = _named(ask, case, _DEPTHS, 2, came) or (
            "the depth is how far in front of the camera a mean lies: its z in the camera's frame."
        )
        return Finding(message, depths.came, depths.wanted)
    places = difference(came[0], wanted[0], atol=2e-3)
    if places is None:
        return None
    message = _named(ask, case, _PLACES, 0, came) or "the means are not where a pinhole sees them."
    return Finding(
        message,
        came=f"{listed(came[0][0])} px for the first",
        wanted=f"{listed(wanted[0][0])} px",
    )


def _named(ask: Ask, case: Case, mistakes: Mistakes, part: int, came: Projected) -> str:
    """Recognise a mistake by one of the three results."""
    seen = ask.wanted(*case.inputs)[2] > 0
    wrong = {
        sentence: lambda *inputs, make=make: make(*inputs)[part][seen]
        for sentence, make in mistakes.items()
    }
    return recognise(came[part], case.inputs, wrong, atol=2e-3, rtol=1e-4)


def _straight_ahead(ask: Ask, case: Case) -> Finding | None:
    means, covariances, _, K = case.inputs
    spread = covariances[:, 0, 0].sqrt() / means[:, 2]  # s / z
    wanted = (spread[:, None] * K.diagonal()[:2]).square() + COVARIANCE_BLUR
    came = ask(*case.inputs)[1]
    diagonal = came.diagonal(dim1=-2, dim2=-1)
    off = ((diagonal - wanted).abs() > 1e-3 + 1e-4 * wanted).any(dim=1)
    crossed = came[:, 0, 1].abs().maximum(came[:, 1, 0].abs()) > 1e-3
    if not bool((off | crossed).any()):
        return None
    n = int((off | crossed).nonzero()[-1])  # the farthest
    shown, right = listed(diagonal[n], 5), listed(wanted[n], 5)
    if bool(crossed[n]):
        shown, right = f"{shown}, and {float(came[n, 0, 1]):.3g} beside it", f"{right}, and 0"
    return Finding(
        _why_straight_ahead(diagonal, wanted, crossed),
        came=f"diagonal {shown} px² at depth {float(means[n, 2]):g}",
        wanted=f"{right}, worked out by hand",
        hint="Twice as far is half as wide, and a variance is a squared width. The 0.3 px² comes "
        "last, in pixels.",
    )


def _why_straight_ahead(diagonal: Tensor, wanted: Tensor, crossed: Tensor) -> str:
    blurless = wanted - COVARIANCE_BLUR
    if torch.allclose(diagonal, blurless, atol=1e-3):
        return "nothing is added to the diagonal; every ellipse is to get 0.3 px² there."
    if torch.allclose(diagonal, blurless + COVARIANCE_BLUR**2, atol=1e-3):
        return "0.3² is added to the diagonal; the 0.3 px² is a variance already."
    if torch.allclose(diagonal, wanted, atol=1e-3) and bool(crossed.any()):
        return "0.3 px² is added off the diagonal too, which slants every ellipse."
    if torch.allclose(diagonal, wanted.flip(1), atol=1e-3):
        return "the two focal lengths have changed places."
    return "straight ahead, the variance in the picture is (f s / z)² + 0.3, with s the scale."


def _ellipses(ask: Ask, case: Case) -> Finding | None:
    """Against the Jacobian of the exact pinhole, which autograd finds at each mean.

    What is added to all of them alike, the 0.3 px², is the business of another property.
    """
    means, covariances, viewmat, K = (value.double() for value in case.inputs)

    def exact(point: Tensor) -> Tensor:
        x, y, z = viewmat[:3, :3] @ point + viewmat[:3, 3]
        return torch.stack([K[0, 0] * x / z + K[0, 2], K[1, 1] * y / z + K[1, 2]])

    slopes = torch.stack([torch.autograd.functional.jacobian(exact, mean) for mean in means])
    wanted = slopes @ covariances @ slopes.mT + COVARIANCE_BLUR * torch.eye(2)
    came = ask(*case.inputs)
    added = (came[1] - wanted.float()).median(dim=0).values  # (2, 2)
    found = difference(came[1] - added, wanted.float(), atol=5e-3, rtol=1e-3)
    if found is None:
        return None
    message = _named(ask, case, _ELLIPSES, 1, came) or (
        "the ellipse is not the one that small steps around the mean give"
    )
    return Finding(message, found.came, found.wanted)


def _variant(
    place: Callable[[Tensor, Tensor, Tensor], Tensor] | None = None,
    slope: Callable[[Tensor, Tensor, Tensor], Tensor] | None = None,
    blur: Tensor | None = None,
    turn: Callable[[Tensor], Tensor] = lambda R: R,
) -> Callable[..., Projected]:
    """A wrong answer: another way into the camera, another Jacobian, another blur."""

    def function(means: Tensor, covariances: Tensor, viewmat: Tensor, K: Tensor) -> Projected:
        R, t = viewmat[:3, :3], viewmat[:3, 3]
        points = (place or _enter)(means, R, t)
        J = (slope or _jacobian)(points, means, K) @ turn(R)
        extra = COVARIANCE_BLUR * torch.eye(2) if blur is None else blur
        flat = points @ K.mT
        return flat[:, :2] / flat[:, 2:], J @ covariances @ J.mT + extra, points[:, 2]

    return function


def _enter(means: Tensor, R: Tensor, t: Tensor) -> Tensor:
    return means @ R.mT + t


def _jacobian(points: Tensor, means: Tensor, K: Tensor, *, sign: float = -1.0) -> Tensor:
    x, y, z = points.unbind(-1)
    zero = torch.zeros_like(z)
    entries = [K[0, 0] / z, zero, sign * K[0, 0] * x / z**2]
    entries += [zero, K[1, 1] / z, sign * K[1, 1] * y / z**2]
    return torch.stack(entries, dim=-1).unflatten(-1, (2, 3))


def _with(change: Callable[..., Projected]) -> Callable[..., Projected]:
    """A wrong answer made from the right one."""

    def function(means: Tensor, covariances: Tensor, viewmat: Tensor, K: Tensor) -> Projected:
        return change(project(means, covariances, viewmat, K), means, viewmat, K)

    return function


def _centre_forgotten(right: Projected, _means: Tensor, _viewmat: Tensor, K: Tensor) -> Projected:
    return right[0] - K[:2, 2], right[1], right[2]


def _distance(right: Projected, means: Tensor, viewmat: Tensor, _K: Tensor) -> Projected:
    return right[0], right[1], (means @ viewmat[:3, :3].mT + viewmat[:3, 3]).norm(dim=1)


def _half_pixel(right: Projected, _means: Tensor, _viewmat: Tensor, _K: Tensor) -> Projected:
    return right[0] + 0.5, right[1], right[2]


def _centre_swapped(right: Projected, _means: Tensor, _viewmat: Tensor, K: Tensor) -> Projected:
    return right[0] - K[:2, 2] + K[:2, 2].flip(0), right[1], right[2]


def _only_in_front(right: Projected, _means: Tensor, _viewmat: Tensor, _K: Tensor) -> Projected:
    return tuple(part[right[2] > 0] for part in right)


def _world_depth(right: Projected, means: Tensor, _viewmat: Tensor, _K: Tensor) -> Projected:
    return right[0], right[1], means[:, 2]


_transposed = _variant(place=lambda means, R, t: means @ R + t)
_from_the_origin = _variant(place=lambda means, R, t: means @ R.mT)
_no_perspective = _variant(slope=lambda p, m, K: _jacobian(p, m, K, sign=0.0))
_wrong_sign = _variant(slope=lambda p, m, K: _jacobian(p, m, K, sign=1.0))
_not_turned = _variant(turn=lambda R: torch.eye(3))
_turned_back = _variant(turn=lambda R: R.mT)
_world_frame = _variant(slope=lambda p, m, K: _jacobian(m + p[:, 2:] - m[:, 2:], m, K))
_one_focal = _variant(slope=lambda p, m, K: _jacobian(p, m, K[0, 0] * torch.eye(3)))

_DEPTHS = {
    "the depth is the mean's z in the world; the camera has a frame of its own.": _with(
        _world_depth
    ),
    "the depth is the distance to the camera; it should be the z in the camera's frame, which is "
    "negative behind the camera.": _with(_distance),
    "the camera's rotation is transposed: viewmat goes from the world to the camera.": _transposed,
    "the translation of viewmat has no effect.": _from_the_origin,
}
_PLACES = {
    "the principal point (c_x, c_y) is not added.": _with(_centre_forgotten),
    "c_x and c_y have changed places.": _with(_centre_swapped),
    "half a pixel is added; K already counts pixels from the picture's corner.": _with(_half_pixel),
}
_ELLIPSES = {
    "the Jacobian has no third column: moving towards the camera also moves the pixel outwards.": (
        _no_perspective
    ),
    "the third column of the Jacobian has the wrong sign.": _wrong_sign,
    "the covariance is still in the world's frame when it meets the Jacobian.": _not_turned,
    "the covariance is turned the wrong way: R and its transpose have changed places.": (
        _turned_back
    ),
    "the Jacobian is taken at the mean's x and y in the world, not in the camera's frame.": (
        _world_frame
    ),
    "one focal length serves for both axes of the ellipse.": _one_focal,
}


PROJECT = Check(
    name="gaussian_splatting.project",
    reference=project,
    cases=_cases,
    properties=(
        Property("means and depths are those of the pinhole", 1, _means_and_depths),
        Property("straight ahead, by hand", 1, _straight_ahead, cases=(AXIS,)),
        Property(
            "the Jacobian at the mean, in the camera's frame",
            1,
            _ellipses,
            cases=(SIDE, EDGE),
            hint="See hints 2 and 3.",
        ),
        gradients_flow(
            1,
            (0, 1),
            cases=(SIDE,),
            symmetric=(1,),
            hint="The Jacobian depends on the mean, so the ellipse has a gradient to it too.",
        ),
    ),
    mutants={
        "no blur": _variant(blur=torch.zeros(2, 2)),
        "blur squared": _variant(blur=0.09 * torch.eye(2)),
        "blur everywhere": _variant(blur=torch.full((2, 2), 0.3)),
        "no perspective in the ellipse": _no_perspective,
        "third column's sign": _wrong_sign,
        "covariance not turned": _not_turned,
        "covariance turned back": _turned_back,
        "Jacobian at the world's mean": _world_frame,
        "one focal length": _one_focal,
        "camera's rotation transposed": _transposed,
        "translation forgotten": _from_the_origin,
        "principal point forgotten": _with(_centre_forgotten),
        "principal point swapped": _with(_centre_swapped),
        "half a pixel too far": _with(_half_pixel),
        "distance for depth": _with(_distance),
        "depth in the world": _with(_world_depth),
        "drops what is behind": _with(_only_in_front),
        "Jacobian detached": _variant(slope=lambda p, m, K: _jacobian(p.detach(), m, K)),
    },
)
