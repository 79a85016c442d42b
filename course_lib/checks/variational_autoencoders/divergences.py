"""Exercises 2 and 3 of unit 10: how far a Gaussian is from the prior, in closed form."""

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.mistakes import Mistakes, compare, gradients_flow, uniform
from course_lib.generative.vae import kl_diagonal, kl_full

TYPICAL = "four latents of five numbers"
PRIOR = "latents that are as the prior, and one that is not"
MAPS = "latents that are maps"
DIAGONAL = "factors without anything off the diagonal"
SINGLE = "one number"
TURNED = "two latents, turned"


def _drawn(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=generator)


def _diagonal_cases(generator: torch.Generator) -> list[Case]:
    def logvar(*shape: int) -> Tensor:
        return uniform(-3.0, 1.5, *shape, generator=generator)

    as_prior, other = torch.zeros(3, 4), torch.zeros(3, 4)
    other[2] = 1.0
    return [
        Case(TYPICAL, (_drawn(generator, 4, 5), logvar(4, 5))),
        Case(PRIOR, (as_prior, other)),
        Case(MAPS, (_drawn(generator, 3, 2, 4, 4), logvar(3, 2, 4, 4))),
    ]


def _factor(generator: torch.Generator, B: int, D: int) -> Tensor:
    below = 0.7 * _drawn(generator, B, D, D).tril(-1)
    return below + uniform(0.2, 1.8, B, D, generator=generator).diag_embed()


def _full_cases(generator: torch.Generator) -> list[Case]:
    diagonal = uniform(0.2, 1.8, 3, 4, generator=generator).diag_embed()
    one = uniform(0.2, 1.8, 5, 1, 1, generator=generator)
    eye = torch.eye(3).repeat(3, 1, 1)
    eye[2] = eye[2] * 1.7
    return [
        Case(TYPICAL, (_drawn(generator, 4, 5), _factor(generator, 4, 5))),
        Case(PRIOR, (torch.zeros(3, 3), eye)),
        Case(DIAGONAL, (_drawn(generator, 3, 4), diagonal)),
        Case(SINGLE, (_drawn(generator, 5, 1), one)),
        Case(TURNED, (_drawn(generator, 2, 3), _factor(generator, 2, 3))),
    ]


def _zero_at_the_prior(ask: Ask, case: Case) -> Finding | None:
    """A distribution is at no distance from itself, and any other is at some."""
    came = ask(*case.inputs)
    if float(came[:2].abs().max()) <= 1e-5 and float(came[2]) > 1e-2:
        return None
    return _known(ask, case) or Finding(
        "the divergence is zero for the prior itself, and above zero for anything else.",
        came=", ".join(f"{v:.3g}" for v in came.tolist()),
        wanted="0, 0 and more than 0",
        hint="Which terms have to cancel when mu is 0 and the variance is 1?",
    )


def _turning(ask: Ask, case: Case) -> Finding | None:
    """The prior looks alike from all sides: mean and covariance turned together change nothing."""
    mu, factor = case.inputs
    turn, _ = torch.linalg.qr(torch.arange(9.0).view(3, 3).sin())
    covariance = turn @ factor @ factor.mT @ turn.T
    came, turned = ask(mu, factor), ask(mu @ turn.T, torch.linalg.cholesky(covariance))
    off = float((came - turned).abs().max())
    if off <= 1e-3:
        return None
    return _known(ask, case) or Finding(
        "mean and covariance were turned together, and the divergence changed.",
        came=f"changed by up to {off:.3g}",
        wanted="no change: the prior looks alike from all sides",
        hint="Does every entry of the factor count that should? See hint 2.",
    )


def _mistakes_of(ask: Ask) -> Mistakes:
    return _DIAGONAL if ask.reference is kl_diagonal else _FULL


def _known(ask: Ask, case: Case) -> Finding | None:
    mistakes = _mistakes_of(ask)
    found = compare(ask, case, mistakes, atol=1e-4)
    return found if found and found.message in mistakes else None


def _agrees(ask: Ask, case: Case) -> Finding | None:
    return compare(ask, case, _mistakes_of(ask), atol=1e-4)


def _terms(mu: Tensor, logvar: Tensor, one: float = 1.0) -> Tensor:
    return 0.5 * (mu.square() + logvar.exp() - one - logvar).flatten(1)


