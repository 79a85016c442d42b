"""Grading throughput beside stock nbgrader, on the same submissions, in one run.

``python benchmarks/grading.py --write`` puts the table into benchmarks/README.md.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
UNIT = "00_start_here"
BEGIN, END = "<!-- grading:begin -->", "<!-- grading:end -->"
STOCK = """c = get_config()
c.CourseDirectory.course_id = "stock"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"
c.ClearSolutions.code_stub = {"python": "raise NotImplementedError"}
"""


def course(folder: Path, students: int, config: str) -> Path:
    """A course's folder in which everybody handed the solution in."""
    (folder / "solutions").mkdir(parents=True)
    shutil.copytree(ROOT / "solutions" / UNIT, folder / "solutions" / UNIT)
    (folder / "nbgrader_config.py").write_text(config)
    timed(folder, "-m", "nbgrader", "generate_assignment", UNIT, "--create")
    for number in range(students):
        shutil.copytree(ROOT / "solutions" / UNIT, folder / "submitted" / f"s{number:04}" / UNIT)
    return folder


def timed(folder: Path, *command: str) -> float:
    """Seconds of a Python command in a folder."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "OMP_WAIT_POLICY": "PASSIVE"}
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return time.perf_counter() - began


def judges_share() -> tuple[float, float]:
    """Seconds that one warm submission takes, and of these the judge's own processor time."""
    from course_lib.grading.judge import grade
    from course_lib.grading.sandbox import Sandbox
    from course_lib.grading.submitted import clean, code_to_run, load_release, read_cells

    release = load_release(ROOT / "exercises" / UNIT / f"{UNIT}.ipynb")
    solution = ROOT / "solutions" / UNIT / f"{UNIT}.ipynb"
    walls, own = [], []
    with Sandbox(UNIT) as sandbox:
        for _ in range(10):
            began, cpu = time.perf_counter(), time.process_time()
            cleaned = clean(read_cells(solution), release)
            assert grade(code_to_run(cleaned), UNIT, sandbox, 1).earned == 7
            walls.append(time.perf_counter() - began)
            own.append(time.process_time() - cpu)
    return sorted(walls)[5], sorted(own)[5]


def memory_of_one_more() -> float:
    """MiB of memory that ten idle submissions take together, over ten."""
    from course_lib.grading.sandbox import Sandbox

    def used() -> float:
        lines = dict(x.split(":", 1) for x in Path("/proc/meminfo").read_text().splitlines())
        return -int(lines["MemAvailable"].split()[0]) / 1024

    source = "import torch\nx = torch.rand(300, 300, requires_grad=True)\n(x @ x).sum().backward()"
    with Sandbox(UNIT) as sandbox:
        before, running = used(), []
        for _ in range(10):
            running.append(sandbox.start())
            running[-1].channel.send({"do": "run", "source": source, "seconds": 30.0})
            running[-1].channel.receive(60.0)
        taken = used() - before
        for each in running:
            each.close()
    return taken / 10


def writing(counts: tuple[int, ...] = (250, 500, 1000)) -> dict[int, float]:
    """Milliseconds for each submission to write classes of several sizes into a gradebook."""
    from course_lib.checks import checks_of
    from course_lib.grading.classroom import load_metadata
    from course_lib.grading.gradebook import Writer, course_api
    from course_lib.grading.grades import ungraded
    from course_lib.grading.submitted import clean, load_release, read_cells

    found = {}
    for count in counts:
        with tempfile.TemporaryDirectory() as name:
            folder = course(Path(name) / "c", 0, (ROOT / "nbgrader_config.py").read_text())
            release = load_release(folder / "exercises" / UNIT / f"{UNIT}.ipynb")
            cleaned = clean(read_cells(ROOT / "solutions" / UNIT / f"{UNIT}.ipynb"), release)
            nothing = ungraded(checks_of(UNIT), "a benchmark")
            with Writer(course_api(folder), UNIT, load_metadata(folder, UNIT)) as writer:
                began = time.perf_counter()
                for number in range(count):
                    writer.write(f"s{number:04}", cleaned, nothing)
                found[count] = 1000 * (time.perf_counter() - began) / count
    return found


def report(students: int) -> str:
    """Measure and return the section's text."""
    with tempfile.TemporaryDirectory() as name:
        stock = course(Path(name) / "stock", students, STOCK)
        ours = course(Path(name) / "ours", students, (ROOT / "nbgrader_config.py").read_text())
        slow = timed(stock, "-m", "nbgrader", "autograde", UNIT)
        fast = timed(ours, "-m", "course_lib", "grade", UNIT, "--workers", "2")
    wall, own = judges_share()
    rows = "\n".join(f"| {n:,} | {ms:.0f} |" for n, ms in writing().items())
    return f"""{BEGIN}
## Grading

`python benchmarks/grading.py --write`. {students} solved submissions of {UNIT}, 2 workers, \
one run, start-up of both graders included.

| grader | seconds | submissions a second |
|---|---|---|
| stock nbgrader autograde, no sandbox | {slow:.0f} | {students / slow:.2f} |
| course grade, in the sandbox | {fast:.0f} | {students / fast:.2f} |

{slow / fast:.1f} times the throughput. One warm submission takes {1000 * wall:.0f} ms from \
file to points, of which {1000 * own:.0f} ms are the judge's own processor time. Each further \
submission that runs at the same time takes {memory_of_one_more():.0f} MiB of memory.

Writing into the gradebook (SQLite), notebook included:

| submissions | ms for each |
|---|---|
{rows}
{END}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--students", type=int, default=60)
    options = parser.parse_args()
    text = report(options.students)
    print(text)
    if options.write:
        path = ROOT / "benchmarks" / "README.md"
        whole = path.read_text()
        if BEGIN not in whole:
            whole = f"{whole.rstrip()}\n\n{BEGIN}\n{END}\n"
        start, end = whole.index(BEGIN), whole.index(END) + len(END)
        path.write_text(whole[:start] + text + whole[end:])


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
