"""Exercise 3 of unit 15: only the matches that one can trust."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.rendering.sfm import match_ratio

HAND = "three descriptors of one number each, ratio 0.8"
MANY = "forty descriptors, of which half have a partner"
TWINS = "two equal descriptors in the second picture"
ALONE = "one descriptor in the second picture"
NONE = "no descriptor in the first picture"


def _cases(generator: torch.Generator) -> list[Case]:
    first = torch.randn(40, 64, generator=generator)
    noise = torch.randn(20, 64, generator=generator)
    partners = first[::2] + torch.linspace(0.2, 1.1, 20)[:, None] * noise
    first[1::4] = first[::4] + 0.15 * torch.randn(10, 64, generator=generator)  # near twins
    second = torch.cat([partners, torch.randn(15, 64, generator=generator)])
    second = second[torch.randperm(35, generator=generator)]
    hand = (
        torch.tensor([[0.0], [10.0], [20.0]]),
        torch.tensor([[12.0], [1.0], [9.0], [20.5], [18.8]]),
    )
    one = torch.randn(1, 64, generator=generator)
    return [
        Case(HAND, (*hand, 0.6)),
        Case(MANY, (first, second, 0.75)),
        Case(TWINS, (one, one.repeat(2, 1) + 0.1, 0.9)),
        Case(ALONE, (first[:3], one, 0.8)),
        Case(NONE, (first[:0], second, 0.8)),
    ]


def _pairs(ask: Ask, case: Case) -> Finding | None:
    """Compare as sets; say whether pairs are missing, too many, or turned round."""
    came, wanted = ask.subject.call(case.inputs), ask.wanted(*case.inputs)
    if not isinstance(came, Tensor) or came.ndim != 2 or came.shape[1] != 2:
        form = f"shape {tuple(came.shape)}" if isinstance(came, Tensor) else type(came).__name__
        return Finding("the result has a row (n, m) for each match.", came=form, wanted="(P, 2)")
    if came.dtype != torch.int64:
        return Finding("rows are counted: the result is int64.", came=str(came.dtype))
    got, goal = set(map(tuple, came.tolist())), set(map(tuple, wanted.tolist()))
    if got == goal and len(came) == len(goal):
        if torch.equal(came, wanted):
            return None
        return Finding("the matches are right, but not in the order of the first picture.")
    return Finding(
        _what(case, came, wanted),
        came=f"{len(got)} matches, {len(got & goal)} of them right",
        wanted=f"{len(goal)} matches",
        hint="Draw three descriptors on a line, and what the ratio allows.",
    )


def _what(case: Case, came: Tensor, wanted: Tensor) -> str:
    for sentence, wrong in _MISTAKES.items():
        made = wrong(*case.inputs)
        if made.shape == came.shape and torch.equal(made, came):
            return sentence
    got, goal = set(map(tuple, came.tolist())), set(map(tuple, wanted.tolist()))
    if got > goal:
        return "it keeps matches that have a rival nearly as good."
    if got < goal:
        return "it gives up matches that are far better than their rivals."
    return "some of the partners are wrong."


def _edge(ask: Ask, case: Case) -> Finding | None:
    """No match where there is none; worth something only if it finds others elsewhere."""
    if case.name == HAND:
        return _pairs(ask, case)
    came = ask.subject.call(case.inputs)
    if isinstance(came, Tensor) and came.shape == (0, 2) and came.dtype == torch.int64:
        return None
    message = {
        TWINS: "two equal candidates: nothing says which of them it is.",
        ALONE: "with one candidate there is no second best to compare with, so no match.",
        NONE: "without descriptors there are no matches: the result is empty, (0, 2).",
    }[case.name]
    form = f"shape {tuple(came.shape)}" if isinstance(came, Tensor) else type(came).__name__
    return Finding(message, came=form, wanted="shape (0, 2), int64")


def _variant(
    keep: Callable[[Tensor, float], Tensor] = lambda best, ratio: best[:, 0] < ratio * best[:, 1],
    distance: Callable[[Tensor, Tensor], Tensor] = torch.cdist,
    finish: Callable[[Tensor], Tensor] = lambda pairs: pairs,
) -> Callable[[Tensor, Tensor, float], Tensor]:
    """A wrong answer, put together from its parts."""

    def function(first: Tensor, second: Tensor, ratio: float) -> Tensor:
        if len(second) < 2 or len(first) == 0:
            return torch.zeros(0, 2, dtype=torch.int64)
        best, which = distance(first, second).topk(2, dim=1, largest=False)
        kept = keep(best, ratio).nonzero()[:, 0]
        return finish(torch.stack([kept, which[kept, 0]], dim=1))

    return function


def _alone_counts(first: Tensor, second: Tensor, ratio: float) -> Tensor:
    if len(second) == 1:
        return torch.stack([torch.arange(len(first)), torch.zeros(len(first)).long()], dim=1)
    return _variant()(first, second, ratio)


def _from_the_second(first: Tensor, second: Tensor, ratio: float) -> Tensor:
    return match_ratio(second, first, ratio).flip(1)


def _both(first: Tensor, second: Tensor, ratio: float) -> Tensor:
    kept = set(map(tuple, _from_the_second(first, second, ratio).tolist()))
    pairs = [pair for pair in match_ratio(first, second, ratio).tolist() if tuple(pair) in kept]
    return torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2)


_squared = _variant(distance=lambda a, b: torch.cdist(a, b) ** 2)
_all = _variant(lambda best, ratio: best[:, 0] < torch.inf)
_rivals = _variant(lambda best, ratio: best[:, 0] > ratio * best[:, 1])
_products = _variant(distance=lambda a, b: -(a @ b.T))
_at_most = _variant(lambda best, ratio: best[:, 0] < ratio)
_backwards = _variant(finish=lambda pairs: pairs.flip(1))
_MISTAKES = {
    "the distances are squared: then the ratio is squared, too.": _squared,
    "every descriptor gets its nearest, whether or not another is as near.": _all,
    "it keeps what the ratio should reject, and rejects the rest.": _rivals,
    "the largest product is no smallest distance: long descriptors win.": _products,
    "the distance itself is compared with the ratio.": _at_most,
    "the pairs are turned round: the first picture's row comes first.": _backwards,
    "the second picture's descriptors look for partners; asked is the other way.": _from_the_second,
    "a match is given up because the way back disagrees; that was not asked.": _both,
}

MATCH_RATIO = Check(
    name="structure_from_motion.match_ratio",
    reference=match_ratio,
    cases=_cases,
    properties=(
        Property("three, by hand", 1, _pairs, cases=(HAND,)),
        Property("forty", 1, _pairs, cases=(MANY,)),
        Property("twins, a single one, none", 1, _edge, cases=(TWINS, ALONE, NONE, HAND)),
    ),
    mutants={
        "squared distances": _squared,
        "no ratio": _all,
        "the wrong way round": _rivals,
        "products": _products,
        "distance below the ratio": _at_most,
        "second before first": _backwards,
        "from the second picture": _from_the_second,
        "twins count": _variant(lambda best, ratio: best[:, 0] <= best[:, 1] * ratio + 0.5),
        "a single one counts": _alone_counts,
        "mutual": _both,
    },
)
