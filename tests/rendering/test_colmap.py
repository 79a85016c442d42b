"""Both of COLMAP's formats, written here by its documentation, give the same cameras and points."""

import math
import struct

import pytest
import torch
from PIL import Image

from course_lib.rendering import load_colmap, look_at

HALF = math.sqrt(0.5)
CAMERAS = {1: (1, 8, 6, (10.0, 11.0, 4.5, 2.5)), 7: (0, 8, 6, (9.0, 4.0, 3.0))}
# number, quaternion, translation, camera, name, points
IMAGES = [
    (3, (HALF, 0.0, 0.0, HALF), (0.0, 0.0, 4.0), 1, "b c.png", [(1.0, 2.0, 5), (3.0, 4.0, -1)]),
    (4, (2.0, 0.0, 0.0, 0.0), (1.0, 2.0, 3.0), 7, "a.png", []),
]
POINTS = [(5, (0.1, 0.2, 0.3), (255, 0, 51), 0.5, [(3, 0), (4, 1)]),
          (9, (-1.0, 0.0, 2.0), (0, 102, 255), 0.1, [])]  # fmt: skip
NAMES = {0: "SIMPLE_PINHOLE", 1: "PINHOLE", 2: "SIMPLE_RADIAL", 5: "OPENCV_FISHEYE"}


def write_text(folder, cameras=None, images=None, points=None):
    rows = ["# comment"]
    for number, (model, width, height, parameters) in (cameras or CAMERAS).items():
        rows.append(f"{number} {NAMES[model]} {width} {height} {' '.join(map(str, parameters))}")
    (folder / "cameras.txt").write_text("\n".join(rows) + "\n")
    rows = ["# comment", "# another"]
    for number, quaternion, translation, camera, name, seen in images or IMAGES:
        pose = " ".join(map(str, (*quaternion, *translation)))
        rows.append(f"{number} {pose} {camera} {name}")
        rows.append(" ".join(f"{x} {y} {point}" for x, y, point in seen))
    (folder / "images.txt").write_text("\n".join(rows) + "\n")
    rows = []
    for number, place, color, error, track in POINTS if points is None else points:
        rest = " ".join(f"{image} {index}" for image, index in track)
        rows.append(" ".join(map(str, (number, *place, *color, error))) + " " + rest)
    (folder / "points3D.txt").write_text("\n".join(rows) + "\n")
    return folder


def write_binary(folder, cameras=None, images=None):
    made = struct.pack("<Q", len(cameras or CAMERAS))
    for number, (model, width, height, parameters) in (cameras or CAMERAS).items():
        made += struct.pack("<iiQQ", number, model, width, height)
        made += struct.pack(f"<{len(parameters)}d", *parameters)
    (folder / "cameras.bin").write_bytes(made)
    made = struct.pack("<Q", len(images or IMAGES))
    for number, quaternion, translation, camera, name, seen in images or IMAGES:
        made += struct.pack("<i7di", number, *quaternion, *translation, camera)
        made += name.encode() + b"\0" + struct.pack("<Q", len(seen))
        made += b"".join(struct.pack("<ddq", *point) for point in seen)
    (folder / "images.bin").write_bytes(made)
    made = struct.pack("<Q", len(POINTS))
    for number, place, color, error, track in POINTS:
        made += struct.pack("<Q3d3Bd", number, *place, *color, error)
        made += struct.pack("<Q", len(track)) + b"".join(struct.pack("<ii", *t) for t in track)
    (folder / "points3D.bin").write_bytes(made)
    return folder


@pytest.mark.parametrize("write", [write_text, write_binary])
def test_cameras_poses_and_points(tmp_path, write):
    views, points = load_colmap(write(tmp_path))
    assert (views.width, views.height, views.images) == (8, 6, None)
    a, b = views.viewmats  # in the order of the names
    assert torch.equal(a[:3, :3], torch.eye(3)) and a[:3, 3].tolist() == [1.0, 2.0, 3.0]
    # A quarter turn about z takes the world's x to the camera's y.
    seen = b @ torch.tensor([1.0, 0.0, 0.0, 1.0])
    torch.testing.assert_close(seen, torch.tensor([0.0, 1.0, 4.0, 1.0]))
    assert views.K[0].tolist() == [[9.0, 0.0, 4.0], [0.0, 9.0, 3.0], [0.0, 0.0, 1.0]]
    assert views.K[1].tolist() == [[10.0, 0.0, 4.5], [0.0, 11.0, 2.5], [0.0, 0.0, 1.0]]
    torch.testing.assert_close(points.positions, torch.tensor([[0.1, 0.2, 0.3], [-1.0, 0.0, 2.0]]))
    torch.testing.assert_close(points.colors, torch.tensor([[1.0, 0.0, 0.2], [0.0, 0.4, 1.0]]))


