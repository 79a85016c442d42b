"""What grading says: points for each exercise, and a reason for each that was lost."""

from collections.abc import Sequence
from dataclasses import dataclass

from course_lib.checks import Check, Result
from course_lib.grading.protocol import printable


@dataclass(frozen=True)
class ExerciseGrade:
    """Points for one exercise, and a reason for each property that was lost."""

    check: str
    earned: int
    points: int
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class SubmissionGrade:
    """The grades of one notebook.

    Attributes:
        exercises: in the order of the unit.
        remarks: what an instructor should know: cells that raised, processes that died, cells
            that were moved or could not be matched.
        failed: why it could not be graded at all, or "".
    """

    exercises: tuple[ExerciseGrade, ...]
    remarks: tuple[str, ...] = ()
    failed: str = ""

    @property
    def earned(self) -> int:
        return sum(each.earned for each in self.exercises)


def grade_of(result: Result) -> ExerciseGrade:
    """Turn a result into points and reasons."""
    return ExerciseGrade(result.check.name, result.earned, result.check.points, _reasons(result))


def nothing_for(check: Check, why: str) -> ExerciseGrade:
    """No points, for one reason."""
    return ExerciseGrade(check.name, 0, check.points, (f"-{check.points}: {why}",))


def ungraded(checks: Sequence[Check], why: str) -> SubmissionGrade:
    """No points for anything, because nothing could be graded."""
    return SubmissionGrade(tuple(nothing_for(each, why) for each in checks), failed=why)


def _reasons(result: Result) -> tuple[str, ...]:
    """What was found, each once, with the properties and the points that it cost."""
    reasons = []
    for finding in result.findings:
        lost = [o.property for o in result.outcomes if o.finding and o.finding.told_as(finding)]
        names = ", ".join(each.name for each in lost)
        cost = sum(each.points for each in lost)
        reasons.append(f"-{cost} ({names}): on {finding.case}, {printable(finding.message)}")
    return tuple(reasons)
