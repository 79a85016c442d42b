"""Exercise 4 of unit 08: a layer that moves half of the numbers, and what it does to volumes."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.generative_foundations.common import known, layer, off_by, silent
from course_lib.checks.mistakes import compare, gradients_flow
from course_lib.generative.flows import coupling_forward, coupling_inverse, scale_and_shift

PLANE = "six points in the plane"
ODD = "four points of five numbers"
SPACE = "five points of six numbers"
SILENT = "a network that answers zero"

Answer = tuple[Tensor, Tensor]
Parameters = Mapping[str, Tensor]


def _cases(generator: torch.Generator) -> list[Case]:
    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    return [
        Case(PLANE, (draw(6, 2), layer(2, generator))),
        Case(ODD, (draw(4, 5), layer(5, generator))),
        Case(SPACE, (draw(5, 6), layer(6, generator))),
        Case(SILENT, (draw(3, 4), silent(4))),
    ]


def _kept(ask: Ask, case: Case) -> Finding | None:
    """The first D // 2 numbers pass as they are."""
    z = case.inputs[0]
    half = z.shape[1] // 2
    x, _ = ask(*case.inputs)
    off = off_by(x[:, :half], z[:, :half])
    if off <= 1e-6:
        return None
    return known(ask, case, _MISTAKES, 1e-4) or Finding(
        f"the first {half} of {z.shape[1]} numbers must pass unchanged: the way back needs them.",
        came=f"changed by up to {off:.3g}",
        wanted="the very same",
        hint="See hint 1.",
    )


def _volume(ask: Ask, case: Case) -> Finding | None:
    """The log-determinant is that of the answer's own Jacobian, found row by row."""
    z = case.inputs[0]
    x, log_det = ask(*case.inputs)
    rows = []
    for axis in range(z.shape[1]):
        cotangent = torch.zeros_like(x)
        cotangent[:, axis] = 1.0
        rows.append(ask.vjp(case.inputs, 0, (cotangent, torch.zeros_like(log_det))))
    wanted = torch.linalg.slogdet(torch.stack(rows, dim=1)).logabsdet
    off = off_by(log_det, wanted)
    if off <= 1e-3:
        return None
    return known(ask, case, _MISTAKES, 1e-4) or Finding(
        "the log-determinant is not that of your own map from z to x.",
        came=f"{log_det[0]:.4g} at the first point",
        wanted=f"{wanted[0]:.4g}, by differentiating your x",
        hint="See hint 3.",
    )


def _agrees(ask: Ask, case: Case) -> Finding | None:
    return compare(ask, case, _MISTAKES, atol=1e-4)


def _variant(
    move: Callable[[Tensor, Tensor, Tensor], Tensor] = lambda z, s, t: s.exp() * z + t,
    volume: Callable[[Tensor], Tensor] = lambda s: s.sum(dim=1),
    swapped: bool = False,
) -> Callable[[Tensor, Parameters], Answer]:
    """The layer with one step done otherwise."""

    def function(z: Tensor, parameters: Parameters) -> Answer:
        half = z.shape[1] // 2
        kept, moved = z[:, :half], z[:, half:]
        said = scale_and_shift(kept, parameters)
        log_scale, shift = said[::-1] if swapped else said
        return torch.cat([kept, move(moved, log_scale, shift)], dim=1), volume(log_scale)

    return function


def _other_half(z: Tensor, parameters: Parameters) -> Answer:
    half = z.shape[1] // 2
    moved, kept = z[:, : z.shape[1] - half], z[:, z.shape[1] - half :]
    log_scale, shift = scale_and_shift(kept, parameters)
    return torch.cat([log_scale.exp() * moved + shift, kept], dim=1), log_scale.sum(dim=1)


def _halves_exchanged(z: Tensor, parameters: Parameters) -> Answer:
    x, log_det = coupling_forward(z, parameters)
    half = z.shape[1] // 2
    return torch.cat([x[:, half:], x[:, :half]], dim=1), log_det


