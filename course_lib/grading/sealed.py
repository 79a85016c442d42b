"""A copy of `course_lib` for the sandbox: what answers may build on, without the answers.

Left out: the checks, the graders. Emptied: every function of the library that has the name of an
exercise of the unit, unless the unit's own answers are built on it.
"""

import ast
import json
import shutil
from pathlib import Path

from course_lib.checks import checks_of

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
    """The functions that are emptied: the unit's answers that none of its answers is built on."""
    names = {each.function for each in checks_of(unit)}
    names |= {each.reference.__name__ for each in checks_of(unit)}
    return frozenset(names - _built_on(unit))


def _built_on(unit: str) -> set[str]:
    """Names that the solution's answers take from the library."""
    path = PACKAGE.parent / "solutions" / unit / f"{unit}.ipynb"
    if not path.is_file():  # installed without the course's folder around it
        return set()
    used: set[str] = set()
    for cell in json.loads(path.read_text())["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("solution") and cell["cell_type"] == "code":
            nodes = list(ast.walk(ast.parse("".join(cell["source"]))))
            used |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    return used


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
    for node in sorted(functions, key=lambda node: node.lineno, reverse=True):
        first, last = node.body[0].lineno - 1, node.end_lineno
        indent = " " * node.body[0].col_offset
        lines[first:last] = [indent + EMPTY.format(name=node.name) + "\n"]
    path.write_text("".join(lines))
