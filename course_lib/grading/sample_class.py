"""A class of made-up students, to see and to test what grading does with their notebooks."""

import json
from collections.abc import Mapping
from pathlib import Path

# What a student wrote below the right answer: it replaces the function of that name.
RAISES = "def {name}(*arguments):\n    return [][len(arguments)]"
NEVER_ENDS = "def {name}(*arguments):\n    while True:\n        pass"
UNFINISHED = "def {name}(*arguments):\n    raise NotImplementedError"
WRONG = "_right_{name} = {name}\ndef {name}(*a):\n    r = _right_{name}(*a)\n    return {change}"
CHANGES = {
    "wrong values": "tuple(x + 1 for x in r) if isinstance(r, tuple) else r * 0.9",
    "wrong type": "str(r)",
    "forgets to return": "None",
    "changes its input": "[x.mul_(0) if hasattr(x, 'mul_') else x for x in a] and r",
}


def sample_class(solution: Path, exercise: Path, folder: Path) -> dict[str, Path]:
    """Write one notebook for each student and return them by name.

    Args:
        solution: the instructor's notebook.
        exercise: the released one, as a student gets it.
        folder: where ``STUDENT/UNIT/UNIT.ipynb`` are written, as nbgrader wants them.

    Returns:
        Student's name to notebook: ada (perfect), ben (half done), cleo (untouched), dora (wrong
        in four ways), emil (raises an error), fay (a loop that never ends).
    """
    book = json.loads(solution.read_text())
    names = _answers(book)
    half = names[len(names) // 2 :]
    ways = list(CHANGES.values())
    written = {
        "ada": {},
        "ben": {name: UNFINISHED for name in half},
        "dora": {
            name: WRONG.replace("{change}", ways[i % len(ways)]) for i, name in enumerate(names)
        },
        "emil": {name: RAISES for name in names[:1]},
        "fay": {name: NEVER_ENDS for name in names[-1:]},
    }
    notebooks = {student: _with(book, changes) for student, changes in written.items()}
    notebooks["cleo"] = exercise.read_text()
    return {
        student: _write(folder / student / solution.parent.name / solution.name, text)
        for student, text in sorted(notebooks.items())
    }


def _answers(book: dict) -> list[str]:
    """The names of the graded functions, in the notebook's order."""
    marks = [cell["metadata"].get("nbgrader", {}) for cell in book["cells"]]
    return [mark["grade_id"] for mark in marks if mark.get("solution")]


def _with(book: dict, changes: Mapping[str, str]) -> str:
    """The solved notebook with some answers replaced."""
    book = json.loads(json.dumps(book))
    for cell in book["cells"]:
        name = cell["metadata"].get("nbgrader", {}).get("grade_id")
        if name in changes:
            cell["source"] = "".join(cell["source"]) + "\n\n" + changes[name].format(name=name)
    return json.dumps(book)


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path
