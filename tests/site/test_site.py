"""The site is built once, without a warning, and read as its readers do: in a browser, offline."""

import functools
import json
import re
import subprocess
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from filelock import FileLock

from course_lib.checks import UNITS

ROOT = Path(__file__).parents[2]
PAGES = [
    "index",
    "units/index",
    "units/04_classical_inpainting",
    "lectures/00_start_here",  # a check's table
    "lectures/04_classical_inpainting",  # sliders
    "lectures/15_structure_from_motion",  # Plotly
    "lectures/18_splat_training",  # the splat viewer
    "exercises/00_start_here/00_start_here",
    "api/metrics",
    "docs/grading",
]


@pytest.fixture(scope="session")
def site(request, tmp_path_factory):
    """The folder with the site; of several workers the first builds it and the others wait."""
    shared = tmp_path_factory.getbasetemp()
    if hasattr(request.config, "workerinput"):
        shared = shared.parent
    built = shared / "site" / "html"
    with FileLock(shared / "site.lock"):
        if not built.exists():
            build(shared / "site")
    return built


def build(folder):
    """As `make site` does, in a folder of its own."""
    pages, doctrees, fresh = folder / "pages", folder / "doctrees", folder / "fresh"
    sphinx = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-c", ROOT / "docs"]
    for command in (
        [sys.executable, ROOT / "docs/pages.py", pages],
        [*sphinx, "-d", doctrees, pages, fresh],
    ):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    fresh.rename(folder / "html")


@pytest.fixture(scope="module")
def address(site):
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=site))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture
def page(browser, address):
    """A page that must neither raise an error nor ask anything of another host."""
    page = browser.new_page(
        viewport={"width": 1280, "height": 900},
        color_scheme="light",
        reduced_motion="reduce",
        base_url=f"{address}/",
    )
    faults = []
    here = (address, "data:", "blob:", "about:")
    page.on("request", lambda asked: asked.url.startswith(here) or faults.append(asked.url))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    yield page
    page.close()
    assert not faults


def opened(page, name):
    """Go to a page, and wait until its formulas, its Plotly figures and its splats are drawn."""
    page.goto(f"{name}.html")
    page.evaluate("window.MathJax?.startup?.promise")
    for figure in page.locator(".live-figure").all():
        page.locator(".live-figure[data-live=yes] .gl-container canvas").first.wait_for()
        assert not figure.locator("> img").is_visible(), "the still picture gave way"
    if page.locator("iframe").count():
        page.locator("iframe").scroll_into_view_if_needed()
        page.frames[1].wait_for_function("Number(document.body.dataset.frames) > 2")
        page.evaluate("scrollTo(0, 0)")  # out of sight the viewer rests


def barriers(page, **options):
    """What axe calls serious or critical; a formula's glyphs are one picture to a reader."""
    from axe_playwright_python.sync_playwright import Axe

    page.evaluate(Axe().axe_script)
    page.evaluate("axe.configure({noHtml: true})")  # outputs hold megabytes of it
    options |= {"preload": False, "resultTypes": ["violations"]}
    found = page.evaluate("o => axe.run({exclude: [['mjx-math']]}, o)", options)
    assert found["passes"]
    return [
        (each["id"], [node["target"] for node in each["nodes"]])
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
    ]


def without_colored_code(page):
    """Thousands of words of code in a notebook: axe judges their colours on the other pages."""
    page.evaluate(
        "document.querySelectorAll('.highlight pre').forEach(e => e.textContent = e.textContent)"
    )


@pytest.mark.parametrize("name", PAGES)
def test_page_has_no_barriers_in_light_and_dark_and_fits_a_phone(page, name):
    opened(page, name)
    assert page.locator("h1").count() == 1
    assert page.locator(".live-figure").count() == ("structure_from_motion" in name)
    assert page.locator("iframe").count() == ("splat_training" in name)
    assert not page.locator("mjx-merror").count(), "a formula that MathJax cannot read"
    if "exercises/" in name or "lectures/" in name:
        without_colored_code(page)
    assert not barriers(page)
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.emulate_media(color_scheme="dark")
    page.wait_for_function("document.documentElement.dataset.theme == 'dark'")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
    assert not barriers(page, runOnly=["color-contrast"])
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_every_unit_has_its_pages_and_states_its_facts(site):
    front = (site / "index.html").read_text()
    for unit in UNITS:
        facts = json.loads((ROOT / f"lectures/{unit}.ipynb").read_text())["metadata"]["course"]
        text = (site / f"units/{unit}.html").read_text()
        assert f"{facts['minutes']} minutes" in text
        assert all(f'href="{need}.html"' in text for need in facts["needs"])
        for notebook in (f"lectures/{unit}.html", f"exercises/{unit}/{unit}.html"):
            assert (site / notebook).is_file()
            assert f'href="../{notebook}"' in text
        assert f'href="units/{unit}.html"' in front
    cards = re.findall(r'<img alt="([^"]*)" class="sd-card-img-top"', front)
    assert len(cards) == len(UNITS)
    assert all(len(alt) > 15 for alt in cards)


def test_no_page_loads_from_another_host_or_shows_a_solution(site):
    outside = re.compile(r'<(?:script|img|iframe|source)\b[^>]*\bsrc="(?:https?:)?//')
    style = re.compile(r'<link\b[^>]*rel="(?:stylesheet|preload)"[^>]*href="(?:https?:)?//')
    pages = list(site.rglob("*.html"))
    assert len(pages) > 100
    for path in pages:
        text = path.read_text()
        assert not outside.search(text) and not style.search(text), path
        assert "BEGIN SOLUTION" not in text or path.name == "CONTRIBUTING.html", path
    published = {
        path.relative_to(site / "_modules/course_lib").parts[0]
        for path in (site / "_modules/course_lib").rglob("*.html")
    }
    assert not published & {"grading", "checks"}


def test_keyboard_skips_to_the_text_and_moves_a_slider(page):
    opened(page, "lectures/04_classical_inpainting")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent").strip() == "Skip to main content"
    page.keyboard.press("Enter")
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.type") == "range":
            break
    slider = page.locator("input[type=range]:focus")
    assert slider.get_attribute("aria-label") or slider.locator("xpath=ancestor::label").count()
    picture = slider.locator("xpath=ancestor::div[starts-with(@id, 'explore')]").locator("img")
    before = picture.get_attribute("src"), slider.get_attribute("aria-valuetext")
    page.keyboard.press("ArrowRight")
    assert picture.get_attribute("src") != before[0]
    assert slider.get_attribute("aria-valuetext") != before[1]


def test_search_finds_a_lecture_offline(page):
    page.goto("search.html?q=laplace")
    found = page.locator("#search-results li a", has_text="Classical inpainting")
    found.first.wait_for()
    assert "04_classical_inpainting" in found.first.get_attribute("href")
