"""Exercise 1 of unit 13: the factor that gives latents a variance of one."""

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.mistakes import compare, recognise, uniform
from course_lib.generative.latent_diffusion import latent_scale

TYPICAL = "six pictures, four channels that differ in size"
OFFSET = "latents whose mean is far from zero"
BLIND = "an encoder that says the same of every picture"
CERTAIN = "an encoder that is nearly certain"
DRAWS = 400
SHARE = 5e-3  # generous: dividing by N - 1 instead of N is as right


def _cases(generator: torch.Generator) -> list[Case]:
    def drawn(shift: float, low: float, high: float) -> tuple[Tensor, Tensor]:
        size = uniform(0.3, 2.5, 1, 4, 1, 1, generator=generator)
        mu = shift + size * torch.randn(6, 4, 4, 4, generator=generator)
        return mu, uniform(low, high, 6, 4, 4, 4, generator=generator)

    blind = torch.zeros(3, 2, 4, 4), uniform(-2.0, 2.0, 3, 2, 4, 4, generator=generator)
    return [
        Case(TYPICAL, drawn(0.0, -3.0, 1.5)),
        Case(OFFSET, drawn(4.0, -2.0, 0.5)),
        Case(BLIND, blind),
        Case(CERTAIN, drawn(0.0, -18.0, -15.0)),
    ]


def _unit_variance(ask: Ask, case: Case) -> Finding | None:
    """Draw latents, as the encoder means them, scale them, and look."""
    mu, logvar = case.inputs
    came = ask(mu, logvar)
    generator = torch.Generator().manual_seed(mu.numel())
    noise = torch.randn(DRAWS, *mu.shape, generator=generator)
    variance = float((came * (mu + (logvar / 2).exp() * noise)).var())
    if abs(variance - 1) <= 0.02:
        return None
    return Finding(
        recognise(came, case.inputs, _MISTAKES, 0.0, SHARE)
        or "drawn latents, times your factor, should have a variance of one.",
        came=f"a variance of {variance:.4g}",
        wanted="1",
        hint="See hint 1.",
    )


def _twice_as_large(ask: Ask, case: Case) -> Finding | None:
    """Latents twice as large need half the factor."""
    mu, logvar = case.inputs
    small, large = ask(mu, logvar), ask(2 * mu, logvar + torch.tensor(4.0).log())
    ratio = float(large / small)
    if abs(ratio - 0.5) <= SHARE:
        return None
    return Finding(
        recognise(small, case.inputs, _MISTAKES, 0.0, SHARE)
        or "all latents twice as large, means and deviations: the factor should halve.",
        came=f"it becomes {ratio:.3g} times as large",
        wanted="0.5 times",
        hint="A factor stretches deviations. See hint 3.",
    )


def _without_the_mean(ask: Ask, case: Case) -> Finding | None:
    """A common mean is no variance."""
    mu, logvar = case.inputs
    here, away = ask(mu, logvar), ask(mu + 3, logvar)
    if abs(float(away / here) - 1) <= SHARE:
        return None
    return Finding(
        recognise(here, case.inputs, _MISTAKES, 0.0, SHARE)
        or "3 added to every mean changes the factor; a shift is no variance.",
        came=f"{float(here):.4g} becomes {float(away):.4g}",
        wanted="the same",
        hint="A variance is measured about the mean of all latents.",
    )


def _scale(variance: Tensor) -> Tensor:
    return variance.rsqrt()


def _means_only(mu: Tensor, logvar: Tensor) -> Tensor:
    return _scale(mu.var(correction=0) + 0 * logvar.mean())


def _noise_only(mu: Tensor, logvar: Tensor) -> Tensor:
    return _scale(logvar.exp().mean())


def _not_centred(mu: Tensor, logvar: Tensor) -> Tensor:
    return _scale(mu.square().mean() + logvar.exp().mean())


def _deviations_added(mu: Tensor, logvar: Tensor) -> Tensor:
    return 1 / (mu.std(correction=0) + (logvar / 2).exp().mean())


def _mean_deviation(mu: Tensor, logvar: Tensor) -> Tensor:
    return _scale(mu.var(correction=0) + (logvar / 2).exp().mean().square())


def _mean_logvar(mu: Tensor, logvar: Tensor) -> Tensor:
    return _scale(mu.var(correction=0) + logvar.mean().exp())


def _logvar_is_deviation(mu: Tensor, logvar: Tensor) -> Tensor:
    return _scale(mu.var(correction=0) + (2 * logvar).exp().mean())


def _variance(mu: Tensor, logvar: Tensor) -> Tensor:
    return 1 / (mu.var(correction=0) + logvar.exp().mean())


def _deviation(mu: Tensor, logvar: Tensor) -> Tensor:
    return (mu.var(correction=0) + logvar.exp().mean()).sqrt()


def _channels_averaged(mu: Tensor, logvar: Tensor) -> Tensor:
    each = mu.var(dim=(0, 2, 3), correction=0) + logvar.exp().mean(dim=(0, 2, 3))
    return each.rsqrt().mean()


def _places_averaged(mu: Tensor, logvar: Tensor) -> Tensor:
    return _scale(mu.var(dim=0, correction=0).mean() + logvar.exp().mean())


_MISTAKES = {
    "only the means count; the latents are drawn about them.": _means_only,
    "only the encoder's own variances count; its means differ, too.": _noise_only,
    "the mean of the squares is no variance where the mean is not zero.": _not_centred,
    "deviations do not add; variances do.": _deviations_added,
    "the mean of the deviations, squared, is less than the mean of the variances.": _mean_deviation,
    "the exponential of the mean logarithm is less than the mean of the variances.": _mean_logvar,
    "`logvar` is the logarithm of the variance, not of the deviation.": _logvar_is_deviation,
    "this divides by the variance; that of the result is its inverse then.": _variance,
    "this is the deviation itself: the latents get larger where they should get smaller.": (
        _deviation
    ),
    "each channel has a factor of its own, and these are averaged.": _channels_averaged,
    "the variance is taken from picture to picture only; places and channels differ, too.": (
        _places_averaged
    ),
}

LATENT_SCALE = Check(
    name="latent_diffusion.latent_scale",
    reference=latent_scale,
    cases=_cases,
    properties=(
        Property("drawn latents get a variance of one", 1, _unit_variance, (TYPICAL, BLIND)),
        Property("twice as large, half the factor", 1, _twice_as_large, (TYPICAL, CERTAIN)),
        Property("a shift changes nothing", 1, _without_the_mean, (TYPICAL, OFFSET)),
        Property(
            "values agree with the reference",
            1,
            lambda ask, case: compare(ask, case, _MISTAKES, atol=0.0, rtol=SHARE),
            (TYPICAL, OFFSET, BLIND, CERTAIN),
            "See hint 2.",
        ),
    ),
    mutants={
        "means only": _means_only,
        "noise only": _noise_only,
        "not centred": _not_centred,
        "deviations added": _deviations_added,
        "mean deviation": _mean_deviation,
        "mean logvar": _mean_logvar,
        "logvar for deviation": _logvar_is_deviation,
        "variance": _variance,
        "deviation": _deviation,
        "channels averaged": _channels_averaged,
        "places averaged": _places_averaged,
    },
)
