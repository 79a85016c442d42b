"""Exercise 2 of unit 08: the density that a map makes out of noise."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.generative_foundations.common import known, off_by
from course_lib.checks.mistakes import compare, gradients_flow
from course_lib.generative.distributions import push_forward_log_prob

TYPICAL = "seven points in space, each stretched in its own way"
MIRROR = "a map that mirrors the plane"
LINE = "five points on a line"
MANY = "sixty dimensions, each shrunk a hundredfold"


def _cases(generator: torch.Generator) -> list[Case]:
    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    def turned(N: int, D: int, sign: float) -> Tensor:
        """Matrices whose determinants have this sign and are not near zero."""
        matrices = draw(N, D, D) + 1.5 * torch.eye(D)
        matrices = matrices @ matrices.mT + 0.2 * torch.eye(D)  # positive definite
        turn = torch.linalg.qr(draw(D, D)).Q
        turn = turn * torch.det(turn).sign()
        matrices = matrices @ turn  # no longer symmetric
        matrices[:, 0] *= torch.det(matrices).sign()[:, None] * sign
        return matrices

    return [
        Case(TYPICAL, (draw(7, 3), turned(7, 3, 1.0))),
        Case(MIRROR, (draw(6, 2), turned(6, 2, -1.0))),
        Case(LINE, (draw(5, 1), 0.3 + draw(5, 1, 1).abs())),
        Case(MANY, (draw(3, 60), 0.01 * torch.eye(60).repeat(3, 1, 1))),
    ]


def _stretched(ask: Ask, case: Case) -> Finding | None:
    """Twice as large along each axis: the density is divided by 2 to the power D."""
    z, jacobian = case.inputs
    came = ask(z, 2 * jacobian) - ask(z, jacobian)
    wanted = -z.shape[1] * math.log(2)
    off = off_by(came, torch.full_like(came, wanted))
    if off <= 1e-3:
        return None
    return known(ask, case, _MISTAKES, 1e-3) or Finding(
        "a map twice as large along each axis does not thin the density out as it should.",
        came=f"the logarithm changes by {came[0]:.4g}",
        wanted=f"{wanted:.4g}, as the space grows {2 ** z.shape[1]}-fold",
        hint="See hint 1.",
    )


def _agrees(ask: Ask, case: Case) -> Finding | None:
    return compare(ask, case, _MISTAKES, atol=1e-3)


def _base(z: Tensor) -> Tensor:
    return -0.5 * z.square().sum(dim=1) - 0.5 * z.shape[1] * math.log(2 * math.pi)


def _spread(jacobian: Tensor) -> Tensor:
    return torch.linalg.slogdet(jacobian).logabsdet


def _variant(
    base: Callable[[Tensor, Tensor], Tensor] = lambda z, _: _base(z),
    spread: Callable[[Tensor], Tensor] = _spread,
    factor: float = 1.0,
) -> Callable[[Tensor, Tensor], Tensor]:
    """The noise's density and the stretching, one of them done otherwise."""

    def function(z: Tensor, jacobian: Tensor) -> Tensor:
        return base(z, jacobian) - factor * spread(jacobian)

    return function


def _at_moved(z: Tensor, jacobian: Tensor) -> Tensor:
    return _base((jacobian @ z[:, :, None]).squeeze(2))


def _not_normalised(z: Tensor, _: Tensor) -> Tensor:
    return -0.5 * z.square().sum(dim=1)


def _diagonal(jacobian: Tensor) -> Tensor:
    return jacobian.diagonal(dim1=1, dim2=2).abs().log().sum(dim=1)


def _shared(jacobian: Tensor) -> Tensor:
    return _spread(jacobian).mean().expand(len(jacobian))


def _norm(jacobian: Tensor) -> Tensor:
    return torch.linalg.matrix_norm(jacobian).log()


def _density(z: Tensor, jacobian: Tensor) -> Tensor:
    return push_forward_log_prob(z, jacobian).exp()


def _divided(z: Tensor, jacobian: Tensor) -> Tensor:
    return _base(z) / torch.linalg.det(jacobian).abs()


def _unsafe(jacobian: Tensor) -> Tensor:
    return torch.linalg.det(jacobian).abs().log()


def _detached(z: Tensor, jacobian: Tensor) -> Tensor:
    return push_forward_log_prob(z, jacobian.detach())


def _in_place(z: Tensor, jacobian: Tensor) -> Tensor:
    result = push_forward_log_prob(z, jacobian)
    z.square_()
    return result


_MISTAKES = {
    "the log-determinant is added: where the map spreads points out, they lie thinner.": (
        _variant(factor=-1.0)
    ),
    "the Jacobian has no effect: this is the density of the noise.": _variant(factor=0.0),
    "half of the log-determinant is subtracted.": _variant(factor=0.5),
    "the log-determinant is subtracted twice.": _variant(factor=2.0),
    "the determinant itself is subtracted; in logarithms its logarithm is.": (
        _variant(spread=lambda jacobian: torch.linalg.det(jacobian).abs())
    ),
    "the logarithm of the noise's density is divided by the determinant.": _divided,
    "only the diagonal of the Jacobian counts.": _variant(spread=_diagonal),
    "all points get the same stretching, the mean of all.": _variant(spread=_shared),
    "the size of the Jacobian's entries is no volume: it is not a determinant.": (
        _variant(spread=_norm)
    ),
    "the noise's density is asked at J z; it belongs to z.": _variant(base=_at_moved),
    "the density of the noise is missing.": _variant(base=lambda z, _: 0 * z[:, 0]),
    "the density of the noise lacks its constant with 2 π.": _variant(base=_not_normalised),
    "the result is the density itself; asked is its logarithm.": _density,
}

PUSH_FORWARD_LOG_PROB = Check(
    name="generative_foundations.push_forward_log_prob",
    reference=push_forward_log_prob,
    cases=_cases,
    properties=(
        Property("what is stretched gets thinner", 1, _stretched, (TYPICAL,)),
        Property("values agree with the reference", 1, _agrees, (TYPICAL, LINE), "See hint 2."),
        Property(
            "a mirrored map has a density, too", 1, _agrees, (MIRROR,), "May a volume be negative?"
        ),
        Property("many dimensions stay finite", 1, _agrees, (MANY,), "See hint 3."),
        gradients_flow(1, (0, 1), cases=(TYPICAL,), hint="A flow learns through both."),
    ),
    mutants={
        "added": _variant(factor=-1.0),
        "no Jacobian": _variant(factor=0.0),
        "half": _variant(factor=0.5),
        "twice": _variant(factor=2.0),
        "determinant itself": _variant(spread=lambda jacobian: torch.linalg.det(jacobian).abs()),
        "divided": _divided,
        "diagonal": _variant(spread=_diagonal),
        "shared": _variant(spread=_shared),
        "norm": _variant(spread=_norm),
        "at J z": _variant(base=_at_moved),
        "no noise": _variant(base=lambda z, _: 0 * z[:, 0]),
        "no constant": _variant(base=_not_normalised),
        "density": _density,
        "no absolute value": _variant(spread=torch.logdet),
        "unsafe": _variant(spread=_unsafe),
        "detached": _detached,
        "in place": _in_place,
    },
)
