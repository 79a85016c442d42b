"""``check``: the answer that a student gets in the notebook, at once."""

import sys
import textwrap
from collections.abc import Callable
from typing import Any

from course_lib.checks import Result, evaluate, find_check
from course_lib.checks.evaluate import subject_of
from course_lib.grading.render import as_html, as_text
from course_lib.progress import record


class CheckFailed(AssertionError):  # noqa: N818 - the name a student reads
    """Raised by ``check``. Shown as it is, without the library's own frames."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


def check(name: str, function: Callable[..., Any]) -> None:
    """Check ``function`` as the exercise ``name`` and explain what is missing.

    Prints one line if every property holds. Else shows a table of what was tried, what came and
    what was wanted, and raises ``CheckFailed``. The points are those of the exercise card; the
    final grade is computed the same way, from other random inputs.

    Args:
        name: ``unit.function``, as in the exercise card.
        function: your function itself, without parentheses.

    Raises:
        LookupError: there is no such check; the message names the nearest.
        CheckFailed: a property does not hold.

    >>> from course_lib.metrics import psnr
    >>> check("start.psnr", psnr)
    ✓ psnr: 4 of 4 points.
    """
    definition = find_check(name)
    if not callable(function):
        raise CheckFailed(
            f"{definition.function}: 0 of {definition.points} points. check() wants the function "
            f"itself, check({name!r}, {definition.function}); it got {_what(function)}."
        )
    result = evaluate(definition, subject_of(definition, function))
    record(name, result.earned)
    if result.passed:
        print(f"✓ {definition.function}: {result.earned} of {definition.points} points.")
        return
    _show(result)
    raise CheckFailed(textwrap.fill(result.summary(), 88)) from None


def _what(value: object) -> str:
    return "None" if value is None else f"something of type {type(value).__name__}"


def _show(result: Result) -> None:
    """Show the table, as HTML where a notebook listens and as text elsewhere."""
    if "ipykernel" in sys.modules:
        from IPython.display import display

        display({"text/html": as_html(result), "text/plain": as_text(result)}, raw=True)
    else:
        print(as_text(result))
