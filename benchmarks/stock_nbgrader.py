"""nbgrader as it is, with its own settings: in a course folder, or in a jail that is thrown away.

A case that could harm the machine runs in the jail. That is bubblewrap, as around a submission of
ours, but around the whole of `nbgrader autograde`: namespaces of its own, a user who is nobody, one
folder in memory to write in. Inside, the grader is as unprotected as it is anywhere. In the jail,
`python -m stock_nbgrader CASE` grades one case and prints the points and the harm.
"""

import itertools
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

from attacks.attack import UNIT, Attack
from attacks.everything import EVERYTHING
from attacks.scene import Scene, family

ROOT = Path(__file__).parents[1]
STUDENT = "student"
SECONDS = 120.0  # for one jailed case
MEMORY = 2 * 2**30  # all processes of a jail together, at most
DISK, SHARED = 400 * 2**20, 64 * 2**20  # /tmp with the home and the course; /dev/shm
LIMITS = ["--nproc=200", "--nofile=512", f"--as={12 * 2**30}", "--core=0"]
INMATES = itertools.count(1)  # each jail has a user of its own, since processes count by user
AFTER = {"leaves a file, again": "leaves a file"}  # a case that needs another one before it

Points = list[float] | str
Result = tuple[Points, list[str]]  # the points or what came instead of them, and the harm


class Stock:
    """A course folder with nbgrader's own settings."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def new(cls, folder: Path) -> "Stock":
        """Make the folder, with the released assignment in it."""
        source = folder / "source" / UNIT
        source.mkdir(parents=True)
        (folder / "nbgrader_config.py").write_text(
            "c = get_config()\nc.CourseDirectory.course_id = 'stock'\n"
        )
        solution = ROOT / "solutions" / UNIT / f"{UNIT}.ipynb"
        (source / solution.name).write_bytes(solution.read_bytes())
        course = cls(folder)
        assert course.run("generate_assignment", UNIT) == 0, (folder / "log").read_text()
        return course

    def run(self, *words: str, seconds: float = 420.0) -> int:
        """Run a command of nbgrader's and return its exit status; what it says goes to a file."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        with (self.folder / "log").open("wb") as log:
            return subprocess.run(
                [sys.executable, "-m", "nbgrader", *words],
                cwd=self.folder, env={**os.environ, "PATH": path}, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, timeout=seconds, start_new_session=True,
            ).returncode  # fmt: skip

    def autograde(self, students: str, seconds: float = 420.0) -> str:
        """Grade; "" or that it did not finish."""
        try:
            self.run("autograde", UNIT, "--create", "--student", students, seconds=seconds)
        except subprocess.TimeoutExpired:
            return "did not finish"
        return ""

    def submission(self, student: str) -> Path:
        """Where a student's notebook lies, in a folder that is made."""
        path = self.folder / "submitted" / student / UNIT / f"{UNIT}.ipynb"
        path.parent.mkdir(parents=True)
        return path

    def graded(self, student: str) -> Path:
        """Where nbgrader puts the graded notebook."""
        return self.folder / "autograded" / student / UNIT / f"{UNIT}.ipynb"

    def points(self, student: str) -> Points | None:
        """For the two exercises, or None where there is no grade."""
        from nbgrader.api import Gradebook, MissingEntry

        if not self.graded(student).exists():
            return None
        with Gradebook(f"sqlite:///{self.folder}/gradebook.db") as book:
            try:
                (notebook,) = book.find_submission(UNIT, student).notebooks
            except (MissingEntry, ValueError):
                return None
            scores = {each.name: each.score for each in notebook.grades}
        return [scores.get("to_batch-check", 0.0), scores.get("psnr-check", 0.0)]

    def grade(self, attacks: dict[str, Attack]) -> dict[str, Result]:
        """What it gives each, or what became of it: together, else one by one."""
        for student, attack in attacks.items():
            self.submission(student).write_bytes(without_try_outs(attack.data()))
        chunk = next(iter(attacks)).partition("-")[0]
        self.autograde(f"{chunk}-*")
        found = {}
        for student, attack in attacks.items():
            points = self.points(student) or self.autograde(student) or self.points(student)
            found[attack.name] = points or "no grade", []
        return found


