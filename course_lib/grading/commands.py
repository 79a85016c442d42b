"""What the command line does with submissions: ``course grade`` and ``course submissions``."""

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

if TYPE_CHECKING:
    from course_lib.grading.classroom import Handed
    from course_lib.grading.gradebook import Writer
    from course_lib.grading.grades import SubmissionGrade


def add_arguments(commands: argparse._SubParsersAction) -> None:
    """Add the subcommands to the command line's."""
    grade = commands.add_parser(
        "grade", help="grade a class in the sandbox, with the reason for each lost point"
    )
    grade.add_argument("unit", help="such as 04_classical_inpainting")
    grade.add_argument(
        "notebooks", nargs="*", type=Path,
        help="single files, not written to the gradebook; default: submitted/*/UNIT/UNIT.ipynb",
    )  # fmt: skip
    grade.add_argument("--workers", type=int, help="processes; default: one for each core")
    grade.add_argument("--scheduler", help="a Dask scheduler's address, tcp://...")
    grade.add_argument("--db", help="the gradebook, such as postgresql://...; default: nbgrader's")
    grade.add_argument("--resume", action="store_true", help="keep what an earlier run finished")
    grade.add_argument(
        "--own-work", action="store_true",
        help="run without a sandbox: only for notebooks that you wrote yourself",
    )  # fmt: skip
    collect = commands.add_parser(
        "submissions", help="take notebooks as Moodle, Canvas or Colab deliver them"
    )
    collect.add_argument("unit", help="such as 04_classical_inpainting")
    collect.add_argument("folder", type=Path, help="notebooks, zip files, folders by student")


def submissions(root: Path, options: argparse.Namespace) -> int:
    """Write ``submitted/`` and say what became of each; 1 if one wants a person's eye."""
    from course_lib.grading.collect import collect

    if not options.folder.is_dir():
        return refuse(f"{options.folder} is no folder")
    release = root / "exercises" / options.unit / f"{options.unit}.ipynb"
    if not release.is_file():
        return refuse(f"{release.relative_to(root)} is missing: course exercises writes it")
    found = collect(root, options.unit, options.folder)
    for each in found:
        where = each.written.relative_to(root) if each.written else "not written"
        print(f"{each.source!r} -> {where}")
        print("".join(f"    {remark}\n" for remark in each.remarks), end="")
    print(f"{len(found)} notebooks, {len({each.student for each in found})} students")
    return int(any(each.remarks for each in found))


def grade(root: Path, options: argparse.Namespace) -> int:
    """Grade; 0 if everything was, 1 if something could not be, 2 for a refusal."""
    from course_lib.grading import classroom
    from course_lib.grading.doctor import refusal

    why = "" if options.own_work else refusal()
    if why:
        return refuse(
            f"nothing that a stranger wrote is run without a sandbox. {why} (course doctor "
            "--grading says more; --own-work grades notebooks that you wrote yourself, without "
            "protection.)"
        )
    release = root / "exercises" / options.unit / f"{options.unit}.ipynb"
    if not release.is_file():
        return refuse(f"{release.relative_to(root)} is missing: course exercises writes it")
    if options.notebooks:
        handed = [classroom.read_one(str(path), path) for path in options.notebooks]
    else:
        handed = classroom.submissions(root, options.unit)
    if not handed:
        return refuse(f"there are no notebooks submitted/*/{options.unit}/{options.unit}.ipynb")
    grades = _grade_all(root, options, handed)
    if options.notebooks:
        _print(grades)
    else:
        _write_reports(root, options.unit, handed, grades)
    print(classroom.summary(grades))
    return int(any(each.failed for each in grades.values()))


def _grade_all(
    root: Path, options: argparse.Namespace, handed: list["Handed"]
) -> dict[str, "SubmissionGrade"]:
    """Grade, with a progress bar; write each grade into the gradebook as it comes."""
    import os

    from course_lib.grading import classroom

    release = classroom.load_release(root / "exercises" / options.unit / f"{options.unit}.ipynb")
    with ExitStack() as stack:
        bar = stack.enter_context(tqdm(total=len(handed), desc=options.unit, unit="submission"))
        writer = None if options.notebooks else stack.enter_context(_writer(root, options))

        def done(each: "Handed", found: "SubmissionGrade") -> None:
            if writer:
                writer.write(each.student, classroom.cleaned_of(each, release), found)
            bar.update()

        return classroom.grade_class(
            root, options.unit, handed, workers=options.workers or os.cpu_count() or 1,
            scheduler=options.scheduler, resume=options.resume, isolated=not options.own_work,
            done=done,
        )  # fmt: skip


def _writer(root: Path, options: argparse.Namespace) -> "Writer":
    """The gradebook, with this unit in it."""
    from nbgrader.api import MissingEntry

    from course_lib.grading import classroom
    from course_lib.grading.gradebook import Writer, course_api
    from course_lib.grading.release import release

    api = course_api(root, options.db)
    try:
        with api.gradebook as book:
            known = bool(book.find_assignment(options.unit).notebooks)
    except MissingEntry:
        known = False
    if not known:
        release(root, [options.unit], db=options.db)
    return Writer(api, options.unit, classroom.load_metadata(root, options.unit))


def _write_reports(
    root: Path, unit: str, handed: list["Handed"], grades: dict[str, "SubmissionGrade"]
) -> None:
    from course_lib.grading import classroom, integrity, report

    folder = root / "build"
    folder.mkdir(exist_ok=True)
    classroom.write_csv(folder / f"{unit}.csv", grades)
    release = classroom.load_release(root / "exercises" / unit / f"{unit}.ipynb")
    notes = integrity.examine(
        unit, {each.student: classroom.cleaned_of(each, release) for each in handed}, release
    )
    sections = {
        "The class": report.class_section(unit, grades),
        "Integrity": integrity.section(notes),
    }
    page = report.page(f"Grades of {unit}", sections)
    (folder / f"{unit}.html").write_text(page)
    print(f"build/{unit}.csv, build/{unit}.html; feedback: nbgrader generate_feedback {unit}")


def _print(grades: dict[str, "SubmissionGrade"]) -> None:
    for student, found in grades.items():
        print(f"{student}: {found.earned} of {sum(e.points for e in found.exercises)}")
        for each in found.exercises:
            print(f"  {each.check}: {each.earned} of {each.points}")
            print("".join(f"    {reason}\n" for reason in each.reasons), end="")
        print("".join(f"  {remark}\n" for remark in found.remarks), end="")


def refuse(why: str) -> int:
    """Say why nothing was done."""
    print(f"course: {why}", file=sys.stderr)
    return 2
