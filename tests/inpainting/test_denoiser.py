"""A small autoencoder learns to take noise away from faces it has never seen."""

import pytest
import torch

from course_lib import data
from course_lib.inpainting import DenoisingAutoencoder, add_noise, fit_denoiser
from course_lib.metrics import psnr


@pytest.mark.parametrize("widths", [(4, 8), (4, 8, 12)])
def test_shapes_and_range(widths):
    network = DenoisingAutoencoder(widths, channels=1)
    result = network(torch.randn(3, 1, 16, 24, generator=torch.Generator().manual_seed(0)))
    assert result.shape == (3, 1, 16, 24)
    assert ((result > 0) & (result < 1)).all()


def test_noise_has_the_asked_size_and_is_seeded():
    grey = torch.full((1, 1, 200, 200), 0.5)
    noisy, again = (
        add_noise(grey, 0.1, generator=torch.Generator().manual_seed(1)) for _ in range(2)
    )
    assert torch.equal(noisy, again)
    assert float((noisy - grey).std()) == pytest.approx(0.1, rel=0.02)


def test_it_learns_to_denoise_unseen_faces():
    generator = torch.Generator().manual_seed(0)
    known = data.faces(300, 32, generator=generator).images
    unseen = data.faces(16, 32, generator=generator).images
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = DenoisingAutoencoder((12, 24, 48))
    fit_denoiser(network, known, 0.2, 150, generator=generator, progress=False)
    noisy = add_noise(unseen, 0.2, generator=generator)
    with torch.no_grad():
        denoised = network.eval()(noisy)
    assert psnr(denoised, unseen).mean() > psnr(noisy, unseen).mean() + 4
