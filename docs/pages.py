"""Write the source of the site into a folder: copy what people wrote, make what repeats a fact.

The folder has the layout of the repository, so that links between its files stay as they are. Facts
come from the notebooks' metadata, the checks and the package; ``conf.py`` says how all is shown.
"""

import html
import json
import os
import re
import sys
import tomllib
from pathlib import Path
from string import Template
from typing import Any

import api
import units

ROOT = Path(__file__).resolve().parents[1]
PLOTLY = "application/vnd.plotly.v1+json"
PROGRESS = "application/vnd.jupyter.widget-view+json"
HAND_WRITTEN = (
    "docs/grading.md",
    "docs/grading-attacks.md",
    "docs/site.md",
    "benchmarks/README.md",
    "CONTRIBUTING.md",
)
BELOW = {"docs/grading.md": "/docs/grading-attacks", "CONTRIBUTING.md": "/docs/site"}
NOTEBOOKS = ("lectures/*.ipynb", "exercises/*/*.ipynb")
PICTURES = ("docs/pictures/*.png", "benchmarks/*.png")


def write_pages(folder: Path) -> None:
    """Write all pages into ``folder``; a page that has not changed is left alone."""
    pages: dict[str, str | bytes] = {}
    for name in HAND_WRITTEN:
        pages[name] = for_offline((ROOT / name).read_text(), name)
        if name in BELOW:
            pages[name] += f"\n```{{toctree}}\n:hidden:\n\n{BELOW[name]}\n```\n"
    for path in _found(NOTEBOOKS):
        name = path.relative_to(ROOT).as_posix()
        pages[name] = json.dumps(for_the_site(json.loads(path.read_text()), name), indent=1)
    for path in _found(PICTURES):
        pages[path.relative_to(ROOT).as_posix()] = path.read_bytes()
    course = units.read_units(ROOT)
    for unit in course:
        pages[f"units/{unit.name}.md"] = units.unit_page(unit, course)
        pages[f"covers/{unit.name}.webp"] = units.cover(unit)
    pages["units/index.md"] = units.overview(course)
    front = Template((ROOT / "docs/front.md").read_text())
    pages["index.md"] = front.substitute(gallery=units.gallery(course))
    pages |= api.api_pages()
    _write(folder, pages)


def _found(patterns: tuple[str, ...]) -> list[Path]:
    return [path for pattern in patterns for path in sorted(ROOT.glob(pattern))]


def _write(folder: Path, pages: dict[str, str | bytes]) -> None:
    """Sphinx reads a file again when its time stamp is new, so an equal one is not touched."""
    for path in folder.rglob("*"):
        if path.is_file() and path.relative_to(folder).as_posix() not in pages:
            path.unlink()
    for name, page in pages.items():
        content = page.encode() if isinstance(page, str) else page
        path = folder / name
        if not path.is_file() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def for_the_site(book: dict[str, Any], name: str) -> dict[str, Any]:
    """A notebook as the site shows it: no progress bars, live figures, the set-up cell folded."""
    for cell in book["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = for_offline("".join(cell["source"]), name)
        else:
            shown = [each for each in cell["outputs"] if PROGRESS not in each.get("data", {})]
            cell["outputs"] = [_live(output) for output in shown]
    first = next(cell for cell in book["cells"] if cell["cell_type"] == "code")
    first["metadata"]["tags"] = ["hide-input"]
    return book


def _live(output: dict[str, Any]) -> dict[str, Any]:
    """A Plotly figure beside its still picture, for ``site.js`` to draw; all else as it is."""
    data = output.get("data", {})
    if PLOTLY not in data:
        return output
    alt = html.escape("".join(data["text/plain"]))
    figure = json.dumps(data[PLOTLY]).replace("</", "<\\/")
    page = (
        f'<div class="live-figure" role="group" aria-label="{alt}">{"".join(data["text/html"])}'
        f'<script type="application/json">{figure}</script></div>'
    )
    return output | {"data": {"text/html": page, "text/plain": data["text/plain"]}}


def for_offline(text: str, name: str) -> str:
    """Markdown whose pictures are all here, and whose links lead to pages or to the repository."""

    def link(match: re.Match[str]) -> str:
        label, target = match.groups()
        path = os.path.normpath(Path(name).parent / target.partition("#")[0])
        if "://" in target or target[0] == "#" or _is_page(path) or not (ROOT / path).exists():
            return match[0]
        return f"[{label}]({repository()}/blob/main/{path})" if repository() else label

    text = re.sub(r"!\[([^\[\]]+)\]\(https?://[^()\s]+\)", r"\1", text)  # its alternative text
    return re.sub(r"(?<!!)\[([^\[\]]+)\]\(([^()\s]+)\)", link, text)


def _is_page(path: str) -> bool:
    return path in HAND_WRITTEN or any(Path(path).match(pattern) for pattern in NOTEBOOKS)


def repository() -> str:
    """The repository's address, as pyproject.toml states it, or nothing."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return project.get("urls", {}).get("Repository", "").removesuffix(".git")


def notebook_anchor(title: str) -> str:
    """What Jupyter calls the anchor of a heading, for links such as ``#3.-Heat-flows-in``.

    >>> notebook_anchor("3. Heat flows in")
    '3.-Heat-flows-in'
    """
    return title.replace(" ", "-")


if __name__ == "__main__":
    target = Path(sys.argv[1])
    if target.exists() and not (target / "index.md").exists() and any(target.iterdir()):
        sys.exit(f"{target}: it holds other files; wanted a new folder, or one written before")
    write_pages(target)
