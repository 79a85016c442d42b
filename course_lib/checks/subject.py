"""The student's function as something to be called: inputs in, outputs or gradients out.

Whatever goes wrong in there comes out as one ``StudentError`` that says so in plain words.
"""

import functools
import inspect
import linecache
import sysconfig
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from course_lib.checks.deadline import OutOfTime, deadline
from course_lib.checks.form import StudentError, same_form

_LIBRARIES = (
    str(Path(__file__).parents[1]),
    sysconfig.get_path("stdlib"),
    sysconfig.get_path("purelib"),
)

Cotangent = torch.Tensor | tuple[torch.Tensor, ...]


class Subject:
    """A function in this process, called on copies of its inputs and under a time limit."""

    def __init__(self, function: Callable[..., Any], seconds: float = 10.0) -> None:
        self.function = function
        self.seconds = seconds

    def call(self, inputs: Sequence[Any]) -> Any:
        """Return the function's result; raise ``StudentError`` if it fails or alters an input."""
        given = [copy_of(value) for value in inputs]
        result = self._run(given)
        for position, (before, after) in enumerate(zip(inputs, given, strict=True)):
            if not unchanged(before, after):
                name = self.argument(position)
                raise StudentError(
                    "input changed in place",
                    f"it changes its argument `{name}` in place. The caller still needs that "
                    f"tensor: work on a copy.",
                )
        return result

    def vjp(self, inputs: Sequence[Any], wrt: int, cotangent: Cotangent) -> torch.Tensor:
        """Return cotangent^T J, with J the Jacobian of the result with respect to input ``wrt``.

        Of a function with several results, ``cotangent`` is a tuple with one for each.
        """
        _import_for_gradients()
        given = [copy_of(value) for value in inputs]
        given[wrt].requires_grad_(True)
        result = self._run(given)
        same_form(result, cotangent)
        parts = result if isinstance(cotangent, tuple) else (result,)
        if not any(part.requires_grad for part in parts):
            raise StudentError(
                "gradient lost",
                f"no gradient flows from the result back to `{self.argument(wrt)}`. Something on "
                f"the way leaves PyTorch: .item(), .detach(), .numpy(), torch.no_grad(), or a "
                f"value copied into a new tensor.",
            )
        cotangents = cotangent if isinstance(cotangent, tuple) else (cotangent,)
        return self._guarded(_gradient, parts, given[wrt], cotangents)

    def argument(self, position: int) -> str:
        """The student's own name for an argument."""
        try:
            return list(inspect.signature(self.function).parameters)[position]
        except (TypeError, ValueError, IndexError):
            return f"argument {position + 1}"

    def _run(self, given: Sequence[Any]) -> Any:
        self._fits(given)
        return self._guarded(self.function, *given)

    def _guarded(self, function: Callable[..., Any], *given: Any) -> Any:
        try:
            with deadline(self.seconds):
                return function(*given)
        except NotImplementedError:
            raise StudentError(
                "not written yet", "it still raises NotImplementedError: your answer goes there."
            ) from None
        except OutOfTime:
            raise StudentError(
                "out of time",
                f"it was still running after {self.seconds:g} seconds. Is there a loop that never "
                f"ends?",
            ) from None
        except Exception as error:
            raise StudentError("raised an error", f"it raised {own_words(error)}") from None

    def _fits(self, given: Sequence[Any]) -> None:
        try:
            signature = inspect.signature(self.function)
        except (TypeError, ValueError):
            return
        try:
            signature.bind(*given)
        except TypeError as error:
            raise StudentError(
                "wrong arguments",
                f"it is called with {len(given)} arguments and takes {signature}: {error}.",
            ) from None


@functools.cache
def _import_for_gradients() -> None:
    """Take a first gradient, for which PyTorch imports SymPy: seconds that are not the student's.

    A deadline that rings within an import leaves half a module behind, for the rest of the session.
    """
    one = torch.ones((), requires_grad=True)
    torch.autograd.grad(one * one, one, torch.ones(()))


def _gradient(
    parts: Sequence[torch.Tensor], given: torch.Tensor, cotangents: Sequence[torch.Tensor]
) -> torch.Tensor:
    pairs = [(p, c.to(p)) for p, c in zip(parts, cotangents, strict=True) if p.requires_grad]
    results, weights = zip(*pairs, strict=True)
    (gradient,) = torch.autograd.grad(results, given, weights, allow_unused=True)
    return torch.zeros_like(given) if gradient is None else gradient


def own_words(error: BaseException) -> str:
    """The error with the line of the student's code that caused it.

    >>> own_words(ValueError("too small"))
    'ValueError: too small'
    """
    words = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    own = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith(_LIBRARIES) and not frame.filename.startswith("<frozen")
    ]
    if not own:
        return words
    source = own[-1].line or linecache.getline(own[-1].filename, own[-1].lineno or 0).strip()
    return f"{words}, in line {own[-1].lineno} of your cell: {source}" if source else words


def copy_of(value: Any) -> Any:
    """A copy that shares no memory with ``value``; strides and generator state are kept."""
    if isinstance(value, torch.Tensor):
        copy = torch.empty_strided(
            value.shape, value.stride(), dtype=value.dtype, device=value.device
        )
        return copy.copy_(value.detach()) if 0 not in value.stride() else value.detach().clone()
    if isinstance(value, torch.Generator):
        return value.clone_state()
    if isinstance(value, (list, tuple)):
        return type(value)(copy_of(item) for item in value)
    if isinstance(value, dict):
        return {name: copy_of(item) for name, item in value.items()}
    return value.copy() if hasattr(value, "copy") else value


def unchanged(before: Any, after: Any) -> bool:
    """Whether an input is still what it was. Generators may advance."""
    if isinstance(before, (list, tuple)):
        return len(before) == len(after) and all(map(unchanged, before, after))
    if isinstance(before, dict):
        return before.keys() == after.keys() and all(
            unchanged(item, after[name]) for name, item in before.items()
        )
    if isinstance(before, torch.Tensor):
        same = isinstance(after, torch.Tensor) and before.shape == after.shape
        same = same and before.dtype == after.dtype
        return same and bool(((before == after) | ((before != before) & (after != after))).all())
    if hasattr(before, "dtype") and hasattr(before, "shape"):
        if before.shape != after.shape:
            return False
        return bool(((before == after) | ((before != before) & (after != after))).all())
    return True
