"""Exercises 1 and 2 of unit 11: what the discriminator minimises, and what the generator does."""

import math
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, relu, softplus

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.mistakes import compare, gradients_flow, recognise
from course_lib.generative.gan import discriminator_loss, generator_loss

TYPICAL = "seven real and seven generated samples"
UNEVEN = "three real and eight generated samples"
PATCHES = "a logit for each patch"
SURE = "logits of a hundred: a sure discriminator"
UNSURE = "all logits zero"


def _pairs(generator: torch.Generator) -> list[Case]:
    def draw(*shape: int) -> Tensor:
        return 2 * torch.randn(*shape, generator=generator)

    return [
        Case(TYPICAL, (draw(7) + 1, draw(7) - 0.5)),
        Case(UNEVEN, (draw(3) + 1, draw(8) - 0.5)),
        Case(PATCHES, (draw(2, 1, 3, 3) + 1, draw(4, 1, 3, 3))),
        Case(SURE, (100 + 10 * draw(4), draw(4) - 150)),
        Case("a discriminator that is surely wrong", (draw(4) - 150, 130 + draw(4))),
        Case(UNSURE, (torch.zeros(5), torch.zeros(6))),
    ]


WRONG = "a discriminator that is surely wrong"


def _judge_agrees(ask: Ask, case: Case) -> Finding | None:
    return compare(ask, case, _JUDGE_MISTAKES, atol=1e-4)


def _undecided(ask: Ask, case: Case) -> Finding | None:
    """Always "one half": two logarithms of two."""
    came = float(ask(*case.inputs))
    if abs(came - 2 * math.log(2)) <= 1e-4:
        return None
    found = compare(ask, case, _JUDGE_MISTAKES, atol=1e-4)
    if found is not None and found.message in _JUDGE_MISTAKES:
        return found
    return Finding(
        "a discriminator that always says one half has a loss that you can find by hand.",
        came=f"{came:.4g}",
        wanted=f"{2 * math.log(2):.4g}",
        hint="See hint 1.",
    )


def _both(
    on_real: Callable[[Tensor], Tensor], on_fake: Callable[[Tensor], Tensor]
) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda real, fake: on_real(real) + on_fake(fake)


def _good(real: Tensor) -> Tensor:
    return softplus(-real).mean()


def _bad(fake: Tensor) -> Tensor:
    return softplus(fake).mean()


def _unsafe(real: Tensor, fake: Tensor) -> Tensor:
    return -real.sigmoid().log().mean() - (1 - fake.sigmoid()).log().mean()


def _guarded(real: Tensor, fake: Tensor) -> Tensor:
    return -(real.sigmoid() + 1e-8).log().mean() - (1 - fake.sigmoid() + 1e-8).log().mean()


def _pooled(real: Tensor, fake: Tensor) -> Tensor:
    return 2 * torch.cat([softplus(-real).flatten(), softplus(fake).flatten()]).mean()


def _summed(real: Tensor, fake: Tensor) -> Tensor:
    return softplus(-real).sum() + softplus(fake).sum()


def _halved(real: Tensor, fake: Tensor) -> Tensor:
    return discriminator_loss(real, fake) / 2


def _value(real: Tensor, fake: Tensor) -> Tensor:
    return -discriminator_loss(real, fake)


def _exchanged(real: Tensor, fake: Tensor) -> Tensor:
    return discriminator_loss(fake, real)


def _twice_sigmoid(real: Tensor, fake: Tensor) -> Tensor:
    return discriminator_loss(real.sigmoid(), fake.sigmoid())


def _bits(real: Tensor, fake: Tensor) -> Tensor:
    return discriminator_loss(real, fake) / math.log(2)


def _hinge(real: Tensor, fake: Tensor) -> Tensor:
    return relu(1 - real).mean() + relu(1 + fake).mean()


def _critic(real: Tensor, fake: Tensor) -> Tensor:
    return fake.mean() - real.mean()


def _fake_detached(real: Tensor, fake: Tensor) -> Tensor:
    return discriminator_loss(real, fake.detach())


def _judge_in_place(real: Tensor, fake: Tensor) -> Tensor:
    result = discriminator_loss(real, fake)
    fake.sigmoid_()
    return result


