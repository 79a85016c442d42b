"""What an instructor sees: the formgrader lists the class and opens feedback with its reasons."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="playwright is not installed")
from playwright.sync_api import expect

from course_lib.grading import doctor
from course_lib.grading.sample_class import sample_class

ROOT = Path(__file__).parents[2]
UNIT = "00_start_here"
TAKE_OVER = "document.title = 'taken over'"
HOSTILE = f'<script>{TAKE_OVER}</script><img src=x onerror="{TAKE_OVER}">'
STUDENTS = {"ada": 7, "cleo": 0, "dora": 2}

pytestmark = pytest.mark.skipif(bool(doctor.refusal()), reason=doctor.refusal())


@pytest.fixture(scope="session")
def graded(course, surroundings):
    """The course with three submissions of unit 00, graded."""
    everyone = sample_class(
        course / "solutions" / UNIT / f"{UNIT}.ipynb",
        ROOT / "exercises" / UNIT / f"{UNIT}.ipynb",
        course / "everyone",
    )
    for student in STUDENTS:
        shutil.copytree(everyone[student].parent, course / "submitted" / student / UNIT)
    notebook = course / "submitted" / "dora" / UNIT / f"{UNIT}.ipynb"
    book = json.loads(notebook.read_text())
    remark = {"cell_type": "markdown", "id": "remark", "metadata": {}, "source": HOSTILE}
    book["cells"].append(remark)
    notebook.write_text(json.dumps(book))
    subprocess.run(
        [sys.executable, "-m", "course_lib", "grade", UNIT],
        cwd=course, env=surroundings, check=True, capture_output=True, timeout=300,
    )  # fmt: skip
    return course


def test_formgrader_lists_the_class_and_opens_feedback(graded, page, keep):
    page.locator(".lm-MenuBar-itemLabel", has_text="Nbgrader").click()
    page.locator(".lm-Menu-itemLabel").get_by_text("Formgrader", exact=True).click()
    page.frame_locator("iframe").get_by_role("link", name=UNIT).scroll_into_view_if_needed()
    keep("instructor-1-assignments")

    page.goto(f"/formgrader/manage_submissions/{UNIT}")
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(len(STUDENTS))
    for student, score in STUDENTS.items():
        expect(rows.filter(has_text=student)).to_contain_text(f"{score} / 7")
    keep("instructor-2-the-class")
    rows.filter(has_text="dora").locator(".generate-feedback a").click()
    page.get_by_text("Successfully generated feedback").wait_for()
    keep("instructor-3-feedback-generated")

    page.goto(f"/formgrader/gradebook/{UNIT}/{UNIT}")
    page.locator("tbody tr", has_text="2 / 7").get_by_role("link").click()
    see_the_reasons(page)
    keep("instructor-4-a-submission")

    page.goto((graded / "feedback" / "dora" / UNIT / f"{UNIT}.html").as_uri())
    see_the_reasons(page)
    keep("instructor-5-feedback")


def see_the_reasons(page):
    """The page of dora: why she lost points, and her remark as text that does nothing."""
    reason = page.get_by_text("0 of 4 points").first
    reason.wait_for()
    reason.scroll_into_view_if_needed()
    text = " ".join(page.locator("body").inner_text().split())
    assert "the result is of type str" in text
    assert "<script>document.title" in text
    assert page.title() != "taken over"
