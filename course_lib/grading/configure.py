"""Setting nbgrader up; light to import, since every nbgrader command reads the configuration."""

import stat
from pathlib import Path
from typing import Any


def configure(config: Any) -> None:
    """Set nbgrader up: our two steps among its own, links not followed, HTML sanitised.

    Args:
        config: the ``c`` of ``nbgrader_config.py``.
    """
    from nbgrader.converters import Autograde, base

    ours = "course_lib.grading.autograde"
    config.Autograde.sanitize_preprocessors = [
        f"{ours}.TakeAnswers", *Autograde.sanitize_preprocessors.default()
    ]  # fmt: skip
    config.Autograde.autograde_preprocessors = [
        f"{ours}.Judge" if each.__name__ == "Execute" else each
        for each in Autograde.autograde_preprocessors.default()
    ]
    config.HTMLExporter.filters = {"markdown2html": "course_lib.grading.safe_html.safe_markdown"}
    if base.find_all_files is not files_without_links:
        base.find_all_files = files_without_links


def files_without_links(folder: str, ignore: list[str] | None = None) -> list[str]:
    """As nbgrader's function of what to copy beside a notebook, but without links and devices."""
    from nbgrader import utils

    return [path for path in utils.find_all_files(folder, ignore) if _is_plain(Path(path))]


def _is_plain(path: Path) -> bool:
    found = path.lstat()
    return stat.S_ISREG(found.st_mode) and found.st_nlink == 1
