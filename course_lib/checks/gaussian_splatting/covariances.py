"""Exercise 2 of unit 17: the shape of a Gaussian, from a rotation and three scales."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.mistakes import (
    compare,
    gradients_flow,
    listed,
    recognise,
    uniform,
)
from course_lib.rendering.splats import covariance, quaternion_to_rotation

RANDOM = "six random Gaussians"
THIN = "a disc and a needle"
STRAIGHT = "Gaussians that are not turned"
ROUND = "round Gaussians, turned any way"
QUARTER = "a long Gaussian, a quarter turn about z"


def _cases(generator: torch.Generator) -> list[Case]:
    def scales(*shape: int) -> Tensor:
        return uniform(0.3, 2.0, *shape, generator=generator)

    no_turn = torch.tensor([[1.0, 0.0, 0.0, 0.0]])
    thin = torch.tensor([[1.0, 1.3, 0.02], [0.02, 0.02, 1.5]]) * scales(2, 1)
    return [
        Case(RANDOM, (torch.randn(6, 4, generator=generator), scales(6, 3))),
        Case(THIN, (torch.randn(2, 4, generator=generator), thin)),
        Case(STRAIGHT, (no_turn.expand(2, 4).clone(), scales(2, 3))),
        Case(ROUND, (torch.randn(3, 4, generator=generator), scales(3, 1).repeat(1, 3))),
        Case(QUARTER, (torch.tensor([[1.0, 0.0, 0.0, 1.0]]), torch.tensor([[3.0, 1.0, 0.5]]))),
    ]


def _known_shapes(ask: Ask, case: Case) -> Finding | None:
    scales = case.inputs[1]
    wanted = torch.diag_embed(scales.square())
    if case.name == QUARTER:
        wanted = torch.diag(torch.tensor([1.0, 9.0, 0.25]))[None]
    came = ask(*case.inputs)
    off = (came - wanted).abs().amax(dim=(1, 2)) > 1e-4
    if not bool(off.any()):
        return None
    n = int(off.nonzero()[0])
    message = {
        STRAIGHT: "without a turn the covariance is diagonal, with the variances along x, y and z.",
        ROUND: "a round Gaussian looks the same however it is turned: one variance, times I.",
        QUARTER: "its long axis, x, should point along y after a quarter turn about z.",
    }[case.name]
    return Finding(
        message,
        came="rows " + ", ".join(map(listed, came[n])),
        wanted="rows " + ", ".join(map(listed, wanted[n])),
        hint="A scale is a standard deviation. What is a variance?",
    )


def _ellipsoid(ask: Ask, case: Case) -> Finding | None:
    quats, scales = case.inputs
    came = ask(quats, scales).double()
    size = scales.square().amax(dim=1)
    lopsided = (came - came.mT).abs().amax(dim=(1, 2)) / size
    if float(lopsided.max()) > 1e-4:
        n = int(lopsided.argmax())
        return Finding(
            "a covariance is symmetric: x varies with y as y varies with x.",
            came=f"{float(came[n, 0, 1]):.4g} at (0, 1), {float(came[n, 1, 0]):.4g} at (1, 0)",
            wanted="the same number twice",
        )
    variances = torch.linalg.eigvalsh(came)  # (N, 3), ascending
    wanted = scales.double().square().sort(dim=1).values
    off = (variances - wanted).abs().amax(dim=1) / size
    if float(off.max()) > 1e-4:
        n = int(off.argmax())
        return Finding(
            "turning a Gaussian must not change how long its axes are: the eigenvalues of the "
            "covariance are the squared scales.",
            came=f"eigenvalues {listed(variances[n])}",
            wanted=listed(wanted[n]),
            hint="Is the matrix left and right of the scales a rotation? It is if the quaternion "
            "was normalised, as splats.quaternion_to_rotation does.",
        )
    return _turns_along(ask, case)


def _turns_along(ask: Ask, case: Case) -> Finding | None:
    """Turning the Gaussian by a further quarter turn about z turns its covariance."""
    quats, scales = case.inputs
    w, x, y, z = quats.unbind(-1)
    further = torch.stack([w - z, x - y, y + x, z + w], dim=-1)  # (1, 0, 0, 1) times q
    turn = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    came, wanted = ask(further, scales), turn @ ask(quats, scales) @ turn.mT
    error = (came - wanted).abs().amax(dim=(1, 2)) / scales.square().amax(dim=1)
    if float(error.max()) <= 1e-4:
        return None
    n = int(error.argmax())
    message = recognise(ask(quats, scales), case.inputs, _MISTAKES, atol=1e-4, rtol=1e-4) or (
        "turned by a further quarter turn about z, a Gaussian should have its covariance turned "
        "by the same turn."
    )
    return Finding(
        message,
        came="diagonal " + listed(came[n].diagonal()),
        wanted="diagonal " + listed(wanted[n].diagonal()),
        hint="Which of the two matrices meets a vector of the world first?",
    )


def _variant(
    make: Callable[[Tensor, Tensor], Tensor],
) -> Callable[[Tensor, Tensor], Tensor]:
    """A wrong answer from the rotation R and the diagonal matrix S."""
    return lambda quats, scales: make(quaternion_to_rotation(quats), torch.diag_embed(scales))


def _not_normalised(quats: Tensor, scales: Tensor) -> Tensor:
    return covariance(quats, scales) * quats.norm(dim=1)[:, None, None] ** 4


def _doubles_in_place(quats: Tensor, scales: Tensor) -> Tensor:
    axes = quaternion_to_rotation(quats)
    return axes @ torch.diag_embed(scales.square_()) @ axes.mT


_transposed = _variant(lambda R, S: R.mT @ S @ S @ R)
_standard_deviations = _variant(lambda R, S: R @ S @ R.mT)
_rows = _variant(lambda R, S: S @ R @ R.mT @ S)
_not_squared_back = _variant(lambda R, S: R @ S @ S @ R)

_MISTAKES = {
    "the rotation stands the wrong way round: it is transposed on the left, not on the right.": (
        _transposed
    ),
    "the scales are not squared: a covariance is made of variances.": _standard_deviations,
    "the scales are squared once too often.": _variant(lambda R, S: R @ S**4 @ R.mT),
    "the scales multiply the rows of the rotation, so that it cancels.": _rows,
    "the scales are taken as logarithms; here they are standard deviations already.": (
        lambda quats, scales: covariance(quats, scales.exp())
    ),
    "the rotation stands on both sides, but on neither is it transposed.": _not_squared_back,
}


COVARIANCE = Check(
    name="gaussian_splatting.covariance",
    reference=covariance,
    cases=_cases,
    properties=(
        Property(
            "shapes that are known by heart",
            1,
            _known_shapes,
            cases=(STRAIGHT, ROUND, QUARTER),
            hint="See hint 1.",
        ),
        Property(
            "symmetric, as long as its scales, and it turns along",
            1,
            _ellipsoid,
            cases=(RANDOM, THIN),
            hint="See hint 2.",
        ),
        Property(
            "values agree with the reference",
            1,
            lambda ask, case: compare(ask, case, _MISTAKES, atol=1e-4),
            cases=(RANDOM, THIN),
            hint="See hint 3.",
        ),
        gradients_flow(
            1,
            (0, 1),
            cases=(RANDOM,),
            hint="Fitting a scene means following these gradients: both to the turn and the size.",
        ),
    ),
    mutants={
        "rotation transposed": _transposed,
        "scales not squared": _standard_deviations,
        "scales to the fourth": _variant(lambda R, S: R @ S**4 @ R.mT),
        "scales on the rows": _rows,
        "no transpose": _not_squared_back,
        "one-sided": _variant(lambda R, S: R @ S @ S),
        "quaternion not normalised": _not_normalised,
        "scales taken as logarithms": lambda quats, scales: covariance(quats, scales.exp()),
        "first scales for all": lambda quats, scales: covariance(
            quats, scales[:1].expand_as(scales)
        ),
        "scales detached": lambda quats, scales: covariance(quats, scales.detach()),
        "quaternions detached": lambda quats, scales: covariance(quats.detach(), scales),
        "squares its input in place": _doubles_in_place,
    },
)
