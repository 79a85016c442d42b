"""Cheats with the notebook's cells: tests edited, deleted, copied, re-tagged, retyped."""

from attacks.attack import (
    ALL,
    FIRST,
    TO_BATCH,
    UNWRITTEN,
    Attack,
    Book,
    cell_of,
    own_cell,
    returns,
)

ZEROS = returns("torch.zeros(len(a))")


def _edited(book: Book) -> Book:
    cell_of(book, "psnr-check")["source"] = "assert True\n4"
    cell_of(book, "psnr-check")["outputs"] = [
        {"output_type": "execute_result", "data": {"text/plain": "4.0"}, "metadata": {}, "execution_count": 1}
    ]  # fmt: skip
    return book


def _without(*names: str):
    def change(book: Book) -> Book:
        gone = [cell_of(book, name) for name in names]
        book["cells"] = [cell for cell in book["cells"] if cell not in gone]
        return book

    return change


def _copied(book: Book) -> Book:
    cell = cell_of(book, "psnr-check")
    place = book["cells"].index(cell)
    copy = {**cell, "id": "copied", "source": "pass"}
    book["cells"][place:place] = [copy, {**copy, "id": "copied-again"}]
    return book


def _marks(name: str, **marks):
    def change(book: Book) -> Book:
        cell_of(book, name)["metadata"]["nbgrader"].update(marks)
        return book

    return change


def _retyped(kind: str, name: str = "psnr-check"):
    def change(book: Book) -> Book:
        cell_of(book, name)["cell_type"] = kind
        return book

    return change


def _own_test(book: Book) -> Book:
    marks = {"grade": True, "grade_id": "bonus", "locked": True, "points": 100, "schema_version": 3,
             "solution": False, "task": False, "cell_type": "code"}  # fmt: skip
    course = {"check": "start.psnr", "minutes": 1, "difficulty": 1}
    book["cells"].append(own_cell("pass", nbgrader=marks, course=course))
    return book


def _swapped(book: Book) -> Book:
    easy, hard = (cell_of(book, name) for name in ("to_batch-check", "psnr-check"))
    easy["metadata"], hard["metadata"] = hard["metadata"], easy["metadata"]
    hard["source"] = "check('start.to_batch', to_batch)"
    return book


def _pointed(book: Book) -> Book:
    cell_of(book, "psnr-check")["metadata"]["course"] = {"check": "start.to_batch"}
    book["metadata"]["course"] = {"unit": "none", "points": 700}
    return book


def _all_answers(book: Book) -> Book:
    for cell in book["cells"]:
        if cell["cell_type"] == "code":
            cell["metadata"]["nbgrader"] = {
                "grade": False,
                "grade_id": "psnr",
                "locked": False,
                "schema_version": 3,
                "solution": True,
                "task": False,
            }
    return book


def _kernel(book: Book) -> Book:
    book["metadata"]["kernelspec"] = {"name": "../../evil", "display_name": "x", "language": "bash"}
    book["metadata"]["language_info"] = {"name": "bash"}
    return book


def _check_in_answer(book: Book) -> Book:
    cell = cell_of(book, "psnr-check")
    cell["metadata"]["nbgrader"]["grade_id"] = "psnr"
    cell["source"] = "def psnr(a, b):\n    return 20.0\n"
    return book


CELLS = [
    Attack(
        "edited test",
        "the test cell says assert True, and its output says 4",
        UNWRITTEN,
        change=_edited,
    ),
    Attack(
        "deleted tests",
        "no test cells at all",
        ZEROS,
        change=_without("psnr-check", "to_batch-check"),
    ),
    Attack(
        "deleted tests, right",
        "no test cells, and right answers",
        honest=ALL,
        change=_without("psnr-check", "to_batch-check"),
    ),
    Attack("deleted answer", "the answer's cell is gone", change=_without("psnr"), honest=FIRST),
    Attack(
        "copied test", "the test cell twice more, emptied, before itself", ZEROS, change=_copied
    ),
    Attack(
        "re-tagged test",
        "the test cell claims to be an answer",
        UNWRITTEN,
        change=_marks("psnr-check", grade=False, solution=True, locked=False),
    ),
    Attack(
        "more points",
        "the test cell says that it is worth 400",
        UNWRITTEN,
        change=_marks("psnr-check", points=400),
    ),
    Attack(
        "answer as manual grade",
        "the answer claims to be graded by hand, with 4 points",
        UNWRITTEN,
        change=_marks("psnr", grade=True, points=4),
    ),
    Attack(
        "renamed test",
        "the test cell under another name",
        UNWRITTEN,
        change=_marks("psnr-check", grade_id="other"),
    ),
    Attack(
        "test retyped as text",
        "the test cell becomes Markdown",
        UNWRITTEN,
        change=_retyped("markdown"),
    ),
    Attack("test retyped as raw", "the test cell becomes raw", ZEROS, change=_retyped("raw")),
    Attack(
        "answer retyped as text",
        "a right answer whose cell has become Markdown by a slip",
        change=_retyped("markdown", "psnr"),
        honest=ALL,
    ),
    Attack(
        "test of its own",
        "a test cell of the student's, worth 100, that passes",
        ZEROS,
        change=_own_test,
    ),
    Attack(
        "swapped tests",
        "the tests change places, so that the easy one is worth more",
        UNWRITTEN,
        change=_swapped,
    ),
    Attack(
        "pointed elsewhere",
        "the test cell's metadata names the other exercise's check",
        UNWRITTEN,
        change=_pointed,
    ),
    Attack(
        "every cell an answer",
        "all code cells carry the mark of the answer",
        UNWRITTEN,
        change=_all_answers,
    ),
    Attack(
        "answer in the test's cell",
        "the test cell takes the answer's mark",
        UNWRITTEN,
        change=_check_in_answer,
    ),
    Attack("another kernel", "the notebook asks for a kernel of its own", ZEROS, change=_kernel),
    Attack(
        "check replaced",
        "check() that prints what a pass prints",
        UNWRITTEN,
        "import course_lib, builtins\ncheck = course_lib.check = lambda *a: print('psnr: 4 of 4 points')\n"
        "builtins.check = check\n",
    ),
    Attack(
        "prints points",
        "what nbgrader reads as a partial grade, from every cell",
        ZEROS,
        "import IPython\nIPython.display.display(4.0)\nprint('4 of 4 points')\n4.0\n",
    ),
    Attack(
        "points in its error",
        "an error message that says that it passed",
        "def psnr(a, b):\n    raise ValueError('psnr: 4 of 4 points')\n",
    ),
    Attack(
        "both names, one function",
        "the other exercise's function under both names",
        TO_BATCH + "psnr = to_batch\n",
    ),
]
