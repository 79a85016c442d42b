"""Exercise 3 of unit 16: one sample in each bin of a ray."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.mistakes import listed, recognise, uniform

RAYS = "five rays of their own lengths, eight samples each"
LEFT = "u = 0 everywhere"
MIDDLE = "u = 1/2 everywhere"
SHORT = "a ray that ends where it begins"
MANY = "a thousand rays from 2 to 6, four samples each"
ONE = "two rays with one sample each"


def stratified_samples(near: Tensor, far: Tensor, u: Tensor) -> Tensor:
    """t_i = near + (far - near) (i + u_i) / S, (R, S)."""
    count = u.shape[1]
    place = (torch.arange(count) + u) / count
    return near[:, None] + (far - near)[:, None] * place


def _cases(generator: torch.Generator) -> list[Case]:
    def draw(low: float, high: float, *shape: int) -> Tensor:
        return uniform(low, high, *shape, generator=generator)

    near = draw(0.5, 2.0, 5)
    far = near + draw(1.0, 4.0, 5)
    thousand = torch.full((1000,), 2.0), torch.full((1000,), 6.0)
    return [
        Case(RAYS, (near, far, draw(0.02, 0.98, 5, 8))),
        Case(LEFT, (near, far, torch.zeros(5, 8))),
        Case(MIDDLE, (near, far, torch.full((5, 8), 0.5))),
        Case(SHORT, (near[:1], near[:1].clone(), draw(0.0, 1.0, 1, 6))),
        Case(MANY, (*thousand, torch.rand(1000, 4, generator=generator))),
        Case(ONE, (near[:2], far[:2], draw(0.1, 0.9, 2, 1))),
    ]


def _one_in_each_bin(ask: Ask, case: Case) -> Finding | None:
    near, far, u = case.inputs
    count = u.shape[1]
    came = ask(*case.inputs)
    place = (came - near[:, None]) / (far - near)[:, None] * count  # in bins
    bins = torch.arange(count)
    outside = (place < bins - 1e-3) | (place > bins + 1 + 1e-3)
    if not bool(outside.any()):
        return None
    ray, i = outside.nonzero()[0].tolist()
    edges = near[ray] + (far - near)[ray] * torch.tensor([i, i + 1]) / count
    message = (
        recognise(came, case.inputs, _MISTAKES, 1e-4, 1e-4)
        or f"sample {i} of ray {ray} is not in bin {i}: each bin should hold one sample, in order."
    )
    return Finding(
        message,
        came=f"{float(came[ray, i]):.4g}",
        wanted=f"between {float(edges[0]):.4g} and {float(edges[1]):.4g}",
        hint="Cut the ray from near to far into as many equal pieces as there are samples.",
    )


def _limits(ask: Ask, case: Case) -> Finding | None:
    came, wanted = ask(*case.inputs), ask.wanted(*case.inputs)
    off = (came - wanted).abs()
    if float(off.max()) <= 1e-4:
        return None
    ray = int(off.amax(dim=1).argmax())
    message = recognise(came, case.inputs, _MISTAKES, 1e-4, 1e-4) or {
        LEFT: "with u = 0 each sample should lie at the beginning of its bin.",
        MIDDLE: "with u = 1/2 each sample should lie in the middle of its bin.",
        SHORT: "with near = far there is only one place for all samples.",
    }.get(case.name, "it depends on more than near, far and u.")
    return Finding(message, came=listed(came[ray]), wanted=listed(wanted[ray]))


def _even(ask: Ask, case: Case) -> Finding | None:
    """Over many rays all distances are equally likely, and each sample uses a number of its own."""
    near, far, u = case.inputs
    came = ask(*case.inputs)
    place = ((came - near[:, None]) / (far - near)[:, None]).flatten().sort().values
    even = (torch.arange(len(place)) + 0.5) / len(place)
    gap = float((place - even).abs().max())  # the statistic of Kolmogorov and Smirnov
    if gap > 0.03:
        return Finding(
            "over many rays every distance should come up equally often; here some are missed.",
            came=f"the distribution is {gap:.2f} off an even one",
            wanted="less than 0.03",
            hint="u is uniform already: shift it and scale it, and do nothing else to it.",
        )
    other = ask(near, far, 1 - u)
    width = (far - near)[:, None] / u.shape[1]
    mirrored = (came + other - 2 * ask(near, far, torch.full_like(u, 0.5))).abs() / width
    if float(mirrored.max()) > 1e-2:
        return Finding("with 1 - u each sample should be mirrored in its bin, and is not.")
    inside = came.sub(near[:, None]) / width - torch.arange(u.shape[1])
    if float((inside.std(dim=1) - u.std(dim=1)).abs().max()) > 1e-2:
        return Finding(
            "all samples of a ray are moved by the same amount; each has a number of its own in u.",
            hint="u has one number for each sample of each ray.",
        )
    return None


def _variant(
    place: Callable[[Tensor, Tensor], Tensor],
) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """A wrong answer: another place from the bins' numbers and u, as a share of the ray."""

    def function(near: Tensor, far: Tensor, u: Tensor) -> Tensor:
        share = place(torch.arange(u.shape[1]).float(), u)
        return near[:, None] + (far - near)[:, None] * share

    return function


