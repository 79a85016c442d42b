"""What a human should look at: answers that call the library's own, near copies, odd built-ins.

Never a score. Found by syntax tree, without running anything; who wants to hide something can. Two
right answers to a short exercise may well look alike: the report shows the places, a person judges.
"""

import ast
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from course_lib.grading.sealed import sealed_names
from course_lib.grading.submitted import Clean

ODD_NAMES = frozenset({
    "eval", "exec", "compile", "__import__", "globals", "locals", "vars", "setattr", "delattr",
    "open", "breakpoint", "input", "__builtins__", "__subclasses__", "__globals__", "__code__",
    "__closure__", "_getframe", "gi_frame", "tb_frame",
})  # fmt: skip
ODD_MODULES = frozenset({
    "os", "sys", "subprocess", "socket", "ctypes", "importlib", "inspect", "gc", "pickle",
    "marshal", "shutil", "signal", "threading", "multiprocessing", "urllib", "requests", "http",
    "builtins", "atexit", "resource", "mmap",
})  # fmt: skip
ALIKE = 0.9
SHORTEST = 12  # nodes: below that, two right answers have little room to differ


@dataclass(frozen=True)
class Note:
    """One thing to look at: who (one student or two), in which answer, and what."""

    students: tuple[str, ...]
    answer: str
    what: str


def examine(unit: str, submissions: Mapping[str, Clean], release: Sequence[dict]) -> list[Note]:
    """Look at every student's answers.

    Args:
        unit: as in the folder's name.
        submissions: student to matched notebook.
        release: the released cells; what still stands as released is looked at by nobody.
    """
    shapes: dict[str, dict[str, str]] = {}
    given = {_name(cell): cell["source"] for cell in release if _name(cell)}
    notes = []
    for student, cleaned in submissions.items():
        for answer, source in _answers(cleaned, given):
            try:
                tree = ast.parse(source)
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                continue
            notes += [Note((student,), answer, what) for what in _odd(tree, sealed_names(unit))]
            shape = _shape(tree)
            if shape.count("(") >= SHORTEST:
                shapes.setdefault(answer, {})[student] = shape
    return notes + _near(shapes)


def _answers(cleaned: Clean, given: Mapping[str, str]) -> list[tuple[str, str]]:
    """(grade_id or "a cell of their own", source) of what the student wrote."""
    written = []
    for mine, kind, source in cleaned.cells:
        name = _name(mine) if mine else "a cell of their own"
        if kind == "code" and (mine is None or (_is_answer(mine) and source != given.get(name))):
            written.append((name, source))
    return written


def _odd(tree: ast.AST, sealed: frozenset[str]) -> list[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {_module(each.name) for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(_module(node.module or ""))
            named = {each.name for each in node.names} & sealed
            if (node.module or "").startswith("course_lib"):
                found |= {f"takes the library's own {name}" for name in named}
        elif isinstance(node, ast.Attribute):
            found.add(f"uses {node.attr}" if node.attr in ODD_NAMES else "")
            library = isinstance(node.ctx, ast.Load) and node.attr in sealed
            found.add(f"calls something's own {node.attr}" if library else "")
        elif isinstance(node, ast.Name) and node.id in ODD_NAMES:
            found.add(f"uses {node.id}")
    return sorted(found - {""})


def _module(name: str) -> str:
    first = name.partition(".")[0]
    if name.startswith(("course_lib.checks", "course_lib.grading")):
        return f"imports {name}"
    return f"imports {first}" if first in ODD_MODULES else ""


def _shape(tree: ast.AST) -> str:
    """The tree without names, numbers and comments: what stays when a copy is renamed."""
    for node in ast.walk(tree):
        for field in ("id", "arg", "name", "value", "attr"):
            if isinstance(getattr(node, field, None), (str, int, float)) and field != "attr":
                setattr(node, field, "_")
    return ast.dump(tree, annotate_fields=False)


def _near(shapes: Mapping[str, Mapping[str, str]]) -> list[Note]:
    notes = []
    for answer, by_student in shapes.items():
        pieces = {student: _pieces(shape) for student, shape in sorted(by_student.items())}
        for one, other in combinations(pieces, 2):
            shared = len(pieces[one] & pieces[other]) / len(pieces[one] | pieces[other])
            if shared >= ALIKE:
                same = by_student[one] == by_student[other]
                what = "the same but for names and numbers" if same else f"{shared:.0%} alike"
                notes.append(Note((one, other), answer, what))
    return notes


def _pieces(shape: str) -> set[int]:
    """Every run of six nodes, as a number: what two trees have in common is quickly counted."""
    nodes = shape.split("(")
    return {hash(tuple(nodes[i : i + 6])) for i in range(max(1, len(nodes) - 5))}


def section(notes: Sequence[Note]) -> str:
    """The report as HTML."""
    if not notes:
        return "<p>Nothing to look at was found.</p>"
    rows = "".join(
        f"<tr><th scope='row'>{html.escape(' and '.join(note.students))}</th>"
        f"<td>{html.escape(note.answer)}</td><td>{html.escape(note.what)}</td></tr>"
        for note in notes
    )
    return (
        "<p>For a person to judge; no points depend on it. Right answers to a short exercise are "
        "often alike.</p><table><caption>To look at</caption><thead><tr><th scope='col'>Who</th>"
        f"<th scope='col'>Answer</th><th scope='col'>What</th></tr></thead><tbody>{rows}</tbody>"
        "</table>"
    )


def _name(cell: dict) -> str:
    return cell["metadata"].get("nbgrader", {}).get("grade_id", "")


def _is_answer(cell: dict) -> bool:
    return bool(cell["metadata"].get("nbgrader", {}).get("solution"))
