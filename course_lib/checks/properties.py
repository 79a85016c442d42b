"""Properties that many checks share."""

from typing import Any

import torch

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Finding, Property
from course_lib.checks.subject import Subject


def agrees(
    points: int,
    *,
    name: str = "values agree with the reference",
    atol: float = 1e-5,
    rtol: float = 1e-4,
    cases: tuple[str, ...] | None = None,
    message: str = "",
    hint: str = "",
) -> Property:
    """The result equals the reference's: |came - wanted| <= atol + rtol |wanted|, elementwise."""

    def holds(ask: Ask, case: Case) -> Finding | None:
        return difference(ask(*case.inputs), ask.wanted(*case.inputs), atol, rtol, message)

    return Property(name, points, holds, cases, hint)


def gradients_agree(
    points: int,
    *,
    wrt: int = 0,
    name: str = "gradients agree with the reference",
    atol: float = 1e-5,
    rtol: float = 1e-3,
    cases: tuple[str, ...] | None = None,
    hint: str = "",
) -> Property:
    """The vector-Jacobian product with a drawn cotangent equals the reference's."""

    def holds(ask: Ask, case: Case) -> Finding | None:
        result = ask.wanted(*case.inputs)
        generator = torch.Generator().manual_seed(result.numel())
        cotangent = torch.randn(result.shape, generator=generator, dtype=result.dtype)
        wanted = Subject(ask.reference).vjp(case.inputs, wrt, cotangent)
        came = ask.vjp(case.inputs, wrt, cotangent)
        return difference(came, wanted, atol, rtol, "the gradient is wrong")

    return Property(name, points, holds, cases, hint)


def difference(
    came: Any, wanted: Any, atol: float = 1e-5, rtol: float = 1e-4, message: str = ""
) -> Finding | None:
    """Compare two values of the same form; describe the largest error, or return None.

    >>> difference(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.5])).message
    'the largest error is 0.5, at (1,); 1 of 2 values are off.'
    """
    if isinstance(wanted, tuple):
        found = [difference(a, b, atol, rtol, message) for a, b in zip(came, wanted, strict=True)]
        return next((each for each in found if each), None)
    if isinstance(wanted, dict):
        found = [
            difference(came[name], value, atol, rtol, message or f"entry '{name}' is off")
            for name, value in wanted.items()
        ]
        return next((each for each in found if each), None)
    if not isinstance(wanted, torch.Tensor):
        if abs(came - wanted) <= atol + rtol * abs(wanted):
            return None
        return Finding(
            message or "the number is wrong.", came=f"{came:.6g}", wanted=f"{wanted:.6g}"
        )
    error = _error(came, wanted)
    off = ~(error <= atol + rtol * wanted.to(error).abs().nan_to_num(posinf=0.0))
    if not bool(off.any()):
        return None
    worst = error.nan_to_num(nan=torch.inf).argmax() if error.ndim else torch.tensor(0)
    place = tuple(int(i) for i in torch.unravel_index(worst, error.shape)) if error.ndim else ()
    at = f"at {place}" if place else "here"
    words = (
        f"the largest error is {float(error[place]):.3g}, {at}; "
        f"{int(off.sum())} of {off.numel()} values are off."
    )
    return Finding(
        f"{message.rstrip('.')}: {words}" if message else words,
        came=f"{came[place].item():.6g} {at}",
        wanted=f"{wanted[place].item():.6g} {at}",
    )


def _error(came: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    came, wanted = came.double(), wanted.double()
    return torch.where(came == wanted, torch.zeros_like(wanted), (came - wanted).abs())
