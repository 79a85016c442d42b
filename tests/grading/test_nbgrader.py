"""nbgrader with our plug-in, from the course's folder: release, autograde, feedback, export.

Its own features stay: free-form answers wait for a person, lateness costs, feedback is HTML. And
`course grade` writes the same gradebook.
"""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from course_lib.cli import main
from course_lib.grading import doctor
from course_lib.grading.gradebook import course_api
from course_lib.grading.sample_class import sample_class

ROOT = Path(__file__).parents[2]
UNIT = "00_start_here"
SCORES = {"ada": 7.0, "ben": 3.0, "cleo": 0.0, "dora": 2.0, "emil": 4.0}
HOSTILE = "I **think** so. <script>alert(1)</script><img src=x onerror=alert(2)> [a](javascript:b)"

pytestmark = pytest.mark.skipif(bool(doctor.refusal()), reason=doctor.refusal())


def nbgrader(folder, *arguments):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", *arguments],
        cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done


def free_form(source):
    """A question that a person reads and grades, 5 points."""
    marks = {"grade": True, "solution": True, "locked": False, "task": False, "points": 5}
    nbgrader_marks = {**marks, "grade_id": "why", "schema_version": 3, "cell_type": "markdown"}
    return {
        "cell_type": "markdown", "id": "why", "metadata": {"nbgrader": nbgrader_marks},
        "source": source,
    }  # fmt: skip


def edited(path, change):
    book = json.loads(path.read_text())
    change(book["cells"])
    path.write_text(json.dumps(book))


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    folder = tmp_path_factory.mktemp("course")
    solution = folder / "solutions" / UNIT / f"{UNIT}.ipynb"
    shutil.copytree(ROOT / "solutions" / UNIT, solution.parent)
    edited(solution, lambda cells: cells.append(free_form("Why?")))
    config = (ROOT / "nbgrader_config.py").read_text()
    config += '\nc.LateSubmissionPlugin.penalty_method = "zero"\n'
    (folder / "nbgrader_config.py").write_text(config)
    nbgrader(folder, "generate_assignment", UNIT, "--create")
    exercise = folder / "exercises" / UNIT / f"{UNIT}.ipynb"
    everyone = sample_class(solution, exercise, folder / "everyone")
    for student in SCORES:
        shutil.copytree(everyone[student].parent, folder / "submitted" / student / UNIT)
    ada = folder / "submitted" / "ada" / UNIT
    edited(ada / f"{UNIT}.ipynb", lambda cells: cells[-1].update(source=HOSTILE))
    (ada / "data").symlink_to("/etc/passwd")
    (folder / "submitted" / "ben" / UNIT / "timestamp.txt").write_text("2026-03-02 00:00:00 UTC")
    with course_api(folder).gradebook as book:
        book.update_or_create_assignment(UNIT, duedate="2026-03-01 00:00:00 UTC")
    nbgrader(folder, "autograde", UNIT)
    return folder


def found(folder):
    """Student to (points, late penalty, whether a person must still look)."""
    with course_api(folder).gradebook as book:
        each = [book.find_submission(UNIT, student) for student in SCORES]
        return {
            s.student.id: (s.score, s.late_submission_penalty, s.needs_manual_grade) for s in each
        }


def expected():
    # Only cleo left the question untouched: that earns nothing and waits for nobody.
    waiting = {student: student != "cleo" for student in SCORES}
    late = {student: SCORES[student] if student == "ben" else 0.0 for student in SCORES}
    return {student: (SCORES[student], late[student], waiting[student]) for student in SCORES}


def test_points_penalties_and_what_waits_for_a_person(course):
    assert found(course) == expected()


def test_export_holds_the_points(course):
    nbgrader(course, "export")
    with (course / "grades.csv").open() as stream:
        rows = {row["student_id"]: float(row["raw_score"]) for row in csv.DictReader(stream)}
    assert rows == SCORES


def test_feedback_says_what_was_missing_and_carries_no_script(course):
    nbgrader(course, "generate_feedback", UNIT)
    page = (course / "feedback" / "emil" / UNIT / f"{UNIT}.html").read_text()
    assert "IndexError: list index out of range" in page
    assert "0 of 3 points" in page
    page = (course / "feedback" / "ada" / UNIT / f"{UNIT}.html").read_text()
    assert "I <strong>think</strong> so." in page
    assert "<script>alert" not in page and "<img src=x" not in page and "javascript:b" not in page


def test_links_beside_a_notebook_are_not_followed(course):
    assert not (course / "autograded" / "ada" / UNIT / "data").exists()


def test_the_other_command_writes_the_same_gradebook(course, monkeypatch):
    monkeypatch.chdir(course)
    nbgrader(course, "db", "assignment", "list")
    with course_api(course).gradebook as book:
        for student in SCORES:
            book.remove_submission(UNIT, student)
    assert main(["grade", UNIT, "--workers", "1"]) == 0
    assert found(course) == expected()


def test_formgrader_can_read_what_the_other_command_wrote(course):
    nbgrader(course, "generate_feedback", UNIT, "--force")
    page = (course / "feedback" / "dora" / UNIT / f"{UNIT}.html").read_text()
    assert "2 of 3 points" in page
