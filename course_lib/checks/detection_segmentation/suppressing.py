"""Exercise 2 of unit 02: of many boxes around one object, one."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.detection_segmentation.overlapping import boxes
from course_lib.foundations.boxes import box_iou, nms

HAND = "three boxes around one object, one around another"
CHAIN = "a row of boxes, each of which overlaps the next"
MANY = "forty boxes"
STRICT = "thirty boxes and a high threshold"
EDGE = "two boxes that overlap by just the threshold"
TIES = "boxes with equal scores"
NONE = "no boxes"


def _cases(generator: torch.Generator) -> list[Case]:
    hand = torch.tensor([[0.0, 0, 9, 9], [1, 1, 10, 10], [0, 1, 9, 10], [20, 20, 30, 28]])
    steps = torch.arange(6.0)[:, None] * torch.tensor([4.0, 0, 4, 0])
    chain = torch.tensor([0.0, 0, 10, 10]) + steps
    falling = 0.9 - 0.1 * torch.arange(6.0)
    half = torch.tensor([[0.0, 0, 4, 2], [0, 0, 2, 2], [10, 0, 14, 2]])
    many, some = boxes(40, generator), boxes(30, generator)
    tied = boxes(12, generator)
    return [
        Case(HAND, (hand, torch.tensor([0.6, 0.9, 0.7, 0.3]), 0.5)),
        Case(CHAIN, (chain, falling, 0.3)),
        Case(MANY, (many, torch.rand(40, generator=generator), 0.35)),
        Case(STRICT, (some, torch.rand(30, generator=generator), 0.7)),
        Case(EDGE, (half, torch.tensor([0.5, 0.4, 0.8]), 0.5)),
        Case(TIES, (tied, torch.tensor([0.5, 0.8]).repeat(6), 0.4)),
        Case(NONE, (torch.zeros(0, 4), torch.zeros(0), 0.5)),
    ]


def _kept(ask: Ask, case: Case) -> Finding | None:
    """The same numbers in the same order; else say how they differ."""
    came, wanted = ask.subject.call(case.inputs), ask.wanted(*case.inputs)
    if (amiss := _form(came)) is not None:
        return amiss
    if came.shape == wanted.shape and torch.equal(came, wanted):
        return None
    return Finding(
        _what(case, came, wanted),
        came=f"{came.tolist()[:12]}",
        wanted=f"{len(wanted)} boxes" if len(came) != len(wanted) else "others, or another order",
        hint="Draw the boxes, take the best one, and strike out; see hint 1.",
    )


def _form(came: object) -> Finding | None:
    if not isinstance(came, Tensor) or came.ndim != 1:
        form = f"shape {tuple(came.shape)}" if isinstance(came, Tensor) else type(came).__name__
        return Finding("the result holds the numbers of the kept boxes, (K,).", came=form)
    if came.dtype != torch.int64:
        return Finding("boxes are counted: the result is int64.", came=str(came.dtype))
    return None


def _what(case: Case, came: Tensor, wanted: Tensor) -> str:
    named = [s for s, wrong in _MISTAKES.items() if torch.equal(wrong(*case.inputs), came)]
    if len(named) == 1:
        return named[0]
    got, goal = set(came.tolist()), set(wanted.tolist())
    if got == goal:
        return "the right boxes are kept, but not from the best score down."
    if got > goal:
        return "boxes are kept that overlap a better one too much."
    if got < goal:
        return "boxes are dropped that no kept box overlaps too much."
    return "another choice of boxes is kept."


def _from_best_down(ask: Ask, case: Case) -> Finding | None:
    """The best box of all comes first, and scores only fall."""
    _, scores, _ = case.inputs
    came = ask.subject.call(case.inputs)
    if (amiss := _form(came)) is not None:
        return amiss
    if not len(came) or int(came.min()) < 0 or int(came.max()) >= len(scores):
        return Finding("the numbers are not those of boxes in the list.", came=f"{came.tolist()}")
    chosen = scores[came]
    if float(chosen[0]) < float(scores.max()):
        return Finding("the best box of all is not the first.", came=f"a score of {chosen[0]:.3f}")
    if bool((chosen[1:] > chosen[:-1]).any()):
        return Finding(
            "the right boxes are kept, but not from the best score down."
            if set(came.tolist()) == set(ask.wanted(*case.inputs).tolist())
            else "the kept boxes do not come from the best score down."
        )
    return _kept(ask, case)


def _variant(
    drop: Callable[[Tensor, float], Tensor] = lambda overlap, threshold: overlap > threshold,
    rank: Callable[[Tensor], Tensor] = lambda scores: -scores,
    finish: Callable[[Tensor, Tensor], Tensor] = lambda kept, scores: kept,
    overlap: Callable[[Tensor, Tensor], Tensor] = box_iou,
) -> Callable[[Tensor, Tensor, float], Tensor]:
    """A wrong answer, put together from its parts."""

    def function(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
        order, kept = rank(scores).sort(stable=True).indices, []
        shares = overlap(boxes, boxes)
        while len(order):
            kept.append(order[0])
            order = order[1:][~drop(shares[order[0], order[1:]], threshold)]
        return finish(torch.stack(kept) if kept else torch.zeros(0, dtype=torch.int64), scores)

    return function


def _all_at_once(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    """Every box that any better one overlaps is dropped, even if that one was dropped itself."""
    order = scores.sort(descending=True, stable=True).indices
    above = (box_iou(boxes, boxes)[order][:, order] > threshold).triu(diagonal=1)
    return order[~above.any(dim=0)]


def _neighbours_only(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    """Only the box that was kept last is asked."""
    kept: list[int] = []
    for number in scores.sort(descending=True, stable=True).indices.tolist():
        if not kept or box_iou(boxes[number : number + 1], boxes[kept[-1:]])[0, 0] <= threshold:
            kept.append(number)
    return torch.tensor(kept, dtype=torch.int64)


def _mask(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    kept = torch.zeros(len(boxes), dtype=torch.bool)
    kept[nms(boxes, scores, threshold)] = True
    return kept


def _over_smaller(a: Tensor, b: Tensor) -> Tensor:
    iou = box_iou(a, b)
    areas = [(each[:, 2:] - each[:, :2]).prod(dim=1) for each in (a, b)]
    total = areas[0][:, None] + areas[1]
    return (iou * total / (1 + iou)) / torch.minimum(areas[0][:, None], areas[1]).clamp_min(1e-30)


_inclusive = _variant(lambda overlap, threshold: overlap >= threshold)
_keeps_overlapping = _variant(lambda overlap, threshold: overlap < threshold)
_worst_first = _variant(rank=lambda scores: scores)
_list_order = _variant(rank=lambda scores: torch.zeros_like(scores))
_sorted = _variant(finish=lambda kept, scores: kept.sort().values)
_best_last = _variant(finish=lambda kept, scores: kept.flip(0))
_only_best = _variant(finish=lambda kept, scores: kept[:1])
_places = _variant(
    finish=lambda kept, scores: scores.argsort(descending=True, stable=True).argsort()[kept]
)
_touching = _variant(lambda overlap, threshold: overlap > 0)
_other_area = _variant(overlap=_over_smaller)

_MISTAKES = {
    "boxes are struck out by a box that was struck out itself.": _all_at_once,
    "a box is compared only with the one kept last; all kept ones count.": _neighbours_only,
    "the boxes that overlap are kept, and those that do not are dropped.": _keeps_overlapping,
    "the worst box comes first.": _worst_first,
    "the boxes are taken as they stand in the list; the scores have no effect.": _list_order,
    "these are places in the sorted list, not in the one given.": _places,
    "only one box is kept, however many objects there are.": _only_best,
    "any overlap drops a box; the threshold has no effect.": _touching,
    "an overlap of just the threshold drops a box; only more may.": _inclusive,
    "overlap is measured by the smaller box; wanted is IoU.": _other_area,
}

NMS = Check(
    name="detection_segmentation.nms",
    reference=nms,
    cases=_cases,
    properties=(
        Property("from the best score down", 1, _from_best_down, (HAND, MANY)),
        Property("who is struck out strikes nobody out", 1, _kept, (CHAIN,)),
        Property("the threshold counts", 1, _kept, (STRICT, EDGE)),
        Property("ties and empty lists", 1, _kept, (TIES, NONE)),
    ),
    mutants={
        "all at once": _all_at_once,
        "neighbours only": _neighbours_only,
        "inclusive": _inclusive,
        "keeps overlapping": _keeps_overlapping,
        "worst first": _worst_first,
        "list order": _list_order,
        "sorted by number": _sorted,
        "best last": _best_last,
        "only the best": _only_best,
        "places in the sorted list": _places,
        "no threshold": _touching,
        "over the smaller box": _other_area,
        "a mask": _mask,
        "as floats": lambda b, s, t: nms(b, s, t).float(),
        "empty list fails": lambda b, s, t: torch.stack(list(nms(b, s, t))),
    },
)
