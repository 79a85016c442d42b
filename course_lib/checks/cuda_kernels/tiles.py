"""Exercise 2 of unit 19: two directions, and which tile a pixel lies in."""

import numpy as np
import torch

from course_lib.checks.ask import Ask
from course_lib.checks.cuda_kernels.common import (
    STOPS,
    answer,
    changed,
    clean,
    counted,
    launched,
    right,
    told,
)
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.kernel_lab import reference
from course_lib.kernel_lab.reference import TILE

EXACT = "48 x 32 pixels, blocks of 16 x 16 threads"
RAGGED = "37 x 21 pixels, blocks of 16 x 16 threads"
SMALL = "5 x 3 pixels, one block of 16 x 16 threads"
WIDE = "40 x 24 pixels, blocks of 32 x 4 threads"
EIGHT = "24 x 40 pixels, blocks of 8 x 8 threads"


def _cases(_generator: torch.Generator) -> list[Case]:
    return [
        Case(EXACT, _inputs(48, 32, (16, 16))),
        Case(RAGGED, _inputs(37, 21, (16, 16))),
        Case(SMALL, _inputs(5, 3, (16, 16))),
        Case(WIDE, _inputs(40, 24, (32, 4))),
        Case(EIGHT, _inputs(24, 40, (8, 8))),
    ]


def _inputs(width: int, height: int, block: tuple[int, int]) -> tuple:
    grid = -(-width // block[0]), -(-height // block[1])
    return grid, block, *(np.full((height, width), -1, np.int32) for _ in range(2))


def _wanted(case: Case) -> tuple[np.ndarray, np.ndarray]:
    height, width = case.inputs[2].shape
    y, x = np.mgrid[:height, :width]
    tile = y // TILE * -(-width // TILE) + x // TILE
    return tile.astype(np.int32), (y % TILE * TILE + x % TILE).astype(np.int32)


def _side_by_side(ask: Ask, case: Case) -> Finding | None:
    report = launched(ask, case)
    if found := report.finding(*STOPS):
        return told(found)
    requests = sum(each.requests for each in report.counts)
    sectors = sum(each.sectors for each in report.counts)
    if sectors > 4 * requests:
        return Finding(
            "neighbouring threads (in x) write to pixels that lie below each other, a row apart.",
            came=f"{sectors / requests:.1f} sectors of 32 bytes for a warp's request",
            wanted="4.0: two rows of 16 neighbours",
            hint="Threads are numbered along x first, and so are the pixels of a row.",
        )
    pixels = case.inputs[2].size
    for name, counts in zip(("tile", "place"), report.counts, strict=True):
        why = "each pixel is written once, by its own thread."
        if found := counted(counts.writes, pixels, pixels, f"writes to `{name}`", why):
            return found
    return None


_RIGHT = answer(reference.tile_of_pixel)
_TURNED = (
    ("x, y = cuda.grid(2)", "y, x = cuda.grid(2)"),
    ("if x < width and y < height", "if y < height and x < width"),
)
MUTANTS = {
    "no bounds guard": changed(_RIGHT, ("if x < width and y < height:", "if True:")),
    "guard in x only": changed(_RIGHT, ("x < width and y < height", "x < width")),
    "sides of the shape swapped": changed(_RIGHT, ("height, width =", "width, height =")),
    "threads along columns": changed(_RIGHT, *_TURNED),
    "tiles rounded down": changed(_RIGHT, ("(width + TILE - 1) // TILE", "width // TILE")),
    "one tile too many": changed(_RIGHT, ("(width + TILE - 1) // TILE", "width // TILE + 1")),
    "block for tile": changed(
        _RIGHT,
        ("(y // TILE) * tiles_x + x // TILE", "cuda.blockIdx.y * cuda.gridDim.x + cuda.blockIdx.x"),
    ),
    "thread for place": changed(
        _RIGHT,
        ("(y % TILE) * TILE + x % TILE", "cuda.threadIdx.y * cuda.blockDim.x + cuda.threadIdx.x"),
    ),
    "tiles column after column": changed(
        _RIGHT,
        ("(width + TILE - 1) // TILE", "(height + TILE - 1) // TILE"),
        ("(y // TILE) * tiles_x + x // TILE", "(x // TILE) * tiles_x + y // TILE"),
    ),
    "place column after column": changed(
        _RIGHT, ("(y % TILE) * TILE + x % TILE", "(x % TILE) * TILE + y % TILE")
    ),
    "place in the picture": changed(_RIGHT, ("(y % TILE) * TILE + x % TILE", "y * width + x")),
}
_MISTAKES = {
    "the number of tiles in a row is rounded down: the last, narrower tile counts too.": MUTANTS[
        "tiles rounded down"
    ],
    "there is one tile too many in a row.": MUTANTS["one tile too many"],
    "the tile is taken to be the block; here a block is not a tile.": MUTANTS["block for tile"],
    "the place is that in the block; asked is that in the tile.": MUTANTS["thread for place"],
    "tiles are numbered column after column; asked is row after row.": MUTANTS[
        "tiles column after column"
    ],
    "places in a tile are numbered column after column; asked is row after row.": MUTANTS[
        "place column after column"
    ],
    "the place is that in the whole picture; in each tile it begins at 0.": MUTANTS[
        "place in the picture"
    ],
}

TILES = Check(
    name="cuda_kernels.tile_of_pixel",
    reference=_RIGHT,
    cases=_cases,
    properties=(
        right(1, "tile and place, whole tiles", (EXACT,), _wanted, _MISTAKES, "See hint 1."),
        clean(1, "no thread leaves the picture", (RAGGED, SMALL), "race"),
        right(1, "tiles at the edge, other blocks", (RAGGED, WIDE, EIGHT), _wanted, _MISTAKES),
        Property("neighbouring threads, neighbouring pixels", 1, _side_by_side, cases=(EXACT,)),
    ),
    mutants=MUTANTS,
    kernel=True,
)
