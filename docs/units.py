"""What the site says about the units, from the notebooks' metadata and the checks."""

import base64
import html
import io
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_lib.checks import UNITS, Check, checks_of

PARTS = {
    "Recap": range(4),
    "Inpainting": range(4, 8),
    "Generative models": range(8, 14),
    "Neural rendering": range(14, len(UNITS)),
}
COVER_WIDTH = 480
BADGE = r"\[!\[[^\]]*\]\([^)]*\)\]\((https://colab[^)]*)\)"


@dataclass(frozen=True)
class Exercise:
    """One graded function: its check, and what its grade cell says."""

    check: Check
    difficulty: int
    minutes: int
    points: int


@dataclass(frozen=True)
class Unit:
    """A unit: ``facts`` and ``cells`` are those of its lecture."""

    name: str
    facts: dict[str, Any]
    cells: list[dict[str, Any]]
    exercise_facts: dict[str, Any]
    exercises: list[Exercise]
    in_colab: dict[str, str]

    @property
    def number(self) -> str:
        return self.name[:2]

    @property
    def title(self) -> str:
        return f"{self.number} {self.facts['title'].partition(':')[0]}"

    @property
    def difficulty(self) -> str:
        """The easiest and the hardest exercise, of 5."""
        marks = [each.difficulty for each in self.exercises]
        return f"{min(marks)} to {max(marks)}" if min(marks) < max(marks) else f"{marks[0]}"


def read_units(root: Path) -> list[Unit]:
    """All units, in the order of the course."""
    return [_read(root, name) for name in UNITS]


def _read(root: Path, name: str) -> Unit:
    lecture = json.loads((root / f"lectures/{name}.ipynb").read_text())
    exercise = json.loads((root / f"exercises/{name}/{name}.ipynb").read_text())
    cards = {
        (facts := cell["metadata"]["course"])["check"]: (facts, cell["metadata"]["nbgrader"])
        for cell in exercise["cells"]
        if cell["metadata"].get("nbgrader", {}).get("grade")
    }
    exercises = [
        Exercise(check, facts["difficulty"], facts["minutes"], mark["points"])
        for check in checks_of(name)
        for facts, mark in [cards[check.name]]
    ]
    facts, own = lecture["metadata"]["course"], exercise["metadata"]["course"]
    in_colab = {"lecture": _colab(lecture), "exercises": _colab(exercise)}
    return Unit(name, facts, lecture["cells"], own, exercises, in_colab)


def _colab(book: dict[str, Any]) -> str:
    """The address behind the badge in a notebook's first cell, if there is one."""
    found = re.search(BADGE, "".join(book["cells"][0]["source"]))
    return found[1] if found else ""


def unit_page(unit: Unit, course: list[Unit]) -> str:
    """What the unit is about, what it needs and takes, and where its two notebooks are."""
    opening, aims = _opening(unit)
    lecture = f"lectures/{unit.name}"
    exercise = f"exercises/{unit.name}/{unit.name}"
    return f"""\
# {unit.title}

```{{image}} /covers/{unit.name}.webp
:alt: {_cover_alt(unit)}
:class: cover
```

{opening}

**After this unit you can**

{aims}

::::{{grid}} 1 1 2 2
:gutter: 3

:::{{grid-item}}
```{{button-ref}} /{lecture}
:color: primary
:expand:

Read the lecture
```
:::
:::{{grid-item}}
```{{button-ref}} /{exercise}
:color: primary
:outline:
:expand:

See the exercises
```
:::
::::

:::{{list-table}}
:stub-columns: 1
:class: facts

* - Needs
  - {_needs(unit, course)}
* - Reading
  - {unit.facts["minutes"]} minutes
* - Running
  - {unit.facts["run_seconds"]} seconds for the lecture, on two processor cores without a GPU
* - Exercises
  - {unit.exercise_facts["minutes"]} minutes, {unit.exercise_facts["points"]} points
* - Difficulty
  - {unit.difficulty} of 5
* - To run yourself
  - {_copies(unit)}
:::

## What you write

| Function | Difficulty | Minutes | Points | What is checked |
|---|---|---|---|---|
{_rows(unit)}

```{{toctree}}
:hidden:

Lecture {unit.number} </{lecture}>
Exercises {unit.number} </{exercise}>
```
"""


