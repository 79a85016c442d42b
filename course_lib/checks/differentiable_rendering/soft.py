"""Exercise 2 of unit 14: how much of a pixel a triangle covers, softly."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.differentiable_rendering.common import (
    SET_SQUARE,
    centres,
    first_difference,
    triangle_in,
)
from course_lib.checks.mistakes import Mistakes, compare, gradients_flow, recognise
from course_lib.rendering import soft_rasterizer
from course_lib.rendering.soft_rasterizer import hard_coverage, squared_distance

RANDOM = "a random triangle in a picture of 24 x 16 pixels"
SHARP = "the same with sigma = 0.3"
WIDE = "a small triangle with sigma = 20"
KNOWN = "a set square, sigma = 2, seven points at known distances"
LIMIT = "sigma = 1e-4: nearly no softness"

# On a leg, on the long side, 1 inside a leg, 1 and 2 outside a leg, beyond a corner, far away.
TRIED = torch.tensor(
    [[[6.0, 2.0], [7.0, 7.0], [6.0, 3.0], [6.0, 1.0], [0.0, 6.0], [15.0, -2.0], [2.0, -50.0]]]
)
SIGNED_SQUARES = torch.tensor([[0.0, 0.0, 1.0, -1.0, -4.0, -25.0, -2704.0]])
PLACES = ("on an edge", "on an edge", "1 pixel inside", "1 pixel outside", "2 pixels outside",
          "beyond a corner, 5 pixels from it", "52 pixels outside")  # fmt: skip


def soft_coverage(triangle: Tensor, pixels: Tensor, sigma: float) -> Tensor:
    """The library's, for one triangle and under the exercise's names."""
    return soft_rasterizer.soft_coverage(triangle, pixels, sigma)


def _cases(generator: torch.Generator) -> list[Case]:
    triangle = triangle_in(24, 16, generator)
    small = triangle_in(8, 6, generator) + torch.tensor([8.0, 5.0])
    return [
        Case(KNOWN, (SET_SQUARE, TRIED, 2.0)),
        Case(RANDOM, (triangle, centres(24, 16), 2.0)),
        Case(SHARP, (triangle, centres(24, 16), 0.3)),
        Case(WIDE, (small, centres(24, 16), 20.0)),
        Case(LIMIT, (triangle, centres(24, 16), 1e-4)),
    ]


def _known_distances(ask: Ask, case: Case) -> Finding | None:
    came, wanted = ask(*case.inputs)[0], torch.sigmoid(SIGNED_SQUARES / 2.0)[0]
    off = (came - wanted).abs()
    if float(off.max()) <= 1e-4:
        return None
    n = int((off > 1e-4).nonzero()[0])
    message = f"the coverage {PLACES[n]} is not what the formula gives."
    message = recognise(ask(*case.inputs), case.inputs, _MISTAKES, 1e-5, 1e-4) or message
    return Finding(
        message,
        came=f"{float(came[n]):.4f} {PLACES[n]}",
        wanted=f"{float(wanted[n]):.4f}",
        hint="What are the distance to the boundary, its square, and its sign there?",
    )


def _becomes_hard(ask: Ask, case: Case) -> Finding | None:
    triangle, pixels, _ = case.inputs
    clear = squared_distance(triangle, pixels) > 0.01
    wanted = torch.where(clear, hard_coverage(triangle, pixels).float(), 0.0)
    came = torch.where(clear, ask(*case.inputs), 0.0)
    message = "as sigma falls to 0 the picture should become the hard one: 1 inside, 0 outside."
    message = recognise(ask(*case.inputs), case.inputs, _MISTAKES, 1e-5, 1e-4) or message
    return first_difference(came, wanted, pixels, message, 1e-3, hint="See hint 1.")


def _units(ask: Ask, case: Case) -> Finding | None:
    """Sigma is an area: everything twice as large and sigma four times gives the same picture."""
    triangle, pixels, sigma = case.inputs
    twice, once = ask(2.0 * triangle, 2.0 * pixels, 4.0 * sigma), ask(*case.inputs)
    message = (
        "all lengths were doubled and sigma taken four times as large. That is the same picture in "
        "other units, and yours changed: sigma is in pixels squared."
    )
    message = recognise(once, case.inputs, _MISTAKES, 1e-5, 1e-4) or message
    found = first_difference(twice, once, pixels, message, 1e-4)
    if found is not None:
        return found
    turned = ask(triangle.flip(0), pixels, sigma)
    return first_difference(
        turned,
        once,
        pixels,
        "the triangle with its corners listed backwards looks different.",
        1e-4,
    )


def _soft(
    edges: Callable[[Tensor], Tensor] = lambda t: t.clamp(0.0, 1.0),
    nearest: Callable[[Tensor], Tensor] = lambda distance2: distance2.amin(-1),
    inside: Callable[[Tensor, Tensor], Tensor] = hard_coverage,
    curve: Callable[[Tensor, float], Tensor] = lambda signed, sigma: torch.sigmoid(signed / sigma),
) -> Callable[[Tensor, Tensor, float], Tensor]:
    """The formula once more, with one of its steps made wrongly."""

    def function(triangle: Tensor, pixels: Tensor, sigma: float) -> Tensor:
        along = triangle.roll(-1, dims=0) - triangle
        away = pixels[..., None, :] - triangle
        t = edges((away * along).sum(-1) / along.square().sum(-1))
        distance2 = nearest((away - t[..., None] * along).square().sum(-1))
        signed = torch.where(inside(triangle, pixels), distance2, -distance2)
        return curve(signed, sigma)

    return function


def _root(signed: Tensor) -> Tensor:
    """Signed distance; the square root's slope is held finite at 0."""
    return signed.sign() * (signed.abs() + 1e-12).sqrt()


