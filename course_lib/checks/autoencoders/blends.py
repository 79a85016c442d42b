"""Exercise 2 of unit 09: the way from one latent to another, along a line or an arc."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import normalize

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.mistakes import compare, gradients_flow
from course_lib.generative.latent import blend

LINE = "two pairs, five steps on a line"
BEYOND = "a line that goes on behind its ends"
ARC = "two pairs, five steps on an arc"
LENGTHS = "an arc between a short and a long latent"
SAME = "an arc from a latent to itself"


def _cases(generator: torch.Generator) -> list[Case]:
    def draw(*shape: int) -> Tensor:
        return 1.5 * torch.randn(*shape, generator=generator)

    steps = torch.linspace(0, 1, 5)
    short, long = normalize(draw(2, 6)), 3 * normalize(draw(2, 6))
    same = draw(2, 4)
    round_a, round_b = 0.8 * normalize(draw(2, 6)), 0.8 * normalize(draw(2, 6))
    return [
        Case(LINE, (draw(2, 6), draw(2, 6), steps, "line")),
        Case(BEYOND, (draw(3, 4), draw(3, 4), torch.tensor([-0.5, 1.5]), "line")),
        Case(ARC, (round_a, round_b, steps, "arc")),
        Case(LENGTHS, (short, long, torch.tensor([0.25, 0.6]), "arc")),
        Case(SAME, (same, same.clone(), torch.tensor([0.0, 0.3, 1.0]), "arc")),
    ]


def _ends(ask: Ask, case: Case) -> Finding | None:
    """The walk begins at a and ends at b."""
    a, b, weights, _ = case.inputs
    came = ask(*case.inputs)
    for name, end, at in (("a", a, 0.0), ("b", b, 1.0)):
        step = int((weights - at).abs().argmin())
        off = float((came[step] - end).abs().max())
        if off > 1e-4:
            return _known(ask, case) or Finding(
                f"at a weight of {at:g} the walk must stand at `{name}`.",
                came=f"off by up to {off:.3g}",
                wanted=name,
            )
    return None


def _length(ask: Ask, case: Case) -> Finding | None:
    """Between two latents of one length an arc keeps this length."""
    a = case.inputs[0]
    wanted = a.norm(dim=1)
    came = ask(*case.inputs).norm(dim=2)
    off = float((came - wanted).abs().max())
    if off <= 1e-3:
        return None
    return _known(ask, case) or Finding(
        "both ends have the same length, and an arc between them keeps it.",
        came=f"lengths from {float(came.min()):.3f} to {float(came.max()):.3f}",
        wanted=f"{float(wanted[0]):.3f} everywhere",
        hint="What are the angle's parts divided by?",
    )


def _known(ask: Ask, case: Case) -> Finding | None:
    found = compare(ask, case, _MISTAKES, atol=1e-4)
    return found if found and found.message in _MISTAKES else None


def _agrees(ask: Ask, case: Case) -> Finding | None:
    return compare(ask, case, _MISTAKES, atol=1e-4)


Angle = Callable[[Tensor, Tensor], Tensor]


def _angle(a: Tensor, b: Tensor) -> Tensor:
    cosine = (normalize(a) * normalize(b)).sum(dim=1, keepdim=True)
    return cosine.clamp(-1, 1).acos()


def _arc(a: Tensor, b: Tensor, weights: Tensor, angle: Tensor) -> Tensor:
    w, sine = weights[:, None, None], angle.sin()
    arc = (((1 - w) * angle).sin() * a + (w * angle).sin() * b) / sine
    return torch.where(sine.abs() < 1e-3, blend(a, b, weights), arc)


def _with_angle(angle: Angle) -> Callable[[Tensor, Tensor, Tensor, str], Tensor]:
    """A wrong answer: on the arc, with another angle."""

    def function(a: Tensor, b: Tensor, weights: Tensor, path: str) -> Tensor:
        if path == "line":
            return blend(a, b, weights)
        return _arc(a, b, weights, angle(a, b))

    return function


def _swapped(a: Tensor, b: Tensor, weights: Tensor, path: str) -> Tensor:
    return blend(b, a, weights, path)


def _always_line(a: Tensor, b: Tensor, weights: Tensor, path: str) -> Tensor:
    return blend(a, b, weights)


def _always_arc(a: Tensor, b: Tensor, weights: Tensor, path: str) -> Tensor:
    return blend(a, b, weights, "arc")


def _line_stretched(a: Tensor, b: Tensor, weights: Tensor, path: str) -> Tensor:
    """On the arc: a line, brought to the length of a."""
    line = blend(a, b, weights)
    return line if path == "line" else normalize(line, dim=2) * a.norm(dim=1, keepdim=True)


def _unit_length(a: Tensor, b: Tensor, weights: Tensor, path: str) -> Tensor:
    return (
        blend(a, b, weights) if path == "line" else blend(normalize(a), normalize(b), weights, path)
    )


def _clamped(a: Tensor, b: Tensor, weights: Tensor, path: str) -> Tensor:
    return blend(a, b, weights.clamp(0, 1), path)


def _undivided(a: Tensor, b: Tensor, weights: Tensor, path: str) -> Tensor:
    if path == "line":
        return blend(a, b, weights)
    angle = _angle(a, b)
    return blend(a, b, weights, path) * torch.where(angle < 1e-3, 1.0, angle.sin())


def _nan_at_zero(a: Tensor, b: Tensor, weights: Tensor, path: str) -> Tensor:
    if path == "line":
        return blend(a, b, weights)
    w, angle = weights[:, None, None], _angle(a, b)
    angle = torch.where(angle < 1e-3, 0.0, angle)
    return (((1 - w) * angle).sin() * a + (w * angle).sin() * b) / angle.sin()


def _middle_only(a: Tensor, b: Tensor, weights: Tensor, path: str) -> Tensor:
    return blend(a, b, torch.full_like(weights, 0.5), path)


def _detached(a: Tensor, b: Tensor, weights: Tensor, path: str) -> Tensor:
    return blend(a, b.detach(), weights, path)


def _in_place(a: Tensor, b: Tensor, weights: Tensor, path: str) -> Tensor:
    result = blend(a, b, weights, path)
    b -= a
    return result


_raw_cosine = _with_angle(lambda a, b: (a * b).sum(dim=1, keepdim=True).clamp(-1, 1).acos())
_one_angle = _with_angle(lambda a, b: _angle(a.flatten()[None], b.flatten()[None]))
_degrees = _with_angle(lambda a, b: _angle(a, b).rad2deg())
_half_angle = _with_angle(lambda a, b: _angle(a, b) / 2)

_MISTAKES = {
    "the weights run from b to a.": _swapped,
    "the arc is a line.": _always_line,
    "the line is an arc.": _always_arc,
    "the arc is a line that was stretched: its steps turn by different angles.": _line_stretched,
    "the arc's ends were brought to length 1; only the angle needs that.": _unit_length,
    "weights outside of 0 and 1 were cut off; the line goes on.": _clamped,
    "the arc is not divided by the sine of the whole angle.": _undivided,
    "the angle is taken from latents that are not of length 1.": _raw_cosine,
    "all pairs share one angle; each pair has its own.": _one_angle,
    "the angle is in degrees; sine wants radians.": _degrees,
    "the angle is half of the angle between the two.": _half_angle,
    "all steps are the middle.": _middle_only,
}

BLEND = Check(
    name="autoencoders.blend",
    reference=blend,
    cases=_cases,
    properties=(
        Property("a walk begins at a and ends at b", 1, _ends, (LINE, ARC)),
        Property("the line", 1, _agrees, (LINE, BEYOND), "See hint 1."),
        Property("an arc keeps the length", 1, _length, (ARC,), "See hint 2."),
        Property("the arc", 1, _agrees, (ARC, LENGTHS), "See hint 2."),
        Property("no arc to itself", 1, _agrees, (SAME,), "See hint 3."),
        gradients_flow(1, (0, 1), cases=(LINE, LENGTHS)),
    ),
    mutants={
        "swapped": _swapped,
        "always a line": _always_line,
        "always an arc": _always_arc,
        "a stretched line": _line_stretched,
        "unit length": _unit_length,
        "clamped": _clamped,
        "undivided": _undivided,
        "raw cosine": _raw_cosine,
        "one angle": _one_angle,
        "degrees": _degrees,
        "half angle": _half_angle,
        "NaN at zero": _nan_at_zero,
        "middle only": _middle_only,
        "detached": _detached,
        "in place": _in_place,
    },
)
