"""Ask the student's function and the reference the same question."""

from collections.abc import Callable
from typing import Any, Protocol

import torch

from course_lib.checks.form import same_form
from course_lib.checks.subject import Cotangent, copy_of
from course_lib.checks.trivial import Call


class Callee(Protocol):
    """A student's function in this process, or behind a wire."""

    def call(self, inputs: tuple[Any, ...]) -> Any: ...

    def vjp(self, inputs: tuple[Any, ...], wrt: int, cotangent: Cotangent) -> torch.Tensor: ...


class Ask:
    """``ask(*inputs)`` is the student's answer, of the same form as the reference's."""

    def __init__(self, subject: Callee, reference: Callable[..., Any]) -> None:
        self.subject = subject
        self.reference = reference
        self.calls: list[Call] = []
        self._answers: dict[tuple[int, ...], tuple[tuple[Any, ...], Any]] = {}

    def __call__(self, *inputs: Any) -> Any:
        """Return the student's result after checking its form; raise ``StudentError`` if amiss."""
        wanted = self.wanted(*inputs)
        answer = same_form(self.subject.call(inputs), wanted)
        self.calls.append((inputs, answer, wanted))
        return answer

    def wanted(self, *inputs: Any) -> Any:
        """Return the reference's result, computed once for the same inputs."""
        key = tuple(map(id, inputs))  # the inputs are kept beside the answer, so no id is re-used
        if key not in self._answers:
            self._answers[key] = inputs, self.reference(*map(copy_of, inputs))
        return copy_of(self._answers[key][1])

    def vjp(self, inputs: tuple[Any, ...], wrt: int, cotangent: Cotangent) -> torch.Tensor:
        """Return the student's vector-Jacobian product, of the shape of input ``wrt``."""
        return same_form(self.subject.vjp(inputs, wrt, cotangent), inputs[wrt], "the gradient")
