"""Figures carry alternative text; a slider draws each setting once and stands alone."""

import re

import matplotlib.pyplot as plt
import pytest
import torch

from course_lib import show
from course_lib.show.explore import explore_html


@pytest.fixture(autouse=True)
def no_window():
    plt.switch_backend("Agg")
    yield
    plt.close("all")


def draw(value):
    drawn, axis = plt.subplots(figsize=(2, 1))
    axis.plot([0, value])
    return drawn


def test_figure_refuses_to_go_without_alternative_text():
    with pytest.raises(ValueError, match="alt"):
        show.figure(draw(1), "  ")


def test_figure_displays_an_image_with_alt_and_closes(monkeypatch):
    seen = []
    monkeypatch.setattr("IPython.display.display", lambda data, **_: seen.append(data))
    show.figure(draw(1), "a < b")
    assert seen[0]["text/html"].startswith('<img alt="a &lt; b" src="data:image/png;base64,iVBOR')
    assert seen[0]["text/plain"] == "a < b"
    assert plt.get_fignums() == []


def test_pictures_takes_colour_grey_masks_and_batches():
    drawn = show.pictures(
        {
            "colour": torch.rand(3, 4, 4),
            "batch": torch.rand(1, 3, 4, 4),
            "grey": torch.rand(1, 1, 4, 4),
            "mask": torch.ones(1, 1, 4, 4, dtype=torch.bool),
            "one more": torch.rand(3, 4, 4),
        },
        title="five",
    )
    titles = [axis.get_title() for axis in drawn.axes]
    assert titles[:5] == ["colour", "batch", "grey", "mask", "one more"]


@pytest.mark.parametrize("control", ["slider", "buttons"])
def test_explore_draws_every_value_and_stands_alone(control):
    drawn = []

    def remember(value):
        drawn.append(value)
        return draw(value)

    page = explore_html(
        remember, [1, 2, 5], label="steps <n>", alt=lambda v: f"after {v}", control=control, start=1
    )
    assert drawn == [1, 2, 5]
    assert 'alt="after 2"' in page
    assert "steps &lt;n&gt;" in page
    assert "http" not in page
    assert len(set(re.findall(r"base64,(\w{40,})", page))) >= 3


def test_explore_says_what_is_wrong():
    with pytest.raises(ValueError, match="values"):
        explore_html(draw, [], label="x", alt="y")
    with pytest.raises(ValueError, match="control"):
        explore_html(draw, [1], label="x", alt="y", control="dial")
