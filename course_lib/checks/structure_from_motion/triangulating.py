"""Exercise 7 of unit 15: where rays meet."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.mistakes import listed
from course_lib.checks.structure_from_motion.common import cameras, cube_points, intrinsics
from course_lib.rendering import sfm
from course_lib.rendering.sfm import triangulate

TWO = "six points in two exact pictures"
ONE = "one point in two pictures"
FOUR = "six points in four exact pictures"
NOISY = "thirty points in six pictures, one pixel of noise"
ORIGIN = "cameras with K = 1, one of them at the origin"


def _seen(count: int, points: Tensor, noise: float, generator: torch.Generator) -> tuple:
    P = sfm.projection_matrix(intrinsics(), cameras(count, generator, 0.7))
    pixels, _ = sfm.project_points(P, points)
    return P, pixels + noise * torch.randn(pixels.shape, generator=generator).double()


def _cases(generator: torch.Generator) -> list[Case]:
    def points(count: int) -> Tensor:
        return cube_points(count, generator)

    plain = torch.eye(4).double()[:3].repeat(2, 1, 1)
    plain[1, :, 3] = torch.tensor([-1.0, 0.2, 0.1])
    ahead = points(4) + torch.tensor([0.0, 0.0, 4.0])
    return [
        Case(TWO, _seen(2, points(6), 0.0, generator)),
        Case(ONE, _seen(2, points(1), 0.0, generator)),
        Case(FOUR, _seen(4, points(6), 0.0, generator)),
        Case(NOISY, _seen(6, points(30), 1.0, generator)),
        Case(ORIGIN, (plain, sfm.project_points(plain, ahead)[0])),
    ]


def _exact(ask: Ask, case: Case) -> Finding | None:
    came, wanted = ask(*case.inputs), ask.wanted(*case.inputs)
    off = (came - wanted).norm(dim=1).nan_to_num(nan=torch.inf)
    if float(off.max()) < 1e-4:
        return None
    n = int(off.argmax())
    message = "the point is not where the rays meet."
    for sentence, wrong in _MISTAKES.items():
        if torch.allclose(came, wrong(*case.inputs), atol=1e-6):
            message = sentence
    return Finding(
        message,
        came=f"point {n} at {listed(came[n])}",
        wanted=listed(wanted[n]),
        hint="See hints 1 and 2.",
    )


def _reprojected(points: Tensor, P: Tensor, pixels: Tensor) -> float:
    where, _ = sfm.project_points(P, points)
    return float((where - pixels).norm(dim=-1).mean().nan_to_num(nan=torch.inf))


def _all_views(ask: Ask, case: Case) -> Finding | None:
    """Noise averages out over six pictures, for each of them alike."""
    P, pixels = case.inputs
    off = _reprojected(ask(P, pixels), P, pixels)
    best = _reprojected(ask.wanted(P, pixels), P, pixels)
    if off > 1.1 * best:
        return Finding(
            "more pictures should make a point better known, and do not.",
            came=f"seen {off:.3g} pixels off on average",
            wanted=f"{best:.3g} pixels",
            hint="Every picture gives two equations; all of them belong to one system.",
        )
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    change = float((ask(P[order], pixels[order]) - ask(P, pixels)).abs().max())
    if change > 1e-6:
        return Finding("the order of the pictures should not matter.", came=f"{change:.2g}")
    return None


def _moves_with_the_world(ask: Ask, case: Case) -> Finding | None:
    """Cameras and points together may stand anywhere: the answer moves along, for exact pixels."""
    P, pixels = case.inputs
    world = torch.eye(4).double()
    world[:3, :3] = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    world[:3, 3] = torch.tensor([3.0, -2.0, 7.0])
    there = ask(P @ torch.linalg.inv(world), pixels)
    wanted = ask(P, pixels) @ world[:3, :3].mT + world[:3, 3]
    off = float((there - wanted).norm(dim=1).nan_to_num(nan=torch.inf).max())
    if off < 1e-4:
        scaled = ask(5.0 * P, pixels)
        if float((scaled - ask(P, pixels)).abs().max()) < 1e-4:
            return None
        return Finding("P and 5 P are the same camera, yet the points differ.")
    return Finding(
        "cameras and points are moved together, and the result does not move with them.",
        came=f"{off:.3g} away",
        wanted="less than 1e-4",
        hint="A homogeneous point (X, Y, Z, W) stands for (X, Y, Z) / W, with any W.",
    )


def _variant(
    rows: Callable[[Tensor, Tensor], Tensor] = lambda P, x: (
        x[..., None] * P[:, None, 2:3] - P[:, None, :2]
    ),
    which: int = -1,
    finish: Callable[[Tensor], Tensor] = lambda X: X[:, :3] / X[:, 3:],
    views: int = 10**9,
) -> Callable[[Tensor, Tensor], Tensor]:
    """A wrong answer, put together from its parts."""

    def function(projections: Tensor, points: Tensor) -> Tensor:
        P, x = projections[:views], points[:views]
        system = rows(P, x).permute(1, 0, 2, 3).flatten(1, 2)
        return finish(torch.linalg.svd(system, full_matrices=True).Vh[:, which])

    return function


def _pairs(projections: Tensor, points: Tensor) -> Tensor:
    """The mean of what each picture says with the first one."""
    each = [triangulate(projections[[0, k]], points[[0, k]]) for k in range(1, len(points))]
    return torch.stack(each).mean(dim=0)


_undivided = _variant(finish=lambda X: X[:, :3])
_swapped = _variant(lambda P, x: x.flip(-1)[..., None] * P[:, None, 2:3] - P[:, None, :2])
_added = _variant(lambda P, x: x[..., None] * P[:, None, 2:3] + P[:, None, :2])
_largest = _variant(which=0)
_by_z = _variant(finish=lambda X: X[:, :3] / X[:, 2:3])
_one_row = _variant(lambda P, x: (x[..., None] * P[:, None, 2:3] - P[:, None, :2]).roll(1, 0)[:1])
_first_point = _variant(finish=lambda X: (X[:, :3] / X[:, 3:])[:1].expand(len(X), 3))
_MISTAKES = {
    "the fourth number is not divided out.": _undivided,
    "x and y have changed places in the equations.": _swapped,
    "a sign: x times the third row *less* the first one.": _added,
    "this vector makes the equations as wrong as can be; the smallest singular value is asked.": (
        _largest
    ),
    "it divides by the depth: that makes pixels of points, not points of rays.": _by_z,
    "all points get the place of the first one.": _first_point,
}

TRIANGULATE = Check(
    name="structure_from_motion.triangulate",
    reference=triangulate,
    cases=_cases,
    properties=(
        Property("exact pictures give exact points", 2, _exact, cases=(ONE, TWO, FOUR, ORIGIN)),
        Property("every picture counts", 1, _all_views, cases=(NOISY,), hint="See hint 3."),
        Property("anywhere in the world", 1, _moves_with_the_world, cases=(TWO,)),
    ),
    mutants={
        "not divided": _undivided,
        "divided by the depth": _by_z,
        "x and y swapped": _swapped,
        "a sign": _added,
        "largest singular vector": _largest,
        "last but one": _variant(which=-2),
        "the first two pictures": _variant(views=2),
        "mean of pairs": _pairs,
        "one equation": _one_row,
        "the first point for all": _first_point,
    },
)
