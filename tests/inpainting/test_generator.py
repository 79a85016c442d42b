"""The generator's form for each kind of convolution, what it may see, and that it learns."""

import pytest
import torch

from course_lib.data import faces
from course_lib.inpainting import (
    Generator,
    fit_inpainter,
    harmonic_inpaint,
    learned_inpaint,
    network_input,
    random_mask,
)
from course_lib.metrics import psnr

KINDS = ("plain", "partial", "gated")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def small(kind="plain", skips=True, dense=0):
    torch.manual_seed(0)
    return Generator((8, 16), kind=kind, skips=skips, dense=dense, size=16)


@pytest.mark.parametrize("skips", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_any_size_that_can_be_halved(kind, skips):
    network = small(kind, skips).eval()
    for height, width in ((32, 32), (16, 24)):
        pictures = torch.rand(2, 3, height, width, generator=seeded())
        mask = random_mask(2, height, width, generator=seeded())
        result = network(network_input(pictures, mask))
        assert result.shape == pictures.shape
        assert result.min() >= 0 and result.max() <= 1
    with pytest.raises(ValueError, match="multiples of 4"):
        network(torch.zeros(1, 4, 30, 32))


def test_it_says_what_it_wants():
    with pytest.raises(ValueError, match="kind, widths"):
        Generator(kind="dilated")
    with pytest.raises(ValueError, match="kind, widths"):
        Generator(())
    with pytest.raises(ValueError, match="got 32 x 16 pixels, wanted 16 x 16"):
        small(dense=8)(torch.zeros(1, 4, 32, 16))


def test_only_the_dense_layer_carries_news_across_the_picture():
    """One layer a size sees a few pixels far; the other corner hears of it through ``dense``."""
    picture = torch.rand(1, 3, 32, 32, generator=seeded())
    mask, changed = torch.zeros(1, 1, 32, 32, dtype=torch.bool), picture.clone()
    changed[..., :2, :2] = 1 - changed[..., :2, :2]
    for dense in (0, 8):
        torch.manual_seed(0)
        network = Generator((8, 16), dense=dense).eval()
        moved = network(network_input(picture, mask)) - network(network_input(changed, mask))
        assert bool((moved[..., 28:, 28:].abs() > 0).any()) == bool(dense)


@pytest.mark.parametrize("dense", [0, 8])
@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_takes_part(kind, dense):
    network = small(kind, dense=dense)
    pictures = torch.rand(4, 3, 16, 16, generator=seeded())
    mask = random_mask(4, 16, 16, generator=seeded())
    network(network_input(pictures, mask)).sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_without_skips_all_goes_through_the_middle():
    """With the middle silenced, only a network with skips still knows its input."""
    pictures = torch.rand(2, 3, 16, 16, generator=seeded())
    mask = torch.zeros(2, 1, 16, 16, dtype=torch.bool)
    for skips in (True, False):
        network = small(skips=skips).eval()
        network.up[0].low.inner.weight.data.zero_()
        result = network(network_input(pictures, mask))
        assert bool((result[0] - result[1]).abs().max() > 1e-4) == skips


def test_filling_keeps_known_pixels_and_the_network_s_mode():
    network, pictures = small(), faces(2, 16, generator=seeded()).images
    mask = random_mask(2, 16, 16, generator=seeded())
    for training in (True, False):
        network.train(training)
        filled = learned_inpaint(network, pictures.masked_fill(mask, torch.nan), mask)
        assert network.training == training
        assert torch.equal(torch.where(mask, 0, filled), torch.where(mask, 0, pictures))
        assert filled.isfinite().all()


@pytest.mark.parametrize("kind", KINDS)
def test_it_learns_faces_from_a_few_steps(kind):
    """Half faces: the missing side is like the other one, which no smooth filling knows."""
    training, unseen = (faces(n, 16, generator=seeded(n)).images for n in (256, 32))
    torch.manual_seed(0)
    network = Generator((16, 32), kind=kind, dense=0)
    masks = random_mask(64, 16, 16, generator=seeded(1), kinds=("half",), area=(0.4, 0.5))
    history = fit_inpainter(
        network, training, masks, 120, generator=seeded(2), batch_size=16, progress=False
    )
    assert history.steps == 120
    mask = random_mask(32, 16, 16, generator=seeded(3), kinds=("half",), area=(0.4, 0.5))
    ours = psnr(learned_inpaint(network, unseen, mask), unseen, mask).mean()
    smooth = psnr(harmonic_inpaint(unseen, mask), unseen, mask).mean()
    assert ours > smooth + 1
