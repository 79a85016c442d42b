"""The last cell of an exercise: check everything, pack the notebook as one file to hand in."""

import os
import textwrap
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from course_lib.checks import Result, checks_of, evaluate
from course_lib.checks.evaluate import subject_of
from course_lib.grading.colab import download, fetch_notebook, on_colab


def hand_in(unit: str, answers: Mapping[str, Any]) -> Path | None:
    """Print the points of every exercise of ``unit`` and pack the notebook that stands on disk.

    On Colab the notebook comes from the browser, and the packed file goes there as a download.

    Args:
        unit: as in the folder's name, ``04_classical_inpainting``.
        answers: where the functions are found by name; in a notebook, ``globals()``.

    Returns:
        The zip file to hand in, or None where the notebook is not on this disk.

    Raises:
        LookupError: there is no such unit.
    """
    results = {each.function: _result(each, answers.get(each.function)) for each in checks_of(unit)}
    earned, possible = 0, 0
    for each in checks_of(unit):
        result = results[each.function]
        earned += result.earned if result else 0
        possible += each.points
        told = (
            result.summary() if result else f"{each.function}: 0 of {each.points} points. Missing."
        )
        mark = "✓" if result and result.passed else "✗"
        print(textwrap.fill(f"{mark} {told}", 100, subsequent_indent="  "))
    print(f"Together: {earned} of {possible} points.")
    return _pack(unit)


def _result(check: Any, function: Any) -> Result | None:
    return evaluate(check, subject_of(check, function)) if callable(function) else None


def _pack(unit: str) -> Path | None:
    notebook = Path(os.environ.get("JPY_SESSION_NAME", f"{unit}.ipynb")).name
    if on_colab():
        notebook = f"{unit}.ipynb"
        fetch_notebook(Path(notebook))
    if not Path(notebook).is_file():
        print(f"{notebook} is not in this folder: download it from the File menu and hand it in.")
        return None
    packed = Path(f"{unit}-submission.zip")
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(notebook, f"{unit}.ipynb")
    if on_colab():
        download(packed)
        print(f"Packed {packed}, from the notebook as it stands now; your browser downloads it.")
        return packed
    age = time.time() - Path(notebook).stat().st_mtime
    print(f"Packed {packed}, from the notebook as it was saved {age / 60:.0f} minutes ago.")
    print("If you changed anything since, save (Ctrl+S) and run this cell again.")
    return packed
