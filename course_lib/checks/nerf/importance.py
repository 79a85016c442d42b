"""Exercise 7 of unit 16: more samples where there is something to see."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.mistakes import listed, recognise, uniform

ONE = "one ray with two bins, the second three times as heavy"
RAYS = "four rays with bins and weights of their own, u in no order"
GAPS = "bins without weight between bins with weight"
TINY = "weights that add up to a millionth"
NONE = "a ray on which all weights are zero"
MANY = "two thousand draws on one ray"


def sample_pdf(edges: Tensor, weights: Tensor, u: Tensor) -> Tensor:
    """Where the distribution function of weights (R, B) over edges (R, B + 1) reaches u (R, S)."""
    widths = edges.diff(dim=1).double()
    heavy = weights.double()
    heavy = torch.where(heavy.sum(1, keepdim=True) > 0, heavy, widths)
    cdf = torch.nn.functional.pad(heavy.cumsum(dim=1), (1, 0))  # (R, B + 1)
    cdf = cdf / cdf[:, -1:]
    upper = torch.searchsorted(cdf, u.double(), right=True).clamp(1, weights.shape[1])
    low, high = cdf.gather(1, upper - 1), cdf.gather(1, upper)
    share = ((u - low) / (high - low).clamp_min(1e-30)).clamp(0, 1)
    left, right = edges.gather(1, upper - 1), edges.gather(1, upper)
    return (left + share * (right - left)).float()


def _aimed(weights: Tensor, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Numbers u (R, S) that lie well inside the steps of the cdf, and the bins that they mean."""
    bins = torch.multinomial(weights, count, replacement=True, generator=generator)
    shares = weights.double() / weights.double().sum(dim=1, keepdim=True)
    start = torch.nn.functional.pad(shares.cumsum(dim=1), (1, 0))[:, :-1]
    inside = uniform(0.1, 0.9, *bins.shape, generator=generator)
    return (start.gather(1, bins) + inside * shares.gather(1, bins)).float(), bins


def _cases(generator: torch.Generator) -> list[Case]:
    def edges(rays: int, bins: int) -> Tensor:
        steps = uniform(0.2, 0.8, rays, bins, generator=generator).cumsum(dim=1)
        return torch.nn.functional.pad(steps, (1, 0)) + 1.5

    weights = uniform(0.1, 1.0, 4, 6, generator=generator)
    gaps = torch.tensor([[0.0, 1.0, 0.0, 0.0, 2.0, 0.0], [3.0, 0.0, 0.0, 1.0, 0.0, 1.0]])
    tiny = 1e-6 * torch.nn.functional.normalize(weights[:2], p=1, dim=1)
    even = torch.linspace(2.0, 6.0, 6)[None]
    known = torch.tensor([[0.125, 0.25, 0.5, 0.625, 1.0, 0.0]])
    two = torch.tensor([[0.0, 1.0, 2.0]])
    return [
        Case(ONE, (two, torch.tensor([[1.0, 3.0]]), known)),
        Case(RAYS, (edges(4, 6), weights, _aimed(weights, 9, generator)[0])),
        Case(GAPS, (edges(2, 6), gaps, _aimed(gaps, 9, generator)[0])),
        Case(TINY, (edges(2, 6), tiny, _aimed(tiny, 8, generator)[0])),
        Case(NONE, (even, torch.zeros(1, 5), uniform(0.02, 0.98, 1, 7, generator=generator))),
        Case(MANY, (even, weights[:1, :5], torch.rand(1, 2000, generator=generator))),
    ]


def _by_hand(ask: Ask, case: Case) -> Finding | None:
    return _where_u_says(
        ask,
        case,
        "the first bin holds a quarter of the weight: there the distribution function rises from 0 "
        "to 1/4, in the second one from 1/4 to 1, each time in a straight line.",
        "Draw the distribution function over the ray, and go from u on its axis to the curve.",
    )


def _each_its_own(ask: Ask, case: Case) -> Finding | None:
    return _where_u_says(
        ask,
        case,
        "draw (r, s) is the place on ray r at which its distribution function reaches u[r, s].",
        "See hint 2.",
    )


