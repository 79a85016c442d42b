"""Exercise 3 of unit 19: one thread for each pixel."""

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
from course_lib.checks.cuda_kernels.pictures import drawn, empty, grid, picture, splats
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.kernel_lab import reference

CROWD = "twenty splats, 32 x 16 pixels"
ONE = "one splat, 16 x 16 pixels"
NONE = "no splats, 16 x 16 pixels"
RAGGED = "six splats, 19 x 9 pixels: some threads have no pixel"
OPAQUE = "thirty opaque splats, 16 x 16 pixels"
FAINT = "ten splats too faint for a step of 1/255"


def _cases(generator: torch.Generator) -> list[Case]:
    one = np.array([[8.5, 8.5, 0.1, 0.0, 0.1, 0.8, 0.9, 0.5, 0.2]], np.float32)
    opaque = splats(30, 16, 16, generator, opacity=(1.0, 1.0), spread=(12.0, 20.0))
    faint = splats(10, 16, 16, generator, opacity=(0.0030, 0.0039))
    return [
        Case(CROWD, _inputs(splats(20, 32, 16, generator), 32, 16)),
        Case(ONE, _inputs(one, 16, 16)),
        Case(NONE, _inputs(one[:0], 16, 16)),
        Case(RAGGED, _inputs(splats(6, 19, 9, generator), 19, 9)),
        Case(OPAQUE, _inputs(opaque, 16, 16)),
        Case(FAINT, _inputs(faint, 16, 16)),
    ]


def _inputs(rows: np.ndarray, width: int, height: int) -> tuple:
    return grid(width, height), (16, 16), rows, *empty(width, height)


def _wanted(case: Case) -> tuple[np.ndarray, ...]:
    height, width = case.inputs[4].shape
    return picture(case.inputs[2], width, height)


def _reads(ask: Ask, case: Case) -> Finding | None:
    report = launched(ask, case)
    if found := report.finding(*STOPS):
        return told(found)
    height, width = case.inputs[4].shape
    of_splats, of_image, of_light = report.counts
    met = int(drawn(torch.from_numpy(case.inputs[2]), width, height)[2].sum())
    why = "a pixel needs each of a splat's nine numbers once."
    if case.name == OPAQUE:
        why = "a pixel whose light is used up needs no more splats, and yours goes on."
    found = counted(of_splats.reads, 2 * met, 9 * met, "reads of `splats` in global memory", why)
    back = of_image.reads + of_light.reads
    why = "what a thread is still adding up belongs into its own variables."
    found = found or counted(back, 0, 0, "reads of `image` and `light`", why)
    writes = of_image.writes + of_light.writes
    why = "four numbers a pixel, when all is added up."
    pixels = width * height
    return found or counted(writes, 4 * pixels, 4 * pixels, "writes to `image` and `light`", why)


