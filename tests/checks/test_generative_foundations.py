"""Unit 08: other right answers pass; a mistake costs its own points and is called by its name."""

import math

import torch
from torch.distributions import MultivariateNormal, Normal

from course_lib.checks import Subject, evaluate
from course_lib.checks.generative_foundations import CHECKS as EVERY
from course_lib.generative.flows import scale_and_shift

CHECKS = {each.function: each for each in EVERY}


def gaussian_by_pytorch(x, mean, covariance):
    return MultivariateNormal(mean, covariance).log_prob(x)


def gaussian_by_inverse(x, mean, covariance):
    away = x - mean
    squared = torch.einsum("nd,de,ne->n", away, torch.linalg.inv(covariance), away)
    log_det = torch.logdet(covariance)
    return -(squared + log_det + len(mean) * math.log(2 * math.pi)) / 2


def gaussian_by_solving(x, mean, covariance):
    away = (x - mean).T
    squared = (away * torch.linalg.solve(covariance, away)).sum(0)
    return -0.5 * (squared + torch.slogdet(2 * math.pi * covariance)[1])


def push_by_pytorch(z, jacobian):
    return Normal(0.0, 1.0).log_prob(z).sum(1) - torch.slogdet(jacobian)[1]


def push_by_singular_values(z, jacobian):
    stretches = torch.linalg.svdvals(jacobian).log().sum(-1)
    return -(z**2 + math.log(2 * math.pi)).sum(-1) / 2 - stretches


def push_one_by_one(z, jacobian):
    constant = z.shape[1] * math.log(2 * math.pi) / 2
    rows = [-(p @ p) / 2 - constant - torch.linalg.qr(J).R.diagonal().abs().log().sum()
            for p, J in zip(z, jacobian, strict=True)]  # fmt: skip
    return torch.stack(rows)


def mmd_by_loops(x, y, bandwidth):
    def k(a, b):
        return torch.exp(-((a - b) ** 2).sum() / (2 * bandwidth**2))

    def within(points):
        pairs = [k(a, b) for i, a in enumerate(points) for j, b in enumerate(points) if i < j]
        return sum(pairs) / len(pairs)

    return within(x) + within(y) - 2 * sum(k(a, b) for a in x for b in y) / (len(x) * len(y))


def mmd_by_products(x, y, bandwidth):
    def kernel(a, b):
        squares = a.square().sum(1)[:, None] + b.square().sum(1) - 2 * a @ b.T
        return torch.exp(-squares / (2 * bandwidth**2))

    def others(points):
        off = ~torch.eye(len(points), dtype=torch.bool)
        return kernel(points, points)[off].mean()

    return others(x) + others(y) - 2 * kernel(x, y).mean()


def forward_in_columns(z, parameters):
    half = z.shape[1] // 2
    s, t = scale_and_shift(z[:, :half], parameters)
    x = z.clone()
    x[:, half:] = torch.exp(s) * z[:, half:] + t
    return x, s.sum(-1)


