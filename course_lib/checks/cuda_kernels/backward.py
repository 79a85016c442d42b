"""Exercise 5 of unit 19: whom does this pixel blame? A sum that many threads add to."""

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
    told,
)
from course_lib.checks.cuda_kernels.pictures import drawn, gradient, grid, picture, splats
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.kernel_lab import Kernel, reference

ONE = "one splat, 16 x 16 pixels"
CROWD = "twelve splats, 32 x 16 pixels"
RAGGED = "six splats, 19 x 9 pixels: some threads have no pixel"
OPAQUE = "thirty opaque splats, 16 x 16 pixels"
COLUMNS = {
    "colours": (slice(6, 9), "the colours r, g, b"),
    "opacity": (slice(5, 6), "the opacity"),
    "means": (slice(0, 2), "the means u, v"),
    "shape": (slice(2, 5), "the shape xx, xy, yy"),
}


def _cases(generator: torch.Generator) -> list[Case]:
    one = np.array([[8.3, 7.6, 0.1, 0.03, 0.06, 0.8, 0.9, 0.5, 0.2]], np.float32)
    opaque = splats(30, 16, 16, generator, opacity=(1.0, 1.0), spread=(12.0, 20.0))
    return [
        Case(ONE, _inputs(one, 16, 16, generator)),
        Case(CROWD, _inputs(splats(12, 32, 16, generator), 32, 16, generator)),
        Case(RAGGED, _inputs(splats(6, 19, 9, generator), 19, 9, generator)),
        Case(OPAQUE, _inputs(opaque, 16, 16, generator)),
    ]


def _inputs(rows: np.ndarray, width: int, height: int, generator: torch.Generator) -> tuple:
    image, _ = picture(rows, width, height)
    grad_image = torch.randn(height, width, 3, generator=generator).numpy()
    return grid(width, height), (16, 16), rows, image, grad_image, np.zeros_like(rows)


def _agrees(points: int, name: str, parts: tuple[str, ...], cases: tuple[str, ...]) -> Property:
    def holds(ask: Ask, case: Case) -> Finding | None:
        report = launched(ask, case)
        if found := report.finding(*STOPS):
            return told(found)
        wanted, came = gradient(case.inputs[2], case.inputs[4]), report.arrays[3]
        for part in parts:
            columns, words = COLUMNS[part]
            if found := _off(came[:, columns], wanted[:, columns], words):
                known = _known(came, case)
                return Finding(known or found.message, found.came, found.wanted)
        return None

    return Property(name, points, holds, cases, "See hint 2.")


def _off(came: np.ndarray, wanted: np.ndarray, words: str) -> Finding | None:
    wrong = ~np.isclose(came, wanted, rtol=1e-3, atol=1e-4 * float(np.abs(wanted).max() + 1e-3))
    if not wrong.any():
        return None
    error = np.where(wrong, np.nan_to_num(np.abs(came - wanted), nan=np.inf), 0)
    n, k = np.unravel_index(int(error.argmax()), error.shape)
    return Finding(
        f"the gradient by {words} is wrong for {int(wrong.any(axis=1).sum())} of {len(wrong)} "
        f"splats.",
        came=f"{came[n, k]:.5g} for splat {n}",
        wanted=f"{wanted[n, k]:.5g}",
    )


def _known(came: np.ndarray, case: Case) -> str:
    scale = 1e-4 * float(np.abs(came).max() + 1e-3)
    for message, mistake in _MISTAKES.items():
        theirs = mistake.launch(*case.inputs, count=False).arrays[3]
        if np.allclose(came, theirs, rtol=1e-3, atol=scale):
            return message
    return ""


def _counts(ask: Ask, case: Case) -> Finding | None:
    report = launched(ask, case)
    if found := report.finding(*STOPS):
        return told(found)
    height, width, _ = case.inputs[3].shape
    met = int(drawn(torch.from_numpy(case.inputs[2]), width, height)[2].sum())
    why = "a pixel whose light is used up says nothing more to anybody."
    of_splats, _, _, of_grads = report.counts
    found = counted(of_splats.reads, 2 * met, 9 * met, "reads of `splats` in global memory", why)
    why = "a pixel adds at most nine numbers for each splat that it draws."
    return found or counted(of_grads.atomics, 0, 9 * met, "atomic additions to `grads`", why)


_RIGHT = answer(reference.splat_backward_kernel)


