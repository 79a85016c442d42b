"""PSNR by hand, SSIM against scikit-image, both over a hole; the perceptual one by its order."""

import pytest
import torch
from skimage.metrics import structural_similarity

from course_lib.data import photo
from course_lib.metrics import perceptual_distance, psnr, ssim
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


def blurred(picture, times):
    for _ in range(times):
        picture = torch.nn.functional.avg_pool2d(
            torch.nn.functional.pad(picture, (1, 1, 1, 1), mode="replicate"), 3, 1
        )
    return picture


def as_far(picture, changed, wanted=26.0):
    """A change in the same direction, as large as makes the PSNR ``wanted``."""
    factor = 10 ** ((psnr(picture, changed) - wanted) / 20)
    return picture + factor.view(-1, 1, 1, 1) * (changed - picture)


def test_perceptual_distance_is_a_distance():
    a, b, c = (draw(2, 3, 32, 24, seed=seed) for seed in range(3))
    assert torch.equal(perceptual_distance(a, a), torch.zeros(2))
    torch.testing.assert_close(perceptual_distance(a, b), perceptual_distance(b, a))
    assert perceptual_distance(a, b).min() > 0
    direct = perceptual_distance(a, c)
    assert (direct <= perceptual_distance(a, b) + perceptual_distance(b, c) + 1e-6).all()
    each = torch.cat([perceptual_distance(a[i : i + 1], b[i : i + 1]) for i in (0, 1)])
    torch.testing.assert_close(perceptual_distance(a, b), each)


@pytest.mark.parametrize("name", ["astronaut", "chelsea"])
def test_more_of_the_same_is_farther(name):
    picture, noise = photo(name, size=96), draw(1, 3, 96, 96) - 0.5
    for worse in (
        lambda amount: blurred(picture, amount),
        lambda amount: picture + 0.1 * amount * noise,
        lambda amount: picture.roll(amount, dims=3),
    ):
        found = [perceptual_distance(picture, worse(amount)).item() for amount in (1, 2, 4)]
        assert found == sorted(found) and found[0] > 0


@pytest.mark.parametrize("name", ["astronaut", "chelsea"])
def test_of_equal_psnr_brightness_is_nearer_than_blur_and_blur_nearer_than_noise(name):
    """At the same mean squared error: nobody minds a little light; grain on skin is seen first."""
    picture = photo(name, size=96)
    lighter = as_far(picture, picture + 0.05)
    blur = as_far(picture, blurred(picture, 4))
    noise = as_far(picture, picture + 0.1 * (draw(1, 3, 96, 96) - 0.5))
    found = [perceptual_distance(picture, other).item() for other in (lighter, blur, noise)]
    assert found == sorted(found)
    assert found[0] < 0.5 * found[1]


def test_a_texture_masks_what_a_smooth_wall_does_not():
    """The same noise: on grass hardly seen, on a wall plainly."""
    wall, grass = torch.full((1, 3, 64, 64), 0.5), draw(1, 3, 64, 64, seed=3)
    noise = 0.05 * (draw(1, 3, 64, 64) - 0.5)
    on_wall, on_grass = (perceptual_distance(p, p + noise).item() for p in (wall, grass))
    assert on_grass < 0.25 * on_wall


def test_perceptual_distance_says_what_it_wants():
    with pytest.raises(ValueError, match="scales"):
        perceptual_distance(draw(1, 3, 8, 8), draw(1, 3, 8, 8), scales=1)
    with pytest.raises(ValueError, match="b: got shape"):
        perceptual_distance(draw(1, 3, 8, 8), draw(1, 3, 8, 9))
    assert perceptual_distance(draw(1, 3, 5, 7), draw(1, 3, 5, 7, seed=1)).isfinite().all()
