"""What the checks of unit 08 share: drawn matrices, drawn layers, points on a grid."""

from typing import Any

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Finding
from course_lib.checks.form import StudentError
from course_lib.checks.mistakes import Mistakes, compare
from course_lib.generative.flows import coupling_parameters


def covariance(D: int, generator: torch.Generator) -> Tensor:
    """A positive definite matrix (D, D) that is neither round nor straight."""
    root = torch.randn(D, D, generator=generator)
    return root @ root.T / D + 0.3 * torch.eye(D)


def layer(D: int, generator: torch.Generator) -> dict[str, Tensor]:
    """A coupling layer's parameters that stretch and move a lot."""
    parameters = coupling_parameters(D, 6, generator=generator)
    names = ("weight_3", "bias_3")
    return parameters | {name: 8 * parameters[name] for name in names}


def silent(D: int) -> dict[str, Tensor]:
    """A layer whose network says nothing: it stretches by one and moves by zero.

    >>> sorted(silent(2))[:2]
    ['bias_1', 'bias_2']
    """
    drawn = coupling_parameters(D, 6, generator=torch.Generator().manual_seed(0))
    return {name: torch.zeros_like(value) for name, value in drawn.items()}


def grid(reach: float, count: int) -> tuple[Tensor, float]:
    """The centres of squares over the plane (count², 2), and the area of one.

    >>> grid(1.0, 2)
    (tensor([[-0.5000, -0.5000],
            [-0.5000,  0.5000],
            [ 0.5000, -0.5000],
            [ 0.5000,  0.5000]]), 1.0)
    """
    line = (torch.arange(count) + 0.5) * (2 * reach / count) - reach
    return torch.cartesian_prod(line, line), (2 * reach / count) ** 2


def known(ask: Ask, case: Case, mistakes: Mistakes, atol: float) -> Finding | None:
    """What `compare` finds, if it is a mistake with a name."""
    try:
        found = compare(ask, case, mistakes, atol=atol)
    except StudentError:
        return None
    return found if found and found.message in mistakes else None


def off_by(came: Any, wanted: Any) -> float:
    """The largest distance of two tensors of one shape."""
    return float((came.double() - wanted.double()).abs().max())
