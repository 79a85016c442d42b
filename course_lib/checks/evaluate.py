"""Run a check against a function and say what it earned, property by property."""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from course_lib.checks.ask import Ask, Callee
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.form import StudentError
from course_lib.checks.subject import Subject
from course_lib.checks.trivial import nothing_computed


@dataclass(frozen=True)
class Outcome:
    """One property: what it was worth, what it earned, and what was found where it failed."""

    property: Property
    finding: Finding | None

    @property
    def earned(self) -> int:
        return 0 if self.finding else self.property.points


@dataclass(frozen=True)
class Result:
    """All outcomes of one check."""

    check: Check
    outcomes: tuple[Outcome, ...]

    @property
    def earned(self) -> int:
        return sum(outcome.earned for outcome in self.outcomes)

    @property
    def passed(self) -> bool:
        return all(outcome.finding is None for outcome in self.outcomes)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was found, each message once, in the order of the properties."""
        found = {o.finding.message: o.finding for o in reversed(self.outcomes) if o.finding}
        return tuple(reversed(found.values()))

    def summary(self) -> str:
        """One line for a log, a gradebook or an exception."""
        line = f"{self.check.function}: {self.earned} of {self.check.points} points."
        first = next(iter(self.findings), None)
        if first is None:
            return line
        where = f"On {first.case}: " if first.case else ""
        message = first.message if where else first.message[:1].upper() + first.message[1:]
        return f"{line} {where}{message} {first.hint}".rstrip()


def evaluate(check: Check, subject: Callee, seed: int = 0) -> Result:
    """Judge ``subject`` by every property of ``check`` on cases drawn from ``seed``.

    A function that is not written yet, or that never ends, is asked once and then left alone.
    """
    generator = torch.Generator().manual_seed(seed * 1_000_003 + zlib.crc32(check.name.encode()))
    cases = check.cases(generator)
    ask = Ask(subject, check.reference)
    outcomes: list[Outcome] = []
    for each in check.properties:
        hopeless = outcomes and outcomes[-1].finding and outcomes[-1].finding.kind in _HOPELESS
        finding = outcomes[-1].finding if hopeless else _examine(each, ask, cases)
        outcomes.append(Outcome(each, finding))
    if any(outcome.finding for outcome in outcomes):
        outcomes = _without_trivial(outcomes, ask)
    return Result(check, tuple(outcomes))


def _without_trivial(outcomes: list[Outcome], ask: Ask) -> list[Outcome]:
    """Take back what an answer earned that computes nothing."""
    reason = nothing_computed(ask.calls)
    if reason is None:
        return outcomes
    return [replace(o, finding=o.finding or Finding(reason, kind="trivial")) for o in outcomes]


def subject_of(check: Check, function: Callable[..., Any]) -> Subject:
    """What is asked in a student's own process: the function, or a kernel in the laboratory."""
    if not check.kernel:
        return Subject(function)
    from course_lib.kernel_lab import Kernel, source_of

    return Subject(lambda *inputs: Kernel(source_of(function))(*inputs), KERNEL_SECONDS)


KERNEL_SECONDS = 60.0  # a launch takes about two, and the laboratory counts steps itself
_HOPELESS = ("not written yet", "out of time")


def _examine(each: Property, ask: Ask, cases: Sequence[Case]) -> Finding | None:
    for case in cases:
        if each.cases is not None and case.name not in each.cases:
            continue
        try:
            found = each.holds(ask, case)
        except StudentError as error:
            found = Finding(str(error), kind=error.kind)
        except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
            found = Finding(f"the values make no sense ({type(error).__name__}: {error}).")
        if found is not None:
            found = Finding(found) if isinstance(found, str) else found
            hint = found.hint or (each.hint if found.kind == "wrong" else "")
            return replace(found, case=found.case or case.name, hint=hint)
    return None