_RIGHT = answer(reference.splat_forward_kernel)
_STOP = """        if T * (1 - alpha) <= MIN_TRANSMITTANCE:
            break
"""
_COLORS = (
    ("red += T * alpha * splats[n, 6]", "image[y, x, 0] += T * alpha * splats[n, 6]"),
    ("green += T * alpha * splats[n, 7]", "image[y, x, 1] += T * alpha * splats[n, 7]"),
    ("blue += T * alpha * splats[n, 8]", "image[y, x, 2] += T * alpha * splats[n, 8]"),
    ("    image[y, x, 0] = red\n", ""), ("    image[y, x, 1] = green\n", ""),
    ("    image[y, x, 2] = blue\n", ""),
    ("1.0, 0.0, 0.0, 0.0\n", "1.0, 0.0, 0.0, 0.0\n    image[y, x, 0] = 0.0\n"
     "    image[y, x, 1] = 0.0\n    image[y, x, 2] = 0.0\n"),
)  # fmt: skip
MUTANTS = {
    "no bounds guard": changed(_RIGHT, ("if x >= width or y >= height:", "if False:")),
    "guard one too many": changed(_RIGHT, ("x >= width or", "x > width or")),
    "height for width": changed(_RIGHT, ("height, width = light", "width, height = light")),
    "never stops": changed(_RIGHT, (_STOP, "")),
    "stops adding, goes on reading": changed(_RIGHT, ("            break", "            T = 0.0")),
    "stops one too late": changed(
        _RIGHT, (_STOP, ""), ("        T *= 1 - alpha\n", "        T *= 1 - alpha\n"
         "        if T <= MIN_TRANSMITTANCE:\n            break\n")
    ),
    "pixel corners": changed(_RIGHT, ("x + 0.5 -", "x -"), ("y + 0.5 -", "y -")),
    "x and y swapped": changed(_RIGHT, ("x + 0.5 -", "y + 0.5 -"), ("dx, dy = ", "dy, dx = "),
        ("splats[n, 0], y + 0.5 - splats[n, 1]", "splats[n, 0], x + 0.5 - splats[n, 1]")),
    "no half": changed(_RIGHT, ("0.5 * (splats[n, 2]", "1.0 * (splats[n, 2]")),
    "slant forgotten": changed(_RIGHT, (" + splats[n, 3] * dx * dy", "")),
    "no cap": changed(_RIGHT, ("raw if raw < MAX_ALPHA else MAX_ALPHA", "raw")),
    "faint drawn": changed(_RIGHT, ("alpha < MIN_ALPHA", "alpha < 0.0")),
    "far to near": changed(
        _RIGHT, ("in range(splats.shape[0])", "in range(splats.shape[0] - 1, -1, -1)")
    ),
    "light not dimmed": changed(_RIGHT, ("T *= 1 - alpha", "T *= 1.0")),
    "light that was stopped": changed(_RIGHT, ("light[y, x] = T", "light[y, x] = 1.0 - T")),
    "adds up in global memory": changed(_RIGHT, *_COLORS),
    "means read again": changed(_RIGHT, ("splats[n, 3] * dx * dy",
        "splats[n, 3] * (x + 0.5 - splats[n, 0]) * (y + 0.5 - splats[n, 1])"),
        ("splats[n, 4] * dy * dy", "splats[n, 4] * (y + 0.5 - splats[n, 1]) * dy")),
}  # fmt: skip
_MISTAKES = {
    "each splat is half a pixel off: a pixel's centre lies at + 0.5 in x and in y.": MUTANTS[
        "pixel corners"
    ],
    "the pixel's x meets the splat's v, and its y the u.": MUTANTS["x and y swapped"],
    "the exponent lacks its factor 1/2.": MUTANTS["no half"],
    "the off-diagonal number xy has no effect: no ellipse is slanted.": MUTANTS["slant forgotten"],
    "alpha is not capped at MAX_ALPHA.": MUTANTS["no cap"],
    "splats with alpha below MIN_ALPHA are drawn; they are skipped.": MUTANTS["faint drawn"],
    "the list is walked from far to near.": MUTANTS["far to near"],
    "the light that a splat stops is not missing behind it.": MUTANTS["light not dimmed"],
    "`light` has the share that was stopped; asked is what is left over.": MUTANTS[
        "light that was stopped"
    ],
    "the splat that would use up the light is drawn; it is not drawn any more.": MUTANTS[
        "stops one too late"
    ],
    "a pixel goes on after its light is used up.": MUTANTS["never stops"],
}

FORWARD = Check(
    name="cuda_kernels.splat_forward_kernel",
    reference=_RIGHT,
    cases=_cases,
    properties=(
        right(1, "one splat, and none", (ONE, NONE), _wanted, _MISTAKES, "See hint 1."),
        right(1, "a crowd of splats", (CROWD,), _wanted, _MISTAKES, "See hint 2."),
        right(1, "cap, threshold and early stop", (OPAQUE, FAINT), _wanted, _MISTAKES),
        clean(1, "no thread leaves the picture", (RAGGED,), "race"),
        Property("global memory is read no more than needed", 1, _reads, cases=(CROWD, OPAQUE)),
    ),
    mutants=MUTANTS,
    kernel=True,
)