def _where_u_says(ask: Ask, case: Case, message: str, hint: str) -> Finding | None:
    came, wanted = ask(*case.inputs), ask.wanted(*case.inputs)
    off = (came - wanted).abs()
    if float(off.max()) <= 2e-3:
        return None
    ray, s = divmod(int(off.argmax()), off.shape[1])
    message = recognise(came, case.inputs, _MISTAKES, 1e-4, 1e-4) or message
    return Finding(
        message,
        came=f"{float(came[ray, s]):.4g} for u = {float(case.inputs[2][ray, s]):.4g}",
        wanted=f"{float(wanted[ray, s]):.4g}",
        hint=hint,
    )


def _empty_bins(ask: Ask, case: Case) -> Finding | None:
    """Where there is no weight there is no draw; without any weight, all places are alike."""
    edges, weights, u = case.inputs
    came = ask(*case.inputs)
    if case.name == NONE:
        wanted = 2.0 + 4.0 * u
        if float((came - wanted).abs().max()) <= 2e-3:
            return None
        return Finding(
            "where no weight says anything, every place on the ray should be as likely as another.",
            came=listed(came[0, :4]),
            wanted=f"{listed(wanted[0, :4])}: evenly between 2 and 6, as u is between 0 and 1",
            hint="Nought divided by nought is no number; do something else before you divide.",
        )
    place = torch.searchsorted(edges, came.contiguous()).clamp(1, weights.shape[1]) - 1
    near_edge = (came[..., None] - edges[:, None]).abs().amin(dim=-1) < 1e-3
    wrong = (weights.gather(1, place) == 0) & ~near_edge
    if not bool(wrong.any()):
        return None
    ray, s = wrong.nonzero()[0].tolist()
    return Finding(
        "a draw lies in a bin that has no weight.",
        came=f"{float(came[ray, s]):.4g}, in bin {int(place[ray, s])}",
        wanted=f"one of the bins {', '.join(map(str, weights[ray].nonzero()[:, 0].tolist()))}",
        hint="Nothing may be added to all weights to be on the safe side: it draws from nothing.",
    )


def _any_sum(ask: Ask, case: Case) -> Finding | None:
    """Weights a thousand times as large give the same draws, and so do tiny ones."""
    edges, weights, u = case.inputs
    first, other = ask(*case.inputs), ask(edges, weights * 1000, u)
    off = (first - other).abs()
    if float(off.max()) > 2e-3:
        ray, s = divmod(int(off.argmax()), off.shape[1])
        return Finding(
            "all weights were made a thousand times larger, and the draws moved: only the "
            "proportions of the weights count.",
            came=f"from {float(first[ray, s]):.4g} to {float(other[ray, s]):.4g}",
            wanted="no change",
            hint="A distribution function ends at 1, whatever the sum of the weights.",
        )
    return None


def _shares(ask: Ask, case: Case) -> Finding | None:
    """Of two thousand draws each bin gets its share."""
    edges, weights, _ = case.inputs
    came = ask(*case.inputs)[0]
    if (
        float(came.min()) < float(edges.min()) - 1e-4
        or float(came.max()) > float(edges.max()) + 1e-4
    ):
        return Finding("some draws lie before the first edge or behind the last one.")
    counts = torch.histc(came, 5, 2.0, 6.0) / len(came)
    wanted = weights[0] / weights.sum()
    off = (counts - wanted).abs()
    if float(off.max()) <= 0.04:
        return None
    bin_ = int(off.argmax())
    return Finding(
        f"bin {bin_} gets another share of the draws than of the weight.",
        came=f"{float(counts[bin_]):.1%} of the draws",
        wanted=f"about {float(wanted[bin_]):.1%}",
        hint="If the shares look even, the weights have no effect; if one bin has all, see hint 1.",
    )


