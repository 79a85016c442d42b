"""Exercise 5 of unit 17: one pixel, all its splats, from front to back."""

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

Blended = tuple[Tensor, Tensor]

RANDOM = "seven pixels, six splats"
FAINT = "three pixels, two hundred faint splats"
CLEAR = "splats that are all transparent"
HALVES = "half a red splat in front of half a blue one"
OPAQUE = "an opaque splat in front of others"
EMPTY = "no splats at all"


def blend(alphas: Tensor, colors: Tensor, background: Tensor) -> Blended:
    """The sum, one splat after the other, for a row of pixels: nothing capped, nothing skipped."""
    picture = torch.zeros(alphas.shape[0], 3)
    light = torch.ones(alphas.shape[0])
    for alpha, color in zip(alphas.unbind(1), colors, strict=True):
        picture = picture + (alpha * light)[:, None] * color
        light = light * (1 - alpha)
    return picture + light[:, None] * background, light


def _cases(generator: torch.Generator) -> list[Case]:
    def draw(low: float, high: float, *shape: int) -> Tensor:
        return uniform(low, high, *shape, generator=generator)

    red_and_blue = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    opaque = torch.cat([torch.ones(3, 1), draw(0.2, 0.9, 3, 4)], dim=1)
    return [
        Case(RANDOM, (draw(0.1, 0.6, 7, 6), draw(0.0, 1.0, 6, 3), draw(0.2, 0.9, 3))),
        Case(FAINT, (draw(0.0, 0.01, 3, 200), draw(0.0, 1.0, 200, 3), draw(0.2, 0.9, 3))),
        Case(HALVES, (torch.full((1, 2), 0.5), red_and_blue, torch.tensor([0.0, 1.0, 0.0]))),
        Case(CLEAR, (torch.zeros(2, 3), draw(0.0, 1.0, 3, 3), draw(0.2, 0.9, 3))),
        Case(OPAQUE, (opaque, draw(0.0, 1.0, 5, 3), draw(0.2, 0.9, 3))),
        Case(EMPTY, (torch.zeros(2, 0), torch.zeros(0, 3), draw(0.2, 0.9, 3))),
    ]


def _known_pixels(ask: Ask, case: Case) -> Finding | None:
    alphas, colors, background = case.inputs
    image, left = ask(*case.inputs)
    wanted, message = {
        CLEAR: (background, "all splats are transparent, so only the background is to be seen."),
        EMPTY: (background, "there are no splats, so only the background is to be seen."),
        OPAQUE: (colors[:1].sum(0), "the first splat is opaque: nothing behind it is to be seen."),
        HALVES: (
            torch.tensor([0.5, 0.25, 0.25]),
            "half of the light is stopped by red, half of the rest by blue, and what remains comes "
            "from the green background.",
        ),
    }[case.name]
    off = (image - wanted).abs().amax(dim=1)
    if float(off.max()) <= 1e-4:
        return None
    capped, _ = blend(alphas.clamp_max(0.999), colors, background)
    if case.name == OPAQUE and torch.allclose(image, capped, atol=1e-5):
        message = "alphas are capped at 0.999; that constant has no place in this exercise."
    if case.name == HALVES:
        message = recognise((image, left), case.inputs, _MISTAKES, 1e-5, 1e-4) or message
    return Finding(
        message,
        came=f"colour {listed(image[int(off.argmax())])}",
        wanted=listed(wanted),
        hint="How much light reaches a splat is decided by those in front of it, and by no other.",
    )


def _adds_to_one(ask: Ask, case: Case) -> Finding | None:
    """White splats before a white background are white; the transmittance is what is left."""
    alphas, colors, background = case.inputs
    white, left = ask(alphas, torch.ones_like(colors), torch.ones_like(background))
    wanted = (1 - alphas.double()).prod(dim=1)
    off = (left - wanted).abs()
    if float(off.max()) > 1e-4:
        n = int(off.argmax())
        message = "the transmittance is the share of light that passes all the splats of a pixel."
        if float((left + wanted - 1).abs().max()) < 1e-4:
            message = "the second result is the light that was stopped; asked is what passes."
        if len(colors) and torch.allclose(left, (1 - alphas[:, :-1]).prod(1), atol=1e-4):
            message = "the transmittance leaves out the last splat."
        return Finding(message, came=f"{float(left[n]):.4g}", wanted=f"{float(wanted[n]):.4g}")
    off = (white - 1).abs().amax(dim=1)
    if float(off.max()) <= 1e-4:
        return None
    n = int(off.argmax())
    return Finding(
        "white splats before a white background should be white: all weights and the final "
        "transmittance add to one.",
        came=f"brightness {float(white[n, 0]):.4g}",
        wanted="1",
        hint="Light is never lost: it is stopped by some splat, or it comes from the background.",
    )