_real_only = _both(_good, lambda fake: 0 * fake.mean())
_fake_only = _both(lambda real: 0 * real.mean(), _bad)
_same_sign = _both(_good, lambda fake: softplus(-fake).mean())

_JUDGE_MISTAKES = {
    "this is the value of the game, which the discriminator wants large; asked is what it "
    "minimises.": _value,
    "real and generated samples have changed places.": _exchanged,
    "only the real samples count.": _real_only,
    "only the generated samples count.": _fake_only,
    "generated samples are to be called real, too.": _same_sign,
    "the sigmoid is taken twice.": _twice_sigmoid,
    "this is the hinge of unit 05.": _hinge,
    "this is a Wasserstein critic, without logarithms.": _critic,
    "the result is a sum over the samples.": _summed,
    "real and generated samples are averaged together, so that the larger set counts more.": (
        _pooled
    ),
    "the result is half of what is asked: two means are added, not averaged.": _halved,
    "the unit is bits; asked are nats.": _bits,
    "small numbers inside the logarithms hide what a sure discriminator loses.": _guarded,
}

DISCRIMINATOR_LOSS = Check(
    name="gans.discriminator_loss",
    reference=discriminator_loss,
    cases=_pairs,
    properties=(
        Property("an undecided discriminator", 1, _undecided, (UNSURE,), "See hint 1."),
        Property("values agree with the reference", 1, _judge_agrees, (TYPICAL, UNEVEN, PATCHES)),
        Property("a sure discriminator", 1, _judge_agrees, (SURE, WRONG), "See hint 3."),
        gradients_flow(1, (0, 1), cases=(TYPICAL, UNEVEN), hint="Both sets teach."),
    ),
    mutants={
        "value": _value,
        "exchanged": _exchanged,
        "real only": _real_only,
        "fake only": _fake_only,
        "same sign": _same_sign,
        "sigmoid twice": _twice_sigmoid,
        "hinge": _hinge,
        "critic": _critic,
        "summed": _summed,
        "pooled": _pooled,
        "halved": _halved,
        "bits": _bits,
        "unsafe": _unsafe,
        "guarded": _guarded,
        "detached": _fake_detached,
        "in place": _judge_in_place,
    },
)

MINIMAX = "the game's own loss"
SATURATED = "the game's own loss, and a sure discriminator"
HEURISTIC = "the non-saturating loss"
STEEP = "the non-saturating loss, and a sure discriminator"
FOOLED = "the game's own loss, and a fooled discriminator"
MANY = "the non-saturating loss of patches"


def _kinds(generator: torch.Generator) -> list[Case]:
    def draw(*shape: int) -> Tensor:
        return 2 * torch.randn(*shape, generator=generator)

    return [
        Case(MINIMAX, (draw(7) + 0.5, "minimax")),
        Case(SATURATED, (draw(5) - 120, "minimax")),
        Case(FOOLED, (draw(5) + 120, "minimax")),
        Case(HEURISTIC, (draw(7) - 0.5, "non-saturating")),
        Case(STEEP, (draw(5) - 120, "non-saturating")),
        Case(MANY, (draw(2, 1, 3, 3), "non-saturating")),
    ]


def _persuader_agrees(ask: Ask, case: Case) -> Finding | None:
    """Right for its kind; a mistake is recognised by what both kinds give."""
    fake = case.inputs[0]
    found = compare(ask, case, {}, atol=1e-4)
    if found is None:
        return None

    def of_both(function: Callable[..., Tensor]) -> Callable[[Tensor], Tensor]:
        return lambda x: torch.stack([function(x, "minimax"), function(x, "non-saturating")])

    mistakes = {sentence: of_both(wrong) for sentence, wrong in _PERSUADER_MISTAKES.items()}
    sentence = recognise(of_both(ask)(fake), (fake,), mistakes, 1e-4, 1e-4)
    return replace(found, message=sentence) if sentence else found


def _falls(ask: Ask, case: Case) -> Finding | None:
    """The generator gains when the discriminator believes it more."""
    fake, kind = case.inputs
    before, after = float(ask(fake, kind)), float(ask(fake + 1, kind))
    if after < before - 1e-4:
        return None
    known = _persuader_agrees(ask, case)
    if known is not None and known.message in _PERSUADER_MISTAKES:
        return known
    return Finding(
        "the discriminator believes the generator more, and the loss does not fall.",
        came=f"from {before:.4g} to {after:.4g}",
        wanted="a smaller number",
        hint="See hint 1.",
    )


