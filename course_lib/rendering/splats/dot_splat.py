"""The ``.splat`` format of web viewers: 32 bytes a Gaussian, colours without harmonics."""

from pathlib import Path

import numpy as np
import torch

from .gaussians import Gaussians
from .harmonics import SH_CONSTANT

ROW = np.dtype(
    [("mean", "<f4", 3), ("scale", "<f4", 3), ("rgba", "u1", 4), ("quaternion", "u1", 4)]
)


def splat_bytes(gaussians: Gaussians) -> bytes:
    """Return the Gaussians in the ``.splat`` format, the weightiest first.

    Each row: mean (3 float32), scales (3 float32), RGB of degree 0 and opacity (4 bytes), and the
    unit quaternion wxyz as 128 + 128 q (4 bytes). Viewers that show a part of a large file show
    the rows that matter most: they are ordered by opacity times volume.

    Args:
        gaussians: N of them; harmonics above degree 0 are dropped.

    Returns:
        32 N bytes.

    Source: the viewer of K. Kwok (2023), https://github.com/antimatter15/splat

    >>> from course_lib.rendering.splats import random_gaussians
    >>> scene = random_gaussians(3, 1.0, generator=torch.Generator().manual_seed(0))
    >>> len(splat_bytes(scene))
    96
    """
    scene = {name: value.detach().cpu().float() for name, value in gaussians.parameters().items()}
    opacities = torch.sigmoid(scene["logit_opacities"])
    order = torch.argsort(opacities * scene["log_scales"].sum(-1).exp(), descending=True)
    colors = 0.5 + SH_CONSTANT * scene["sh"][:, 0]
    quats = torch.nn.functional.normalize(scene["quats"], dim=-1)
    rows = np.zeros(len(gaussians), dtype=ROW)
    rows["mean"] = scene["means"][order]
    rows["scale"] = scene["log_scales"].exp()[order]
    rows["rgba"] = _bytes(torch.cat([colors, opacities[:, None]], dim=-1)[order] * 255)
    rows["quaternion"] = _bytes(quats[order] * 128 + 128)
    return rows.tobytes()


def write_splat(path: str | Path, gaussians: Gaussians) -> None:
    """Write the Gaussians as a ``.splat`` file; see `splat_bytes`."""
    Path(path).write_bytes(splat_bytes(gaussians))


def _bytes(values: torch.Tensor) -> np.ndarray:
    return values.round().clamp(0, 255).to(torch.uint8).numpy()