def forward_by_scales(z, parameters):
    first, second = z.split([z.shape[1] // 2, z.shape[1] - z.shape[1] // 2], dim=1)
    s, t = scale_and_shift(first, parameters)
    return [torch.hstack([first, t + second * torch.exp(s)]), torch.exp(s).prod(1).log()]


def inverse_by_division(x, parameters):
    first, second = x.split([x.shape[1] // 2, x.shape[1] - x.shape[1] // 2], dim=1)
    s, t = scale_and_shift(first, parameters)
    return torch.hstack([first, (second - t) / s.exp()]), -torch.log(s.exp().prod(1))


def inverse_in_columns(x, parameters):
    half = x.shape[1] // 2
    s, t = scale_and_shift(x[:, :half], parameters)
    z = x.clone()
    z[:, half:] = (x[:, half:] - t) * torch.exp(-s)
    return z, (-s).sum(1)


ANSWERS = [
    ("gaussian_log_prob", gaussian_by_pytorch),
    ("gaussian_log_prob", gaussian_by_inverse),
    ("gaussian_log_prob", gaussian_by_solving),
    ("push_forward_log_prob", push_by_pytorch),
    ("push_forward_log_prob", push_by_singular_values),
    ("push_forward_log_prob", push_one_by_one),
    ("mmd", mmd_by_loops),
    ("mmd", mmd_by_products),
    ("coupling_forward", forward_in_columns),
    ("coupling_forward", forward_by_scales),
    ("coupling_inverse", inverse_by_division),
    ("coupling_inverse", inverse_in_columns),
]


LOST = [
    ("gaussian_log_prob", "no 2 pi", "adds to one|values|many dimensions"),
    ("gaussian_log_prob", "unsafe", "many dimensions"),
    ("gaussian_log_prob", "detached", "gradients"),
    ("push_forward_log_prob", "no constant", "values|mirrored|many dimensions"),
    ("push_forward_log_prob", "no absolute value", "mirrored"),
    ("push_forward_log_prob", "unsafe", "many dimensions"),
    ("push_forward_log_prob", "detached", "gradients"),
    ("mmd", "clamped", "on average"),
    ("mmd", "mean too large", "on average|values"),
    ("mmd", "root in the distance", "gradients"),
    ("coupling_forward", "shift first", "values|gradients"),
    ("coupling_forward", "detached", "gradients"),
    ("coupling_inverse", "zero", "cancel|gradients"),
    ("coupling_inverse", "detached", "gradients"),
]


TOLD = [
    ("gaussian_log_prob", "not inverted", "its inverse should"),
    ("gaussian_log_prob", "squared covariance", "taken for a standard deviation"),
    ("gaussian_log_prob", "diagonal", "only the variances count"),
    ("gaussian_log_prob", "no mean", "the mean has no effect"),
    ("gaussian_log_prob", "no half", "the squared distance is not halved"),
    ("gaussian_log_prob", "grows", "grows with the distance"),
    ("gaussian_log_prob", "no determinant", "the log-determinant is missing"),
    ("gaussian_log_prob", "whole determinant", "the log-determinant is not halved"),
    ("gaussian_log_prob", "determinant added", "the log-determinant has the wrong sign"),
    ("gaussian_log_prob", "no 2 pi", "the constant with 2 π is missing"),
    ("gaussian_log_prob", "2 pi of a line", "that of one dimension"),
    ("gaussian_log_prob", "2 pi not halved", "the constant with 2 π is not halved"),
    ("gaussian_log_prob", "density", "the density itself"),
    ("gaussian_log_prob", "unsafe", "NaN or infinite"),
    ("gaussian_log_prob", "detached", "no gradient flows from the result back to `covariance`"),
    ("gaussian_log_prob", "in place", "`x` in place"),
    ("push_forward_log_prob", "added", "the log-determinant is added"),
    ("push_forward_log_prob", "no Jacobian", "the Jacobian has no effect"),
    ("push_forward_log_prob", "half", "half of the log-determinant"),
    ("push_forward_log_prob", "twice", "subtracted twice"),
    ("push_forward_log_prob", "determinant itself", "the determinant itself is subtracted"),
    ("push_forward_log_prob", "divided", "is divided by the determinant"),
    ("push_forward_log_prob", "diagonal", "only the diagonal"),
    ("push_forward_log_prob", "shared", "all points get the same stretching"),
    ("push_forward_log_prob", "norm", "is no volume"),
    ("push_forward_log_prob", "at J z", "it belongs to z"),
    ("push_forward_log_prob", "no noise", "the density of the noise is missing"),
    ("push_forward_log_prob", "no constant", "lacks its constant"),
    ("push_forward_log_prob", "density", "the density itself"),
    ("push_forward_log_prob", "no absolute value", "NaN or infinite"),
    ("push_forward_log_prob", "unsafe", "NaN or infinite"),
    ("push_forward_log_prob", "detached", "no gradient flows from the result back to `jacobian`"),
    ("push_forward_log_prob", "in place", "`z` in place"),
    ("mmd", "with itself", "compared with itself, too"),
    ("mmd", "mean too small", "left out of the sum, but counted"),
    ("mmd", "mean too large", "in the sum, but not counted"),
    ("mmd", "cross once", "subtracted once"),
    ("mmd", "cross added", "the mean between the sets is added"),
    ("mmd", "one to one", "only samples of the same number meet"),
    ("mmd", "means only", "only the means"),
    ("mmd", "sums", "summed, not averaged"),
    ("mmd", "no two", "the factor two"),
    ("mmd", "bandwidth not squared", "the bandwidth is not squared"),
    ("mmd", "no bandwidth", "the bandwidth has no effect"),
    ("mmd", "bandwidth multiplies", "the bandwidth multiplies"),
    ("mmd", "not squared", "asked is its square"),
    ("mmd", "mean over axes", "a mean over the axes"),
    ("mmd", "root", "the result is the root"),
    ("mmd", "clamped", "must be zero"),
    ("mmd", "root in the distance", "the gradient has"),
    ("mmd", "detached", "no gradient flows from the result back to `y`"),
    ("mmd", "in place", "`x` in place"),
    ("coupling_forward", "no exp", "multiplied by the logarithm"),
    ("coupling_forward", "shift first", "added before the stretching"),
    ("coupling_forward", "no shift", "the shift is missing"),
    ("coupling_forward", "no scale", "the scale is missing"),
    ("coupling_forward", "shift subtracted", "the shift is subtracted"),
    ("coupling_forward", "swapped", "scale and shift have changed places"),
    ("coupling_forward", "inverse", "this is the way back"),
    ("coupling_forward", "other half", "the second half is kept"),
    ("coupling_forward", "halves exchanged", "the halves have changed places"),
    ("coupling_forward", "larger half kept", "cut at the wrong place"),
    ("coupling_forward", "from itself", "then there is no way back"),
    ("coupling_forward", "sign", "the log-determinant has the wrong sign"),
    ("coupling_forward", "mean", "a mean over the moved numbers"),
    ("coupling_forward", "sum of scales", "the scales are summed"),
    ("coupling_forward", "determinant", "the determinant itself"),
    ("coupling_forward", "same for all", "the same log-determinant"),
    ("coupling_forward", "zero", "the log-determinant is zero"),
    ("coupling_forward", "detached", "the gradient with respect to `z` is wrong"),
    ("coupling_forward", "in place", "`z` in place"),
    ("coupling_inverse", "forward", "the way there, once more"),
    ("coupling_inverse", "shrunk first", "what was done last is undone first"),
    ("coupling_inverse", "stretched", "stretched once more"),
    ("coupling_inverse", "shift added", "added once more"),
    ("coupling_inverse", "no shift", "the shift stays"),
    ("coupling_inverse", "no scale", "the stretching stays"),
    ("coupling_inverse", "by the logarithm", "divided by the logarithm"),
    ("coupling_inverse", "swapped", "scale and shift have changed places"),
    ("coupling_inverse", "off the moved", "it is the kept one that tells"),
    ("coupling_inverse", "kept half negated", "changed its sign"),
    ("coupling_inverse", "determinant of the way there", "that of the way there"),
    ("coupling_inverse", "mean", "a mean over the moved numbers"),
    ("coupling_inverse", "determinant", "the determinant itself"),
    ("coupling_inverse", "zero", "the log-determinant is zero"),
    ("coupling_inverse", "detached", "the gradient with respect to `x` is wrong"),
    ("coupling_inverse", "in place", "`x` in place"),
]


def test_a_map_consistent_with_itself_earns_its_volume():
    """Shifting first is another map, and its determinant is the same: that point is earned."""
    check = CHECKS["coupling_forward"]
    result = evaluate(check, Subject(check.mutants["shift first"]))
    earned = [each.property.name for each in result.outcomes if each.finding is None]
    assert "the log-determinant is that of your map" in earned


def test_the_unit_has_twenty_four_points():
    assert [check.points for check in CHECKS.values()] == [5, 5, 5, 5, 4]
