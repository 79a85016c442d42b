"""Exercise 4 of unit 12: a step of any length, with as much noise as one likes."""

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.diffusion_models.common import (
    POINTS,
    best_noise,
    detached,
    falling,
    far,
    normal,
    spread_as_the_clusters,
)
from course_lib.checks.form import StudentError
from course_lib.checks.mistakes import compare, gradients_flow, recognise
from course_lib.generative.diffusion import ddim_step, ddpm_step
from course_lib.generative.schedules import cosine_schedule, spaced_steps

END = "the last step, to the clean picture, eta = 0.7"
JUMP = "a jump over three steps, eta = 0.5"
STILL = "a jump without fresh noise, eta = 0"
NEXT = "the very next step, eta = 1"
CHAIN = "two clusters of points, 25 of 200 steps, eta = 0, the noise predicted exactly"
LONG = cosine_schedule(200)


def _cases(generator: torch.Generator) -> list[Case]:
    def draw(*shape: int) -> Tensor:
        return normal(*shape, generator=generator)

    own = falling(12, generator)

    def step(t: int, previous: int, eta: float, *shape: int) -> tuple:
        return draw(*shape), t, previous, draw(*shape), own, eta, draw(*shape)

    start = draw(POINTS, 2)
    times = spaced_steps(200, 25)
    first = best_noise(start, float(LONG[times[0]]))
    return [
        Case(END, step(3, -1, 0.7, 2, 3, 4, 4)),
        Case(JUMP, step(8, 5, 0.5, 2, 3, 4, 4)),
        Case(STILL, step(9, 3, 0.0, 3, 4)),
        Case(NEXT, step(6, 5, 1.0, 2, 5)),
        Case(CHAIN, (start, times[0], times[1], first, LONG, 0.0, draw(POINTS, 2))),
    ]


def _ends_clean(ask: Ask, case: Case) -> Finding | None:
    x_t, t, _, predicted, alpha_bar, _, _ = case.inputs
    try:
        came = ask(*case.inputs)
    except StudentError as error:
        if error.kind != "not finite":
            raise
        return Finding(
            "a root of a negative number: `alpha_bar[-1]` is the *last* entry, pure noise; here -1 "
            "stands for the clean picture.",
            hint="See hint 3.",
        )
    left = alpha_bar[t]
    wanted = (x_t - (1 - left).sqrt() * predicted) / left.sqrt()
    place = far(came, wanted)
    if place is None:
        return None
    return Finding(
        recognise(came, case.inputs, _LAST | _MISTAKES, 1e-4, 1e-4)
        or "`previous = -1` is the clean picture, without any noise, whatever eta is.",
        came=f"{float(came[place]):.4g} at {place}",
        wanted=f"{float(wanted[place]):.4g}",
        hint="See hint 3.",
    )


def _without_noise(ask: Ask, case: Case) -> Finding | None:
    """With eta = 0 the noise is not used, and two steps with one prediction are one step."""
    x_t, t, previous, predicted, alpha_bar, eta, noise = case.inputs
    came = ask(*case.inputs)
    if far(came, ask(x_t, t, previous, predicted, alpha_bar, eta, 3 * noise), 1e-5):
        return Finding("eta is 0, and the result still depends on the fresh noise.")
    between = (t + previous) // 2
    half = ask(x_t, t, between, predicted, alpha_bar, eta, noise)
    joined = ask(half, between, previous, predicted, alpha_bar, eta, noise)
    place = far(joined, came)
    if place is None:
        return None
    return Finding(
        recognise(came, case.inputs, _MISTAKES, 1e-4, 1e-4)
        or "the same prediction was used for one long step and for two short ones, and they end in "
        "different places.",
        came=f"{float(came[place]):.4g} and {float(joined[place]):.4g}",
        wanted="the same",
        hint="See hint 1.",
    )


