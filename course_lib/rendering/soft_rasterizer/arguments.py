"""What a mesh renderer asks of its arguments, and the sentence it says when it gets less."""

import math

import torch
from torch import Tensor
from torch.nn.functional import embedding

from ..splats.arguments import MAX_SIDE

SMALLEST = 1e-12  # of sigma and gamma, so that quotients stay finite in float32


def check_mesh(
    vertices: Tensor,
    faces: Tensor,
    colors: Tensor,
    viewmat: Tensor,
    K: Tensor,
    width: int,
    height: int,
    background: Tensor | None,
) -> None:
    """Raise unless types, dtypes, devices and shapes are those that `soft_rasterize` documents.

    Raises:
        TypeError: not a tensor, or another dtype than float32 (or all float64).
        ValueError: a wrong shape, device or picture size.
    """
    tensors = {"vertices": vertices, "colors": colors, "viewmat": viewmat, "K": K}
    tensors |= {} if background is None else {"background": background}
    for name, tensor in tensors.items():
        check_tensor(name, tensor, vertices)
    check_faces(faces, vertices)
    n = vertices.shape[0] if vertices.ndim else 0
    shapes = {"vertices": (n, 3), "viewmat": (4, 4), "K": (3, 3), "background": (3,)}
    for name in shapes.keys() & tensors.keys():
        if tuple(tensors[name].shape) != shapes[name]:
            got = tuple(tensors[name].shape)
            raise ValueError(f"{name}: got shape {got}, wanted {shapes[name]}")
    f = faces.shape[0]
    if tuple(colors.shape) not in ((n, 3), (f, 1, 3), (f, 3, 3)):
        wanted = f"({n}, 3) for vertices, or ({f}, 1, 3) or ({f}, 3, 3) for faces"
        raise ValueError(f"colors: got shape {tuple(colors.shape)}, wanted {wanted}")
    for name, size in (("width", width), ("height", height)):
        if not isinstance(size, int) or not 1 <= size <= MAX_SIDE:
            raise ValueError(f"{name}: got {size!r}, wanted a whole number from 1 to {MAX_SIDE}")


def check_softness(sigma: float, gamma: float) -> None:
    """Raise ``ValueError`` unless sigma and gamma are finite and at least 1e-12.

    >>> check_softness(sigma=1.0, gamma=0.0)
    Traceback (most recent call last):
    ValueError: gamma: got 0.0, wanted a finite number of at least 1e-12
    """
    for name, value in (("sigma", sigma), ("gamma", gamma)):
        if not isinstance(value, int | float) or not SMALLEST <= value < math.inf:
            raise ValueError(
                f"{name}: got {value!r}, wanted a finite number of at least {SMALLEST}"
            )


def check_values(
    vertices: Tensor, faces: Tensor, colors: Tensor, background: Tensor | None
) -> None:
    """Raise ``ValueError`` for NaN or infinity, and for a face with an index that no vertex has."""
    for name, tensor in (("vertices", vertices), ("colors", colors), ("background", background)):
        if tensor is None or bool(torch.isfinite(tensor).all()):
            continue
        row = int(torch.nonzero(~torch.isfinite(tensor))[0, 0])
        raise ValueError(f"{name}: row {row}: got NaN or infinity")
    outside = ((faces < 0) | (faces >= vertices.shape[0])).any(dim=1)
    if bool(outside.any()):
        face = int(torch.nonzero(outside)[0])
        wanted = f"indices of vertices, from 0 to {vertices.shape[0] - 1}"
        raise ValueError(f"faces: face {face}: got {faces[face].tolist()}, wanted {wanted}")


def corner_colors(colors: Tensor, faces: Tensor) -> Tensor:
    """Return a colour for each corner of each face, (F, 3, 3), from those of `soft_rasterize`."""
    return embedding(faces, colors) if colors.ndim == 2 else colors.expand(-1, 3, -1)


def check_tensor(name: str, tensor: Tensor, vertices: Tensor) -> None:
    """Raise unless this is a tensor of floating point numbers like those of vertices."""
    if not isinstance(tensor, Tensor):
        raise TypeError(f"{name}: got {type(tensor).__name__}, wanted a torch.Tensor")
    if tensor.dtype not in (torch.float32, torch.float64):
        raise TypeError(f"{name}: got {tensor.dtype}, wanted torch.float32")
    if tensor.dtype != vertices.dtype:
        raise TypeError(f"{name}: got {tensor.dtype}, wanted that of vertices, {vertices.dtype}")
    if tensor.device != vertices.device:
        raise ValueError(f"{name}: is on {tensor.device}, wanted that of vertices")


def check_faces(faces: Tensor, vertices: Tensor) -> None:
    """Raise unless these are triples of whole numbers, where the vertices are."""
    if not isinstance(faces, Tensor):
        raise TypeError(f"faces: got {type(faces).__name__}, wanted a torch.Tensor")
    if faces.dtype not in (torch.int64, torch.int32):
        raise TypeError(f"faces: got {faces.dtype}, wanted torch.int64")
    if faces.device != vertices.device:
        raise ValueError(f"faces: is on {faces.device}, wanted that of vertices")
    if faces.ndim != 2 or faces.shape[1] != 3:
        raise ValueError(f"faces: got shape {tuple(faces.shape)}, wanted (F, 3): triangles")
