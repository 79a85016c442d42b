"""PSNR by hand, SSIM against scikit-image, both over a hole, and bad input."""

import pytest
import torch
from skimage.metrics import structural_similarity

from course_lib.metrics import psnr, ssim
from course_lib.pictures import to_batch, to_picture


def draw(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def test_psnr_by_hand():
    a = torch.zeros(2, 3, 4, 4)
    b = torch.stack([torch.full((3, 4, 4), 0.1), torch.zeros(3, 4, 4)])
    assert psnr(a, b)[0] == pytest.approx(20.0, abs=1e-4)
    assert psnr(a, b)[1] == torch.inf


def test_psnr_over_the_hole_only():
    a, mask = torch.zeros(1, 3, 4, 4), torch.zeros(1, 1, 4, 4, dtype=torch.bool)
    mask[..., 0, 0] = True
    b = torch.where(mask, 0.01, 0.5)
    assert psnr(a, b.expand(1, 3, 4, 4), mask) == pytest.approx(40.0, abs=1e-3)


def test_ssim_agrees_with_scikit_image():
    a, b = draw(1, 3, 40, 30), draw(1, 3, 40, 30, seed=1)
    b = 0.7 * a + 0.3 * b
    wanted = structural_similarity(
        a[0].numpy(),
        b[0].numpy(),
        channel_axis=0,
        data_range=1.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )[1]
    # scikit-image averages without the border of 5 pixels; compare there.
    mask = torch.zeros(1, 1, 40, 30, dtype=torch.bool)
    mask[..., 5:-5, 5:-5] = True
    assert ssim(a, b, mask).item() == pytest.approx(wanted[:, 5:-5, 5:-5].mean(), abs=1e-5)
    assert ssim(a, a).item() == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("metric", [psnr, ssim])
def test_bad_input(metric):
    a = draw(1, 3, 16, 16)
    with pytest.raises(ValueError, match="b: got shape"):
        metric(a, a[..., :12])
    with pytest.raises(ValueError, match=r"a: got shape .* wanted \(B, C, H, W\)"):
        metric(a[0], a[0])
    with pytest.raises(TypeError, match="a: got ndarray"):
        metric(a.numpy(), a)
    with pytest.raises(ValueError, match="mask"):
        metric(a, a, torch.zeros(1, 1, 16, 16, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"a: got torch\.uint8"):
        metric((a * 255).byte(), (a * 255).byte())


def test_ssim_needs_room_for_its_window():
    with pytest.raises(ValueError, match="too small"):
        ssim(draw(1, 1, 8, 30), draw(1, 1, 8, 30))


def test_batch_and_back():
    batch = draw(2, 3, 5, 4)
    picture = to_picture(batch, 1)
    assert picture.shape == (5, 4, 3)
    again = to_batch([(picture * 255).round().astype("uint8")])
    assert (again - batch[1:]).abs().max() <= 0.5 / 255 + 1e-6
    with pytest.raises(ValueError, match="got none"):
        to_batch([])
    with pytest.raises(ValueError, match="uint8"):
        to_batch([picture])
    assert to_picture(draw(1, 1, 3, 3)).shape == (3, 3)
