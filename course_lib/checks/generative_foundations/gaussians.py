"""Exercise 1 of unit 08: the density of a Gaussian, as a logarithm."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.generative_foundations.common import covariance, grid, known, off_by
from course_lib.checks.mistakes import compare, gradients_flow, uniform
from course_lib.generative.distributions import gaussian_log_prob

TYPICAL = "six points around a turned ellipsoid in space"
LINE = "five points on a line"
PLANE = "a grid over the whole plane"
MANY = "a hundred dimensions, each a hundredth wide"

SQUARES, AREA = grid(5.5, 64)


def _cases(generator: torch.Generator) -> list[Case]:
    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    turn = torch.linalg.qr(draw(2, 2)).Q
    ellipse = turn @ torch.diag(torch.tensor([1.0, 0.5])) @ turn.mT
    return [
        Case(TYPICAL, (draw(6, 3), draw(3), covariance(3, generator))),
        Case(LINE, (draw(5, 1), draw(1), 0.2 + draw(1, 1).square())),
        Case(PLANE, (SQUARES, uniform(-0.3, 0.3, 2, generator=generator), ellipse)),
        Case(MANY, (0.01 * draw(3, 100), 0.01 * draw(100), 1e-4 * torch.eye(100))),
    ]


def _falls_off(ask: Ask, case: Case) -> Finding | None:
    """From the middle outwards the logarithm falls as the distance says, whatever its height."""
    x, mean, covariance = case.inputs
    inputs = (torch.cat([mean[None], x]), mean, covariance)
    came, wanted = (answer - answer[0] for answer in (ask(*inputs), ask.wanted(*inputs)))
    off = off_by(came, wanted)
    if off <= 1e-3 * (1 + float(wanted.abs().max())):
        return None
    return known(ask, case, _MISTAKES, 1e-3) or Finding(
        "from the mean outwards the logarithm does not fall as it should.",
        came=f"{came[1]:.4g} from the mean to the first point",
        wanted=f"{wanted[1]:.4g}",
        hint="Forget the constants for now. See hint 1.",
    )


def _adds_to_one(ask: Ask, case: Case) -> Finding | None:
    total = float(ask(*case.inputs).double().exp().sum() * AREA)
    if abs(total - 1) <= 0.01:
        return None
    return known(ask, case, _MISTAKES, 1e-3) or Finding(
        "the density, summed over the plane, must be one.",
        came=f"{total:.4g}",
        wanted="1",
        hint="Which of the two constants is off: the volume of the ellipse, or the power of 2 π?",
    )


def _agrees(ask: Ask, case: Case) -> Finding | None:
    return compare(ask, case, _MISTAKES, atol=1e-3)


def _variant(
    half: float = 0.5,
    volume: float = 0.5,
    circle: Callable[[int], float] = lambda D: D / 2,
    matrix: Callable[[Tensor], Tensor] = torch.linalg.inv,
    reduced: Callable[[Tensor], Tensor] = lambda C: C,
    centred: bool = True,
) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """The logarithm with one factor or one matrix exchanged."""

    def function(x: Tensor, mean: Tensor, covariance: Tensor) -> Tensor:
        C = reduced(covariance)
        away = x - mean if centred else x
        squared = ((away @ matrix(C)) * away).sum(dim=1)
        constant = volume * torch.logdet(C) + circle(len(mean)) * math.log(2 * math.pi)
        return -half * squared - constant

    return function


def _density(x: Tensor, mean: Tensor, covariance: Tensor) -> Tensor:
    return gaussian_log_prob(x, mean, covariance).exp()


def _unsafe(x: Tensor, mean: Tensor, covariance: Tensor) -> Tensor:
    away = x - mean
    squared = ((away @ torch.linalg.inv(covariance)) * away).sum(dim=1)
    room = (2 * math.pi) ** len(mean) * torch.linalg.det(covariance)
    return torch.log(torch.exp(-0.5 * squared) / room.sqrt())


def _detached(x: Tensor, mean: Tensor, covariance: Tensor) -> Tensor:
    return gaussian_log_prob(x, mean, covariance.detach())


def _in_place(x: Tensor, mean: Tensor, covariance: Tensor) -> Tensor:
    x -= mean
    return gaussian_log_prob(x, torch.zeros_like(mean), covariance)


def _diagonal(C: Tensor) -> Tensor:
    return torch.diag(C.diagonal())


_not_inverted = _variant(matrix=lambda C: C)
_squared_covariance = _variant(matrix=lambda C: torch.linalg.inv(C @ C))

_MISTAKES = {
    "the covariance weighs the distance; its inverse should.": _not_inverted,
    "the covariance is taken for a standard deviation, and squared.": _squared_covariance,
    "only the variances count; the covariances off the diagonal have no effect.": (
        _variant(reduced=_diagonal)
    ),
    "the mean has no effect on the distance.": _variant(centred=False),
    "the squared distance is not halved.": _variant(half=1.0),
    "the logarithm grows with the distance; a density falls.": _variant(half=-0.5),
    "the log-determinant is missing: a wide Gaussian is as high as a narrow one.": (
        _variant(volume=0.0)
    ),
    "the log-determinant is not halved.": _variant(volume=1.0),
    "the log-determinant has the wrong sign: a wide Gaussian is lower.": _variant(volume=-0.5),
    "the constant with 2 π is missing.": _variant(circle=lambda D: 0.0),
    "the constant with 2 π is that of one dimension.": _variant(circle=lambda D: 0.5),
    "the constant with 2 π is not halved.": _variant(circle=float),
    "the result is the density itself; asked is its logarithm.": _density,
}

GAUSSIAN_LOG_PROB = Check(
    name="generative_foundations.gaussian_log_prob",
    reference=gaussian_log_prob,
    cases=_cases,
    properties=(
        Property("it falls with the distance from the mean", 1, _falls_off, (TYPICAL,)),
        Property("the density adds to one", 1, _adds_to_one, (PLANE,)),
        Property("values agree with the reference", 1, _agrees, (TYPICAL, LINE), "See hint 2."),
        Property("many dimensions stay finite", 1, _agrees, (MANY,), "See hint 3."),
        gradients_flow(
            1, (0, 1, 2), cases=(TYPICAL,), symmetric=(2,), hint="All three have a gradient."
        ),
    ),
    mutants={
        "not inverted": _not_inverted,
        "squared covariance": _squared_covariance,
        "diagonal": _variant(reduced=_diagonal),
        "no mean": _variant(centred=False),
        "no half": _variant(half=1.0),
        "grows": _variant(half=-0.5),
        "no determinant": _variant(volume=0.0),
        "whole determinant": _variant(volume=1.0),
        "determinant added": _variant(volume=-0.5),
        "no 2 pi": _variant(circle=lambda D: 0.0),
        "2 pi of a line": _variant(circle=lambda D: 0.5),
        "2 pi not halved": _variant(circle=float),
        "density": _density,
        "unsafe": _unsafe,
        "detached": _detached,
        "in place": _in_place,
    },
)
