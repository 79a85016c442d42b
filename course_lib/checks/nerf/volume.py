"""Exercise 4 of unit 16: how much of a ray's light each step keeps."""

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
from course_lib.rendering.nerf import volume_weights

Weighed = tuple[Tensor, Tensor]

RANDOM = "six rays, seven steps of different lengths"
THIN = "three rays through two hundred steps of thin fog"
FOG = "even fog of density 2, ten equal steps of 0.1"
EMPTY = "empty space"
WALL = "a wall of infinite density behind thin fog"
STANDING = "steps of length zero in dense fog"


def _cases(generator: torch.Generator) -> list[Case]:
    def draw(low: float, high: float, *shape: int) -> Tensor:
        return uniform(low, high, *shape, generator=generator)

    wall = draw(0.2, 1.0, 2, 5)
    wall[:, 3] = torch.inf
    standing = draw(0.1, 0.5, 2, 6)
    standing[:, [0, 3]] = 0.0
    return [
        Case(RANDOM, (draw(0.2, 3.0, 6, 7), draw(0.05, 0.6, 6, 7))),
        Case(THIN, (draw(0.0, 0.5, 3, 200), draw(0.0, 0.1, 3, 200))),
        Case(FOG, (torch.full((1, 10), 2.0), torch.full((1, 10), 0.1))),
        Case(EMPTY, (torch.zeros(2, 4), draw(0.1, 0.5, 2, 4))),
        Case(WALL, (wall, draw(0.1, 0.5, 2, 5))),
        Case(STANDING, (draw(1.0, 6.0, 2, 6), standing)),
    ]


def _by_hand(ask: Ask, case: Case) -> Finding | None:
    came, left = ask(*case.inputs)
    judge = {FOG: _in_fog, EMPTY: _in_empty_space, WALL: _at_a_wall, STANDING: _while_standing}
    found = judge[case.name](came, left, *case.inputs)
    return found and _named((came, left), case, found)


def _named(came: Weighed, case: Case, found: Finding) -> Finding:
    """The same finding, with the mistake called by its name where it is a known one."""
    sentence = recognise(came, case.inputs, _MISTAKES, 1e-5, 1e-4)
    return Finding(sentence or found.message, found.came, found.wanted, found.hint)


def _in_fog(weights: Tensor, left: Tensor, sigmas: Tensor, deltas: Tensor) -> Finding | None:
    ends = torch.exp(-2.0 * 0.1 * torch.arange(11, dtype=torch.float64))
    wanted = ends[:-1] - ends[1:]  # the integral of 2 exp(-2 t) over each step
    off = (weights[0] - wanted).abs()
    if float(off.max()) <= 1e-5:
        return None
    i = int(off.argmax())
    return Finding(
        "in even fog the light falls as exp(-sigma t), and a step's weight is what it loses there.",
        came=f"weight {i} is {float(weights[0, i]):.4g}",
        wanted=f"{float(wanted[i]):.4g}",
        hint="alpha is not sigma times delta: a thick step cannot stop more light than arrives.",
    )


def _in_empty_space(
    weights: Tensor, left: Tensor, sigmas: Tensor, deltas: Tensor
) -> Finding | None:
    if float(weights.abs().max()) <= 1e-6 and float((left - 1).abs().max()) <= 1e-6:
        return None
    return Finding(
        "where there is nothing, no step has a weight and all light is left.",
        came=f"weights {listed(weights[0])}, left {float(left[0]):.4g}",
        wanted="weights 0, left 1",
    )


def _at_a_wall(weights: Tensor, left: Tensor, sigmas: Tensor, deltas: Tensor) -> Finding | None:
    arrives = torch.exp(-(sigmas[:, :3] * deltas[:, :3]).sum(dim=1))
    off = (weights[:, 3] - arrives).abs()
    behind = torch.cat([weights[:, 4:], left[:, None]], dim=1).abs()
    if float(off.max()) <= 1e-5 and float(behind.max()) <= 1e-6:
        return None
    return Finding(
        "a wall keeps all the light that reaches it, and nothing is left behind it.",
        came=f"weights {listed(weights[0])}, left {float(left[0]):.3g}",
        wanted=f"the wall's weight is {float(arrives[0]):.3g}; then only zeros",
        hint="Infinity minus infinity is no number: add up only what lies in front.",
    )


