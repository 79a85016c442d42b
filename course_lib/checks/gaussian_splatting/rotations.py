"""Exercise 1 of unit 17: four numbers that are always a rotation."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.mistakes import (
    compare,
    gradients_flow,
    listed,
    uniform,
)
from course_lib.rendering.splats import quaternion_to_rotation

RANDOM = "six random quaternions of length one"
LONG = "quaternions of other lengths"
NO_TURN = "the quaternion of no turn, (1, 0, 0, 0)"
TURNS = "quarter turns about x, y and z"

HALF = 0.5**0.5  # cos and sin of 45 degrees: a quaternion holds half the angle
# After a quarter turn about x, y, z (rows), where the axes x, y, z are.
TURNED = torch.tensor(
    [
        [[1, 0, 0], [0, 0, 1], [0, -1, 0]],
        [[0, 0, -1], [0, 1, 0], [1, 0, 0]],
        [[0, 1, 0], [-1, 0, 0], [0, 0, 1]],
    ],
    dtype=torch.float32,
)


def _cases(generator: torch.Generator) -> list[Case]:
    random = torch.randn(6, 4, generator=generator)
    unit = random / random.norm(dim=1, keepdim=True)
    lengths = uniform(0.2, 0.7, 6, 1, generator=generator) * torch.tensor([1.0, 5.0] * 3)[:, None]
    return [
        Case(RANDOM, (unit,)),
        Case(LONG, (unit * lengths,)),
        Case(NO_TURN, (torch.tensor([[1.0, 0.0, 0.0, 0.0]]),)),
        Case(TURNS, (torch.cat([torch.full((3, 1), HALF), HALF * torch.eye(3)], dim=1),)),
    ]


def _known_turns(ask: Ask, case: Case) -> Finding | None:
    came = ask(*case.inputs)
    if case.name == NO_TURN:
        if float((came[0] - torch.eye(3)).abs().max()) < 1e-5:
            return None
        return Finding(
            "the quaternion (1, 0, 0, 0) turns nothing: its matrix is the identity.",
            came="rows " + ", ".join(map(listed, came[0])),
            wanted="rows (1, 0, 0), (0, 1, 0), (0, 0, 1)",
        )
    went = came.mT  # (3 turns, 3 axes, 3): the columns are where the axes go
    off = (went - TURNED).abs().amax(dim=2) > 1e-5
    if not bool(off.any()):
        return None
    turn, axis = off.nonzero()[0].tolist()
    message = f"a quarter turn about {'xyz'[turn]} puts the {'xyz'[axis]} axis somewhere else."
    if float((came - TURNED).abs().max()) < 1e-5:
        message = (
            "every turn goes the wrong way round: the matrix is the transpose of what it should be."
        )
    return Finding(
        message,
        came=f"to {listed(went[turn, axis])}",
        wanted=f"to {listed(TURNED[turn, axis])}",
        hint="The columns of a rotation matrix are where the axes x, y and z go.",
    )


def _is_a_rotation(ask: Ask, case: Case) -> Finding | None:
    came = ask(*case.inputs)
    gram = came.mT.double() @ came.double()
    off = (gram - torch.eye(3)).abs().amax(dim=(1, 2))
    if float(off.max()) > 1e-4:
        n = int(off.argmax())
        lengths = gram[n].diagonal().sqrt()
        return Finding(
            "the columns of a rotation matrix have length one and are perpendicular; yours are "
            "not" + ("." if case.name == RANDOM else ", for quaternions that are not of length 1."),
            came=f"columns of length {listed(lengths)} for quaternion {n}",
            wanted="(1, 1, 1), perpendicular",
            hint="An optimiser does not keep quaternions at length one; this function has to.",
        )
    determinant = float(torch.linalg.det(came.double()).min())
    if determinant < 0.0:
        return Finding(
            "it mirrors: a rotation keeps the handedness of the axes.",
            came=f"determinant {determinant:.3g}",
            wanted="determinant 1",
        )
    if float((ask(-case.inputs[0]) - came).abs().max()) > 1e-5:
        return Finding(
            "q and -q are the same rotation, yet they give different matrices.",
            came=f"a difference of {float((ask(-case.inputs[0]) - came).abs().max()):.3g}",
            wanted="no difference",
            hint="Each entry is made of products of two of the four numbers: both signs cancel.",
        )
    return None


def _entries(
    change: Callable[[Tensor], Tensor] = lambda quats: quats / quats.norm(dim=-1, keepdim=True),
    twice: float = 2.0,
    sign: float = 1.0,
) -> Callable[[Tensor], Tensor]:
    """The textbook formula, with something wrong before it or in it."""

    def function(quats: Tensor) -> Tensor:
        w, x, y, z = change(quats).unbind(-1)
        rows = [
            [1 - twice * (y * y + z * z), twice * (x * y - w * z), twice * (x * z + sign * w * y)],
            [twice * (x * y + w * z), 1 - twice * (x * x + z * z), twice * (y * z - w * x)],
            [twice * (x * z - w * y), twice * (y * z + w * x), 1 - twice * (x * x + y * y)],
        ]
        return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)

    return function


def _length(quats: Tensor) -> Tensor:
    return quats.norm(dim=-1, keepdim=True)


_MISTAKES = {
    "the four numbers are taken as (x, y, z, w); here the order is (w, x, y, z).": (
        _entries(lambda quats: (quats / _length(quats)).roll(1, dims=-1))
    ),
    "the matrix is the transpose of what it should be: it turns the other way.": (
        lambda quats: quaternion_to_rotation(quats).mT
    ),
}


def _in_place(quats: Tensor) -> Tensor:
    return quaternion_to_rotation(quats.div_(_length(quats)))


QUATERNION_TO_ROTATION = Check(
    name="gaussian_splatting.quaternion_to_rotation",
    reference=quaternion_to_rotation,
    cases=_cases,
    properties=(
        Property(
            "turns that are known by heart",
            1,
            _known_turns,
            cases=(NO_TURN, TURNS),
            hint="See hint 1.",
        ),
        Property(
            "a rotation whatever the length, and q the same as -q",
            1,
            _is_a_rotation,
            cases=(RANDOM, LONG),
            hint="See hint 2.",
        ),
        Property(
            "values agree with the reference",
            1,
            lambda ask, case: compare(ask, case, _MISTAKES),
            cases=(RANDOM, LONG),
            hint="See hint 3.",
        ),
        gradients_flow(
            1,
            (0,),
            cases=(LONG,),
            hint="The length is part of the function: the gradient goes through it too, and so a "
            "step along the quaternion itself changes nothing.",
        ),
    ),
    mutants={
        "not normalised": _entries(lambda quats: quats),
        "divided by the squared length": _entries(lambda quats: quats / _length(quats).square()),
        "one length for all": _entries(lambda quats: quats / quats.norm()),
        "the real part last": _entries(lambda quats: (quats / _length(quats)).roll(1, dims=-1)),
        "transposed": lambda quats: quaternion_to_rotation(quats).mT,
        "a factor 2 forgotten": _entries(twice=1.0),
        "one sign wrong": _entries(sign=-1.0),
        "the real part made positive": _entries(
            lambda quats: torch.cat([quats[:, :1].abs(), quats[:, 1:]], dim=1) / _length(quats)
        ),
        "mirrored": lambda quats: quaternion_to_rotation(quats) * torch.tensor([1.0, 1.0, -1.0]),
        "the length detached": _entries(lambda quats: quats / _length(quats).detach()),
        "detached": lambda quats: quaternion_to_rotation(quats.detach()),
        "normalises its input in place": _in_place,
    },
)
