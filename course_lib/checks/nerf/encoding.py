"""Exercise 2 of unit 16: waves instead of coordinates."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.mistakes import compare, gradients_flow, listed, uniform
from course_lib.rendering.nerf import positional_encoding

KNOWN = "the numbers 0, 1/2 and 1 at two frequencies"
NONE = "no frequencies at all"
PLACES = "five places in space, four frequencies"
RAYS = "three rays of two places each, three frequencies"
SHIFTED = "pairs of numbers that are all the same distance apart"


def _cases(generator: torch.Generator) -> list[Case]:
    def draw(*shape: int) -> Tensor:
        return uniform(-1.0, 1.0, *shape, generator=generator)

    shift = float(uniform(0.05, 0.4, 1, generator=generator))
    first = uniform(-0.9, 0.5, 6, 1, generator=generator)
    return [
        Case(KNOWN, (torch.tensor([[0.0], [0.5], [1.0]]), 2)),
        Case(NONE, (draw(3, 2), 0)),
        Case(PLACES, (draw(5, 3), 4)),
        Case(RAYS, (draw(3, 2, 3), 3)),
        Case(SHIFTED, (torch.cat([first, first + shift], dim=1)[..., None], 5)),
    ]


def _by_heart(ask: Ask, case: Case) -> Finding | None:
    """sin and cos of multiples of a quarter turn; sets are compared, the order is asked later."""
    came = ask(*case.inputs)
    if case.name == NONE:
        return None  # the shape says it all
    wanted = torch.tensor([[0.0, 1, 0, 1], [1, 0, 0, -1], [0, -1, 0, 1]])
    off = (came.sort(dim=1).values - wanted.sort(dim=1).values).abs().amax(dim=1)
    if float(off.max()) <= 1e-5:
        return None
    row = int((off > 1e-5).nonzero()[0])
    return Finding(
        _why(came, case.inputs) or "these sines and cosines can be worked out without a machine.",
        came=f"x = {case.inputs[0][row, 0]:g}: {listed(came[row])}",
        wanted=f"{listed(wanted[row])}, in some order",
        hint="At x = 1 the lowest frequency has made half a turn, the next one a whole turn.",
    )


def _why(came: Tensor, inputs: tuple[Tensor, int]) -> str:
    for sentence, wrong in _MISTAKES.items():
        guess = wrong(*inputs)
        same = guess.shape == came.shape
        if same and torch.allclose(came.sort(-1).values, guess.sort(-1).values, atol=1e-4):
            return sentence
    return ""


def _only_the_difference(ask: Ask, case: Case) -> Finding | None:
    """gamma(x) . gamma(y) = sum over k of cos(2^k pi (x - y))."""
    x, frequencies = case.inputs
    came = ask(*case.inputs)  # (6, 2, 2 L)
    products = (came[:, 0] * came[:, 1]).sum(dim=-1)
    gap = (x[0, 1, 0] - x[0, 0, 0]).double()
    wanted = float(sum(torch.cos(2.0**k * math.pi * gap) for k in range(frequencies)))
    spread = float(products.max() - products.min())
    if spread > 1e-3:
        return Finding(
            "the scalar product of two encodings should depend only on how far apart the two "
            "numbers are, and yours depends on where they lie.",
            came=f"from {float(products.min()):.3f} to {float(products.max()):.3f}",
            wanted="six times the same",
            hint="cos a cos b + sin a sin b = cos(a - b): each sine needs its cosine.",
        )
    if abs(float(products.mean()) - wanted) <= 1e-3:
        return None
    message = _why(came, case.inputs) or (
        "the scalar product of two encodings is a sum of cosines, one for each frequency."
    )
    return Finding(message, came=f"{float(products.mean()):.3f}", wanted=f"{wanted:.3f}")


def _variant(
    scale: Callable[[int], float] = lambda k: math.pi * 2.0**k,
    waves: tuple[Callable[[Tensor], Tensor], ...] = (torch.sin, torch.cos),
    order: str = "frequency, wave, coordinate",
) -> Callable[[Tensor, int], Tensor]:
    """A wrong answer: other frequencies, other waves, or another order."""

    def function(x: Tensor, frequencies: int) -> Tensor:
        if frequencies == 0:
            return x[..., :0]
        grid = torch.stack(
            [torch.stack([wave(scale(k) * x) for wave in waves], -2) for k in range(frequencies)],
            dim=-3,
        )  # (..., L, 2, D)
        places = {"frequency": -3, "wave": -2, "coordinate": -1}
        wanted = [places[name] + grid.ndim for name in order.split(", ")]
        return grid.permute(*range(grid.ndim - 3), *wanted).flatten(-3)

    return function


_no_pi = _variant(lambda k: 2.0**k)
_two_pi = _variant(lambda k: 2 * math.pi * 2.0**k)
_linear = _variant(lambda k: math.pi * (k + 1))
_squares = _variant(lambda k: math.pi * max(k, 0) ** 2)
_sines = _variant(waves=(torch.sin, torch.sin))
_cosine_first = _variant(waves=(torch.cos, torch.sin))
_all_sines_first = _variant(order="wave, frequency, coordinate")
_by_coordinate = _variant(order="coordinate, frequency, wave")
_interleaved = _variant(order="frequency, coordinate, wave")

_MISTAKES = {
    "the factor pi is missing.": _no_pi,
    "all waves are twice as fast as they should be: the lowest frequency makes half a turn on "
    "the way from 0 to 1.": _two_pi,
    "the frequencies grow by equal steps; each should be twice the one before.": _linear,
    "the frequencies are squares of k; they should be powers of two.": _squares,
    "there are sines, and no cosines.": _sines,
}

_ORDERS = _MISTAKES | {
    "the cosines come before the sines.": _cosine_first,
    "all sines come first, then all cosines; asked is frequency by frequency.": _all_sines_first,
    "coordinate by coordinate is the wrong order; asked is frequency by frequency.": (
        _by_coordinate
    ),
    "sine and cosine alternate; within a frequency come all D sines, then all D cosines.": (
        _interleaved
    ),
}


POSITIONAL_ENCODING = Check(
    name="nerf.positional_encoding",
    reference=positional_encoding,
    cases=_cases,
    properties=(
        Property(
            "numbers that are known by heart", 1, _by_heart, cases=(KNOWN, NONE), hint="See hint 1."
        ),
        Property(
            "what two encodings have in common depends on their distance only",
            1,
            _only_the_difference,
            cases=(SHIFTED,),
            hint="See hint 1.",
        ),
        Property(
            "values in the order that is asked for, for any shape",
            1,
            lambda ask, case: compare(ask, case, _ORDERS, atol=1e-4),
            cases=(PLACES, RAYS),
            hint="See hint 2.",
        ),
        gradients_flow(
            1,
            (0,),
            cases=(PLACES,),
            hint="Points come from camera poses: who wants to learn those needs this gradient.",
        ),
    ),
    mutants={
        "no pi": _no_pi,
        "two pi": _two_pi,
        "frequencies in equal steps": _linear,
        "squares for powers of two": _squares,
        "sines only": _sines,
        "cosines first": _cosine_first,
        "all sines first": _all_sines_first,
        "coordinate by coordinate": _by_coordinate,
        "sine and cosine alternate": _interleaved,
        "the coordinates themselves come first": lambda x, frequencies: torch.cat(
            [x, positional_encoding(x, frequencies)], dim=-1
        ),
        "one frequency too many": lambda x, frequencies: positional_encoding(x, frequencies + 1),
        "damped": lambda x, frequencies: torch.cat(
            [x[..., :0]]
            + [
                wave(math.pi * 2.0**k * x) / 2.0**k
                for k in range(frequencies)
                for wave in (torch.sin, torch.cos)
            ],
            dim=-1,
        ),
        "first coordinate for all": lambda x, frequencies: positional_encoding(
            x[..., :1].expand_as(x), frequencies
        ),
        "detached": lambda x, frequencies: positional_encoding(x.detach(), frequencies),
    },
)
