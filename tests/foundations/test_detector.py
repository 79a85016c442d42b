"""The small detector: its targets, its loss, and that it finds what it has learned."""

import torch

from course_lib.data import shapes
from course_lib.foundations.detector import (
    Detector,
    detect,
    detection_loss,
    detection_targets,
    places,
)
from course_lib.foundations.scores import mean_average_precision
from course_lib.training import descend


def test_places_stand_for_the_middle_of_their_squares():
    at = places(8, 12)
    assert at.shape == (2, 3, 2)
    assert at[1, 2].tolist() == [10.0, 6.0]


def test_targets_of_one_box():
    boxes = torch.tensor([[[8.0, 4.0, 24.0, 20.0], [0, 0, 0, 0]]])
    classes, sides = detection_targets(boxes, torch.tensor([[2, -1]]), 32, 32)
    inside = (classes[0] == 2).nonzero().tolist()  # (row, column); the middle half is 8 by 8
    assert inside == [[2, 3], [2, 4], [3, 3], [3, 4]]
    assert sides[0, :, 2, 3].tolist() == [14 - 8, 10 - 4, 24 - 14, 20 - 10]


def test_the_smaller_of_two_boxes_wins():
    boxes = torch.tensor([[[0.0, 0, 32, 32], [12, 12, 20, 20]]])
    classes, _ = detection_targets(boxes, torch.tensor([[0, 1]]), 32, 32)
    assert classes[0, 3, 3] == 1
    assert classes[0, 2, 2] == 0


def test_loss_is_zero_where_all_is_right_and_only_there():
    boxes, labels = torch.tensor([[[4.0, 4, 20, 20]]]), torch.tensor([[1]])
    classes, wanted = detection_targets(boxes, labels, 24, 24)
    logits = torch.full((1, 3, 6, 6), -50.0)
    logits[:, 1][classes == 1] = 50.0
    assert detection_loss(logits, wanted.clamp_min(0.1), classes, wanted) < 1e-6
    assert detection_loss(-logits, wanted.clamp_min(0.1), classes, wanted) > 10
    assert detection_loss(logits, 2 * wanted.clamp_min(0.1), classes, wanted) > 0.5


def test_pictures_without_objects_give_a_finite_loss():
    classes, wanted = detection_targets(torch.zeros(1, 2, 4), torch.tensor([[-1, -1]]), 16, 16)
    loss = detection_loss(*Detector(3, 4)(torch.zeros(1, 3, 16, 16)), classes, wanted)
    assert loss.isfinite()


def test_it_learns_one_picture_by_heart():
    made = shapes(8, generator=torch.Generator().manual_seed(5))
    torch.manual_seed(0)
    network = Detector(3, 6)
    targets = detection_targets(made.boxes, made.labels, 40, 40)
    descend(
        network,
        lambda x, classes, sides: detection_loss(*network(x), classes, sides),
        (made.images, *targets),
        120,
        generator=torch.Generator().manual_seed(0),
        batch_size=8,
        learning_rate=0.01,
        progress=False,
    )
    truths = [(b[m >= 0], m[m >= 0]) for b, m in zip(made.boxes, made.labels, strict=True)]
    found = detect(network, made.images)
    assert mean_average_precision(found, truths) > 0.8
    for _, scores, _ in found:
        assert bool((scores[1:] <= scores[:-1]).all())
