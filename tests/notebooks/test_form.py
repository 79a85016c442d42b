"""What stands in the notebooks: cards, metadata, stripped outputs, alternative text, links."""

import base64
import io
import json
import re
from pathlib import Path

import pytest
from PIL import Image

from course_lib.checks import UNITS, checks_of

ROOT = Path(__file__).parents[2]
SOLUTIONS = sorted(ROOT.glob("solutions/*/*.ipynb"))
EXERCISES = sorted(ROOT.glob("exercises/*/*.ipynb"))
LECTURES = sorted(ROOT.glob("lectures/*.ipynb"))
EVERY = SOLUTIONS + EXERCISES + LECTURES

name = pytest.mark.parametrize("path", EVERY, ids=lambda p: str(p.relative_to(ROOT)))
solution = pytest.mark.parametrize("path", SOLUTIONS, ids=lambda p: p.stem)
lecture = pytest.mark.parametrize("path", LECTURES, ids=lambda p: p.stem)


def cells(path, kind=None):
    book = json.loads(path.read_text())
    return [
        {**cell, "source": "".join(cell["source"])}
        for cell in book["cells"]
        if kind in (None, cell["cell_type"])
    ]


def course(path):
    return json.loads(path.read_text())["metadata"]["course"]


def graded(path):
    return [c for c in cells(path) if c["metadata"].get("nbgrader", {}).get("grade")]


def test_every_unit_has_its_three_notebooks():
    units = list(UNITS)
    for found in (SOLUTIONS, EXERCISES, LECTURES):
        assert [path.stem for path in found] == units


@pytest.mark.parametrize("path", SOLUTIONS + EXERCISES, ids=lambda p: str(p.relative_to(ROOT)))
def test_solutions_and_exercises_carry_no_outputs(path):
    assert not any(cell["outputs"] or cell["execution_count"] for cell in cells(path, "code"))


@pytest.mark.parametrize("path", EXERCISES, ids=lambda p: p.stem)
def test_exercises_hold_no_solution(path):
    text = path.read_text()
    assert "BEGIN SOLUTION" not in text
    assert "BEGIN HIDDEN" not in text
    answers = [c for c in cells(path) if c["metadata"].get("nbgrader", {}).get("solution")]
    assert answers
    assert all("raise NotImplementedError" in cell["source"] for cell in answers)


@solution
def test_each_check_is_graded_once_with_its_points(path):
    marks = {c["metadata"]["course"]["check"]: c["metadata"]["nbgrader"] for c in graded(path)}
    checks = {each.name: each for each in checks_of(path.stem)}
    assert list(marks) == list(checks)
    for check, mark in marks.items():
        function = checks[check].function
        assert mark["points"] == checks[check].points, check
        assert mark["grade_id"] == f"{function}-check"
        cell = next(c for c in graded(path) if c["metadata"]["nbgrader"] is not None)
        assert mark["locked"], cell


@solution
def test_cards_agree_with_the_metadata(path):
    text = "\n".join(cell["source"] for cell in cells(path, "markdown"))
    stated = re.findall(r"\*\*Difficulty (\d)/5 · (\d+) minutes · (\d+) points\*\*", text)
    known = [
        (
            str(cell["metadata"]["course"]["difficulty"]),
            str(cell["metadata"]["course"]["minutes"]),
            str(cell["metadata"]["nbgrader"]["points"]),
        )
        for cell in graded(path)
    ]
    assert stated == known
    assert course(path)["points"] == sum(int(points) for _, _, points in known)
    assert course(path)["minutes"] >= sum(int(minutes) for _, minutes, _ in known)
    rows = re.findall(r"^\| \d+ \| .* \| (\d)/5 \| (\d+) \| (\d+) \|$", text, re.M)
    assert rows == known
    assert text.count("<summary>Hint 3</summary>") == len(known)


@solution
def test_grade_cell_is_one_call_of_check(path):
    for cell in graded(path):
        check = cell["metadata"]["course"]["check"]
        assert cell["source"] == f'check("{check}", {check.rpartition(".")[2]})'
        assert "raises-exception" in cell["metadata"]["tags"]


def test_set_up_cell_is_the_same_everywhere():
    first = {cells(path, "code")[0]["source"] for path in EVERY}
    assert len(first) == 1


@lecture
def test_lecture_outputs_are_committed_and_clean(path):
    assert path.stat().st_size < 1_500_000
    code = [cell for cell in cells(path, "code") if cell["source"].strip()]
    assert all(cell["execution_count"] for cell in code), "run `make lectures`"
    outputs = [output for cell in code for output in cell["outputs"]]
    assert outputs
    assert not [o for o in outputs if o["output_type"] == "error"]
    assert not [o for o in outputs if o.get("name") == "stderr"]


@lecture
def test_every_figure_has_alternative_text(path):
    outputs = [o for cell in cells(path, "code") for o in cell["outputs"]]
    shown = [output.get("data", {}) for output in outputs]
    assert not [data for data in shown if "image/png" in data], "use show.figure(drawn, alt=...)"
    pages = "".join("".join(data.get("text/html", "")) for data in shown)
    images = re.findall(r"<img\b[^>]{0,2000}", pages)
    assert images
    assert all(re.search(r'alt="[^"]{15,}"', image) for image in images)
    for cell in cells(path, "markdown"):
        assert not re.search(r"!\[\s*\]\(", cell["source"]), "an image without a text"


@lecture
def test_lecture_has_what_every_lecture_has(path):
    text = "\n".join(cell["source"] for cell in cells(path, "markdown"))
    for part in ("**After this unit you can**", "Predict, then run", "Remember", "Questions"):
        assert part in text, part
    for heading in ("## Exercises", "## References"):
        assert heading in text
    assert f"exercises/{path.stem}/{path.stem}.ipynb" in text
    assert {"unit", "kind", "title", "minutes", "run_seconds"} <= set(course(path))


@lecture
def test_lecture_states_what_it_needs_in_prose_and_for_the_site(path):
    opening = cells(path)[0]["source"]
    said = re.search(
        r"\bneeds\s(.*?)(?:\.\s|\.$|;|$)", opening[opening.index("of reading") :], re.S
    )
    needs = re.findall(r"\]\((\w+)\.ipynb\)", said[1])
    assert course(path)["needs"] == needs
    assert needs or re.search("no other unit|only Python|nothing but", said[1])
    units = list(UNITS)
    assert all(units.index(need) < units.index(path.stem) for need in needs)


@lecture
def test_cover_names_a_figure_and_a_piece_of_it(path):
    cover = course(path)["cover"]
    cell = next(each for each in cells(path, "code") if each["id"] == cover["cell"])
    outputs = "".join("".join(o.get("data", {}).get("text/html", "")) for o in cell["outputs"])
    data = re.search(r'<img alt="[^"]+" src="data:image/\w+;base64,([^"]+)"', outputs)[1]
    width, height = Image.open(io.BytesIO(base64.b64decode(data))).size
    left, top, right, bottom = cover["box"]
    assert 0 <= left < right <= width and 0 <= top < bottom <= height


@name
def test_cells_are_at_most_a_screen(path):
    for cell in cells(path, "code"):
        assert cell["source"].count("\n") < 45, cell["source"][:80]


@name
def test_cell_ids_are_stable_names(path):
    ids = [cell["id"] for cell in cells(path)]
    assert len(set(ids)) == len(ids)
