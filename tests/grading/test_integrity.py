"""What a person should look at is found; what is merely right is not."""

import json
from pathlib import Path

from course_lib.grading.integrity import examine, section
from course_lib.grading.submitted import cells_of, clean, load_release

ROOT = Path(__file__).parents[2]
UNIT = "00_start_here"
BOOK = json.loads((ROOT / "solutions" / UNIT / f"{UNIT}.ipynb").read_text())
RELEASE = load_release(ROOT / "exercises" / UNIT / f"{UNIT}.ipynb")


def work(**sources):
    cells = json.loads(json.dumps(BOOK["cells"]))
    for cell in cells:
        name = cell["metadata"].get("nbgrader", {}).get("grade_id")
        cell["source"] = sources.get(name, cell["source"])
    return clean(cells_of(json.dumps({"cells": cells}).encode()), RELEASE)


def found(**students):
    return {(n.students, n.answer, n.what) for n in examine(UNIT, students, RELEASE)}


def test_untouched_and_different_answers_are_left_alone():
    other = "def psnr(a, b):\n    import torch\n    return torch.zeros(len(a))"
    untouched = clean([], RELEASE)
    alone = {"to_batch": "def to_batch(p):\n    return p"}
    assert not found(ada=work(psnr=other, **alone), ben=untouched)


def test_the_library_s_own_answer_and_odd_built_ins():
    sources = {
        "psnr": "from course_lib.metrics import psnr",
        "to_batch": "import gc\ndef to_batch(p):\n    return eval('1')",
    }
    assert found(ada=work(**sources)) == {
        (("ada",), "psnr", "takes the library's own psnr"),
        (("ada",), "to_batch", "imports gc"),
        (("ada",), "to_batch", "uses eval"),
    }


def test_copies_are_found_though_their_names_changed():
    original = next("".join(c["source"]) for c in BOOK["cells"] if c["id"] == "psnr")
    renamed = original.replace("error", "difference").replace("mean", "mean")
    notes = found(ada=work(), ben=work(psnr=renamed + "\n# mine\n"))
    assert (("ada", "ben"), "psnr", "the same but for names and numbers") in notes


def test_report_escapes():
    notes = examine(UNIT, {"<b>": work(psnr="import os")}, RELEASE)
    assert "<b>" not in section(notes) and "imports os" in section(notes)
    assert "Nothing to look at" in section([])
