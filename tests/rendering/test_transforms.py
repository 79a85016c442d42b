import json
import math

import pytest
import torch
from PIL import Image

from course_lib.rendering import load_transforms

POSE = [[1, 0, 0, 0.5], [0, 1, 0, 0], [0, 0, 1, 4], [0, 0, 0, 1]]  # OpenGL: looks along -z


def write(folder, content, pictures=("r_0.png",), size=(8, 6), color=(255, 0, 0, 255)):
    for name in pictures:
        Image.new("RGBA", size, color).save(folder / name)
    path = folder / "transforms.json"
    path.write_text(json.dumps(content))
    return path


def blender(**changes):
    return {
        "camera_angle_x": 1.0,
        "frames": [{"file_path": "./r_0", "transform_matrix": POSE}],
    } | changes


def nerfstudio(**changes):
    return {
        "w": 8, "h": 6, "fl_x": 10.0, "fl_y": 11.0, "cx": 4.5, "cy": 2.5,
        "frames": [{"file_path": "r_0.png", "transform_matrix": POSE}],
    } | changes  # fmt: skip


def test_blender_variant(tmp_path):
    views = load_transforms(write(tmp_path, blender()))
    assert (views.width, views.height, views.images.shape) == (8, 6, (1, 3, 6, 8))
    torch.testing.assert_close(views.K[0, 0, 0].item(), 4 / math.tan(0.5), rtol=1e-6, atol=0)
    # The world's origin lies 4 in front of the camera and half a unit to its left.
    seen = views.viewmats[0] @ torch.tensor([0.0, 0.0, 0.0, 1.0])
    torch.testing.assert_close(seen, torch.tensor([-0.5, 0.0, 4.0, 1.0]))
    torch.testing.assert_close(views.images[0, :, 0, 0], torch.tensor([1.0, 0.0, 0.0]))


def test_nerfstudio_variant_without_pictures(tmp_path):
    views = load_transforms(write(tmp_path, nerfstudio(), pictures=()), images=False)
    wanted = torch.tensor([[10.0, 0, 4.5], [0, 11.0, 2.5], [0, 0, 1]])
    torch.testing.assert_close(views.K[0], wanted)
    assert views.images is None and (views.width, views.height) == (8, 6)


def test_a_frames_own_intrinsics_win(tmp_path):
    content = nerfstudio()
    content["frames"].append(content["frames"][0] | {"fl_x": 20.0})
    views = load_transforms(write(tmp_path, content))
    assert views.K[:, 0, 0].tolist() == [10.0, 20.0]


def test_transparent_pictures_show_the_background(tmp_path):
    path = write(tmp_path, blender(), color=(255, 0, 0, 0))
    views = load_transforms(path, background=(0.0, 1.0, 0.5))
    torch.testing.assert_close(views.images[0, :, 2, 2], torch.tensor([0.0, 1.0, 0.5]))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "frames"),
        ({"frames": []}, "frames"),
        (blender(camera_angle_x="wide"), "camera_angle_x"),
        (blender(camera_angle_x=4.0), "camera_angle_x"),
        ({"frames": blender()["frames"]}, "neither 'fl_x' nor"),
        (blender(frames=[{"transform_matrix": POSE}]), "file_path"),
        (blender(frames=[{"file_path": "r_0"}]), "transform_matrix"),
        (blender(frames=[{"file_path": "r_0", "transform_matrix": [[0] * 4] * 4}]), "singular"),
        (blender(frames=[{"file_path": "r_0", "transform_matrix": [[1, 2], [3]]}]), "4 x 4"),
        (nerfstudio(w=9), "r_0.png is"),
        (nerfstudio(h=None), "'h'"),
        (nerfstudio(fl_x=0.0), "focal length"),
        (nerfstudio(k1=0.1), "distortion"),
    ],
)
def test_a_wrong_file_is_told_so(tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        load_transforms(write(tmp_path, content))


def test_pictures_of_two_sizes(tmp_path):
    content = blender()
    content["frames"].append(content["frames"][0] | {"file_path": "large"})
    path = write(tmp_path, content)
    Image.new("RGB", (9, 6)).save(tmp_path / "large.png")
    with pytest.raises(ValueError, match="frame 1"):
        load_transforms(path)


def test_missing_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="frame 0"):
        load_transforms(write(tmp_path, blender(), pictures=()))
    with pytest.raises(FileNotFoundError, match="path"):
        load_transforms(tmp_path / "none.json")
    (tmp_path / "torn.json").write_text('{"frames": [')
    with pytest.raises(ValueError, match="is not JSON"):
        load_transforms(tmp_path / "torn.json")
