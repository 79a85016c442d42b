"""Grade notebooks that you wrote yourself: property by property, each in a process of its own.

The process bounds the damage of a mistake (an endless loop, an exit), not of malice: the code runs
with all of your rights, beside the checks that judge it. Never give it a stranger's notebook.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from course_lib.checks import Result, Subject, checks_of, evaluate
from course_lib.checks.deadline import OutOfTime, deadline

CELL_SECONDS = 20.0
GRADING_SEED = 1  # the notebook's own check draws its inputs from seed 0
NOTEBOOK_SECONDS = 240.0


@dataclass(frozen=True)
class ExerciseGrade:
    """Points for one exercise, and a reason for each property that was lost."""

    check: str
    earned: int
    points: int
    reasons: tuple[str, ...] = ()


def grade_class(
    notebooks: Sequence[Path],
    unit: str,
    *,
    workers: int = 2,
    done: Callable[[Path], None] = lambda _notebook: None,
) -> dict[Path, list[ExerciseGrade]]:
    """Grade many notebooks, ``workers`` at a time; ``done`` is called as each one is finished."""

    def one(notebook: Path) -> list[ExerciseGrade]:
        grades = grade_notebook(notebook, unit)
        done(notebook)
        return grades

    with ThreadPoolExecutor(workers) as pool:
        return dict(zip(notebooks, pool.map(one, notebooks), strict=True))


def grade_notebook(
    notebook: Path, unit: str, *, cell_seconds: float = CELL_SECONDS
) -> list[ExerciseGrade]:
    """Run the notebook's own cells in a new process and judge every exercise of ``unit``.

    A cell that takes longer than ``cell_seconds`` is stopped and the next one runs. An exercise
    that the process did not live to judge earns nothing, with the reason said.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "grades.jsonl")
        given = [str(notebook.resolve()), unit, str(out), str(cell_seconds)]
        command = [sys.executable, "-m", "course_lib.grading.own_work", *given]
        why = "the notebook's process ended before this exercise was judged"
        try:
            subprocess.run(command, cwd=folder, capture_output=True, timeout=NOTEBOOK_SECONDS)
        except subprocess.TimeoutExpired:
            why = f"the notebook was still running after {NOTEBOOK_SECONDS:g} seconds"
        lines = out.read_text().splitlines() if out.exists() else []
    judged = {each["check"]: ExerciseGrade(**each) for each in map(json.loads, lines)}
    return [
        judged.get(each.name, ExerciseGrade(each.name, 0, each.points, (why,)))
        for each in checks_of(unit)
    ]


def _judge(notebook: Path, unit: str, out: Path, cell_seconds: float) -> None:
    """In the child: run the cells, then write one line of JSON for each exercise."""
    namespace = _run_cells(notebook, cell_seconds)
    for each in checks_of(unit):
        function = namespace.get(each.function)
        if not callable(function):
            grade = ExerciseGrade(each.name, 0, each.points, (f"there is no {each.function}()",))
        else:
            result = evaluate(each, Subject(function), GRADING_SEED)
            grade = ExerciseGrade(each.name, result.earned, each.points, _reasons(result))
        with out.open("a") as stream:
            stream.write(json.dumps(asdict(grade)) + "\n")


def _reasons(result: Result) -> tuple[str, ...]:
    """What was found, each once, with the properties and the points that it cost."""
    reasons = []
    for finding in result.findings:
        lost = [o.property for o in result.outcomes if o.finding and o.finding.told_as(finding)]
        names = ", ".join(each.name for each in lost)
        cost = sum(each.points for each in lost)
        reasons.append(f"-{cost} ({names}): on {finding.case}, {finding.message}")
    return tuple(reasons)


def _run_cells(notebook: Path, cell_seconds: float) -> dict[str, object]:
    """Execute the code cells that are not there to grade or to look; return the names they made."""
    import matplotlib
    import nbformat
    from IPython.core.interactiveshell import InteractiveShell

    matplotlib.use("Agg")
    shell = InteractiveShell.instance()
    for cell in nbformat.read(notebook, as_version=4).cells:
        if cell.cell_type == "code" and not _only_looks(cell):
            try:
                with deadline(cell_seconds):
                    shell.run_cell(cell.source, silent=True)
            except OutOfTime:
                continue
    return shell.user_ns


def _only_looks(cell: dict) -> bool:
    """Try-out, grade and hand-in cells may fail without harm; nothing later depends on them."""
    return "raises-exception" in cell["metadata"].get("tags", [])


if __name__ == "__main__":
    _judge(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), float(sys.argv[4]))