def _while_standing(
    weights: Tensor, left: Tensor, sigmas: Tensor, deltas: Tensor
) -> Finding | None:
    still = weights[:, [0, 3]].abs()
    if float(still.max()) > 1e-6:
        return Finding(
            "a step of length zero holds no matter, so it has no weight, whatever its density.",
            came=f"weights {listed(weights[0])}",
            wanted="0 for steps 0 and 3",
        )
    return None


def _nothing_is_lost(ask: Ask, case: Case) -> Finding | None:
    """Weights and what is left add to one, and what is left is exp(-sum sigma delta)."""
    sigmas, deltas = case.inputs
    weights, left = ask(*case.inputs)
    passed = torch.exp(-(sigmas.double() * deltas.double()).sum(dim=1))
    off = (left - passed).abs()
    if float(off.max()) > 1e-4:
        n = int(off.argmax())
        message = "what is left is the light that passes *all* the steps."
        without = torch.exp(-(sigmas * deltas)[:, :-1].sum(dim=1))
        if torch.allclose(left, without, atol=1e-4):
            message = "what is left leaves out the last step: it is the light that *reaches* it."
        if torch.allclose(left, weights.sum(dim=1), atol=1e-4):
            message = "the second result is the light that was stopped; asked is what passes."
        return Finding(message, came=f"{float(left[n]):.4g}", wanted=f"{float(passed[n]):.4g}")
    total = weights.sum(dim=1) + left
    off = (total - 1).abs()
    if float(off.max()) <= 1e-4:
        return None
    n = int(off.argmax())
    return Finding(
        "light is never lost: all weights and what is left add to one.",
        came=f"a sum of {float(total[n]):.4g}",
        wanted="1",
        hint="What step i + 1 receives is what step i received, less what it kept.",
    )


def _only_matter_counts(ask: Ask, case: Case) -> Finding | None:
    """Cutting a step in two changes nothing, nor does measuring in other units."""
    sigmas, deltas = case.inputs
    weights, _ = ask(*case.inputs)
    half = 0.3 * deltas[:, 2:3]
    cut = torch.cat([deltas[:, :2], half, deltas[:, 2:3] - half, deltas[:, 3:]], dim=1)
    finer, _ = ask(torch.cat([sigmas[:, :3], sigmas[:, 2:]], dim=1), cut)
    joined = torch.cat([finer[:, :2], finer[:, 2:4].sum(1, keepdim=True), finer[:, 4:]], dim=1)
    off = (joined - weights).abs()
    if float(off.max()) > 1e-4:
        n, i = divmod(int(off.argmax()), off.shape[1])
        return Finding(
            "step 2 was cut in two of the same density, and the weights changed.",
            came=f"weight {i} goes from {float(weights[n, i]):.4g} to {float(joined[n, i]):.4g}",
            wanted="no change (the two halves together weigh what the step weighed)",
            hint="The light that passes two steps is the product of what each lets through.",
        )
    millimetres, _ = ask(sigmas / 1000, deltas * 1000)
    if float((millimetres - weights).abs().max()) <= 1e-4:
        return None
    return Finding(
        "the scene was measured in millimetres instead of metres, and the weights changed.",
        hint="sigma is matter per length. Only the product of sigma and delta has no unit.",
    )


def _weighted(
    alpha: Callable[[Tensor, Tensor], Tensor] = lambda s, d: 1 - torch.exp(-s * d),
    make: Callable[[Tensor, Tensor, Tensor], Tensor] = lambda alphas, before, after: (
        alphas * before
    ),
    rest: Callable[[Tensor, Tensor], Tensor] = lambda before, after: after[:, -1],
) -> Callable[[Tensor, Tensor], Weighed]:
    """A wrong answer: another alpha, other weights, another second result."""

    def function(sigmas: Tensor, deltas: Tensor) -> Weighed:
        alphas = alpha(sigmas, deltas)
        after = (1 - alphas).cumprod(dim=1)
        before = torch.cat([torch.ones_like(after[:, :1]), after[:, :-1]], dim=1)
        return make(alphas, before, after), rest(before, after)

    return function


