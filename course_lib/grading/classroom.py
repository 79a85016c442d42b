"""Grade a class: fan out over processes or machines, write as the grades come in, resume."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from course_lib.checks import checks_of
from course_lib.grading import records, secret
from course_lib.grading.grades import SubmissionGrade, ungraded
from course_lib.grading.sealed import built_on
from course_lib.grading.submitted import (
    Clean,
    Unreadable,
    cells_of,
    clean,
    code_to_run,
    load_release,
    read_bytes,
)


@dataclass(frozen=True)
class Handed:
    """One submission: whose, and what was read of it (or why nothing was)."""

    student: str
    data: bytes = b""
    unreadable: str = ""


def submissions(root: Path, unit: str, folder: str = "submitted") -> list[Handed]:
    """Read ``submitted/STUDENT/UNIT/UNIT.ipynb`` of every student, in the order of their names."""
    return [
        read_one(place.name, place / unit / f"{unit}.ipynb")
        for place in sorted(Path(root, folder).glob("*"))
        if (place / unit).is_dir()
    ]


def read_one(student: str, path: Path) -> Handed:
    """Read one notebook; what cannot be read is said later, as its grade."""
    if path.parent.is_symlink() or path.parent.parent.is_symlink():
        return Handed(student, unreadable="the submission's folder is a link")
    try:
        return Handed(student, read_bytes(path))
    except Unreadable as error:
        return Handed(student, unreadable=str(error))


def cleaned_of(handed: Handed, release: Sequence[dict[str, Any]]) -> Clean:
    """Match a submission to the release; one that cannot be read is an untouched one."""
    try:
        return clean([] if handed.unreadable else cells_of(handed.data), release)
    except Unreadable:
        return clean([], release)


def grade_one(
    handed: Handed,
    unit: str,
    release: Sequence[dict[str, Any]],
    seed: int,
    needs: Mapping[str, frozenset[str]],
    isolated: bool,
) -> dict[str, Any]:
    """Grade one submission in this process's sandbox; runs in a worker."""
    from course_lib.grading.judge import grade
    from course_lib.grading.sandbox import sandbox_for

    if handed.unreadable:
        return asdict(ungraded(checks_of(unit), handed.unreadable))
    try:
        cleaned = clean(cells_of(handed.data), release)
    except Unreadable as error:
        return asdict(ungraded(checks_of(unit), str(error)))
    found = grade(code_to_run(cleaned), unit, sandbox_for(unit, isolated), seed, needs)
    return asdict(SubmissionGrade(found.exercises, (*cleaned.remarks, *found.remarks)))


def grade_class(
    root: Path,
    unit: str,
    handed: Sequence[Handed],
    *,
    workers: int = 2,
    scheduler: str | None = None,
    resume: bool = False,
    isolated: bool = True,
    done: Callable[[Handed, SubmissionGrade], None] = lambda _handed, _grade: None,
) -> dict[str, SubmissionGrade]:
    """Grade all submissions of a unit.

    Args:
        root: the course's folder; the grades are kept under it as they come.
        unit: as in the folder's name.
        handed: see `submissions`.
        workers: processes on this machine.
        scheduler: address of a Dask scheduler to use instead, ``tcp://...``.
        resume: keep the grades of an earlier run that were made from the same submission,
            release and checks.
        isolated: False for one's own work only.
        done: called with each grade as it is there.

    Returns:
        Student to grade.
    """
    release_file = root / "exercises" / unit / f"{unit}.ipynb"
    release, seed = load_release(release_file), secret.seed(root, unit)
    basis = (release_file.read_bytes(), _library(), str(seed).encode())
    keys = {
        each.student: records.digest(each.data, each.unreadable.encode(), *basis) for each in handed
    }
    grades, missing = {}, []
    for each in handed:
        path = records.record_path(root, unit, each.student)
        kept = records.load(path, keys[each.student]) if resume else None
        if kept:
            grades[each.student] = kept
            done(each, kept)
        else:
            missing.append(each)
    given = (unit, release, seed, built_on(unit, root), isolated)
    for each, grade in _fan_out(missing, given, workers, scheduler):
        path = records.record_path(root, unit, each.student)
        records.save(path, keys[each.student], grade)
        grades[each.student] = grade
        done(each, grade)
    return {each.student: grades[each.student] for each in handed}


def _fan_out(
    handed: Sequence[Handed], given: tuple[Any, ...], workers: int, scheduler: str | None
) -> Iterator[tuple[Handed, SubmissionGrade]]:
    """Grade in Dask workers; yield as they finish."""
    from distributed import Client, LocalCluster, as_completed

    if not handed:
        return
    if scheduler:
        client, cluster = Client(scheduler), None
    else:
        cluster = LocalCluster(
            n_workers=min(workers, len(handed)), threads_per_worker=1, dashboard_address=None,
            memory_limit=None, silence_logs=40,
        )  # fmt: skip
        client = Client(cluster)
    try:
        unit, now = given[0], f"{given[0]}-{time.time()}"
        shared = client.scatter(given[1], broadcast=True)
        futures = {
            client.submit(
                grade_one, each, unit, shared, *given[2:], key=f"{now}-{i}", retries=2
            ): each
            for i, each in enumerate(handed)
        }
        for future in as_completed(futures):
            each = futures[future]
            try:
                yield each, records.as_grade(future.result())
            except Exception as error:  # a worker that died again and again, no sandbox there
                why = f"it could not be graded: {type(error).__name__}: {error}"
                yield each, ungraded(checks_of(unit), why)
    finally:
        client.close()
        if cluster:
            cluster.close()


def _library() -> bytes:
    """Every source of the course's package, so that a changed check grades again."""
    return b"".join(path.read_bytes() for path in sorted(Path(__file__).parents[1].rglob("*.py")))


def summary(grades: dict[str, SubmissionGrade]) -> str:
    """Two or three lines for the terminal."""
    failed = {student: g for student, g in grades.items() if g.failed}
    points = sorted(g.earned for g in grades.values())
    lines = [f"{len(grades)} submissions"]
    if points:
        most = sum(e.points for e in next(iter(grades.values())).exercises)
        middle = points[len(points) // 2]
        lines[0] += f", {points[0]} to {points[-1]} of {most} points, median {middle}"
    lines += [f"could not be graded: {student}: {g.failed}" for student, g in failed.items()]
    return "\n".join(lines)


def write_csv(path: Path, grades: dict[str, SubmissionGrade]) -> None:
    """One row for each student, one column for each exercise."""
    import csv

    rows = []
    for student, grade in grades.items():
        row = {"student": _plain(student)}
        row |= {each.check: each.earned for each in grade.exercises}
        rows.append({**row, "together": grade.earned, "failed": _plain(grade.failed)})
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]) if rows else ["student"])
        writer.writeheader()
        writer.writerows(rows)


def _plain(text: str) -> str:
    """A spreadsheet takes what begins with one of these for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def load_metadata(root: Path, unit: str) -> dict[str, Any]:
    """The released notebook's metadata."""
    return json.loads((root / "exercises" / unit / f"{unit}.ipynb").read_text())["metadata"]
