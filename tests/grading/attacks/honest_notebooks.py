"""Honest notebooks whose cells are in disorder: they lose nothing."""

import json

from attacks.attack import ALL, PSNR, Attack, Book, cell_of, own_cell

COLAB = """\
from google.colab import drive
drive.mount("/content/drive")
"""

HELPED = "def psnr(a, b):\n    return to_decibel(squared_error(a, b))\n"

HELPERS = """\
def squared_error(a, b):
    return (a - b).square().mean(dim=(1, 2, 3))
def to_decibel(error):
    return -10 * torch.log10(error)
"""


def _reversed(book: Book) -> Book:
    book["cells"].reverse()
    return book


def _no_final_newlines(book: Book) -> bytes:
    for cell in book["cells"]:
        cell["source"] = "".join(cell["source"]).rstrip("\n")
    return json.dumps(book).strip().encode()


def _windows(book: Book) -> Book:
    for cell in book["cells"]:
        cell["source"] = "".join(cell["source"]).replace("\n", "\r\n")
    return book


def _lines(book: Book) -> Book:
    for cell in book["cells"]:
        cell["source"] = "".join(cell["source"]).splitlines(keepends=True)
    return book


def _broken_set_up(book: Book) -> Book:
    book["cells"][3]["source"] = COLAB + "".join(book["cells"][3]["source"])
    return book


def _no_set_up(book: Book) -> Book:
    del book["cells"][2:4]
    return book


def _no_metadata(book: Book) -> Book:
    for cell in book["cells"]:
        cell["metadata"] = {}
    return book


def _no_names(book: Book) -> Book:
    for cell in book["cells"]:
        cell["metadata"] = {}
        cell.pop("id", None)
    return book


def _in_own_cell(source: str):
    def change(book: Book) -> Book:
        place = book["cells"].index(cell_of(book, "psnr"))
        book["cells"][place] = own_cell(source)
        return book

    return change


def _tried_before(book: Book) -> Book:
    cell = cell_of(book, "psnr")
    first = {**cell, "id": "first", "source": "def psnr(a, b):\n    return 0\n"}
    book["cells"].insert(book["cells"].index(cell), first)
    return book


def _copied_test(book: Book) -> Book:
    copy = {**cell_of(book, "psnr-check"), "id": "copied", "source": HELPERS}
    book["cells"].append(copy)
    return book


def _tried(book: Book) -> Book:
    for cell in book["cells"]:
        if cell["cell_type"] == "code" and "show.attempt" in "".join(cell["source"]):
            cell["source"] = "".join(cell["source"]) + "\nprint(torch.rand(3))\nraise ValueError"
    return book


def _solution(book: Book) -> bytes:
    from attacks.attack import ROOT, UNIT

    return (ROOT / "solutions" / UNIT / f"{UNIT}.ipynb").read_bytes()


NOTEBOOKS = [
    Attack("solved", "the instructor's own notebook", honest=ALL, change=_solution),
    Attack(
        "broken set-up",
        "the set-up cell fails before it imports anything",
        honest=ALL,
        change=_broken_set_up,
    ),
    Attack("no set-up", "the set-up cells were deleted", honest=ALL, change=_no_set_up),
    Attack(
        "helpers in a copied test",
        "helpers in a copy of the test cell, which carries its mark",
        HELPED,
        honest=ALL,
        change=_copied_test,
    ),
    Attack("reversed cells", "all cells in the opposite order", honest=ALL, change=_reversed),
    Attack(
        "no final newlines", "no source ends with a newline", honest=ALL, change=_no_final_newlines
    ),
    Attack("Windows newlines", "lines end as on Windows", honest=ALL, change=_windows),
    Attack("sources as lines", "sources are lists of lines", honest=ALL, change=_lines),
    Attack(
        "metadata lost", "an editor has dropped all cell metadata", honest=ALL, change=_no_metadata
    ),
    Attack(
        "metadata and ids lost", "an editor has dropped ids as well", honest=ALL, change=_no_names
    ),
    Attack(
        "answer in an own cell",
        "the answer's cell was deleted and written anew",
        honest=ALL,
        change=_in_own_cell(PSNR),
    ),
    Attack(
        "answer by assignment",
        "the same, as a lambda",
        honest=ALL,
        change=_in_own_cell(
            "psnr = lambda a, b: -10 * torch.log10((a - b).square().mean((1, 2, 3)))"
        ),
    ),
    Attack(
        "second try below",
        "the answer's cell was copied, and the last one is right",
        honest=ALL,
        change=_tried_before,
    ),
    Attack(
        "try-outs changed",
        "try-out cells that print, draw numbers and raise",
        honest=ALL,
        change=_tried,
    ),
]
