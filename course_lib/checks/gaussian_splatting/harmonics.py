"""Exercise 4 of unit 17: a colour that depends on where you stand."""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.mistakes import (
    Mistakes,
    compare,
    gradients_flow,
    listed,
    uniform,
)
from course_lib.rendering.splats import evaluate_sh
from course_lib.rendering.splats.harmonics import SH_CONSTANT, SH_LINEAR, sh_basis

SECOND = "degree 2, seen from random directions"
FIRST = "degree 1, seen along the axes"
LONG = "directions of any length"
CONSTANT = "degree 0, seen from random directions"
DARK = "coefficients that ask for more than white and less than black"
SPHERE = "each of the nine functions, all around the sphere"

NAMES = ("0", "1, m = -1", "1, m = 0", "1, m = 1")
NAMES += tuple(f"2, m = {m}" for m in range(-2, 3))


def _cases(generator: torch.Generator) -> list[Case]:
    def coefficients(count: int, functions: int, high: float = 0.1) -> Tensor:
        return uniform(-high, high, count, functions, 3, generator=generator)

    def directions(count: int) -> Tensor:
        drawn = torch.randn(count, 3, generator=generator)
        return drawn / drawn.norm(dim=1, keepdim=True)

    axes = torch.cat([torch.eye(3), -torch.eye(3)])
    lengths = uniform(1.5, 5.0, 6, 1, generator=generator)
    points, _ = _quadrature()
    each = torch.eye(9).repeat_interleave(len(points), 0)[..., None].repeat(1, 1, 3)  # (9 Q, 9, 3)
    light = torch.eye(9)[0, :, None]  # enough of the constant that nothing is cut off
    dark = coefficients(8, 9, 3.0)
    dark[:4, 0], dark[4:, 0] = 4.0, -4.0
    return [
        Case(SECOND, (coefficients(8, 9), directions(8))),
        Case(FIRST, (coefficients(1, 4, 0.4).repeat(6, 1, 1), axes)),
        Case(LONG, (coefficients(6, 9), directions(6) * lengths)),
        Case(CONSTANT, (coefficients(5, 1, 1.0), directions(5))),
        Case(DARK, (dark, directions(8))),
        Case(SPHERE, (0.1 * each + light, points.repeat(9, 1))),
    ]


def _quadrature() -> tuple[Tensor, Tensor]:
    """Directions (Q, 3) and weights (Q,) that integrate polynomials to degree 5 exactly."""
    heights, weights = (torch.tensor(each) for each in np.polynomial.legendre.leggauss(3))
    angles = torch.arange(6) * (math.pi / 3) + 0.2
    z = heights.repeat_interleave(6)
    flat, turn = (1 - z * z).sqrt(), angles.repeat(3)
    points = torch.stack([flat * turn.cos(), flat * turn.sin(), z], dim=1).float()
    return points, (weights * math.pi / 3).repeat_interleave(6)


def _known_colors(ask: Ask, case: Case) -> Finding | None:
    sh, _ = case.inputs
    came = ask(*case.inputs)
    if case.name == CONSTANT:
        wanted = 0.5 + SH_CONSTANT * sh[:, 0]
        if float((came - wanted).abs().max()) <= 1e-5:
            return None
        return Finding(
            _why_constant(came, sh),
            came=f"{listed(came[0])} for coefficients {listed(sh[0, 0])}",
            wanted=listed(wanted[0]),
            hint="One coefficient, one constant, and one half: grey where the coefficient is zero.",
        )
    if float(came.min()) < 0.0:
        message, wanted = "there is no negative light: it is cut off at zero.", "at least 0"
        return Finding(message, came=f"as low as {float(came.min()):.3g}", wanted=wanted)
    if float(came.max()) <= 1.0:
        return Finding(
            "nothing is brighter than 1 any more, and the coefficients ask for more. Only what is "
            "below zero is cut off: a gradient must be able to bring the rest back.",
            came=f"at most {float(came.max()):.3g}",
            wanted=f"up to {float(ask.wanted(*case.inputs).max()):.3g}",
        )
    return compare(ask, case, _MISTAKES)


