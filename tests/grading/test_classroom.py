"""A class: partial credit with reasons, nobody harms another, a killed run resumes."""

import csv
import json
import shutil
from pathlib import Path

import pytest

from course_lib.cli import main
from course_lib.grading import classroom, doctor, judge
from course_lib.grading.gradebook import course_api
from course_lib.grading.grades import ExerciseGrade, SubmissionGrade
from course_lib.grading.report import class_section
from course_lib.grading.sample_class import sample_class

ROOT = Path(__file__).parents[2]
UNIT = "00_start_here"
SOLUTION = ROOT / "solutions" / UNIT / f"{UNIT}.ipynb"

pytestmark = pytest.mark.skipif(bool(doctor.refusal()), reason=doctor.refusal())


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course's folder with a sample class and two broken submissions, graded once."""
    root = tmp_path_factory.mktemp("course")
    for folder in ("solutions", "exercises"):
        shutil.copytree(ROOT / folder / UNIT, root / folder / UNIT)
    shutil.copy(ROOT / "nbgrader_config.py", root)
    made = sample_class(SOLUTION, ROOT / "exercises" / UNIT / f"{UNIT}.ipynb", root / "submitted")
    assert len(made) == 6
    for student, text in (("gus", "not json"), ("hal", json.dumps({"cells": 3}))):
        path = root / "submitted" / student / UNIT / f"{UNIT}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    (root / "submitted" / "ada" / UNIT / "timestamp.txt").write_text("2026-01-02 03:04:05 UTC")
    return root


@pytest.fixture(scope="module", autouse=True)
def one_library():
    """Whoever edits a source while the tests run must not change what a resumed run keeps."""
    patch = pytest.MonkeyPatch()
    patch.setattr(classroom, "_library", lambda: b"")
    yield
    patch.undo()


@pytest.fixture(scope="module")
def run(course):
    """The first run from the command line: status and what was printed."""
    patch = pytest.MonkeyPatch()
    patch.chdir(course)
    patch.setattr(judge, "CALL_SECONDS", 3.0)  # a loop that never ends
    status = main(["grade", UNIT, "--workers", "2"])
    patch.undo()
    return status


SCORES = {
    "ada": [3, 4], "ben": [3, 0], "cleo": [0, 0], "dora": [2, 0], "emil": [0, 4], "fay": [3, 0],
    "gus": [0, 0], "hal": [0, 0],
}  # fmt: skip


def test_what_could_not_be_graded_is_in_the_status(run):
    assert run == 1


def test_everybody_earns_what_the_work_is_worth(course, run):
    with (course / "build" / f"{UNIT}.csv").open() as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    found = {s: [int(r["start.to_batch"]), int(r["start.psnr"])] for s, r in rows.items()}
    assert found == SCORES
    assert "not JSON" in rows["gus"]["failed"] and "no cells" in rows["hal"]["failed"]


@pytest.mark.parametrize(
    ("student", "words"),
    [
        ("ben", "still raises NotImplementedError"),
        ("dora", "it should be a torch.Tensor"),
        ("emil", "IndexError: list index out of range"),
        ("fay", "Is there a loop that never ends"),
        ("gus", "the file is not JSON"),
    ],
)
def test_each_lost_point_has_its_reason(course, run, student, words):
    page = (course / "build" / f"{UNIT}.html").read_text()
    start = page.index(f"{student}: why points were lost")
    assert words in page[start : page.index("</details>", start)]


def test_gradebook_holds_the_same_points_and_the_time(course, run):
    with course_api(course).gradebook as book:
        for student, points in SCORES.items():
            submission = book.find_submission(UNIT, student)
            assert submission.score == sum(points)
        assert str(book.find_submission(UNIT, "ada").timestamp) == "2026-01-02 03:04:05"


def test_feedback_and_autograded_notebooks_are_nbgraders(course, run):
    book = json.loads((course / "autograded" / "dora" / UNIT / f"{UNIT}.ipynb").read_text())
    outputs = [o for c in book["cells"] for o in c.get("outputs", [])]
    assert {"text/plain": ["2.0"]} in [o.get("data") for o in outputs] or {"text/plain": "2.0"} in [
        o.get("data") for o in outputs
    ]


def test_second_run_keeps_what_was_graded(course, run, monkeypatch):
    handed = classroom.submissions(course, UNIT)
    monkeypatch.setattr(
        classroom, "_fan_out", lambda handed, *_: iter([("again", len(handed))][:0])
    )
    grades = classroom.grade_class(course, UNIT, handed, resume=True)
    assert {s: [e.earned for e in g.exercises] for s, g in grades.items()} == SCORES


def test_changed_submission_is_graded_again(course, run, monkeypatch):
    handed = classroom.submissions(course, UNIT)
    changed = classroom.Handed("ada", handed[0].data + b" ")
    asked = []

    def fan_out(missing, *_):
        asked.extend(missing)
        return iter((each, SubmissionGrade(())) for each in missing)

    monkeypatch.setattr(classroom, "_fan_out", fan_out)
    classroom.grade_class(course, UNIT, [changed, *handed[1:]], resume=True)
    assert asked == [changed]


def test_report_names_everybody_and_escapes():
    grade = SubmissionGrade((ExerciseGrade("start.psnr", 3, 4, ("-1: <script>",)),), ("<b>",))
    page = class_section(UNIT, {"<i>": grade})
    assert "<script>" not in page and "<b>" not in page and "<i>" not in page
    assert "3 / 4" in page


def test_csv_holds_no_formulas(tmp_path):
    grade = SubmissionGrade((ExerciseGrade("start.psnr", 3, 4),))
    classroom.write_csv(tmp_path / "grades.csv", {"=1+1": grade})
    assert "\n'=1+1,3,3," in (tmp_path / "grades.csv").read_text().replace("\r", "")


def test_command_refuses_without_a_sandbox(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(doctor.shutil, "which", lambda _name: None)
    assert main(["grade", UNIT, str(SOLUTION)]) == 2
    said = capsys.readouterr().err
    assert "nothing that a stranger wrote" in said and "apt install bubblewrap" in said


def test_own_work_runs_without_a_sandbox(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    assert main(["grade", UNIT, str(SOLUTION), "--own-work", "--workers", "1"]) == 0
    assert "7 of 7" in capsys.readouterr().out


def test_command_says_where_to_run_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["exercises"]) == 2
    assert "course's folder" in capsys.readouterr().err


def test_doctor_finds_this_machine_in_order(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    assert main(["doctor", "--grading"]) == 0
    assert "runs a cell" in capsys.readouterr().out


def test_sandbox_that_died_is_opened_again():
    from course_lib.grading.sandbox import close_sandboxes, sandbox_for

    first = sandbox_for(UNIT)
    first._parent.kill()
    first._parent.wait()
    second = sandbox_for(UNIT)
    assert second is not first and second.alive()
    assert sandbox_for(UNIT) is second
    close_sandboxes()


def test_folder_that_is_a_link_is_not_followed(tmp_path):
    (tmp_path / "submitted").mkdir()
    (tmp_path / "submitted" / "eve").symlink_to(ROOT / "solutions")
    (one,) = classroom.submissions(tmp_path, UNIT)
    assert one.student == "eve" and "is a link" in one.unreadable and not one.data


def test_doctor_knows_that_the_sandbox_hides_tmp(monkeypatch):
    monkeypatch.setattr(doctor.sys, "prefix", "/tmp/course/.venv")
    (found,) = [each for each in doctor.examine(start=False) if each.what == "Python"]
    assert "/tmp/course/.venv" in found.found and "elsewhere" in found.remedy
