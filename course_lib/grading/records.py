"""A file for each graded submission, written whole or not at all: a killed run can resume."""

import hashlib
import json
import os
import tempfile
from dataclasses import asdict
from pathlib import Path

from course_lib.grading.grades import ExerciseGrade, SubmissionGrade

FOLDER = ".course"


def digest(*parts: bytes) -> str:
    """Of everything that a grade depends on."""
    mixed = hashlib.sha256()
    for part in parts:
        mixed.update(len(part).to_bytes(8, "big") + part)
    return mixed.hexdigest()


def record_path(root: Path, unit: str, student: str) -> Path:
    """Where the record of a student's grade lies; any name makes a harmless file name."""
    name = hashlib.sha256(student.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return root / FOLDER / unit / f"{name}.json"


def save(path: Path, key: str, grade: SubmissionGrade) -> None:
    """Write a grade; ``key`` is the `digest` of what it was made from."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "w") as file:
        json.dump({"key": key, "grade": asdict(grade)}, file)
        file.flush()
        os.fsync(handle)
    os.replace(name, path)


def load(path: Path, key: str) -> SubmissionGrade | None:
    """Return the grade if it was made from the same things."""
    try:
        record = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return as_grade(record["grade"]) if record.get("key") == key else None


def as_grade(plain: dict) -> SubmissionGrade:
    """From what ``asdict`` made of it."""
    exercises = tuple(
        ExerciseGrade(e["check"], e["earned"], e["points"], tuple(e["reasons"]))
        for e in plain["exercises"]
    )
    return SubmissionGrade(exercises, tuple(plain["remarks"]), plain["failed"])
