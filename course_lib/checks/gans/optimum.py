"""Exercise 3 of unit 11: the best discriminator of two known distributions."""

import math

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.mistakes import compare
from course_lib.checks.properties import difference
from course_lib.checks.subject import Subject
from course_lib.generative.gan import optimal_discriminator

TYPICAL = "two distributions on nine cells"
EQUAL = "equal distributions"
DISJOINT = "distributions that share no cell"
HOLES = "cells that one or both never reach"

Answer = tuple[Tensor, Tensor]


def _cases(generator: torch.Generator) -> list[Case]:
    def share(size: int) -> Tensor:
        return (1.5 * torch.randn(size, generator=generator)).softmax(0)

    p, q, one = share(9), share(9), share(6)
    nothing = torch.zeros(3)
    left, right = torch.cat([share(4), nothing]), torch.cat([nothing, share(4)])
    holes = torch.cat([torch.zeros(2), share(5), torch.zeros(1)])
    return [
        Case(TYPICAL, (p, q)),
        Case(EQUAL, (one, one.clone())),
        Case(DISJOINT, (torch.cat([share(3), nothing]), torch.cat([nothing, share(3)]))),
        Case(HOLES, (holes, torch.cat([share(4), torch.zeros(4)]))),
        Case("another pair with a common cell", (left, right)),
    ]


def _agrees(ask: Ask, case: Case) -> Finding | None:
    return compare(ask, case, _MISTAKES, atol=1e-4)


def _equal(ask: Ask, case: Case) -> Finding | None:
    """Nobody can do better than guess: D = 1/2, and the value is minus log 4."""
    D, value = ask(*case.inputs)
    if float((D - 0.5).abs().max()) <= 1e-4 and abs(float(value) + math.log(4)) <= 1e-4:
        return None
    found = compare(ask, case, _MISTAKES, atol=1e-4)
    if found is not None and found.message in _MISTAKES:
        return found
    return Finding(
        "where the model is the data's equal, the best discriminator can only guess.",
        came=f"D = {D[0]:.4g} in the first cell, value {value:.4g}",
        wanted=f"{0.5}, {-math.log(4):.4g}",
        hint="See hint 1.",
    )


def _gradient(ask: Ask, case: Case) -> Finding | None:
    """Along changes that keep a sum of one: what is the same for all cells does not matter."""
    weights = torch.linspace(-1, 1, len(case.inputs[0]))
    cotangent = weights, torch.tensor(1.0)
    for wrt, name in enumerate(("p_data", "p_model")):
        wanted = Subject(ask.reference).vjp(case.inputs, wrt, cotangent)
        came = ask.vjp(case.inputs, wrt, cotangent)
        message = f"the gradient with respect to `{name}` is wrong"
        scale = float(wanted.abs().max())
        found = difference(came - came.mean(), wanted - wanted.mean(), 1e-3 * scale, 1e-3, message)
        if found is not None:
            return found
    return None


