"""What a launch in the laboratory found out."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from course_lib.kernel_lab.memory import Counts

KINDS = (
    "not a kernel", "error", "never ends", "out of bounds", "barrier", "race", "uninitialised",
)  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """Something wrong with a kernel.

    Attributes:
        kind: one of `KINDS`.
        message: what happened first, to which thread.
        where: the line, in words; may be empty.
        line: its number in the kernel's text, from 1; 0 if there is none.
        count: how often it happened.
    """

    kind: str
    message: str
    where: str = ""
    line: int = 0
    count: int = 1

    def __str__(self) -> str:
        more = f" It happens {self.count} times." if self.count > 1 else ""
        return f"{self.message}{f' ({self.where})' if self.where else ''}.{more}"


@dataclass(frozen=True)
class Report:
    """The result of a launch.

    Attributes:
        arrays: the array arguments, in order, as the launch left them.
        counts: for each of them, what the threads did with it.
        shared: the same for all shared memory; it has no requests or sectors.
        barriers: the most that a block passed.
        findings: what is wrong, at most one of each kind.
        accesses: everything that was touched, if the launch was to log it.
    """

    arrays: tuple[np.ndarray, ...]
    counts: tuple[Counts, ...]
    shared: Counts
    barriers: int
    findings: tuple[Finding, ...]
    accesses: tuple[Any, ...] = ()

    def finding(self, *kinds: str) -> Finding | None:
        """The first finding of one of these kinds, of any kind if none is named."""
        wanted = kinds or KINDS
        return next((each for each in self.findings if each.kind in wanted), None)

    def as_values(self) -> dict[str, Any]:
        """Arrays, numbers and text only: what crosses the sandbox's wall."""
        return {
            "arrays": list(self.arrays),
            "counts": [asdict(each) for each in self.counts],
            "shared": asdict(self.shared),
            "barriers": self.barriers,
            "findings": [asdict(each) for each in self.findings],
        }

    @staticmethod
    def from_values(values: Any) -> "Report":
        """The report again; nothing in ``values`` is believed to be of the right type.

        Raises:
            ValueError: these are not the values of a report.
        """
        if type(values) is not dict:
            raise ValueError("it is no report of a launch")
        try:
            arrays = tuple(_checked(each, np.ndarray) for each in values["arrays"])
            counts = tuple(_counts(each) for each in values["counts"])
            findings = tuple(_finding(each) for each in values["findings"])
            shared, barriers = _counts(values["shared"]), _checked(values["barriers"], int)
        except (KeyError, TypeError):
            raise ValueError("it is no report of a launch") from None
        return Report(arrays, counts, shared, barriers, findings)


def _checked(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise TypeError
    return value


def _counts(values: Any) -> Counts:
    return Counts(**{str(k): _checked(v, int) for k, v in _checked(values, dict).items()})


def _finding(values: Any) -> Finding:
    kind, message, where = (_checked(values[name], str) for name in ("kind", "message", "where"))
    if kind not in KINDS:
        raise TypeError
    line, count = (_checked(values[name], int) for name in ("line", "count"))
    return Finding(kind, message[:600], where[:200], line, count)
