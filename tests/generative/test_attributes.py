"""What is read off a face is what it was drawn from; what is no face is far from every face."""

import pytest
import torch

from course_lib.data import faces
from course_lib.generative.attributes import (
    HUES,
    attribute_features,
    face_error,
    load_attribute_reader,
    read_attributes,
    train_attribute_reader,
)


@pytest.fixture(scope="module")
def unseen():
    return faces(500, generator=torch.Generator().manual_seed(77))


def test_words_are_read_right(unseen):
    images, truth = unseen
    read = read_attributes(images)
    assert set(read) == set(truth)
    assert (read["glasses"] == truth["glasses"]).float().mean() > 0.99
    assert (read["hair_style"] == truth["hair_style"]).float().mean() > 0.97
    hairy = truth["hair_style"] > 0
    assert (read["hair_color"] == truth["hair_color"])[hairy].float().mean() > 0.97


@pytest.mark.parametrize("name", ["smile", "yaw", "face_width", "eye_openness", "skin_tone"])
def test_numbers_are_read_closely(unseen, name):
    images, truth = unseen
    assert (read_attributes(images)[name] - truth[name]).abs().mean() < 0.06


@pytest.mark.parametrize("name", HUES)
def test_hues_are_read_around_the_circle(unseen, name):
    images, truth = unseen
    apart = (read_attributes(images)[name] - truth[name]).abs()
    assert torch.minimum(apart, 1 - apart).mean() < 0.03


def test_error_tells_faces_from_what_is_none(unseen):
    images = unseen.images
    blurred = torch.nn.functional.avg_pool2d(images, 7, 1, 3, count_include_pad=False)
    real = face_error(images)
    assert real.mean() < 0.02
    for spoiled in ((images + images.flip(0)) / 2, blurred, torch.rand_like(images)):
        assert (face_error(spoiled) > real.quantile(0.95)).float().mean() > 0.9


def test_features_of_a_batch_are_those_of_its_pictures(unseen):
    images = unseen.images[:600]
    together = attribute_features(images)
    assert together.shape == (500, 64)
    torch.testing.assert_close(together[7:9], attribute_features(images[7:9]), atol=1e-5, rtol=1e-4)


def test_no_gradient_and_no_training(unseen):
    reader = load_attribute_reader()
    assert not reader.training
    assert not any(p.requires_grad for p in reader.parameters())
    assert not face_error(unseen.images[:2].clone().requires_grad_()).requires_grad


@pytest.mark.parametrize("shape", [(2, 3, 16, 16), (2, 1, 32, 32), (3, 32, 32)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="images"):
        read_attributes(torch.zeros(shape))


def test_training_learns():
    _, history = train_attribute_reader(30, batch_size=32, progress=False)
    assert sum(history["loss"][-5:]) < 0.7 * sum(history["loss"][:5])
