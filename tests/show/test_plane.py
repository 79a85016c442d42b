"""The plane of pictures: well-formed, escaped, and the pictures are where the numbers say."""

import base64
import io
import re
from html.parser import HTMLParser

import pytest
import torch
from PIL import Image

from course_lib.show.plane import plane_html

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


def made(alt="a plane", names=("first", "second"), rows=2, columns=3):
    pictures = torch.arange(rows * columns).view(rows, columns, 1, 1, 1) / (rows * columns - 1)
    pictures = pictures.expand(-1, -1, 3, 4, 5)
    across, down = [float(v) for v in range(columns)], [float(v) for v in range(rows)]
    return plane_html(pictures, across, down, names=names, alt=alt)


def test_it_is_well_formed_and_can_be_reached_by_keys():
    tree = Tree()
    tree.feed(made())
    tree.close()
    assert tree.open == []
    pad = next(attributes for tag, attributes in tree.seen if attributes.get("tabindex"))
    assert pad["aria-label"] == "a plane"
    assert "ArrowLeft" in made()


def test_the_mosaic_has_each_picture_in_its_place():
    encoded = re.search(r"data:image/png;base64,([^\"]+)", made())[1]
    image = Image.open(io.BytesIO(base64.b64decode(encoded)))
    assert image.size == (3 * 5, 2 * 4)
    shown = [image.getpixel((5 * x + 2, 4 * y + 2))[0] for y in range(2) for x in range(3)]
    assert shown == [0, 51, 102, 153, 204, 255]


def test_words_are_escaped():
    page = made(alt='"<b>', names=("</script>", "x"))
    assert "<b>" not in page
    assert page.count("</script>") == 1


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="pictures: got"):
        plane_html(torch.zeros(2, 2, 3, 4, 4), [0.0], [0.0, 1.0], names=("a", "b"), alt="x")
    with pytest.raises(ValueError, match="alt: got an empty text"):
        made(alt=" ")
