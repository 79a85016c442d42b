"""The before-and-after slider: well-formed, escaped, alone on a page."""

from html.parser import HTMLParser

import pytest
import torch

from course_lib import show
from course_lib.show.comparison import before_after_html

VOID = {"img", "input"}


class Tree(HTMLParser):
    """Fails on a tag that is closed in the wrong order; collects tags and attributes."""

    def __init__(self):
        super().__init__()
        self.open, self.seen = [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def parsed(**options):
    page = before_after_html(
        torch.zeros(1, 3, 6, 8), torch.ones(3, 6, 8), **({"alt": "black, white"} | options)
    )
    tree = Tree()
    tree.feed(page)
    tree.close()
    assert tree.open == []
    return page, tree.seen


def test_it_is_well_formed_and_has_two_pictures_and_a_slider():
    _, seen = parsed()
    images = [attributes for tag, attributes in seen if tag == "img"]
    assert [each["alt"] for each in images] == ["black, white (after)", "black, white (before)"]
    assert images[0]["src"].startswith("data:image/webp;base64,")
    assert images[1]["src"].startswith("data:image/png;base64,")
    slider = next(attributes for tag, attributes in seen if tag == "input")
    assert slider["type"] == "range"
    assert "left of the line" in slider["aria-label"]


def test_words_are_escaped_in_text_attribute_and_script():
    evil = "</script><b onclick='x'>\"\\"
    page, seen = parsed(alt=f"an {evil} picture", labels=(evil, "after"))
    assert "b" not in {tag for tag, _ in seen}
    assert page.count("</script>") == 1
    assert "<\\/script>" in page


def test_a_line_break_in_a_label_does_not_break_the_script():
    page, _ = parsed(labels=("two\nlines", "after"))
    script = page[page.index("<script>") :]
    assert "\n" not in script


def test_two_widgets_on_a_page_do_not_share_a_name():
    names = {next(a["id"] for tag, a in parsed()[1] if tag == "div") for _ in range(3)}
    assert len(names) == 3


def test_nothing_is_loaded_from_elsewhere():
    assert "http" not in parsed()[0]


def test_it_is_displayed_with_a_plain_text(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, **_: shown.append(data))
    show.before_after(torch.zeros(1, 1, 4, 4), torch.ones(1, 1, 4, 4), alt="a grey pair")
    assert shown[0]["text/plain"] == "a grey pair"
    assert shown[0]["text/html"].startswith('<div id="before-after-')


def test_sizes_and_text_are_asked_for():
    with pytest.raises(ValueError, match="after: got shape"):
        before_after_html(torch.zeros(3, 4, 4), torch.zeros(3, 4, 5), alt="two")
    with pytest.raises(ValueError, match="alt"):
        before_after_html(torch.zeros(3, 4, 4), torch.zeros(3, 4, 4), alt=" ")
