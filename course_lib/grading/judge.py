"""The trusted side: run a submission's cells in the sandbox, and judge its functions from here.

The judge holds the references and a secret seed. It sends inputs and gets numbers back; whether
these are right is decided here, by the same checks that the student's notebook runs.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import torch

from course_lib.checks import Result, StudentError, checks_of, evaluate
from course_lib.checks.subject import Cotangent
from course_lib.grading.grades import (
    ExerciseGrade,
    SubmissionGrade,
    grade_of,
    nothing_for,
)
from course_lib.grading.protocol import ProtocolError, printable
from course_lib.grading.sandbox import Sandbox, Submission
from course_lib.grading.sealed import built_on, sources

CALL_SECONDS = 10.0  # one call of a student's function, on a machine as fast as ours
CELL_SECONDS = 20.0
EXERCISE_SECONDS = 90.0  # all calls for one exercise
NOTEBOOK_SECONDS = 180.0  # all cells
GRACE = 3.0  # the process may stop itself first, and say where it was
MOST_ENDS = 4  # cells of one notebook that may end its process
NOMINAL = 0.012  # seconds for a loop of a million steps, on that machine

FAULTS = frozenset({
    "not written yet", "out of time", "raised an error", "wrong arguments",
    "input changed in place", "gradient lost", "nothing returned", "wrong type", "wrong shape",
    "wrong dtype", "wrong device", "not finite", "wrong length", "wrong entries", "too large",
})  # fmt: skip


class Died(Exception):  # noqa: N818 - an event, not an error of ours
    """The submission's process is gone, or must go; the message says why."""


def grade(
    cells: Sequence[str],
    unit: str,
    sandbox: Sandbox,
    seed: int,
    needs: Mapping[str, frozenset[str]] | None = None,
) -> SubmissionGrade:
    """Run the cells and judge every exercise of ``unit``.

    Args:
        cells: the sources of the code cells to run, in order.
        unit: as in the folder's name.
        sandbox: open, made for this unit.
        seed: of the inputs; a student must not know it.
        needs: what each answer is built on, see `sealed.built_on`; by default of the course that
            this package lies in.

    Returns:
        Points and reasons. A cell or an answer that ends the process costs what it is needed for
        and nothing else.
    """
    needs = built_on(unit) if needs is None else needs
    session = Session(cells, sandbox, needs)
    try:
        checks = sorted(checks_of(unit), key=lambda each: sorted(needs.get(each.function, ())))
        found = {each.name: _grade_exercise(each, session, seed) for each in checks}
    finally:
        session.close()
    grades = tuple(found[each.name] for each in checks_of(unit))
    return SubmissionGrade(grades, tuple(session.remarks))


def _grade_exercise(check: Any, session: "Session", seed: int) -> ExerciseGrade:
    try:
        session.open_for(check.function)
        if not session.has(check.function):
            return nothing_for(check, f"there is no {check.function}()")
    except Died as death:
        return nothing_for(check, str(death))
    subject = (KernelSubject if check.kernel else RemoteSubject)(check.function, session)
    try:
        result = evaluate(check, subject, seed)
        if not _answers_again(result, subject, seed):
            return nothing_for(check, "asked the same once more, it gave a wrong answer")
        return grade_of(result)
    finally:
        subject.close()


def _answers_again(result: Result, subject: "RemoteSubject", seed: int) -> bool:
    """Whether what held before holds once more, so that no answer depends on the call's number."""
    held = [each.property for each in result.outcomes if each.finding is None]
    if not held:
        return True
    shortest = min(held, key=lambda each: len(each.cases or range(100)))
    again = evaluate(replace(result.check, properties=(shortest,)), subject, seed)
    return again.passed or again.findings[0].kind == "out of time"