def _in_place(near: Tensor, far: Tensor, u: Tensor) -> Tensor:
    count = u.shape[1]
    return u.add_(torch.arange(count)).div_(count) * (far - near)[:, None] + near[:, None]


_sorted_noise = _variant(lambda bins, u: u.sort(dim=1).values)
_too_long = _variant(lambda bins, u: bins + u)
_to_the_end = _variant(lambda bins, u: (bins + u) / max(len(bins) - 1, 1))
_whole_steps = _variant(lambda bins, u: bins / max(len(bins) - 1, 1) + 0 * u)
_centred = _variant(lambda bins, u: (bins + u - 0.5) / len(bins))
_middles = _variant(lambda bins, u: (bins + 0.5) / len(bins) + 0 * u)
_shared = _variant(lambda bins, u: (bins + u[:, :1]) / len(bins))
_one_ray = _variant(lambda bins, u: (bins + u[:1]) / len(bins) + 0 * u)


def _no_near(near: Tensor, far: Tensor, u: Tensor) -> Tensor:
    return stratified_samples(torch.zeros_like(near), far, u)


def _far_is_length(near: Tensor, far: Tensor, u: Tensor) -> Tensor:
    return stratified_samples(near, near + far, u)


def _first_ray_only(near: Tensor, far: Tensor, u: Tensor) -> Tensor:
    return stratified_samples(near[:1].expand_as(near), far[:1].expand_as(far), u)


_MISTAKES = {
    "these are random places on the whole ray, sorted: some bins stay empty.": _sorted_noise,
    "the place is counted in bins and never divided by their number.": _too_long,
    "S samples need S bins, not S - 1: the last sample lies behind far.": _to_the_end,
    "u is moved by half a bin: the first sample may lie before near.": _centred,
    "u has no effect: every sample lies in the middle of its bin.": _middles,
    "the rays begin at 0, not at near.": _no_near,
    "far is taken as the ray's length; it is where the ray ends.": _far_is_length,
    "all rays have the near and far of the first.": _first_ray_only,
    "all samples of a ray are moved by the same amount; each has a number of its own in u.": (
        _shared
    ),
    "the first ray's u serves for all rays.": _one_ray,
}


STRATIFIED_SAMPLES = Check(
    name="nerf.stratified_samples",
    reference=stratified_samples,
    cases=_cases,
    properties=(
        Property("one sample in each bin, in order", 1, _one_in_each_bin, cases=(RAYS, ONE, MANY)),
        Property(
            "exactly where u says",
            1,
            _limits,
            cases=(LEFT, MIDDLE, SHORT, RAYS),
            hint="See hint 2.",
        ),
        Property("no distance is preferred", 1, _even, cases=(MANY,)),
    ),
    mutants={
        "sorted noise": _sorted_noise,
        "not divided by S": _too_long,
        "S - 1 bins": _to_the_end,
        "edges from near to far": _whole_steps,
        "half a bin too early": _centred,
        "always the middle": _middles,
        "one number a ray": _shared,
        "first ray's u for all": _one_ray,
        "u squared": _variant(lambda bins, u: (bins + u * u) / len(bins)),
        "u from the right": _variant(lambda bins, u: (bins + 1 - u) / len(bins)),
        "backwards": lambda near, far, u: stratified_samples(near, far, u).flip(1),
        "near forgotten": _no_near,
        "far as a length": _far_is_length,
        "first ray for all": _first_ray_only,
        "changes u in place": _in_place,
    },
)
