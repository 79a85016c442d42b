"""Which checks have passed so far, kept in a small file on this machine and nowhere else.

``check`` writes it. ``course progress`` and ``show_progress`` read it. The file lies in the home
folder, or where the environment variable ``COURSE_PROGRESS`` says.
"""

import html
import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from course_lib.checks import UNITS, checks_of

BAR = 20  # characters


def progress_file() -> Path:
    """Where progress is kept: ``COURSE_PROGRESS``, or a file in the home folder."""
    chosen = os.environ.get("COURSE_PROGRESS")
    return Path(chosen).expanduser() if chosen else Path.home() / ".course_lib" / "progress.json"


def load_progress() -> dict[str, int]:
    """The best points so far of each check that was tried, such as ``{"start.psnr": 4}``.

    A file that cannot be read counts as empty; it is kept beside the next one, as ``*.damaged``.
    """
    try:
        kept = json.loads(progress_file().read_text(encoding="utf-8"))
        return {str(name): int(points) for name, points in kept.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError):
        with suppress(OSError):
            os.replace(progress_file(), progress_file().with_suffix(".damaged"))
        return {}


def record(check: str, earned: int) -> None:
    """Keep the points of a check if they are the best so far.

    A check's answer never fails because of this: where nothing can be written, nothing is kept.
    """
    kept = load_progress()
    if earned <= kept.get(check, -1):
        return
    path = progress_file()
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, json.dumps(kept | {check: earned}, indent=1, sort_keys=True))


def _replace(path: Path, text: str) -> None:
    """Write the whole file or nothing of it."""
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(draft, path)


def progress_text() -> str:
    """A line for each unit: a bar, the exercises that passed, the points.

    >>> progress_text().splitlines()[4][:30]
    '04_classical_inpainting       '
    """
    lines = []
    for unit, rows in _rows().items():
        points, most = sum(earned for _, earned, _ in rows), sum(full for *_, full in rows)
        filled = BAR * points // most
        lines.append(
            f"{unit:<30}{'#' * filled}{'.' * (BAR - filled)} {_passed(rows):>2} of {len(rows)} "
            f"exercises  {points:>2} of {most:>2} points"
        )
    return "\n".join(lines)


def show_progress() -> None:
    """Show in a notebook how far each unit is; a unit opens to show its exercises."""
    from IPython.display import display

    units = "".join(_unit_html(unit, rows) for unit, rows in _rows().items())
    note = f"Kept in {progress_file()}. Nothing leaves this machine."
    page = f"<div>{units}<p><small>{html.escape(note)}</small></p></div>"
    display({"text/html": page, "text/plain": progress_text()}, raw=True)


def _unit_html(unit: str, rows: list[tuple[str, int, int]]) -> str:
    points, most = sum(earned for _, earned, _ in rows), sum(full for *_, full in rows)
    each = "".join(
        f"<li>{'✓' if earned == full else '○'} <code>{html.escape(name)}</code>: "
        f"{earned} of {full} points</li>"
        for name, earned, full in rows
    )
    return (
        f"<details><summary><meter min='0' max='{most}' value='{points}' "
        f"aria-label='points of {unit}' style='width:8em'></meter> {unit}: {_passed(rows)} of "
        f"{len(rows)} exercises</summary><ul style='list-style:none'>{each}</ul></details>"
    )


def _passed(rows: list[tuple[str, int, int]]) -> int:
    return sum(earned == full for _, earned, full in rows)


def _rows() -> dict[str, list[tuple[str, int, int]]]:
    """For each unit its functions, with the points earned and the points to be had."""
    kept = load_progress()
    return {
        unit: [
            (each.function, min(kept.get(each.name, 0), each.points), each.points)
            for each in checks_of(unit)
        ]
        for unit in UNITS
    }
