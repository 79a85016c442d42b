"""How good detections and segmentations are: average precision, mean IoU, Dice."""

from collections.abc import Sequence

import torch
from torch import Tensor

from .boxes import box_iou

Detections = tuple[Tensor, Tensor, Tensor]  # boxes (N, 4), scores (N,), labels (N,)


def match_detections(
    boxes: Tensor, scores: Tensor, truths: Tensor, threshold: float = 0.5
) -> Tensor:
    """Say which detections of one class in one picture are right.

    From the best score down, each takes the free true box that it overlaps most; it is right if
    that is by at least the threshold. A second detection of the same object is wrong.

    Args:
        boxes: (N, 4), scores: (N,), truths: (M, 4).
        threshold: the least IoU.

    Returns:
        (N,) bool, in the order given.

    >>> box = torch.tensor([[0.0, 0, 4, 4]])
    >>> match_detections(box.repeat(2, 1), torch.tensor([0.2, 0.8]), box).tolist()
    [False, True]
    """
    right = torch.zeros(len(boxes), dtype=torch.bool)
    overlap = box_iou(boxes, truths)
    for number in scores.sort(descending=True, stable=True).indices.tolist():
        if not len(truths):
            break
        share, best = overlap[number].max(dim=0)
        if float(share) >= threshold:
            right[number] = True
            overlap[:, best] = -1.0  # taken
    return right


def average_precision(scores: Tensor, right: Tensor, truths: int) -> Tensor:
    """Average precision of one class, as COCO computes it.

    With the detections by falling score, after the first k of them

        precision_k = right so far / k,      recall_k = right so far / truths.

    The precision at a recall r is the best one at any recall of at least r, 0 if there is none;
    averaged over r = 0, 0.01, ..., 1.

    Args:
        scores: (N,) of all detections of the class in all pictures.
        right: (N,) bool, see `match_detections`.
        truths: how many objects there are, at least 1.

    Returns:
        A scalar, float32, from 0 to 1.

    Raises:
        ValueError: no truths, other lengths, or more right ones than truths.

    Source: Lin et al. (2014), https://arxiv.org/abs/1405.0312 (its evaluation code: 101 points)

    >>> average_precision(torch.tensor([0.9, 0.8]), torch.tensor([True, False]), 1)
    tensor(1.)
    >>> average_precision(torch.tensor([0.9, 0.8]), torch.tensor([False, True]), 1)
    tensor(0.5000)
    """
    if truths < 1:
        raise ValueError(f"truths: got {truths}, wanted at least 1")
    if scores.shape != right.shape or scores.ndim != 1:
        raise ValueError(
            f"scores, right: got shapes {tuple(scores.shape)} and {tuple(right.shape)}, wanted (N,)"
        )
    if int(right.sum()) > truths:
        raise ValueError(f"right: got {int(right.sum())} right detections of {truths} objects")
    order = scores.sort(descending=True, stable=True).indices
    hits = right[order].double().cumsum(0)
    precision = hits / torch.arange(1, len(order) + 1)
    recall = hits / truths
    best = precision.flip(0).cummax(0).values.flip(0)  # at this recall or any above
    places = torch.searchsorted(recall, torch.arange(101, dtype=torch.float64) / 100)
    found = torch.cat([best, best.new_zeros(1)])[places]
    return found.mean().float()


def mean_average_precision(
    found: Sequence[Detections], truths: Sequence[tuple[Tensor, Tensor]], threshold: float = 0.5
) -> Tensor:
    """Average precision at one IoU, averaged over the classes that occur.

    Args:
        found: for each picture boxes (N, 4), scores (N,) and labels (N,).
        truths: for each picture boxes (M, 4) and labels (M,).
        threshold: the least IoU of a right detection.

    Returns:
        A scalar.

    >>> box, zero = torch.tensor([[0.0, 0, 4, 4]]), torch.zeros(1, dtype=torch.int64)
    >>> mean_average_precision([(box, torch.ones(1), zero)], [(box, zero)])
    tensor(1.)
    """
    values = []
    for label in torch.cat([labels for _, labels in truths]).unique():
        scores, right, count = [], [], 0
        for (boxes, confidence, labels), (true, kinds) in zip(found, truths, strict=True):
            mine, wanted = labels == label, true[kinds == label]
            scores.append(confidence[mine])
            right.append(match_detections(boxes[mine], confidence[mine], wanted, threshold))
            count += len(wanted)
        values.append(average_precision(torch.cat(scores), torch.cat(right), count))
    return torch.stack(values).mean()


def mean_iou(predicted: Tensor, target: Tensor, classes: int) -> Tensor:
    """Intersection over union of each class over all pixels, averaged over classes that occur.

        IoU_k = |predicted = k and target = k| / |predicted = k or target = k|

    A class that is neither predicted nor there has no IoU and does not count.

    Args:
        predicted, target: (B, H, W) int64, from 0 to classes - 1.
        classes: K.

    Returns:
        A scalar, float32, from 0 to 1.

    Raises:
        ValueError: other shapes, or a class outside of the range.

    Source: Long, Shelhamer and Darrell (2015), https://arxiv.org/abs/1411.4038, section 5

    >>> mean_iou(torch.tensor([[[0, 1, 1]]]), torch.tensor([[[0, 0, 1]]]), 5)
    tensor(0.5000)
    """
    if predicted.shape != target.shape:
        raise ValueError(
            f"predicted: got shape {tuple(predicted.shape)}, wanted the target's, "
            f"{tuple(target.shape)}"
        )
    for name, labels in (("predicted", predicted), ("target", target)):
        if labels.numel() and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
            raise ValueError(f"{name}: got classes outside of 0 to {classes - 1}")
    pairs = torch.bincount(target.flatten() * classes + predicted.flatten(), minlength=classes**2)
    pairs = pairs.view(classes, classes).double()
    both = pairs.diagonal()
    either = pairs.sum(0) + pairs.sum(1) - both
    return (both[either > 0] / either[either > 0]).mean().float()


def dice(predicted: Tensor, target: Tensor) -> Tensor:
    """Overlap of two masks: 2 |A ∩ B| / (|A| + |B|) = 2 IoU / (1 + IoU); 1 if both are empty.

    Args:
        predicted, target: (B, ...) bool or numbers in [0, 1], so that it can be a loss: 1 - dice.

    Returns:
        (B,).

    Source: Dice (1945), https://doi.org/10.2307/1932409; as a loss Milletari et al. (2016),
    https://arxiv.org/abs/1606.04797

    >>> dice(torch.tensor([[True, True]]), torch.tensor([[True, False]]))
    tensor([0.6667])
    """
    a, b = predicted.flatten(1).float(), target.flatten(1).float()
    total = a.sum(1) + b.sum(1)
    return torch.where(total > 0, 2 * (a * b).sum(1) / total.clamp_min(1e-30), 1.0)
