"""Reading what COLMAP found: cameras, where they stood, and points; from text or binary files."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .transforms import Views, load_picture

# Lens models by COLMAP's number: name, how many focal lengths, how many numbers of distortion.
MODELS = {
    0: ("SIMPLE_PINHOLE", 1, 0),
    1: ("PINHOLE", 2, 0),
    2: ("SIMPLE_RADIAL", 1, 1),
    3: ("RADIAL", 1, 2),
    4: ("OPENCV", 2, 4),
    5: ("OPENCV_FISHEYE", 2, 4),
    6: ("FULL_OPENCV", 2, 8),
    7: ("FOV", 2, 1),
    8: ("SIMPLE_RADIAL_FISHEYE", 1, 1),
    9: ("RADIAL_FISHEYE", 1, 2),
    10: ("THIN_PRISM_FISHEYE", 2, 8),
}
FISHEYES = {5, 7, 8, 9, 10}  # bend even where their distortion is zero


class PointCloud(NamedTuple):
    """Points in the world.

    Attributes:
        positions: (N, 3) float32, world units.
        colors: (N, 3) float32, RGB in [0, 1].
    """

    positions: Tensor
    colors: Tensor


class _Camera(NamedTuple):
    model: int
    width: int
    height: int
    parameters: tuple[float, ...]


class _Pose(NamedTuple):
    quaternion: tuple[float, ...]  # (w, x, y, z), world to camera
    translation: tuple[float, ...]
    camera: int
    name: str


def load_colmap(
    folder: str | Path,
    *,
    images: str | Path | None = None,
    background: tuple[float, float, float] = (1.0, 1.0, 1.0),
) -> tuple[Views, PointCloud]:
    """Load a COLMAP model: ``cameras``, ``images`` and ``points3D``, each ``.bin`` or ``.txt``.

    COLMAP's cameras have OpenCV's axes and pixel centres at one half, as ours: x_camera =
    R(q) x_world + t. The scale of the world is arbitrary; see `HashField.bound`.

    Args:
        folder: with the files, such as ``sparse/0``. ``points3D`` may be missing.
        images: folder with the pictures; None loads none.
        background: what shows through where a picture is transparent, RGB in [0, 1].

    Returns:
        `Views`, in the order of the pictures' names, and a `PointCloud`.

    Raises:
        FileNotFoundError: a file, or a picture, is not there.
        ValueError: a file is broken, pictures differ in size or from what the model states, or the
            lens has distortion (undistort first, with COLMAP's image_undistorter).

    Source: https://colmap.github.io/format.html; Schönberger and Frahm (2016),
    https://doi.org/10.1109/CVPR.2016.445

    >>> load_colmap("nowhere")
    Traceback (most recent call last):
    FileNotFoundError: folder: there is neither cameras.bin nor cameras.txt in 'nowhere'
    """
    folder = Path(folder)
    cameras, poses = _read(folder, "cameras"), _read(folder, "images")
    if not poses:
        raise ValueError(f"{folder}: the model has no images")
    poses.sort(key=lambda pose: pose.name)
    for pose in poses:
        if pose.camera not in cameras:
            raise ValueError(f"{folder}: {pose.name} has camera {pose.camera}, which is not there")
    own = [cameras[pose.camera] for pose in poses]
    sizes = {(camera.width, camera.height) for camera in own}
    if len(sizes) > 1:
        raise ValueError(f"{folder}: pictures of different sizes, {sorted(sizes)} pixels")
    ((width, height),) = sizes
    K = torch.stack([_intrinsics(folder, camera) for camera in own])
    viewmats = torch.stack([_viewmat(folder, pose) for pose in poses])
    pictures = None
    if images is not None:
        files = [_picture_file(Path(images), pose.name, width, height) for pose in poses]
        pictures = torch.stack([load_picture(file, background) for file in files])
    return Views(viewmats, K, width, height, pictures), _read_points(folder)


def _read(folder: Path, what: str) -> Any:
    """Cameras by number, or a list of poses, from whichever file is there."""
    text, binary = folder / f"{what}.txt", folder / f"{what}.bin"
    if binary.is_file():
        return _guarded(binary, {"cameras": _cameras_bin, "images": _images_bin}[what])
    if text.is_file():
        return _guarded(text, {"cameras": _cameras_txt, "images": _images_txt}[what])
    raise FileNotFoundError(
        f"folder: there is neither {what}.bin nor {what}.txt in {str(folder)!r}"
    )


def _read_points(folder: Path) -> PointCloud:
    text, binary = folder / "points3D.txt", folder / "points3D.bin"
    rows: list[tuple[float, ...]] = []
    if binary.is_file():
        rows = _guarded(binary, _points_bin)
    elif text.is_file():
        rows = _guarded(text, _points_txt)
    table = torch.tensor(rows, dtype=torch.float64).reshape(-1, 6)
    return PointCloud(table[:, :3].float(), (table[:, 3:] / 255.0).float())


def _guarded(file: Path, reader: Any) -> Any:
    """Read, and name the file if it is broken."""
    try:
        return reader(file)
    except (ValueError, IndexError, KeyError, struct.error, UnicodeDecodeError) as error:
        raise ValueError(f"{file}: is no COLMAP file, or is damaged ({error})") from None


# --- Text -----------------------------------------------------------------------------------------


def _lines(file: Path) -> list[str]:
    """All lines but comments; an empty line means an image without points."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if not line.startswith("#")]


def _cameras_txt(file: Path) -> dict[int, _Camera]:
    numbers = {name: number for number, (name, _, _) in MODELS.items()}
    cameras = {}
    for words in (line.split() for line in _lines(file) if line):
        size = int(words[2]), int(words[3])
        cameras[int(words[0])] = _Camera(
            numbers[words[1]], *size, tuple(float(word) for word in words[4:])
        )
    return cameras


def _images_txt(file: Path) -> list[_Pose]:
    lines, poses = _lines(file), []
    for line in lines[::2]:  # every second line lists the image's points
        if not line:
            continue
        words = line.split(maxsplit=9)
        numbers = tuple(float(word) for word in words[1:8])
        poses.append(_Pose(numbers[:4], numbers[4:], int(words[8]), words[9]))
    return poses


def _points_txt(file: Path) -> list[tuple[float, ...]]:
    rows = [line.split()[1:7] for line in _lines(file) if line]
    if any(len(row) != 6 for row in rows):
        raise ValueError("a point without position and colour")
    return [tuple(float(word) for word in row) for row in rows]


# --- Binary ---------------------------------------------------------------------------------------


class _Bytes:
    """A file's bytes, read from the front; little-endian, without padding."""

    def __init__(self, file: Path) -> None:
        self.data, self.place = file.read_bytes(), 0

    def take(self, form: str) -> tuple[Any, ...]:
        values = struct.unpack_from("<" + form, self.data, self.place)
        self.skip(struct.calcsize("<" + form))
        return values

    def skip(self, size: int) -> None:
        self.place += size
        if self.place > len(self.data):
            raise ValueError("it ends early")

    def name(self) -> str:
        end = self.data.index(b"\0", self.place)
        text = self.data[self.place : end].decode()
        self.place = end + 1
        return text

    def each(self) -> Iterator[int]:
        """Once for each of as many things as the next number says."""
        (count,) = self.take("Q")
        yield from range(count)


def _cameras_bin(file: Path) -> dict[int, _Camera]:
    source, cameras = _Bytes(file), {}
    for _ in source.each():
        number, model, width, height = source.take("iiQQ")
        _, focals, distortion = MODELS[model]
        cameras[number] = _Camera(model, width, height, source.take(f"{focals + 2 + distortion}d"))
    return cameras


def _images_bin(file: Path) -> list[_Pose]:
    source, poses = _Bytes(file), []
    for _ in source.each():
        _, *numbers, camera = source.take("i7di")
        poses.append(_Pose(tuple(numbers[:4]), tuple(numbers[4:]), camera, source.name()))
        (points,) = source.take("Q")
        source.skip(24 * points)  # two doubles and an int64 each
    return poses


def _points_bin(file: Path) -> list[tuple[float, ...]]:
    source, rows = _Bytes(file), []
    for _ in source.each():
        _, *point, _ = source.take("Q3d3Bd")
        rows.append(tuple(point))
        (track,) = source.take("Q")
        source.skip(8 * track)  # two int32 each
    return rows


# --- From COLMAP's terms to ours ------------------------------------------------------------------


def _intrinsics(folder: Path, camera: _Camera) -> Tensor:
    """K (3, 3) float32."""
    name, focals, distortion = MODELS[camera.model]
    if len(camera.parameters) != focals + 2 + distortion:
        raise ValueError(f"{folder}: {name} with {len(camera.parameters)} parameters")
    *focal, cx, cy = camera.parameters[: focals + 2]
    if camera.model in FISHEYES or any(camera.parameters[focals + 2 :]):
        raise ValueError(f"{folder}: the lens has distortion ({name}); undistort pictures first")
    if min(focal) <= 0 or not np.isfinite(camera.parameters).all():
        raise ValueError(f"{folder}: the focal length is {focal}, wanted above 0")
    return torch.tensor([[focal[0], 0.0, cx], [0.0, focal[-1], cy], [0.0, 0.0, 1.0]])


def _viewmat(folder: Path, pose: _Pose) -> Tensor:
    """World to camera, (4, 4) float32."""
    quaternion = np.array(pose.quaternion)
    length = np.linalg.norm(quaternion)
    if not 0 < length < np.inf or not np.isfinite(pose.translation).all():
        raise ValueError(f"{folder}: {pose.name} has no pose: {pose.quaternion}")
    w, x, y, z = quaternion / length
    return torch.tensor(
        [
            [
                1 - 2 * (y * y + z * z),
                2 * (x * y - w * z),
                2 * (x * z + w * y),
                pose.translation[0],
            ],
            [
                2 * (x * y + w * z),
                1 - 2 * (x * x + z * z),
                2 * (y * z - w * x),
                pose.translation[1],
            ],
            [
                2 * (x * z - w * y),
                2 * (y * z + w * x),
                1 - 2 * (x * x + y * y),
                pose.translation[2],
            ],
            [0.0, 0.0, 0.0, 1.0],
        ],
        dtype=torch.float32,
    )


def _picture_file(folder: Path, name: str, width: int, height: int) -> Path:
    file = folder / name
    if not file.is_file():
        raise FileNotFoundError(f"images: there is no {str(file)!r}")
    with Image.open(file) as picture:
        if picture.size != (width, height):
            raise ValueError(f"{file}: is {picture.size}, the model says {(width, height)} pixels")
    return file
