"""Unit 10: other right answers pass; a mistake costs its own points and is called by its name."""

import math

import torch
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from course_lib.checks.variational_autoencoders import CHECKS as EVERY

CHECKS = {each.function: each for each in EVERY}


def draw_by_distribution(mu, logvar, noise):
    return Normal(mu, logvar.exp().sqrt()).icdf(Normal(0.0, 1.0).cdf(noise.double())).to(mu)


def draw_by_root(mu, logvar, noise):
    return torch.addcmul(mu.expand_as(noise), torch.sqrt(torch.exp(logvar)), noise)


def diagonal_by_distribution(mu, logvar):
    q = Normal(mu.flatten(1), (logvar.flatten(1) / 2).exp())
    return kl_divergence(q, Normal(0.0, 1.0)).sum(dim=1)


def diagonal_one_by_one(mu, logvar):
    rows = [(m**2 + v.exp() - v - 1).sum() / 2 for m, v in zip(mu, logvar, strict=True)]
    return torch.stack(rows)


def full_by_distribution(mu, factor):
    q = MultivariateNormal(mu, scale_tril=factor)
    p = MultivariateNormal(torch.zeros_like(mu), torch.eye(mu.shape[1]))
    return kl_divergence(q, p)


def full_by_covariance(mu, factor):
    S = factor @ factor.mT
    trace = torch.diagonal(S, dim1=1, dim2=2).sum(dim=1)
    return (trace + (mu * mu).sum(dim=1) - mu.shape[1] - torch.logdet(S)) / 2


def elbo_by_distribution(x, x_hat, mu, logvar, sigma, beta):
    likelihood = Normal(x_hat, sigma).log_prob(x).sum(dim=(1, 2, 3))
    kl = diagonal_by_distribution(mu, logvar)
    return likelihood - beta * kl, likelihood, kl


def elbo_as_a_list(x, x_hat, mu, logvar, sigma, beta):
    likelihood = 0
    for pixel, wanted in zip(x_hat.flatten(1).T, x.flatten(1).T, strict=True):
        likelihood = likelihood - ((wanted - pixel) / sigma) ** 2 / 2
        likelihood = likelihood - math.log(2 * math.pi * sigma**2) / 2
    kl = diagonal_one_by_one(mu, logvar)
    return [likelihood - beta * kl, likelihood, kl]


def importance_by_distribution(x, x_hat, z, mu, logvar, sigma):
    joint = Normal(x_hat, sigma).log_prob(x).sum(dim=(2, 3, 4)) + Normal(0.0, 1.0).log_prob(z).sum(
        -1
    )
    weights = joint - Normal(mu, (logvar / 2).exp()).log_prob(z).sum(-1)
    return torch.logsumexp(weights, 0) - math.log(len(weights))


def importance_by_largest(x, x_hat, z, mu, logvar, sigma):
    error = ((x - x_hat) / sigma).square().flatten(2).sum(2)
    ratio = ((z - mu).square() / logvar.exp() + logvar - z.square()).sum(2)
    weights = (ratio - error) / 2 - x[0].numel() * math.log(sigma * (2 * math.pi) ** 0.5)
    top = weights.max(dim=0).values
    return top + (weights - top).exp().mean(dim=0).log()


ANSWERS = [
    ("reparameterize", draw_by_root),
    ("kl_diagonal", diagonal_by_distribution),
    ("kl_diagonal", diagonal_one_by_one),
    ("kl_full", full_by_distribution),
    ("kl_full", full_by_covariance),
    ("elbo", elbo_by_distribution),
    ("elbo", elbo_as_a_list),
    ("importance_log_likelihood", importance_by_distribution),
    ("importance_log_likelihood", importance_by_largest),
]


def test_a_quantile_function_is_a_right_reparameterisation():
    check = CHECKS["reparameterize"]
    inputs = check.cases(torch.Generator().manual_seed(0))[0].inputs
    assert torch.allclose(draw_by_distribution(*inputs), check.reference(*inputs), atol=1e-4)


LOST = [
    ("reparameterize", "own noise", "values|gradients"),
    ("reparameterize", "sampled", "gradients"),
    ("reparameterize", "variance detached", "gradients"),
    ("kl_diagonal", "places averaged", "maps"),
    ("kl_diagonal", "detached", "gradients"),
    ("kl_full", "diagonal only", "turning|values"),
    ("kl_full", "mean detached", "gradients"),
    ("elbo", "no constant", "density's peak|values"),
    ("elbo", "weighted kl returned", "the parts|values"),
    ("elbo", "kl detached", "gradients"),
    ("importance_log_likelihood", "overflowing", "stay finite"),
    ("importance_log_likelihood", "detached", "gradients"),
]