def _copies(unit: Unit) -> str:
    """The two notebooks to download, and, where they have a badge, to open in Colab."""
    files = {
        "lecture": f"/lectures/{unit.name}.ipynb",
        "exercises": f"/exercises/{unit.name}/{unit.name}.ipynb",
    }
    links = [f"{{download}}`{what} <{path}>`" for what, path in files.items()]
    links += [f"[{what} in Colab]({link})" for what, link in unit.in_colab.items() if link]
    return " · ".join(links)


def _opening(unit: Unit) -> tuple[str, str]:
    """The first paragraphs of the lecture and its list of aims, links as seen from ``units/``."""
    text = "".join(unit.cells[0]["source"]).partition("\n")[2]
    text = re.sub(BADGE, "", text)
    opening, _, rest = text.partition("**After this unit you can**")
    aims = re.match(r"\s*(\*.*?)(?=\n\n)", rest, re.S)
    assert aims, unit.name
    moved = [re.sub(r"\]\((\w+\.ipynb)", r"](../lectures/\1", part) for part in (opening, aims[1])]
    return moved[0].strip(), moved[1].strip()


def _needs(unit: Unit, course: list[Unit]) -> str:
    titles = {each.name: each.title for each in course}
    links = [f"[{titles[name]}]({name}.md)" for name in unit.facts["needs"]]
    return ", ".join(links) or "no other unit"


def _rows(unit: Unit) -> str:
    return "\n".join(
        f"| `{each.check.function}` | {each.difficulty} | {each.minutes} | {each.points} | "
        f"{'; '.join(each.name for each in each.check.properties)} |"
        for each in unit.exercises
    )


def overview(course: list[Unit]) -> str:
    """All units in one table."""
    rows = [
        f"| [{unit.title}]({unit.name}.md) | {_needs(unit, course)} | {unit.facts['minutes']} | "
        f"{unit.exercise_facts['minutes']} | {unit.difficulty} |"
        for unit in course
    ]
    hours = sum(unit.facts["minutes"] + unit.exercise_facts["minutes"] for unit in course) / 60
    return "\n".join(
        [
            "# The units\n",
            f"{len(course)} units, about {hours:.0f} hours: a lecture to read and run, and "
            "exercises that check themselves. Minutes are estimates, difficulty is of 5.\n",
            "| Unit | Needs | Lecture, minutes | Exercises, minutes | Difficulty |",
            "|---|---|---|---|---|",
            *rows,
            "\n```{toctree}\n:hidden:\n",
            *(unit.name for unit in course),
            "```\n",
        ]
    )


def gallery(course: list[Unit]) -> str:
    """A card with a picture for each unit, part by part."""
    sections = []
    for part, numbers in PARTS.items():
        cards = "\n".join(_card(course[number]) for number in numbers)
        sections.append(f"## {part}\n\n::::{{grid}} 1 2 2 4\n:gutter: 3\n\n{cards}\n::::\n")
    return "\n".join(sections)


def _card(unit: Unit) -> str:
    return f"""\
:::{{grid-item-card}} {unit.title}
:img-top: /covers/{unit.name}.webp
:img-alt: {_cover_alt(unit)}
:link: /units/{unit.name}
:link-type: doc

{unit.facts["minutes"]} min lecture, {unit.exercise_facts["minutes"]} min exercises,
difficulty {unit.difficulty}
:::"""


def _cover_image(unit: Unit) -> tuple[str, str]:
    """Alternative text and base64 data of the figure that the metadata calls the cover."""
    wanted = unit.facts["cover"]["cell"]
    cell = next(each for each in unit.cells if each["id"] == wanted)
    shown = "".join("".join(each.get("data", {}).get("text/html", "")) for each in cell["outputs"])
    found = re.search(r'<img alt="([^"]*)" src="data:image/\w+;base64,([^"]+)"', shown)
    if found is None:
        raise LookupError(f"{unit.name}: the cover's cell {wanted!r} shows no picture")
    return html.unescape(found[1]), found[2]


def _cover_alt(unit: Unit) -> str:
    return " ".join(_cover_image(unit)[0].split())


def cover(unit: Unit) -> bytes:
    """The cover as a small WebP picture, cut to its ``box`` (left, top, right, bottom; pixels)."""
    from PIL import Image

    picture = Image.open(io.BytesIO(base64.b64decode(_cover_image(unit)[1]))).convert("RGB")
    picture = picture.crop(unit.facts["cover"]["box"])
    height = round(COVER_WIDTH * picture.height / picture.width)
    stream = io.BytesIO()
    picture.resize((COVER_WIDTH, height), Image.Resampling.LANCZOS).save(stream, "WEBP", quality=85)
    return stream.getvalue()
