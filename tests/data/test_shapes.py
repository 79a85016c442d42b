"""Pictures of shapes: masks, boxes and labels tell the same story."""

import pytest
import torch

from course_lib.data import shapes


@pytest.fixture(scope="module")
def made():
    return shapes(60, generator=torch.Generator().manual_seed(3))


def test_forms_and_ranges(made):
    assert made.images.shape == (60, 3, 40, 40)
    assert made.images.dtype == torch.float32
    assert float(made.images.min()) >= 0 and float(made.images.max()) <= 1
    assert made.semantic.unique().tolist() == [0, 1, 2, 3]
    assert made.labels.unique().tolist() == [-1, 0, 1, 2]


def test_boxes_enclose_just_the_visible_pixels(made):
    for instance, boxes, labels in zip(made.instance, made.boxes, made.labels, strict=True):
        for number in (labels >= 0).nonzero()[:, 0].tolist():
            y, x = (instance == number + 1).nonzero(as_tuple=True)
            wanted = [x.min(), y.min(), x.max() + 1, y.max() + 1]
            assert boxes[number].tolist() == [float(each) for each in wanted]


def test_instances_have_one_class_and_it_is_the_label(made):
    for semantic, instance, labels in zip(made.semantic, made.instance, made.labels, strict=True):
        assert set(instance.unique().tolist()) - {0} == {
            number + 1 for number in (labels >= 0).nonzero()[:, 0].tolist()
        }
        for number in (labels >= 0).nonzero()[:, 0].tolist():
            assert semantic[instance == number + 1].unique().tolist() == [int(labels[number]) + 1]


def test_some_objects_are_covered_and_some_are_not_asked_for(made):
    assert bool(((made.semantic > 0) & (made.instance == 0)).any())
    areas = torch.stack([(made.instance == k).sum((1, 2)) for k in (1, 2, 3)], dim=1)
    assert float(areas[areas > 0].float().std()) > 20


def test_same_seed_same_pictures():
    one, again = (shapes(3, 24, most=2, generator=torch.Generator().manual_seed(1)) for _ in "ab")
    assert all(torch.equal(a, b) for a, b in zip(one, again, strict=True))
    assert one.boxes.shape == (3, 2, 4)


@pytest.mark.parametrize(
    ("arguments", "name"), [({"count": 0}, "count"), ({"size": 8}, "size"), ({"most": 0}, "most")]
)
def test_bad_arguments_are_named(arguments, name):
    with pytest.raises(ValueError, match=name):
        shapes(**({"count": 1} | arguments), generator=torch.Generator())
