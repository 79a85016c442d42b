"""Exercise 3 of unit 02: one number for a list of detections."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.mistakes import compare
from course_lib.foundations.scores import average_precision

PERFECT = "five detections, all right, five objects"
MISSED = "all detections right, half of the objects missed"
WORST = "the wrong detections have the best scores"
MANY = "sixty detections of forty objects, out of order"
SAW = "wrong ones among the right ones"
ALL_WRONG = "no detection is right"
NONE = "no detections"

LEVELS = torch.arange(101, dtype=torch.float64) / 100


def _cases(generator: torch.Generator) -> list[Case]:
    def scores(count: int) -> Tensor:
        return torch.randperm(1000, generator=generator)[:count] / 1000

    many = scores(60)
    right = torch.rand(60, generator=generator) < 0.2 + 0.6 * many
    right &= right.cumsum(0) <= 34
    falling = torch.linspace(0.95, 0.05, 12)
    return [
        Case(PERFECT, (scores(5), torch.ones(5, dtype=torch.bool), 5)),
        Case(MISSED, (scores(6), torch.ones(6, dtype=torch.bool), 12)),
        Case(WORST, (falling[:4], torch.tensor([False, False, True, True]), 2)),
        Case(SAW, (falling, torch.tensor([1, 0, 0, 1, 1, 0, 1, 1, 0, 1, 0, 0]) > 0, 7)),
        Case(MANY, (many, right, 40)),
        Case(ALL_WRONG, (scores(4), torch.zeros(4, dtype=torch.bool), 3)),
        Case(NONE, (torch.zeros(0), torch.zeros(0, dtype=torch.bool), 4)),
    ]


def _agrees(ask: Ask, case: Case) -> Finding | None:
    return compare(ask, case, _MISTAKES, atol=2e-4, rtol=0)


def _order_free(ask: Ask, case: Case) -> Finding | None:
    """Only the scores' order counts: not the list's, not the scores' values."""
    scores, right, truths = case.inputs
    first = ask(*case.inputs)
    turned = ask(scores.flip(0), right.flip(0), truths)
    squeezed = ask(scores**3, right, truths)
    for came, what in (
        (turned, "the order in the list counts; only the order of the scores may."),
        (squeezed, "the size of the scores counts; only their order may."),
    ):
        if abs(float(came - first)) > 1e-4:
            return Finding(what, came=f"{float(came):.4f}", wanted=f"{float(first):.4f}, as before")
    return _agrees(ask, case)


def _nothing_found(ask: Ask, case: Case) -> Finding | None:
    """0 where nothing is right; worth something only with the right value elsewhere."""
    full = (torch.tensor([0.9, 0.8, 0.6]), torch.tensor([True, False, True]), 3)
    if (found := _agrees(ask, Case(case.name, full))) is not None:
        return found
    came = ask(*case.inputs)
    if float(came) == 0:
        return None
    return Finding(
        "nothing right was found, which is worth 0.", came=f"{float(came):.4f}", wanted="0"
    )


def _curve(scores: Tensor, right: Tensor, truths: int) -> tuple[Tensor, Tensor]:
    hits = right[scores.argsort(descending=True)].double().cumsum(0)
    return hits / torch.arange(1, len(hits) + 1), hits / truths


def _variant(
    curve: Callable[[Tensor, Tensor, int], tuple[Tensor, Tensor]] = _curve,
    best: Callable[[Tensor], Tensor] = lambda p: p.flip(0).cummax(0).values.flip(0),
    levels: Tensor = LEVELS,
    strictly: bool = False,
) -> Callable[[Tensor, Tensor, int], Tensor]:
    """A wrong answer, put together from its parts."""

    def function(scores: Tensor, right: Tensor, truths: int) -> Tensor:
        precision, recall = curve(scores, right, truths)
        if not len(precision):
            return torch.tensor(0.0)
        places = torch.searchsorted(recall.contiguous(), levels, right=strictly)
        found = torch.cat([best(precision), precision.new_zeros(1)])[places]
        return found.mean().float()

    return function


