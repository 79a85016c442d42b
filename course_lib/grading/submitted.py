"""Reading what was handed in: a stranger's file becomes a list of cells, and then a clean notebook.

The clean notebook is the released one with the student's answers put in. Nothing else of the
submission's structure or metadata survives: test cells are the release's, whatever came.
"""

import difflib
import json
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LARGEST_FILE = 50 * 2**20
MOST_CELLS = 5_000
LONGEST_SOURCE = 200_000
MOST_SOURCE = 4_000_000


class Unreadable(Exception):  # noqa: N818 - said of a submission
    """What was handed in is no notebook; the message says what it is."""


@dataclass(frozen=True)
class Cell:
    """One cell as it came: its kind, source, and what names it has, if any."""

    kind: str
    source: str
    grade_id: str = ""
    cell_id: str = ""


@dataclass
class Clean:
    """A submission, matched to the release.

    Attributes:
        cells: (release's cell or None, source) in the student's order; None for cells that the
            student added.
        remarks: what was moved, duplicated, missing or could not be matched.
        setup: the sources of the release's own first code cells.
        missing: the names of answers that the submission has no cell for.
    """

    cells: list[tuple[dict[str, Any] | None, str, str]] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    setup: list[str] = field(default_factory=list)
    missing: set[str] = field(default_factory=set)


def read_cells(path: Path) -> list[Cell]:
    """Return the cells of a notebook of any age.

    Raises:
        Unreadable: no regular file of a sensible size, no notebook, or far too many cells.
    """
    return cells_of(read_bytes(path))


def read_bytes(path: Path) -> bytes:
    """Return a file's content; follow no link to it."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise Unreadable(f"the notebook cannot be opened ({error.strerror})") from None
    try:
        return _content(handle)
    finally:
        os.close(handle)


def _content(handle: int) -> bytes:
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode):
        raise Unreadable("the notebook is no regular file")
    if found.st_nlink > 1:
        raise Unreadable("the notebook is a hard link to another file")
    if found.st_size > LARGEST_FILE:
        raise Unreadable(f"the notebook has {found.st_size / 2**20:.0f} MB")
    with open(handle, "rb", closefd=False) as file:
        return file.read(LARGEST_FILE + 1)


def cells_of(data: bytes) -> list[Cell]:
    """As `read_cells`, from the file's content."""
    try:
        book = json.loads(_decoded(data))
    except (ValueError, RecursionError):
        raise Unreadable("the file is not JSON, so it is no notebook") from None
    if not isinstance(book, dict):
        raise Unreadable("the file is JSON, but no notebook")
    cells = book.get("cells")
    if cells is None and isinstance(book.get("worksheets"), list):  # until 2015
        cells = [
            cell
            for sheet in book["worksheets"]
            if isinstance(sheet, dict) and isinstance(sheet.get("cells"), list)
            for cell in sheet["cells"]
        ]
    if not isinstance(cells, list):
        raise Unreadable("the file is JSON, but has no cells")
    if len(cells) > MOST_CELLS:
        raise Unreadable(f"the notebook has {len(cells)} cells")
    found = [_cell(each) for each in cells if isinstance(each, dict)]
    if sum(len(each.source) for each in found) > MOST_SOURCE:
        raise Unreadable("the notebook's cells are far too long")
    return found


