"""Exercise 4 of unit 15: the matrix behind eight matches."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.structure_from_motion.common import apart, two_pictures
from course_lib.rendering import sfm
from course_lib.rendering.sfm import eight_point

EIGHT = "eight exact matches"
TWELVE = "twelve exact matches"
NOISY = "forty matches, each half a pixel off"
FAR = "forty noisy matches in a corner of a large picture"


def _cases(generator: torch.Generator) -> list[Case]:
    exact = [two_pictures(count, 0.0, generator)[:2] for count in (8, 12)]
    first, second, _ = two_pictures(40, 0.5, generator)
    far = torch.tensor([4000.0, 3000.0]).double()
    other = two_pictures(40, 0.5, generator)
    return [
        Case(EIGHT, exact[0]),
        Case(TWELVE, exact[1]),
        Case(NOISY, (first, second)),
        Case(FAR, (other[0] + far, other[1] + far)),
    ]


def _constraint(ask: Ask, case: Case) -> Finding | None:
    first, second = case.inputs
    F = ask(*case.inputs)
    off = float(sfm.sampson_distance(F, first, second).nan_to_num(nan=torch.inf).max())
    if off < 1e-3 and float(F.norm()) > 1e-12:
        return None
    message = "the matches do not satisfy x2^T F x1 = 0."
    if float(sfm.sampson_distance(F.mT, first, second).max()) < 1e-3:
        message = "F is transposed: it takes points of the first picture to lines of the second."
    elif apart(F, _not_undone(first, second)) < 1e-6:
        message = "F still belongs to the moved and scaled points, not to pixels."
    elif apart(F, _undone_backwards(first, second)) < 1e-6:
        message = "the two transformations have changed places when F is brought back to pixels."
    elif apart(F, _largest(first, second)) < 1e-6:
        message = "this vector makes the sum of squares as large as it can be; smallest is asked."
    return Finding(message, came=f"off by {off:.3g} pixels", wanted="0", hint="See hints 1 and 3.")


def _rank_and_norm(ask: Ask, case: Case) -> Finding | None:
    F = ask(*case.inputs)
    singular = torch.linalg.svdvals(F)
    if float(singular[2]) > 1e-9 * float(singular[0]):
        return Finding(
            "a fundamental matrix has rank 2: all epipolar lines meet in one point.",
            came=f"smallest singular value {float(singular[2] / singular[0]):.2g} of the largest",
            wanted="0",
            hint="Take F apart, set its smallest singular value to 0, and put it together again.",
        )
    if abs(float(F.norm()) - 1) < 1e-6:
        return None
    return Finding(
        "F is asked with norm 1, the square root of the sum of its squared entries.",
        came=f"norm {float(F.norm()):.4g}",
        wanted="1",
    )


def _precise(ask: Ask, case: Case) -> Finding | None:
    """Noise does not become larger than it has to, wherever the points lie."""
    first, second = case.inputs
    off = [
        float(sfm.sampson_distance(F, first, second).square().mean().sqrt())
        for F in (ask(*case.inputs), ask.wanted(*case.inputs))
    ]
    if off[0] <= 1.1 * off[1] + 1e-3:
        return _moves_along(ask, case) if case.name == FAR else None
    message = "noise of half a pixel becomes an error that is larger than it has to be."
    if case.name == FAR:
        message = "where the points lie in the picture should not matter, and it does."
    return Finding(
        message,
        came=f"{off[0]:.3g} pixels",
        wanted=f"{off[1]:.3g} pixels",
        hint="Columns of very different size spoil the system. See hint 2.",
    )


def _moves_along(ask: Ask, case: Case) -> Finding | None:
    first, second = case.inputs
    shift = torch.tensor([4000.0, 3000.0]).double()
    T = torch.eye(3).double()
    T[:2, 2] = -shift
    there = T.mT @ ask(first - shift, second - shift) @ T
    off = apart(there, ask(first, second))
    if off < 1e-6:
        return None
    return Finding(
        "moving the origin changes more than the names of the places.",
        came=f"the matrices differ by {off:.2g}",
        wanted="less than 1e-6",
        hint="Normalise both pictures, each by its own points.",
    )


def _variant(
    normalize: Callable[[Tensor], Tensor] = sfm.normalising_transform,
    order: str = "21",
    row: int = -1,
    rank: Callable[[Tensor], Tensor] = sfm.rank_two,
    undo: str = "21",
    unit: bool = True,
) -> Callable[[Tensor, Tensor], Tensor]:
    """A wrong answer, put together from its parts."""

    def function(first: Tensor, second: Tensor) -> Tensor:
        T = {"1": normalize(first), "2": normalize(second), "0": torch.eye(3).double()}
        x = {"1": sfm.homogeneous(first) @ T["1"].mT, "2": sfm.homogeneous(second) @ T["2"].mT}
        system = torch.einsum("na,nb->nab", x[order[0]], x[order[1]]).flatten(1)
        F = torch.linalg.svd(system, full_matrices=True).Vh[row].view(3, 3)
        F = T[undo[0]].mT @ rank(F) @ T[undo[1]]
        return F / F.norm() if unit else F

    return function


def _plain(points: Tensor) -> Tensor:
    return torch.eye(3).double()


def _scaled(points: Tensor) -> Tensor:
    T = sfm.normalising_transform(points)
    T[:2, 2] = 0.0
    return T


_not_undone = _variant(undo="00")
_undone_backwards = _variant(undo="12")
_largest = _variant(row=0)
_late = _variant(rank=lambda F: F)


def _rank_before(first: Tensor, second: Tensor) -> Tensor:
    """The last row of the matrix zeroed: rank 2, but not the nearest such matrix."""
    F = _late(first, second)
    F = torch.cat([F[:2], F.new_zeros(1, 3)])
    return F / F.norm()


EIGHT_POINT = Check(
    name="structure_from_motion.eight_point",
    reference=eight_point,
    cases=_cases,
    properties=(
        Property("exact matches satisfy the constraint", 2, _constraint, cases=(EIGHT, TWELVE)),
        Property("rank 2 and norm 1", 1, _rank_and_norm, cases=(NOISY,)),
        Property("noise stays small, here and far away", 2, _precise, cases=(NOISY, FAR)),
    ),
    mutants={
        "transposed": _variant(order="12", undo="12"),
        "not undone": _not_undone,
        "undone the wrong way round": _undone_backwards,
        "largest singular vector": _largest,
        "rank 3": _late,
        "a row set to zero": _rank_before,
        "not normalised": _variant(normalize=_plain),
        "scaled, not moved": _variant(normalize=_scaled),
        "any length": _variant(unit=False),
        "last but one": _variant(row=-2),
    },
)
