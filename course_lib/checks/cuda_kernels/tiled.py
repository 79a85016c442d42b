"""Exercise 4 of unit 19: a block for each tile, whose threads fetch its splats together."""

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
from course_lib.checks.cuda_kernels.pictures import empty, grid, splats, tiled_picture
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.kernel_lab import reference

TILES = "2 x 2 tiles with lists of their own"
RAGGED = "19 x 9 pixels: some threads have no pixel"
EMPTY = "a tile without splats"
MANY = "270 faint splats in a tile: more than one batch"
OPAQUE = "270 splats in a tile, all light used up by the first twenty"


def _cases(generator: torch.Generator) -> list[Case]:
    rows = splats(24, 32, 32, generator)
    lists = [torch.randperm(24, generator=generator)[:15].sort().values for _ in range(4)]
    many = splats(270, 16, 16, generator, opacity=(0.006, 0.012), spread=(6.0, 12.0))
    many[:3] = [[3.5, 3.5, 1, 0, 1, 1, 0.9, 0.9, 0.9]] * 3  # here some pixels are finished at once
    opaque = splats(270, 16, 16, generator, opacity=(0.9, 1.0), spread=(12.0, 20.0))
    ragged = [torch.arange(0, 12, 2), torch.arange(1, 12, 3)]
    return [
        Case(TILES, _inputs(rows, lists, 32, 32)),
        Case(RAGGED, _inputs(splats(12, 19, 9, generator), ragged, 19, 9)),
        Case(EMPTY, _inputs(rows, [torch.arange(0), torch.tensor([3, 7])], 32, 16)),
        Case(MANY, _inputs(many, [torch.arange(270)], 16, 16)),
        Case(OPAQUE, _inputs(opaque, [torch.arange(270)], 16, 16)),
    ]


def _inputs(rows: np.ndarray, lists: list[torch.Tensor], width: int, height: int) -> tuple:
    members = torch.cat(lists).int().numpy()
    bounds = np.cumsum([0, *map(len, lists)]).astype(np.int32)
    return grid(width, height), (16, 16), rows, members, bounds, *empty(width, height)


def _reads(ask: Ask, case: Case) -> Finding | None:
    report = launched(ask, case)
    if found := report.finding(*STOPS):
        return told(found)
    of_splats, of_members, _, of_image, of_light = report.counts
    pairs = len(case.inputs[3]) if case.name != OPAQUE else 256
    why = "a tile's 256 pixels share them, so each number is fetched once for the whole tile."
    if case.name == OPAQUE:
        why = "no pixel of the tile has any light left after the first batch; fetch no more."
    found = counted(
        of_splats.reads, 9 * pairs, 9 * pairs, "reads of `splats` in global memory", why
    )
    found = found or counted(of_members.reads, pairs, pairs, "reads of `members`", why)
    back = of_image.reads + of_light.reads
    why = "what a thread is still adding up belongs into its own variables."
    return found or counted(back, 0, 0, "reads of `image` and `light`", why)


_RIGHT = answer(reference.splat_forward_tiled_kernel)
_WALK = "range(BATCH if last - base > BATCH else last - base)"
_COUNT = """        if cuda.syncthreads_count(finished) == BATCH:
            break
"""
_FETCH = """        if base + thread < last:
            n = members[base + thread]
            for k in range(PACKED):
                staged[thread, k] = splats[n, k]
"""
_FETCH_TWICE = """        for j in range(thread // 2 * 2, thread // 2 * 2 + 2):
            if base + j < last:
                for k in range(PACKED):
                    staged[j, k] = splats[members[base + j], k]
"""
_STOP = "if T * (1 - alpha) <= MIN_TRANSMITTANCE:\n                    finished = 1"
_UNSHARED = tuple(
    (f"staged[k, {i}]", f"splats[members[base + k], {i}]") for i in (0, 1, 2, 4, 3, 5, 6, 7, 8)
)
MUTANTS = {
    "no bounds guard": changed(_RIGHT, ("    if inside:\n", "    if True:\n")),
    "outsiders leave": changed(
        _RIGHT,
        ("    finished = 0 if", "    if not inside:\n        return\n    finished = 0 if"),
    ),
    "finished ones leave": changed(
        _RIGHT,
        (_COUNT, _COUNT.replace("if ", "cuda.syncthreads()\n        if finished == 1:  # ")),
    ),
    "no barrier after fetching": changed(_RIGHT, ("        cuda.syncthreads()\n", "")),
    "no barrier before fetching": changed(_RIGHT, (_COUNT, "")),
    "no shared memory": changed(_RIGHT, *_UNSHARED),
    "neighbours fetch each other's": changed(_RIGHT, (_FETCH, _FETCH_TWICE)),
    "the tile never stops": changed(_RIGHT, (_COUNT, "        cuda.syncthreads()\n")),
    "one finished stops the tile": changed(
        _RIGHT, ("cuda.syncthreads_count(finished) == BATCH", "cuda.syncthreads_or(finished)")
    ),
    "always the first batch": changed(
        _RIGHT, ("n = members[base + thread]", "n = members[first + thread]")
    ),
    "end of the list not looked at": changed(
        _RIGHT, ("if base + thread < last:", "if base + thread < members.size:"),
        (_WALK, _WALK.replace("last", "members.size"))
    ),
    "always a whole batch": changed(_RIGHT, (_WALK, "range(BATCH)")),
    "members ignored": changed(
        _RIGHT, ("n = members[base + thread]", "n = base + thread - first")
    ),
    "light begins anew": changed(
        _RIGHT, ("        cuda.syncthreads()\n", "        cuda.syncthreads()\n        T = 1.0\n")
    ),
    "pixels never stop": changed(_RIGHT, (_STOP, "if False:\n                    finished = 1")),
    "tiles column after column": changed(
        _RIGHT, ("cuda.blockIdx.y * cuda.gridDim.x + cuda.blockIdx.x",
         "cuda.blockIdx.x * cuda.gridDim.y + cuda.blockIdx.y")
    ),
}  # fmt: skip
_MISTAKES = {
    "the first batch is fetched again instead of the next one.": MUTANTS["always the first batch"],
    "with each batch the light begins anew.": MUTANTS["light begins anew"],
    "`members` has no effect: it says which splats a tile draws.": MUTANTS["members ignored"],
    "splats of the next tile's list are drawn too.": MUTANTS["end of the list not looked at"],
    "the tile stops before its last batch, though some of its pixels have light left.": MUTANTS[
        "one finished stops the tile"
    ],
    "a pixel goes on after its light is used up.": MUTANTS["pixels never stop"],
    "tiles are numbered column after column; asked is row after row.": MUTANTS[
        "tiles column after column"
    ],
}

TILED = Check(
    name="cuda_kernels.splat_forward_tiled_kernel",
    reference=_RIGHT,
    cases=_cases,
    properties=(
        right(1, "each tile draws its list", (TILES, EMPTY), tiled_picture, _MISTAKES),
        right(1, "batch after batch", (MANY, OPAQUE), tiled_picture, _MISTAKES, "See hint 3."),
        clean(
            2,
            "barriers for all, no race",
            (TILES, RAGGED, MANY),
            "race",
            "uninitialised",
        ),
        Property("a splat is fetched once for a tile", 1, _reads, cases=(TILES,)),
        Property("no batch is fetched in vain", 1, _reads, cases=(OPAQUE,)),
    ),
    mutants=MUTANTS,
    kernel=True,
)
