"""Exercise 3 of unit 12: one step back, with fresh noise."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.diffusion_models.common import (
    POINTS,
    SCHEDULE,
    T,
    best_noise,
    detached,
    falling,
    far,
    normal,
    spread_as_the_clusters,
)
from course_lib.checks.mistakes import compare, gradients_flow, recognise
from course_lib.generative.diffusion import ddpm_step

LAST = "the last step, t = 0"
MIDDLE = "two pictures in the middle of a schedule of twelve steps"
EARLY = "t = 1, the last step with noise"
CHAIN = "two clusters of points, forty steps from pure noise, the noise predicted exactly"
ONE = "one picture is all there is, so its noise is known"


def _cases(generator: torch.Generator) -> list[Case]:
    def draw(*shape: int) -> Tensor:
        return normal(*shape, generator=generator)

    own = falling(12, generator)
    start = draw(POINTS, 2)
    first = best_noise(start, float(SCHEDULE[-1]))
    t = int(torch.randint(4, 9, (), generator=generator))
    return [
        Case(LAST, (draw(2, 3, 4, 4), 0, draw(2, 3, 4, 4), own, draw(2, 3, 4, 4))),
        Case(ONE, (draw(1, 6), t, draw(1, 6), own, draw(1, 6))),
        Case(MIDDLE, (draw(2, 3, 4, 4), t, draw(2, 3, 4, 4), own, draw(2, 3, 4, 4))),
        Case(EARLY, (draw(3, 2), 1, draw(3, 2), SCHEDULE, draw(3, 2))),
        Case(CHAIN, (start, T - 1, first, SCHEDULE, draw(POINTS, 2))),
    ]


def _ends_clean(ask: Ask, case: Case) -> Finding | None:
    x_t, t, predicted, alpha_bar, noise = case.inputs
    came = ask(*case.inputs)
    if far(came, ask(x_t, t, predicted, alpha_bar, -noise), 1e-5):
        return Finding(
            recognise(came, case.inputs, _LAST, 1e-4, 1e-4)
            or "the last step adds noise, and no further step will take it away.",
            hint="See hint 3.",
        )
    left = alpha_bar[0]
    wanted = (x_t - (1 - left).sqrt() * predicted) / left.sqrt()
    place = far(came, wanted)
    if place is None:
        return None
    return Finding(
        recognise(came, case.inputs, _MISTAKES | _LAST, 1e-4, 1e-4)
        or "the last step should end at the clean picture that the prediction implies.",
        came=f"{float(came[place]):.4g} at {place}",
        wanted=f"{float(wanted[place]):.4g}",
        hint="See hint 3.",
    )


def _forward_backward(ask: Ask, case: Case) -> Finding | None:
    """If one picture is all of the data, the step lands where the forward process would be."""
    x_0, t, _, alpha_bar, _ = case.inputs
    now, before = alpha_bar[t], alpha_bar[t - 1]
    zero, one = torch.zeros_like(x_0), torch.ones_like(x_0)
    centre = ask(now.sqrt() * x_0, t, zero, alpha_bar, zero)
    wanted = before.sqrt() * x_0
    if place := far(centre, wanted):
        return Finding(
            "without any noise, the picture at time t should become the picture at time t - 1.",
            came=f"{float(centre[place]):.4g}",
            wanted=f"{float(wanted[place]):.4g}, the root of alpha-bar[t - 1] times the picture",
            hint="See hint 1.",
        )
    moved = ask(now.sqrt() * x_0 + (1 - now).sqrt() * one, t, one, alpha_bar, zero) - centre
    fresh = ask(now.sqrt() * x_0, t, zero, alpha_bar, one) - centre
    variance = moved**2 + fresh**2
    place = far(variance, (1 - before) * one)
    if place is None:
        return None
    more = "more" if variance[place] > 1 - before else "less"
    return Finding(
        f"at time t - 1 there is {more} noise in the picture than belongs there.",
        came=f"a variance of {float(moved[place]) ** 2:.4f} (what is left of the old noise) + "
        f"{float(fresh[place]) ** 2:.4f} (fresh) = {float(variance[place]):.4f}",
        wanted=f"{float(1 - before):.4f}, which is 1 - alpha-bar[t - 1]",
        hint="See hint 2.",
    )


def _chain(ask: Ask, case: Case) -> Finding | None:
    """Forty of the student's steps turn noise into the clusters."""
    x, _, predicted, alpha_bar, noise = case.inputs
    generator = torch.Generator().manual_seed(len(x))
    for t in range(T - 1, -1, -1):
        x = ask(x, t, predicted, alpha_bar, noise)
        if not float(x.abs().max()) < 1e3:
            return Finding(f"the points fly apart: beyond 1000 after {T - t} steps.")
        if t:
            predicted = best_noise(x, float(alpha_bar[t - 1]))
            noise = normal(*x.shape, generator=generator)
    return spread_as_the_clusters(x)


def _general(
    mean: Callable[..., Tensor] | None = None,
    deviation: Callable[[Tensor, Tensor], Tensor] | None = None,
    wrap: bool = False,
) -> Callable[..., Tensor]:
    """The right answer, with another mean, another deviation, or alpha_bar[-1] at the end."""

    def function(
        x_t: Tensor, t: int, predicted_noise: Tensor, alpha_bar: Tensor, noise: Tensor
    ) -> Tensor:
        now = alpha_bar[t]
        before = alpha_bar[t - 1] if t > 0 or wrap else torch.ones(())
        centre = (mean or _right_mean)(x_t, predicted_noise, now, before)
        return centre + (deviation or _right_deviation)(now, before) * noise

    return function


