"""Every notebook is executed: solutions pass, untouched exercises fail kindly, lectures run."""

import shutil
from pathlib import Path

import nbformat
import pytest

from course_lib.grading.release import release
from course_lib.notebooks import run

ROOT = Path(__file__).parents[2]
SOLUTIONS = sorted(ROOT.glob("solutions/*/*.ipynb"))
EXERCISES = sorted(ROOT.glob("exercises/*/*.ipynb"))
LECTURES = sorted(ROOT.glob("lectures/*.ipynb"))


def test_what_a_kernel_sends_in_pieces_arrives_whole(tmp_path):
    book = nbformat.v4.new_notebook(
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    )
    book.cells = [nbformat.v4.new_code_cell("import time\nprint(1)\ntime.sleep(0.5)\nprint(2)")]
    nbformat.write(book, tmp_path / "book.ipynb")
    ran = run(tmp_path / "book.ipynb", tmp_path)
    assert [o.text for _, o in outputs(ran, "stream")] == ["1\n2\n"]


def complaints(book):
    return [output.text for _, output in outputs(book, "stream") if output.name == "stderr"]


def outputs(book, kind):
    return [
        (cell, output)
        for cell in book.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.output_type == kind
    ]


def graded(book):
    return [cell for cell in book.cells if cell.metadata.get("nbgrader", {}).get("grade")]


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda p: p.stem)
def test_solved_notebook_passes_every_check_and_packs_itself(path, tmp_path):
    shutil.copy(path, tmp_path)
    book = run(path, tmp_path)
    assert not complaints(book)
    for cell in graded(book):
        assert [o.output_type for o in cell.outputs] == ["stream"], cell.source
        assert cell.outputs[0].text.startswith("✓ ")
    shown = [output.data for _, output in outputs(book, "display_data")]
    assert shown and not [data for data in shown if "image/png" in data], "use show.figure"
    assert (tmp_path / f"{path.stem}-submission.zip").is_file()


@pytest.mark.parametrize("path", EXERCISES, ids=lambda p: p.stem)
def test_untouched_exercise_fails_every_check_and_nothing_else(path, tmp_path):
    book = run(path, tmp_path, allow_errors=True)
    errors = outputs(book, "error")
    assert [cell.id for cell, _ in errors] == [cell.id for cell in graded(book)]
    for _, error in errors:
        assert error.ename == "CheckFailed"
        assert "0 of" in error.evalue
        assert len(error.traceback) == 1, "a traceback into the library"


@pytest.mark.parametrize("path", LECTURES, ids=lambda p: p.stem)
def test_lecture_runs(path, tmp_path):
    book = run(path, tmp_path)
    assert not complaints(book)
    assert outputs(book, "display_data")


def test_generated_exercises_equal_the_committed_ones(tmp_path):
    shutil.copytree(ROOT / "solutions", tmp_path / "solutions")
    shutil.copy(ROOT / "nbgrader_config.py", tmp_path)
    written = release(tmp_path)
    assert [path.stem for path in written] == [path.stem for path in EXERCISES]
    for made, kept in zip(written, EXERCISES, strict=True):
        assert made.read_text() == kept.read_text(), "run `make exercises` and commit the result"
