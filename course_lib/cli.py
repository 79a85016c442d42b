"""The command ``course``: look after this machine, the notebooks, the class, one's progress."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from course_lib.grading import commands as grading


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand from the course's folder and return its exit status."""
    parser = argparse.ArgumentParser(prog="course", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("tour", help="exercises, a lecture and a graded class in one report")
    exercises = commands.add_parser("exercises", help="write exercises/ again from solutions/")
    exercises.add_argument("names", nargs="*", help="such as 04_classical_inpainting; default: all")
    lectures = commands.add_parser("lectures", help="run lectures and keep their outputs")
    lectures.add_argument("names", nargs="*", help="such as 04_classical_inpainting; default: all")
    commands.add_parser("progress", help="which checks have passed on this machine")
    doctor = commands.add_parser("doctor", help="what this machine lacks, and how to get it")
    doctor.add_argument("--grading", action="store_true", help="for grading other people's work")
    grading.add_arguments(commands)
    options = parser.parse_args(arguments)
    root = Path.cwd()
    if options.command not in _ANYWHERE and not (root / "nbgrader_config.py").is_file():
        return grading.refuse(
            "run this from the course's folder, the one that holds nbgrader_config.py"
        )
    return _COMMANDS[options.command](root, options)


def _tour(root: Path, _options: argparse.Namespace) -> int:
    from course_lib.tour import tour

    tour(root)
    return 0


def _exercises(root: Path, options: argparse.Namespace) -> int:
    from course_lib.grading.release import release

    release(root, options.names, done=lambda unit: print(f"exercises/{unit}/{unit}.ipynb"))
    return 0


def _lectures(root: Path, options: argparse.Namespace) -> int:
    import nbformat

    from course_lib.notebooks import run, without_run_times

    for path in sorted(root.glob("lectures/*.ipynb")):
        if not options.names or path.stem in options.names:
            nbformat.write(without_run_times(run(path, path.parent)), path)
            print(path.relative_to(root))
    return 0


def _progress(_root: Path, _options: argparse.Namespace) -> int:
    from course_lib.progress import progress_text

    print(progress_text())
    return 0


def _doctor(_root: Path, options: argparse.Namespace) -> int:
    """Print what was found; 1 if something is missing."""
    from course_lib import doctor
    from course_lib.grading import doctor as for_grading

    findings = for_grading.examine() if options.grading else doctor.examine()
    print(doctor.report(findings))
    if not options.grading:
        print("To grade other people's notebooks: course doctor --grading")
    return int(any(each.remedy for each in findings))


_ANYWHERE = ("doctor", "progress")
_COMMANDS = {
    "tour": _tour,
    "exercises": _exercises,
    "lectures": _lectures,
    "grade": grading.grade,
    "submissions": grading.submissions,
    "progress": _progress,
    "doctor": _doctor,
}