def _right_mean(x: Tensor, eps: Tensor, now: Tensor, before: Tensor) -> Tensor:
    beta = 1 - now / before
    return (x - beta / (1 - now).sqrt() * eps) / (1 - beta).sqrt()


def _right_deviation(now: Tensor, before: Tensor) -> Tensor:
    return ((1 - before) / (1 - now) * (1 - now / before)).clamp_min(0).sqrt()


def _implied(x: Tensor, eps: Tensor, now: Tensor) -> Tensor:
    return (x - (1 - now).sqrt() * eps) / now.sqrt()


_wrapped = _general(wrap=True)
_large = _general(deviation=lambda now, before: (1 - now / before).sqrt())
_variance = _general(deviation=lambda now, before: _right_deviation(now, before) ** 2)
_silent = _general(deviation=lambda now, before: torch.zeros(()))
_unit = _general(deviation=lambda now, before: (before < 1).float())
_own_beta = _general(
    lambda x, eps, now, before: (x - (1 - now / before).sqrt() * eps) / (now / before).sqrt()
)
_not_scaled = _general(lambda x, eps, now, before: x - (1 - now / before) / (1 - now).sqrt() * eps)
_all_at_once = _general(lambda x, eps, now, before: _implied(x, eps, now))
_forgets = _general(
    lambda x, eps, now, before: before.sqrt() * _implied(x, eps, now),
    lambda now, before: (1 - before).sqrt(),
)
_whole_noise = _general(
    lambda x, eps, now, before: (x - (1 - now).sqrt() * eps) / (now / before).sqrt()
)
_exchanged = _general(
    lambda x, eps, now, before: (
        (
            before.sqrt() * (1 - now / before) * x
            + (now / before).sqrt() * (1 - before) * _implied(x, eps, now)
        )
        / (1 - now)
    )
)
_added = _general(lambda x, eps, now, before: _right_mean(x, -eps, now, before))
_ode = _general(
    lambda x, eps, now, before: before.sqrt() * _implied(x, eps, now) + (1 - before).sqrt() * eps,
    lambda now, before: torch.zeros(()),
)


def _noise_at_the_end(
    x_t: Tensor, t: int, predicted_noise: Tensor, alpha_bar: Tensor, noise: Tensor
) -> Tensor:
    """Right but for t = 0, where the step's own variance is used."""
    step = ddpm_step(x_t, t, predicted_noise, alpha_bar, noise)
    return step if t else step + (1 - alpha_bar[0]).sqrt() * noise


_LAST = {
    "at t = 0 there is no `alpha_bar[t - 1]`: index -1 is the *last* entry, pure noise.": _wrapped,
}
_MISTAKES = {
    "the fresh noise has the variance of the forward step; some noise is still left in the picture "
    "from before.": _large,
    "the noise is scaled by a variance; a deviation is its root.": _variance,
    "no fresh noise is added.": _silent,
    "the fresh noise is not scaled.": _unit,
    "only one step's noise is known to be in there, but the prediction is of *all* the noise: its "
    "share is not the root of beta.": _own_beta,
    "the picture is not scaled back up for the step.": _not_scaled,
    "this goes all the way to the clean picture in one step.": _all_at_once,
    "the old noise is replaced by fresh noise; a part of it should stay.": _forgets,
    "all of the noise is taken away, and the picture is scaled for one step only.": _whole_noise,
    "the weights of `x_t` and of the clean picture have changed places.": _exchanged,
    "the predicted noise is added instead of taken away.": _added,
    "the predicted noise takes the fresh noise's place: that is the step of the next exercise, "
    "with eta = 0.": _ode,
}

DDPM_STEP = Check(
    name="diffusion_models.ddpm_step",
    reference=ddpm_step,
    cases=_cases,
    properties=(
        Property("the last step ends clean", 1, _ends_clean, cases=(LAST,)),
        Property("back to where the forward process was", 1, _forward_backward, cases=(ONE,)),
        Property(
            "noise becomes data: shares, centres and widths of two clusters",
            1,
            _chain,
            cases=(CHAIN,),
            hint="See hint 2.",
        ),
        Property(
            "values agree with the reference",
            1,
            lambda ask, case: compare(ask, case, _MISTAKES, atol=1e-4, rtol=1e-3),
            cases=(MIDDLE, EARLY),
            hint="See hint 1.",
        ),
        gradients_flow(1, (0, 2, 4), cases=(MIDDLE,), hint="Detach nothing."),
    ),
    mutants={
        "last entry at the end": _wrapped,
        "noise at the end": _noise_at_the_end,
        "variance of the forward step": _large,
        "variance for deviation": _variance,
        "no noise": _silent,
        "noise not scaled": _unit,
        "root of beta": _own_beta,
        "not scaled up": _not_scaled,
        "all at once": _all_at_once,
        "old noise forgotten": _forgets,
        "all of the noise taken": _whole_noise,
        "weights exchanged": _exchanged,
        "noise added": _added,
        "no fresh noise, all of the old": _ode,
        "prediction detached": detached(ddpm_step, 2),
    },
)
