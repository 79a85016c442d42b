"""A sample class of six: partial credit, a reason for each lost point, nobody harms another."""

import json
from pathlib import Path

import pytest

from course_lib.cli import main
from course_lib.grading import own_work
from course_lib.grading.own_work import grade_class, grade_notebook
from course_lib.grading.report import class_section
from course_lib.grading.sample_class import sample_class

ROOT = Path(__file__).parents[2]
UNIT = "00_start_here"
SOLUTION = ROOT / "solutions" / UNIT / f"{UNIT}.ipynb"


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("class")
    exercise = ROOT / "exercises" / UNIT / f"{UNIT}.ipynb"
    notebooks = sample_class(SOLUTION, exercise, folder)
    seen = []
    grades = grade_class(list(notebooks.values()), UNIT, done=seen.append)
    assert sorted(seen) == sorted(notebooks.values())
    return {student: grades[path] for student, path in notebooks.items()}


@pytest.mark.parametrize(
    ("student", "earned", "words"),
    [
        ("ada", [3, 4], None),
        ("ben", [3, 0], "still raises NotImplementedError"),
        ("cleo", [0, 0], "still raises NotImplementedError"),
        ("dora", [2, 0], "it should be a torch.Tensor"),
        ("emil", [0, 4], "IndexError: list index out of range"),
        ("fay", [3, 0], "is there a loop that never ends"),
    ],
)
def test_each_student_earns_what_the_work_is_worth(graded, student, earned, words):
    grades = graded[student]
    assert [grade.earned for grade in grades] == earned
    for grade in grades:
        lost = [int(reason.partition(" ")[0]) for reason in grade.reasons]
        assert grade.points + sum(lost) == grade.earned, "each lost point has its reason"
    if words:
        reasons = " ".join(reason for grade in grades for reason in grade.reasons)
        assert words.lower() in reasons.lower()


def test_report_names_everybody_and_escapes(graded):
    page = class_section(UNIT, {**graded, "<b>": graded["emil"]})
    assert "<b>" not in page
    assert "7 / 7" in page
    assert page.count("<details>") == 7


def _notebook(folder, source):
    book = json.loads(SOLUTION.read_text())
    book["cells"].append({**book["cells"][2], "id": "late", "source": source})
    path = folder / f"{UNIT}.ipynb"
    path.write_text(json.dumps(book))
    return path


def test_notebook_that_exits_loses_its_points_with_a_reason(tmp_path):
    grades = grade_notebook(_notebook(tmp_path, "import os; os._exit(0)"), UNIT)
    assert [grade.earned for grade in grades] == [0, 0]
    assert "process ended" in grades[0].reasons[0]


def test_cell_that_never_ends_costs_only_time(tmp_path):
    grades = grade_notebook(_notebook(tmp_path, "while True: pass"), UNIT, cell_seconds=5.0)
    assert [grade.earned for grade in grades] == [3, 4]


def test_notebook_that_outlives_its_time_is_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(own_work, "NOTEBOOK_SECONDS", 1.0)
    grades = grade_notebook(SOLUTION, UNIT)
    assert [grade.earned for grade in grades] == [0, 0]
    assert "still running after 1 seconds" in grades[0].reasons[0]


def test_not_a_notebook(tmp_path):
    path = tmp_path / "broken.ipynb"
    path.write_text("not json")
    assert [grade.earned for grade in grade_notebook(path, UNIT)] == [0, 0]


def test_command_refuses_what_others_wrote(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    assert main(["grade", UNIT, str(SOLUTION)]) == 2
    assert "no sandbox" in capsys.readouterr().err


def test_command_says_where_to_run_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["exercises"]) == 2
    assert "course's folder" in capsys.readouterr().err
