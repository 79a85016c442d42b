import numpy as np
import pytest
import torch

from course_lib.inpainting import (
    biharmonic_inpaint,
    exemplar_inpaint,
    exemplar_inpaint_reference,
    exemplar_steps,
    harmonic_inpaint,
    harmonic_inpaint_reference,
    hybrid_inpaint,
    split_structure_texture,
)

METHODS = (
    harmonic_inpaint,
    lambda image, mask: harmonic_inpaint_reference(image, mask, iterations=20),
    biharmonic_inpaint,
    lambda image, mask: exemplar_inpaint(image, mask, patch_size=5),
    lambda image, mask: exemplar_inpaint_reference(image, mask, patch_size=5),
    lambda image, mask: hybrid_inpaint(image, mask, patch_size=5),
)
every_method = pytest.mark.parametrize(
    "method", METHODS, ids=("harmonic", "jacobi", "biharmonic", "exemplar", "reference", "hybrid")
)


def picture_and_hole(batch=2, channels=3, height=20, width=24, dtype=torch.float32):
    image = torch.rand(
        batch, channels, height, width, generator=torch.Generator().manual_seed(3), dtype=dtype
    )
    mask = torch.zeros(batch, 1, height, width, dtype=torch.bool)
    mask[:, :, 8:12, 9:15] = True
    mask[0, :, :2, 20:] = True  # a hole at the picture's corner
    return image, mask


@every_method
@pytest.mark.parametrize("channels", (1, 3, 4))
@pytest.mark.parametrize("dtype", (torch.float32, torch.float64))
def test_known_pixels_keep_their_bits_and_the_hole_is_filled(method, channels, dtype):
    image, mask = picture_and_hole(channels=channels, dtype=dtype)
    holed = torch.where(mask, torch.nan, image)
    before = holed.clone()
    filled = method(holed, mask)
    assert filled.shape == image.shape and filled.dtype == dtype
    unknown = mask.expand_as(image)
    assert torch.equal(filled[~unknown], image[~unknown])
    assert bool((filled >= 0).all() and (filled <= 1).all())  # False for NaN
    assert torch.equal(holed[~unknown], before[~unknown])  # the argument is not written to


@every_method
def test_what_the_hole_holds_does_not_matter(method):
    image, mask = picture_and_hole()
    assert torch.equal(method(image, mask), method(torch.where(mask, 7.0, image), mask))


@every_method
def test_a_batch_is_its_pictures(method):
    image, mask = picture_and_hole()
    alone = torch.cat([method(image[i : i + 1], mask[i : i + 1]) for i in range(2)])
    torch.testing.assert_close(method(image, mask), alone, rtol=0, atol=1e-6)


@every_method
def test_no_hole_gives_an_equal_new_picture(method):
    image, mask = picture_and_hole()
    filled = method(image, torch.zeros_like(mask))
    assert torch.equal(filled, image)
    assert filled.data_ptr() != image.data_ptr()


@every_method
def test_tensors_that_are_not_contiguous(method):
    image, mask = picture_and_hole()
    turned = method(image.transpose(2, 3).contiguous().transpose(2, 3), mask[:, :, :, :])
    assert torch.equal(turned, method(image, mask))
    spread = image.repeat_interleave(2, dim=3)[..., ::2]
    assert torch.equal(method(spread, mask), method(image, mask))


@every_method
def test_a_picture_that_wants_gradients(method):
    image, mask = picture_and_hole()
    assert not method(image.requires_grad_(), mask).requires_grad


@every_method
@pytest.mark.parametrize(
    ("change", "error", "words"),
    (
        (lambda i, m: (i.numpy(), m), TypeError, "image: got ndarray"),
        (lambda i, m: ((i * 255).byte(), m), TypeError, "image: got torch.uint8, wanted float32"),
        (lambda i, m: (i.half(), m), TypeError, "image: got torch.float16"),
        (lambda i, m: (i[0], m), ValueError, r"image: got shape \(3, 20, 24\), wanted \(B, C"),
        (lambda i, m: (i[:, :0], m), ValueError, "image: got shape"),
        (lambda i, m: (i * 255, m), ValueError, r"image: got values from .*, wanted \[0, 1\]"),
        (lambda i, m: (torch.full_like(i, torch.nan), m), ValueError, "image: got NaN"),
        (lambda i, m: (i, m.float()), TypeError, "mask: got torch.float32, wanted torch.bool"),
        (lambda i, m: (i, m.byte()), TypeError, "mask > 0.5"),
        (lambda i, m: (i, np.asarray(m)), TypeError, "mask: got ndarray"),
        (lambda i, m: (i, m[:, 0]), ValueError, r"mask: got shape .*\(2, 1, 20, 24\)"),
        (lambda i, m: (i, m[:1]), ValueError, "mask: got shape"),
        (lambda i, m: (i, m.expand(2, 3, 20, 24)), ValueError, "mask: got shape"),
        (lambda i, m: (i, m.to("meta")), ValueError, "mask: is on meta"),
        (lambda i, m: (i, torch.ones_like(m)), ValueError, "picture 0 is all hole"),
        (
            lambda i, m: (i, m | torch.tensor([False, True])[:, None, None, None]),
            ValueError,
            "picture 1 is all hole; there is nothing to copy from",
        ),
    ),
)
def test_a_bad_argument_is_named(method, change, error, words):
    with pytest.raises(error, match=words):
        method(*change(*picture_and_hole()))


@pytest.mark.parametrize("patch_size", (0, 1, 8, -3, 5.0, "9", None))
def test_patch_sizes_that_have_no_centre(patch_size):
    image, mask = picture_and_hole()
    for method in (exemplar_inpaint, exemplar_inpaint_reference, hybrid_inpaint):
        with pytest.raises(ValueError, match="patch_size: got"):
            method(image, mask, patch_size)
    with pytest.raises(ValueError, match="patch_size: got"):
        next(exemplar_steps(image[:1], mask[:1], patch_size))


@pytest.mark.parametrize("method", (exemplar_inpaint, exemplar_inpaint_reference, hybrid_inpaint))
def test_patches_that_do_not_fit(method):
    image, mask = picture_and_hole()
    with pytest.raises(ValueError, match="patch_size: no patch of 21 x 21 is wholly known"):
        method(image, mask, patch_size=21)


@pytest.mark.parametrize("size", ((1, 2), (2, 1), (1, 5), (3, 3)))
def test_tiny_pictures(size):
    image = torch.full((1, 3, *size), 0.25)
    mask = torch.zeros(1, 1, *size, dtype=torch.bool)
    mask[..., 0, 0] = True
    for method in (harmonic_inpaint, harmonic_inpaint_reference, biharmonic_inpaint):
        torch.testing.assert_close(method(image, mask), image)
    with pytest.raises(ValueError, match="no patch of 9 x 9 is wholly known"):
        exemplar_inpaint(image, mask)


def test_other_parameters():
    image, mask = picture_and_hole()
    for call, words in (
        (lambda: harmonic_inpaint(image, mask, tolerance=0), "tolerance: got 0"),
        (lambda: harmonic_inpaint_reference(image, mask, iterations=-1), "iterations: got -1"),
        (lambda: split_structure_texture(image, weight=-1.0), "weight: got -1.0"),
        (lambda: split_structure_texture(image, iterations=0), "iterations: got 0"),
        (lambda: split_structure_texture(image[0]), "image: got shape"),
        (lambda: next(exemplar_steps(image, mask)), "batch of 2 pictures"),
    ):
        with pytest.raises(ValueError, match=words):
            call()
