"""Boxes equal torchvision's operators; suppression by its definition; clear errors."""

import pytest
import torch
from torchvision import ops

from course_lib.foundations.boxes import box_iou, generalized_box_iou, nms, soft_nms


def boxes_of(count, seed=0, size=40.0):
    generator = torch.Generator().manual_seed(seed)
    corners = size * torch.rand(count, 2, generator=generator)
    return torch.cat(
        [corners, corners + 1 + 0.4 * size * torch.rand(count, 2, generator=generator)], 1
    )


def scores_of(count, seed=0):
    return torch.rand(count, generator=torch.Generator().manual_seed(100 + seed))


@pytest.mark.parametrize(("first", "second"), [(1, 1), (30, 17), (0, 5), (5, 0)])
def test_overlaps_are_torchvisions(first, second):
    a, b = boxes_of(first), boxes_of(second, seed=1)
    torch.testing.assert_close(box_iou(a, b), ops.box_iou(a, b))
    torch.testing.assert_close(generalized_box_iou(a, b), ops.generalized_box_iou(a, b))


def test_overlap_does_not_know_where_and_how_large():
    a, b = boxes_of(9), boxes_of(7, seed=1)
    torch.testing.assert_close(box_iou(a, b), box_iou(3 * a + 50, 3 * b + 50))
    torch.testing.assert_close(box_iou(a, b), box_iou(b, a).T)
    assert torch.equal(box_iou(a, a).diagonal(), torch.ones(9))


def test_empty_boxes_overlap_nothing():
    point = torch.tensor([[3.0, 3, 3, 3]])
    assert box_iou(point, point).item() == 0
    assert torch.isfinite(generalized_box_iou(point, torch.cat([point, point + 2]))).all()


def test_only_generalised_overlap_pulls_boxes_that_are_apart():
    far = torch.tensor([[10.0, 0, 12, 2]], requires_grad=True)
    near = torch.tensor([[0.0, 0, 2, 2]])
    (flat,) = torch.autograd.grad(box_iou(near, far).sum(), far)
    (pull,) = torch.autograd.grad(generalized_box_iou(near, far).sum(), far)
    assert not flat.any() and float(pull[0, 0]) < 0


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("seed", range(4))
def test_suppression_is_torchvisions(threshold, seed):
    boxes, scores = boxes_of(60, seed), scores_of(60, seed)
    assert torch.equal(nms(boxes, scores, threshold), ops.nms(boxes, scores, threshold))


def test_what_is_kept_does_not_overlap_and_what_is_dropped_does():
    boxes, scores = boxes_of(80), scores_of(80)
    kept = nms(boxes, scores, 0.4)
    overlap = box_iou(boxes, boxes[kept])
    assert float((box_iou(boxes[kept], boxes[kept]) - torch.eye(len(kept))).max()) <= 0.4
    dropped = torch.tensor([k for k in range(80) if k not in kept.tolist()])
    better = scores[kept] > scores[dropped, None]
    assert bool(((overlap[dropped] > 0.4) & better).any(dim=1).all())
    assert torch.equal(scores[kept], scores[kept].sort(descending=True).values)


def test_of_equal_scores_the_first_stays_and_no_boxes_give_none():
    box = torch.tensor([[0.0, 0, 4, 4]])
    assert nms(box.repeat(3, 1), torch.ones(3), 0.5).tolist() == [0]
    assert nms(box[:0], torch.ones(0), 0.5).shape == (0,)
    assert soft_nms(box[:0], torch.ones(0))[0].shape == (0,)


def test_soft_suppression_has_hard_limits():
    boxes, scores = boxes_of(40), scores_of(40) + 0.01
    numbers, lowered = soft_nms(boxes, scores, sigma=1e-9)
    alive = numbers[lowered > 0]
    assert sorted(alive.tolist()) == sorted(nms(boxes, scores, 0.0).tolist())
    numbers, lowered = soft_nms(boxes, scores, sigma=1e9)
    torch.testing.assert_close(lowered, scores[numbers])
    assert torch.equal(numbers, scores.sort(descending=True).indices)


def test_what_does_not_fit_is_named():
    boxes = boxes_of(3)
    with pytest.raises(ValueError, match=r"^a: got shape \(3, 2\), wanted \(N, 4\)"):
        box_iou(boxes[:, :2], boxes)
    with pytest.raises(ValueError, match=r"^b: a box has x1 < x0"):
        box_iou(boxes, boxes.flip(1))
    with pytest.raises(ValueError, match=r"^scores: got shape \(2,\), wanted \(3,\)"):
        nms(boxes, torch.ones(2), 0.5)
