"""`make course`, made small: one report with every part in it."""

import re
import shutil
from pathlib import Path

import pytest

from course_lib import tour
from course_lib.grading import report, sample_class

ROOT = Path(__file__).parents[1]
UNIT = "00_start_here"


@pytest.fixture
def course(tmp_path, monkeypatch):
    for folder in ("solutions", "lectures"):
        (tmp_path / folder).mkdir()
    shutil.copytree(ROOT / "solutions" / UNIT, tmp_path / "solutions" / UNIT)
    shutil.copy(ROOT / "lectures" / f"{UNIT}.ipynb", tmp_path / "lectures")
    shutil.copy(ROOT / "nbgrader_config.py", tmp_path)
    make, draw = sample_class.sample_class, tour.damaged_pictures
    monkeypatch.setattr(tour, "UNIT", UNIT)
    monkeypatch.setattr(tour, "FIT_STEPS", 20)
    monkeypatch.setattr(tour, "damaged_pictures", lambda size=32: draw(32)[:2])
    monkeypatch.setattr(
        sample_class, "sample_class", lambda *given: dict(list(make(*given).items())[:2])
    )
    return tmp_path


def test_report_holds_grades_reasons_pictures_and_times(course, capsys):
    path = tour.tour(course)
    page = path.read_text()
    assert path == course / "build" / "report.html"
    assert "build/report.html" in capsys.readouterr().out
    headings = ("The exercises", "The lecture", "The class", "Repaired pictures")
    for heading in (*headings, "A scene of splats"):
        assert f">{heading}</h2>" in page
    assert "7 / 7" in page and "3 / 7" in page
    assert "still raises NotImplementedError" in page
    assert (course / "build" / f"{UNIT}.html").is_file()
    assert all(re.search(r'alt="[^"]{15,}"', image) for image in re.findall(r"<img[^>]+>", page))
    for target in re.findall(r'href="([^"#]+)"', page):
        assert (path.parent / target).exists(), target


def test_table_escapes_and_aligns_numbers():
    made = report.table("a < b", ["name", "points"], [["<i>", 3], ["x", 2.5]])
    assert "<i>" not in made and "&lt;i&gt;" in made
    assert '<td class="number">3</td>' in made
    assert '<td class="number">2.50</td>' in made
    assert '<th scope="row">x</th>' in made
