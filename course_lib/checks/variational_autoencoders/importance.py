"""Exercise 5 of unit 10: a better estimate of the likelihood, from many draws."""

import math

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.mistakes import compare, gradients_flow
from course_lib.checks.variational_autoencoders.common import drawn_pictures
from course_lib.generative.vae import (
    gaussian_log_likelihood,
    importance_log_likelihood,
    kl_diagonal,
)

TYPICAL = "three pictures, five draws each"
SINGLE = "a single draw"
FAR = "pictures that every draw misses by far"
AGAIN = "each draw twice"

S, B = 5, 3


def _cases(generator: torch.Generator) -> list[Case]:
    far = drawn_pictures(S, B, 4, generator, (3, 8, 8))
    twice = drawn_pictures(2, B, 4, generator)
    again = [torch.cat([part, part]) for part in twice[1:3]]
    return [
        Case(TYPICAL, (*drawn_pictures(S, B, 4, generator), 0.4)),
        Case(SINGLE, (*drawn_pictures(1, 2, 3, generator), 0.3)),
        Case(FAR, (*far, 0.02)),
        Case(AGAIN, (twice[0], *again, *twice[3:], 0.5)),
    ]


def _same_twice(ask: Ask, case: Case) -> Finding | None:
    """Each draw counted twice is no news: the mean over draws stays."""
    x, x_hat, z, mu, logvar, sigma = case.inputs
    twice, once = ask(*case.inputs), ask(x, x_hat[:2], z[:2], mu, logvar, sigma)
    off = float((twice - once).abs().max())
    if off <= 1e-3:
        return None
    return _known(ask, case) or Finding(
        "with each draw counted twice the estimate changed.",
        came=f"changed by up to {off:.3g}",
        wanted="no change: it is a mean over draws",
        hint="What is the mean of S equal weights? See hint 2.",
    )


def _above_the_mean(ask: Ask, case: Case) -> Finding | None:
    """The logarithm of a mean is at least the mean of the logarithms, and at most the largest."""
    came, weights = ask(*case.inputs), _log_weights(*case.inputs)
    low, high = weights.mean(dim=0), weights.amax(dim=0)
    if bool((came >= low - 1e-3).all()) and bool((came <= high + 1e-3).all()):
        return None
    at = int(((low - came).clamp(min=0) + (came - high).clamp(min=0)).argmax())
    return _known(ask, case) or Finding(
        "the logarithm of a mean lies between the mean of the logarithms and the largest of them.",
        came=f"{float(came[at]):.5g}",
        wanted=f"from {float(low[at]):.5g} to {float(high[at]):.5g}",
        hint="Is the mean taken before the logarithm? See hint 2.",
    )