def _variant(
    heavy: Callable[[Tensor], Tensor] = lambda w: w,
    lead: bool = True,
    share: Callable[[Tensor], Tensor] = lambda s: s,
    side: int = 0,
    divide: bool = True,
) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """A wrong answer, put together from its parts."""

    def function(edges: Tensor, weights: Tensor, u: Tensor) -> Tensor:
        total = heavy(weights).cumsum(dim=1)
        if divide:
            total = total / torch.where(total[:, -1:] > 0, total[:, -1:], 1.0)
        ramp = torch.arange(1, weights.shape[1] + 1) / weights.shape[1]
        total = torch.where(total[:, -1:] > 0, total, ramp)
        cdf = torch.nn.functional.pad(total, (1, 0))
        if not lead:
            cdf = torch.cat([total, total[:, -1:]], dim=1)
        upper = torch.searchsorted(cdf, u, right=True) + side
        upper = upper.clamp(1, weights.shape[1])
        low, high = cdf.gather(1, upper - 1), cdf.gather(1, upper)
        inside = ((u - low) / (high - low).clamp_min(1e-12)).clamp(0, 1)
        left, right = edges.gather(1, upper - 1), edges.gather(1, upper)
        return left + share(inside) * (right - left)

    return function


def _ignores(edges: Tensor, weights: Tensor, u: Tensor) -> Tensor:
    return sample_pdf(edges, torch.zeros_like(weights), u)


def _divides_by_nought(edges: Tensor, weights: Tensor, u: Tensor) -> Tensor:
    shares = weights / weights.sum(dim=1, keepdim=True)
    return torch.where(
        shares.isnan().any(1, keepdim=True), torch.nan, sample_pdf(edges, weights, u)
    )


def _stacked_at_the_end(edges: Tensor, weights: Tensor, u: Tensor) -> Tensor:
    right = sample_pdf(edges, weights, u)
    return torch.where(weights.sum(dim=1, keepdim=True) > 0, right, edges[:, -1:])


def _sorted(edges: Tensor, weights: Tensor, u: Tensor) -> Tensor:
    return sample_pdf(edges, weights, u).sort(dim=1).values


def _first_ray(edges: Tensor, weights: Tensor, u: Tensor) -> Tensor:
    return sample_pdf(edges, weights[:1].expand_as(weights), u)


_left_edges = _variant(share=torch.zeros_like)
_middles = _variant(share=lambda s: torch.full_like(s, 0.5))
_no_lead = _variant(lead=False)
_next_bin = _variant(side=1)
_not_divided = _variant(divide=False)
_softened = _variant(lambda w: w + 1e-5)
_rounded = _variant(lambda w: w + 0.01)
_squared = _variant(lambda w: w * w)
_backwards = _variant(share=lambda s: 1 - s)
_turned = _variant(lambda w: w.flip(1))

_MISTAKES = {
    "every draw lies at the beginning of its bin; inside a bin the function rises in a line.": (
        _left_edges
    ),
    "every draw lies in the middle of its bin; inside a bin the function rises in a line.": (
        _middles
    ),
    "the distribution function begins at the first bin's weight; it should begin at 0.": _no_lead,
    "the draws lie one bin too far.": _next_bin,
    "the weights are not divided by their sum.": _not_divided,
    "the weights have no effect: the draws are spread evenly.": _ignores,
    "the draws are sorted, and so no longer stand where their u stands.": _sorted,
    "all rays have the weights of the first.": _first_ray,
    "inside a bin the draw goes backwards as u grows.": _backwards,
    "something is added to all weights; with small weights that decides everything.": _softened,
}


SAMPLE_PDF = Check(
    name="nerf.sample_pdf",
    reference=sample_pdf,
    cases=_cases,
    properties=(
        Property(
            "each draw where its u says",
            2,
            lambda ask, case: (_by_hand if case.name == ONE else _each_its_own)(ask, case),
            cases=(ONE, RAYS),
        ),
        Property("empty bins and empty rays", 1, _empty_bins, cases=(GAPS, NONE)),
        Property("only the proportions of the weights count", 1, _any_sum, cases=(TINY,)),
        Property("each bin gets its share", 1, _shares, cases=(MANY,), hint="See hint 1."),
    ),
    mutants={
        "beginning of the bin": _left_edges,
        "middle of the bin": _middles,
        "no leading zero": _no_lead,
        "one bin too far": _next_bin,
        "not divided by the sum": _not_divided,
        "weights ignored": _ignores,
        "nought by nought": _divides_by_nought,
        "an empty ray's draws at its end": _stacked_at_the_end,
        "1e-5 added": _softened,
        "0.01 added": _rounded,
        "weights squared": _squared,
        "weights turned round": _turned,
        "backwards in the bin": _backwards,
        "sorted": _sorted,
        "first ray for all": _first_ray,
    },
)