def _splats_can_be_split(ask: Ask, case: Case) -> Finding | None:
    """A splat is the same as two halves of it, one right behind the other."""
    alphas, colors, background = case.inputs
    half = 1 - (1 - alphas[:, 2:3]).sqrt()
    twice = torch.cat([alphas[:, :2], half, half, alphas[:, 3:]], dim=1)
    doubled = torch.cat([colors[:3], colors[2:]])
    came, wanted = ask(twice, doubled, background)[0], ask(*case.inputs)[0]
    off = (came - wanted).abs().amax(dim=1)
    if float(off.max()) <= 1e-4:
        return None
    n = int(off.argmax())
    return Finding(
        "one splat was replaced by two of its colour that together let the same light through, and "
        "the picture changed.",
        came=f"from {listed(wanted[n])} to {listed(came[n])}",
        wanted="no change",
        hint="A splat gives its colour times alpha times the light that arrives there.",
    )


def _no_light_is_lost(ask: Ask, case: Case) -> Finding | None:
    found = _adds_to_one(ask, case)
    return found or (_splats_can_be_split(ask, case) if case.name == RANDOM else None)


def _weighted(
    make: Callable[[Tensor, Tensor], Tensor],
    rest: Callable[[Tensor], Tensor] = lambda left: left,
) -> Callable[[Tensor, Tensor, Tensor], Blended]:
    """A wrong answer: other weights from alpha and the light that arrives, another background."""

    def function(alphas: Tensor, colors: Tensor, background: Tensor) -> Blended:
        through = (1 - alphas).cumprod(dim=1)
        arrives = torch.cat([torch.ones_like(alphas[:, :1]), through[:, :-1]], dim=1)
        arrives = arrives[:, : alphas.shape[1]]
        left = (1 - alphas).prod(dim=1)
        return make(alphas, arrives) @ colors + rest(left)[:, None] * background, left

    return function


def _back_to_front(alphas: Tensor, colors: Tensor, background: Tensor) -> Blended:
    return blend(alphas.flip(1), colors.flip(0), background)


def _second(change: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Blended]:
    """A wrong second result."""

    def function(alphas: Tensor, colors: Tensor, background: Tensor) -> Blended:
        image, left = blend(alphas, colors, background)
        return image, change(alphas, left)

    return function


def _paints_over(alphas: Tensor, colors: Tensor, background: Tensor) -> Blended:
    image, left = blend(alphas, colors, background)
    alphas.neg_().add_(1.0)
    return image, left


def _averaged(alphas: Tensor, colors: Tensor, background: Tensor) -> Blended:
    weights = alphas / alphas.sum(dim=1, keepdim=True).clamp_min(1e-8)
    left = (1 - alphas).prod(dim=1)
    return (1 - left)[:, None] * (weights @ colors) + left[:, None] * background, left


_self_dimmed = _weighted(lambda alphas, arrives: alphas * arrives * (1 - alphas))
_no_alpha = _weighted(lambda alphas, arrives: arrives)
_no_light = _weighted(lambda alphas, arrives: alphas)
_black = _weighted(lambda alphas, arrives: alphas * arrives, rest=torch.zeros_like)
_full_background = _weighted(lambda alphas, arrives: alphas * arrives, rest=torch.ones_like)
_skipped = _weighted(lambda alphas, arrives: alphas * arrives * (alphas >= 1 / 255))

_MISTAKES = {
    "the last splat is taken as the nearest; they come sorted from front to back.": (
        _back_to_front
    ),
    "each splat dims its own light: the light that arrives at the first one is 1.": _self_dimmed,
    "alpha does not enter the weights, only the transmittance does.": _no_alpha,
    "the light that arrives does not enter the weights: as if nothing stood in front.": _no_light,
    "the background is missing.": _black,
    "the background shines through at full strength, whatever stands before it.": (
        _full_background
    ),
    "faint splats are skipped; in this exercise each one counts.": _skipped,
    "the order makes no difference, as in an average; a splat in front hides those behind.": (
        _averaged
    ),
}


BLEND = Check(
    name="gaussian_splatting.blend",
    reference=blend,
    cases=_cases,
    properties=(
        Property(
            "pixels that can be worked out by hand",
            1,
            _known_pixels,
            cases=(CLEAR, HALVES, OPAQUE, EMPTY),
        ),
        Property(
            "no light is lost: weights and final transmittance add to one",
            1,
            _no_light_is_lost,
            cases=(RANDOM, EMPTY),
            hint="See hint 1.",
        ),
        Property(
            "values agree with the reference",
            1,
            lambda ask, case: compare(ask, case, _MISTAKES, atol=1e-4),
            cases=(RANDOM, FAINT),
            hint="See hint 2.",
        ),
        gradients_flow(1, (0, 1, 2), cases=(RANDOM,)),
    ),
    mutants={
        "back to front": _back_to_front,
        "own light dimmed": _self_dimmed,
        "no alpha": _no_alpha,
        "no transmittance": _no_light,
        "no background": _black,
        "background at full strength": _full_background,
        "average": _averaged,
        "capped at 0.999": lambda alphas, colors, background: blend(
            alphas.clamp_max(0.999), colors, background
        ),
        "below 1/255 skipped": _skipped,
        "opacity returned": _second(lambda alphas, left: 1 - left),
        "last splat left out of the transmittance": _second(
            lambda alphas, left: (1 - alphas[:, :-1]).prod(dim=1)
        ),
        "transmittance detached": _weighted(lambda alphas, arrives: alphas * arrives.detach()),
        "colours detached": lambda alphas, colors, background: blend(
            alphas, colors.detach(), background
        ),
        "changes alphas in place": _paints_over,
    },
)