def _decoded(data: bytes) -> str:
    try:
        return data.decode(json.detect_encoding(data), "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _cell(raw: dict[str, Any]) -> Cell:
    kind = raw.get("cell_type")
    source = raw.get("source", raw.get("input", ""))
    if isinstance(source, list):
        source = "".join(part for part in source if isinstance(part, str))
    metadata = raw.get("metadata")
    marks = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    grade_id = marks.get("grade_id") if isinstance(marks, dict) else None
    return Cell(
        kind if kind in ("code", "markdown", "raw") else "markdown",
        _text(source, LONGEST_SOURCE),
        _text(grade_id, 200),
        _text(raw.get("id"), 200),
    )


def _text(value: Any, longest: int) -> str:
    """Text without what no file can hold: lone surrogates and null characters."""
    if not isinstance(value, str):
        return ""
    return value[:longest].encode("utf-8", "replace").decode().replace("\0", "")


def clean(cells: Sequence[Cell], release: Sequence[dict[str, Any]]) -> Clean:
    """Match cells to the release's: by grade_id, else by cell id, else by content and place.

    Of several cells that claim the same place the first has it; the others follow as cells of the
    student's own, and so the last definition counts, as it does when the notebook is run.
    """
    result = Clean(setup=_setup(release))
    places = _matches(cells, release, result.remarks)
    taken: set[int] = set()
    for cell, place in zip(cells, places, strict=True):
        if place is None:
            result.cells.append((None, cell.kind, cell.source))
        elif place not in taken:
            taken.add(place)
            mine = release[place]
            source = cell.source if _is_answer(mine) or not _is_graded(mine) else mine["source"]
            result.cells.append((mine, mine["cell_type"], source))
        elif _bare(cell.source) != _bare(release[place]["source"]):
            name = _name(release[place]) or "set-up"
            result.remarks.append(f"{name}: there are several such cells; all were run, in order")
            result.cells.append((None, cell.kind, cell.source))
    for place, mine in enumerate(release):
        if place not in taken and (_is_answer(mine) or _is_graded(mine)):
            if _is_answer(mine):
                result.remarks.append(f"{_name(mine)}: no such cell was found")
                result.missing.add(_name(mine))
            result.cells.append((mine, mine["cell_type"], mine["source"]))
    return result


def _matches(
    cells: Sequence[Cell], release: Sequence[dict[str, Any]], remarks: list[str]
) -> list[int | None]:
    by_mark = {_name(cell): i for i, cell in enumerate(release) if _name(cell)}
    by_id = {cell.get("id"): i for i, cell in enumerate(release) if cell.get("id")}
    by_source = {_bare(cell["source"]): i for i, cell in enumerate(release)}
    places: list[int | None] = []
    for cell in cells:
        place = by_mark.get(cell.grade_id)
        if place is None:
            place = by_id.get(cell.cell_id)
        if place is None and _bare(cell.source):
            place = by_source.get(_bare(cell.source))
        if place is not None and release[place]["cell_type"] != cell.kind:
            place = place if _is_graded(release[place]) or _is_answer(release[place]) else None
        places.append(place)
    for place, mine in enumerate(release):
        if _is_answer(mine) and place not in places:
            found = _defines(cells, places, mine)
            if found is not None:
                places[found] = place
                remarks.append(f"{_name(mine)}: recognised by the function that it defines")
    return places


def _defines(
    cells: Sequence[Cell], places: Sequence[int | None], mine: dict[str, Any]
) -> int | None:
    """The cell that reads most like the answer that is missing."""
    wanted = [f"def {_name(mine)}(", f"class {_name(mine)}("]
    best, likeness = None, 0.3
    same = difflib.SequenceMatcher(b=mine["source"][:2000])
    for i, cell in enumerate(cells):
        if places[i] is None and cell.kind == mine["cell_type"]:
            same.set_seq1(cell.source[:2000])
            score = same.quick_ratio() + any(each in cell.source for each in wanted)
            if score > max(likeness, 1.0 if mine["cell_type"] == "code" else 0.6):
                best, likeness = i, score
    return best


def code_to_run(cleaned: Clean) -> list[str]:
    """The sources of the code cells to run: all but test cells and what the release only shows.

    The release's set-up comes first, whatever became of it in the submission.
    """
    run = list(cleaned.setup)
    for mine, kind, source in cleaned.cells:
        if kind == "code" and source.strip() and not (mine and _is_idle(mine, source, cleaned)):
            run.append(source)
    return run


def _is_idle(mine: dict[str, Any], source: str, cleaned: Clean) -> bool:
    """Whether it is an answer that nobody wrote, a test, or a try-out or set-up as released."""
    if _is_answer(mine):
        return _name(mine) in cleaned.missing
    as_released = _bare(source) == _bare(mine["source"])
    return _is_graded(mine) or (as_released and (_looks(mine) or mine["source"] in cleaned.setup))


def _setup(release: Sequence[dict[str, Any]]) -> list[str]:
    """The code before the first answer that is no try-out."""
    first = next((i for i, cell in enumerate(release) if _is_answer(cell)), 0)
    code = [cell for cell in release[:first] if cell["cell_type"] == "code"]
    return [cell["source"] for cell in code if not (_is_graded(cell) or _looks(cell))]


def load_release(path: Path) -> list[dict[str, Any]]:
    """The released notebook's cells, sources as text."""
    cells = json.loads(path.read_text())["cells"]
    return [{**cell, "source": "".join(cell["source"])} for cell in cells]


def _marks(cell: dict[str, Any]) -> dict[str, Any]:
    return cell["metadata"].get("nbgrader", {})


def _name(cell: dict[str, Any]) -> str:
    return _marks(cell).get("grade_id", "")


def _is_answer(cell: dict[str, Any]) -> bool:
    return bool(_marks(cell).get("solution"))


def _is_graded(cell: dict[str, Any]) -> bool:
    return bool(_marks(cell).get("grade") or _marks(cell).get("locked"))


def _looks(cell: dict[str, Any]) -> bool:
    return "raises-exception" in cell["metadata"].get("tags", [])


def _bare(source: str) -> str:
    """A source without what editors change on their own."""
    return "\n".join(line.rstrip() for line in source.strip().splitlines())
