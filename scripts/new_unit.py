"""Begin a unit: python scripts/new_unit.py NAME [--title TITLE].

Writes its lecture, solution, exercise, checks and their tests from the small examples in
scripts/unit/, and enters it in the list of units. All of it runs and passes; then replace it, piece
by piece, with what the unit teaches.
"""

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

import jupytext
import nbformat

ROOT = Path(__file__).resolve().parents[1]
TEMPLATES = ROOT / "scripts" / "unit"
UNITS = ROOT / "course_lib" / "checks" / "__init__.py"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="lower case, such as optical_flow")
    parser.add_argument("--title", help="of the notebooks; by default the name")
    options = parser.parse_args()
    topic = options.name
    if not re.fullmatch(r"[a-z][a-z0-9_]*", topic):
        parser.error(f"name: got {topic!r}, wanted lower-case letters, digits and _")
    if (ROOT / "course_lib" / "checks" / topic).with_suffix(".py").exists() or (
        ROOT / "course_lib" / "checks" / topic
    ).exists():
        parser.error(f"name: there is a unit {topic!r} already")
    number = len(list(ROOT.glob("lectures/*.ipynb")))
    words = {
        "NN_TOPIC": f"{number:02}_{topic}",
        "TOPIC": topic,
        "Unit NN": f"Unit {number:02}",
        "TITLE": options.title or topic.replace("_", " ").capitalize(),
    }
    for path in write(words):
        print(path.relative_to(ROOT))


def write(words: dict[str, str]) -> list[Path]:
    """Write the unit's files; return them."""
    unit, topic = words["NN_TOPIC"], words["TOPIC"]
    checks = ROOT / "course_lib" / "checks" / f"{topic}.py"
    checks.write_text(_template("checks.py", words))
    tests = ROOT / "tests" / "checks" / f"test_{topic}.py"
    tests.write_text(_template("test_checks.py", words))
    UNITS.write_text(
        re.sub(r"(UNITS = \{\n(?:    .*\n)*)", rf'\1    "{unit}": "{topic}",\n', UNITS.read_text())
    )
    facts = {"unit": unit, "title": words["TITLE"], "minutes": 10, "run_seconds": 5}
    lecture = ROOT / "lectures" / f"{unit}.ipynb"
    cover = {"cell": "cell-06", "box": [0, 0, 200, 120]}  # the site shows this piece of a figure
    read = {**facts, "kind": "lecture", "needs": ["00_start_here"], "cover": cover}
    _notebook("lecture.py", lecture, words, read)
    solution = ROOT / "solutions" / unit / f"{unit}.ipynb"
    _notebook("solution.py", solution, words, {**facts, "kind": "exercise", "points": 3})
    _run("-m", "ruff", "format", "--quiet", checks, tests, lecture, solution)
    _run("scripts/badges.py")  # the set-up cell, the badge, the row in the README
    _run("-m", "course_lib", "lectures", unit)
    _run("-m", "course_lib", "exercises", unit)
    return [lecture, solution, ROOT / "exercises" / unit / f"{unit}.ipynb", checks, tests]


def _template(name: str, words: dict[str, str]) -> str:
    text = (TEMPLATES / name).read_text()
    for word, stands_for in words.items():
        text = text.replace(word, stands_for)
    return text


def _notebook(template: str, path: Path, words: dict[str, str], facts: dict[str, object]) -> None:
    book = jupytext.reads(_template(template, words), fmt="py:percent")
    book.metadata = nbformat.from_dict(
        {
            "course": facts,
            "kernelspec": {
                "display_name": "Python 3 (ipykernel)",
                "language": "python",
                "name": "python3",
            },
            "language_info": {"name": "python"},
        }
    )
    for number, cell in enumerate(book.cells):
        cell.metadata.pop("lines_to_next_cell", None)
        cell.id = cell.metadata.get("nbgrader", {}).get("grade_id", f"cell-{number:02}")
    book.nbformat_minor = 5
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(book, indent=1, sort_keys=True, ensure_ascii=False)
    path.write_text(text + "\n")


def _run(*command: str | Path) -> None:
    subprocess.run([sys.executable, *command], cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
