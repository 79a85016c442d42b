"""Stock nbgrader, from the course's folder: release, autograde, feedback, export."""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from course_lib.grading.sample_class import sample_class

ROOT = Path(__file__).parents[2]
UNIT = "00_start_here"
SCORES = {"ada": 7.0, "ben": 3.0, "cleo": 0.0, "dora": 2.0, "emil": 4.0}


def nbgrader(folder, *arguments):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [sys.executable, "-m", "nbgrader", *arguments],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    folder = tmp_path_factory.mktemp("course")
    shutil.copytree(ROOT / "solutions" / UNIT, folder / "solutions" / UNIT)
    shutil.copy(ROOT / "nbgrader_config.py", folder)
    made = nbgrader(folder, "generate_assignment", UNIT, "--create")
    assert made.returncode == 0, made.stderr
    solution, exercise = (
        folder / step / UNIT / f"{UNIT}.ipynb" for step in ("solutions", "exercises")
    )
    everyone = sample_class(solution, exercise, folder / "everyone")
    for student in SCORES:
        shutil.copytree(everyone[student].parent, folder / "submitted" / student / UNIT)
    graded = nbgrader(folder, "autograde", UNIT, "--create")
    assert graded.returncode == 0, graded.stderr
    return folder


def test_scores_are_those_of_the_sample_class(course):
    assert nbgrader(course, "export").returncode == 0
    with (course / "grades.csv").open() as stream:
        rows = {row["student_id"]: float(row["score"]) for row in csv.DictReader(stream)}
    assert rows == SCORES


def test_feedback_shows_the_student_what_was_missing(course):
    made = nbgrader(course, "generate_feedback", UNIT)
    assert made.returncode == 0, made.stderr
    page = (course / "feedback" / "emil" / UNIT / f"{UNIT}.html").read_text()
    assert "IndexError: list index out of range" in page
    assert "0 of 3 points" in page
