"""Notebooks as learning platforms deliver them find their students and their cells."""

import io
import json
import shutil
import zipfile
from pathlib import Path

import pytest

from course_lib.cli import main
from course_lib.grading.collect import collect, student_of
from course_lib.grading.submitted import clean, code_to_run, load_release, read_cells

ROOT = Path(__file__).parents[2]
UNIT = "00_start_here"
BOOK = json.loads((ROOT / "solutions" / UNIT / f"{UNIT}.ipynb").read_text())


@pytest.fixture
def course(tmp_path):
    shutil.copytree(ROOT / "exercises" / UNIT, tmp_path / "exercises" / UNIT)
    shutil.copy(ROOT / "nbgrader_config.py", tmp_path)
    (tmp_path / "delivered").mkdir()
    return tmp_path


def book(change=lambda cells: cells):
    return json.dumps({**BOOK, "cells": change(json.loads(json.dumps(BOOK["cells"])))}).encode()


def without_metadata(cells):
    """As Colab leaves them: new ids, no marks."""
    return [{**cell, "id": f"x{i}", "metadata": {}} for i, cell in enumerate(cells)]


def saved_by_colab(cells):
    """As Colab saves them: its own keys beside the marks, sources in one piece, ids of its own."""

    def saved(number, cell):
        own = {
            "colab": {"base_uri": "https://localhost:8080/"},
            "id": f"Qx{number}",
            "outputId": "5f",
        }
        source = "".join(cell["source"])
        damaged = {key: cell["metadata"][key] for key in cell["metadata"] if number % 2}
        kept = {key: cell[key] for key in cell if key != "id"}
        return {**kept, "source": source, "metadata": {**damaged, **own}}

    return [saved(number, cell) for number, cell in enumerate(cells)]


def duplicated(cells):
    return [copy for cell in cells for copy in (cell, json.loads(json.dumps(cell)))]


def zipped(**files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/") + ".ipynb", content)
    return stream.getvalue()


def answers(course, student):
    """Which answers stand in their cells again."""
    release = load_release(course / "exercises" / UNIT / f"{UNIT}.ipynb")
    path = course / "submitted" / student / UNIT / f"{UNIT}.ipynb"
    written = json.loads(path.read_text())["cells"]
    found = {
        cell["metadata"]["nbgrader"]["grade_id"]: "".join(cell["source"])
        for cell in written
        if cell["metadata"].get("nbgrader", {}).get("solution")
    }
    assert code_to_run(clean(read_cells(path), release))
    return {name for name, source in found.items() if "BEGIN SOLUTION" in source}


@pytest.mark.parametrize(
    "change", [list, without_metadata, saved_by_colab, duplicated, lambda c: c[::-1]]
)
def test_answers_find_their_cells(course, change):
    (course / "delivered" / "ada.ipynb").write_bytes(book(change))
    (one,) = collect(course, UNIT, course / "delivered")
    assert one.student == "ada" and answers(course, "ada") == {"to_batch", "psnr"}
    cells = json.loads(one.written.read_text())["cells"]
    marks = [c["metadata"].get("nbgrader", {}).get("grade_id") for c in cells]
    assert len(set(filter(None, marks))) == len(list(filter(None, marks))) == 4


def test_answer_that_lost_its_marks_and_changed_is_recognised(course):
    def change(cells):
        cells = without_metadata(cells)
        return [{**c, "source": ["# mine\n", *c["source"]]} for c in cells]

    (course / "delivered" / "ada.ipynb").write_bytes(book(change))
    (one,) = collect(course, UNIT, course / "delivered")
    assert answers(course, "ada") == {"to_batch", "psnr"}
    assert any("recognised by the function" in remark for remark in one.remarks)


def test_moodles_canvas_and_colabs_names(course):
    folder = course / "delivered"
    moodle = folder / "Ada Byron_12_assignsubmission_file_"
    moodle.mkdir()
    (moodle / f"{UNIT}.ipynb").write_bytes(book())
    (folder / f"hopper_77_88_{UNIT}-1.ipynb").write_bytes(book())
    (folder / f"Copy of {UNIT} (Müller).ipynb").write_bytes(book())
    (folder / "class.zip").write_bytes(zipped(**{f"noether__{UNIT}": book(), "turing": book()}))
    found = collect(course, UNIT, folder)
    assert {each.student for each in found} == {
        "Ada_Byron_12", "hopper_77_88", "Müller", "noether", "turing",
    }  # fmt: skip
    assert all(each.written for each in found)


def test_what_cannot_be_read_is_said_and_kept(course, capsys, monkeypatch):
    folder = course / "delivered"
    (folder / "ada.ipynb").write_text("not json")
    (folder / "ben.zip").write_text("no zip")
    (folder / "cleo.ipynb").symlink_to("/etc/passwd")
    monkeypatch.chdir(course)
    assert main(["submissions", UNIT, str(folder)]) == 1
    said = capsys.readouterr().out
    assert "not JSON" in said and "zip file cannot be read" in said and "cannot be opened" in said
    assert (course / "submitted" / "ada" / UNIT / f"{UNIT}.ipynb").read_text() == "not json"


def test_second_notebook_of_a_student_stays_beside_the_first(course):
    folder = course / "delivered"
    (folder / "a.zip").write_bytes(zipped(ada__x=book()))
    (folder / "ada").mkdir()
    (folder / "ada" / f"{UNIT}.ipynb").write_bytes(book())
    (folder / "b").mkdir()
    (folder / "b" / "ada.ipynb").write_bytes(book())
    found = [each for each in collect(course, UNIT, folder) if each.student == "ada"]
    assert len(found) == 2 and len({each.written for each in found}) == 2
    assert any("older notebook of this student" in r for each in found for r in each.remarks)


@pytest.mark.parametrize("name", ["../../x.ipynb", "..", "/etc/.ipynb", "\x00.ipynb", "a" * 500])
def test_no_name_leads_out_of_the_folder(name):
    student = student_of(name, UNIT)
    assert student and "/" not in student and not student.startswith(".") and len(student) <= 80
