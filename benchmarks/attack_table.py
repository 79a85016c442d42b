"""Each attack of `tests/grading/attacks` against stock nbgrader and against our grader.

    python benchmarks/attack_table.py            the table on the screen
    python benchmarks/attack_table.py --write    the table in docs/grading-attacks.md

Stock nbgrader runs in a course folder of its own with its default settings, without the cells that
only draw pictures, and gets only what does no harm without a sandbox.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "grading"))

from attacks.attack import RELEASE, UNIT, Attack  # noqa: E402
from attacks.everything import EVERYTHING, KINDS  # noqa: E402
from attacks.scene import Scene  # noqa: E402

from course_lib.grading import judge  # noqa: E402
from course_lib.grading.sandbox import Sandbox  # noqa: E402
from course_lib.grading.submitted import (  # noqa: E402
    Unreadable,
    clean,
    code_to_run,
    load_release,
    read_cells,
)

PAGE = ROOT / "docs" / "grading-attacks.md"
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"
NOT_RUN = "not run"
Points = list[float] | str


def may_run(attack: Attack) -> bool:
    """Whether stock nbgrader can be given it on a machine that one still needs."""
    forged = (
        "def sockets()" in attack.psnr + attack.extra
    )  # frames of our protocol mean nothing there
    return attack.harmless and not (attack.put or attack.endless or forged)


class Stock:
    """A course folder with nbgrader's own settings."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        source = folder / "source" / UNIT
        source.mkdir(parents=True)
        (folder / "nbgrader_config.py").write_text(
            "c = get_config()\nc.CourseDirectory.course_id = 'stock'\n"
        )
        solution = ROOT / "solutions" / UNIT / f"{UNIT}.ipynb"
        (source / solution.name).write_bytes(solution.read_bytes())
        made = self.run("generate_assignment", UNIT)
        assert made.returncode == 0, made.stderr

    def run(self, *words: str) -> subprocess.CompletedProcess:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(
            [sys.executable, "-m", "nbgrader", *words],
            cwd=self.folder, env={**os.environ, "PATH": path}, capture_output=True, text=True,
            timeout=420, errors="replace", start_new_session=True,
        )  # fmt: skip

    def grade(self, attacks: dict[str, Attack]) -> dict[str, Points]:
        """What stock nbgrader gives each, or what became of it: together, else one by one."""
        for student, attack in attacks.items():
            place = self.folder / "submitted" / student / UNIT
            place.mkdir(parents=True)
            (place / f"{UNIT}.ipynb").write_bytes(without_try_outs(attack.data()))
        chunk = next(iter(attacks)).partition("-")[0]
        self.autograde(f"{chunk}-*")
        found = {}
        for student, attack in attacks.items():
            found[attack.name] = (
                self.points(student) or self.autograde(student) or self.points(student)
            )
        return {name: points or "no grade" for name, points in found.items()}

    def autograde(self, students: str) -> str:
        try:
            self.run("autograde", UNIT, "--create", "--student", students)
        except subprocess.TimeoutExpired:
            return "hangs"
        return ""

    def points(self, student: str) -> Points | None:
        from nbgrader.api import Gradebook, MissingEntry

        if not (self.folder / "autograded" / student / UNIT / f"{UNIT}.ipynb").exists():
            return None
        with Gradebook(f"sqlite:///{self.folder}/gradebook.db") as book:
            try:
                (notebook,) = book.find_submission(UNIT, student).notebooks
            except (MissingEntry, ValueError):
                return None
            scores = {each.name: each.score for each in notebook.grades}
        return [scores.get("to_batch-check", 0.0), scores.get("psnr-check", 0.0)]


def without_try_outs(data: bytes) -> bytes:
    """The file without the cells that draw pictures, if it is a plain notebook: they take long."""
    try:
        book = json.loads(data)
        keep = [c for c in book["cells"] if "show.attempt" not in "".join(c["source"])]
    except (ValueError, KeyError, TypeError, RecursionError):
        return data
    return json.dumps({**book, "cells": keep}).encode()