class Session:
    """A submission's process, started again without the cell that ended it.

    ``needs`` says for each answer which sealed functions of the library it may call: answers with
    other needs are asked of another process.
    """

    def __init__(
        self, cells: Sequence[str], sandbox: Sandbox, needs: Mapping[str, frozenset[str]]
    ) -> None:
        self.needs, self.opened = needs, frozenset()
        self.cells = dict(enumerate(cells))
        self.sandbox = sandbox
        self.remarks: list[str] = []
        self.submission: Submission | None = None
        self.ends = 0

    def open_for(self, name: str) -> None:
        """Have a process that may call what this answer is built on, and no more."""
        opened = self.needs.get(name, frozenset())
        if opened != self.opened:
            self.close()
            self.opened = opened

    def has(self, name: str) -> bool:
        """Whether the notebook defines a function of this name."""
        return self.ask({"do": "look", "name": name}, CALL_SECONDS).get("callable") is True

    def ask(self, request: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Send a request and return the reply.

        Raises:
            Died: there is no process to ask, or it did not live to answer in time.
        """
        if self.submission is None:
            self._start()
        return self._exchange(request, seconds)

    def close(self) -> str:
        """End the process; return what ended it."""
        submission, self.submission = self.submission, None
        return submission.close() if submission else ""

    def _start(self) -> None:
        """Start a process and run the cells in it; drop a cell that ends it and start again."""
        until = time.monotonic() + NOTEBOOK_SECONDS * slowness()
        while True:
            if self.ends > MOST_ENDS:
                raise Died("the notebook ended its process again and again")
            self.submission = self.sandbox.start()
            self._open()
            for number in list(self.cells):
                try:
                    self._run(number, until)
                except Died as death:
                    self.remarks.append(f"code cell {number + 1} was left out: {death}")
                    del self.cells[number]
                    self.ends += 1
                    break
            else:
                return

    def _open(self) -> None:
        functions = [(m, name, text) for name in sorted(self.opened) for m, text in sources(name)]
        if functions:
            self._exchange({"do": "open", "functions": functions}, CELL_SECONDS * slowness())

    def _run(self, number: int, until: float) -> None:
        seconds = CELL_SECONDS * slowness()
        if time.monotonic() > until:
            del self.cells[number]
            return self.remarks.append(f"code cell {number + 1} was left out: no time is left")
        request = {"do": "run", "source": self.cells[number], "seconds": seconds}
        error = self._exchange(request, seconds).get("error")
        first = not any(r.startswith(f"code cell {number + 1} ") for r in self.remarks)
        if isinstance(error, str) and first:
            self.remarks.append(f"code cell {number + 1} raised {printable(error, 300)}")
        return None

    def _exchange(self, request: dict[str, Any], seconds: float) -> dict[str, Any]:
        assert self.submission is not None
        try:
            self.submission.channel.send(request, seconds + GRACE * slowness())
            reply = self.submission.channel.receive(seconds + GRACE * slowness())
        except TimeoutError:
            self.close()
            raise Died(f"it did not answer within {seconds:g} seconds") from None
        except ProtocolError as error:
            why = self.close()
            own_end = why.startswith("it took") or why.startswith("its process")
            raise Died(printable(why if own_end else str(error), 200)) from None
        if type(reply) is not dict:
            self.close()
            raise Died("it answered what no notebook answers")
        return reply


class RemoteSubject:
    """A student's function behind the wire: what `checks.ask.Callee` wants."""

    def __init__(self, name: str, session: Session) -> None:
        self.name, self.session = name, session
        self.left = EXERCISE_SECONDS * slowness()

    def call(self, inputs: tuple[Any, ...]) -> Any:
        """Return the function's result; raise ``StudentError`` if it fails or alters an input."""
        return self.ask({"do": "call", "inputs": tuple(inputs)})

    def vjp(self, inputs: tuple[Any, ...], wrt: int, cotangent: Cotangent) -> torch.Tensor:
        """Return the vector-Jacobian product with respect to input ``wrt``."""
        request = {"do": "vjp", "inputs": tuple(inputs), "wrt": wrt, "cotangent": cotangent}
        return self.ask(request)

    def close(self) -> None:
        """Nothing: the session goes on."""

    def ask(self, request: dict[str, Any]) -> Any:
        seconds = min(CALL_SECONDS * slowness(), self.left)
        if seconds <= 0:
            raise StudentError("out of time", "all its calls together took too long.")
        began = time.monotonic()
        try:
            reply = self.session.ask({**request, "name": self.name, "seconds": seconds}, seconds)
        except Died as death:
            raise StudentError("out of time", f"its process is gone: {death}.") from None
        finally:
            self.left -= time.monotonic() - began
        if "fault" in reply:
            kind, message = reply["fault"], reply.get("message")
            if type(kind) is not str or kind not in FAULTS or type(message) is not str:
                raise StudentError("raised an error", "it failed in a way that nothing explains.")
            raise StudentError(kind, printable(message))
        return reply.get("value")


class KernelSubject:
    """A CUDA kernel: its text comes from the submission's process, and is launched in another.

    That one has run none of the student's cells, and a text that the laboratory accepts cannot
    reach what it runs on. So the report is the laboratory's own.
    """

    def __init__(self, name: str, session: Session) -> None:
        self.author = RemoteSubject(name, session)
        self.laboratory = RemoteSubject(name, Session((), session.sandbox, {}))
        self.text: str | None = None

    def call(self, inputs: tuple[Any, ...]) -> Any:
        """Return the report of a launch; raise ``StudentError`` if there is none."""
        if self.text is None:
            text = self.author.ask({"do": "text"})
            if type(text) is not str:
                raise StudentError("raised an error", "there is no text of a kernel.")
            self.text = text
        return self.laboratory.ask({"do": "launch", "text": self.text, "inputs": tuple(inputs)})

    def close(self) -> None:
        """End the process that launched it."""
        self.laboratory.session.close()


@cache
def slowness() -> float:
    """How much slower this machine is now than the one the limits were set on: 1 to 5."""

    def seconds() -> float:
        began = time.perf_counter()
        sum(range(1_000_000))
        return time.perf_counter() - began

    return min(max(1.0, min(seconds() for _ in range(5)) / NOMINAL), 5.0)
