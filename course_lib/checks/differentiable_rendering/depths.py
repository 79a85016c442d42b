"""Exercise 3 of unit 14: one colour from all the faces that a pixel meets."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.form import StudentError
from course_lib.checks.mistakes import (
    Mistakes,
    compare,
    gradients_flow,
    listed,
    recognise,
    uniform,
)
from course_lib.rendering.soft_rasterizer import soft_depth_blend, z_buffer

RANDOM = "four faces over a picture of 5 x 4 pixels"
FAR = "the same faces, a hundred times as far away"
SHARP = "gamma = 1e-3: nearly a z-buffer"
SINGLE = "one face that covers a quarter, a half and all of a pixel"
PAIR = "a red face at depth 1, a blue one at depth 2, both covering all, gamma = 0.5"
BARE = "pixels that no face covers"
HIDDEN = "a face right before the camera that covers nothing"

RED_BLUE = torch.tensor([[[[1.0, 0.0, 0.0]]], [[[0.0, 0.0, 1.0]]]])  # (2, 1, 1, 3)


def _layers(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Coverage, depths, colours and background; no two depths of a pixel are close together."""
    order = torch.rand(4, 4, 5, generator=generator).argsort(dim=0)
    depths = 1.0 + 0.6 * order + uniform(0.0, 0.3, 4, 4, 5, generator=generator)
    coverage = uniform(0.05, 0.4, 4, 4, 5, generator=generator)
    colors = uniform(0.0, 1.0, 4, 4, 5, 3, generator=generator)
    return coverage, depths, colors, uniform(0.2, 0.9, 3, generator=generator)


def _cases(generator: torch.Generator) -> list[Case]:
    coverage, depths, colors, background = _layers(generator)
    part = torch.tensor([0.25, 0.5, 1.0]).reshape(1, 1, 3)
    one = (part, 2.0 * torch.ones(1, 1, 3), colors[:1, :1, :3], background)
    both = torch.ones(2, 1, 1)
    half = (torch.rand(4, 4, 5, generator=generator) < 0.5).float()
    hidden = torch.cat([coverage, torch.zeros(1, 4, 5)])
    close = torch.cat([depths, torch.full((1, 4, 5), 1e-3)])
    return [
        Case(SINGLE, (*one, 0.1)),
        Case(PAIR, (both, torch.tensor([1.0, 2.0]).reshape(2, 1, 1), RED_BLUE, background, 0.5)),
        Case(BARE, (torch.zeros(4, 4, 5), depths, colors, background, 0.1)),
        Case(RANDOM, (coverage, depths, colors, background, 0.2)),
        Case(FAR, (coverage, 100.0 * depths, colors, background, 0.002)),
        Case(HIDDEN, (hidden, close, torch.cat([colors, colors[:1]]), background, 0.1)),
        Case(SHARP, (half, depths, colors, background, 1e-3)),
    ]


def _by_hand(ask: Ask, case: Case) -> Finding | None:
    coverage, _, colors, background, _ = case.inputs
    wanted, message = {
        SINGLE: (
            torch.lerp(background.expand_as(colors[0]), colors[0], coverage[0, ..., None]),
            "one face alone is mixed with the background by its coverage, whatever gamma is.",
        ),
        PAIR: (
            torch.tensor([[[0.7311, 0.0, 0.2689]]]),
            "red is nearer by 1/1 - 1/2 = 1/2, which is one gamma: it weighs e times as much as "
            "blue.",
        ),
        BARE: (background.expand(4, 5, 3), "where no face covers, there is the background."),
    }[case.name]
    came = ask(*case.inputs)
    off = (came - wanted).abs().amax(dim=-1)
    if float(off.max()) <= 1e-3:
        return None
    message = recognise(came, case.inputs, _MISTAKES, 1e-5, 1e-4) or message
    i, j = (int(n) for n in torch.unravel_index(off.argmax(), off.shape))
    return Finding(
        message, came=f"colour {listed(came[i, j])} at ({i}, {j})", wanted=listed(wanted[i, j])
    )


