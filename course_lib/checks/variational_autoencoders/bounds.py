"""Exercise 4 of unit 10: the evidence lower bound and its two parts."""

import math

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.mistakes import compare, gradients_flow
from course_lib.checks.variational_autoencoders.common import drawn_pictures
from course_lib.generative.vae import elbo, gaussian_log_likelihood, kl_diagonal

Bound = tuple[Tensor, Tensor, Tensor]

TYPICAL = "three pictures, pixels exact to 0.3"
WEIGHTED = "the divergence counts four times"
EXACT = "a perfect copy"
MAPS = "latents that are maps"


def _cases(generator: torch.Generator) -> list[Case]:
    def pictures(B: int, size: tuple[int, int, int] = (2, 3, 3)) -> tuple[Tensor, ...]:
        x, x_hat, _, mu, logvar = drawn_pictures(1, B, 4, generator, size)
        return x, x_hat[0], mu, logvar

    x, _, mu, logvar = pictures(2, (1, 4, 4))
    maps = [torch.randn(3, 2, 4, 4, generator=generator) for _ in range(2)]
    return [
        Case(TYPICAL, (*pictures(3), 0.3, 1.0)),
        Case(WEIGHTED, (*pictures(3), 0.7, 4.0)),
        Case(EXACT, (x, x.clone(), mu, logvar, 0.1, 1.0)),
        Case(MAPS, (*pictures(3)[:2], maps[0], 0.5 * maps[1], 0.5, 1.0)),
    ]


def _density(ask: Ask, case: Case) -> Finding | None:
    """The log-likelihood of a perfect copy is the peak of a Gaussian density."""
    x, _, _, _, sigma, _ = case.inputs
    wanted = -x[0].numel() * math.log(sigma * math.sqrt(2 * math.pi))
    _, came, _ = ask(*case.inputs)
    if float((came - wanted).abs().max()) <= 1e-2:
        return None
    return _known(ask, case) or Finding(
        "where the decoder's mean is the picture itself, the log-likelihood is the logarithm of a "
        "Gaussian density at its peak.",
        came=f"{float(came[0]):.4g}",
        wanted=f"{wanted:.4g}",
        hint="A density has a factor in front. See hint 2.",
    )


def _adds_up(ask: Ask, case: Case) -> Finding | None:
    """The bound is made of its parts, and the divergence is handed out unweighted."""
    bound, log_likelihood, kl = ask(*case.inputs)
    wanted = kl_diagonal(*case.inputs[2:4])
    if float((kl - wanted).abs().max()) > 1e-3:
        return _known(ask, case) or Finding(
            "the last of the three is the divergence itself.",
            came=f"{float(kl[0]):.4g}",
            wanted=f"{float(wanted[0]):.4g}",
        )
    made = log_likelihood - case.inputs[5] * kl
    if float((bound - made).abs().max()) <= 1e-2:
        return None
    return _known(ask, case) or Finding(
        "the bound is the log-likelihood less the weighted divergence.",
        came=f"{float(bound[0]):.4g}",
        wanted=f"{float(made[0]):.4g}, from your own two parts",
    )


def _known(ask: Ask, case: Case) -> Finding | None:
    found = compare(ask, case, _MISTAKES, atol=1e-3)
    return found if found and found.message in _MISTAKES else None


def _agrees(ask: Ask, case: Case) -> Finding | None:
    return compare(ask, case, _MISTAKES, atol=1e-3)


def _terms(log_likelihood: Tensor, kl: Tensor, beta: float) -> Bound:
    return log_likelihood - beta * kl, log_likelihood, kl


def _pixels(x: Tensor) -> int:
    return x[0].numel()


def _error(x: Tensor, x_hat: Tensor) -> Tensor:
    return (x - x_hat).square().flatten(1).sum(dim=1)


def _constant(x: Tensor, sigma: float) -> float:
    return _pixels(x) * math.log(sigma * math.sqrt(2 * math.pi))


def _mean_of_pixels(
    x: Tensor, x_hat: Tensor, mu: Tensor, logvar: Tensor, sigma: float, beta: float
) -> Bound:
    likelihood = gaussian_log_likelihood(x, x_hat, sigma) / _pixels(x)
    return _terms(likelihood, kl_diagonal(mu, logvar), beta)


def _no_constant(
    x: Tensor, x_hat: Tensor, mu: Tensor, logvar: Tensor, sigma: float, beta: float
) -> Bound:
    likelihood = -_error(x, x_hat) / (2 * sigma**2)
    return _terms(likelihood, kl_diagonal(mu, logvar), beta)


def _constant_once(
    x: Tensor, x_hat: Tensor, mu: Tensor, logvar: Tensor, sigma: float, beta: float
) -> Bound:
    likelihood = -_error(x, x_hat) / (2 * sigma**2) - _constant(x, sigma) / _pixels(x)
    return _terms(likelihood, kl_diagonal(mu, logvar), beta)


def _no_two_pi(
    x: Tensor, x_hat: Tensor, mu: Tensor, logvar: Tensor, sigma: float, beta: float
) -> Bound:
    likelihood = -_error(x, x_hat) / (2 * sigma**2) - _pixels(x) * math.log(sigma)
    return _terms(likelihood, kl_diagonal(mu, logvar), beta)


