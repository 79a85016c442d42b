"""Where only what is static is shown, a picture or its text stands in each output's place.

A code host takes scripts, frames and styles out of a notebook's outputs; nbconvert keeps all.
"""

import re
from html.parser import HTMLParser

import matplotlib.pyplot as plt
import nbformat
import pytest
import torch
from nbconvert import HTMLExporter

from course_lib import show
from course_lib.rendering import look_at
from course_lib.rendering.splats import random_gaussians

TAKEN_OUT = ("script", "iframe", "style", "noscript", "canvas", "input", "button", "object")
SHOWN_EVERYWHERE = ("data:image/png;base64,", "data:image/jpeg;base64,")
RED, BLUE = torch.zeros(3, 8, 8), torch.zeros(3, 8, 8)
RED[0], BLUE[2] = 1, 1


def draw(value):
    drawn, axis = plt.subplots(figsize=(2, 1))
    axis.plot([0, value])
    return drawn


def splats():
    scene = random_gaussians(50, 1.0, generator=torch.Generator().manual_seed(0))
    show.splat_viewer(scene, background="#fff")


SHOWN = {
    "figure": lambda: show.figure(draw(1), "A line that rises from 0 to 1."),
    "explore": lambda: show.explore(draw, [1, 2], label="slope", alt=lambda v: f"A line to {v}."),
    "before_after": lambda: show.before_after(RED, BLUE, alt="A red square and a blue one."),
    "plane": lambda: show.plane(
        torch.stack([RED, BLUE])[None], [0.0, 1.0], [0.0], names=("a", "b"), alt="Two squares."
    ),
    "cameras": lambda: show.cameras(
        look_at((0, -3, 1))[None], torch.rand(5, 3), torch.rand(5, 3), title="", alt="One camera."
    ),
    "splat_viewer": splats,
}


class Static(HTMLParser):
    """The images that are left when tags in TAKEN_OUT are gone with all that is in them."""

    def __init__(self):
        super().__init__()
        self.within, self.images = [], []

    def handle_starttag(self, tag, attributes):
        if tag in TAKEN_OUT and tag != "input":
            self.within.append(tag)
        if tag == "img" and not self.within:
            self.images.append(dict(attributes))

    def handle_endtag(self, tag):
        if self.within and tag == self.within[-1]:
            self.within.pop()


@pytest.fixture(params=SHOWN)
def output(request, monkeypatch):
    plt.switch_backend("Agg")
    seen = []
    monkeypatch.setattr("IPython.display.display", lambda data, **_: seen.append(data))
    SHOWN[request.param]()
    plt.close("all")
    (data,) = seen
    return data


def test_a_code_host_shows_a_picture_with_its_text(output):
    page = Static()
    page.feed(output["text/html"])
    page.close()
    stills = [each for each in page.images if each["src"].startswith(SHOWN_EVERYWHERE)]
    assert stills and all(each["alt"].strip() for each in page.images)
    assert output["text/plain"].strip()


def test_nbconvert_keeps_the_picture_and_its_text(output):
    cell = nbformat.v4.new_code_cell("show", execution_count=1)
    cell.outputs = [nbformat.v4.new_output("display_data", data=output)]
    page, _ = HTMLExporter(embed_images=True).from_notebook_node(
        nbformat.v4.new_notebook(cells=[cell])
    )
    alt = re.search(r'<img\b[^>]*?alt="([^"]+)"', output["text/html"])[1]
    assert f'alt="{alt}"' in page