def _area(scores: Tensor, right: Tensor, truths: int) -> Tensor:
    """The mean precision at the right detections, without taking the best behind."""
    precision, _ = _curve(scores, right, truths)
    hits = right[scores.argsort(descending=True)]
    return (precision[hits].sum() / truths).float()


def _smooth_area(scores: Tensor, right: Tensor, truths: int) -> Tensor:
    precision, _ = _curve(scores, right, truths)
    hits = right[scores.argsort(descending=True)]
    best = precision.flip(0).cummax(0).values.flip(0) if len(precision) else precision
    return (best[hits].sum() / truths).float()


def _of_found(scores: Tensor, right: Tensor, truths: int) -> tuple[Tensor, Tensor]:
    return _curve(scores, right, max(int(right.sum()), 1))


def _unsorted(scores: Tensor, right: Tensor, truths: int) -> tuple[Tensor, Tensor]:
    hits = right.double().cumsum(0)
    return hits / torch.arange(1, len(hits) + 1), hits / truths


def _rising(scores: Tensor, right: Tensor, truths: int) -> tuple[Tensor, Tensor]:
    return _curve(-scores, right, truths)


def _last_precision(scores: Tensor, right: Tensor, truths: int) -> Tensor:
    return right.float().mean() if len(right) else torch.tensor(0.0)


def _last_recall(scores: Tensor, right: Tensor, truths: int) -> Tensor:
    return right.float().sum() / truths


_eleven = _variant(levels=torch.arange(11, dtype=torch.float64) / 10)
_no_zero = _variant(levels=torch.arange(1, 101, dtype=torch.float64) / 100)
_no_best = _variant(best=lambda precision: precision)
_best_so_far = _variant(best=lambda precision: precision.cummax(0).values)
_recall_of_found = _variant(_of_found)
_list_order = _variant(_unsorted)
_worst_first = _variant(_rising)
_strictly = _variant(strictly=True)

_MISTAKES = {
    "the detections are taken in the list's order, not by falling score.": _list_order,
    "the detections are taken by rising score.": _worst_first,
    "recall is a share of what was found; it is a share of all objects.": _recall_of_found,
    "the precision at a recall is not yet the best one at that recall or above.": _no_best,
    "the best precision is looked for below a recall; it is at it or above.": _best_so_far,
    "the mean runs over 11 recalls, not 101.": _eleven,
    "the mean leaves out the recall 0.": _no_zero,
    "a recall that is just reached does not count.": _strictly,
    "the steps are averaged as they stand, without the best precision and the 101 recalls.": _area,
    "the area under the steps is taken; wanted is a mean over 101 recalls.": _smooth_area,
    "this is the precision of the whole list.": _last_precision,
    "this is the recall of the whole list.": _last_recall,
}

AVERAGE_PRECISION = Check(
    name="detection_segmentation.average_precision",
    reference=average_precision,
    cases=_cases,
    properties=(
        Property("only the order of the scores counts", 1, _order_free, (MANY,)),
        Property("missed objects and early mistakes cost", 1, _agrees, (PERFECT, MISSED, WORST)),
        Property("the best precision at this recall or above", 1, _agrees, (SAW, MANY)),
        Property("nothing right is worth 0", 1, _nothing_found, (ALL_WRONG, NONE)),
    ),
    mutants={
        "list order": _list_order,
        "worst first": _worst_first,
        "recall of found": _recall_of_found,
        "no best": _no_best,
        "best so far": _best_so_far,
        "eleven recalls": _eleven,
        "no recall 0": _no_zero,
        "strictly above": _strictly,
        "bare steps": _area,
        "area under steps": _smooth_area,
        "precision": _last_precision,
        "recall": _last_recall,
        "in double": lambda s, r, t: average_precision(s, r, t).double(),
        "sorted in place": lambda s, r, t: average_precision(s.copy_(s.sort().values), r, t),
    },
)
