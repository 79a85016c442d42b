"""Encoder and decoder fit each other, training learns, and what comes out is what was shipped."""

import pytest
import torch

from course_lib.data import faces
from course_lib.generative.attributes import face_error
from course_lib.generative.autoencoder import (
    Autoencoder,
    ConvDecoder,
    ConvEncoder,
    decode_latents,
    encode_pictures,
    fit_autoencoder,
)
from course_lib.generative.pretrained import (
    ONE_PERSON,
    RECIPES,
    load_autoencoder,
)
from course_lib.metrics import psnr


def seeded(seed):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("shape", [(1,), (16,), (3, 4, 4), (4, 8, 8)])
def test_what_the_encoder_makes_the_decoder_takes(shape):
    images = torch.rand(3, 3, 32, 32, generator=seeded(0))
    latents = ConvEncoder(shape, width=8)(images)
    assert latents.shape == (3, *shape)
    assert ConvDecoder(shape, width=8)(latents).shape == images.shape


@pytest.mark.parametrize("shape", [(), (0,), (4, 8), (4, 8, 4), (4, 16, 16)])
def test_a_shape_that_is_none_is_named(shape):
    with pytest.raises(ValueError, match="latent: got"):
        Autoencoder(shape)


@pytest.mark.parametrize("size", [(3, 28, 28), (1, 32, 32)])
def test_other_pictures_are_refused(size):
    with pytest.raises(ValueError, match=r"wanted \(B, 3, 32, 32\)"):
        encode_pictures(Autoencoder((4,), width=4), torch.zeros(2, *size))


def test_training_learns_and_is_repeatable():
    images = faces(256, generator=seeded(0)).images

    def trained():
        torch.manual_seed(0)
        model = Autoencoder((16,), width=16)
        history = fit_autoencoder(model, images, 60, generator=seeded(1), progress=False)
        return model, history["loss"]

    (model, losses), (again, repeated) = trained(), trained()
    assert sum(losses[-10:]) < 0.35 * sum(losses[:5]) * 2
    assert losses == repeated
    assert torch.equal(encode_pictures(model, images), encode_pictures(again, images))


def test_noise_on_the_latents_is_part_of_the_loss():
    images = faces(64, generator=seeded(0)).images
    losses = []
    for noise in (0.0, 5.0):
        torch.manual_seed(0)
        model = Autoencoder((8,), width=8)
        options = {"generator": seeded(1), "progress": False, "noise": noise}
        losses.append(fit_autoencoder(model, images, 1, **options)["loss"][0])
    assert losses[0] != losses[1]


def test_chunks_do_not_matter(monkeypatch):
    model, images = Autoencoder((4,), width=4), torch.rand(7, 3, 32, 32, generator=seeded(0))
    whole = decode_latents(model, encode_pictures(model, images))
    monkeypatch.setattr("course_lib.generative.autoencoder.CHUNK", 3)
    assert torch.allclose(decode_latents(model, encode_pictures(model, images)), whole, atol=1e-6)
    assert whole.min() >= 0
    assert whole.max() <= 1


@pytest.mark.parametrize(("name", "least", "most"), [("faces", 34, 0.03), ("roomy", 40, 0.02)])
def test_the_shipped_ones_know_unseen_faces(name, least, most):
    images = faces(64, generator=seeded(9), **RECIPES[name].fixed).images
    model = load_autoencoder(name)
    back = decode_latents(model, encode_pictures(model, images))
    assert psnr(back, images).mean() > least
    assert face_error(back).mean() < most


def test_two_numbers_hold_one_person():
    images = faces(64, generator=seeded(9), **ONE_PERSON).images
    model = load_autoencoder("plane")
    assert psnr(decode_latents(model, encode_pictures(model, images)), images).mean() > 33


def test_an_unknown_name_lists_the_known():
    with pytest.raises(ValueError, match="faces, plane, roomy"):
        load_autoencoder("dogs")
