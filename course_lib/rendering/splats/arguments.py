"""What a splat renderer asks of its arguments, and the sentence it says when it gets less."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

MAX_SIDE = 16384  # pixels; a picture of this size squared has 3 GB

# What can be wrong with the values of one Gaussian. A kernel reports the index into this list.
FAULTS = (
    "means: got NaN or infinity",
    "quats: got NaN, infinity or length zero",
    "scales: got NaN, infinity or a negative number, wanted standard deviations (log_scales.exp())",
    "opacities: got a value outside [0, 1], wanted torch.sigmoid(logit_opacities)",
    "colors: got NaN or infinity",
)


def check_splats(
    means: Tensor,
    quats: Tensor,
    scales: Tensor,
    opacities: Tensor,
    colors: Tensor,
    viewmat: Tensor,
    K: Tensor,
    width: int,
    height: int,
    sh_degree: int | None,
    background: Tensor | None,
) -> None:
    """Raise unless types, dtypes, devices and shapes are those that `rasterize` documents.

    Raises:
        TypeError: not a tensor, or another dtype than float32 (or all float64).
        ValueError: a wrong shape, device, picture size or degree.
    """
    tensors = {"means": means, "quats": quats, "scales": scales, "opacities": opacities}
    tensors |= {"colors": colors, "viewmat": viewmat, "K": K}
    if background is not None:
        tensors["background"] = background
    for name, tensor in tensors.items():
        _check_tensor(name, tensor, means)
    n = means.shape[0] if means.ndim == 2 else 0
    shapes = {"means": (n, 3), "quats": (n, 4), "scales": (n, 3), "opacities": (n,)}
    shapes |= {"background": (3,)} if background is not None else {}
    for name, shape in shapes.items():
        if tuple(tensors[name].shape) != shape:
            raise ValueError(f"{name}: got shape {tuple(tensors[name].shape)}, wanted {shape}")
    _check_colors(colors, n, sh_degree)
    _check_camera_shapes(viewmat, K)
    for name, size in (("width", width), ("height", height)):
        if not isinstance(size, int) or not 1 <= size <= MAX_SIDE:
            raise ValueError(f"{name}: got {size!r}, wanted a whole number from 1 to {MAX_SIDE}")


def _check_tensor(name: str, tensor: Tensor, means: Tensor) -> None:
    if not isinstance(tensor, Tensor):
        raise TypeError(f"{name}: got {type(tensor).__name__}, wanted a torch.Tensor")
    if tensor.dtype not in (torch.float32, torch.float64):
        raise TypeError(f"{name}: got {tensor.dtype}, wanted torch.float32")
    if tensor.dtype != means.dtype:
        raise TypeError(f"{name}: got {tensor.dtype}, wanted that of means, {means.dtype}")
    if tensor.device != means.device:
        raise ValueError(f"{name}: is on {tensor.device}, wanted that of means, {means.device}")


def _check_colors(colors: Tensor, n: int, sh_degree: int | None) -> None:
    got = tuple(colors.shape)
    if sh_degree is None:
        if got != (n, 3):
            raise ValueError(f"colors: got shape {got}, wanted {(n, 3)} (or give sh_degree)")
        return
    if sh_degree not in (0, 1, 2, 3):
        raise ValueError(f"sh_degree: got {sh_degree!r}, wanted None, 0, 1, 2 or 3")
    least = (sh_degree + 1) ** 2
    if len(got) != 3 or got[0] != n or not least <= got[1] <= 16 or got[2] != 3:
        raise ValueError(f"colors: got shape {got}, wanted ({n}, {least}, 3) for this sh_degree")


def _check_camera_shapes(viewmat: Tensor, K: Tensor) -> None:
    batch = tuple(viewmat.shape[:-2])
    if viewmat.ndim not in (2, 3) or tuple(viewmat.shape[-2:]) != (4, 4):
        raise ValueError(f"viewmat: got shape {tuple(viewmat.shape)}, wanted (4, 4) or (V, 4, 4)")
    if tuple(K.shape) not in ((3, 3), (*batch, 3, 3)):
        raise ValueError(f"K: got shape {tuple(K.shape)}, wanted {(*batch, 3, 3)} or (3, 3)")


def check_camera(viewmat: Tensor, K: Tensor) -> None:
    """Raise ``ValueError`` unless these are a rigid motion and a pinhole's intrinsics.

    Args:
        viewmat: (4, 4), its rotation within 0.01 of orthonormal.
        K: (3, 3), [[f_x, 0, c_x], [0, f_y, c_y], [0, 0, 1]] with f_x, f_y > 0.

    >>> check_camera(torch.diag(torch.tensor([1.0, -1.0, 1.0, 1.0])), torch.eye(3))
    Traceback (most recent call last):
    ValueError: viewmat: its 3 x 3 part is no rotation (it mirrors, scales or is singular)
    """
    view = viewmat.detach().cpu().double().numpy()  # a tenth of the time that PyTorch takes for
    intrinsics = K.detach().cpu().double().numpy()  # numbers so few
    if not np.isfinite(view).all() or not np.isfinite(intrinsics).all():
        raise ValueError("viewmat, K: got NaN or infinity")
    rotation = view[:3, :3]
    far = np.abs(rotation @ rotation.T - np.eye(3)).max()
    if far > 0.01 or rotation[2] @ np.cross(rotation[0], rotation[1]) < 0.0:
        raise ValueError(
            "viewmat: its 3 x 3 part is no rotation (it mirrors, scales or is singular)"
        )
    if view[3].tolist() != [0.0, 0.0, 0.0, 1.0]:
        raise ValueError(f"viewmat: its last row is {view[3].tolist()}, wanted [0, 0, 0, 1]")
    (fx, skew, _), (skew_y, fy, _), last = intrinsics.tolist()
    if fx <= 0.0 or fy <= 0.0 or skew != 0.0 or skew_y != 0.0 or last != [0.0, 0.0, 1.0]:
        raise ValueError("K: wanted [[fx, 0, cx], [0, fy, cy], [0, 0, 1]] with fx, fy > 0")


def check_values(
    means: Tensor, quats: Tensor, scales: Tensor, opacities: Tensor, colors: Tensor
) -> None:
    """Raise the ``ValueError`` of `FAULTS` for the first Gaussian that no renderer can draw."""
    good = (
        torch.isfinite(means).all(dim=1),
        torch.isfinite(quats).all(dim=1) & (quats.square().sum(dim=1) > 0),
        (torch.isfinite(scales) & (scales >= 0)).all(dim=1),
        (opacities >= 0) & (opacities <= 1),
        torch.isfinite(colors).flatten(1).all(dim=1),
    )
    for fault, is_good in enumerate(good):
        if not bool(is_good.all()):
            raise fault_error(fault, int(torch.nonzero(~is_good)[0]))


def fault_error(fault: int, index: int) -> ValueError:
    """The error for one of `FAULTS` at one Gaussian."""
    name, sentence = FAULTS[fault].split(": ")
    return ValueError(f"{name}: Gaussian {index}: {sentence}")


def for_each_camera(
    draw: Callable[[Tensor, Tensor], tuple[Tensor, ...]], viewmat: Tensor, K: Tensor
) -> tuple[Tensor, ...]:
    """Call ``draw(viewmat, K)`` for one camera, or for each of a batch and stack the results."""
    if viewmat.ndim == 2:
        return draw(viewmat, K)
    if viewmat.shape[0] == 0:
        raise ValueError("viewmat: got a batch of 0 cameras, wanted at least one")
    all_K = K.expand(viewmat.shape[0], 3, 3)
    views = [draw(one, its_K) for one, its_K in zip(viewmat, all_K, strict=True)]
    return tuple(torch.stack(pictures) for pictures in zip(*views, strict=True))
