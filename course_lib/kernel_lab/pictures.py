"""Who reads and writes what: pictures of threads and memory, from a launch with ``log=True``."""

from typing import TYPE_CHECKING

from course_lib.kernel_lab.ledger import WARP, Access
from course_lib.kernel_lab.memory import ATOMIC, READ, WRITE
from course_lib.kernel_lab.report import Report

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LOOKS = {READ: ("#0072B2", "-"), WRITE: ("#D55E00", "--"), ATOMIC: ("#CC79A7", ":")}
A_SECTOR = 8  # float32 numbers that memory delivers at once


def draw_accesses(
    report: Report, array: str, count: int, *, title: str = "", time: int | None = None
) -> "Figure":
    """Draw threads above, an array's elements below, and a line for each access.

    Args:
        report: of a launch with ``log=True``; all its blocks are shown, so let it be small.
        array: the name that the kernel gives the array.
        count: how many elements the array has.
        title: above the picture.
        time: only accesses behind so many barriers; all by default.

    Raises:
        ValueError: nothing was logged for an array of that name.
    """
    import matplotlib.pyplot as plt

    seen = [each for each in report.accesses if each.array == array]
    if not seen:
        raise ValueError(f"array: nothing is logged for {array!r}; was it launched with log=True?")
    drawn, axis = plt.subplots(figsize=(9, 2.4))
    _threads(axis, report.accesses)
    places = {each: i for i, each in enumerate(_ordered(report.accesses))}
    width = max(len(places), count)
    for each in seen:
        if time is None or each.time == time:
            color, style = LOOKS[each.kind]
            x = _spread(places[each.block, each.thread], len(places), width)
            y = _spread(each.place, count, width)
            axis.plot([x, y], [0.9, 0.1], color=color, ls=style, lw=1)
    for k in range(count):
        axis.text(
            _spread(k, count, width), 0, str(k), ha="center", va="center", fontsize=7,
            bbox={"boxstyle": "square", "fc": "0.93", "ec": "0.5"},
        )  # fmt: skip
    for kind, (color, style) in LOOKS.items():
        if any(each.kind == kind for each in seen):
            axis.plot([], [], color=color, ls=style, label=kind)
    axis.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    axis.set_yticks([0, 1], [f"elements of {array}", "threads"])
    axis.set(xticks=[], xlim=(-1, width), ylim=(-0.25, 1.25), title=title)
    axis.grid(False)
    return drawn


def _ordered(accesses: tuple[Access, ...]) -> list[tuple[tuple[int, int, int], int]]:
    who = {(each.block, each.thread) for each in accesses}
    return sorted(who, key=lambda each: (each[0][::-1], each[1]))


def _spread(number: int, count: int, width: int) -> float:
    return (number + 0.5) * width / count - 0.5


def _threads(axis: "Axes", accesses: tuple[Access, ...]) -> None:
    """Numbered squares, with another shade for every other block."""
    who = _ordered(accesses)
    blocks = sorted({block for block, _ in who})
    for i, (block, thread) in enumerate(who):
        shade = ("#F0E442", "#56B4E9")[blocks.index(block) % 2]
        axis.text(
            _spread(i, len(who), max(len(who), 1)), 1, str(thread), ha="center", va="center",
            fontsize=7, bbox={"boxstyle": "square", "fc": shade, "ec": "0.5"},
        )  # fmt: skip


def draw_requests(report: Report, array: str, count: int, *, title: str = "") -> "Figure":
    """Draw what the first warp's first request for an array makes memory deliver.

    Args:
        report: of a launch with ``log=True``.
        array: the name that the kernel gives the array, of 4-byte numbers.
        count: how many of its elements to draw.
        title: above the picture.
    """
    import matplotlib.pyplot as plt
    import numpy as np

    mine = [a for a in report.accesses if a.array == array and a.thread < WARP and a.block[0] == 0]
    first = {each.thread: each.place for each in reversed(mine)}  # each thread's first
    asked = set(first.values())
    sectors = {place // A_SECTOR for place in asked}
    rows = -(-count // 32)
    colors = np.full((rows, 32), 0.0)
    for place in range(count):
        fetched = 0.45 if place // A_SECTOR in sectors else 0.0
        colors[divmod(place, 32)] = 1.0 if place in asked else fetched
    drawn, axis = plt.subplots(figsize=(9, 0.7 + 0.27 * rows))
    axis.imshow(colors, cmap="Blues", vmin=0, vmax=1.3, aspect="auto")
    for edge in range(0, 33, A_SECTOR):
        axis.axvline(edge - 0.5, color="black", lw=1)
    axis.set(
        xlabel="element within a row of 128 bytes; between two lines lies one sector of 32 bytes",
        ylabel="row", yticks=range(rows), xticks=range(0, 32, 4), title=title,
    )  # fmt: skip
    axis.grid(False)
    return drawn