def _why_constant(came: Tensor, sh: Tensor) -> str:
    plain = SH_CONSTANT * sh[:, 0]
    guesses = {
        "one half is not added: coefficients of zero should be grey, not black.": (
            plain.clamp_min(0.0)
        ),
        "it is cut off at zero before one half is added.": 0.5 + plain.clamp_min(0.0),
        "the coefficient is taken as the colour itself; it is multiplied by Y_0 = 0.2821 first.": (
            0.5 + sh[:, 0]
        ),
        "the sum goes through a sigmoid; here it is only cut off at zero.": torch.sigmoid(plain),
    }
    found = [words for words, guess in guesses.items() if torch.allclose(came, guess, atol=1e-5)]
    return found[0] if found else "one coefficient gives one colour, the same from everywhere."


def _orthonormal(ask: Ask, case: Case) -> Finding | None:
    """The nine functions have norm one and are perpendicular; odd degrees change sign."""
    _, weights = _quadrature()
    values = _functions(ask, *case.inputs)
    gram = (values * weights) @ values.mT
    error = (gram - torch.eye(9)).abs()
    if float(error.max()) > 1e-3:
        i, j = divmod(int(error.argmax()), 9)
        message = (
            f"the function of degree {NAMES[i]} is not the size it should be: squared, and "
            f"integrated over the sphere, it gives one."
            if i == j
            else f"the functions of degree {NAMES[i]} and of degree {NAMES[j]} overlap; no two may."
        )
        return Finding(message, came=f"{float(gram[i, j]):.4g}", wanted="1" if i == j else "0")
    behind = _functions(ask, case.inputs[0], -case.inputs[1])
    sign = torch.tensor([1.0] + [-1.0] * 3 + [1.0] * 5)[:, None]
    off = (behind - sign * values).abs().amax(dim=1) > 1e-3
    if not bool(off.any()):
        return None
    return Finding(
        f"seen from the other side, the function of degree {NAMES[int(off.nonzero()[0])]} should "
        f"{'keep' if int(off.nonzero()[0]) > 3 else 'change'} its sign."
    )


def _functions(ask: Ask, sh: Tensor, directions: Tensor) -> Tensor:
    """The student's nine functions, (9, Q): what a tenth of each adds to a light grey."""
    grey = torch.eye(9)[0, :, None].expand_as(sh)
    added = ask(sh, directions) - ask(grey, directions)
    return added[:, 0].double().view(9, -1) / 0.1


def _wrong_basis(
    change: Callable[[Tensor, Tensor], Tensor],
    finish: Callable[[Tensor], Tensor] = lambda total: (total + 0.5).clamp_min(0.0),
    prepare: Callable[[Tensor], Tensor] = lambda d: torch.nn.functional.normalize(d, dim=-1),
) -> Callable[[Tensor, Tensor], Tensor]:
    """A wrong answer: something done to the basis, the directions or the sum."""

    def function(sh: Tensor, directions: Tensor) -> Tensor:
        unit = prepare(directions)
        degree = math.isqrt(sh.shape[1]) - 1
        basis = change(sh_basis(degree, unit), unit)[:, : sh.shape[1]]
        return finish((basis[..., None] * sh).sum(dim=1))

    return function


def _reordered(basis: Tensor, order: list[int]) -> Tensor:
    return basis[:, [k for k in order if k < basis.shape[1]]]


def _scaled(basis: Tensor, factors: list[float]) -> Tensor:
    return basis * torch.tensor(factors)[: basis.shape[1]]


def _loose_square(basis: Tensor, unit: Tensor) -> Tensor:
    """3 z² + 1 where 3 z² - 1 belongs, in the function of degree 2, m = 0."""
    if basis.shape[1] < 9:
        return basis
    wrong = 0.31539156525252005 * (3 * unit[:, 2] ** 2 + 1)
    return torch.cat([basis[:, :6], wrong[:, None], basis[:, 7:]], dim=1)


