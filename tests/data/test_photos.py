import os
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from course_lib.data.photos import photo, photo_names, read_picture


@pytest.mark.parametrize("name", photo_names())
def test_every_photo_is_an_rgb_batch_in_range(name):
    picture = photo(name, size=(24, 32))
    assert picture.shape == (1, 3, 24, 32)
    assert picture.dtype == torch.float32
    assert 0 <= picture.min() < picture.max() <= 1


def test_whole_photo_keeps_its_shape():
    assert photo("coffee").shape == (1, 3, 400, 600)


def test_grey_photo_has_equal_channels():
    picture = photo("camera", size=16)
    assert torch.equal(picture[:, 0], picture[:, 1])
    assert torch.equal(picture[:, 0], picture[:, 2])


def test_resampling_keeps_the_mean():
    torch.testing.assert_close(photo(size=64).mean(), photo().mean(), rtol=0, atol=1e-4)


def test_unknown_photo_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"name must be one of astronaut.*'lena'"):
        photo("lena")


def saved(folder, array, name="picture.png", mode=None, **options):
    path = folder / name
    Image.fromarray(np.asarray(array), mode).save(path, **options)
    return path


def test_colours_come_back(tmp_path):
    path = saved(tmp_path, np.array([[[255, 0, 51], [0, 102, 255]]], np.uint8))
    picture = read_picture(path)
    torch.testing.assert_close(picture[0, :, 0, 0], torch.tensor([1.0, 0.0, 0.2]))
    torch.testing.assert_close(picture[0, :, 0, 1], torch.tensor([0.0, 0.4, 1.0]))


def test_a_path_may_be_a_string_and_a_size_may_be_given(tmp_path):
    path = saved(tmp_path, np.zeros((10, 20, 3), np.uint8))
    assert read_picture(str(path), size=5).shape == (1, 3, 5, 5)


def test_grey_and_one_bit_become_three_channels(tmp_path):
    grey = saved(tmp_path, np.array([[0, 51]], np.uint8))
    assert read_picture(grey)[0, :, 0, 1].tolist() == pytest.approx([0.2] * 3)
    Image.new("1", (2, 2), 1).save(tmp_path / "bit.png")
    assert read_picture(tmp_path / "bit.png").min() == 1


@pytest.mark.parametrize("name", ["deep.png", "deep.tif"])
def test_sixteen_bits_are_scaled(tmp_path, name):
    path = saved(tmp_path, np.array([[0, 13107, 65535]], np.uint16), name)
    assert read_picture(path)[0, 0, 0].tolist() == pytest.approx([0, 0.2, 1])


def test_transparency_shows_white(tmp_path):
    rgba = np.array([[[255, 0, 0, 0], [255, 0, 0, 255], [0, 0, 0, 51]]], np.uint8)
    picture = read_picture(saved(tmp_path, rgba))
    assert picture[0, :, 0, 0].tolist() == [1, 1, 1]
    assert picture[0, :, 0, 1].tolist() == [1, 0, 0]
    assert picture[0, :, 0, 2].tolist() == pytest.approx([0.8] * 3)


def test_palette_with_and_without_transparency(tmp_path):
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putdata([0, 1])
    image.save(tmp_path / "palette.png")
    assert read_picture(tmp_path / "palette.png")[0, :, 0, 1].tolist() == [0, 0, 1]
    image.save(tmp_path / "clear.png", transparency=0)
    picture = read_picture(tmp_path / "clear.png")
    assert picture[0, :, 0].T.tolist() == [[1, 1, 1], [0, 0, 1]]


def test_cmyk_becomes_rgb(tmp_path):
    Image.new("CMYK", (8, 8), (0, 0, 0, 0)).save(tmp_path / "print.jpg")
    assert read_picture(tmp_path / "print.jpg").min() > 0.98


def test_the_orientation_tag_is_obeyed(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held turned by 90 degrees
    image = Image.new("RGB", (4, 2))
    image.putpixel((0, 0), (255, 255, 255))
    image.save(tmp_path / "turned.png", exif=exif)
    picture = read_picture(tmp_path / "turned.png")
    assert picture.shape == (1, 3, 4, 2)
    assert picture[0, 0].nonzero().tolist() == [[0, 1]]  # top left went to top right


def test_first_frame_of_an_animation(tmp_path):
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("white", "black")]
    frames[0].save(tmp_path / "film.gif", save_all=True, append_images=frames[1:])
    assert read_picture(tmp_path / "film.gif").min() == 1


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"path.*nowhere\.png"):
        read_picture(tmp_path / "nowhere.png")


def test_what_is_no_regular_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(ValueError, match="path must be a picture file"):
            read_picture(path)


@pytest.mark.parametrize("path", [None, 3, b"bytes.png", np.zeros((2, 2))])
def test_what_is_no_path(path):
    with pytest.raises(ValueError, match="path must be the path"):
        read_picture(path)


@pytest.mark.parametrize("content", [b"", b"just words", b"%!PS-Adobe-3.0 EPSF-3.0\n"])
def test_not_a_picture(tmp_path, content):
    (tmp_path / "fake.png").write_bytes(content)
    with pytest.raises(ValueError, match=r"path: .*fake\.png' is not a picture"):
        read_picture(tmp_path / "fake.png")


@pytest.mark.parametrize("name", ["cut.png", "cut.jpg", "cut.tif", "cut.webp"])
def test_truncated_file(tmp_path, name):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    path = saved(tmp_path, noise, name)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ValueError, match=rf"path: .*{name}"):
        read_picture(path)


def test_damaged_file(tmp_path):
    path = saved(tmp_path, np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    content = bytearray(path.read_bytes())
    content[100:200] = bytes(100)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"path: .*cannot be decoded"):
        read_picture(path)


@pytest.mark.parametrize("side", [9_000, 60_000])
def test_decompression_bomb_is_refused_from_its_header(tmp_path, side):
    header = b"IHDR" + struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    data = b"IDAT" + zlib.compress(b"")
    chunk += struct.pack(">I", len(data) - 4) + data + struct.pack(">I", zlib.crc32(data))
    (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk)
    with pytest.raises(ValueError, match=r"too large.*64,000,000 pixels"):
        read_picture(tmp_path / "bomb.png")


def test_float_picture_must_be_in_range(tmp_path):
    inside = saved(tmp_path, np.array([[0.25, 1.0]], np.float32), "in.tif")
    assert read_picture(inside)[0, 0, 0].tolist() == [0.25, 1.0]
    for value in (7.0, float("nan")):
        outside = saved(tmp_path, np.array([[0.25, value]], np.float32), "out.tif")
        with pytest.raises(ValueError, match="wants 0 to 1"):
            read_picture(outside)