def _each_add(new: str) -> Kernel:
    """The right kernel with another way to add."""
    text = _RIGHT.source
    for k in range(9):
        old = f"cuda.atomic.add(grads, (n, {k}), "
        start = text.index(old)
        end = text.index("\n", start)
        text = text[:start] + new.format(k=k, value=text[start + len(old) : end - 1]) + text[end:]
    return Kernel(text, _RIGHT.name)


_STOP = """        if T * (1 - alpha) <= MIN_TRANSMITTANCE:
            break
"""
_CAPPED = """        if raw > MAX_ALPHA:
            continue
"""
MUTANTS = {
    "no bounds guard": changed(_RIGHT, ("if x >= width or y >= height:", "if False:")),
    "added without atomics": _each_add("grads[n, {k}] += {value}"),
    "overwritten": _each_add("grads[n, {k}] = {value}"),
    "behind ignored": changed(_RIGHT, ("- behind / (1 - alpha)", "- 0.0 / (1 - alpha)")),
    "own light among what is behind": changed(_RIGHT, ("behind -= T", "behind -= 0 * T")),
    "not divided": changed(_RIGHT, ("- behind / (1 - alpha)", "- behind")),
    "light not dimmed": changed(_RIGHT, ("T *= 1 - alpha", "T *= 1.0")),
    "through the cap": changed(_RIGHT, (_CAPPED, "")),
    "never stops": changed(_RIGHT, (_STOP, "")),
    "faint ones too": changed(_RIGHT, ("alpha < MIN_ALPHA", "alpha < 0.0")),
    "means pushed away": changed(
        _RIGHT,
        ("(n, 0), -by_sigma", "(n, 0), by_sigma"),
        ("(n, 1), -by_sigma", "(n, 1), by_sigma"),
    ),
    "slant forgotten": changed(
        _RIGHT, ("(xx * dx + xy * dy)", "(xx * dx)"), ("(xy * dx + yy * dy)", "(yy * dy)")
    ),
    "slant halved": changed(_RIGHT, ("by_sigma * dx * dy", "by_sigma * 0.5 * dx * dy")),
    "opacity by alpha": changed(
        _RIGHT, ("by_alpha * math.exp(-sigma)", "by_alpha * alpha")
    ),
    "colour without light": changed(
        _RIGHT, ("T * alpha * red)", "alpha * red)"), ("T * alpha * green)", "alpha * green)"),
        ("T * alpha * blue)", "alpha * blue)")
    ),
    "sign of sigma": changed(_RIGHT, ("by_sigma = -alpha", "by_sigma = alpha")),
}  # fmt: skip
_MISTAKES = {
    "what is behind a splat is left out: a splat also hides what lies behind it.": MUTANTS[
        "behind ignored"
    ],
    "a splat's own light is counted among what lies behind it.": MUTANTS[
        "own light among what is behind"
    ],
    "what lies behind is not divided by 1 - alpha.": MUTANTS["not divided"],
    "the light T stays 1 from splat to splat.": MUTANTS["light not dimmed"],
    "a capped alpha does not depend on opacity, place or shape; here it does.": MUTANTS[
        "through the cap"
    ],
    "splats behind the one where the pixel stops are blamed too.": MUTANTS["never stops"],
    "splats that were skipped as too faint are blamed too.": MUTANTS["faint ones too"],
    "the means are pushed the wrong way round.": MUTANTS["means pushed away"],
    "xy has no effect on the gradient by u and v.": MUTANTS["slant forgotten"],
    "the gradient by xy is half of what it should be: it stands twice in the matrix.": MUTANTS[
        "slant halved"
    ],
    "the gradient by the opacity is multiplied by alpha; alpha / opacity was wanted.": MUTANTS[
        "opacity by alpha"
    ],
    "the colours' gradient lacks the light that reaches the splat.": MUTANTS[
        "colour without light"
    ],
    "a larger sigma makes alpha smaller; yours has the other sign.": MUTANTS["sign of sigma"],
    "each pixel overwrites what the others have said.": MUTANTS["overwritten"],
}

BACKWARD = Check(
    name="cuda_kernels.splat_backward_kernel",
    reference=_RIGHT,
    cases=_cases,
    properties=(
        _agrees(1, "by the colours", ("colours",), (ONE, CROWD)),
        _agrees(2, "by opacity, means and shape", ("opacity", "means", "shape"), (ONE, CROWD)),
        _agrees(1, "cap and early stop", ("colours", "opacity", "means", "shape"), (OPAQUE,)),
        clean(1, "no race, and no thread leaves the picture", (RAGGED,), "race"),
        Property("no more is read and added than needed", 1, _counts, cases=(OPAQUE,)),
    ),
    mutants=MUTANTS,
    kernel=True,
)
