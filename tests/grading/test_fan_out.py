"""A class over several processes: killed workers and killed runs lose nothing; PostgreSQL works."""

import glob
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from course_lib.grading import classroom, doctor, records
from course_lib.grading.gradebook import course_api

ROOT = Path(__file__).parents[2]
UNIT = "00_start_here"
STUDENTS = 12

pytestmark = pytest.mark.skipif(bool(doctor.refusal()), reason=doctor.refusal())


@pytest.fixture
def course(tmp_path):
    """A folder in which twelve students handed the solution in."""
    for folder in ("solutions", "exercises"):
        shutil.copytree(ROOT / folder / UNIT, tmp_path / folder / UNIT)
    shutil.copy(ROOT / "nbgrader_config.py", tmp_path)
    for number in range(STUDENTS):
        shutil.copytree(
            ROOT / "solutions" / UNIT, tmp_path / "submitted" / f"student{number:02}" / UNIT
        )
    return tmp_path


def grade(course, *more):
    command = [sys.executable, "-m", "course_lib", "grade", UNIT, "--workers", "2", *more]
    return subprocess.Popen(
        command, cwd=course, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def scores(course, db=None):
    with course_api(course, db).gradebook as book:
        return {each["student"]: each["score"] for each in book.submission_dicts(UNIT)}


def everybody_has_all():
    return {f"student{number:02}": 7.0 for number in range(STUDENTS)}


def test_killed_run_loses_no_finished_grade_and_resumes_to_the_same_gradebook(course):
    run = grade(course)
    folder = course / records.FOLDER / UNIT
    deadline = time.monotonic() + 120
    while len(list(folder.glob("*.json"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.005)
    run.send_signal(signal.SIGKILL)
    run.wait()
    kept = {path: path.stat().st_mtime_ns for path in folder.glob("*.json")}
    assert 2 <= len(kept) < STUDENTS
    again = grade(course, "--resume")
    said, _ = again.communicate(timeout=300)
    assert again.returncode == 0, said
    assert {path: path.stat().st_mtime_ns for path in kept} == kept, "graded twice"
    assert scores(course) == everybody_has_all()


def test_worker_that_is_killed_costs_nothing(course):
    from distributed import LocalCluster

    handed = classroom.submissions(course, UNIT)
    with LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, memory_limit=None,
        silence_logs=50,
    ) as cluster:  # fmt: skip
        killed = []

        def kill_one(_handed, _grade):
            if len(killed) < 1:
                worker = next(iter(cluster.workers.values()))
                killed.append(worker.pid)
                os.kill(worker.pid, signal.SIGKILL)

        grades = classroom.grade_class(
            course, UNIT, handed, scheduler=cluster.scheduler_address, done=kill_one
        )
    assert killed
    assert {student: found.earned for student, found in grades.items()} == everybody_has_all()


def _servers():
    return sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))


@pytest.fixture
def postgres(tmp_path):
    """A PostgreSQL server of its own on loopback; the URL of an empty database."""
    if not _servers():
        pytest.skip("PostgreSQL's server is not installed")
    pytest.importorskip("psycopg")
    programs = Path(_servers()[-1]).parent
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = Path("/tmp") / f"course-postgres-{port}"
    folder.mkdir(mode=0o700)
    as_user = []
    if os.geteuid() == 0:  # the server refuses to run as root
        shutil.chown(folder, "postgres", "postgres")
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]
    data = folder / "data"
    subprocess.run(
        [*as_user, programs / "initdb", "-D", data, "-A", "trust", "-U", "course"],
        check=True, capture_output=True, cwd=folder,
    )  # fmt: skip
    server = subprocess.Popen(
        [*as_user, programs / "postgres", "-D", data, "-p", str(port), "-k", folder,
         "-c", "listen_addresses=127.0.0.1"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder,
    )  # fmt: skip
    made = [programs / "createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "course", "grades"]
    for _ in range(100):
        if subprocess.run(made, capture_output=True).returncode == 0:
            break
        time.sleep(0.2)
    yield f"postgresql://course@127.0.0.1:{port}/grades"
    server.send_signal(signal.SIGINT)
    server.wait(30)
    shutil.rmtree(folder)


def test_grades_go_into_postgresql(course, postgres):
    for number in range(2, STUDENTS):
        shutil.rmtree(course / "submitted" / f"student{number:02}")
    run = grade(course, "--db", postgres)
    said, _ = run.communicate(timeout=300)
    assert run.returncode == 0, said
    assert scores(course, postgres) == {"student00": 7.0, "student01": 7.0}
    assert not (course / "gradebook.db").exists()
