"""Average precision and overlaps against their definitions, worked out by hand and by loops."""

import pytest
import torch

from course_lib.foundations.boxes import box_iou
from course_lib.foundations.scores import (
    average_precision,
    dice,
    match_detections,
    mean_average_precision,
    mean_iou,
)


def drawn(seed, count=30):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, generator=generator), torch.rand(count, generator=generator) < 0.5


def by_definition(scores, right, truths):
    """For each of the 101 recalls, the best precision at any cut that reaches it."""
    order = sorted(range(len(scores)), key=lambda k: -scores[k])
    total = 0.0
    for step in range(101):
        best = 0.0
        for cut in range(1, len(order) + 1):
            hits = sum(bool(right[k]) for k in order[:cut])
            if hits * 100 >= step * truths:
                best = max(best, hits / cut)
        total += best / 101
    return total


@pytest.mark.parametrize("seed", range(6))
def test_average_precision_is_its_definition(seed):
    scores, right = drawn(seed)
    truths = int(right.sum()) + 3
    wanted = by_definition(scores.tolist(), right.tolist(), truths)
    assert float(average_precision(scores, right, truths)) == pytest.approx(wanted, abs=1e-6)


def test_average_precision_at_its_ends():
    scores, right = drawn(0, 10)
    assert average_precision(scores, torch.ones(10, dtype=torch.bool), 10) == 1
    assert average_precision(scores, torch.zeros(10, dtype=torch.bool), 3) == 0
    assert average_precision(scores[:0], right[:0], 3) == 0
    squeezed = average_precision(scores.square(), right, 10)
    assert squeezed == average_precision(scores, right, 10)  # only the order counts


def test_each_object_is_found_once_by_the_best_that_fits():
    truths = torch.tensor([[0.0, 0, 10, 10], [20, 0, 30, 10]])
    boxes = torch.tensor([[0.0, 0, 10, 9], [0, 0, 10, 10], [21, 0, 30, 10], [50, 50, 60, 60]])
    scores = torch.tensor([0.9, 0.8, 0.3, 0.99])
    assert match_detections(boxes, scores, truths).tolist() == [True, False, True, False]
    assert match_detections(boxes, scores, truths, 0.95).tolist() == [False, True, False, False]
    assert not match_detections(boxes, scores, truths[:0]).any()


def test_mean_average_precision_is_one_for_the_truth_and_ignores_classes_that_are_not_there():
    generator = torch.Generator().manual_seed(0)
    corners = 20 * torch.rand(5, 2, generator=generator)
    boxes = torch.cat([corners, corners + 6], dim=1)
    labels = torch.tensor([0, 2, 2, 0, 2])
    truth = [(boxes, labels), (boxes[:1], labels[:1])]
    right = [(b, torch.ones(len(b)), k) for b, k in truth]
    assert mean_average_precision(right, truth) == 1
    confused = [(b, torch.ones(len(b)), 2 - k) for b, k in truth]
    assert mean_average_precision(confused, truth) < 0.5


@pytest.mark.parametrize("seed", range(3))
def test_mean_iou_is_its_definition(seed):
    generator = torch.Generator().manual_seed(seed)
    a, b = (torch.randint(4, (2, 6, 7), generator=generator) for _ in range(2))
    shares = [float(((a == k) & (b == k)).sum() / ((a == k) | (b == k)).sum()) for k in range(4)]
    assert float(mean_iou(a, b, 4)) == pytest.approx(sum(shares) / 4)
    assert float(mean_iou(a, b, 9)) == pytest.approx(sum(shares) / 4)  # five that never occur
    assert mean_iou(a, a, 4) == 1


def test_dice_is_iou_on_another_scale():
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.rand(5, 8, 8, generator=generator) < 0.5 for _ in range(2))
    iou = (a & b).sum((1, 2)) / (a | b).sum((1, 2))
    torch.testing.assert_close(dice(a, b), 2 * iou / (1 + iou))
    assert dice(a & ~a, b & ~b).tolist() == [1.0] * 5
    soft = torch.full((1, 2), 0.5, requires_grad=True)
    assert torch.autograd.grad(dice(soft, torch.tensor([[1.0, 0.0]])).sum(), soft)[0][0, 0] > 0


def test_box_overlap_and_mask_overlap_agree_on_whole_pixels():
    a, b = torch.tensor([[1.0, 2, 7, 9]]), torch.tensor([[3.0, 4, 11, 8]])
    masks = torch.zeros(2, 12, 12, dtype=torch.int64)
    masks[0, 2:9, 1:7], masks[1, 4:8, 3:11] = 1, 1
    both, either = (masks[0] & masks[1]).sum(), (masks[0] | masks[1]).sum()
    assert float(box_iou(a, b)) == pytest.approx(float(both / either))


def test_what_does_not_fit_is_named():
    scores, right = drawn(0, 4)
    with pytest.raises(ValueError, match=r"^truths: got 0"):
        average_precision(scores, right, 0)
    with pytest.raises(ValueError, match=r"^scores, right: got shapes \(3,\) and \(4,\)"):
        average_precision(scores[:3], right, 4)
    with pytest.raises(ValueError, match=r"^right: got 4 right detections of 1 objects"):
        average_precision(scores, torch.ones(4, dtype=torch.bool), 1)
    labels = torch.zeros(1, 2, 2, dtype=torch.int64)
    with pytest.raises(ValueError, match=r"^predicted: got shape"):
        mean_iou(labels[:, :1], labels, 2)
    with pytest.raises(ValueError, match=r"^target: got classes outside of 0 to 1"):
        mean_iou(labels, labels + 2, 2)
