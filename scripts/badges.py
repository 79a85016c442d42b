"""Write what notebooks and README repeat: Colab's badges, the set-up cell, the table of units.

Address and version come from pyproject.toml, minutes and run times from the notebooks' metadata.
"""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
REPOSITORY = PROJECT["urls"]["Repository"]
TAG = f"v{PROJECT['version']}"
# All other dependencies come with Colab, in versions that nothing here may change.
NOT_ON_COLAB = ("anywidget", "plyfile", "psygnal")

SET_UP = """\
# Google Colab lacks the course's package: there this cell installs it. Elsewhere it does nothing.
import sys
from importlib.util import find_spec

if "google.colab" in sys.modules and find_spec("course_lib") is None:
    address = "{address}"
    %pip install --quiet --no-deps {lacking} "course_lib @ {{address}}"
    if find_spec("course_lib") is None:
        raise ImportError(f"{{address}} could not be installed; pip says why above")
"""


def main() -> None:
    """Write the files that are out of date."""
    for path, text in written().items():
        if path.read_text() != text:
            path.write_text(text)
            print(path.relative_to(ROOT))


def written() -> dict[Path, str]:
    """What each lecture, each solution and the README should hold."""
    paths = [*sorted(ROOT.glob("lectures/*.ipynb")), *sorted(ROOT.glob("solutions/*/*.ipynb"))]
    readme = ROOT / "README.md"
    return {path: _notebook(path) for path in paths} | {readme: _readme(readme.read_text())}


def colab(page: str) -> str:
    """Where Colab opens a notebook of this version.

    Args:
        page: the notebook's path in the repository.
    """
    place = REPOSITORY.removeprefix("https://github.com/")
    return f"https://colab.research.google.com/github/{place}/blob/{TAG}/{page}"


def set_up() -> str:
    """The source of the first code cell."""
    lacking = [f'"{each}"' for each in PROJECT["dependencies"] if each.startswith(NOT_ON_COLAB)]
    address = f"git+{REPOSITORY}@{TAG}"
    return SET_UP.format(lacking=" ".join(lacking), address=address).rstrip()


def _notebook(path: Path) -> str:
    """A lecture opens itself in Colab, a solution the exercise that is made of it."""
    book = json.loads(path.read_text())
    page = path.relative_to(ROOT).as_posix().replace("solutions/", "exercises/", 1)
    first, code = book["cells"][0], next(c for c in book["cells"] if c["cell_type"] == "code")
    first["source"] = _with_badge("".join(first["source"]), page).splitlines(keepends=True)
    code["source"] = set_up().splitlines(keepends=True)
    return json.dumps(book, indent=1, ensure_ascii=False) + "\n"


def _with_badge(text: str, page: str) -> str:
    title, _, rest = text.partition("\n")
    rest = re.sub(r"\A\s*\[!\[Open in Colab\].*\n", "", rest)
    picture = "https://colab.research.google.com/assets/colab-badge.svg"
    return f"{title}\n\n[![Open in Colab]({picture})]({colab(page)})\n\n{rest.lstrip()}"


def _readme(text: str) -> str:
    units = [path.stem for path in sorted(ROOT.glob("lectures/*.ipynb"))]
    head = "| Unit | Lecture | Exercise | You write |\n|---|---|---|---|\n"
    table = head + "".join(_row(unit) for unit in units)
    return re.sub(r"(?<=## The units\n\n)(\|.*\n)+", lambda _: table, text)


def _row(unit: str) -> str:
    lecture, exercise = f"lectures/{unit}.ipynb", f"exercises/{unit}/{unit}.ipynb"
    lesson = json.loads((ROOT / lecture).read_text())
    solution = json.loads((ROOT / f"solutions/{unit}/{unit}.ipynb").read_text())
    graded = [c["metadata"]["course"] for c in solution["cells"] if "course" in c["metadata"]]
    functions = ", ".join(f"`{each['check'].rpartition('.')[2]}`" for each in graded)
    title = lesson["metadata"]["course"]["title"].partition(":")[0]
    read = f"[read]({lecture}), {_place_and_time(lecture, lesson)}"
    do = f"[do]({exercise}), {_place_and_time(exercise, solution)}"
    return f"| {unit[:2]} {title} | {read} | {do} | {functions} |\n"


def _place_and_time(page: str, book: dict[str, Any]) -> str:
    facts = book["metadata"]["course"]
    return f"[Colab]({colab(page)})<br>{facts['minutes']} min<br>runs {facts['run_seconds']} s"


if __name__ == "__main__":
    main()