def _clockwise(triangle: Tensor, pixels: Tensor) -> Tensor:
    (a, b), (c, d) = (triangle[1:] - triangle[0]).tolist()
    return hard_coverage(triangle, pixels) & (a * d - b * c > 0)


_endless = _soft(edges=lambda t: t)
_half_endless = _soft(edges=lambda t: t.clamp_min(0.0))
_not_squared = _soft(curve=lambda signed, sigma: torch.sigmoid(_root(signed) / sigma))
_times = _soft(curve=lambda signed, sigma: torch.sigmoid(signed * sigma))
_sigma_squared = _soft(curve=lambda signed, sigma: torch.sigmoid(signed / sigma**2))
_unsigned = _soft(curve=lambda signed, sigma: torch.sigmoid(signed.abs() / sigma))
_inside_out = _soft(curve=lambda signed, sigma: torch.sigmoid(-signed / sigma))
_bell = _soft(curve=lambda signed, sigma: torch.exp(signed.clamp_max(0.0) / sigma))
_farthest = _soft(nearest=lambda distance2: distance2.amax(-1))
_corners = _soft(edges=lambda t: torch.zeros_like(t))


def _hard(triangle: Tensor, pixels: Tensor, _sigma: float) -> Tensor:
    return hard_coverage(triangle, pixels).float()


_MISTAKES: Mistakes = {
    "the distance is to the endless line through two corners; an edge ends at its corners.": (
        _endless
    ),
    "an edge ends at both of its corners; yours goes on beyond one of them.": _half_endless,
    "the distance is not squared.": _not_squared,
    "sigma multiplies the squared distance; a larger sigma should make the edge softer.": _times,
    "sigma is squared; it is an area already.": _sigma_squared,
    "the sign is missing: outside, the squared distance counts as negative.": _unsigned,
    "the sign is the wrong way round.": _inside_out,
    "the picture is the hard one: sigma has no effect.": _hard,
    "inside, all is 1: the sigmoid has two sides, and it is 1/2 on the edge.": _bell,
    "the farthest of the three edges counts; it should be the nearest.": _farthest,
    "the distance is to the nearest corner, not to the nearest point of an edge.": _corners,
}


def _in_place(triangle: Tensor, pixels: Tensor, sigma: float) -> Tensor:
    result = soft_coverage(triangle, pixels, sigma)
    triangle.sub_(triangle[0].clone())
    return result


SOFT_COVERAGE = Check(
    name="differentiable_rendering.soft_coverage",
    reference=soft_coverage,
    cases=_cases,
    properties=(
        Property("coverage at known distances", 1, _known_distances, cases=(KNOWN,)),
        Property(
            "sigma to 0 gives the hard picture; sigma is an area",
            1,
            lambda ask, case: _becomes_hard(ask, case) if case.name == LIMIT else _units(ask, case),
            cases=(LIMIT, RANDOM),
        ),
        Property(
            "values agree with the reference",
            1,
            lambda ask, case: compare(ask, case, _MISTAKES),
            cases=(RANDOM, SHARP, WIDE),
            hint="See hint 2.",
        ),
        gradients_flow(
            1,
            (0,),
            cases=(RANDOM, WIDE),
            hint="Which edge is nearest and which side a pixel is on are decisions without a "
            "gradient. The squared distance has one, by all corners of that edge.",
        ),
    ),
    mutants={
        "endless lines": _endless,
        "endless on one side": _half_endless,
        "distance not squared": _not_squared,
        "sigma multiplies": _times,
        "sigma squared": _sigma_squared,
        "no sign": _unsigned,
        "inside out": _inside_out,
        "one all over the inside": _bell,
        "farthest edge": _farthest,
        "nearest corner": _corners,
        "one way round only": _soft(inside=_clockwise),
        "hard": _hard,
        "clamped line": _soft(
            curve=lambda signed, sigma: (0.5 + signed / (4.0 * sigma)).clamp(0.0, 1.0)
        ),
        "detached": lambda triangle, *rest: soft_coverage(triangle.detach(), *rest),
        "in place": _in_place,
    },
)
