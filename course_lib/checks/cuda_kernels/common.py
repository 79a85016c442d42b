"""What the checks of unit 19 share: reports of launches, and what they may say.

A case's inputs are those of a launch: grid, block and the kernel's arguments. The answer is the
report of the kernel laboratory, which launched the text of the student's kernel.
"""

from collections.abc import Callable, Mapping
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Finding, Property
from course_lib.kernel_lab import Kernel, Report, source_of
from course_lib.kernel_lab.report import Finding as Fault

STOPS = ("not a kernel", "error", "never ends", "out of bounds", "barrier")
HINTS = {
    "out of bounds": "A grid is made of whole blocks; there may be more threads than elements.",
    "barrier": "Every thread of a block must come to the same barriers, whatever else it does.",
    "race": "Between two barriers the threads of a block run in any order.",
    "uninitialised": "Shared memory begins with what the last kernel left there.",
}
_reports: WeakKeyDictionary[Ask, dict[str, Report]] = WeakKeyDictionary()

Oracle = Callable[[Case], tuple[np.ndarray, ...]]  # what the last arrays should hold


def launched(ask: Ask, case: Case) -> Report:
    """The report of the student's kernel on a case; each case is launched once."""
    known = _reports.setdefault(ask, {})
    if case.name not in known:
        known[case.name] = Report.from_values(ask.subject.call(case.inputs))
    return known[case.name]


def told(fault: Fault) -> Finding:
    """What the laboratory found, as a finding of a check."""
    return Finding(str(fault), hint=HINTS.get(fault.kind, ""), kind=fault.kind)


def clean(points: int, name: str, cases: tuple[str, ...], *kinds: str) -> Property:
    """The laboratory finds nothing of these kinds, and every result is written."""

    def holds(ask: Ask, case: Case) -> Finding | None:
        report = launched(ask, case)
        if found := report.finding(*STOPS, *kinds):
            return told(found)
        count = len(report.arrays)
        names = next(names for (arrays, _), names in NAMES.items() if arrays == count)
        for name, came in zip(names, report.arrays[-len(names) :], strict=True):
            if _untouched(came).any():
                return _unwritten(name, came)
        return None

    return Property(name, points, holds, cases)


def right(
    points: int,
    name: str,
    cases: tuple[str, ...],
    oracle: Oracle,
    mistakes: Mapping[str, Kernel] | None = None,
    hint: str = "",
) -> Property:
    """The arrays that the kernel writes hold what the oracle says."""

    def holds(ask: Ask, case: Case) -> Finding | None:
        found = launched(ask, case).finding(*STOPS)
        return told(found) if found else off(ask, case, oracle(case), mistakes or {})

    return Property(name, points, holds, cases, hint)


def off(
    ask: Ask,
    case: Case,
    wanted: tuple[np.ndarray, ...],
    mistakes: Mapping[str, Kernel] | None = None,
) -> Finding | None:
    """Compare the last arrays of a launch; say which mistake it is if it is a known one."""
    arrays = launched(ask, case).arrays[-len(wanted) :]
    names = NAMES[len(launched(ask, case).arrays), len(wanted)]
    for name, came, good in zip(names, arrays, wanted, strict=True):
        if came.shape != good.shape or came.dtype != good.dtype:
            return Finding(f"`{name}` is no longer the array that it was.")
        wrong = ~np.isclose(came, good, rtol=1e-4, atol=1e-5)
        if not wrong.any():
            continue
        missing = _untouched(came)
        place = tuple(int(each) for each in np.argwhere(missing if missing.any() else wrong)[0])
        message = f"{int(wrong.sum())} of {wrong.size} elements of `{name}` are wrong."
        message = _unwritten(name, came).message if missing.any() else message
        known = next((m for m, k in (mistakes or {}).items() if _like(arrays, k, case)), "")
        where = ", ".join(map(str, place))
        return Finding(
            known or message,
            came=f"{came[place]:.6g} at {name}[{where}]",
            wanted=f"{good[place]:.6g}",
            pictures=_pictures(came, good),
        )
    return None


# How a student calls the arrays: by how many a launch has and how many of them it writes.
NAMES: dict[tuple[int, int], tuple[str, ...]] = {
    (3, 1): ("out",),
    (2, 2): ("tile", "place"),
    (3, 2): ("image", "light"),
    (5, 2): ("image", "light"),
    (4, 1): ("grads",),
}


def _untouched(came: np.ndarray) -> np.ndarray:
    """Where the value still is the one that it was launched with."""
    return np.isnan(came) if came.dtype.kind == "f" else came == -1


def _unwritten(name: str, came: np.ndarray) -> Finding:
    missing = _untouched(came)
    where = ", ".join(map(str, np.argwhere(missing)[0]))
    return Finding(
        f"{int(missing.sum())} of {missing.size} elements of `{name}` are never written.",
        came=f"nothing at {name}[{where}]",
    )


def _like(arrays: tuple[np.ndarray, ...], mistake: Kernel, case: Case) -> bool:
    made = mistake.launch(*case.inputs, count=False)
    theirs = made.arrays[-len(arrays) :]
    pairs = zip(arrays, theirs, strict=True)
    return not made.finding(*STOPS) and all(
        np.allclose(a, b, rtol=1e-4, atol=2e-5, equal_nan=True) for a, b in pairs
    )


def _pictures(came: np.ndarray, wanted: np.ndarray) -> dict[str, Any]:
    import torch

    if came.ndim != 3 or came.shape[2] != 3:
        return {}
    named = {"yours": came, "wanted": wanted}
    return {
        n: torch.from_numpy(np.nan_to_num(v, nan=0.5)).clamp(0, 1).float() for n, v in named.items()
    }


def counted(came: int, least: int, most: int, what: str, why: str) -> Finding | None:
    """A count that should lie between two numbers; ``why`` it should not be more."""
    if least <= came <= most:
        return None
    if came < least:
        return Finding(
            f"{what}: fewer than there have to be; something is left out.",
            came=f"{came:,}",
            wanted=f"at least {least:,}",
        )
    return Finding(f"{what}: {why}", came=f"{came:,}", wanted=f"at most {most:,}")


def changed(kernel: Kernel, *pairs: tuple[str, str]) -> Kernel:
    """A kernel with another text: each pair is what stands there, once, and what shall.

    >>> from course_lib.kernel_lab import reference
    >>> changed(answer(reference.saxpy_kernel), ("a * x[i]", "x[i]")).source[-23:-1]
    '  out[i] = x[i] + y[i]'
    """
    text = kernel.source
    for old, new in pairs:
        if text.count(old) != 1:
            raise ValueError(f"the text has {text.count(old)} times {old!r}")
        text = text.replace(old, new)
    return Kernel(text, kernel.name)


def answer(function: Callable[..., None]) -> Kernel:
    """A kernel of the library by its text."""
    return Kernel(source_of(function), function.__name__)
