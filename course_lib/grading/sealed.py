"""A copy of `course_lib` for the sandbox: what answers may build on, without the answers.

Left out: the checks, the graders. Emptied: every function of the library that has the name of an
exercise of the unit. Where a later answer is built on such a function, the judge sends its source
to the process that is asked for that answer, and to no other.
"""

import ast
import json
import shutil
from functools import cache
from pathlib import Path

from course_lib.checks import also_sealed, checks_of

PACKAGE = Path(__file__).parents[1]
KEPT = {  # of the folders that are else left out
    "checks": ("deadline.py", "form.py", "subject.py"),
    "grading": ("isolation.py", "protocol.py", "runner.py"),
}
NEVER = ("tour.py", "cli.py")
STUB = '''"""Sealed while a submission is graded."""


def {name}(*_args, **_kwargs):
    """Does nothing here."""
'''
EMPTY = 'raise NotImplementedError("the library\'s {name} is sealed while the exercise is graded")'


def seal(unit: str, folder: Path) -> None:
    """Write the copy for ``unit`` to ``folder/course_lib``."""
    hidden = sealed_names(unit)
    target = folder / "course_lib"
    shutil.copytree(PACKAGE, target, ignore=_left_out)
    for name, files in KEPT.items():
        (target / name).mkdir()
        for file in ("__init__.py", *files):
            if file == "__init__.py":
                (target / name / file).write_text('"""Sealed while a submission is graded."""\n')
            else:
                shutil.copy2(PACKAGE / name / file, target / name / file)
    for module, function in (("submission", "hand_in"), ("local", "check")):
        (target / "grading" / f"{module}.py").write_text(STUB.format(name=function))
    for path in target.rglob("*.py"):
        _empty(path, hidden)


def sealed_names(unit: str) -> frozenset[str]:
    """The functions that are emptied: the unit's answers, and their twins under other names."""
    names = {each.function for each in checks_of(unit)}
    names |= {f"{name}_reference" for name in names} | set(also_sealed(unit))
    return frozenset(names | {each.reference.__name__ for each in checks_of(unit)})


@cache
def built_on(unit: str, root: Path = PACKAGE.parent) -> dict[str, frozenset[str]]:
    """For each answer the sealed functions that the solution takes from the library for it.

    Args:
        unit: as in the folder's name.
        root: the course's folder, which holds the solutions.
    """
    path = root / "solutions" / unit / f"{unit}.ipynb"
    if not path.is_file():
        return {}
    hidden, found = sealed_names(unit), {}
    for cell in json.loads(path.read_text())["cells"]:
        marks = cell["metadata"].get("nbgrader", {})
        if marks.get("solution") and cell["cell_type"] == "code":
            nodes = ast.walk(ast.parse("".join(cell["source"])))
            used = {node.attr for node in nodes if isinstance(node, ast.Attribute)} & hidden
            found[marks["grade_id"]] = _with_theirs(used - {marks["grade_id"]}, hidden)
    return found


def _with_theirs(used: set[str], hidden: frozenset[str]) -> frozenset[str]:
    """Also what these functions are built on themselves."""
    todo, found = set(used), set()
    while todo:
        name = todo.pop()
        found.add(name)
        for _, source in sources(name):
            words = {getattr(n, "id", getattr(n, "attr", "")) for n in ast.walk(ast.parse(source))}
            todo |= (words & hidden) - found
    return frozenset(found)


@cache
def sources(name: str) -> tuple[tuple[str, str], ...]:
    """Module and source of the library's functions of that name."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        inside = path.relative_to(PACKAGE.parent).with_suffix("").parts
        text = path.read_text() if inside[1] not in KEPT else ""
        if f"def {name}(" in text:
            for node in ast.parse(text).body:
                if isinstance(node, ast.FunctionDef) and node.name == name:
                    first = min([node, *node.decorator_list], key=lambda each: each.lineno).lineno
                    lines = text.splitlines()[first - 1 : node.end_lineno]
                    found.append((".".join(inside), "\n".join(lines)))
    return tuple(found)


def _left_out(folder: str, names: list[str]) -> set[str]:
    top = Path(folder) == PACKAGE
    return {name for name in names if top and (name in KEPT or name in NEVER)}


def _empty(path: Path, hidden: frozenset[str]) -> None:
    """Replace the bodies of the hidden functions; other files stay as they are, to the byte."""
    text = path.read_text()
    if not any(f"def {name}" in text for name in hidden):
        return
    for compiled in path.parent.glob(f"__pycache__/{path.stem}.*.pyc"):
        compiled.unlink()  # the answers would still be in there
    lines = text.splitlines(keepends=True)
    functions = [
        node for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef) and node.name in hidden
    ]  # fmt: skip
    below = len(lines) + 1
    for node in sorted(functions, key=lambda node: -node.end_lineno):
        if node.end_lineno >= below:
            continue  # inside one that is emptied
        below = node.lineno
        first, last = node.body[0].lineno - 1, node.end_lineno
        indent = " " * node.body[0].col_offset
        lines[first:last] = [indent + EMPTY.format(name=node.name) + "\n"]
    path.write_text("".join(lines))