def _mean_of_numbers(mu: Tensor, logvar: Tensor) -> Tensor:
    return _terms(mu, logvar).mean(dim=1)


def _not_halved(mu: Tensor, logvar: Tensor) -> Tensor:
    return 2 * kl_diagonal(mu, logvar)


def _negative(mu: Tensor, logvar: Tensor) -> Tensor:
    return -kl_diagonal(mu, logvar)


def _other_way_round(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL(p || q)."""
    return 0.5 * ((mu.square() + 1) / logvar.exp() - 1 + logvar).flatten(1).sum(dim=1)


def _deviation_for_variance(mu: Tensor, logvar: Tensor) -> Tensor:
    return 0.5 * (mu.square() + (logvar / 2).exp() - 1 - logvar).flatten(1).sum(dim=1)


def _variance_not_log(mu: Tensor, logvar: Tensor) -> Tensor:
    return 0.5 * (mu.square() + logvar - 1 - logvar.abs().clamp(min=1e-6).log()).flatten(1).sum(1)


def _no_one(mu: Tensor, logvar: Tensor) -> Tensor:
    return _terms(mu, logvar, 0.0).sum(dim=1)


def _mean_not_squared(mu: Tensor, logvar: Tensor) -> Tensor:
    return 0.5 * (mu.abs() + logvar.exp() - 1 - logvar).flatten(1).sum(dim=1)


def _no_mean(mu: Tensor, logvar: Tensor) -> Tensor:
    return kl_diagonal(torch.zeros_like(mu), logvar)


def _mean_of_batch(mu: Tensor, logvar: Tensor) -> Tensor:
    return kl_diagonal(mu, logvar).mean().expand(len(mu)).clone()


def _first_axis_only(mu: Tensor, logvar: Tensor) -> Tensor:
    """Right for vectors; of maps it sums the channels and averages the places."""
    if mu.ndim == 2:
        return kl_diagonal(mu, logvar)
    return 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(dim=1).mean(dim=(1, 2))


def _detached(mu: Tensor, logvar: Tensor) -> Tensor:
    return kl_diagonal(mu, logvar.detach())


def _in_place(mu: Tensor, logvar: Tensor) -> Tensor:
    mu *= mu
    return 0.5 * (mu + logvar.exp() - 1 - logvar).flatten(1).sum(dim=1)


_DIAGONAL = {
    "this is the mean over the latent's numbers; each of them counts.": _mean_of_numbers,
    "this is twice as much.": _not_halved,
    "the sign is turned: a divergence is never negative.": _negative,
    "this is the divergence of the prior from q; asked is that of q from the prior.": (
        _other_way_round
    ),
    "exp(logvar / 2) is the standard deviation; the variance is wanted.": _deviation_for_variance,
    "`logvar` is taken for the variance itself.": _variance_not_log,
    "one half for each number is missing.": _no_one,
    "the mean enters by its square.": _mean_not_squared,
    "`mu` plays no part.": _no_mean,
    "this is one number for the batch; each latent has its own.": _mean_of_batch,
    "of a map some places are averaged; each number counts.": _first_axis_only,
}

KL_DIAGONAL = Check(
    name="variational_autoencoders.kl_diagonal",
    reference=kl_diagonal,
    cases=_diagonal_cases,
    properties=(
        Property("zero for the prior, and only for it", 1, _zero_at_the_prior, (PRIOR,)),
        Property("values agree with the reference", 1, _agrees, (TYPICAL,), "See hint 2."),
        Property("maps", 1, _agrees, (MAPS,), "See hint 3."),
        gradients_flow(1, (0, 1), cases=(TYPICAL,)),
    ),
    mutants={
        "mean of the numbers": _mean_of_numbers,
        "not halved": _not_halved,
        "negative": _negative,
        "other way round": _other_way_round,
        "deviation for variance": _deviation_for_variance,
        "variance, not its log": _variance_not_log,
        "no one": _no_one,
        "mean not squared": _mean_not_squared,
        "no mean": _no_mean,
        "mean of the batch": _mean_of_batch,
        "places averaged": _first_axis_only,
        "detached": _detached,
        "in place": _in_place,
    },
)


def _full(mu: Tensor, trace: Tensor, log_det: Tensor) -> Tensor:
    return 0.5 * (mu.square().sum(dim=1) + trace - mu.shape[1] - log_det)


def _log_det(factor: Tensor) -> Tensor:
    return 2 * factor.diagonal(dim1=1, dim2=2).log().sum(dim=1)


def _trace(factor: Tensor) -> Tensor:
    return factor.square().sum(dim=(1, 2))


def _diagonal_only(mu: Tensor, factor: Tensor) -> Tensor:
    return kl_diagonal(mu, 2 * factor.diagonal(dim1=1, dim2=2).log())


def _factor_is_covariance(mu: Tensor, factor: Tensor) -> Tensor:
    diagonal = factor.diagonal(dim1=1, dim2=2)
    return _full(mu, diagonal.sum(dim=1), diagonal.log().sum(dim=1))


def _half_log_det(mu: Tensor, factor: Tensor) -> Tensor:
    return _full(mu, _trace(factor), _log_det(factor) / 2)


def _det_without_log(mu: Tensor, factor: Tensor) -> Tensor:
    return _full(mu, _trace(factor), _log_det(factor).exp())


def _plus_log_det(mu: Tensor, factor: Tensor) -> Tensor:
    return _full(mu, _trace(factor), -_log_det(factor))


def _no_dimension(mu: Tensor, factor: Tensor) -> Tensor:
    return kl_full(mu, factor) + mu.shape[1] / 2


def _one_for_dimension(mu: Tensor, factor: Tensor) -> Tensor:
    return kl_full(mu, factor) + (mu.shape[1] - 1) / 2


def _full_other_way_round(mu: Tensor, factor: Tensor) -> Tensor:
    inverse = torch.linalg.inv(factor)
    scaled = (inverse @ mu[..., None]).squeeze(-1)
    return _full(scaled, _trace(inverse), -_log_det(factor))


def _full_not_halved(mu: Tensor, factor: Tensor) -> Tensor:
    return 2 * kl_full(mu, factor)


def _trace_of_factor(mu: Tensor, factor: Tensor) -> Tensor:
    return _full(mu, factor.diagonal(dim1=1, dim2=2).sum(dim=1), _log_det(factor))


def _full_no_mean(mu: Tensor, factor: Tensor) -> Tensor:
    return kl_full(torch.zeros_like(mu), factor)


def _full_detached(mu: Tensor, factor: Tensor) -> Tensor:
    return kl_full(mu, factor.detach())


def _full_in_place(mu: Tensor, factor: Tensor) -> Tensor:
    result = kl_full(mu, factor)
    factor *= factor
    return result


_FULL = {
    "only the diagonal of the factor counts; what is off it spreads q as well.": _diagonal_only,
    "the factor L is taken for the covariance.": _factor_is_covariance,
    "the logarithm of det(L) is not that of det(L L^T).": _half_log_det,
    "the determinant enters by its logarithm.": _det_without_log,
    "the logarithm of the determinant has the wrong sign.": _plus_log_det,
    "one half for each number is missing.": _no_dimension,
    "one half is taken off once; it is once for each number.": _one_for_dimension,
    "this is the divergence of the prior from q; asked is that of q from the prior.": (
        _full_other_way_round
    ),
    "this is twice as much.": _full_not_halved,
    "this is the trace of L; the trace of the covariance is wanted.": _trace_of_factor,
    "`mu` plays no part.": _full_no_mean,
}

KL_FULL = Check(
    name="variational_autoencoders.kl_full",
    reference=kl_full,
    cases=_full_cases,
    properties=(
        Property("zero for the prior, and only for it", 1, _zero_at_the_prior, (PRIOR,)),
        Property("turning changes nothing", 1, _turning, (TURNED,), "See hint 2."),
        Property("the diagonal case", 1, _agrees, (DIAGONAL, SINGLE), "See hint 1."),
        Property("values agree with the reference", 1, _agrees, (TYPICAL,), "See hint 2."),
        gradients_flow(1, (0,), cases=(TYPICAL,)),
    ),
    mutants={
        "diagonal only": _diagonal_only,
        "factor is the covariance": _factor_is_covariance,
        "half the log determinant": _half_log_det,
        "determinant without log": _det_without_log,
        "plus log determinant": _plus_log_det,
        "no dimension": _no_dimension,
        "one for the dimension": _one_for_dimension,
        "other way round": _full_other_way_round,
        "not halved": _full_not_halved,
        "trace of the factor": _trace_of_factor,
        "no mean": _full_no_mean,
        "mean detached": lambda mu, factor: kl_full(mu.detach(), factor),
        "in place": _full_in_place,
    },
)