TOLD = [
    ("reparameterize", "not halved", "scaled by the variance"),
    ("reparameterize", "log as deviation", "by the logarithm itself"),
    ("reparameterize", "root of the log", "the root of the logarithm"),
    ("reparameterize", "standard", "the variance plays no part"),
    ("reparameterize", "mean only", "all draws are the mean"),
    ("reparameterize", "no mean", "about zero"),
    ("reparameterize", "mean scaled", "`mu` is scaled, too"),
    ("reparameterize", "inverse", "divided by the standard deviation"),
    ("reparameterize", "added", "is added to the noise"),
    ("reparameterize", "own noise", "that was given is not used"),
    ("reparameterize", "sampled", "the values are right, but the gradient"),
    ("reparameterize", "variance detached", "no gradient flows from the result back to `logvar`"),
    ("reparameterize", "in place", "`noise` in place"),
    ("kl_diagonal", "mean of the numbers", "the mean over the latent's numbers"),
    ("kl_diagonal", "not halved", "twice as much"),
    ("kl_diagonal", "negative", "the sign is turned"),
    ("kl_diagonal", "other way round", "of the prior from q"),
    ("kl_diagonal", "deviation for variance", "is the standard deviation"),
    ("kl_diagonal", "variance, not its log", "taken for the variance itself"),
    ("kl_diagonal", "no one", "one half for each number is missing"),
    ("kl_diagonal", "mean not squared", "by its square"),
    ("kl_diagonal", "no mean", "`mu` plays no part"),
    ("kl_diagonal", "mean of the batch", "one number for the batch"),
    ("kl_diagonal", "places averaged", "some places are averaged"),
    ("kl_diagonal", "detached", "no gradient flows from the result back to `logvar`"),
    ("kl_diagonal", "in place", "`mu` in place"),
    ("kl_full", "diagonal only", "only the diagonal"),
    ("kl_full", "factor is the covariance", "taken for the covariance"),
    ("kl_full", "half the log determinant", "not that of det(L L^T)"),
    ("kl_full", "determinant without log", "enters by its logarithm"),
    ("kl_full", "plus log determinant", "the wrong sign"),
    ("kl_full", "no dimension", "one half for each number is missing"),
    ("kl_full", "one for the dimension", "once for each number"),
    ("kl_full", "other way round", "of the prior from q"),
    ("kl_full", "not halved", "twice as much"),
    ("kl_full", "trace of the factor", "the trace of L"),
    ("kl_full", "no mean", "`mu` plays no part"),
    ("kl_full", "mean detached", "no gradient flows from the result back to `mu`"),
    ("kl_full", "in place", "`factor` in place"),
    ("elbo", "mean of the pixels", "averaged over the pixels"),
    ("elbo", "no constant", "is left out"),
    ("elbo", "constant once", "the constant counts once"),
    ("elbo", "no two pi", "2 pi"),
    ("elbo", "sigma not squared", "by sigma, not by its square"),
    ("elbo", "no half", "is not halved"),
    ("elbo", "added", "it is a price"),
    ("elbo", "the loss", "this is the loss"),
    ("elbo", "beta forgotten", "beta has no effect"),
    ("elbo", "beta on the likelihood", "beta weighs the log-likelihood"),
    ("elbo", "weighted kl returned", "handed out weighted"),
    ("elbo", "kl averaged", "averaged over the latent's numbers"),
    ("elbo", "batch averaged", "one number for the batch"),
    ("elbo", "kl detached", "the gradient with respect to `logvar`|back to `logvar`"),
    ("elbo", "in place", "`x_hat` in place"),
    ("importance_log_likelihood", "mean of logs", "the mean of the logarithms"),
    ("importance_log_likelihood", "sum, not mean", "summed, not averaged"),
    ("importance_log_likelihood", "overflowing", "NaN or infinite"),
    ("importance_log_likelihood", "largest", "only the largest weight"),
    ("importance_log_likelihood", "no prior", "the prior p(z) is missing"),
    ("importance_log_likelihood", "no proposal", "is missing from the weights"),
    ("importance_log_likelihood", "likelihood only", "the likelihoods alone"),
    ("importance_log_likelihood", "turned over", "have changed places"),
    ("importance_log_likelihood", "kl for the ratio", "stands in for the ratio"),
    ("importance_log_likelihood", "no constant of q", "lacks the constant"),
    ("importance_log_likelihood", "over pictures", "one number for the batch"),
    ("importance_log_likelihood", "detached", "back to `x_hat`"),
    ("importance_log_likelihood", "in place", "`z` in place"),
]


def test_the_unit_has_twenty_four_points():
    assert [check.points for check in CHECKS.values()] == [4, 4, 5, 5, 6]
