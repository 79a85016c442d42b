"""What one takes away from a field: depth maps, a mesh, a film."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..cameras import orbit
from .compositing import Rendered
from .field import Field
from .fused import density_of
from .occupancy import OccupancyGrid
from .renderer import render_view

FARTHEST = 65535  # the largest number of 16 bits


def write_depth_map(path: str | Path, rendered: Rendered, unit: float = 1e-3) -> None:
    """Write a view's depth as a greyscale PNG with 16 bits, as depth cameras do.

    pixel = round(depth / unit), 0 where less than half of the light is stopped.

    Args:
        path: of the file; its suffix is ``.png``.
        rendered: of one view, depth (H, W), see `render_view`.
        unit: world units for each step of grey.

    Raises:
        ValueError: not a view, another suffix, unit not above 0, a depth that needs more than 16
            bits.

    >>> import tempfile
    >>> view = Rendered(torch.zeros(2, 2, 3), torch.full((2, 2), 1.5), torch.ones(2, 2))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_depth_map(f"{folder}/depth.png", view)
    ...     Image.open(f"{folder}/depth.png").getpixel((0, 0))
    1500
    """
    if rendered.depth.ndim != 2:
        raise ValueError(f"rendered: depth has shape {tuple(rendered.depth.shape)}, wanted (H, W)")
    if Path(path).suffix.lower() != ".png":
        raise ValueError(f"path: got {str(path)!r}, wanted .png")
    if not unit > 0:
        raise ValueError(f"unit: got {unit!r}, wanted a number above 0")
    depth = torch.where(rendered.opacity >= 0.5, rendered.depth / unit, 0.0).detach().round()
    if float(depth.max()) > FARTHEST:
        raise ValueError(f"unit: {float(depth.max()) * unit:.3g} is too far for steps of {unit}")
    Image.fromarray(depth.numpy().astype(np.uint16)).save(path)


def density_mesh(
    field: Field, bound: float = 1.0, level: float = 10.0, resolution: int = 128
) -> tuple[Tensor, Tensor]:
    """Return the surface on which the density has a given value, as triangles.

    The density is looked up on a regular grid; marching cubes connect the places where it crosses
    the level.

    Args:
        field: see `render_rays`.
        bound: the cube [-bound, bound]^3 is searched, world units.
        level: density of the surface, 1 / world unit. Higher is further inside.
        resolution: nodes along an edge, at least 2.

    Returns:
        vertices (N, 3) float32, world units, and faces (M, 3) int64, counter-clockwise seen from
        outside; both empty where the density never crosses the level.

    Raises:
        ValueError: bound or level not above 0, resolution below 2.

    Source: Lorensen and Cline (1987), https://doi.org/10.1145/37402.37422; scikit-image's
    ``marching_cubes``.

    >>> ball = lambda points, directions: (20.0 * (1.0 - points.norm(dim=1)), points)
    >>> vertices, faces = density_mesh(ball, level=10.0, resolution=32)
    >>> round(float(vertices.norm(dim=1).mean()), 2)  # 20 (1 - r) = 10 at r = 1/2
    0.5
    """
    if not bound > 0 or not level > 0:
        raise ValueError(f"bound, level: got {bound!r} and {level!r}, wanted numbers above 0")
    if resolution < 2:
        raise ValueError(f"resolution: got {resolution!r}, wanted at least 2")
    from skimage.measure import marching_cubes

    ticks = torch.linspace(-bound, bound, resolution)
    planes = [density_of(field, torch.cartesian_prod(x[None], ticks, ticks)) for x in ticks]
    grid = torch.stack(planes).view(resolution, resolution, resolution).numpy()
    if not grid.min() < level < grid.max():
        return torch.empty(0, 3), torch.empty(0, 3, dtype=torch.int64)
    spacing = (2 * bound / (resolution - 1),) * 3
    vertices, faces, _, _ = marching_cubes(
        grid, level, spacing=spacing, gradient_direction="ascent"
    )
    return torch.from_numpy(vertices - bound).float(), torch.from_numpy(faces.astype(np.int64))


def write_mesh(path: str | Path, vertices: Tensor, faces: Tensor) -> None:
    """Write triangles as a Wavefront ``.obj``, which every 3-D program opens.

    Args:
        path: of the file; its suffix is ``.obj``.
        vertices: (N, 3), world units.
        faces: (M, 3), indices of vertices.

    Raises:
        ValueError: another suffix, wrong shapes, or an index that no vertex has.

    Source: https://paulbourke.net/dataformats/obj/
    """
    if Path(path).suffix.lower() != ".obj":
        raise ValueError(f"path: got {str(path)!r}, wanted .obj")
    for name, tensor in (("vertices", vertices), ("faces", faces)):
        if tensor.ndim != 2 or tensor.shape[1] != 3:
            raise ValueError(f"{name}: got shape {tuple(tensor.shape)}, wanted (N, 3)")
    if len(faces) and not 0 <= int(faces.min()) <= int(faces.max()) < len(vertices):
        raise ValueError(f"faces: wanted indices from 0 to {len(vertices) - 1}")
    lines = [f"v {x:.6g} {y:.6g} {z:.6g}" for x, y, z in vertices.tolist()]
    lines += [f"f {a + 1} {b + 1} {c + 1}" for a, b, c in faces.tolist()]
    Path(path).write_text("\n".join(lines) + "\n", encoding="ascii")


def orbit_film(
    field: Field,
    grid: OccupancyGrid,
    K: Tensor,
    width: int,
    height: int,
    *,
    frames: int = 60,
    radius: float = 3.2,
    elevation: float = 0.5,
    background: Sequence[float] = (1.0, 1.0, 1.0),
) -> Tensor:
    """Return the pictures of a camera that walks once around the scene; z is up.

    Args:
        field, grid: see `render_rays`.
        K, width, height: of the camera, see `get_rays`.
        frames: number of pictures; the last is followed by the first.
        radius, elevation: where the camera walks, see `orbit`.
        background: RGB.

    Returns:
        (frames, H, W, 3) uint8, RGB.

    Raises:
        ValueError: see `orbit` and `get_rays`.
    """
    pictures = []
    behind = torch.tensor(background)
    with torch.no_grad():
        for viewmat in orbit(frames, radius, elevation):
            seen = render_view(field, viewmat, K, width, height, occupancy=grid, background=behind)
            pictures.append((255.0 * seen.color.clamp(0.0, 1.0)).round().to(torch.uint8))
    return torch.stack(pictures)


def write_film(path: str | Path, film: Tensor, seconds: float = 4.0) -> None:
    """Write pictures as an animated ``.gif`` or ``.webp`` that begins again at its end.

    Args:
        path: of the file.
        film: (frames, H, W, 3) uint8, see `orbit_film`.
        seconds: how long it runs.

    Raises:
        ValueError: another suffix, a wrong shape or dtype, no frames, seconds not above 0.
    """
    if Path(path).suffix.lower() not in (".gif", ".webp"):
        raise ValueError(f"path: got {str(path)!r}, wanted .gif or .webp")
    if film.ndim != 4 or film.shape[3] != 3 or film.shape[0] < 1 or film.dtype != torch.uint8:
        got = f"{tuple(film.shape)}, {film.dtype}"
        raise ValueError(f"film: got {got}, wanted (frames, H, W, 3), torch.uint8")
    if not seconds > 0:
        raise ValueError(f"seconds: got {seconds!r}, wanted a number above 0")
    first, *others = (Image.fromarray(picture.numpy()) for picture in film)
    duration = max(round(1000 * seconds / len(film)), 20)  # viewers slow down what is faster
    first.save(path, save_all=True, append_images=others, duration=duration, loop=0)