def in_stock(attacks: list[Attack], folder: Path, file: Path | None) -> dict[str, Points]:
    """Grade eight at a time in each of two course folders; ``file`` keeps what is known."""
    found: dict[str, Points] = json.loads(file.read_text()) if file and file.exists() else {}
    todo = [attack for attack in attacks if may_run(attack) and attack.name not in found]
    chunks = [
        {f"c{i:03d}-s{k}": attack for k, attack in enumerate(todo[i : i + 8])}
        for i in range(0, len(todo), 8)
    ]
    courses = [Stock(folder / f"course-{i}") for i in range(2)] if todo else []
    with tqdm(total=len(todo), desc="stock nbgrader") as bar:

        def work(number: int) -> None:
            for chunk in chunks[number::2]:
                found.update(courses[number].grade(chunk))
                bar.update(len(chunk))
                if file:
                    file.write_text(json.dumps(found))

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(work, range(len(courses))))
    return found


def here(attacks: list[Attack], folder: Path) -> dict[str, tuple[Points, list[str]]]:
    """Points and harm in our sandbox."""
    found = {}
    with Sandbox(UNIT) as box:
        box.start().close()
        judge.slowness = lambda: 1.0
        scene = Scene(folder, box._parent.pid)
        for i, attack in enumerate(tqdm(attacks, desc="here")):
            judge.CALL_SECONDS = judge.CELL_SECONDS = 3.0 if attack.endless else 30.0
            path = folder / f"attack-{i}" / f"{UNIT}.ipynb"
            path.parent.mkdir()
            data = attack.data(str(scene.canary), scene.port, scene.name)
            attack.put(path, data, scene.canary) if attack.put else path.write_bytes(data)
            try:
                cells = code_to_run(clean(read_cells(path), load_release(RELEASE)))
                grade = judge.grade(cells, UNIT, box, 20_011)
                points = [float(each.earned) for each in grade.exercises]
            except Unreadable:
                points = [0.0, 0.0]
            found[attack.name] = points, scene.harm()
        scene.close()
    return found


def table(stock: dict[str, Points], ours: dict[str, tuple[Points, list[str]]]) -> str:
    """The page's tables, one for each kind, and the sums above them."""
    lines = [*sums(stock, ours), ""]
    for kind, attacks in KINDS.items():
        lines += [
            f"## {kind[0].upper()}{kind[1:]}",
            "",
            "| Case | What it tries, or is | Honest | Stock nbgrader | Here | Harm here |",
        ]
        lines += ["|---|---|---|---|---|---|"]
        for attack in attacks:
            points, harm = ours[attack.name]
            given = stock.get(attack.name, NOT_RUN)
            cells = [
                attack.name,
                attack.tries,
                shown(list(attack.honest)),
                shown(given),
                shown(points),
                "; ".join(harm) or "none",
            ]
            lines.append("| " + " | ".join(each.replace("|", "\\|") for each in cells) + " |")
        lines.append("")
    return "\n".join(lines)


def shown(points: Points) -> str:
    return points if isinstance(points, str) else " + ".join(f"{each:g}" for each in points)


def sums(stock: dict[str, Points], ours: dict[str, tuple[Points, list[str]]]) -> list[str]:
    lines = [
        "| | Cases | Undeserved points in | Honest points lost in | No grade |",
        "|---|---|---|---|---|",
    ]
    for name, given in (("Stock nbgrader", stock), ("Here", {k: v[0] for k, v in ours.items()})):
        run = [(a, given[a.name]) for a in EVERYTHING if a.name in given]
        graded = [(a, p) for a, p in run if not isinstance(p, str)]
        more = sum(any(x > y for x, y in zip(p, a.honest, strict=True)) for a, p in graded)
        less = sum(any(x < y for x, y in zip(p, a.honest, strict=True)) for a, p in graded)
        lines.append(f"| {name} | {len(run)} | {more} | {less} | {len(run) - len(graded)} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the table into the page")
    parser.add_argument(
        "--stock", type=Path, help="JSON file: keep stock nbgrader's points, or take them from it"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        stock = in_stock(EVERYTHING, Path(folder), options.stock)
        made = table(stock, here(EVERYTHING, Path(folder)))
    if not options.write:
        print(made)
        return
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{made}\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    main()