_linear = _weighted(lambda s, d: s * d)
_capped = _weighted(lambda s, d: (s * d).clamp_max(1.0))
_no_delta = _weighted(lambda s, d: 1 - torch.exp(-s))
_mean_delta = _weighted(lambda s, d: 1 - torch.exp(-s * d.mean(dim=1, keepdim=True)))
_own_shadow = _weighted(make=lambda alphas, before, after: alphas * after)
_no_light = _weighted(make=lambda alphas, before, after: alphas)
_no_alpha = _weighted(make=lambda alphas, before, after: before)
_density = _weighted(make=lambda alphas, before, after: before * -torch.log1p(-alphas))
_late = _weighted(rest=lambda before, after: before[:, -1])
_stopped = _weighted(rest=lambda before, after: 1 - after[:, -1])
_normalised = _weighted(
    make=lambda alphas, before, after: (
        alphas * before / (alphas * before).sum(1, keepdim=True).clamp_min(1e-8)
    )
)


def _from_behind(sigmas: Tensor, deltas: Tensor) -> Weighed:
    weights, left = volume_weights(sigmas.flip(1), deltas.flip(1))
    return weights.flip(1), left


def _own_step_removed(sigmas: Tensor, deltas: Tensor) -> Weighed:
    """Right for finite densities: the running sum less the own step."""
    depths = sigmas * deltas
    arrives = torch.exp(-(depths.cumsum(dim=1) - depths))
    return arrives * (1 - torch.exp(-depths)), torch.exp(-depths.sum(dim=1))


_MISTAKES = {
    "alpha is sigma times delta, which is only its beginning for thin steps.": _linear,
    "alpha is sigma times delta, cut off at 1; the light falls exponentially.": _capped,
    "the length of the steps has no effect: twice the way through fog stops more light.": _no_delta,
    "all steps of a ray have the same length; each has a delta of its own.": _mean_delta,
    "each step stands in its own shadow: the light that *arrives* at step 0 is 1.": _own_shadow,
    "the light that arrives does not enter: as if nothing stood in front.": _no_light,
    "alpha does not enter the weights, only the transmittance does.": _no_alpha,
    "the weight is T sigma delta; within a thick step the light falls, too.": _density,
    "the last step is taken as the nearest.": _from_behind,
    "the weights of a ray are made to add to one by themselves; some light may pass.": _normalised,
}


VOLUME_WEIGHTS = Check(
    name="nerf.volume_weights",
    reference=volume_weights,
    cases=_cases,
    properties=(
        Property(
            "rays that can be worked out by hand",
            1,
            _by_hand,
            cases=(FOG, EMPTY, WALL, STANDING),
            hint="See hint 1.",
        ),
        Property(
            "no light is lost: weights and final transmittance add to one",
            1,
            _nothing_is_lost,
            cases=(RANDOM, THIN),
            hint="See hint 2.",
        ),
        Property(
            "only matter counts: a step cut in two, other units", 1, _only_matter_counts, (RANDOM,)
        ),
        Property(
            "values agree with the reference",
            1,
            lambda ask, case: compare(ask, case, _MISTAKES, atol=1e-5, rtol=1e-3),
            cases=(RANDOM, THIN),
            hint="See hint 2.",
        ),
        gradients_flow(
            1,
            (0, 1),
            cases=(RANDOM,),
            hint="A density changes the weight of its own step, and of all steps behind.",
        ),
    ),
    mutants={
        "alpha is sigma delta": _linear,
        "alpha is sigma delta, capped": _capped,
        "delta ignored": _no_delta,
        "equal steps": _mean_delta,
        "own shadow": _own_shadow,
        "no transmittance": _no_light,
        "no alpha": _no_alpha,
        "density for alpha": _density,
        "back to front": _from_behind,
        "normalised": _normalised,
        "left before the last step": _late,
        "stopped light returned": _stopped,
        "infinity minus infinity": _own_step_removed,
        "absorption with a factor": _weighted(lambda s, d: 1 - torch.exp(-0.5 * s * d)),
        "one minus forgotten": _weighted(lambda s, d: torch.exp(-s * d)),
        "a little in each logarithm": _weighted(lambda s, d: 1 - torch.exp(-(s + 0.01) * d)),
        "first ray for all": lambda sigmas, deltas: volume_weights(
            sigmas[:1].expand_as(sigmas), deltas[:1].expand_as(deltas)
        ),
        "transmittance detached": _weighted(
            make=lambda alphas, before, after: alphas * before.detach()
        ),
        "densities detached": lambda sigmas, deltas: volume_weights(sigmas.detach(), deltas),
    },
)