@pytest.mark.parametrize("write", [write_text, write_binary])
def test_a_pose_comes_back(tmp_path, write):
    wanted = look_at((1.0, -2.0, 0.5))
    rotation = wanted[:3, :3].double()
    w = 0.5 * math.sqrt(1 + float(rotation.trace()))
    turn = rotation - rotation.T
    axis = [float(turn[2, 1]), float(turn[0, 2]), float(turn[1, 0])]
    quaternion = (w, *(a / (4 * w) for a in axis))
    image = (1, quaternion, tuple(wanted[:3, 3].tolist()), 1, "x.png", [])
    views, _ = load_colmap(write(tmp_path, images=[image]))
    torch.testing.assert_close(views.viewmats[0], wanted, rtol=0, atol=1e-5)


def test_pictures(tmp_path):
    folder = write_text(tmp_path)
    for name, color in (("a.png", (255, 0, 0, 255)), ("b c.png", (0, 255, 0, 0))):
        Image.new("RGBA", (8, 6), color).save(tmp_path / name)
    views, _ = load_colmap(folder, images=tmp_path, background=(0.0, 0.0, 1.0))
    assert views.images.shape == (2, 3, 6, 8)
    assert views.images[:, :, 0, 0].tolist() == [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    Image.new("RGB", (9, 6)).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"a\.png: is \(9, 6\), the model says \(8, 6\)"):
        load_colmap(folder, images=tmp_path)
    (tmp_path / "a.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"a\.png"):
        load_colmap(folder, images=tmp_path)


def test_points_may_be_missing(tmp_path):
    (write_text(tmp_path) / "points3D.txt").unlink()
    assert load_colmap(tmp_path)[1].positions.shape == (0, 3)


PINHOLE = (1, 8, 6, (10.0, 11.0, 4.5, 2.5))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cameras": {1: (2, 8, 6, (9.0, 4.0, 3.0, 0.1))}}, "distortion"),
        ({"cameras": {1: (5, 8, 6, (9.0, 9.0, 4.0, 3.0, 0.0, 0.0, 0.0, 0.0))}}, "distortion"),
        ({"cameras": {1: (1, 8, 6, (-9.0, 9.0, 4.0, 3.0))}}, "focal length"),
        ({"cameras": {2: PINHOLE}}, "has camera 1, which is not there"),
        ({"images": [(1, (0.0, 0.0, 0.0, 0.0), (0.0,) * 3, 1, "x", [])]}, "has no pose"),
        ({"images": [(1, (1.0, 0, 0, 0), (math.nan, 0.0, 0.0), 1, "x", [])]}, "has no pose"),
    ],
)
@pytest.mark.parametrize("write", [write_text, write_binary])
def test_a_model_that_cannot_be_used_is_told_so(tmp_path, write, changes, message):
    changes = {"images": IMAGES[:1]} | changes
    with pytest.raises(ValueError, match=message):
        load_colmap(write(tmp_path, **changes))


def test_a_lens_whose_distortion_is_zero_is_a_pinhole(tmp_path):
    cameras = {1: (2, 8, 6, (9.0, 4.0, 3.0, 0.0))}
    views, _ = load_colmap(write_text(tmp_path, cameras=cameras, images=IMAGES[:1]))
    assert views.K[0].diagonal().tolist() == [9.0, 9.0, 1.0]


def test_pictures_of_two_sizes(tmp_path):
    cameras = {1: PINHOLE, 7: (0, 16, 6, (9.0, 4.0, 3.0))}
    with pytest.raises(ValueError, match="different sizes"):
        load_colmap(write_text(tmp_path, cameras=cameras))


@pytest.mark.parametrize("file", ["cameras", "images", "points3D"])
def test_damaged_files(tmp_path, file):
    binary = write_binary(tmp_path) / f"{file}.bin"
    binary.write_bytes(binary.read_bytes()[:-3])
    with pytest.raises(ValueError, match=rf"{file}\.bin: is no COLMAP file, or is damaged"):
        load_colmap(tmp_path)
    for name in ("cameras", "images", "points3D"):
        (tmp_path / f"{name}.bin").unlink()
    write_text(tmp_path)
    (tmp_path / f"{file}.txt").write_text("1 what is this\n")
    with pytest.raises(ValueError, match=rf"{file}\.txt: is no COLMAP file, or is damaged"):
        load_colmap(tmp_path)


def test_missing_files(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"^folder: there is neither cameras\.bin nor"):
        load_colmap(tmp_path)
    (write_text(tmp_path) / "images.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"images\.bin nor images\.txt"):
        load_colmap(tmp_path)
    (tmp_path / "images.txt").write_text("# empty\n")
    with pytest.raises(ValueError, match="the model has no images"):
        load_colmap(tmp_path)
