"""Exercise 1 of unit 10: draws from a Gaussian that carry gradients."""

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.mistakes import compare, gradients_flow, uniform
from course_lib.generative.vae import reparameterize

TYPICAL = "three latents of four numbers, one draw each"
MANY = "many draws of two latents"
MAPS = "latents that are maps"
CERTAIN = "a variance that is next to nothing"

DRAWS = 4000


def _cases(generator: torch.Generator) -> list[Case]:
    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    def logvar(*shape: int) -> Tensor:
        return uniform(-2.0, 1.5, *shape, generator=generator)

    return [
        Case(TYPICAL, (draw(3, 4), logvar(3, 4), draw(3, 4))),
        Case(MANY, (2 * draw(2, 3), logvar(2, 3), draw(DRAWS, 2, 3))),
        Case(MAPS, (draw(2, 3, 4, 4), logvar(2, 3, 4, 4), draw(2, 3, 4, 4))),
        Case(CERTAIN, (draw(3, 4), torch.full((3, 4), -30.0), draw(3, 4))),
    ]


def _moments(ask: Ask, case: Case) -> Finding | None:
    """Of many draws: the mean is mu, the variance exp(logvar), to within chance."""
    mu, logvar, _ = case.inputs
    z = ask(*case.inputs)
    for name, came, wanted in (
        ("mean", z.mean(dim=0), mu),
        ("variance", z.var(dim=0), logvar.exp()),
    ):
        room = 5 * (logvar.exp().sqrt() if name == "mean" else 2**0.5 * wanted) / DRAWS**0.5
        off = (came - wanted).abs()
        if bool((off > room).any()):
            at = int((off / room).argmax())
            return _known(ask, case) or Finding(
                f"the {name} of {DRAWS} draws is not the one that was asked for.",
                came=f"{float(came.flatten()[at]):.3g}",
                wanted=f"{float(wanted.flatten()[at]):.3g}",
                hint="What is `logvar` the logarithm of?",
            )
    return None


def _known(ask: Ask, case: Case) -> Finding | None:
    found = compare(ask, case, _MISTAKES)
    return found if found and found.message in _MISTAKES else None


def _agrees(ask: Ask, case: Case) -> Finding | None:
    return compare(ask, case, _MISTAKES)


def _not_halved(mu: Tensor, logvar: Tensor, noise: Tensor) -> Tensor:
    return mu + logvar.exp() * noise


def _log_as_deviation(mu: Tensor, logvar: Tensor, noise: Tensor) -> Tensor:
    return mu + logvar * noise


def _root_of_log(mu: Tensor, logvar: Tensor, noise: Tensor) -> Tensor:
    return mu + logvar.abs().sqrt() * noise


def _standard(mu: Tensor, logvar: Tensor, noise: Tensor) -> Tensor:
    return mu + noise


def _mean_only(mu: Tensor, logvar: Tensor, noise: Tensor) -> Tensor:
    return mu.expand_as(noise).clone()


def _no_mean(mu: Tensor, logvar: Tensor, noise: Tensor) -> Tensor:
    return (logvar / 2).exp() * noise


def _mean_scaled(mu: Tensor, logvar: Tensor, noise: Tensor) -> Tensor:
    return (logvar / 2).exp() * (mu + noise)


def _inverse(mu: Tensor, logvar: Tensor, noise: Tensor) -> Tensor:
    return mu + (-logvar / 2).exp() * noise


def _added(mu: Tensor, logvar: Tensor, noise: Tensor) -> Tensor:
    return mu + (logvar / 2).exp() + noise


def _own_noise(mu: Tensor, logvar: Tensor, noise: Tensor) -> Tensor:
    """Draws anew, and leaves the noise that was given."""
    generator = torch.Generator().manual_seed(7)
    return reparameterize(mu, logvar, torch.randn(noise.shape, generator=generator))


def _sampled(mu: Tensor, logvar: Tensor, noise: Tensor) -> Tensor:
    """As `sample()` does: right values, no way back."""
    return reparameterize(mu, logvar, noise).detach() + 0 * mu


def _variance_detached(mu: Tensor, logvar: Tensor, noise: Tensor) -> Tensor:
    return reparameterize(mu, logvar.detach(), noise)


def _in_place(mu: Tensor, logvar: Tensor, noise: Tensor) -> Tensor:
    result = reparameterize(mu, logvar, noise)
    noise *= 2
    return result


_MISTAKES = {
    "the noise is scaled by the variance; it wants the standard deviation.": _not_halved,
    "the noise is scaled by the logarithm itself.": _log_as_deviation,
    "the noise is scaled by the root of the logarithm.": _root_of_log,
    "the variance plays no part.": _standard,
    "the noise plays no part: all draws are the mean.": _mean_only,
    "the draws are about zero, not about `mu`.": _no_mean,
    "`mu` is scaled, too; only the noise is.": _mean_scaled,
    "the noise is divided by the standard deviation.": _inverse,
    "the standard deviation is added to the noise; it scales it.": _added,
    "the noise that was given is not used.": _own_noise,
}

REPARAMETERIZE = Check(
    name="variational_autoencoders.reparameterize",
    reference=reparameterize,
    cases=_cases,
    properties=(
        Property("mean and variance of many draws", 1, _moments, (MANY,), "See hint 1."),
        Property("values agree with the reference", 1, _agrees, (TYPICAL, MAPS), "See hint 2."),
        Property("no variance, no chance", 1, _agrees, (CERTAIN,), "See hint 1."),
        gradients_flow(1, (0, 1), cases=(TYPICAL,), hint="See hint 3."),
    ),
    mutants={
        "not halved": _not_halved,
        "log as deviation": _log_as_deviation,
        "root of the log": _root_of_log,
        "standard": _standard,
        "mean only": _mean_only,
        "no mean": _no_mean,
        "mean scaled": _mean_scaled,
        "inverse": _inverse,
        "added": _added,
        "own noise": _own_noise,
        "sampled": _sampled,
        "variance detached": _variance_detached,
        "in place": _in_place,
    },
)
