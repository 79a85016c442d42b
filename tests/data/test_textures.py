import pytest
import torch

from course_lib.data.textures import texture, texture_names


@pytest.mark.parametrize("name", texture_names())
def test_texture_is_a_grey_batch(name):
    picture = texture(name, 48)
    assert picture.shape == (1, 3, 48, 48)
    assert picture.dtype == torch.float32
    assert torch.equal(picture[:, 0], picture[:, 2])
    assert picture.std() > 0.02


def test_whole_texture():
    assert texture("grass").shape == (1, 3, 512, 512)


def test_unknown_texture():
    with pytest.raises(ValueError, match="name must be one of brick, grass, gravel; got 'sand'"):
        texture("sand")
