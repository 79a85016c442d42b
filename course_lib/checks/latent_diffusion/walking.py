"""Exercise 4 of unit 13: a guided walk from noise to latents, judged where the end is known."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.mistakes import compare, gradients_flow, listed, recognise, uniform
from course_lib.generative.diffusion import ddim_step
from course_lib.generative.latent_diffusion import guided_sample, predict_noise
from course_lib.generative.schedules import cosine_schedule, spaced_steps

T = 60
SCHEDULE = cosine_schedule(T)
SPOTS = "all data in one spot, with the prompt and without; six steps"
PARTLY = "a walk that begins in the middle"
ONE_STEP = "a single time"
WIDE = "Gaussian data, forty steps from 400 points of noise"
UNEQUAL = "a prompt that also narrows the data"
AS_IT_IS = "guidance 1"
FORGOTTEN = "guidance 0"

Gaussian = Mapping[str, Tensor]


def _cases(generator: torch.Generator) -> list[Case]:
    def gaussian(variance: float, size: int = 3) -> dict[str, Tensor]:
        mean = uniform(-2.0, 2.0, size, generator=generator)
        return {"mean": mean, "variance": torch.tensor(variance)}

    def case(
        name: str, count: int, variances: tuple[float, float], times: list[int], scale: float
    ) -> Case:
        start = torch.randn(count, 3, generator=generator)
        told, untold = (gaussian(variance) for variance in variances)
        return Case(name, (start, told, untold, SCHEDULE, times, scale))

    scale = float(uniform(1.5, 3.5, 1, generator=generator))
    middle = spaced_steps(T, 15)[-8:]
    return [
        case(SPOTS, 4, (0.0, 0.0), spaced_steps(T, 6), scale),
        case(PARTLY, 3, (0.4, 0.4), middle, 2.0),
        case(ONE_STEP, 3, (0.3, 0.3), [T // 2], 2.0),
        case(WIDE, 400, (0.3, 0.3), spaced_steps(T, 40), scale),
        case(UNEQUAL, 5, (0.1, 0.8), spaced_steps(T, 12), 1.7),
        case(AS_IT_IS, 3, (0.2, 0.2), spaced_steps(T, 9), 1.0),
        case(FORGOTTEN, 3, (0.2, 0.2), spaced_steps(T, 9), 0.0),
    ]


def _centre(case: Case) -> Tensor:
    """Where guided data of equal width lie: beyond the prompt's mean, seen from the other's."""
    _, told, untold, _, _, scale = case.inputs
    return untold["mean"] + scale * (told["mean"] - untold["mean"])


def _reaches_the_spot(ask: Ask, case: Case) -> Finding | None:
    """If there is one clean latent, every walk ends in it, from any start, in any steps."""
    came, wanted = ask(*case.inputs), _centre(case).expand_as(case.inputs[0])
    off = (came - wanted).abs().amax(dim=1)
    worst = int(off.argmax())
    if float(off[worst]) <= 2e-2:
        return None
    return Finding(
        _sentence(came, case) or "the walk does not end where all of the guided data are.",
        came=listed(came[worst]),
        wanted=f"{listed(wanted[worst])}, from any start",
        hint="See hint 2.",
    )


def _moments(ask: Ask, case: Case) -> Finding | None:
    """Noise becomes the guided Gaussian: its mean, and its width."""
    came, wanted = ask(*case.inputs), _centre(case)
    deviation = float(case.inputs[1]["variance"]) ** 0.5
    mean, spread = came.mean(dim=0), came.std(dim=0)
    if float((mean - wanted).abs().max()) > 0.15:
        return Finding(
            _sentence(came, case) or "the points are centred elsewhere than the guided data.",
            came=listed(mean),
            wanted=listed(wanted),
            hint="See hint 1.",
        )
    if float((spread / deviation - 1).abs().max()) <= 0.12:
        return None
    return Finding(
        _sentence(came, case) or "the points are spread otherwise than the guided data.",
        came=listed(spread),
        wanted=f"{deviation:.3f} along each axis",
        hint="See hint 2.",
    )


def _line(ask: Ask, case: Case) -> Finding | None:
    """Guidance 0 has not heard of the prompt; guidance 1 has not heard of anything else."""
    start, told, untold, alpha_bar, times, scale = case.inputs
    away = {"mean": told["mean"] + 5, "variance": told["variance"] * 2}
    silent = (start, told, away, alpha_bar, times, scale)
    if scale == 0:
        silent = (start, away, untold, alpha_bar, times, scale)
    came, again, wanted = ask(*case.inputs), ask(*silent), ask.wanted(*case.inputs)
    off = float((came - again).abs().max())
    if off <= 1e-3 and float((came - wanted).abs().max()) <= 1e-2:
        return None
    which = "the prompt" if scale == 0 else "the model without the prompt"
    return Finding(
        _sentence(came, case)
        or (
            f"with guidance {scale:g}, {which} still counts."
            if off > 1e-3
            else f"with guidance {scale:g}, the walk should be that of one of the two models."
        ),
        came=f"off by up to {max(off, float((came - wanted).abs().max())):.3g}",
        wanted="the walk of the other model alone",
        hint="See hint 1.",
    )


def _sentence(came: Tensor, case: Case) -> str:
    return recognise(came, case.inputs, _MISTAKES, 1e-3, 1e-3)


def _agrees(ask: Ask, case: Case) -> Finding | None:
    return compare(ask, case, _MISTAKES, atol=1e-3, rtol=1e-3)


Mix = Callable[[Tensor, Tensor, float], Tensor]


def _right(told: Tensor, untold: Tensor, scale: float) -> Tensor:
    return untold + scale * (told - untold)


def _variant(
    mix: Mix = _right,
    plan: Callable[[Sequence[int]], list[tuple[int, int]]] = lambda times: list(
        pairwise([*times, -1])
    ),
    once: bool = False,
    first_only: bool = False,
    after: Callable[[Tensor], Tensor] = lambda x: x,
    late: bool = False,
    wrap: bool = False,
) -> Callable[..., Tensor]:
    """The walk with one thing done otherwise."""

    def function(
        start: Tensor,
        told: Gaussian,
        untold: Gaussian,
        alpha_bar: Tensor,
        times: Sequence[int],
        scale: float,
    ) -> Tensor:
        x, noise = start, None
        for n, (t, previous) in enumerate(plan(times)):
            if noise is None or not once:
                asked = max(previous, 0) if late else t
                weight = scale if n == 0 or not first_only else 1.0
                pair = (predict_noise(each, x, asked, alpha_bar) for each in (told, untold))
                noise = mix(*pair, weight)
            if wrap and previous < 0:
                previous = len(alpha_bar) - 1  # what an index of -1 means
                clean = (x - (1 - alpha_bar[t]).sqrt() * noise) / alpha_bar[t].sqrt()
                left = alpha_bar[previous]
                x = left.sqrt() * clean + (1 - left).sqrt() * noise
            else:
                x = ddim_step(x, t, previous, noise, alpha_bar, 0.0, torch.zeros_like(x))
            x = after(x)
        return x

    return function


def _all_times(times: Sequence[int]) -> list[tuple[int, int]]:
    return list(pairwise([*spaced_steps(T, len(times) if len(times) > 1 else 2), -1]))


def _detached(*inputs: object) -> Tensor:
    start, *others = inputs
    return guided_sample(start.detach(), *others) + 0 * start


_MISTAKES = {
    "guidance is counted from the prompt's prediction: guidance 1 should be that one.": _variant(
        lambda told, untold, scale: told + scale * (told - untold)
    ),
    "the two predictions have changed places.": _variant(
        lambda told, untold, scale: _right(untold, told, scale)
    ),
    "the prompt's prediction is made larger; it is the *difference* that is.": _variant(
        lambda told, untold, scale: untold + scale * told
    ),
    "the guidance is not used; only the prompt's prediction is.": _variant(
        lambda told, untold, scale: told
    ),
    "the prompt is not used.": _variant(lambda told, untold, scale: untold),
    "the walk stops at the last time; some noise is left in the latents.": _variant(
        plan=lambda times: list(pairwise(times))
    ),
    "each step goes to time t - 1, whatever the next time is.": _variant(
        plan=lambda times: [(t, t - 1) for t in times]
    ),
    "the walk always begins at pure noise; `times` says where it begins.": _variant(
        plan=_all_times
    ),
    "the noise is predicted once, at the start; that is as good as a single step. Each has to ask "
    "again.": _variant(once=True),
    "only the first step is guided.": _variant(first_only=True),
    "the latents are cut off at -1 and 1; they are not pictures.": _variant(
        after=lambda x: x.clamp(-1, 1)
    ),
    "the models are asked about the time that the step goes to, not about the time now.": _variant(
        late=True
    ),
    "at the end, -1 must not become an index: the last entry of `alpha_bar` is pure noise.": (
        _variant(wrap=True)
    ),
}

GUIDED_SAMPLE = Check(
    name="latent_diffusion.guided_sample",
    reference=guided_sample,
    cases=_cases,
    properties=(
        Property("one spot: every walk ends in it", 1, _reaches_the_spot, (SPOTS,)),
        Property("noise becomes the guided Gaussian", 1, _moments, (WIDE,)),
        Property("guidance 0 and guidance 1", 1, _line, (AS_IT_IS, FORGOTTEN)),
        Property("values agree with the reference", 1, _agrees, (UNEQUAL, SPOTS), "See hint 2."),
        Property("it begins where `times` begins", 1, _agrees, (PARTLY, ONE_STEP), "See hint 3."),
        gradients_flow(1, (0,), cases=(UNEQUAL,), hint="Detach nothing."),
    ),
    mutants={
        "counted from the prompt": _variant(
            lambda told, untold, scale: told + scale * (told - untold)
        ),
        "exchanged": _variant(lambda told, untold, scale: _right(untold, told, scale)),
        "prompt added": _variant(lambda told, untold, scale: untold + scale * told),
        "guidance ignored": _variant(lambda told, untold, scale: told),
        "prompt ignored": _variant(lambda told, untold, scale: untold),
        "stops early": _variant(plan=lambda times: list(pairwise(times))),
        "steps of one": _variant(plan=lambda times: [(t, t - 1) for t in times]),
        "always from noise": _variant(plan=_all_times),
        "predicted once": _variant(once=True),
        "first step guided": _variant(first_only=True),
        "cut off": _variant(after=lambda x: x.clamp(-1, 1)),
        "asked too late": _variant(late=True),
        "last entry at the end": _variant(wrap=True),
        "start detached": _detached,
    },
)
