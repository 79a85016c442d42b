"""What a student sees in JupyterLab: an exercise from opening it to handing it in, and lectures."""

import ast
import io
import json
import re
import zipfile

import nbformat
import numpy as np
import pytest
import torch
from PIL import Image

from course_lib.metrics import ssim

pytest.importorskip("playwright", reason="playwright is not installed")
from playwright.sync_api import expect

UNIT = "00_start_here"
NAME = f"exercises/{UNIT}/{UNIT}.ipynb"
FORGETS_THE_BATCH = """def psnr(a, b):
    return -10.0 * torch.log10((a - b).square().mean()).expand(len(a))
"""
LIVE = """import torch
from course_lib import show
from course_lib.rendering.splats import from_points

points = torch.randn(600, 3, generator=torch.Generator().manual_seed(0))
points = torch.nn.functional.normalize(points, dim=1)
scene = from_points(points, points / 2 + 0.5, opacity=0.95)
scene.log_scales = scene.log_scales - 0.7
widget = show.SplatWidget(scene, eye=(0.0, -3.0, 1.0))
"""
WHERE = 'print("stands at", widget.eye)'
ELSEWHERE = "widget.eye = (2.0, 2.0, 1.5)"
ABOVE = "widget.eye = (0.0, 0.0, 3.0)  # a camera that shows up upwards cannot look straight down"


@pytest.fixture
def right(course):
    """Function to its right answer, from the instructor's notebook."""
    book = json.loads((course / "solutions" / UNIT / f"{UNIT}.ipynb").read_text())
    marks = [(each["metadata"].get("nbgrader", {}), each["source"]) for each in book["cells"]]
    return {mark["grade_id"]: "".join(text) for mark, text in marks if mark.get("solution")}


def cell(book, text):
    return book.locator(".jp-CodeCell").filter(has_text=text).first


def write(page, book, function, source):
    """Replace the answer cell of ``function`` and run it with all that follows."""
    cell(book, f"def {function}(").locator(".cm-content").click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(source)
    menu(page, "Run", "Run Selected Cell and All Below")


def menu(page, *names):
    for name in names:
        whole = re.compile(f"^{name}$")
        page.locator(".lm-MenuBar-itemLabel, .lm-Menu-itemLabel").filter(has_text=whole).click()


def save(page):
    page.keyboard.press("Control+S")
    page.locator(".lm-DockPanel-tabBar .jp-mod-dirty").wait_for(state="detached")


def run_again(page, part):
    """Run a cell and wait for its new number."""
    prompt = part.locator(".jp-InputPrompt")
    before = prompt.inner_text()
    part.locator(".cm-content").click()
    page.keyboard.press("Control+Enter")
    expect(prompt).not_to_have_text(before)
    expect(prompt).to_have_text(re.compile(r"\[\d+\]"))


def see(part):
    """Wait for what is to be seen and bring it onto the screen."""
    part.wait_for()
    for _ in range(2):  # JupyterLab scrolls on its own behind a cell that ran
        part.evaluate("each => new Promise(done => setTimeout(done, 300))")
        part.evaluate("each => each.scrollIntoView({block: 'center'})")
    expect(part).to_be_in_viewport()


def test_an_exercise_from_opening_it_to_handing_it_in(page, notebook, keep, course, right):
    book = notebook(NAME)
    keep("student-1-opened")

    menu(page, "Run", "Run All Cells")
    see(book.get_by_text("Together: 0 of 7 points"))
    keep("student-2-everything-run-untouched")
    see(book.locator("table", has_text="to_batch: 0 of 3 points"))
    book.locator("summary", has_text="Hint 2").first.click()
    keep("student-3-card-with-a-hint")
    see(cell(book, 'check("start.to_batch"').locator(".jp-OutputArea"))
    keep("student-4-unfinished-check-explained")
    assert "your answer goes there" in book.inner_text()
    assert "Traceback" not in book.inner_text()

    write(page, book, "to_batch", right["to_batch"])
    book.get_by_text("Together: 3 of 7 points").wait_for()
    see(book.get_by_text("✓ to_batch: 3 of 3 points.").first)
    keep("student-5-a-check-passes")

    write(page, book, "psnr", FORGETS_THE_BATCH)
    book.get_by_text("Together: 5 of 7 points").wait_for()
    see(book.locator("table", has_text="psnr: 2 of 4 points"))
    keep("student-6-a-wrong-answer-explained")
    menu(page, "Settings", "Theme", "JupyterLab Dark")
    page.locator("body[data-jp-theme-light=false]").wait_for(state="attached")
    keep("student-7-the-same-in-the-dark-theme")
    menu(page, "Settings", "Theme", "JupyterLab Light")
    page.locator("body[data-jp-theme-light=true]").wait_for(state="attached")

    save(page)
    page.get_by_text("Validate", exact=True).click()
    dialog = page.locator(".jp-Dialog", has_text="check")
    dialog.wait_for()
    keep("student-8-validate")
    assert "start.psnr" in dialog.inner_text() and "start.to_batch" not in dialog.inner_text()
    dialog.get_by_role("button").last.click()

    write(page, book, "psnr", right["psnr"])
    see(book.get_by_text("Together: 7 of 7 points"))
    save(page)
    run_again(page, cell(book, "hand_in("))
    page.locator(".jp-FileBrowser").get_by_text(f"{UNIT}-submission.zip").wait_for()
    keep("student-9-handed-in")
    with zipfile.ZipFile(course / "exercises" / UNIT / f"{UNIT}-submission.zip") as packed:
        cells = json.loads(packed.read(f"{UNIT}.ipynb"))["cells"]
    assert right["psnr"] in ["".join(each["source"]) for each in cells]


