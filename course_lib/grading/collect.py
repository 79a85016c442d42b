"""Take notebooks as Moodle, Canvas, Colab and mail deliver them into ``submitted/``.

Each is matched to the release (see `submitted.clean`) and written once more with the release's
structure, so that nbgrader finds its cells. What could not be matched is said; nothing is dropped.
"""

import json
import os
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from course_lib.grading.filled import filled
from course_lib.grading.submitted import (
    LARGEST_FILE,
    Unreadable,
    cells_of,
    clean,
    load_release,
    read_bytes,
)

MOST_FILES = 10_000


@dataclass
class Collected:
    """What became of one delivered notebook.

    Attributes:
        source: where it came from, for a reader.
        student: whose it is taken for.
        remarks: what an instructor should look at.
        written: the file it was written to, or None.
    """

    source: str
    student: str
    remarks: list[str] = field(default_factory=list)
    written: Path | None = None


def collect(root: Path, unit: str, folder: Path) -> list[Collected]:
    """Write ``submitted/STUDENT/UNIT/UNIT.ipynb`` for each notebook found below ``folder``.

    Args:
        root: the course's folder.
        unit: as in the folder's name.
        folder: as it came: notebooks, zip files of one student or of a class, folders by student.

    Returns:
        One entry for each notebook. Of several by one student the newest is taken, the others are
        kept beside it under other names.
    """
    release_file = root / "exercises" / unit / f"{unit}.ipynb"
    release = load_release(release_file)
    metadata = json.loads(release_file.read_text())["metadata"]
    taken: dict[str, Collected] = {}
    found = []
    for name, when, data, problem in _notebooks(folder):
        one = Collected(name, student_of(name, unit))
        found.append(one)
        if problem:
            one.remarks.append(problem)
            continue
        _write(root, unit, one, taken, data, when, release, metadata)
    return found


def _write(
    root: Path, unit: str, one: Collected, taken: dict[str, Collected], data: bytes, when: float,
    release: Sequence[dict[str, Any]], metadata: dict[str, Any],
) -> None:  # fmt: skip
    import nbformat

    place = root / "submitted" / one.student / unit
    place.mkdir(parents=True, exist_ok=True)
    path = place / f"{unit}.ipynb"
    try:
        cleaned = clean(cells_of(data), release)
    except Unreadable as error:
        one.remarks.append(f"{error}; kept as it came, it will earn nothing")
        path = path if one.student not in taken else _beside(path)
        path.write_bytes(data)
        one.written = path
        taken.setdefault(one.student, one)
        return
    one.remarks += cleaned.remarks
    if one.student in taken:
        earlier = taken[one.student]
        one.remarks.append(f"an older notebook of this student than {earlier.source}")
        path = _beside(path)
    else:
        taken[one.student] = one
    nbformat.write(filled(cleaned, metadata), path)
    os.utime(path, (when, when))
    one.written = path


def _beside(path: Path) -> Path:
    number = 2
    while (other := path.with_suffix(f".{number}")).exists():
        number += 1
    return other


def student_of(name: str, unit: str) -> str:
    """Whose a file is, from its name and the folders it lies in.

    >>> student_of("Ada Byron_12_assignsubmission_file_/00_start_here.ipynb", "00_start_here")
    'Ada_Byron_12'
    >>> student_of("lovelaceada_98765_4321_00_start_here-2.ipynb", "00_start_here")
    'lovelaceada_98765_4321'
    >>> student_of("Copy of 00_start_here (ada).ipynb", "00_start_here")
    'ada'
    """
    path = PurePosixPath(name.replace("\\", "/"))
    words = path.name.removesuffix(".ipynb")
    words = re.sub(r"(?i)^copy of |^kopie von |-submission", "", words)
    words = re.sub(re.escape(unit) + r"(-\d+)?|\(\d+\)|_assignsubmission_file_?", "", words)
    if not re.search(r"[^\W_]", words):
        parents = [p for p in path.parts[:-1] if unit not in p and p not in (".", "..", "/")]
        words = parents[-1] if parents else "unknown"
        words = re.sub(r"_assignsubmission_file_?|\.zip", "", words)
    return re.sub(r"[^\w.-]+", "_", words).strip("_.-")[:80] or "unknown"


def _notebooks(folder: Path) -> Iterator[tuple[str, float, bytes, str]]:
    """(name, time, content, problem) of every notebook below a folder, the newest first."""
    found = []
    for path in sorted(folder.rglob("*"))[:MOST_FILES]:
        name, kind = str(path.relative_to(folder)), path.suffix.lower()
        if kind not in (".ipynb", ".zip") or path.is_dir():
            continue
        try:
            data = read_bytes(path)
        except Unreadable as error:
            found.append((name, 0.0, b"", str(error)))
            continue
        when = path.stat().st_mtime
        inside = _unpacked(name, data, when) if kind == ".zip" else [(name, when, data, "")]
        found += inside
    yield from sorted(found, key=lambda each: -each[1])


def _unpacked(name: str, data: bytes, when: float) -> list[tuple[str, float, bytes, str]]:
    """The notebooks in a zip file; never written to disk under the names in it."""
    import io

    found, room = [], 4 * LARGEST_FILE
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for entry in archive.infolist()[:MOST_FILES]:
                if not entry.filename.lower().endswith(".ipynb") or entry.is_dir():
                    continue
                if entry.filename.startswith("__MACOSX"):
                    continue
                inner = f"{name}/{entry.filename}"
                with archive.open(entry) as file:
                    content = file.read(LARGEST_FILE + 1)
                room -= len(content)
                if len(content) > LARGEST_FILE or room < 0:
                    found.append((inner, when, b"", "far too large"))
                else:
                    found.append((inner, when, content, ""))
    except (zipfile.BadZipFile, RuntimeError, OSError, NotImplementedError, ValueError) as error:
        found.append((name, when, b"", f"the zip file cannot be read ({error})"))
    return found or [(name, when, b"", "the zip file holds no notebook")]
