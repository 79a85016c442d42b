"""Exercise 4 of unit 02: how well pixels are told apart, every class counting alike."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.mistakes import compare
from course_lib.foundations.scores import mean_iou

HAND = "one picture of six pixels, three classes"
MANY = "four pictures, four classes of very unequal size"
PERFECT = "everything right"
ABSENT = "a class that nobody saw and that is not there"
INVENTED = "a class that is predicted and is not there"
NOTHING = "all is taken for background"


def _cases(generator: torch.Generator) -> list[Case]:
    def labels(*shares: float) -> Tensor:
        weights = torch.tensor(shares).expand(4, -1)
        return torch.multinomial(weights, 8 * 12, True, generator=generator).view(4, 8, 12)

    def spoiled(target: Tensor, classes: int) -> Tensor:
        wrong = torch.randint(classes, target.shape, generator=generator)
        shares = torch.tensor([0.1, 0.3, 0.6, 0.8]).view(4, 1, 1)
        keep = torch.rand(target.shape, generator=generator) > shares
        return torch.where(keep, target, wrong)

    hand = torch.tensor([[[0, 0, 0], [1, 1, 2]]]), torch.tensor([[[0, 0, 1], [1, 2, 2]]])
    many, absent, extra = labels(0.8, 0.12, 0.05, 0.03), labels(0.6, 0.4), labels(0.7, 0.3)
    invented = spoiled(extra, 3)
    invented[:, 0, 0], extra[:, 0, 0] = 2, 0
    return [
        Case(HAND, (*hand, 3)),
        Case(MANY, (spoiled(many, 4), many, 4)),
        Case(PERFECT, (many.clone(), many, 4)),
        Case(ABSENT, (spoiled(absent, 2), absent, 5)),
        Case(INVENTED, (invented, extra, 4)),
        Case(NOTHING, (torch.zeros_like(many), many, 4)),
    ]


def _agrees(ask: Ask, case: Case) -> Finding | None:
    return compare(ask, case, _MISTAKES, atol=1e-5)


def _classes_alike(ask: Ask, case: Case) -> Finding | None:
    """Renaming the classes changes nothing, nor does exchanging prediction and truth."""
    predicted, target, classes = case.inputs
    first = ask(*case.inputs)
    renamed = ask(classes - 1 - predicted, classes - 1 - target, classes)
    swapped = ask(target, predicted, classes)
    for came, what in (
        (renamed, "the classes' numbers count: renamed, they give another score."),
        (swapped, "prediction and truth are not treated alike, as in an IoU they are."),
    ):
        if abs(float(came - first)) > 1e-5:
            named = compare(ask, case, _MISTAKES)
            message = named.message if named and named.message in _MISTAKES else what
            return Finding(message, came=f"{float(came):.4f}", wanted=f"{float(first):.4f}")
    return _agrees(ask, case)


def _table(predicted: Tensor, target: Tensor, classes: int) -> Tensor:
    pairs = torch.bincount(target.flatten() * classes + predicted.flatten(), minlength=classes**2)
    return pairs.view(classes, classes).double()


def _variant(
    ratio: Callable[[Tensor, Tensor, Tensor], Tensor] = lambda both, p, t: both / (p + t - both),
    counts: Callable[[Tensor, Tensor], Tensor] = lambda p, t: p + t > 0,
    first: int = 0,
) -> Callable[[Tensor, Tensor, int], Tensor]:
    """A wrong answer, put together from its parts."""

    def function(predicted: Tensor, target: Tensor, classes: int) -> Tensor:
        pairs = _table(predicted, target, classes)
        p, t = pairs.sum(0), pairs.sum(1)
        scores = ratio(pairs.diagonal(), p, t).nan_to_num(0.0)[first:]
        return scores[counts(p, t)[first:]].mean().float()

    return function


def _picture_by_picture(predicted: Tensor, target: Tensor, classes: int) -> Tensor:
    pairs = zip(predicted, target, strict=True)
    return torch.stack([mean_iou(p[None], t[None], classes) for p, t in pairs]).mean()


def _pooled(predicted: Tensor, target: Tensor, classes: int) -> Tensor:
    right = (predicted == target).double().sum()
    return (right / (2 * predicted.numel() - right)).float()


def _weighted(predicted: Tensor, target: Tensor, classes: int) -> Tensor:
    pairs = _table(predicted, target, classes)
    p, t, both = pairs.sum(0), pairs.sum(1), pairs.diagonal()
    return ((t / t.sum()) * (both / (p + t - both)).nan_to_num(0.0)).sum().float()


def _accuracy(predicted: Tensor, target: Tensor, classes: int) -> Tensor:
    return (predicted == target).float().mean()


_recall = _variant(lambda both, p, t: both / t)
_precision = _variant(lambda both, p, t: both / p)
_dice = _variant(lambda both, p, t: 2 * both / (p + t))
_absent_zero = _variant(counts=lambda p, t: torch.ones_like(p, dtype=torch.bool))
_absent_one = _variant(
    lambda both, p, t: torch.where(p + t > 0, both / (p + t - both), 1.0),
    lambda p, t: torch.ones_like(p, dtype=torch.bool),
)
_only_true = _variant(counts=lambda p, t: t > 0)
_no_background = _variant(first=1)
_twice = _variant(lambda both, p, t: both / (p + t))

_MISTAKES = {
    "this is the share of right pixels: the background alone decides it.": _accuracy,
    "all classes are pooled before the ratio; each class has an IoU of its own.": _pooled,
    "classes weigh by their pixels; here every class counts alike.": _weighted,
    "the pixels are divided by those of the truth, not by the union.": _recall,
    "the pixels are divided by those of the prediction, not by the union.": _precision,
    "this averages Dice scores, not IoU.": _dice,
    "what is in both is counted twice in the union.": _twice,
    "a class that is nowhere counts as 0; it has no IoU.": _absent_zero,
    "a class that is nowhere counts as 1; it has no IoU.": _absent_one,
    "a class that is predicted where there is none does not count; it is a mistake.": _only_true,
    "the first class is left out.": _no_background,
    "each picture is scored alone; all pixels are counted together.": _picture_by_picture,
}

MEAN_IOU = Check(
    name="detection_segmentation.mean_iou",
    reference=mean_iou,
    cases=_cases,
    properties=(
        Property("each class counts alike, whatever its number", 1, _classes_alike, (MANY,)),
        Property("known answers", 1, _agrees, (HAND, PERFECT, NOTHING)),
        Property("classes that are not there", 1, _agrees, (ABSENT, INVENTED)),
        Property("values agree with the reference", 1, _agrees),
    ),
    mutants={
        "accuracy": _accuracy,
        "pooled": _pooled,
        "weighted": _weighted,
        "recall": _recall,
        "precision": _precision,
        "dice": _dice,
        "counted twice": _twice,
        "absent is 0": _absent_zero,
        "absent is 1": _absent_one,
        "invented forgiven": _only_true,
        "no background": _no_background,
        "picture by picture": _picture_by_picture,
        "in double": lambda p, t, k: mean_iou(p, t, k).double(),
    },
)