def test_sliders_and_viewers_of_saved_lectures_move(page, notebook, keep):
    book = notebook(f"lectures/{UNIT}.ipynb")
    picture = book.get_by_alt_text("The cat beside itself rounded to")
    see(picture)
    before = picture.get_attribute("src")
    slider = book.get_by_label("levels in each channel")
    slider.focus()
    slider.press("ArrowRight")
    assert picture.get_attribute("src") != before
    keep("reader-1-a-slider-moved")

    book = notebook("lectures/18_splat_training.ipynb")
    frame = book.locator("iframe[title='Splat viewer']").first
    see(frame)
    frame.content_frame.locator("body[data-frames]").wait_for()
    see(frame)
    box = frame.bounding_box()
    still = settled(page, box)
    keep("reader-2-a-scene-of-splats")
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 200, y, steps=8)
    page.mouse.up()
    assert settled(page, box, other_than=still) != still
    keep("reader-3-the-scene-orbited")


def test_a_live_viewer_and_its_kernel_follow_each_other(page, notebook, keep, course):
    names = {}
    exec(LIVE, names)
    widget = names["widget"]
    cells = [
        nbformat.v4.new_code_cell(source) for source in (LIVE + "widget", WHERE, ELSEWHERE, ABOVE)
    ]
    heading = nbformat.v4.new_markdown_cell("# A live viewer")
    known = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)"}}
    written = nbformat.v4.new_notebook(cells=[heading, *cells], metadata=known)
    nbformat.write(written, course / "live.ipynb")

    book = notebook("live.ipynb")
    run_again(page, cell(book, "SplatWidget"))
    frame = book.locator("iframe[title='Splat viewer']")
    frame.content_frame.locator("body[data-frames]").wait_for()
    frame.content_frame.locator("p").evaluate("p => p.style.display = 'none'")
    see(frame)
    box = inside(frame)
    begins = settled(page, box)
    assert likeness(begins, widget) > 0.9
    keep("live-1-a-viewer-with-a-kernel")

    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 150, y + 40, steps=8)
    page.mouse.up()
    turned = settled(page, box, other_than=begins)
    run_again(page, cell(book, WHERE))
    see(frame)
    told = re.search(r"stands at (\[.*?\])", book.inner_text())[1]
    assert ast.literal_eval(told) != widget.eye
    widget.eye = ast.literal_eval(told)
    assert likeness(turned, widget) > 0.9 > likeness(begins, widget)
    keep("live-2-the-kernel-knows-where-the-reader-stands")

    run_again(page, cell(book, ELSEWHERE))
    see(frame)
    widget.eye = (2.0, 2.0, 1.5)
    moved = settled(page, inside(frame), other_than=turned)
    assert likeness(moved, widget) > 0.9
    keep("live-3-moved-by-the-kernel")

    run_again(page, cell(book, ABOVE))
    see(frame)
    overhead = settled(page, inside(frame), other_than=moved)
    run_again(page, cell(book, WHERE))
    widget.eye = ast.literal_eval(re.search(r"stands at (\[.*?\])", book.inner_text())[1])
    assert 2.9 < widget.eye[2] < 3
    assert likeness(overhead, widget) > 0.9


def inside(frame):
    """Where a frame's page is, without its border of one pixel."""
    box = frame.bounding_box()
    size = {side: round(box[side]) - 2 for side in ("width", "height")}
    return {"x": round(box["x"]) + 1, "y": round(box["y"]) + 1, **size}


def likeness(shot, widget):
    """Structural similarity of a screenshot to what the rasteriser draws from there."""
    pixels = np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"), np.float32) / 255
    shown = torch.from_numpy(pixels).permute(2, 0, 1)[None]
    return ssim(shown, widget.picture(shown.shape[3], shown.shape[2])[None]).item()


def settled(page, box, other_than=None):
    """A picture of a part of the page once two in a row are equal."""
    before = None
    for _ in range(60):
        now = page.screenshot(clip=box)
        if now == before and now != other_than:
            return now
        before = now
        page.wait_for_timeout(500)
    return before
