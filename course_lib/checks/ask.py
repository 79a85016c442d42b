"""Ask the student's function and the reference the same question."""

from collections.abc import Callable
from typing import Any, Protocol

import torch

from course_lib.checks.form import same_form
from course_lib.checks.subject import copy_of


class Callee(Protocol):
    """A student's function in this process, or behind a wire."""

    def call(self, inputs: tuple[Any, ...]) -> Any: ...

    def vjp(self, inputs: tuple[Any, ...], wrt: int, cotangent: torch.Tensor) -> torch.Tensor: ...


class Ask:
    """``ask(*inputs)`` is the student's answer, of the same form as the reference's."""

    def __init__(self, subject: Callee, reference: Callable[..., Any]) -> None:
        self.subject = subject
        self.reference = reference

    def __call__(self, *inputs: Any) -> Any:
        """Return the student's result after checking its form; raise ``StudentError`` if amiss."""
        return same_form(self.subject.call(inputs), self.wanted(*inputs))

    def wanted(self, *inputs: Any) -> Any:
        """Return the reference's result."""
        return self.reference(*(copy_of(value) for value in inputs))

    def vjp(self, inputs: tuple[Any, ...], wrt: int, cotangent: torch.Tensor) -> torch.Tensor:
        """Return the student's vector-Jacobian product, of the shape of input ``wrt``."""
        return same_form(self.subject.vjp(inputs, wrt, cotangent), inputs[wrt], "the gradient")
