"""The command ``course``: build the exercises, run the lectures, grade, see it all at once."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand from the course's folder and return its exit status."""
    parser = argparse.ArgumentParser(prog="course", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("tour", help="exercises, a lecture and a graded class in one report")
    commands.add_parser("exercises", help="write exercises/ again from solutions/")
    lectures = commands.add_parser("lectures", help="run lectures and keep their outputs")
    lectures.add_argument("names", nargs="*", help="such as 04_classical_inpainting; default: all")
    grade = commands.add_parser(
        "grade", help="grade notebooks, with the reason for each lost point"
    )
    grade.add_argument("unit", help="such as 04_classical_inpainting")
    grade.add_argument("notebooks", nargs="+", type=Path)
    grade.add_argument("--own-work", action="store_true", help="you wrote all of them yourself")
    options = parser.parse_args(arguments)
    root = Path.cwd()
    if not (root / "nbgrader_config.py").is_file():
        return _refuse("run this from the course's folder, the one that holds nbgrader_config.py")
    return _COMMANDS[options.command](root, options)


def _tour(root: Path, _options: argparse.Namespace) -> int:
    from course_lib.tour import tour

    tour(root)
    return 0


def _exercises(root: Path, _options: argparse.Namespace) -> int:
    from course_lib.grading.release import release

    release(root, done=lambda unit: print(f"exercises/{unit}/{unit}.ipynb"))
    return 0


def _lectures(root: Path, options: argparse.Namespace) -> int:
    import nbformat

    from course_lib.notebooks import run, without_run_times

    for path in sorted(root.glob("lectures/*.ipynb")):
        if not options.names or path.stem in options.names:
            nbformat.write(without_run_times(run(path, path.parent)), path)
            print(path.relative_to(root))
    return 0


def _grade(_root: Path, options: argparse.Namespace) -> int:
    from course_lib.grading.own_work import grade_class

    if not options.own_work:
        return _refuse(
            "there is no sandbox yet, so nothing that a stranger wrote is run. "
            "If you wrote these notebooks yourself, say so with --own-work."
        )
    for notebook, grades in grade_class(options.notebooks, options.unit).items():
        print(f"{notebook}: {sum(g.earned for g in grades)} of {sum(g.points for g in grades)}")
        for grade in grades:
            print(f"  {grade.check}: {grade.earned} of {grade.points}")
            print("".join(f"    {reason}\n" for reason in grade.reasons), end="")
    return 0


def _refuse(why: str) -> int:
    print(f"course: {why}", file=sys.stderr)
    return 2


_COMMANDS = {"tour": _tour, "exercises": _exercises, "lectures": _lectures, "grade": _grade}
