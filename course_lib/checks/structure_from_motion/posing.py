"""Exercise 6 of unit 15: one of four."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.mistakes import listed
from course_lib.checks.structure_from_motion.common import cameras, cube_points
from course_lib.rendering import sfm
from course_lib.rendering.sfm import pose_from_essential

SIDE = "a step to the side"
BACK = "the same two cameras, the other one first"
SIGN = "E with the other sign, three times as large"
TURNED = "pictures that are upside down to each other"
FORWARD = "a step forward"
CASES = (SIDE, BACK, SIGN, TURNED, FORWARD)


def _seen(relative: Tensor, points: Tensor, factor: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
    """E, and where points in the first camera's axes are seen at depth 1 by both."""
    R, t = relative[:3, :3], relative[:3, 3]
    E = sfm.cross_matrix(t / t.norm()) @ R
    P = torch.stack([torch.eye(4).double(), relative])[:, :3]
    pixels, _ = sfm.project_points(P, points)
    return factor * E, pixels[0], pixels[1]


def _cases(generator: torch.Generator) -> list[Case]:
    def pair(name: str, factor: float = 1.0) -> Case:
        viewmats = cameras(2, generator)
        if name == TURNED:
            viewmats[1, :2] *= -1
        elif name == FORWARD:
            viewmats[1] = viewmats[0]
            viewmats[1, 2, 3] -= 1.5
            viewmats[1, 0, 3] += 0.2
        first, second = viewmats.flip(0) if name == BACK else viewmats
        points = cube_points(25, generator) @ first[:3, :3].mT + first[:3, 3]
        return Case(name, _seen(second @ torch.linalg.inv(first), points, factor))

    return [pair(SIDE), pair(BACK), pair(SIGN, -3.0), pair(TURNED), pair(FORWARD)]


def _a_rotation(ask: Ask, case: Case) -> Finding | None:
    R, t = ask(*case.inputs)
    if float((R @ R.mT - torch.eye(3)).abs().max()) > 1e-6:
        return Finding("R is no rotation: its rows are not of length 1 and perpendicular.")
    if float(torch.linalg.det(R)) < 0:
        return Finding(
            "R mirrors the world: the determinant of a rotation is 1.",
            came="determinant -1",
            wanted="1",
            hint="-R belongs to the same E up to its sign, which means nothing.",
        )
    if abs(float(t.norm()) - 1) < 1e-6:
        return None
    return Finding(
        "the length of t cannot be known; it is asked to be 1.", came=f"{float(t.norm()):.4g}"
    )


def _belongs(ask: Ask, case: Case) -> Finding | None:
    E, _, _ = case.inputs
    R, t = ask(*case.inputs)
    made = sfm.cross_matrix(t) @ R
    off = _apart(made, E)
    if off < 1e-5:
        return None
    message = "[t]x R is not E."
    if _apart(sfm.cross_matrix(t) @ R.mT, E) < 1e-5:
        message = "R turns the other way: it should take the first camera's axes to the second's."
    elif _apart(sfm.cross_matrix(-R @ t) @ R, E) < 1e-5:
        message = "t is where the second camera stands, not what is added behind the turn."
    return Finding(message, came=f"a difference of {off:.2g}", wanted="0", hint="See hint 1.")


def _apart(made: Tensor, E: Tensor) -> float:
    made, E = made / made.norm().clamp_min(1e-12), E / E.norm()
    return float(torch.minimum((made - E).abs().max(), (made + E).abs().max()))


def _the_one(ask: Ask, case: Case) -> Finding | None:
    """Also with E's sign turned, and with the cameras' roles exchanged."""
    E, first, second = case.inputs
    found = None
    for inputs in (case.inputs, (-E, first, second), (E.mT, second, first), (-E.mT, second, first)):
        found = found or _one_of_four(ask, inputs)
    return found


def _one_of_four(ask: Ask, inputs: tuple[Tensor, ...]) -> Finding | None:
    (R, t), (true_R, true_t) = ask(*inputs), ask.wanted(*inputs)
    t = torch.nn.functional.normalize(t, dim=0)
    right = torch.allclose(R, true_R, atol=1e-4), torch.allclose(t, true_t, atol=1e-4)
    if all(right):
        return None
    _, first, second = inputs
    P = torch.stack([torch.eye(4)[:3].double(), torch.cat([R, t[:, None]], dim=1)])
    _, depths = sfm.project_points(P, sfm.triangulate(P, torch.stack([first, second])))
    front = (depths > 0).sum(dim=1).tolist()
    if right[0] and torch.allclose(t, -true_t, atol=1e-4):
        message = "R is right, but t points the other way: the points lie behind both cameras."
    elif front[0] > 0.8 * len(first) and front[1] < 0.2 * len(first):
        message = "the points lie in front of the first camera and behind the second one."
    elif front[1] > 0.8 * len(first) and front[0] < 0.2 * len(first):
        message = "the points lie in front of the second camera and behind the first one."
    elif right[1]:
        message = "t is right, but R is the other of the two turns."
    else:
        message = "it is another of the four poses, or none of them."
    return Finding(
        message,
        came=f"in front of the cameras: {front[0]} and {front[1]} of {len(first)} points",
        wanted=f"{len(first)} and {len(first)}",
        hint="A point has to lie in front of both cameras. t here " + listed(t) + ". See hint 3.",
    )


def _counts(front: Tensor) -> float:
    return float(front.all(dim=0).sum())


def _variant(
    score: Callable[[Tensor], float] = _counts,
    mend: bool = True,
    quarter: Tensor | None = None,
    finish: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] = lambda R, t: (R, t),
    column: str = "U",
) -> Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]:
    """A wrong answer, put together from its parts."""

    def function(E: Tensor, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        U, _, V = torch.linalg.svd(E)
        W = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]).double()
        W = W if quarter is None else quarter
        best = None
        for turn in (U @ W @ V, U @ W.mT @ V):
            R = turn * torch.linalg.det(turn).sign() if mend else turn
            for sign in (1.0, -1.0):
                t = sign * (U[:, 2] if column == "U" else V[2])
                P = torch.stack([torch.eye(4)[:3].double(), torch.cat([R, t[:, None]], dim=1)])
                _, depths = sfm.project_points(P, sfm.triangulate(P, torch.stack([first, second])))
                value = score(depths > 0)
                if best is None or value > best[0]:
                    best = value, finish(R, t)
        return best[1]

    return function


POSE_FROM_ESSENTIAL = Check(
    name="structure_from_motion.pose_from_essential",
    reference=pose_from_essential,
    cases=_cases,
    properties=(
        Property("R a rotation, t of length one", 1, _a_rotation, cases=CASES),
        Property("E = [t]x R", 1, _belongs, cases=CASES),
        Property("of the four the one with all points in front", 3, _the_one, cases=CASES),
    ),
    mutants={
        "always the same of the four": _variant(lambda front: 0.0),
        "in front of the first only": _variant(lambda front: float(front[0].sum())),
        "in front of the second only": _variant(lambda front: float(front[1].sum())),
        "mirrored": _variant(mend=False),
        "R turned round": _variant(finish=lambda R, t: (R.mT.contiguous(), t)),
        "t turned round": _variant(finish=lambda R, t: (R, -t)),
        "the camera's centre": _variant(finish=lambda R, t: (R, -R.mT @ t)),
        "t from the right side": _variant(column="V"),
        "t twice as long": _variant(finish=lambda R, t: (R, 2 * t)),
        "no quarter turn": _variant(quarter=torch.eye(3).double()),
    },
)
