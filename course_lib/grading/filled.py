"""The notebook that is kept and shown: the release with a student's answers, points and reasons."""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from course_lib.grading.grades import SubmissionGrade
from course_lib.grading.submitted import Clean

if TYPE_CHECKING:
    from nbformat import NotebookNode

WIDTH = 110  # characters that nbgrader's pages show of a line


def filled(cleaned: Clean, metadata: dict[str, Any]) -> "NotebookNode":
    """Return the clean notebook: structure and metadata from the release, answers as they came."""
    import nbformat

    book = nbformat.v4.new_notebook(metadata=metadata)
    names: set[str] = set()
    for mine, kind, source in cleaned.cells:
        make = nbformat.v4.new_code_cell if kind == "code" else nbformat.v4.new_markdown_cell
        cell = make(source, metadata=mine["metadata"] if mine else {})
        if mine and mine.get("id") and mine["id"] not in names:
            cell.id = mine["id"]
        names.add(cell.id)
        book.cells.append(cell)
    return book


def show_points(book: "NotebookNode", grade: SubmissionGrade) -> None:
    """Write each exercise's points and reasons into its test cell, as nbgrader reads them."""
    by_check = {each.check: each for each in grade.exercises}
    for cell in book.cells:
        exercise = by_check.get(cell.metadata.get("course", {}).get("check"))
        if cell.cell_type == "code" and exercise:
            told = [f"{exercise.check}: {exercise.earned} of {exercise.points} points"]
            told += [
                textwrap.fill(reason, WIDTH, initial_indent="  ", subsequent_indent="    ")
                for reason in exercise.reasons
            ]
            cell.outputs = _outputs(told, float(exercise.earned))
        elif cell.cell_type == "code" and _tests(cell):
            cell.outputs = _outputs(["This test is not one of the course's: it was not run."], 0.0)
    if grade.remarks:
        import nbformat

        lines = "\n".join(f"- `{remark.replace('`', chr(39))}`" for remark in grade.remarks)
        note = f"**From grading** (no points depend on this):\n\n{lines}"
        book.cells.insert(0, nbformat.v4.new_markdown_cell(note))


def _tests(cell: "NotebookNode") -> bool:
    marks = cell.metadata.get("nbgrader", {})
    return bool(marks.get("grade")) and not marks.get("solution")


def _outputs(lines: Sequence[str], points: float) -> list["NotebookNode"]:
    import nbformat

    return [
        nbformat.v4.new_output("stream", name="stdout", text="\n".join(lines) + "\n"),
        # nbgrader takes the number of a result as a partial grade.
        nbformat.v4.new_output(
            "execute_result", data={"text/plain": repr(points)}, execution_count=1
        ),
    ]