def _sigma_not_squared(
    x: Tensor, x_hat: Tensor, mu: Tensor, logvar: Tensor, sigma: float, beta: float
) -> Bound:
    likelihood = -_error(x, x_hat) / (2 * sigma) - _constant(x, sigma)
    return _terms(likelihood, kl_diagonal(mu, logvar), beta)


def _no_half(
    x: Tensor, x_hat: Tensor, mu: Tensor, logvar: Tensor, sigma: float, beta: float
) -> Bound:
    likelihood = -_error(x, x_hat) / sigma**2 - _constant(x, sigma)
    return _terms(likelihood, kl_diagonal(mu, logvar), beta)


def _added(
    x: Tensor, x_hat: Tensor, mu: Tensor, logvar: Tensor, sigma: float, beta: float
) -> Bound:
    _, log_likelihood, kl = elbo(x, x_hat, mu, logvar, sigma, beta)
    return log_likelihood + beta * kl, log_likelihood, kl


def _loss(x: Tensor, x_hat: Tensor, mu: Tensor, logvar: Tensor, sigma: float, beta: float) -> Bound:
    bound, *parts = elbo(x, x_hat, mu, logvar, sigma, beta)
    return -bound, *parts


def _beta_forgotten(
    x: Tensor, x_hat: Tensor, mu: Tensor, logvar: Tensor, sigma: float, beta: float
) -> Bound:
    return elbo(x, x_hat, mu, logvar, sigma)


def _beta_on_likelihood(
    x: Tensor, x_hat: Tensor, mu: Tensor, logvar: Tensor, sigma: float, beta: float
) -> Bound:
    _, log_likelihood, kl = elbo(x, x_hat, mu, logvar, sigma)
    return beta * log_likelihood - kl, log_likelihood, kl


def _weighted_kl_returned(
    x: Tensor, x_hat: Tensor, mu: Tensor, logvar: Tensor, sigma: float, beta: float
) -> Bound:
    bound, log_likelihood, kl = elbo(x, x_hat, mu, logvar, sigma, beta)
    return bound, log_likelihood, beta * kl


def _kl_averaged(
    x: Tensor, x_hat: Tensor, mu: Tensor, logvar: Tensor, sigma: float, beta: float
) -> Bound:
    kl = kl_diagonal(mu, logvar) / mu[0].numel()
    return _terms(gaussian_log_likelihood(x, x_hat, sigma), kl, beta)


def _batch_averaged(
    x: Tensor, x_hat: Tensor, mu: Tensor, logvar: Tensor, sigma: float, beta: float
) -> Bound:
    terms = elbo(x, x_hat, mu, logvar, sigma, beta)
    return tuple(term.mean().expand_as(term).clone() for term in terms)


def _kl_detached(
    x: Tensor, x_hat: Tensor, mu: Tensor, logvar: Tensor, sigma: float, beta: float
) -> Bound:
    return elbo(x, x_hat, mu, logvar.detach(), sigma, beta)


def _in_place(
    x: Tensor, x_hat: Tensor, mu: Tensor, logvar: Tensor, sigma: float, beta: float
) -> Bound:
    x_hat -= x
    return elbo(x, x + x_hat, mu, logvar, sigma, beta)


_MISTAKES = {
    "the log-likelihood is averaged over the pixels; a picture's is a sum.": _mean_of_pixels,
    "the constant in front of the Gaussian density is left out.": _no_constant,
    "the constant counts once; it is there for each pixel value.": _constant_once,
    "the constant lacks its 2 pi.": _no_two_pi,
    "the squared error is divided by sigma, not by its square.": _sigma_not_squared,
    "the squared error is not halved.": _no_half,
    "the divergence is added; it is a price.": _added,
    "this is the loss, the negative of the bound.": _loss,
    "beta has no effect.": _beta_forgotten,
    "beta weighs the log-likelihood; it weighs the divergence.": _beta_on_likelihood,
    "the divergence is handed out weighted; only the bound weighs it.": _weighted_kl_returned,
    "the divergence is averaged over the latent's numbers.": _kl_averaged,
    "this is one number for the batch; each picture has its own.": _batch_averaged,
}

ELBO = Check(
    name="variational_autoencoders.elbo",
    reference=elbo,
    cases=_cases,
    properties=(
        Property("a perfect copy has a density's peak", 1, _density, (EXACT,), "See hint 2."),
        Property("the parts make the bound", 1, _adds_up, (TYPICAL, WEIGHTED), "See hint 3."),
        Property("values agree with the reference", 2, _agrees, (TYPICAL, WEIGHTED, MAPS)),
        gradients_flow(1, (1, 3), cases=(TYPICAL,)),
    ),
    mutants={
        "mean of the pixels": _mean_of_pixels,
        "no constant": _no_constant,
        "constant once": _constant_once,
        "no two pi": _no_two_pi,
        "sigma not squared": _sigma_not_squared,
        "no half": _no_half,
        "added": _added,
        "the loss": _loss,
        "beta forgotten": _beta_forgotten,
        "beta on the likelihood": _beta_on_likelihood,
        "weighted kl returned": _weighted_kl_returned,
        "kl averaged": _kl_averaged,
        "batch averaged": _batch_averaged,
        "kl detached": _kl_detached,
        "in place": _in_place,
    },
)