def _larger_half_kept(z: Tensor, parameters: Parameters) -> Answer:
    """The kept half is read again where a number is missing."""
    half = (z.shape[1] + 1) // 2
    log_scale, shift = scale_and_shift(z[:, : z.shape[1] // 2], parameters)
    size = z.shape[1] - half
    moved = log_scale[:, :size].exp() * z[:, half:] + shift[:, :size]
    return torch.cat([z[:, :half], moved], dim=1), log_scale[:, :size].sum(dim=1)


def _from_itself(z: Tensor, parameters: Parameters) -> Answer:
    """The stretching is read off the numbers that are stretched."""
    half = z.shape[1] // 2
    log_scale, shift = scale_and_shift(z[:, -half:], parameters)
    moved = log_scale.exp() * z[:, half:] + shift
    return torch.cat([z[:, :half], moved], dim=1), log_scale.sum(dim=1)


def _detached(z: Tensor, parameters: Parameters) -> Answer:
    x, _ = coupling_forward(z, parameters)
    return x, coupling_forward(z.detach(), parameters)[1]


def _in_place(z: Tensor, parameters: Parameters) -> Answer:
    x, log_det = coupling_forward(z, parameters)
    z.copy_(x.detach())
    return z, log_det


def _mean_volume(s: Tensor) -> Tensor:
    return s.sum(dim=1).mean().expand(len(s))


_no_exp = _variant(lambda z, s, t: s * z + t)
_shift_first = _variant(lambda z, s, t: s.exp() * (z + t))
_no_shift = _variant(lambda z, s, t: s.exp() * z)
_no_scale = _variant(lambda z, s, t: z + t)

_MISTAKES = {
    "the numbers are multiplied by the logarithm of the scale.": _no_exp,
    "the shift is added before the stretching; it comes after.": _shift_first,
    "the shift is missing.": _no_shift,
    "the scale is missing.": _no_scale,
    "the shift is subtracted.": _variant(lambda z, s, t: s.exp() * z - t),
    "scale and shift have changed places.": _variant(swapped=True),
    "this is the way back, from x to z.": coupling_inverse,
    "the second half is kept; asked is the first.": _other_half,
    "the halves have changed places in the result.": _halves_exchanged,
    "an odd number of numbers is cut at the wrong place.": _larger_half_kept,
    "scale and shift are read off the half that moves; then there is no way back.": _from_itself,
    "the log-determinant has the wrong sign.": _variant(volume=lambda s: -s.sum(dim=1)),
    "the log-determinant is a mean over the moved numbers; a volume is a product of all.": (
        _variant(volume=lambda s: s.mean(dim=1))
    ),
    "the scales are summed; the logarithm of their product is asked.": (
        _variant(volume=lambda s: s.exp().sum(dim=1))
    ),
    "the determinant itself is returned, not its logarithm.": (
        _variant(volume=lambda s: s.sum(dim=1).exp())
    ),
    "all points get the same log-determinant.": _variant(volume=_mean_volume),
    "the log-determinant is zero: this layer does change volumes.": (
        _variant(volume=lambda s: 0 * s.sum(dim=1))
    ),
}

COUPLING_FORWARD = Check(
    name="generative_foundations.coupling_forward",
    reference=coupling_forward,
    cases=_cases,
    properties=(
        Property("the first half passes unchanged", 1, _kept, (ODD, SPACE)),
        Property("the log-determinant is that of your map", 1, _volume, (PLANE, SPACE)),
        Property(
            "values agree with the reference", 2, _agrees, (SPACE, SILENT, ODD), "See hint 2."
        ),
        gradients_flow(1, (0,), cases=(ODD,), hint="Both results depend on z."),
    ),
    mutants={
        "no exp": _no_exp,
        "shift first": _shift_first,
        "no shift": _no_shift,
        "no scale": _no_scale,
        "shift subtracted": _variant(lambda z, s, t: s.exp() * z - t),
        "swapped": _variant(swapped=True),
        "inverse": coupling_inverse,
        "other half": _other_half,
        "halves exchanged": _halves_exchanged,
        "larger half kept": _larger_half_kept,
        "from itself": _from_itself,
        "sign": _variant(volume=lambda s: -s.sum(dim=1)),
        "mean": _variant(volume=lambda s: s.mean(dim=1)),
        "sum of scales": _variant(volume=lambda s: s.exp().sum(dim=1)),
        "determinant": _variant(volume=lambda s: s.sum(dim=1).exp()),
        "same for all": _variant(volume=_mean_volume),
        "zero": _variant(volume=lambda s: 0 * s.sum(dim=1)),
        "detached": _detached,
        "in place": _in_place,
    },
)