def _persuader(
    minimax: Callable[[Tensor], Tensor], heuristic: Callable[[Tensor], Tensor]
) -> Callable[[Tensor, str], Tensor]:
    return lambda fake, kind: (minimax if kind == "minimax" else heuristic)(fake)


def _own(fake: Tensor) -> Tensor:
    return -softplus(fake).mean()


def _persuade(fake: Tensor) -> Tensor:
    return softplus(-fake).mean()


def _log_of_sigmoid(fake: Tensor) -> Tensor:
    return -fake.sigmoid().log().mean()


def _log_of_rest(fake: Tensor) -> Tensor:
    return (1 - fake.sigmoid()).log().mean()


def _detached(fake: Tensor, kind: str) -> Tensor:
    return generator_loss(fake.detach(), kind) + 0 * fake.sum()


def _in_place(fake: Tensor, kind: str) -> Tensor:
    result = generator_loss(fake, kind)
    fake.neg_()
    return result


_always_own = _persuader(_own, _own)
_always_persuade = _persuader(_persuade, _persuade)
_kinds_exchanged = _persuader(_persuade, _own)
_rising = _persuader(_bad, lambda fake: -softplus(-fake).mean())
_own_rising = _persuader(_bad, _persuade)
_persuade_rising = _persuader(_own, lambda fake: logsigmoid(fake).mean())
_as_judge = _persuader(_own, _bad)
_sums = _persuader(lambda fake: -softplus(fake).sum(), lambda fake: softplus(-fake).sum())
_sigmoids = _persuader(lambda f: _own(f.sigmoid()), lambda f: _persuade(f.sigmoid()))
_wasserstein = _persuader(lambda fake: -fake.mean(), lambda fake: -fake.mean())
_unsafe_kinds = _persuader(_log_of_rest, _log_of_sigmoid)
_guarded_kinds = _persuader(
    lambda fake: (1 - fake.sigmoid() + 1e-8).log().mean(),
    lambda fake: -(fake.sigmoid() + 1e-8).log().mean(),
)

_PERSUADER_MISTAKES = {
    "both kinds give the game's own loss.": _always_own,
    "both kinds give the non-saturating loss.": _always_persuade,
    "the two kinds have changed places.": _kinds_exchanged,
    "a generator that minimises this tries to be found out: the sign.": _rising,
    "the game's own loss has the wrong sign.": _own_rising,
    "the non-saturating loss has the wrong sign.": _persuade_rising,
    "this is what the discriminator loses on the generated samples.": _as_judge,
    "the result is a sum over the samples.": _sums,
    "the sigmoid is taken twice.": _sigmoids,
    "this is the generator of a Wasserstein critic, without logarithms.": _wasserstein,
    "a small number inside the logarithm hides how far the generator is from convincing.": (
        _guarded_kinds
    ),
}

GENERATOR_LOSS = Check(
    name="gans.generator_loss",
    reference=generator_loss,
    cases=_kinds,
    properties=(
        Property("it falls as the belief in the fakes grows", 1, _falls, (MINIMAX, HEURISTIC)),
        Property(
            "values agree with the reference", 1, _persuader_agrees, (MINIMAX, HEURISTIC, MANY)
        ),
        Property("a sure discriminator", 1, _persuader_agrees, (STEEP, FOOLED), "See hint 3."),
        gradients_flow(1, (0,), cases=(MINIMAX, HEURISTIC), hint="The slope is all that teaches."),
    ),
    mutants={
        "always minimax": _always_own,
        "always non-saturating": _always_persuade,
        "kinds exchanged": _kinds_exchanged,
        "rising": _rising,
        "minimax rising": _own_rising,
        "non-saturating rising": _persuade_rising,
        "as the discriminator": _as_judge,
        "summed": _sums,
        "sigmoid twice": _sigmoids,
        "wasserstein": _wasserstein,
        "unsafe": _unsafe_kinds,
        "guarded": _guarded_kinds,
        "detached": _detached,
        "in place": _in_place,
    },
)
