"""Exercise 5 of unit 11: the slope of a critic between real and generated samples."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.mistakes import compare, gradients_flow
from course_lib.generative.gan import critic, gradient_penalty

PLANE = "six pairs in the plane"
SPACE = "five pairs in space"
ENDS = "mixtures at the ends: 0 and 1"
FLAT = "a critic that is flat"


def _cases(generator: torch.Generator) -> list[Case]:
    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    def pair(N: int, D: int, H: int) -> tuple[Tensor, ...]:
        mix = torch.rand(N, 1, generator=generator)
        mix[0] = 0.2
        return draw(H * (D + 2) + 1), draw(N, D), draw(N, D) + 2, mix

    weights, real, fake, _ = pair(4, 2, 5)
    return [
        Case(PLANE, pair(6, 2, 5)),
        Case(SPACE, pair(5, 3, 4)),
        Case(ENDS, (weights, real, fake, torch.tensor([[0.0], [1.0], [1.0], [0.0]]))),
        Case(FLAT, (0 * weights, real, fake, torch.rand(4, 1, generator=generator))),
    ]


def _agrees(ask: Ask, case: Case) -> Finding | None:
    return compare(ask, case, _MISTAKES, atol=1e-4)


def _straight(ask: Ask, case: Case) -> Finding | None:
    """A critic so nearly straight that its slope is known everywhere, whatever the mixture."""
    weights, real, fake, mix = case.inputs
    D = real.shape[1]
    H = (len(weights) - 1) // (D + 2)
    for slope in (1.0, 3.0):
        W = torch.zeros(H, D)
        W[0, 0] = 1.0  # softplus(x + 100) is x + 100
        v = torch.zeros(H)
        v[0] = slope
        straight = torch.cat([W.flatten(), torch.full((H,), 100.0), v, torch.zeros(1)])
        came = float(ask(straight, real, fake, mix))
        if abs(came - (slope - 1) ** 2) > 1e-3:
            found = compare(ask, Case("", (straight, real, fake, mix)), _MISTAKES, atol=1e-4)
            if found is not None and found.message in _MISTAKES:
                return found
            return Finding(
                f"a critic that climbs by {slope:g} everywhere has a known penalty.",
                came=f"{came:.4g}",
                wanted=f"{(slope - 1) ** 2:.4g}",
                hint="See hint 2.",
            )
    return None


def _variant(
    mixed: Callable[[Tensor, Tensor, Tensor], Tensor] = lambda r, f, m: m * r + (1 - m) * f,
    penalty: Callable[[Tensor], Tensor] = lambda s: (s.norm(dim=1) - 1).square().mean(),
    graph: bool = True,
    judged: Callable[[Tensor], Tensor] = lambda d: d.sum(),
) -> Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]:
    """The penalty with one step done otherwise."""

    def function(weights: Tensor, real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
        x = mixed(real, fake, mix).detach().requires_grad_()
        (slope,) = torch.autograd.grad(judged(critic(x, weights)), x, create_graph=graph)
        return penalty(slope)

    return function


def _in_place(weights: Tensor, real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    result = gradient_penalty(weights, real, fake, mix)
    real.mul_(mix)
    return result


_at_real = _variant(lambda r, f, m: r)
_at_fake = _variant(lambda r, f, m: f)
_turned = _variant(lambda r, f, m: m * f + (1 - m) * r)
_halfway = _variant(lambda r, f, m: (r + f) / 2)
_one_mix = _variant(lambda r, f, m: m[:1] * r + (1 - m[:1]) * f)
_averaged = _variant(judged=lambda d: d.mean())
_no_target = _variant(penalty=lambda s: s.norm(dim=1).square().mean())
_squared_norm = _variant(penalty=lambda s: (s.square().sum(dim=1) - 1).square().mean())
_whole_norm = _variant(penalty=lambda s: (s.norm() - 1).square())
_each_axis = _variant(penalty=lambda s: (s.abs() - 1).square().mean())
_summed = _variant(penalty=lambda s: (s.norm(dim=1) - 1).square().sum())
_absolute = _variant(penalty=lambda s: (s.norm(dim=1) - 1).abs().mean())
_of_mean = _variant(penalty=lambda s: (s.norm(dim=1).mean() - 1).square())
_one_sided = _variant(penalty=lambda s: (s.norm(dim=1) - 1).clamp(min=0).square().mean())
_taxicab = _variant(penalty=lambda s: (s.abs().sum(dim=1) - 1).square().mean())
_ten = _variant(penalty=lambda s: 10 * (s.norm(dim=1) - 1).square().mean())

_MISTAKES = {
    "the slope is taken at the real samples.": _at_real,
    "the slope is taken at the generated samples.": _at_fake,
    "a mixture of 1 is to be the real sample, not the generated one.": _turned,
    "the slope is taken halfway; the mixture has no effect.": _halfway,
    "all pairs are mixed by the first number.": _one_mix,
    "the slope is too small by the number of samples: it is that of a mean.": _averaged,
    "a slope of zero is rewarded; asked is a slope of one.": _no_target,
    "the squared length of the slope is compared with one.": _squared_norm,
    "one length is taken of all slopes together.": _whole_norm,
    "each axis is asked for a slope of one; it is the length that counts.": _each_axis,
    "the penalties are summed over the samples.": _summed,
    "the distance from one is not squared.": _absolute,
    "the mean slope is compared with one; each sample's should be.": _of_mean,
    "only slopes above one are punished.": _one_sided,
    "the length of the slope is a sum of its entries.": _taxicab,
    "there is a factor that nobody asked for.": _ten,
}

GRADIENT_PENALTY = Check(
    name="gans.gradient_penalty",
    reference=gradient_penalty,
    cases=_cases,
    properties=(
        Property("straight critics", 1, _straight, (PLANE,), "See hint 2."),
        Property(
            "values agree with the reference", 2, _agrees, (PLANE, SPACE, ENDS), "See hint 1."
        ),
        gradients_flow(
            2,
            (0,),
            name="the critic can learn from it",
            cases=(PLANE, SPACE),
            hint="See hint 3.",
        ),
    ),
    mutants={
        "at real": _at_real,
        "at fake": _at_fake,
        "turned": _turned,
        "halfway": _halfway,
        "one mix": _one_mix,
        "averaged": _averaged,
        "no target": _no_target,
        "squared norm": _squared_norm,
        "whole norm": _whole_norm,
        "each axis": _each_axis,
        "summed": _summed,
        "absolute": _absolute,
        "of the mean": _of_mean,
        "one-sided": _one_sided,
        "taxicab": _taxicab,
        "ten": _ten,
        "no graph": _variant(graph=False),
        "in place": _in_place,
    },
)
