"""A JupyterLab server of the tests' own, and a browser page that notes what goes wrong in it."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "build" / "screenshots"
UNIT = "00_start_here"
LECTURES = [UNIT, "18_splat_training"]
TOKEN = "a-token-of-the-tests"
PATIENCE = 180  # seconds; the machine may be busy
# JupyterLab asks whether it may fetch news: answered, so that no box hides the page.
NO_NEWS = '{"fetchNews": "false", "checkForUpdates": false}'
# What pages ask for from elsewhere, and get nothing, as without a network.
ELSEWHERE = re.compile(
    r"https://colab\.research\.google\.com/assets/colab-badge\.svg"  # a notebook's Colab badge
    # nbgrader's own pages typeset formulas with it; nbconvert's template fixes the address.
    r"|https://cdnjs\.cloudflare\.com/ajax/libs/mathjax/2\.7\.7/latest\.js"
)
# nbgrader's page of a submission, without MathJax.
HARMLESS = ["error: MathJax is not defined"]


@pytest.fixture(scope="session")
def course(tmp_path_factory):
    """A course folder with unit 00 and two lectures."""
    folder = tmp_path_factory.mktemp("course")
    for kind in ("exercises", "solutions"):
        shutil.copytree(ROOT / kind / UNIT, folder / kind / UNIT)
    (folder / "lectures").mkdir()
    for name in LECTURES:
        shutil.copy(ROOT / "lectures" / f"{name}.ipynb", folder / "lectures")
    shutil.copy(ROOT / "nbgrader_config.py", folder)
    return folder


@pytest.fixture(scope="session")
def surroundings(tmp_path_factory):
    """Environment variables that keep the user's own Jupyter settings out of it."""
    home = tmp_path_factory.mktemp("jupyter")
    answered = home / "config" / "lab" / "user-settings" / "@jupyterlab" / "apputils-extension"
    answered.mkdir(parents=True)
    (answered / "notification.jupyterlab-settings").write_text(NO_NEWS)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    folders = {f"JUPYTER_{each.upper()}_DIR": str(home / each) for each in ("config", "data")}
    return {
        **os.environ, **folders, "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "IPYTHONDIR": str(home / "ipython"), "PATH": path,
    }  # fmt: skip


@pytest.fixture(scope="session")
def lab(course, surroundings, tmp_path_factory):
    """The address of a server that was started as `make lab` starts it."""
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port = chosen.getsockname()[1]
    options = ["--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}"]
    options += ["--ServerApp.port_retries=0", f"--IdentityProvider.token={TOKEN}"]
    log = tmp_path_factory.mktemp("server") / "log"
    with log.open("w") as stream:
        server = subprocess.Popen(
            ["bash", ROOT / "scripts" / "lab.sh", *options],
            cwd=course, env=surroundings, stdout=stream, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        address = f"http://127.0.0.1:{port}"
        wait_until_up(server, f"{address}/api?token={TOKEN}", log)
        yield address
    finally:
        server.terminate()
        server.wait(timeout=PATIENCE)


def wait_until_up(server, address, log):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        assert server.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.3)
    raise TimeoutError(log.read_text())


@pytest.fixture
def page(browser, lab, request):
    """A page logged in at the server; whatever goes wrong in it fails the test in the end."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, base_url=lab)
    context.set_default_timeout(1000 * PATIENCE)
    faults = []
    context.route(re.compile(f"^(?!{lab}|data:|blob:|file:)"), lambda route: outside(route, faults))
    context.on("page", lambda opened: watch(opened, faults))
    PICTURES.mkdir(parents=True, exist_ok=True)
    opened = context.new_page()
    opened.goto(f"/lab?token={TOKEN}&reset")
    yield opened
    opened.screenshot(path=PICTURES / f"{request.node.name}-ends.png")
    context.close()
    assert not [each for each in faults if each not in HARMLESS], faults


def outside(route, faults):
    """Nothing is fetched from elsewhere; who asks for more than is known is at fault."""
    if ELSEWHERE.match(route.request.url):
        kind = "image/svg+xml" if route.request.resource_type == "image" else "text/javascript"
        route.fulfill(content_type=kind, body="")
    else:
        faults.append(f"asked for {route.request.url}")
        route.abort()


def watch(page, faults):
    page.on("pageerror", lambda error: faults.append(f"error: {error}"))
    page.on("response", lambda r: faults.append(f"{r.status}: {r.url}") if r.status >= 400 else 0)
    page.on("console", lambda m: faults.append(f"console: {m.text}") if m.type == "error" else 0)


@pytest.fixture
def keep(page):
    """Keep a picture of the page under a name, for people to look at."""
    return lambda name: page.screenshot(path=PICTURES / f"{name}.png", animations="disabled")


@pytest.fixture
def notebook(page):
    """Open a notebook in JupyterLab and wait for its kernel; returns the notebook on the page."""

    def opened(path):
        page.goto(f"/lab/tree/{path}?reset")
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
        book = page.locator(".jp-NotebookPanel")
        book.locator("h1").first.wait_for()
        return book

    return opened