def _parts(p: Tensor, q: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    D, value = optimal_discriminator(p, q)
    safe = torch.where(p + q > 0, p + q, 1.0)
    return D, value, safe


def _for_model(p: Tensor, q: Tensor) -> Answer:
    D, value = optimal_discriminator(p, q)
    return 1 - D, value


def _logit(p: Tensor, q: Tensor) -> Answer:
    D, value = optimal_discriminator(p, q)
    return torch.logit(D, eps=1e-6), value


def _ratio(p: Tensor, q: Tensor) -> Answer:
    return p / (q + 1e-12), optimal_discriminator(p, q)[1]


def _loss(p: Tensor, q: Tensor) -> Answer:
    D, value = optimal_discriminator(p, q)
    return D, -value


def _unweighted(p: Tensor, q: Tensor) -> Answer:
    D, _ = optimal_discriminator(p, q)
    safe = D.clamp(1e-7, 1 - 1e-7)
    return D, (safe.log() + (1 - safe).log()).mean()


def _data_only(p: Tensor, q: Tensor) -> Answer:
    D, _, safe = _parts(p, q)
    return D, torch.xlogy(p, p / safe).sum()


def _model_only(p: Tensor, q: Tensor) -> Answer:
    D, _, safe = _parts(p, q)
    return D, torch.xlogy(q, q / safe).sum()


def _all_by_data(p: Tensor, q: Tensor) -> Answer:
    D, _, safe = _parts(p, q)
    return D, torch.xlogy(p, p / safe).sum() + torch.xlogy(p, (q / safe).clamp(min=1e-7)).sum()


def _no_complement(p: Tensor, q: Tensor) -> Answer:
    D, _, safe = _parts(p, q)
    return D, torch.xlogy(p, p / safe).sum() + torch.xlogy(q, (p / safe).clamp(min=1e-7)).sum()


def _divergence(p: Tensor, q: Tensor) -> Answer:
    D, value = optimal_discriminator(p, q)
    return D, (value + math.log(4)) / 2


def _bits(p: Tensor, q: Tensor) -> Answer:
    D, value = optimal_discriminator(p, q)
    return D, value / math.log(2)


def _mean(p: Tensor, q: Tensor) -> Answer:
    D, value = optimal_discriminator(p, q)
    return D, value / len(p)


def _decided(p: Tensor, q: Tensor) -> Answer:
    return (p > q).float(), optimal_discriminator(p, q)[1]


def _naive(p: Tensor, q: Tensor) -> Answer:
    D = p / (p + q)
    return D, (p * D.log() + q * (1 - D).log()).sum()


def _empty_is_fake(p: Tensor, q: Tensor) -> Answer:
    D, value = optimal_discriminator(p, q)
    return torch.where(p + q > 0, D, 0.0), value


def _detached(p: Tensor, q: Tensor) -> Answer:
    return optimal_discriminator(p, q.detach())


def _in_place(p: Tensor, q: Tensor) -> Answer:
    result = optimal_discriminator(p, q)
    p.add_(q)
    return result


_MISTAKES = {
    "D says how likely a sample is generated; asked is how likely it is real.": _for_model,
    "D is a logit; asked is a probability.": _logit,
    "D is the ratio of the two; it must be a probability.": _ratio,
    "D is a decision, 0 or 1; asked is the probability.": _decided,
    "the value has the wrong sign: logarithms of probabilities are not above zero.": _loss,
    "the value weighs all cells alike, however often they come.": _unweighted,
    "the value lacks the generated samples.": _data_only,
    "the value lacks the real samples.": _model_only,
    "the generated samples are weighed by how often they come in the data.": _all_by_data,
    "on generated samples the value asks for log(1 - D).": _no_complement,
    "this is the Jensen-Shannon divergence; asked is the value of the game.": _divergence,
    "the value is in bits; asked are nats.": _bits,
    "the value is divided by the number of cells.": _mean,
    "a cell that neither reaches tells nothing: neither real nor generated.": _empty_is_fake,
}

OPTIMAL_DISCRIMINATOR = Check(
    name="gans.optimal_discriminator",
    reference=optimal_discriminator,
    cases=_cases,
    properties=(
        Property("equal distributions", 1, _equal, (EQUAL,), "See hint 1."),
        Property("values agree with the reference", 2, _agrees, (TYPICAL,), "See hint 2."),
        Property("probabilities of zero", 1, _agrees, (DISJOINT, HOLES), "See hint 3."),
        Property(
            "gradients agree with the reference", 1, _gradient, (TYPICAL,), "The model learns by q."
        ),
    ),
    mutants={
        "for the model": _for_model,
        "logit": _logit,
        "ratio": _ratio,
        "decided": _decided,
        "loss": _loss,
        "unweighted": _unweighted,
        "data only": _data_only,
        "model only": _model_only,
        "all by data": _all_by_data,
        "no complement": _no_complement,
        "divergence": _divergence,
        "bits": _bits,
        "mean": _mean,
        "naive": _naive,
        "empty is fake": _empty_is_fake,
        "detached": _detached,
        "in place": _in_place,
    },
)