def _is_ddpm(ask: Ask, case: Case) -> Finding | None:
    x_t, t, _, predicted, alpha_bar, _, noise = case.inputs
    came, wanted = ask(*case.inputs), ddpm_step(x_t, t, predicted, alpha_bar, noise)
    place = far(came, wanted)
    if place is None:
        return None
    return Finding(
        recognise(came, case.inputs, _MISTAKES, 1e-4, 1e-4)
        or "with eta = 1 and the very next time it should be the step of DDPM.",
        came=f"{float(came[place]):.4g} at {place}",
        wanted=f"{float(wanted[place]):.4g}",
        hint="See hint 2.",
    )


def _as_much_noise(ask: Ask, case: Case) -> Finding | None:
    """If one picture is all of the data, the noise at the earlier time has its proper variance."""
    x_0, t, previous, _, alpha_bar, eta, _ = case.inputs
    now, then = alpha_bar[t], alpha_bar[previous]
    zero, one = torch.zeros_like(x_0), torch.ones_like(x_0)
    centre = ask(now.sqrt() * x_0, t, previous, zero, alpha_bar, eta, zero)
    noisy = now.sqrt() * x_0 + (1 - now).sqrt() * one
    moved = ask(noisy, t, previous, one, alpha_bar, eta, zero) - centre
    fresh = ask(now.sqrt() * x_0, t, previous, zero, alpha_bar, eta, one) - centre
    variance = moved**2 + fresh**2
    place = far(variance, (1 - then) * one)
    if place is None:
        return None
    return Finding(
        "old and fresh noise together are not what belongs to the earlier time.",
        came=f"a variance of {float(moved[place]) ** 2:.4f} + {float(fresh[place]) ** 2:.4f} = "
        f"{float(variance[place]):.4f}",
        wanted=f"{float(1 - then):.4f}, which is 1 - alpha-bar[previous]",
        hint="What is added as fresh noise has to be taken from the old.",
    )


def _chain(ask: Ask, case: Case) -> Finding | None:
    x, _, _, predicted, alpha_bar, eta, noise = case.inputs
    times = [*spaced_steps(len(alpha_bar), 25), -1]
    for t, previous in pairwise(times):
        x = ask(x, t, previous, predicted, alpha_bar, eta, noise)
        if not float(x.abs().max()) < 1e3:
            return Finding(f"the points fly apart: beyond 1000 at time {previous}.")
        if previous >= 0:
            predicted = best_noise(x, float(alpha_bar[previous]))
    return spread_as_the_clusters(x)


def _general(
    sigma: Callable[[float, Tensor, Tensor], Tensor] | None = None,
    direction: Callable[..., Tensor] | None = None,
    fade: Callable[[Tensor, Tensor], Tensor] = lambda now, then: then.sqrt(),
    look: Callable[[Tensor, int, int], Tensor] | None = None,
) -> Callable[..., Tensor]:
    """The right answer, in parts that can be made wrong."""

    def function(
        x_t: Tensor,
        t: int,
        previous: int,
        predicted_noise: Tensor,
        alpha_bar: Tensor,
        eta: float,
        noise: Tensor,
    ) -> Tensor:
        now, then = alpha_bar[t], (look or _then)(alpha_bar, t, previous)
        x_0 = (x_t - (1 - now).sqrt() * predicted_noise) / now.sqrt()
        s = (sigma or _sigma)(eta, now, then)
        towards = (direction or _direction)(now, then, s) * predicted_noise
        return fade(now, then) * x_0 + towards + s * noise

    return function


def _then(alpha_bar: Tensor, t: int, previous: int) -> Tensor:
    return alpha_bar[previous] if previous >= 0 else torch.ones(())


def _sigma(eta: float, now: Tensor, then: Tensor) -> Tensor:
    return eta * ((1 - then) / (1 - now) * (1 - now / then)).sqrt()


def _direction(now: Tensor, then: Tensor, sigma: Tensor) -> Tensor:
    return (1 - then - sigma**2).clamp_min(0).sqrt()


def _wrap(alpha_bar: Tensor, t: int, previous: int) -> Tensor:
    return alpha_bar[previous]


