"""The form of an answer: type, shape, dtype, device and finiteness, before any value is compared.

Nothing here compares by broadcasting.
"""

import numbers
from typing import Any

import torch


class StudentError(Exception):
    """A fault of the student's function: ``kind`` for the table, the message for the reader."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Foreign:
    """Stands for a value that cannot leave a student's process; only the name of its type does."""

    def __init__(self, name: str) -> None:
        self.name = name


def same_form(came: Any, wanted: Any, what: str = "the result") -> Any:
    """Return ``came`` if it has the type, shape, dtype and device of ``wanted``.

    >>> same_form(torch.zeros(2), torch.ones(3))
    Traceback (most recent call last):
    course_lib.checks.form.StudentError: the result has shape (2,); it should be (3,).
    """
    if came is None and wanted is not None:
        raise StudentError("nothing returned", f"{what} is None. Is a `return` missing?")
    if isinstance(wanted, torch.Tensor):
        return _same_tensor(came, wanted, what)
    if isinstance(wanted, tuple):
        return _same_tuple(came, wanted, what)
    if isinstance(wanted, dict):
        return _same_dict(came, wanted, what)
    return _same_number(came, wanted, what)


def _same_tensor(came: Any, wanted: torch.Tensor, what: str) -> torch.Tensor:
    if not isinstance(came, torch.Tensor):
        raise StudentError("wrong type", f"{what} is {_a(came)}; it should be a torch.Tensor.")
    if came.shape != wanted.shape:
        raise StudentError(
            "wrong shape",
            f"{what} has shape {tuple(came.shape)}; it should be {tuple(wanted.shape)}.",
        )
    if came.dtype != wanted.dtype:
        raise StudentError(
            "wrong dtype", f"{what} has dtype {came.dtype}; it should be {wanted.dtype}."
        )
    if came.device != wanted.device:
        raise StudentError(
            "wrong device", f"{what} is on {came.device}; it should be on {wanted.device}."
        )
    bad = ~came.isfinite() & wanted.isfinite()
    if bool(bad.any()):
        place = tuple(bad.nonzero()[0].tolist())
        raise StudentError(
            "not finite",
            f"{what} has {int(bad.sum())} values that are NaN or infinite, the first at {place}.",
        )
    return came.detach()


def _same_tuple(came: Any, wanted: tuple[Any, ...], what: str) -> tuple[Any, ...]:
    if not isinstance(came, (tuple, list)):
        raise StudentError(
            "wrong type", f"{what} is {_a(came)}; it should be a tuple of {len(wanted)} values."
        )
    if len(came) != len(wanted):
        raise StudentError(
            "wrong length", f"{what} has {len(came)} values; it should have {len(wanted)}."
        )
    pairs = enumerate(zip(came, wanted, strict=True), start=1)
    return tuple(same_form(a, b, f"value {i} of {what}") for i, (a, b) in pairs)


def _same_dict(came: Any, wanted: dict[str, Any], what: str) -> dict[str, Any]:
    names = ", ".join(wanted)
    if not isinstance(came, dict):
        raise StudentError("wrong type", f"{what} is {_a(came)}; it should be a dict of {names}.")
    if came.keys() != wanted.keys():
        found = ", ".join(map(str, came)) or "no entries"
        raise StudentError("wrong entries", f"{what} has {found}; it should have {names}.")
    return {
        name: same_form(came[name], value, f"entry '{name}' of {what}")
        for name, value in wanted.items()
    }


def _same_number(came: Any, wanted: Any, what: str) -> Any:
    if isinstance(came, torch.Tensor) and came.ndim == 0:
        came = came.item()
    if hasattr(came, "dtype") and getattr(came, "shape", None) == ():
        came = came.item()
    kind = numbers.Integral if isinstance(wanted, numbers.Integral) else numbers.Real
    same = isinstance(came, bool) == isinstance(wanted, bool) and isinstance(came, kind)
    if not same:
        name = type(wanted).__name__
        raise StudentError("wrong type", f"{what} is {_a(came)}; it should be of type {name}.")
    return type(wanted)(came)


def _a(value: Any) -> str:
    if isinstance(value, Foreign):
        return f"of type {value.name}"
    kind = type(value)
    module = "" if kind.__module__ == "builtins" else kind.__module__.partition(".")[0] + "."
    return f"of type {module}{kind.__name__}"
