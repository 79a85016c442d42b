"""Unit 02: other right answers pass; a mistake costs its own points and is called by its name."""

import torch
from torchvision import ops

from course_lib.checks.detection_segmentation import CHECKS as EVERY

CHECKS = {each.function: each for each in EVERY}


def iou_by_torchvision(a, b):
    return ops.box_iou(a, b).nan_to_num(0.0)


def iou_one_by_one(a, b):
    rows = []
    for x0, y0, x1, y1 in a.unbind(0) if len(a) else []:
        width = (torch.minimum(x1, b[:, 2]) - torch.maximum(x0, b[:, 0])).relu()
        height = (torch.minimum(y1, b[:, 3]) - torch.maximum(y0, b[:, 1])).relu()
        union = (x1 - x0) * (y1 - y0) + (b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1]) - width * height
        rows.append(width * height / (union + 1e-12))
    return torch.stack(rows)


def nms_with_a_mask(boxes, scores, threshold):
    overlap = iou_by_torchvision(boxes, boxes)
    alive, kept = torch.ones(len(boxes), dtype=torch.bool), []
    for number in torch.sort(scores, descending=True, stable=True).indices:
        if alive[number]:
            kept.append(int(number))
            alive &= overlap[number] <= threshold
    return torch.tensor(kept, dtype=torch.long)


def precision_one_by_one(scores, right, truths):
    order = sorted(range(len(scores)), key=lambda k: -float(scores[k]))
    hits, steps = 0, []
    for count, number in enumerate(order, start=1):
        hits += bool(right[number])
        steps.append((hits, hits / count))
    total = 0.0
    for level in range(101):
        total += max((p for h, p in steps if 100 * h >= level * truths), default=0.0)
    return torch.tensor(total / 101)


def mean_iou_with_masks(predicted, target, classes):
    scores = []
    for k in range(classes):
        both = ((predicted == k) & (target == k)).sum()
        either = ((predicted == k) | (target == k)).sum()
        if either:
            scores.append(float(both) / float(either))
    return torch.tensor(sum(scores) / len(scores))


ANSWERS = [
    ("box_iou", iou_by_torchvision),
    ("box_iou", iou_one_by_one),
    ("nms", nms_with_a_mask),
    ("nms", ops.nms),
    ("average_precision", precision_one_by_one),
    ("mean_iou", mean_iou_with_masks),
]


LOST = [
    ("box_iou", "empty boxes give 1", "without an area"),
    ("box_iou", "nought over nought", "without an area"),
    ("box_iou", "detached", "gradients"),
    ("nms", "inclusive", "threshold"),
    ("nms", "empty list fails", "empty lists"),
    ("average_precision", "no best", "order|early mistakes|at this recall"),
    ("average_precision", "strictly above", "order|early mistakes|at this recall"),
    ("mean_iou", "absent is 0", "not there|values"),
    ("mean_iou", "absent is 1", "not there|values"),
    ("mean_iou", "invented forgiven", "not there|values"),
]


TOLD = [
    ("box_iou", "not clamped", "not kept from being negative"),
    ("box_iou", "clamped late", "two negative lengths make a positive area"),
    ("box_iou", "absolute", "lose their sign"),
    ("box_iou", "one more pixel", "a pixel too wide"),
    ("box_iou", "counted twice", "counted twice in the union"),
    ("box_iou", "dice", "the Dice score"),
    ("box_iou", "over the smaller", "divided by the smaller box"),
    ("box_iou", "over the first", "divided by the first box"),
    ("box_iou", "over the box around", "divided by the box around both"),
    ("box_iou", "width and height", "read as corner, width and height"),
    ("box_iou", "perimeters", "sides are added"),
    ("box_iou", "empty boxes give 1", "nothing in common do not give 0"),
    ("box_iou", "nought over nought", "NaN or infinite"),
    ("nms", "all at once", "by a box that was struck out itself"),
    ("nms", "neighbours only", "only with the one kept last"),
    ("nms", "keeps overlapping", "those that do not are dropped"),
    ("nms", "worst first", "the worst box comes first"),
    ("nms", "list order", "the scores have no effect"),
    ("nms", "sorted by number", "not from the best score down"),
    ("nms", "only the best", "only one box is kept"),
    ("nms", "places in the sorted list", "places in the sorted list"),
    ("nms", "no threshold", "the threshold has no effect"),
    ("nms", "over the smaller box", "measured by the smaller box"),
    ("nms", "a mask", "int64"),
    ("average_precision", "list order", "in the list's order"),
    ("average_precision", "worst first", "by rising score"),
    ("average_precision", "recall of found", "it is a share of all objects"),
    ("average_precision", "no best", "not yet the best one"),
    ("average_precision", "best so far", "looked for below a recall"),
    ("average_precision", "eleven recalls", "11 recalls"),
    ("average_precision", "no recall 0", "leaves out the recall 0"),
    ("average_precision", "strictly above", "just reached does not count"),
    ("average_precision", "bare steps", "averaged as they stand"),
    ("average_precision", "area under steps", "area under the steps"),
    ("average_precision", "precision", "precision of the whole list"),
    ("average_precision", "recall", "recall of the whole list"),
    ("mean_iou", "accuracy", "share of right pixels"),
    ("mean_iou", "pooled", "pooled before the ratio"),
    ("mean_iou", "weighted", "weigh by their pixels"),
    ("mean_iou", "recall", "by those of the truth"),
    ("mean_iou", "precision", "by those of the prediction"),
    ("mean_iou", "dice", "averages Dice"),
    ("mean_iou", "counted twice", "counted twice"),
    ("mean_iou", "absent is 0", "counts as 0"),
    ("mean_iou", "absent is 1", "counts as 1"),
    ("mean_iou", "invented forgiven", "it is a mistake"),
    ("mean_iou", "no background", "first class is left out"),
    ("mean_iou", "picture by picture", "scored alone"),
]


def test_the_unit_has_seventeen_points():
    assert [check.points for check in CHECKS.values()] == [5, 4, 4, 4]