def without_try_outs(data: bytes) -> bytes:
    """The file without the cells that draw pictures, if it is a plain notebook: they take long."""
    try:
        book = json.loads(data)
        keep = [c for c in book["cells"] if "show.attempt" not in "".join(c["source"])]
    except (ValueError, KeyError, TypeError, RecursionError):
        return data
    return json.dumps({**book, "cells": keep}).encode()


def furnish(folder: Path) -> None:
    """Put into a folder what the jail shows of the course: the package, the cases, a course."""
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("course_lib", "tests/grading/attacks", f"exercises/{UNIT}"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    shutil.copy(__file__, folder)
    Stock.new(folder / "stock")
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


def jailed(attack: Attack, folder: Path) -> Result:
    """Grade one case in a jail whose ``/course`` is ``folder``, and throw the jail away."""
    from course_lib.grading.sandbox import NOBODY, bubblewrap, environment  # takes memory

    inmate = str(NOBODY + next(INMATES))
    command = [each.replace(str(NOBODY), inmate) for each in bubblewrap(folder)]
    at = command.index("--chdir")
    for size, place in ((DISK, "/tmp"), (SHARED, "/dev/shm")):
        command[at:at] = ["--perms", "1777", "--size", str(size), "--tmpfs", place]
    command = [
        "nice", *command, "prlimit", *LIMITS, "--",
        sys.executable, "-m", "stock_nbgrader", attack.name,
    ]  # fmt: skip
    jail = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env={
            **environment(Path("/course")),
            "PYTHONPATH": "/course:/course/tests/grading", "USER": "instructor",
        },
    )  # fmt: skip
    harm: list[str] = []
    guard = threading.Thread(target=watch, args=(jail, harm), daemon=True)
    guard.start()
    try:
        said = jail.communicate(timeout=SECONDS + 60.0)[0]
    except subprocess.TimeoutExpired:
        jail.kill()
        jail.communicate()
        return "did not finish", harm
    guard.join()
    if not said:
        return "no grade", [*harm, "the grader was ended"]
    points, found = json.loads(said.splitlines()[-1])
    return points, harm + found


def watch(jail: subprocess.Popen, harm: list[str]) -> None:
    """While the jail stands, end its largest process when memory is short, as a kernel does."""
    while jail.poll() is None:
        sizes = {pid: proportional_size(pid) for pid in family(jail.pid)}
        if sum(sizes.values()) > MEMORY:
            harm[:] = [f"more than {MEMORY / 2**30:g} GB of memory"]
            try:
                os.kill(max(sizes, key=sizes.__getitem__), 9)
            except ProcessLookupError:
                continue
        try:
            jail.wait(0.2)
        except subprocess.TimeoutExpired:
            continue


def proportional_size(pid: int) -> int:
    """A process's memory in bytes; what it shares with others is divided among them."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def in_the_jail(name: str) -> Result:
    """Grade a case in a new course, beside a scene that shows the harm."""
    course = Stock(Path("/tmp/stock"))
    shutil.copytree("/course/stock", course.folder)
    scene = Scene(Path("/tmp"), 1)
    cases = {each.name: each for each in EVERYTHING}
    names = [AFTER[name], name] if name in AFTER else [name]
    for number, attack in enumerate(cases[each] for each in names):
        student = f"{STUDENT}-{number}"
        path = course.submission(student)
        data = without_try_outs(attack.data(str(scene.canary), scene.port, scene.name))
        attack.put(path, data, scene.canary) if attack.put else path.write_bytes(data)
        came = course.autograde(student, SECONDS)
    harm = list(dict.fromkeys(each.partition(":")[0] for each in scene.harm()))
    harm += ["the secret was told"] if tells(course.graded(student), attack.secret) else []
    harm += ["a full disk"] if shutil.disk_usage(course.folder).free < 2**20 else []
    return came or course.points(student) or "no grade", harm


def tells(path: Path, secret: str) -> bool:
    """Whether an output says a secret; a traceback shows the source, which may hold the word."""
    if not path.exists():
        return False
    outputs = [o for c in json.loads(path.read_text())["cells"] for o in c.get("outputs", [])]
    for each in outputs:
        each.pop("traceback", None)
    return secret in json.dumps(outputs)


if __name__ == "__main__":
    print("\n" + json.dumps(in_the_jail(sys.argv[1])))
