"""What an attack is: a submission to unit 00, the points that it deserves, and what it must not do.

A submission is the released notebook with two answers in it. Most attacks are another answer for
`psnr`; `to_batch` is right, so that every attack also shows that honest points are kept. In a
source, CANARY stands for a folder of the instructor's on this machine, PORT for a port that
listens there, and NAME for an abstract socket.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
UNIT = "00_start_here"
RELEASE = ROOT / "exercises" / UNIT / f"{UNIT}.ipynb"

TO_BATCH = """\
def to_batch(pictures):
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255.0
"""
PSNR = """\
def psnr(a, b):
    return -10.0 * torch.log10((a - b).square().mean(dim=(1, 2, 3)))
"""
UNWRITTEN = "def psnr(a, b):\n    raise NotImplementedError\n"

Book = dict[str, Any]
ALL, HALF, FIRST, NOTHING = (3, 4), (3, 3), (3, 0), (0, 0)


@dataclass(frozen=True)
class Attack:
    """One submission and what must come of it.

    Attributes:
        name: unique, a few words.
        tries: what it tries, or what it is, in one sentence.
        psnr: the source of that answer's cell.
        extra: a cell of the student's own, before the answers.
        honest: points for `to_batch` (of 3) and `psnr` (of 4) that an honest grader gives.
        change: makes another notebook, or a file's bytes, of the notebook with the answers.
        put: writes the file in another way than as a plain file.
        endless: takes until a deadline; the tests shorten those.
        beside: an honest submission is graded at the same time.
        harmless: what it does may be run without a sandbox, beside stock nbgrader.
        secret: words that must not come out in a reason or a remark.
    """

    name: str
    tries: str
    psnr: str = PSNR
    extra: str = ""
    honest: tuple[int, int] = FIRST
    change: Callable[[Book], Book | bytes | str] | None = None
    put: Callable[[Path, bytes, Path], None] | None = None
    endless: bool = False
    beside: bool = False
    harmless: bool = True
    secret: str = "s3cret"

    def data(self, canary: str = "/nowhere", port: int = 9, name: str = "none") -> bytes:
        """Return the notebook's file."""
        places = {"CANARY": canary, "PORT": str(port), "NAME": name}
        book = with_answers({"psnr": _filled(self.psnr, places)})
        if self.extra:
            book["cells"].insert(4, own_cell(_filled(self.extra, places)))
        made = self.change(book) if self.change else book
        if isinstance(made, bytes):
            return made
        return (made if isinstance(made, str) else json.dumps(made)).encode()


def _filled(source: str, places: dict[str, str]) -> str:
    for word, value in places.items():
        source = source.replace(word, value)
    return source


def with_answers(answers: dict[str, str]) -> Book:
    """The released notebook with answers in it; ``to_batch`` is right unless it is given."""
    book = json.loads(RELEASE.read_text())
    sources = {"to_batch": TO_BATCH, "psnr": PSNR, **answers}
    for cell in book["cells"]:
        name = grade_id(cell)
        if name in sources:
            cell["source"] = sources[name]
    return book


def own_cell(source: str, **metadata: Any) -> dict[str, Any]:
    """A code cell of the student's."""
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": f"own-{abs(hash(source)) % 10**8}",
        "metadata": metadata,
        "outputs": [],
        "source": source,
    }


def grade_id(cell: dict[str, Any]) -> str:
    """nbgrader's name of a cell, or ""."""
    return cell["metadata"].get("nbgrader", {}).get("grade_id", "")


def cell_of(book: Book, name: str) -> dict[str, Any]:
    """The cell of that name."""
    return next(cell for cell in book["cells"] if grade_id(cell) == name)


def returns(value: str, first: str = "") -> str:
    """An answer that returns something whatever it is given."""
    return f"{first}\ndef psnr(a, b):\n    return {value}\n"


def does(action: str, then: str = "torch.zeros(len(a))") -> str:
    """An answer that does something and returns something."""
    lines = "\n".join(f"    {line}" for line in action.strip().splitlines())
    return f"def psnr(a, b):\n{lines}\n    return {then}\n"
