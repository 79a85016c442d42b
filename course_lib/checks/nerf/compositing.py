"""Exercise 5 of unit 16: from weights to what a ray sees."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.mistakes import (
    compare,
    gradients_flow,
    listed,
    recognise,
    uniform,
)
from course_lib.rendering.nerf import composite

Seen = tuple[Tensor, Tensor, Tensor]

RANDOM = "six rays, five samples each"
FAINT = "rays on which nearly nothing is stopped"
EMPTY = "rays that meet nothing"
HALVES = "half red at distance 2, a quarter blue at distance 5, before green"
OPAQUE = "all light is stopped by one sample at distance 3"


def _cases(generator: torch.Generator) -> list[Case]:
    def draw(low: float, high: float, *shape: int) -> Tensor:
        return uniform(low, high, *shape, generator=generator)

    def rays(count: int, samples: int, opacity: float) -> tuple[Tensor, ...]:
        weights = draw(0.1, 1.0, count, samples)
        total = opacity * draw(0.6, 0.95, count, 1)
        weights = weights * total / weights.sum(dim=1, keepdim=True)
        ts = draw(0.5, 4.0, count, samples).sort(dim=1).values
        return weights, draw(0.0, 1.0, count, samples, 3), ts, draw(0.2, 0.9, 3)

    red_and_blue = torch.tensor([[[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]])
    one = torch.zeros(1, 4)
    one[0, 2] = 1.0
    at_three = torch.tensor([[1.0, 2.0, 3.0, 4.0]])
    green = torch.tensor([0.0, 1.0, 0.0])
    empty = rays(2, 3, 1.0)
    return [
        Case(RANDOM, rays(6, 5, 1.0)),
        Case(FAINT, rays(3, 4, 0.02)),
        Case(
            HALVES, (torch.tensor([[0.5, 0.25]]), red_and_blue, torch.tensor([[2.0, 5.0]]), green)
        ),
        Case(OPAQUE, (one, draw(0.0, 1.0, 1, 4, 3), at_three, green)),
        Case(EMPTY, (torch.zeros(2, 3), *empty[1:])),
    ]


def _by_hand(ask: Ask, case: Case) -> Finding | None:
    came = color, depth, opacity = ask(*case.inputs)
    wanted_color, wanted_depth, wanted_opacity = ask.wanted(*case.inputs)
    pairs = {
        "colour": (color, wanted_color),
        "opacity": (opacity[:, None], wanted_opacity[:, None]),
        "depth": (depth[:, None], wanted_depth[:, None]),
    }
    for part, (a, b) in pairs.items():
        if float((a - b).abs().max()) > 1e-3:
            message = recognise(came, case.inputs, _MISTAKES, 1e-4, 1e-3) or _WORDS[case.name]
            return Finding(
                message,
                came=f"{part} {listed(a[0])}",
                wanted=listed(b[0]),
                hint="Colour, depth and opacity are sums over the samples, with the same weights.",
            )
    return None


_WORDS = {
    HALVES: "half of what is seen is red, a quarter blue, and a quarter the green background. The "
    "mean distance of what stops light is (2 * 0.5 + 5 * 0.25) / 0.75 = 3.",
    OPAQUE: "one sample stops all light: its colour and its distance are what is seen.",
    EMPTY: "nothing stops the light: the background is seen, the opacity and the depth are 0.",
}


def _white_in_white(ask: Ask, case: Case) -> Finding | None:
    """White samples before a white background are white; opacity is the sum of the weights."""
    weights, colors, ts, background = case.inputs
    white, _, opacity = ask(weights, torch.ones_like(colors), ts, torch.ones_like(background))
    off = (opacity - weights.sum(dim=1)).abs()
    if float(off.max()) > 1e-4:
        n = int(off.argmax())
        return Finding(
            "the opacity is the share of the light that is stopped somewhere on the ray.",
            came=f"{float(opacity[n]):.4g}",
            wanted=f"{float(weights[n].sum()):.4g}",
        )
    off = (white - 1).abs().amax(dim=1)
    if float(off.max()) <= 1e-4:
        return None
    n = int(off.argmax())
    return Finding(
        "a white scene before a white background should be white, however thin it is.",
        came=f"brightness {float(white[n, 0]):.4g}",
        wanted="1",
        hint="What the samples leave over comes from the background.",
    )


def _depth_is_a_distance(ask: Ask, case: Case) -> Finding | None:
    """Moving all samples by one unit moves the depth by one, however faint they are."""
    weights, colors, ts, background = case.inputs
    _, depth, _ = ask(*case.inputs)
    low, high = ts.amin(dim=1), ts.amax(dim=1)
    outside = (depth < low - 1e-3) | (depth > high + 1e-3)
    if bool(outside.any()):
        n = int(outside.nonzero()[0])
        return Finding(
            "the depth is a mean distance, so it lies between the nearest and the farthest sample.",
            came=f"{float(depth[n]):.4g}",
            wanted=f"between {float(low[n]):.3g} and {float(high[n]):.3g}",
            hint="See hint 2.",
        )
    _, moved, _ = ask(weights, colors, ts + 1, background)
    wanted = (weights * ts).double().sum(1) / weights.double().sum(1)
    off = torch.maximum((moved - depth - 1).abs(), (depth - wanted).abs())
    if float(off.max()) <= 2e-3:
        return None
    n = int(off.argmax())
    return Finding(
        "the depth is the mean of the distances, each counted by its weight.",
        came=f"{float(depth[n]):.4g}; {float(moved[n]):.4g} with all samples 1 farther away",
        wanted=f"{float(wanted[n]):.4g}; {float(wanted[n]) + 1:.4g}",
        hint="See hint 2.",
    )


def _variant(
    change: Callable[..., Seen],
) -> Callable[[Tensor, Tensor, Tensor, Tensor], Seen]:
    """A wrong answer: the right one, and then something done to it."""

    def function(weights: Tensor, colors: Tensor, ts: Tensor, background: Tensor) -> Seen:
        right = composite(weights, colors, ts, background)
        return change(*right, weights, colors, ts, background)

    return function


def _plain(weights: Tensor, colors: Tensor) -> Tensor:
    return (weights[..., None] * colors).sum(dim=1)


_no_background = _variant(lambda c, d, o, w, cs, t, b: (_plain(w, cs), d, o))
_full_background = _variant(lambda c, d, o, w, cs, t, b: (_plain(w, cs) + b, d, o))
_opaque_background = _variant(lambda c, d, o, w, cs, t, b: (_plain(w, cs) + o[:, None] * b, d, o))
_mean_color = _variant(
    lambda c, d, o, w, cs, t, b: (_plain(w, cs) / o[:, None].clamp_min(1e-8), d, o)
)
_not_divided = _variant(lambda c, d, o, w, cs, t, b: (c, (w * t).sum(1), o))
_plain_mean = _variant(lambda c, d, o, w, cs, t, b: (c, t.mean(dim=1), o))
_nan = _variant(lambda c, d, o, w, cs, t, b: (c, (w * t).sum(1) / w.sum(1), o))
_soft = _variant(lambda c, d, o, w, cs, t, b: (c, (w * t).sum(1) / (w.sum(1) + 0.01), o))
_peak = _variant(lambda c, d, o, w, cs, t, b: (c, t.gather(1, w.argmax(1, keepdim=True))[:, 0], o))
_left = _variant(lambda c, d, o, w, cs, t, b: (c, d, 1 - o))
_product = _variant(lambda c, d, o, w, cs, t, b: (c, d, 1 - (1 - w).prod(dim=1)))
_far_end = _variant(lambda c, d, o, w, cs, t, b: (c, (w * t).sum(1) + (1 - o) * t[:, -1], o))

_MISTAKES = {
    "the background is missing.": _no_background,
    "the background is added at full strength, whatever stands before it.": _full_background,
    "the background is multiplied by the opacity; it is seen where the ray is *not* stopped.": (
        _opaque_background
    ),
    "the colour is divided by the opacity, so that thin matter looks solid.": _mean_color,
    "the depth is not divided by the opacity: faint things seem to be near.": _not_divided,
    "the depth is the plain mean of the distances, without the weights.": _plain_mean,
    "the depth is the distance of the heaviest sample; asked is the weighted mean.": _peak,
    "the third result is the light that passes; asked is what is stopped.": _left,
    "the weights are treated as alphas once more; they already know what stands in front.": (
        _product
    ),
    "the light that passes counts as if it were stopped at the last sample.": _far_end,
}


COMPOSITE = Check(
    name="nerf.composite",
    reference=composite,
    cases=_cases,
    properties=(
        Property("rays that can be worked out by hand", 1, _by_hand, (HALVES, OPAQUE, EMPTY)),
        Property(
            "white in white is white, and opacity is a sum",
            1,
            _white_in_white,
            cases=(RANDOM, FAINT, EMPTY),
            hint="See hint 1.",
        ),
        Property("depth is a distance", 1, _depth_is_a_distance, cases=(RANDOM, FAINT)),
        Property(
            "values and gradients agree with the reference",
            1,
            lambda ask, case: (
                compare(ask, case, _MISTAKES, atol=1e-4, rtol=1e-3)
                or gradients_flow(1, (0, 1, 2)).holds(ask, case)
            ),
            cases=(RANDOM,),
            hint="See hints 1 and 2.",
        ),
    ),
    mutants={
        "no background": _no_background,
        "background at full strength": _full_background,
        "background times opacity": _opaque_background,
        "mean colour": _mean_color,
        "depth not divided": _not_divided,
        "depth not weighted": _plain_mean,
        "nought by nought": _nan,
        "a large number against nought": _soft,
        "depth of the heaviest": _peak,
        "light that passes": _left,
        "weights as alphas": _product,
        "rest at the far end": _far_end,
        "colours cut off": _variant(lambda c, d, o, w, cs, t, b: (c.clamp(0.3, 0.7), d, o)),
        "colours detached": lambda weights, colors, ts, background: composite(
            weights, colors.detach(), ts, background
        ),
        "depth detached": _variant(lambda c, d, o, w, cs, t, b: (c, d.detach(), o)),
    },
)