def _becomes_a_z_buffer(ask: Ask, case: Case) -> Finding | None:
    coverage, depths, colors, background, _ = case.inputs
    came, seen = ask(*case.inputs), z_buffer(coverage > 0, depths)
    rows, columns = torch.meshgrid(torch.arange(4), torch.arange(5), indexing="ij")
    wanted = torch.where(seen[..., None] >= 0, colors[seen, rows, columns], background)
    off = (came - wanted).abs().amax(dim=-1)
    if float(off.max()) <= 1e-3:
        return None
    message = "as gamma falls to 0, the nearest of the faces that cover a pixel should take it all."
    message = recognise(came, case.inputs, _MISTAKES, 1e-4, 1e-3) or message
    i, j = (int(n) for n in torch.unravel_index(off.argmax(), off.shape))
    return Finding(
        message,
        came=f"colour {listed(came[i, j])} at ({i}, {j})",
        wanted=listed(wanted[i, j]),
        hint="Which power of e is the largest, and what happens to the others next to it?",
    )


def _what_does_not_matter(ask: Ask, case: Case) -> Finding | None:
    """The order of the list does not; nor does a face that covers nothing."""
    coverage, depths, colors, background, gamma = case.inputs
    once = ask(*case.inputs)
    if case.name == HIDDEN:
        other = ask(coverage[:-1], depths[:-1], colors[:-1], background, gamma)
        message = (
            "a face that covers nothing of a pixel changes its colour: being near is not enough."
        )
    else:
        other = ask(coverage.flip(0), depths.flip(0), colors.flip(0), background, gamma)
        message = "the faces listed in another order give another picture."
    off = float((once - other).abs().max())
    if off <= 1e-4:
        return None
    return Finding(message, came=f"a change of {off:.3g}", wanted="no change")


def _sharp_or_free(ask: Ask, case: Case) -> Finding | None:
    judge = _becomes_a_z_buffer if case.name == SHARP else _what_does_not_matter
    try:
        return judge(ask, case)
    except StudentError as error:
        if error.kind != "not finite":
            raise
        return Finding(
            "there are NaN or infinite values: here the formula, taken literally, asks for e to a "
            "power of many hundreds, and float32 ends at e to the power 88.",
            hint="See hint 3.",
        )


def _largest(exponents: Tensor) -> Tensor:
    return exponents.amax(dim=0).detach()


def _blend(
    near: Callable[[Tensor], Tensor] = lambda depths: 1.0 / depths,
    scale: Callable[[Tensor, float], Tensor] = lambda near, gamma: near / gamma,
    covers: Callable[[Tensor], Tensor] = lambda coverage: coverage > 0,
    offset: Callable[[Tensor], Tensor] = _largest,
    share: Callable[[Tensor], Tensor] = lambda coverage: coverage,
    total: Callable[[Tensor], Tensor] = lambda weights: weights.sum(dim=0).clamp_min(1e-12),
    alpha: Callable[[Tensor], Tensor] = lambda coverage: 1.0 - (1.0 - coverage).prod(dim=0),
    rest: Callable[[Tensor], Tensor] = lambda alpha: 1.0 - alpha,
) -> Callable[..., Tensor]:
    """The two formulas once more, with one of their steps made wrongly."""

    def function(
        coverage: Tensor, depths: Tensor, colors: Tensor, background: Tensor, gamma: float
    ) -> Tensor:
        exponents = torch.where(covers(coverage), scale(near(depths), gamma), -1e9)
        weights = share(coverage) * torch.exp(exponents - offset(exponents))
        seen = ((weights / total(weights))[..., None] * colors).sum(dim=0)
        opaque = alpha(coverage)[..., None]
        return opaque * seen + rest(opaque) * background

    return function


def _overflows(
    coverage: Tensor, depths: Tensor, colors: Tensor, background: Tensor, gamma: float
) -> Tensor:
    weights = coverage * torch.exp(1.0 / (depths * gamma))
    seen = (weights[..., None] * colors).sum(dim=0) / weights.sum(dim=0).clamp_min(1e-12)[..., None]
    alpha = 1.0 - (1.0 - coverage).prod(dim=0)
    return alpha[..., None] * seen + (1.0 - alpha[..., None]) * background


def _paper(
    coverage: Tensor, depths: Tensor, colors: Tensor, background: Tensor, gamma: float
) -> Tensor:
    """The background as one more face, very far away and covering all."""
    exponents = torch.cat([1.0 / depths, torch.full_like(depths[:1], 1e-3)]) / gamma
    shares = torch.cat([coverage, torch.ones_like(coverage[:1])])
    weights = shares * torch.exp(exponents - exponents.amax(dim=0).detach())
    every = torch.cat([colors, background.expand(1, *colors.shape[1:])])
    return ((weights / weights.sum(dim=0).clamp_min(1e-12))[..., None] * every).sum(dim=0)


