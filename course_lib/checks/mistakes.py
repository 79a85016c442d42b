"""What the checks share: how a mistake is recognised, and gradients of several results.

A known mistake is a sentence for the student and a function that makes just this mistake.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Finding, Property
from course_lib.checks.form import StudentError, same_form
from course_lib.checks.properties import difference
from course_lib.checks.subject import Cotangent, Subject, copy_of

Mistakes = Mapping[str, Callable[..., Any]]


def uniform(low: float, high: float, *shape: int, generator: torch.Generator) -> Tensor:
    """Return numbers drawn evenly from ``low`` to ``high``.

    >>> uniform(2.0, 3.0, 4, generator=torch.Generator().manual_seed(0)).floor()
    tensor([2., 2., 2., 2.])
    """
    return low + (high - low) * torch.rand(shape, generator=generator)


def listed(vector: Tensor, digits: int = 3) -> str:
    """Return a few numbers as a reader likes them.

    >>> listed(torch.tensor([0.0, -1.0, 0.33333]))
    '(0, -1, 0.333)'
    """
    return "(" + ", ".join(f"{round(v, digits) + 0.0:.{digits}g}" for v in vector.tolist()) + ")"


def recognise(
    came: Any, inputs: tuple[Any, ...], mistakes: Mistakes, atol: float, rtol: float
) -> str:
    """Return the sentence of the one known mistake that gives just this result; else "".

    >>> recognise(torch.ones(2), (torch.zeros(2),), {"it adds one.": lambda x: x + 1}, 1e-5, 0.0)
    'it adds one.'
    """
    made = {sentence: wrong(*map(copy_of, inputs)) for sentence, wrong in mistakes.items()}
    found = [sentence for sentence, result in made.items() if _alike(came, result, atol, rtol)]
    return found[0] if len(found) == 1 else ""


def _alike(came: Any, result: Any, atol: float, rtol: float) -> bool:
    try:
        return difference(came, same_form(result, came), atol, rtol) is None
    except StudentError:
        return False


def compare(
    ask: Ask,
    case: Case,
    mistakes: Mistakes,
    *,
    atol: float = 1e-5,
    rtol: float = 1e-4,
    message: str = "",
) -> Finding | None:
    """Compare with the reference; where they differ, name the mistake if it is a known one."""
    came = ask(*case.inputs)
    found = difference(came, ask.wanted(*case.inputs), atol, rtol, message)
    if found is None:
        return None
    sentence = recognise(came, case.inputs, mistakes, atol, rtol)
    return replace(found, message=sentence) if sentence else found


def gradients_flow(
    points: int,
    wrt: tuple[int, ...],
    *,
    name: str = "gradients agree with the reference",
    cases: tuple[str, ...] | None = None,
    hint: str = "",
    symmetric: tuple[int, ...] = (),
) -> Property:
    """The gradients with respect to the arguments ``wrt``, of all results together, agree.

    Arguments ``symmetric`` are symmetric matrices. A function may read either half of them, so only
    the symmetric part of their gradient is compared.
    """

    def holds(ask: Ask, case: Case) -> Finding | None:
        found = (
            gradient_difference(ask, case.inputs, each, symmetric=each in symmetric) for each in wrt
        )
        return next((each for each in found if each), None)

    return Property(name, points, holds, cases, hint)


def gradient_difference(
    ask: Ask,
    inputs: tuple[Any, ...],
    wrt: int,
    share: float = 1e-3,
    symmetric: bool = False,
) -> Finding | None:
    """Compare one vector-Jacobian product; errors count as a share of the largest entry."""
    came, parts = ask(*inputs), ask.wanted(*inputs)
    cotangent = _cotangent(parts)
    wanted = Subject(ask.reference).vjp(inputs, wrt, cotangent)
    argument = list(inspect.signature(ask.reference).parameters)[wrt]
    right = difference(came, parts, atol=1e-2) is None
    so_far = "the values are right, but" if right else "the values are wrong, and"
    message = f"{so_far} the gradient with respect to `{argument}` is wrong"
    gradient = ask.vjp(inputs, wrt, cotangent)
    if symmetric:
        gradient, wanted = gradient + gradient.mT, wanted + wanted.mT
    return difference(gradient, wanted, share * float(wanted.abs().max()), share, message)


def _cotangent(parts: Tensor | tuple[Tensor, ...]) -> Cotangent:
    """Drawn numbers in the form of the result; every part of it weighs about the same.

    Whole numbers have no gradient: their part is 0.
    """
    if isinstance(parts, tuple):
        return tuple(
            _cotangent(part) / part.abs().mean()
            if part.is_floating_point()
            else torch.zeros_like(part)
            for part in parts
        )
    generator = torch.Generator().manual_seed(parts.numel())
    return torch.randn(parts.shape, generator=generator)