def _one_less(alpha_bar: Tensor, t: int, previous: int) -> Tensor:
    return alpha_bar[t - 1] if previous >= 0 else torch.ones(())


_wrapped = _general(look=_wrap)
_next_only = _general(look=_one_less)
_no_eta = _general(lambda eta, now, then: _sigma(1.0, now, then))
_eta_nought = _general(lambda eta, now, then: _sigma(0.0, now, then))
_variance = _general(lambda eta, now, then: eta * _sigma(1.0, now, then) ** 2)
_half_sigma = _general(lambda eta, now, then: eta * ((1 - then) / (1 - now)).sqrt() * (then < 1))
_beta_sigma = _general(lambda eta, now, then: eta * (1 - now / then).sqrt() * (then < 1))
_too_much = _general(direction=lambda now, then, s: (1 - then).sqrt())
_linear = _general(direction=lambda now, then, s: (1 - then).sqrt() - s)
_not_squared = _general(direction=lambda now, then, s: (1 - then - s).clamp_min(0).sqrt())
_old_level = _general(direction=lambda now, then, s: (1 - now - s**2).clamp_min(0).sqrt())
_not_faded = _general(fade=lambda now, then: torch.ones(()))
_no_direction = _general(direction=lambda now, then, s: torch.zeros(()))
_minus = _general(direction=lambda now, then, s: -_direction(now, then, s))

_LAST = {
    "-1 as an index is the *last* entry of the schedule, pure noise, and not alpha-bar = 1.": (
        _wrapped
    ),
}
_MISTAKES = {
    "`previous` is not used: this is always the step to t - 1.": _next_only,
    "eta is not used: there is always all of the fresh noise.": _no_eta,
    "eta is not used: there is never any fresh noise.": _eta_nought,
    "the noise is scaled by a variance; a deviation is its root.": _variance,
    "sigma lacks its second factor, how far the step goes.": _half_sigma,
    "sigma lacks its first factor, the noise that is left over the noise that was.": _beta_sigma,
    "the fresh noise comes on top of the old; the old has to make room for it.": _too_much,
    "deviations do not add, variances do: sigma is subtracted in the wrong place.": _linear,
    "sigma is not squared where it is taken from the variance.": _not_squared,
    "as much of the old noise is kept as there was at time t.": _old_level,
    "the clean picture is not faded for the earlier time.": _not_faded,
    "nothing points towards the old noise; only the picture is left.": _no_direction,
    "the predicted noise enters with the wrong sign.": _minus,
}

DDIM_STEP = Check(
    name="diffusion_models.ddim_step",
    reference=ddim_step,
    cases=_cases,
    properties=(
        Property("the last step ends clean", 1, _ends_clean, cases=(END,)),
        Property("without fresh noise, steps join", 1, _without_noise, cases=(STILL,)),
        Property("with all of it, the step is DDPM's", 1, _is_ddpm, cases=(NEXT,)),
        Property("as much noise as belongs there", 1, _as_much_noise, cases=(JUMP,)),
        Property("noise becomes data in 25 steps", 1, _chain, cases=(CHAIN,), hint="See hint 1."),
        Property(
            "values and gradients agree with the reference",
            1,
            lambda ask, case: (
                compare(ask, case, _MISTAKES, atol=1e-4, rtol=1e-3)
                or gradients_flow(1, (0, 3, 6)).holds(ask, case)
            ),
            cases=(JUMP,),
            hint="See hint 2.",
        ),
    ),
    mutants={
        "last entry at the end": _wrapped,
        "previous ignored": _next_only,
        "eta ignored, all noise": _no_eta,
        "eta ignored, no noise": _eta_nought,
        "variance for deviation": _variance,
        "second factor of sigma missing": _half_sigma,
        "first factor of sigma missing": _beta_sigma,
        "noise on top": _too_much,
        "sigma subtracted": _linear,
        "sigma not squared": _not_squared,
        "noise of time t": _old_level,
        "picture not faded": _not_faded,
        "no direction": _no_direction,
        "wrong sign": _minus,
        "prediction detached": detached(ddim_step, 3),
    },
)
