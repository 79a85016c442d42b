"""Reading ``transforms.json``: the cameras and pictures of a NeRF or nerfstudio scene."""

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .cameras import opengl_to_opencv

DISTORTION = ("k1", "k2", "k3", "k4", "p1", "p2")


class Views(NamedTuple):
    """Cameras, and the pictures they took.

    Attributes:
        viewmats: (V, 4, 4) float32, world to camera, OpenCV's axes.
        K: (V, 3, 3) float32, in pixels.
        width: of every picture, in pixels.
        height: of every picture, in pixels.
        images: (V, 3, H, W) float32, RGB in [0, 1]; None if they were not asked for.
    """

    viewmats: Tensor
    K: Tensor
    width: int
    height: int
    images: Tensor | None


def load_transforms(
    path: str | Path,
    *,
    images: bool = True,
    background: tuple[float, float, float] = (1.0, 1.0, 1.0),
) -> Views:
    """Load the cameras, and if asked the pictures, of a ``transforms.json``.

    Both variants are read: Blender's (one ``camera_angle_x``, file names without ``.png``) and
    nerfstudio's (``fl_x, fl_y, cx, cy, w, h`` for all frames or for each). Their cameras have
    OpenGL's axes and are converted by `opengl_to_opencv`.

    Args:
        path: the file; pictures are looked up relative to its folder.
        images: whether to load the pictures. Without, they may be missing, if the file states
            the size (``w`` and ``h``).
        background: what shows through where a picture is transparent, RGB in [0, 1].

    Returns:
        `Views`.

    Raises:
        FileNotFoundError: the file, or a picture that is needed, is not there.
        ValueError: the file is no such JSON, a field is missing or wrong, pictures differ in size
            or from what the file states, or the lens has distortion (undistort first).

    Source: https://docs.nerf.studio/quickstart/data_conventions.html; Mildenhall et al. (2020),
    https://arxiv.org/abs/2003.08934, for Blender's variant.

    >>> load_transforms("nowhere.json")
    Traceback (most recent call last):
    FileNotFoundError: path: there is no file 'nowhere.json'
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"path: there is no file {str(path)!r}")
    content = _read_json(path)
    frames = [{**content, **frame} for frame in content["frames"]]  # a frame's own fields win
    files = [_picture_file(path, index, frame) for index, frame in enumerate(frames)]
    sizes = [
        _size(path, index, frame, file, images)
        for index, (frame, file) in enumerate(zip(frames, files, strict=True))
    ]
    for index, size in enumerate(sizes):
        if size != sizes[0]:
            raise ValueError(f"{path}: frame {index} is {size}, frame 0 is {sizes[0]} pixels large")
    width, height = sizes[0]
    c2w = torch.stack([_pose(path, index, frame) for index, frame in enumerate(frames)])
    K = torch.stack([_intrinsics(path, frame, width, height) for frame in frames])
    viewmats = torch.linalg.inv(opengl_to_opencv(c2w)).float()
    pictures = torch.stack([load_picture(file, background) for file in files]) if images else None
    return Views(viewmats, K.float(), width, height, pictures)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: is not JSON ({error})") from None
    frames = content.get("frames") if isinstance(content, dict) else None
    if not isinstance(frames, list) or not frames or not all(isinstance(f, dict) for f in frames):
        raise ValueError(f"{path}: has no list 'frames' with at least one camera")
    return content


def _picture_file(path: Path, index: int, frame: dict[str, Any]) -> Path:
    name = frame.get("file_path")
    if not isinstance(name, str):
        raise ValueError(f"{path}: frame {index} has no 'file_path'")
    file = path.parent / name
    return file if file.suffix or file.is_file() else file.with_name(file.name + ".png")


def _size(
    path: Path, index: int, frame: dict[str, Any], file: Path, needed: bool
) -> tuple[int, int]:
    """Width and height as the file states them; the picture's own where it states none."""
    stated = None
    if "w" in frame or "h" in frame:
        stated = int(_number(path, frame, "w")), int(_number(path, frame, "h"))
        if min(stated) < 1:
            raise ValueError(f"{path}: 'w' and 'h' are {stated}, wanted at least 1 pixel")
        if not needed:
            return stated
    if not file.is_file():
        raise FileNotFoundError(f"{path}: the picture of frame {index} is missing: {file}")
    with Image.open(file) as picture:
        size = picture.size
    if stated is not None and stated != size:
        raise ValueError(f"{path}: states {stated} pixels, but {file.name} is {size}")
    return size


def _pose(path: Path, index: int, frame: dict[str, Any]) -> Tensor:
    """c2w (4, 4) float64, OpenGL's axes."""
    try:
        c2w = torch.tensor(frame.get("transform_matrix"), dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError):
        c2w = torch.empty(0)
    if c2w.shape == (3, 4):
        c2w = torch.cat([c2w, c2w.new_tensor([[0.0, 0.0, 0.0, 1.0]])])
    wanted = f"{path}: frame {index}: 'transform_matrix'"
    if c2w.shape != (4, 4) or not bool(torch.isfinite(c2w).all()):
        raise ValueError(f"{wanted} is not 4 x 4 finite numbers")
    if abs(float(torch.linalg.det(c2w[:3, :3]))) < 1e-6:
        raise ValueError(f"{wanted} is singular: no camera has this pose")
    return c2w


def _intrinsics(path: Path, frame: dict[str, Any], width: int, height: int) -> Tensor:
    """K (3, 3) float64."""
    for name in DISTORTION:
        if frame.get(name, 0.0) != 0.0:
            raise ValueError(f"{path}: the lens has distortion ({name}); undistort pictures first")
    if "fl_x" in frame:
        focal_x = _number(path, frame, "fl_x")
        focal_y = _number(path, frame, "fl_y") if "fl_y" in frame else focal_x
    elif "camera_angle_x" in frame:
        angle = _number(path, frame, "camera_angle_x")
        if not 0.0 < angle < math.pi:
            raise ValueError(f"{path}: 'camera_angle_x' is {angle}, wanted radians below pi")
        focal_x = focal_y = 0.5 * width / math.tan(0.5 * angle)
    else:
        raise ValueError(f"{path}: has neither 'fl_x' nor 'camera_angle_x'")
    if not (0.0 < focal_x < math.inf and 0.0 < focal_y < math.inf):
        raise ValueError(f"{path}: the focal length is {focal_x}, {focal_y}, wanted above 0")
    centre_x = _number(path, frame, "cx") if "cx" in frame else width / 2
    centre_y = _number(path, frame, "cy") if "cy" in frame else height / 2
    rows = [[focal_x, 0.0, centre_x], [0.0, focal_y, centre_y], [0.0, 0.0, 1.0]]
    return torch.tensor(rows, dtype=torch.float64)


def _number(path: Path, frame: dict[str, Any], name: str) -> float:
    value = frame.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{path}: {name!r} is {value!r}, wanted a finite number")
    return float(value)


def load_picture(file: Path, background: tuple[float, float, float]) -> Tensor:
    """(3, H, W) float32 in [0, 1], laid over the background where it is transparent."""
    with Image.open(file) as picture:
        pixels = np.asarray(picture.convert("RGBA"), dtype=np.float32) / 255.0  # (H, W, 4)
    rgb, alpha = pixels[..., :3], pixels[..., 3:]
    over = rgb * alpha + (1.0 - alpha) * np.asarray(background, dtype=np.float32)
    return torch.from_numpy(over.transpose(2, 0, 1).copy())
