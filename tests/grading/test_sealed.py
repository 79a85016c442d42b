"""No answer can be taken from the library: each is emptied while it is asked for."""

import ast
import json
from pathlib import Path

import pytest

from course_lib.checks import UNITS, also_sealed, checks_of
from course_lib.grading import doctor
from course_lib.grading.judge import grade
from course_lib.grading.sandbox import Sandbox
from course_lib.grading.sealed import built_on, seal, sealed_names, sources
from course_lib.grading.submitted import cells_of, clean, code_to_run, load_release

ROOT = Path(__file__).parents[2]
STOLEN = """\
import {module}
{function} = {module}.{name}
"""


def notebook(folder, unit):
    return ROOT / folder / unit / f"{unit}.ipynb"


def cells_with(unit, answers):
    """The code that is run of the solved notebook with some answers replaced."""
    book = json.loads(notebook("solutions", unit).read_text())
    for cell in book["cells"]:
        name = cell["metadata"].get("nbgrader", {}).get("grade_id")
        cell["source"] = answers.get(name, "".join(cell["source"]))
    release = load_release(notebook("exercises", unit))
    return code_to_run(clean(cells_of(json.dumps(book).encode()), release))


@pytest.mark.skipif(bool(doctor.refusal()), reason=doctor.refusal())
@pytest.mark.parametrize("unit", UNITS)
def test_the_solution_passes_and_what_is_taken_from_the_library_does_not(unit):
    stolen = {}
    for check in checks_of(unit):
        for name in (check.function, check.reference.__name__):
            for module, _ in sources(name):
                if "kernels" not in module:
                    words = {"module": module, "function": check.function, "name": name}
                    stolen[check.function] = STOLEN.format(**words)
    assert stolen
    with Sandbox(unit) as box:
        solved = grade(cells_with(unit, {}), unit, box, 3)
        taken = grade(cells_with(unit, stolen), unit, box, 3)
    assert [each.earned for each in solved.exercises] == [c.points for c in checks_of(unit)]
    for check, each in zip(checks_of(unit), taken.exercises, strict=True):
        assert each.earned == (0 if check.function in stolen else check.points), each


@pytest.mark.parametrize("unit", UNITS)
def test_nothing_is_opened_for_the_answer_itself(unit):
    for function, opened in built_on(unit).items():
        assert function not in opened
        assert opened <= sealed_names(unit)


@pytest.mark.parametrize("unit", [unit for unit in UNITS if also_sealed(unit)])
def test_answers_under_another_name_are_emptied_too(unit, tmp_path):
    seal(unit, tmp_path)
    for name in also_sealed(unit):
        assert sources(name), f"there is no {name} any more"
        for module, _ in sources(name):
            tree = ast.parse((tmp_path / (module.replace(".", "/") + ".py")).read_text())
            (sealed,) = (node for node in tree.body if getattr(node, "name", "") == name)
            assert isinstance(sealed.body[0], ast.Raise)


def test_compiled_answers_are_left_out(tmp_path):
    seal("00_start_here", tmp_path)
    for path in tmp_path.rglob("*.pyc"):
        assert path.name.partition(".")[0] not in ("metrics", "pictures")
    assert "log10" not in (tmp_path / "course_lib" / "metrics.py").read_text()
    assert not list(tmp_path.rglob("start.py"))
