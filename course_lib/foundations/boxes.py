"""Boxes: how much two overlap, and which of many to keep.

A box is (x0, y0, x1, y1) in pixels, x to the right, y down, x1 and y1 just outside of it.
"""

import torch
from torch import Tensor


def box_iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of each box of one list with each of another.

        IoU = |A ∩ B| / |A ∪ B|,   |A ∪ B| = |A| + |B| - |A ∩ B|;   0 where the union is empty

    Args:
        a: (N, 4), b: (M, 4), with x0 <= x1 and y0 <= y1, floating point.

    Returns:
        (N, M), from 0 to 1.

    Raises:
        ValueError: a wrong shape, or a box turned inside out.

    Source: Everingham et al. (2010), https://doi.org/10.1007/s11263-009-0275-4, section 4.2

    >>> box_iou(torch.tensor([[0.0, 0, 2, 2]]), torch.tensor([[1.0, 0, 3, 2], [5, 5, 6, 6]]))
    tensor([[0.3333, 0.0000]])
    """
    both, union = _both_and_union(a, b)
    return torch.where(union > 0, both / union.clamp_min(1e-30), 0.0)


def generalized_box_iou(a: Tensor, b: Tensor) -> Tensor:
    """IoU, less the empty share of the smallest box C around both.

        GIoU = IoU - (|C| - |A ∪ B|) / |C|

    Boxes apart have an IoU of 0 wherever they are, and its gradient is 0; GIoU goes on falling to
    -1 the farther they are apart, and pulls.

    Args, returns, raises: as `box_iou`; from -1 to 1.

    Source: Rezatofighi et al. (2019), https://arxiv.org/abs/1902.09630

    >>> beside, apart = [1.0, 0, 2, 1], [3.0, 0, 4, 1]
    >>> generalized_box_iou(torch.tensor([[0.0, 0, 1, 1]]), torch.tensor([beside, apart]))
    tensor([[ 0.0000, -0.5000]])
    """
    both, union = _both_and_union(a, b)
    low, high = torch.minimum(a[:, None, :2], b[:, :2]), torch.maximum(a[:, None, 2:], b[:, 2:])
    around = (high - low).prod(dim=2)
    iou = torch.where(union > 0, both / union.clamp_min(1e-30), 0.0)
    return iou - torch.where(around > 0, (around - union) / around.clamp_min(1e-30), 0.0)


def nms(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    """Non-maximum suppression: of boxes that overlap too much keep the one with the best score.

    Take the best box, drop all that overlap it by more than the threshold, take the best of the
    rest, and so on.

    Args:
        boxes: (N, 4), scores: (N,).
        threshold: IoU above which the worse of two is dropped.

    Returns:
        The numbers of the kept boxes, (K,) int64, best first; of equal scores the first in the
        list comes first.

    Raises:
        ValueError: see `box_iou`; another number of scores.

    >>> boxes = torch.tensor([[0.0, 0, 10, 10], [1, 1, 10, 10], [20, 20, 30, 30]])
    >>> nms(boxes, torch.tensor([0.6, 0.9, 0.3]), 0.5)
    tensor([1, 2])
    """
    overlap = box_iou(boxes, boxes)
    _check_scores(boxes, scores)
    order, kept = scores.sort(descending=True, stable=True).indices, []
    while len(order):
        best = order[0]
        kept.append(best)
        order = order[1:][overlap[best, order[1:]] <= threshold]
    return torch.stack(kept) if kept else torch.zeros(0, dtype=torch.int64, device=boxes.device)


def soft_nms(boxes: Tensor, scores: Tensor, sigma: float = 0.5) -> tuple[Tensor, Tensor]:
    """Lower the scores of overlapping boxes instead of dropping them.

        score_j <- score_j exp(-IoU(best, j)^2 / sigma)   for all j behind the best, again and again

    Two objects that overlap by much both survive, with a lower score for one.

    Args:
        boxes: (N, 4), scores: (N,), at least 0.
        sigma: how gently; towards 0 it drops every box that overlaps at all.

    Returns:
        The boxes' numbers (N,) int64 by falling new score, and those scores (N,).

    Source: Bodla et al. (2017), https://arxiv.org/abs/1704.04503

    >>> boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 10]])
    >>> numbers, scores = soft_nms(boxes, torch.tensor([0.8, 0.9]))
    >>> numbers.tolist(), [round(score, 3) for score in scores.tolist()]
    ([1, 0], [0.9, 0.108])
    """
    overlap = box_iou(boxes, boxes)
    _check_scores(boxes, scores)
    left, order, final = scores.clone(), [], torch.empty_like(scores)
    waiting = torch.ones_like(scores, dtype=torch.bool)
    for _ in range(len(boxes)):
        best = int(torch.where(waiting, left, -1.0).argmax())
        waiting[best] = False
        order.append(best)
        final[len(order) - 1] = left[best]
        left = torch.where(waiting, left * torch.exp(-(overlap[best] ** 2) / sigma), left)
    return torch.tensor(order, dtype=torch.int64), final


def _both_and_union(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    for name, boxes in (("a", a), ("b", b)):
        if boxes.ndim != 2 or boxes.shape[1] != 4:
            raise ValueError(f"{name}: got shape {tuple(boxes.shape)}, wanted (N, 4)")
        if bool((boxes[:, 2:] < boxes[:, :2]).any()):
            raise ValueError(f"{name}: a box has x1 < x0 or y1 < y0; wanted (x0, y0, x1, y1)")
    low, high = torch.maximum(a[:, None, :2], b[:, :2]), torch.minimum(a[:, None, 2:], b[:, 2:])
    both = (high - low).clamp_min(0).prod(dim=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(dim=1) for boxes in (a, b)]
    return both, areas[0][:, None] + areas[1] - both


def _check_scores(boxes: Tensor, scores: Tensor) -> None:
    if scores.shape != boxes.shape[:1]:
        raise ValueError(f"scores: got shape {tuple(scores.shape)}, wanted ({len(boxes)},)")