def _linear_only(sh: Tensor, directions: Tensor) -> Tensor:
    return evaluate_sh(sh[:, :4] if sh.shape[1] > 4 else sh, directions)


def _same(basis: Tensor, _unit: Tensor) -> Tensor:
    return basis


_positive = _wrong_basis(
    lambda basis, _: _scaled(basis, [1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0])
)
_alphabetical = _wrong_basis(lambda basis, _: _reordered(basis, [0, 3, 1, 2, 4, 5, 6, 7, 8]))
_quadratic_order = _wrong_basis(lambda basis, _: _reordered(basis, [0, 1, 2, 3, 4, 5, 7, 6, 8]))
_towards = _wrong_basis(_same, prepare=lambda d: -torch.nn.functional.normalize(d, dim=-1))
_any_length = _wrong_basis(_same, prepare=lambda d: d)
_wrong_linear = _wrong_basis(
    lambda basis, _: _scaled(basis, [1.0] + [SH_CONSTANT / SH_LINEAR] * 3 + [1.0] * 5)
)
_no_half = _wrong_basis(_same, finish=lambda total: total.clamp_min(0.0))
_early_cut = _wrong_basis(_same, finish=lambda total: total.clamp_min(0.0) + 0.5)

_MISTAKES: Mistakes = {
    "the minus signs are missing: in this order of files, odd m comes with a minus.": _positive,
    "the linear functions stand in the order x, y, z; their order is y, z, x (m = -1, 0, 1).": (
        _alphabetical
    ),
    "the functions of degree 2 with m = 0 and m = 1 have changed places.": _quadratic_order,
    "the direction points the wrong way: it goes from the camera to the Gaussian.": _towards,
    "the directions are used at the length they came with.": _any_length,
    "the linear functions have the constant of degree 0.": _wrong_linear,
    "everything above degree 1 is ignored.": _linear_only,
    "one half is not added.": _no_half,
    "it is cut off at zero before one half is added.": _early_cut,
}


EVALUATE_SH = Check(
    name="gaussian_splatting.evaluate_sh",
    reference=evaluate_sh,
    cases=_cases,
    properties=(
        Property(
            "grey at zero, never below black",
            1,
            _known_colors,
            cases=(CONSTANT, DARK),
            hint="See hint 1.",
        ),
        Property(
            "nine functions of length one, no two alike",
            1,
            _orthonormal,
            cases=(SPHERE,),
            hint="Compare its constant and its polynomial with the table, sign by sign.",
        ),
        Property(
            "each where the files of 3D Gaussian Splatting have it",
            1,
            lambda ask, case: compare(ask, case, _MISTAKES),
            cases=(SECOND, FIRST, LONG),
            hint="See hints 2 and 3.",
        ),
        gradients_flow(
            1,
            (0, 1),
            cases=(LONG,),
            hint="Moving a Gaussian changes the direction in which it is seen, and so its colour.",
        ),
    ),
    mutants={
        "no half": _no_half,
        "cut off before the half": _early_cut,
        "never cut off": _wrong_basis(_same, finish=lambda total: total + 0.5),
        "cut off at one too": _wrong_basis(_same, finish=lambda total: (total + 0.5).clamp(0, 1)),
        "sigmoid": _wrong_basis(_same, finish=torch.sigmoid),
        "degree 0 without its constant": _wrong_basis(
            lambda basis, _: _scaled(basis, [1 / SH_CONSTANT] + [1.0] * 8)
        ),
        "no minus signs": _positive,
        "x, y, z": _alphabetical,
        "quadratic functions in another order": _quadratic_order,
        "linear functions with the constant of degree 0": _wrong_linear,
        "a sign within a quadratic function": _wrong_basis(_loose_square),
        "degree 2 ignored": _linear_only,
        "direction turned round": _towards,
        "direction not normalised": _any_length,
        "directions detached": lambda sh, directions: evaluate_sh(sh, directions.detach()),
        "coefficients detached": lambda sh, directions: evaluate_sh(sh.detach(), directions),
    },
)