_far_wins = _blend(near=lambda depths: -1.0 / depths)
_depth = _blend(near=lambda depths: -depths)
_times = _blend(scale=lambda near, gamma: near * gamma)
_all_count = _blend(share=torch.ones_like)
_all_cover = _blend(covers=lambda coverage: coverage >= 0)
_not_shared = _blend(total=lambda weights: torch.ones_like(weights[0]))
_no_background = _blend(rest=torch.zeros_like)
_full_background = _blend(rest=torch.ones_like)
_opaque = _blend(alpha=lambda coverage: torch.ones_like(coverage[0]), rest=torch.zeros_like)
_strongest = _blend(alpha=lambda coverage: coverage.amax(dim=0))
_sum_alpha = _blend(alpha=lambda coverage: coverage.sum(dim=0).clamp_max(1.0))
_order_free = _blend(scale=lambda near, _gamma: 0.0 * near)

_MISTAKES: Mistakes = {
    "the farthest face counts most; the largest 1/z should.": _far_wins,
    "the exponent is made of the depth; asked is its inverse, 1/z.": _depth,
    "gamma multiplies in the exponent; it should divide.": _times,
    "coverage does not enter the weights: a face that covers little counts like one that covers "
    "all.": _all_count,
    "the weights do not add to one: divide them by their sum.": _not_shared,
    "the background is missing where faces cover only a part.": _no_background,
    "the background is added at full strength; it gets what alpha leaves over.": _full_background,
    "the background never shows: alpha is not used.": _opaque,
    "alpha is the largest coverage; the faces together cover more than each alone.": _strongest,
    "alpha is the sum of the coverages; where two faces overlap that counts the overlap twice.": (
        _sum_alpha
    ),
    "the depths make no difference.": _order_free,
    "the background is taken as one more face of the sum; here it gets what alpha leaves over.": (
        _paper
    ),
}


def _nearest_only(
    coverage: Tensor, depths: Tensor, colors: Tensor, background: Tensor, gamma: float
) -> Tensor:
    return soft_depth_blend(coverage, depths, colors, background, 1e-3 * gamma)


def _in_place(
    coverage: Tensor, depths: Tensor, colors: Tensor, background: Tensor, gamma: float
) -> Tensor:
    result = soft_depth_blend(coverage, depths, colors, background, gamma)
    depths.reciprocal_()
    return result


SOFT_DEPTH_BLEND = Check(
    name="differentiable_rendering.soft_depth_blend",
    reference=soft_depth_blend,
    cases=_cases,
    properties=(
        Property(
            "pixels that can be worked out by hand",
            1,
            _by_hand,
            cases=(SINGLE, PAIR, BARE),
            hint="See hint 1.",
        ),
        Property(
            "a z-buffer as gamma falls to 0; neither order nor uncovering faces matter",
            1,
            _sharp_or_free,
            cases=(SHARP, RANDOM, HIDDEN),
            hint="See hint 3.",
        ),
        Property(
            "values agree with the reference",
            1,
            lambda ask, case: compare(ask, case, _MISTAKES),
            cases=(RANDOM, FAR),
            hint="See hint 2.",
        ),
        gradients_flow(
            1,
            (0, 1, 2),
            cases=(RANDOM,),
            hint="The largest exponent that is subtracted cancels, so it needs no gradient. "
            "Everything else has one, the depths of hidden faces too.",
        ),
    ),
    mutants={
        "farthest first": _far_wins,
        "depth for inverse depth": _depth,
        "gamma multiplies": _times,
        "coverage not in the weights": _all_count,
        "uncovering faces set the largest exponent": _all_cover,
        "weights not divided by their sum": _not_shared,
        "no background": _no_background,
        "background at full strength": _full_background,
        "alpha forgotten": _opaque,
        "alpha the largest coverage": _strongest,
        "alpha the sum": _sum_alpha,
        "depths ignored": _order_free,
        "the paper's background": _paper,
        "overflow": _overflows,
        "one largest exponent for the picture": _blend(offset=lambda exponents: exponents.amax()),
        "nearest only": _nearest_only,
        "weights detached": _blend(near=lambda depths: 1.0 / depths.detach()),
        "alpha detached": _blend(
            alpha=lambda coverage: 1.0 - (1.0 - coverage.detach()).prod(dim=0)
        ),
        "in place": _in_place,
    },
)
