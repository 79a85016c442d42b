"""What this package asks of arguments, and the sentence it says when it gets less."""

import torch
from torch import Tensor

from course_lib.rendering.transforms import Views

# What can be wrong with one sample. A kernel reports the index into this list.
FAULTS = (
    "sigmas: got NaN or a negative number, wanted densities of at least 0",
    "deltas: got NaN or a negative number, wanted lengths of at least 0",
)


def check_floats(**tensors: Tensor) -> None:
    """Raise ``TypeError`` unless all are tensors of one floating dtype, the first one's."""
    first_name, first = next(iter(tensors.items()))
    for name, tensor in tensors.items():
        if not isinstance(tensor, Tensor):
            raise TypeError(f"{name}: got {type(tensor).__name__}, wanted a torch.Tensor")
        if tensor.dtype not in (torch.float32, torch.float64):
            raise TypeError(f"{name}: got {tensor.dtype}, wanted torch.float32 or torch.float64")
        if tensor.dtype != first.dtype:
            raise TypeError(
                f"{name}: got {tensor.dtype}, wanted that of {first_name}, {first.dtype}"
            )
        if tensor.device != first.device:
            raise ValueError(
                f"{name}: is on {tensor.device}, wanted that of {first_name}, {first.device}"
            )


def check_finite(**tensors: Tensor) -> None:
    """Raise ``ValueError`` for the first tensor with NaN or infinity in it."""
    for name, tensor in tensors.items():
        if not bool(torch.isfinite(tensor).all()):
            raise ValueError(f"{name}: got NaN or infinity, wanted finite numbers")


def check_shape(name: str, tensor: Tensor, *wanted: int) -> None:
    """Raise ``ValueError`` unless the tensor has this shape."""
    if tuple(tensor.shape) != wanted:
        raise ValueError(f"{name}: got shape {tuple(tensor.shape)}, wanted {wanted}")


def check_samples(sigmas: Tensor, deltas: Tensor) -> None:
    """Raise unless these are densities and step lengths (..., S)."""
    check_floats(sigmas=sigmas, deltas=deltas)
    if sigmas.ndim == 0:
        raise ValueError("sigmas: got a number, wanted (..., S)")
    check_shape("deltas", deltas, *sigmas.shape)
    for fault, tensor in enumerate((sigmas, deltas)):
        if not bool((tensor >= 0).all()):
            raise ValueError(FAULTS[fault])


def check_colors(samples: Tensor, colors: Tensor, ts: Tensor) -> None:
    """Raise unless colours (..., S, 3) and distances (..., S) belong to samples (..., S)."""
    check_floats(weights=samples, colors=colors, ts=ts)
    check_shape("colors", colors, *samples.shape, 3)
    check_shape("ts", ts, *samples.shape)


def check_starts_shape(starts: Tensor) -> None:
    """Raise unless these are (R + 1,) integers."""
    if starts.ndim != 1 or starts.shape[0] < 1 or starts.is_floating_point():
        raise ValueError(
            f"starts: got shape {tuple(starts.shape)}, {starts.dtype}, wanted (R + 1,) integers"
        )


def check_starts(starts: Tensor, samples: int) -> None:
    """Raise unless (R + 1,) integers cut ``samples`` samples into rays."""
    check_starts_shape(starts)
    if int(starts[0]) != 0 or int(starts[-1]) != samples or bool((starts.diff() < 0).any()):
        raise ValueError(f"starts: wanted 0 first, {samples} (the samples) last, and never falling")


def check_rays(origins: Tensor, directions: Tensor) -> None:
    """Raise unless these are finite origins and directions (R, 3), directions of length one."""
    check_floats(origins=origins, directions=directions)
    if origins.ndim != 2 or origins.shape[1] != 3:
        raise ValueError(f"origins: got shape {tuple(origins.shape)}, wanted (R, 3)")
    check_shape("directions", directions, *origins.shape)
    check_finite(origins=origins, directions=directions)
    if bool(((directions.norm(dim=-1) - 1.0).abs() > 1e-3).any()):
        raise ValueError("directions: wanted length one (torch.nn.functional.normalize)")


def check_views(views: Views) -> None:
    """Raise ``ValueError`` unless these are cameras and the pictures that belong to them."""
    if views.images is None:
        raise ValueError("views: got cameras without pictures, wanted both")
    count = views.viewmats.shape[0]
    if count == 0:
        raise ValueError("views: got no cameras, wanted at least one")
    shapes = {
        "viewmats": (count, 4, 4),
        "K": (count, 3, 3),
        "images": (count, 3, views.height, views.width),
    }
    for name, shape in shapes.items():
        tensor = getattr(views, name)
        check_shape(f"views.{name}", tensor, *shape)
        check_finite(**{f"views.{name}": tensor})
