"""Reading and writing scenes as ``.ply`` files of 3D Gaussian Splatting, which its viewers open."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .gaussians import Gaussians

COORDINATES = ("x", "y", "z")
COEFFICIENTS = (1, 4, 9, 16)
BYTE_ORDERS = {"little": "<", "big": ">"}


def write_ply(
    path: str | Path, gaussians: Gaussians, *, text: bool = False, byte_order: str = "little"
) -> None:
    """Write a scene in the published layout, raw parameters as float32.

    Properties in this order: x y z, nx ny nz (zero), f_dc_0..2, f_rest_* channel by channel (all
    coefficients of red, then green, then blue), opacity (logit), scale_0..2 (log), rot_0..3
    (w, x, y, z).

    Args:
        path: of the file, replaced if it is there.
        gaussians: N Gaussians, any N.
        text: write numbers as text, three times as large; read back bit for bit.
        byte_order: "little" or "big", for binary files.

    Raises:
        ValueError: another byte order.
        ModuleNotFoundError: plyfile is not installed.

    Source: https://github.com/graphdeco-inria/gaussian-splatting, scene/gaussian_model.py

    >>> import tempfile
    >>> from course_lib.rendering.splats import random_gaussians
    >>> scene = random_gaussians(5, 1.0, generator=torch.Generator())
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_ply(Path(folder, "scene.ply"), scene)
    ...     again = read_ply(Path(folder, "scene.ply"))
    >>> bool((again.means == scene.means).all())
    True
    """
    from plyfile import PlyData, PlyElement

    if byte_order not in BYTE_ORDERS:
        raise ValueError(f"byte_order: got {byte_order!r}, wanted 'little' or 'big'")
    count = len(gaussians)
    rest = gaussians.sh[:, 1:].mT.flatten(1)  # (N, 3 (K - 1)), channel-major
    columns = {
        COORDINATES: gaussians.means,
        ("nx", "ny", "nz"): torch.zeros(count, 3),
        _names("f_dc", 3): gaussians.sh[:, 0],
        _names("f_rest", rest.shape[1]): rest,
        ("opacity",): gaussians.logit_opacities[:, None],
        _names("scale", 3): gaussians.log_scales,
        _names("rot", 4): gaussians.quats,
    }
    names = [name for group in columns for name in group]
    table = np.empty(count, dtype=[(name, "f4") for name in names])
    for group, tensor in columns.items():
        values = tensor.detach().cpu().float().numpy()
        for k, name in enumerate(group):
            table[name] = values[:, k]
    data = PlyData([PlyElement.describe(table, "vertex")], text, BYTE_ORDERS[byte_order])
    data.write(str(path))


def read_ply(path: str | Path) -> Gaussians:
    """Read a scene that is written in the published layout, by this module or any other.

    Text and binary files of either byte order are read; the order of the properties does not
    matter, and further ones (nx, ny, nz) are ignored.

    Args:
        path: of the file.

    Returns:
        `Gaussians`, float32, on the CPU.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: no .ply file, cut short, a property missing or too many, or NaN or infinity.
        ModuleNotFoundError: plyfile is not installed.

    Source: as `write_ply`.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"path: there is no file {str(path)!r}")
    vertices = _vertices(path)
    names = set(vertices.dtype.names or ())
    rest = sum(name.startswith("f_rest_") for name in names)
    if rest % 3 != 0 or rest // 3 + 1 not in COEFFICIENTS:
        raise ValueError(f"{path}: has {rest} properties f_rest_*, wanted 0, 9, 24 or 45")

    def columns(*wanted: str) -> Tensor:
        missing = [name for name in wanted if name not in names]
        if missing:
            raise ValueError(f"{path}: has no property {missing[0]!r}: not a Gaussian splat file")
        return _columns(path, vertices, wanted)

    constant = columns(*_names("f_dc", 3))[:, None]  # (N, 1, 3)
    higher = columns(*_names("f_rest", rest)).reshape(len(vertices), 3, rest // 3).mT
    return Gaussians(
        means=columns(*COORDINATES),
        quats=columns(*_names("rot", 4)),
        log_scales=columns(*_names("scale", 3)),
        logit_opacities=columns("opacity")[:, 0],
        sh=torch.cat([constant, higher], dim=1),
    )


def _vertices(path: Path) -> np.ndarray:
    """The element 'vertex', a structured array."""
    from plyfile import PlyData, PlyParseError

    try:
        # Not memory-mapped: a file may be replaced while its tensors live.
        data = PlyData.read(str(path), mmap=False)
    except (PlyParseError, UnicodeDecodeError, ValueError, EOFError) as error:
        raise ValueError(f"{path}: is no .ply file, or is cut short ({error})") from None
    if "vertex" not in data:
        raise ValueError(f"{path}: has no element 'vertex'")
    return data["vertex"].data


def _columns(path: Path, vertices: np.ndarray, names: tuple[str, ...]) -> Tensor:
    """(N, len(names)) float32."""
    values = np.empty((len(vertices), len(names)), dtype=np.float32)
    for k, name in enumerate(names):
        if vertices.dtype[name].kind not in "fiu":
            raise ValueError(f"{path}: the property {name!r} is a list, wanted a number")
        values[:, k] = vertices[name]
    if not np.isfinite(values).all():
        raise ValueError(f"{path}: NaN or infinity among {', '.join(names)}")
    return torch.from_numpy(values)


def _names(prefix: str, count: int) -> tuple[str, ...]:
    return tuple(f"{prefix}_{k}" for k in range(count))