def _log_normal(z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    exponent = (z - mu).square() / logvar.exp() + logvar + math.log(2 * math.pi)
    return -0.5 * exponent.sum(dim=-1)


def _log_weights(
    x: Tensor, x_hat: Tensor, z: Tensor, mu: Tensor, logvar: Tensor, sigma: float
) -> Tensor:
    zero = torch.zeros_like(mu)
    likelihood = gaussian_log_likelihood(x, x_hat, sigma)
    return likelihood + _log_normal(z, zero, zero) - _log_normal(z, mu, logvar)


def _known(ask: Ask, case: Case) -> Finding | None:
    found = compare(ask, case, _MISTAKES, atol=1e-2)
    return found if found and found.message in _MISTAKES else None


def _agrees(ask: Ask, case: Case) -> Finding | None:
    return compare(ask, case, _MISTAKES, atol=1e-2)


def _far(ask: Ask, case: Case) -> Finding | None:
    """Every weight is far below the smallest number there is; their logarithms are not."""
    return compare(ask, case, _MISTAKES, rtol=0.01)


def _mean_of_logs(
    x: Tensor, x_hat: Tensor, z: Tensor, mu: Tensor, logvar: Tensor, sigma: float
) -> Tensor:
    return _log_weights(x, x_hat, z, mu, logvar, sigma).mean(dim=0)


def _sum_not_mean(
    x: Tensor, x_hat: Tensor, z: Tensor, mu: Tensor, logvar: Tensor, sigma: float
) -> Tensor:
    return _log_weights(x, x_hat, z, mu, logvar, sigma).logsumexp(dim=0)


def _overflowing(
    x: Tensor, x_hat: Tensor, z: Tensor, mu: Tensor, logvar: Tensor, sigma: float
) -> Tensor:
    return _log_weights(x, x_hat, z, mu, logvar, sigma).exp().mean(dim=0).log()


def _largest(
    x: Tensor, x_hat: Tensor, z: Tensor, mu: Tensor, logvar: Tensor, sigma: float
) -> Tensor:
    return _log_weights(x, x_hat, z, mu, logvar, sigma).amax(dim=0)


def _no_prior(
    x: Tensor, x_hat: Tensor, z: Tensor, mu: Tensor, logvar: Tensor, sigma: float
) -> Tensor:
    weights = gaussian_log_likelihood(x, x_hat, sigma) - _log_normal(z, mu, logvar)
    return weights.logsumexp(dim=0) - math.log(len(z))


def _no_proposal(
    x: Tensor, x_hat: Tensor, z: Tensor, mu: Tensor, logvar: Tensor, sigma: float
) -> Tensor:
    zero = torch.zeros_like(mu)
    weights = gaussian_log_likelihood(x, x_hat, sigma) + _log_normal(z, zero, zero)
    return weights.logsumexp(dim=0) - math.log(len(z))


def _likelihood_only(
    x: Tensor, x_hat: Tensor, z: Tensor, mu: Tensor, logvar: Tensor, sigma: float
) -> Tensor:
    weights = gaussian_log_likelihood(x, x_hat, sigma)
    return weights.logsumexp(dim=0) - math.log(len(z))


def _turned_over(
    x: Tensor, x_hat: Tensor, z: Tensor, mu: Tensor, logvar: Tensor, sigma: float
) -> Tensor:
    likelihood = gaussian_log_likelihood(x, x_hat, sigma)
    ratio = _log_weights(x, x_hat, z, mu, logvar, sigma) - likelihood
    return (likelihood - ratio).logsumexp(dim=0) - math.log(len(z))


def _kl_for_ratio(
    x: Tensor, x_hat: Tensor, z: Tensor, mu: Tensor, logvar: Tensor, sigma: float
) -> Tensor:
    kl = kl_diagonal(mu, logvar)
    likelihood = gaussian_log_likelihood(x, x_hat, sigma)
    return likelihood.logsumexp(dim=0) - math.log(len(z)) - kl


def _variance_as_log(
    x: Tensor, x_hat: Tensor, z: Tensor, mu: Tensor, logvar: Tensor, sigma: float
) -> Tensor:
    """The proposal's density without its normalising logarithm."""
    proposal = -0.5 * ((z - mu).square() / logvar.exp()).sum(dim=-1)
    zero = torch.zeros_like(mu)
    likelihood = gaussian_log_likelihood(x, x_hat, sigma)
    weights = likelihood + _log_normal(z, zero, zero) - proposal
    return weights.logsumexp(dim=0) - math.log(len(z))


def _over_pictures(
    x: Tensor, x_hat: Tensor, z: Tensor, mu: Tensor, logvar: Tensor, sigma: float
) -> Tensor:
    result = importance_log_likelihood(x, x_hat, z, mu, logvar, sigma)
    return result.mean().expand_as(result).clone()


def _detached(
    x: Tensor, x_hat: Tensor, z: Tensor, mu: Tensor, logvar: Tensor, sigma: float
) -> Tensor:
    return importance_log_likelihood(x, x_hat.detach(), z, mu, logvar, sigma)


def _in_place(
    x: Tensor, x_hat: Tensor, z: Tensor, mu: Tensor, logvar: Tensor, sigma: float
) -> Tensor:
    result = importance_log_likelihood(x, x_hat, z, mu, logvar, sigma)
    z -= mu
    return result


_MISTAKES = {
    "this is the mean of the logarithms; asked is the logarithm of the mean.": _mean_of_logs,
    "the weights are summed, not averaged.": _sum_not_mean,
    "only the largest weight counts.": _largest,
    "the prior p(z) is missing from the weights.": _no_prior,
    "q(z | x), from which the draws come, is missing from the weights.": _no_proposal,
    "the weights are the likelihoods alone.": _likelihood_only,
    "p(z) and q(z | x) have changed places.": _turned_over,
    "the divergence stands in for the ratio p(z) / q(z | x); each draw has its own ratio.": (
        _kl_for_ratio
    ),
    "the density of q lacks the constant that depends on its variance.": _variance_as_log,
    "this is one number for the batch; each picture has its own.": _over_pictures,
}

IMPORTANCE_LOG_LIKELIHOOD = Check(
    name="variational_autoencoders.importance_log_likelihood",
    reference=importance_log_likelihood,
    cases=_cases,
    properties=(
        Property("each draw twice is no news", 1, _same_twice, (AGAIN,), "See hint 2."),
        Property("between the mean and the largest", 1, _above_the_mean, (TYPICAL,)),
        Property("values agree with the reference", 2, _agrees, (TYPICAL, SINGLE), "See hint 1."),
        Property("far misses stay finite", 1, _far, (FAR,), "See hint 3."),
        gradients_flow(1, (1, 4), cases=(TYPICAL,)),
    ),
    mutants={
        "mean of logs": _mean_of_logs,
        "sum, not mean": _sum_not_mean,
        "overflowing": _overflowing,
        "largest": _largest,
        "no prior": _no_prior,
        "no proposal": _no_proposal,
        "likelihood only": _likelihood_only,
        "turned over": _turned_over,
        "kl for the ratio": _kl_for_ratio,
        "no constant of q": _variance_as_log,
        "over pictures": _over_pictures,
        "detached": _detached,
        "in place": _in_place,
    },
)
