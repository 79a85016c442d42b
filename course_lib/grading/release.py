"""Exercises from solutions: nbgrader's generate_assignment, for every unit."""

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path


def release(
    root: Path,
    units: Sequence[str] | None = None,
    done: Callable[[str], None] = lambda _unit: None,
    db: str | None = None,
) -> list[Path]:
    """Write ``exercises/UNIT/UNIT.ipynb`` for each unit from ``solutions/`` and return the paths.

    Args:
        root: the course's folder, with ``nbgrader_config.py`` in it.
        units: which; all by default.
        done: called after each.
        db: another gradebook than the configuration's.

    Raises:
        RuntimeError: nbgrader refused a notebook; the message holds its log.
    """
    from course_lib.grading.gradebook import course_api

    # nbgrader calls `alembic` by name: find the one beside this Python.
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    api = course_api(root, db)
    written = []
    for unit in units or sorted(path.parent.name for path in root.glob("solutions/*/*.ipynb")):
        shutil.rmtree(root / "exercises" / unit, ignore_errors=True)
        result = api.generate_assignment(unit, force=True, create=True)
        if not result["success"]:
            raise RuntimeError(
                f"{unit} could not be released:\n{result['log']}{result.get('error')}"
            )
        written.append(root / "exercises" / unit / f"{unit}.ipynb")
        done(unit)
    return written
