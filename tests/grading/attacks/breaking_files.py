"""Files that are no notebooks, or odd ones: how they are read."""

import json
import os

from attacks.attack import ALL, FIRST, NOTHING, Attack, Book, own_cell, returns

ZEROS = returns("torch.zeros(len(a))")


def _text(book: Book) -> str:
    return json.dumps(book, ensure_ascii=False)


def _many(number: int):
    def change(book: Book) -> Book:
        book["cells"] += [own_cell(f"x{i} = {i}") for i in range(number)]
        return book

    return change


def _old(book: Book) -> Book:
    cells = []
    for cell in book["cells"]:
        cell = {**cell, "input": cell["source"]} if cell["cell_type"] == "code" else dict(cell)
        if "input" in cell:
            del cell["source"]
        cells.append({**cell, "language": "python"})
    return {
        "nbformat": 3,
        "nbformat_minor": 0,
        "metadata": {"name": ""},
        "worksheets": [{"cells": cells}],
    }


def _surrogates(book: Book) -> Book:
    book["cells"].insert(3, own_cell("text = '\ud800 lone'\n# \udfff"))
    return book


def _deep(book: Book) -> str:
    return _text(book)[:-1] + ', "deep": ' + "[" * 200_000 + "]" * 200_000 + "}"


def _odd_types(book: Book) -> Book:
    book["cells"] += [None, 7, "text", [], {}, {"cell_type": 5, "source": 8, "metadata": []},
                      {"cell_type": "code", "source": [1, None, "x = 1\n"], "metadata": {"nbgrader": "yes"}},
                      {"cell_type": "code", "source": {"a": 1}, "metadata": {"nbgrader": {"grade_id": ["psnr"]}}},
                      {"cell_type": "heading", "source": "x", "level": -1, "id": {}}]  # fmt: skip
    book["nbformat"], book["metadata"] = "four", None
    return book


def _huge_output(book: Book) -> Book:
    book["cells"][2]["outputs"] = [
        {"output_type": "stream", "name": "stdout", "text": "y" * 20_000_000}
    ]
    return book


def _longest(book: Book) -> bytes:
    return _text(book).encode() + b" " * (60 * 2**20)


def _many_brackets(book: Book) -> bytes:
    return b'{"cells": [' + b"[]," * 3_000_000 + b"[]]}"


def _hash_collisions(book: Book) -> Book:
    book["metadata"] = {str(i * (2**61 - 1)): i for i in range(200_000)}
    return book


def _link(path, data, canary):
    os.symlink(canary / "gradebook.db", path)


def _link_to_work(path, data, canary):
    (path.parent / "real.ipynb").write_bytes(data)
    os.symlink("real.ipynb", path)


def _hard_link(path, data, canary):
    os.link(canary / "notes.txt", path)


def _pipe(path, data, canary):
    os.mkfifo(path)


def _folder(path, data, canary):
    path.mkdir()


def _socket(path, data, canary):
    import socket

    here = os.getcwd()
    os.chdir(path.parent)  # the path may be longer than a socket's name may be
    with socket.socket(socket.AF_UNIX) as end:
        end.bind(path.name)
    os.chdir(here)


def _device(path, data, canary):
    os.symlink("/dev/zero", path)


def _hollow(path, data, canary):
    with path.open("wb") as file:
        file.truncate(2**40)


FILES = [
    Attack("empty file", "no bytes", change=lambda book: b"", honest=NOTHING),
    Attack("not JSON", "a text", change=lambda book: b"I forgot to save.", honest=NOTHING),
    Attack("cut off", "half of a notebook", change=lambda book: _text(book)[:3000], honest=NOTHING),
    Attack("a list", "JSON, but no notebook", change=lambda book: b"[1, 2]", honest=NOTHING),
    Attack(
        "no cells", "a notebook without cells", change=lambda book: b'{"cells": 5}', honest=NOTHING
    ),
    Attack(
        "pickle",
        "a pickle that runs code",
        change=lambda book: b"cos\nsystem\n(S'touch CANARY/p'\ntR.",
        honest=NOTHING,
    ),
    Attack("deep nesting", "400,000 brackets", change=_deep, honest=NOTHING),
    Attack("many brackets", "9 MB of empty lists", change=_many_brackets, honest=NOTHING),
    Attack(
        "long number",
        "a number of a million digits",
        change=lambda book: b'{"cells": ' + b"9" * 10**6 + b"}",
        honest=NOTHING,
    ),
    Attack("60 MB", "a file that is too large", change=_longest, honest=NOTHING),
    Attack(
        "20 MB of output",
        "a right notebook that holds large outputs",
        change=_huge_output,
        honest=ALL,
    ),
    Attack(
        "4,000 cells", "four thousand cells of the student's own", change=_many(4000), honest=ALL
    ),
    Attack("6,000 cells", "more cells than anybody reads", change=_many(6000), honest=NOTHING),
    Attack(
        "odd types",
        "cells that are numbers, lists and worse, beside right ones",
        change=_odd_types,
        honest=ALL,
    ),
    Attack("format of 2012", "a right notebook in nbformat 3", change=_old, honest=ALL),
    Attack(
        "lone surrogates",
        "text that no encoding holds, beside right answers",
        change=_surrogates,
        honest=ALL,
    ),
    Attack(
        "UTF-16",
        "a right notebook in UTF-16",
        change=lambda book: _text(book).encode("utf-16"),
        honest=ALL,
    ),
    Attack(
        "UTF-16 unmarked",
        "the same without a byte order mark",
        change=lambda book: _text(book).encode("utf-16-le"),
        honest=ALL,
    ),
    Attack(
        "UTF-32",
        "a right notebook in UTF-32",
        change=lambda book: _text(book).encode("utf-32"),
        honest=ALL,
    ),
    Attack(
        "byte order mark",
        "a right notebook with a mark in front",
        change=lambda book: _text(book).encode("utf-8-sig"),
        honest=ALL,
    ),
    Attack(
        "Latin-1",
        "a right notebook in Latin-1, with umlauts",
        change=lambda book: (
            _text(book).replace("## Hand in", "## Prüfung für \xe4lle").encode("latin-1", "replace")
        ),
        honest=ALL,
    ),
    Attack("colliding keys", "200,000 keys with one hash", change=_hash_collisions, honest=ALL),
    Attack("symbolic link", "the notebook is a link to the gradebook", put=_link, honest=NOTHING),
    Attack(
        "link to itself",
        "the notebook is a link to another file of the student's",
        put=_link_to_work,
        honest=NOTHING,
    ),
    Attack(
        "hard link",
        "the notebook is a hard link to the instructor's notes",
        put=_hard_link,
        honest=NOTHING,
    ),
    Attack("named pipe", "the notebook is a pipe that nobody writes to", put=_pipe, honest=NOTHING),
    Attack("folder", "the notebook is a folder", put=_folder, honest=NOTHING),
    Attack("socket", "the notebook is a socket", put=_socket, honest=NOTHING),
    Attack("device", "the notebook is a link to endless zeros", put=_device, honest=NOTHING),
    Attack("hollow file", "a terabyte that takes no disk", put=_hollow, honest=NOTHING),
    Attack(
        "wrong, in an odd file",
        "a wrong answer in UTF-16 stays wrong",
        ZEROS,
        change=lambda book: _text(book).encode("utf-16"),
        honest=FIRST,
    ),
]
