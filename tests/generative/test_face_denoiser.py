"""The weights that come with the package draw faces, and know what glasses are."""

import pytest
import torch

from course_lib import data
from course_lib.generative.attributes import face_error, read_attributes
from course_lib.generative.face_denoiser import (
    face_network,
    face_schedule,
    load_face_denoiser,
    train_face_denoiser,
)
from course_lib.generative.sampling import (
    ddim_sample,
    guided,
    repaint,
    respaced,
    to_images,
    to_signed,
)
from course_lib.generative.shipped import save_weights
from course_lib.metrics import psnr


def seeded(seed):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("label", [0, 1])
def test_it_draws_faces_with_and_without_glasses(label):
    start = torch.randn(16, 3, 32, 32, generator=seeded(0))
    denoise = guided(load_face_denoiser(), torch.full((16,), label), no_label=2)
    drawn = to_images(ddim_sample(denoise, start, face_schedule(), 15))
    assert float(face_error(drawn).mean()) < 0.11  # noise: above 0.3
    assert abs(float(read_attributes(drawn)["glasses"].float().mean()) - label) < 0.2


def test_it_fills_holes_better_than_grey_does():
    faces = data.faces(4, 32, generator=seeded(9)).images
    mask = data.centre_mask(32, 32, 0.4).expand(4, 1, 32, 32)
    walk, short = respaced(load_face_denoiser(), face_schedule(), 20)
    came = to_images(repaint(walk, to_signed(faces), mask, short, generator=seeded(0), repeats=2))
    outside = ~mask.expand_as(faces)
    torch.testing.assert_close(came[outside], faces[outside], atol=1e-6, rtol=0)
    grey = torch.where(mask, faces[outside].mean(), faces)
    assert float((psnr(came, faces, mask) - psnr(grey, faces, mask)).mean()) > 3


def test_training_makes_such_weights(tmp_path):
    network, history = train_face_denoiser(3, count=32, batch_size=4, progress=False)
    assert history.steps == 3 and history["loss"][-1] < 2
    save_weights(network, tmp_path / "weights.pt")
    state = torch.load(tmp_path / "weights.pt", weights_only=True)
    assert set(state) == set(face_network().state_dict()) == set(load_face_denoiser().state_dict())
