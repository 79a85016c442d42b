"""Exercise 4 of unit 09: how usual a latent is among the data's."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.mistakes import compare, uniform
from course_lib.generative.latent import latent_validity

TYPICAL = "three stretched and turned numbers"
FIFTH = "the fifth neighbour counts"
RING = "data on a ring: its middle, a point on it, a point outside"
SINGLE = "one number"

COUNT = 80


def _cases(generator: torch.Generator) -> list[Case]:
    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    mix = torch.tensor([[4.0, 0.0, 0.0], [2.0, 0.5, 0.0], [-1.0, 1.0, 0.2]])
    turn = uniform(0.0, 2 * math.pi, COUNT, generator=generator)
    turn[0] = 0.0
    ring = torch.stack([turn.cos(), turn.sin()], dim=1) + 0.05 * draw(COUNT, 2)
    asked = torch.tensor([[0.0, 0.0], [1.0, 0.0], [2.5, 2.5]])
    spread = torch.tensor([[0.3], [1.0], [2.0]]).repeat_interleave(6, 0)
    return [
        Case(TYPICAL, (spread * draw(18, 3) @ mix + 5, draw(COUNT, 3) @ mix + 5, 1)),
        Case(FIFTH, (spread * draw(18, 3) @ mix, draw(COUNT, 3) @ mix, 5)),
        Case(RING, (asked, ring, 2)),
        Case(SINGLE, (draw(9, 1) * 1.5, draw(40, 1), 3)),
    ]


def _on_a_ring(ask: Ask, case: Case) -> Finding | None:
    middle, there, outside = ask(*case.inputs).tolist()
    if middle <= 0.05 and outside <= 0.05 and there > 0.05:
        return None
    return _known(ask, case) or Finding(
        "on a ring of data the middle and the far point are no place of the data; a point on the "
        "ring is.",
        came=f"middle {middle:.2f}, on the ring {there:.2f}, outside {outside:.2f}",
        wanted="0, more, 0",
        hint="The mean of the data can lie where no datum is. Ask the neighbours. See hint 1.",
    )


def _stretched(ask: Ask, case: Case) -> Finding | None:
    """Latents and data, stretched and turned alike: the same values."""
    z, data, k = case.inputs
    stretch = torch.tensor([[3.0, 1.0, 0.0], [0.0, 0.2, 0.0], [0.5, 0.0, 1.0]])
    once, again = ask(z, data, k), ask(z @ stretch - 2, data @ stretch - 2, k)
    off = float((once - again).abs().max())
    if off <= 3 / COUNT:
        return None
    return _known(ask, case) or Finding(
        "latents and data were stretched and turned alike, and the values changed.",
        came=f"changed by up to {off:.2f}",
        wanted="no change: an encoder is free to stretch its latents",
        hint="In which units is a distance measured? See hint 3.",
    )


def _known(ask: Ask, case: Case) -> Finding | None:
    found = compare(ask, case, _MISTAKES, atol=2.1 / len(case.inputs[1]))
    return found if found and found.message in _MISTAKES else None


def _agrees(ask: Ask, case: Case) -> Finding | None:
    """Two data, each the nearest of the other, may tip over by rounding."""
    return compare(ask, case, _MISTAKES, atol=2.1 / len(case.inputs[1]))


def _white(data: Tensor) -> Callable[[Tensor], Tensor]:
    root = torch.linalg.cholesky(torch.cov(data.T).reshape(data.shape[1], -1))
    return lambda x: torch.linalg.solve_triangular(root, x.T, upper=False).T


def _rank(radius: Tensor, own: Tensor) -> Tensor:
    return (own[None] >= radius[:, None]).to(radius).mean(dim=1)


def _nearest(a: Tensor, b: Tensor, k: int) -> Tensor:
    return torch.cdist(a, b).kthvalue(k, dim=1).values


def _plain(z: Tensor, data: Tensor, k: int) -> Tensor:
    return _rank(_nearest(z, data, k), _nearest(data, data, k + 1))


def _not_stretched(z: Tensor, data: Tensor, neighbours: int) -> Tensor:
    return _plain(z, data, neighbours)


def _each_number(z: Tensor, data: Tensor, neighbours: int) -> Tensor:
    """Divides by the standard deviation of each number; forgets that they go together."""
    return _plain(z / data.std(dim=0), data / data.std(dim=0), neighbours)


def _covariance_not_root(z: Tensor, data: Tensor, neighbours: int) -> Tensor:
    inverse = torch.linalg.inv(torch.cov(data.T).reshape(data.shape[1], -1))
    return _plain(z @ inverse, data @ inverse, neighbours)


def _times_root(z: Tensor, data: Tensor, neighbours: int) -> Tensor:
    root = torch.linalg.cholesky(torch.cov(data.T).reshape(data.shape[1], -1))
    return _plain(z @ root, data @ root, neighbours)


def _counts_itself(z: Tensor, data: Tensor, neighbours: int) -> Tensor:
    white = _white(data)
    z, data = white(z), white(data)
    own = torch.cdist(data, data, compute_mode="donot_use_mm_for_euclid_dist")
    return _rank(_nearest(z, data, neighbours), own.kthvalue(neighbours, dim=1).values)


def _one_too_far(z: Tensor, data: Tensor, neighbours: int) -> Tensor:
    white = _white(data)
    z, data = white(z), white(data)
    return _rank(_nearest(z, data, neighbours + 1), _nearest(data, data, neighbours + 1))


def _always_the_first(z: Tensor, data: Tensor, neighbours: int) -> Tensor:
    return latent_validity(z, data, 1)


def _mean_distance(z: Tensor, data: Tensor, neighbours: int) -> Tensor:
    white = _white(data)
    z, data = white(z), white(data)
    return _rank(torch.cdist(z, data).mean(dim=1), torch.cdist(data, data).mean(dim=1))


def _from_the_mean(z: Tensor, data: Tensor, neighbours: int) -> Tensor:
    white = _white(data)
    centre = white(data.mean(dim=0, keepdim=True))
    return _rank((white(z) - centre).norm(dim=1), (white(data) - centre).norm(dim=1))


def _turned_over(z: Tensor, data: Tensor, neighbours: int) -> Tensor:
    return 1 - latent_validity(z, data, neighbours)


def _a_count(z: Tensor, data: Tensor, neighbours: int) -> Tensor:
    return latent_validity(z, data, neighbours) * len(data)


def _among_the_asked(z: Tensor, data: Tensor, neighbours: int) -> Tensor:
    """The rank among the latents in question."""
    white = _white(data)
    radius = _nearest(white(z), white(data), neighbours)
    return _rank(radius, radius)


def _in_place(z: Tensor, data: Tensor, neighbours: int) -> Tensor:
    result = latent_validity(z, data, neighbours)
    z -= data.mean(dim=0)
    return result


_MISTAKES = {
    "distances are in the latents' own units; an encoder is free to stretch those.": (
        _not_stretched
    ),
    "each number is scaled by itself; that numbers go together is forgotten.": _each_number,
    "the covariance is divided out twice; distances want its root.": _covariance_not_root,
    "the stretching goes the wrong way: it is doubled, not undone.": _times_root,
    "each datum counts itself among its neighbours.": _counts_itself,
    "the neighbour of `z` is one too far; only a datum meets itself.": _one_too_far,
    "always the nearest neighbour; asked is the one of that number.": _always_the_first,
    "this is the mean distance to all data; asked is one neighbour.": _mean_distance,
    "this is the distance from the data's mean; asked is a neighbour.": _from_the_mean,
    "the share is turned over: deep inside is 1, outside is 0.": _turned_over,
    "this is a number of data; asked is their share.": _a_count,
    "the share is taken among the latents in question, not among the data.": _among_the_asked,
}

LATENT_VALIDITY = Check(
    name="autoencoders.latent_validity",
    reference=latent_validity,
    cases=_cases,
    properties=(
        Property("the middle of a ring is empty", 1, _on_a_ring, (RING,), "See hint 1."),
        Property("units do not matter", 1, _stretched, (TYPICAL,), "See hint 3."),
        Property("the first neighbour", 1, _agrees, (TYPICAL,), "See hint 2."),
        Property("any neighbour", 2, _agrees, (FIFTH, SINGLE), "See hint 2."),
    ),
    mutants={
        "not stretched": _not_stretched,
        "each number by itself": _each_number,
        "covariance, not its root": _covariance_not_root,
        "times the root": _times_root,
        "counts itself": _counts_itself,
        "one too far": _one_too_far,
        "always the first": _always_the_first,
        "mean distance": _mean_distance,
        "from the mean": _from_the_mean,
        "turned over": _turned_over,
        "a count": _a_count,
        "among the asked": _among_the_asked,
        "in place": _in_place,
    },
)
