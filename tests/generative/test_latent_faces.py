"""The shipped latent diffusion model draws faces that show what its prompts say."""

import math

import pytest
import torch

from course_lib.data import faces
from course_lib.generative.attributes import face_error, read_attributes
from course_lib.generative.latent_diffusion import latent_scale, partly_noised
from course_lib.generative.latent_faces import (
    SCALE,
    load_face_painter,
    train_latent_vae,
    train_text_denoiser,
)
from course_lib.generative.text import describe, obeyed
from course_lib.generative.vae import posterior_of
from course_lib.metrics import psnr

PAINTER = load_face_painter()


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def noise(count, seed=1):
    return torch.randn(count, 4, 8, 8, generator=seeded(seed))


@pytest.fixture(scope="module")
def unseen():
    images, attributes = faces(48, generator=seeded(29))
    return images, describe(attributes, generator=seeded(5))


def test_the_autoencoder_keeps_faces(unseen):
    images, _ = unseen
    again = PAINTER.decode(PAINTER.encode(images))
    assert psnr(again, images).mean() > 28
    assert face_error(again).mean() < 0.05


def test_the_scale_is_that_of_the_latents(unseen):
    scale = latent_scale(*posterior_of(PAINTER.vae, unseen[0]))
    assert float(scale) == pytest.approx(SCALE, rel=0.05)


def test_guided_drawings_show_what_the_prompts_say(unseen):
    _, prompts = unseen
    drawn = PAINTER.draw(prompts, noise(48), guidance=3.0, steps=10)
    told = obeyed(prompts, read_attributes(drawn))["all"]
    by_accident = obeyed(prompts[1:] + prompts[:1], read_attributes(drawn))["all"]
    assert told > 0.9
    assert by_accident < 0.5
    assert face_error(drawn).mean() < 0.08  # ghosts of two faces: 0.115


def test_a_negative_prompt_takes_away():
    with_glasses, without = (
        read_attributes(PAINTER.draw(["smile"] * 24, noise(24), steps=8, avoid=avoid))["glasses"]
        for avoid in ("", "glasses")
    )
    assert without.float().mean() < min(0.1, float(with_glasses.float().mean()))


def test_the_same_noise_and_prompt_draw_the_same_face():
    one, again = (PAINTER.draw(["bald"], noise(1), steps=3) for _ in range(2))
    assert torch.equal(one, again)


def test_image_to_image_keeps_more_at_a_low_strength(unseen):
    images = unseen[0][:12]
    kept = []
    for strength in (0.3, 0.9):
        start, times = partly_noised(
            PAINTER.encode(images), strength, PAINTER.alpha_bar, 10, noise(12)
        )
        changed = PAINTER.draw(["smile"] * 12, start, times=times)
        kept.append(float(psnr(changed, images).mean()))
    assert kept[0] > kept[1] + 4


def test_filling_keeps_known_pixels_and_grants_wishes():
    images, _ = faces(12, generator=seeded(41), glasses=False)
    mask = torch.zeros(12, 1, 32, 32, dtype=torch.bool)
    mask[:, :, 11:21, 7:25] = True
    damaged = images.masked_fill(mask, torch.nan)
    filled = PAINTER.fill(damaged, mask, ["glasses"] * 12, generator=seeded(3), steps=15, repeats=2)
    assert torch.equal(filled[~mask.expand_as(filled)], images[~mask.expand_as(images)])
    assert read_attributes(filled)["glasses"].float().mean() > 0.8


def test_as_many_prompts_as_starts_are_wanted():
    with pytest.raises(ValueError, match="prompts: got 1, wanted 2"):
        PAINTER.draw(["smile"], noise(2))


def test_the_recipes_run():
    """Two steps each; the weights are made by thousands."""
    model, history = train_latent_vae(2, count=32, progress=False)
    assert model.latent == (4, 8, 8) and all(map(math.isfinite, history["loss"]))
    model, history = train_text_denoiser(2, count=32, progress=False)
    assert all(map(math.isfinite, history["loss"]))
