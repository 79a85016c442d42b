"""CONTRIBUTING's steps, followed once: `make unit NAME=demo` makes a unit that passes its tests."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", "build", ".course", ".hypothesis", "__pycache__", "*.nbc", "*.nbi", "submitted"
)


@pytest.fixture
def copy(tmp_path):
    shutil.copytree(ROOT, tmp_path / "course", ignore=LEFT_OUT)
    return tmp_path / "course"


def run(copy, *command):
    # The copy's own package, not a wheel of it, which takes a while to build.
    given = {**os.environ, "PYTHONPATH": str(copy), "COURSE_PYTHON": sys.executable}
    done = subprocess.run(
        [sys.executable, *command], cwd=copy, env=given, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_new_unit_passes_its_own_tests(copy):
    said = run(copy, "scripts/new_unit.py", "demo")
    assert "lectures/20_demo.ipynb" in said and "tests/checks/test_demo.py" in said
    assert "| 20 Demo |" in (copy / "README.md").read_text()
    tests = ("tests/checks", "tests/notebooks", "tests/test_repository.py")
    chosen = "demo or has_its_three_notebooks or set_up_cell_is_the_same"
    run(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests, "-k", chosen)
    made = [path for path in copy.glob("[clst]*/**/*demo*") if path.suffix in (".py", ".ipynb")]
    assert len(made) == 4  # checks, their tests, lecture, solution
    run(copy, "-m", "ruff", "check", *made)
    run(copy, "-m", "ruff", "format", "--check", *made)


@pytest.mark.parametrize(("name", "why"), [("Optical flow", "lower-case"), ("nerf", "already")])
def test_a_name_that_cannot_be_is_refused(name, why):
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "new_unit.py", name], capture_output=True, text=True
    )
    assert done.returncode == 2 and why in done.stderr
