"""Exercise 5 of unit 08: the way back through a coupling layer."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.generative_foundations.common import known, layer, off_by, silent
from course_lib.checks.mistakes import gradients_flow
from course_lib.generative.flows import coupling_forward, coupling_inverse, scale_and_shift

PLANE = "six points in the plane"
ODD = "four points of five numbers"
FAR = "points a hundred away from zero"
SILENT = "a network that answers zero"

Answer = tuple[Tensor, Tensor]
Parameters = Mapping[str, Tensor]


def _cases(generator: torch.Generator) -> list[Case]:
    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    return [
        Case(PLANE, (draw(6, 2), layer(2, generator))),
        Case(ODD, (draw(4, 5), layer(5, generator))),
        Case(FAR, (torch.cat([draw(3, 2), 100 * draw(3, 2)], dim=1), layer(4, generator))),
        Case(SILENT, (draw(3, 4), silent(4))),
    ]


def _undone(ask: Ask, case: Case) -> Finding | None:
    """Forward by the reference and back by the answer: the same points."""
    z, parameters = case.inputs
    x, _ = coupling_forward(z, parameters)
    back, _ = ask(x, parameters)
    off = off_by(back, z)
    if off <= 1e-4 * (1 + float(x.abs().max())):
        return None
    moved = Case(case.name, (x, parameters))
    row, column = divmod(int((back - z).abs().argmax()), z.shape[1])
    return known(ask, moved, _MISTAKES, 1e-3) or Finding(
        "forward and back again is not where it began.",
        came=f"{back[row, column]:.4g} at {(row, column)}",
        wanted=f"{z[row, column]:.4g}",
        hint="In which order were the two steps done, and in which are they undone?",
    )


def _cancels(ask: Ask, case: Case) -> Finding | None:
    z, parameters = case.inputs
    x, log_det = coupling_forward(z, parameters)
    _, back = ask(x, parameters)
    off = off_by(back, -log_det)
    if off <= 1e-3:
        return None
    moved = Case(case.name, (x, parameters))
    return known(ask, moved, _MISTAKES, 1e-3) or Finding(
        "what the way there stretches, the way back shrinks: the two log-determinants cancel.",
        came=f"{back[0]:.4g} at the first point",
        wanted=f"{-log_det[0]:.4g}",
        hint="See hint 3.",
    )


def _variant(
    undo: Callable[[Tensor, Tensor, Tensor], Tensor] = lambda x, s, t: (-s).exp() * (x - t),
    volume: Callable[[Tensor], Tensor] = lambda s: -s.sum(dim=1),
    swapped: bool = False,
) -> Callable[[Tensor, Parameters], Answer]:
    """The way back with one step done otherwise."""

    def function(x: Tensor, parameters: Parameters) -> Answer:
        half = x.shape[1] // 2
        kept, moved = x[:, :half], x[:, half:]
        said = scale_and_shift(kept, parameters)
        log_scale, shift = said[::-1] if swapped else said
        return torch.cat([kept, undo(moved, log_scale, shift)], dim=1), volume(log_scale)

    return function


def _off_the_moved(x: Tensor, parameters: Parameters) -> Answer:
    half = x.shape[1] // 2
    log_scale, shift = scale_and_shift(x[:, -half:], parameters)
    z = (-log_scale).exp() * (x[:, half:] - shift)
    return torch.cat([x[:, :half], z], dim=1), -log_scale.sum(dim=1)


def _kept_too(x: Tensor, parameters: Parameters) -> Answer:
    z, log_det = coupling_inverse(x, parameters)
    half = x.shape[1] // 2
    return torch.cat([-z[:, :half], z[:, half:]], dim=1), log_det


def _detached(x: Tensor, parameters: Parameters) -> Answer:
    z, _ = coupling_inverse(x, parameters)
    return z, coupling_inverse(x.detach(), parameters)[1]


def _in_place(x: Tensor, parameters: Parameters) -> Answer:
    z, log_det = coupling_inverse(x, parameters)
    x.copy_(z.detach())
    return x, log_det


_shrunk_first = _variant(lambda x, s, t: (-s).exp() * x - t)
_stretched = _variant(lambda x, s, t: s.exp() * (x - t))
_shift_added = _variant(lambda x, s, t: (-s).exp() * (x + t))
_by_logarithm = _variant(lambda x, s, t: (x - t) / (s + 1e-3))

_MISTAKES = {
    "this is the way there, once more.": coupling_forward,
    "the stretching is undone before the shift; what was done last is undone first.": (
        _shrunk_first
    ),
    "the numbers are stretched once more, not shrunk.": _stretched,
    "the shift is added once more, not taken back.": _shift_added,
    "the shift stays.": _variant(lambda x, s, t: (-s).exp() * x),
    "the stretching stays.": _variant(lambda x, s, t: x - t),
    "the numbers are divided by the logarithm of the scale.": _by_logarithm,
    "scale and shift have changed places.": _variant(swapped=True),
    "scale and shift are read off the half that was moved; it is the kept one that tells.": (
        _off_the_moved
    ),
    "the kept half has changed its sign.": _kept_too,
    "the log-determinant is that of the way there.": _variant(volume=lambda s: s.sum(dim=1)),
    "the log-determinant is a mean over the moved numbers; a volume is a product of all.": (
        _variant(volume=lambda s: -s.mean(dim=1))
    ),
    "the determinant itself is returned, not its logarithm.": (
        _variant(volume=lambda s: (-s.sum(dim=1)).exp())
    ),
    "the log-determinant is zero.": _variant(volume=lambda s: 0 * s.sum(dim=1)),
}

COUPLING_INVERSE = Check(
    name="generative_foundations.coupling_inverse",
    reference=coupling_inverse,
    cases=_cases,
    properties=(
        Property("forward and back is where it began", 2, _undone, hint="See hint 1."),
        Property("the log-determinants cancel", 1, _cancels, (PLANE, ODD), "See hint 3."),
        gradients_flow(1, (0,), cases=(ODD,), hint="A flow is trained along this way."),
    ),
    mutants={
        "forward": coupling_forward,
        "shrunk first": _shrunk_first,
        "stretched": _stretched,
        "shift added": _shift_added,
        "no shift": _variant(lambda x, s, t: (-s).exp() * x),
        "no scale": _variant(lambda x, s, t: x - t),
        "by the logarithm": _by_logarithm,
        "swapped": _variant(swapped=True),
        "off the moved": _off_the_moved,
        "kept half negated": _kept_too,
        "determinant of the way there": _variant(volume=lambda s: s.sum(dim=1)),
        "mean": _variant(volume=lambda s: -s.mean(dim=1)),
        "determinant": _variant(volume=lambda s: (-s.sum(dim=1)).exp()),
        "zero": _variant(volume=lambda s: 0 * s.sum(dim=1)),
        "detached": _detached,
        "in place": _in_place,
    },
)
