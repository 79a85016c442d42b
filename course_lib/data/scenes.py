"""A small still life, ray-traced: pictures of a scene from any camera, without any file.

Three balls, a box and a tiled round table, lit by one lamp. One ball is shiny, so that what is seen
depends on where one stands. The scene lies in the cube [-1, 1]^3, z is up. Whatever learns a scene
from pictures can be compared with the exact one.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from .arguments import whole_number
from .speckles import speckles

LAMP = (0.35, -0.45, 0.82)  # direction towards the light, of length one to two digits
AMBIENT = 0.35
TABLE = -0.4  # height of the table


class Ball(NamedTuple):
    """A ball with a pattern: "bands", "wedges" or "cells"."""

    centre: tuple[float, float, float]
    radius: float
    pattern: str
    gloss: float = 0.0

    def distance(self, origins: Tensor, directions: Tensor) -> Tensor:
        """|o + t d - c|^2 = r^2, the nearer root, (R,)."""
        away = origins - torch.tensor(self.centre)
        along = (away * directions).sum(-1)
        inside = along**2 - (away * away).sum(-1) + self.radius**2
        distance = -along - inside.clamp(min=0).sqrt()
        return torch.where((inside > 0) & (distance > 0), distance, torch.inf)

    def surface(self, places: Tensor, _directions: Tensor) -> tuple[Tensor, Tensor]:
        """Normals and albedo at places on the surface, (R, 3) each."""
        place = places - torch.tensor(self.centre)
        x, y, z = place.unbind(-1)
        if self.pattern == "cells":
            albedo = 0.55 + 0.4 * torch.sin(14 * place)
        elif self.pattern == "bands":
            albedo = _mix(torch.sin(40 * (z + 0.5 * x)), (0.9, 0.2, 0.15), (0.95, 0.85, 0.3))
        else:
            albedo = _mix(torch.sin(8 * torch.atan2(y, x)), (0.15, 0.3, 0.8), (0.8, 0.9, 1.0))
        return place / self.radius, albedo


class Box(NamedTuple):
    """A chequered box along the axes."""

    low: tuple[float, float, float]
    high: tuple[float, float, float]
    gloss: float = 0.0

    def entry(self, origins: Tensor, directions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Where a ray has entered all three slabs, by which axis, and where it first leaves one."""
        step = torch.where(directions.abs() < 1e-9, 1e-9, directions)
        to_low = (torch.tensor(self.low) - origins) / step
        to_high = (torch.tensor(self.high) - origins) / step
        entry, axis = torch.minimum(to_low, to_high).max(dim=-1)
        return entry, axis, torch.maximum(to_low, to_high).amin(dim=-1)

    def distance(self, origins: Tensor, directions: Tensor) -> Tensor:
        """The entry, if it comes before the exit, (R,)."""
        entry, _, leave = self.entry(origins, directions)
        return torch.where((entry < leave) & (entry > 0), entry, torch.inf)

    def surface(self, places: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
        """Normals and albedo, (R, 3) each."""
        _, axis, _ = self.entry(places - directions, directions)
        normals = -directions.sign() * torch.nn.functional.one_hot(axis, 3)
        dark = ((places * 9 + 1e-3).floor().sum(-1) % 2).bool()[:, None]
        return normals, torch.where(
            dark, torch.tensor([0.1, 0.55, 0.3]), torch.tensor([0.95, 0.95, 0.85])
        )


class Table(NamedTuple):
    """A disc of radius 0.95 with square tiles and a coloured ring."""

    height: float
    gloss: float = 0.0

    def distance(self, origins: Tensor, directions: Tensor) -> Tensor:
        """Along each ray to the plane, if that place is on the disc, (R,)."""
        fall = torch.where(directions[:, 2].abs() < 1e-9, 1e-9, directions[:, 2])
        distance = (self.height - origins[:, 2]) / fall
        radius = torch.hypot(*(origins + distance[:, None] * directions)[:, :2].unbind(-1))
        return torch.where((distance > 0) & (radius < 0.95), distance, torch.inf)

    def surface(self, places: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
        """Normals and albedo, (R, 3) each."""
        x, y = places[:, :2].unbind(-1)
        radius = torch.hypot(x, y)
        dark = (((x * 5).floor() + (y * 5).floor()) % 2).bool()[:, None]
        tiles = torch.where(dark, torch.tensor([0.75, 0.7, 0.6]), torch.tensor([0.35, 0.3, 0.3]))
        ring = ((radius > 0.8) & (radius < 0.9))[:, None]
        normals = torch.zeros_like(places)
        normals[:, 2] = -directions[:, 2].sign()
        return normals, torch.where(ring, torch.tensor([0.6, 0.1, 0.5]), tiles)


SHAPES = (
    Ball((-0.45, 0.10, -0.07), 0.33, "bands"),
    Ball((0.40, -0.35, -0.13), 0.27, "wedges", gloss=0.6),
    Ball((0.10, 0.45, -0.18), 0.22, "cells"),
    Box((0.18, 0.12, TABLE), (0.62, 0.52, 0.02)),
    Table(TABLE),
)


def trace_still_life(
    origins: Tensor, directions: Tensor, speckled: bool = False
) -> tuple[Tensor, Tensor]:
    """Return the colour and the distance that each ray sees.

    color = albedo (0.35 + 0.65 max(0, n . l)) + gloss max(0, r . l)^20, l the direction to the lamp
    and r the ray's mirror image; white where a ray meets nothing.

    Args:
        origins: (R, 3), world units.
        directions: (R, 3), of length one.
        speckled: paint everything with `speckles`, which never repeat, and polish nothing.

    Returns:
        colors (R, 3) in [0, 1] and distances (R,), world units, infinity where nothing is met.

    Raises:
        ValueError: the shapes are not (R, 3), twice.

    >>> eye, down = torch.tensor([[0.0, 0, 3]]), torch.tensor([[0.0, 0, -1]])
    >>> trace_still_life(eye, down)[1]  # from straight above, down to the table
    tensor([3.4000])
    """
    if origins.ndim != 2 or origins.shape[-1] != 3 or origins.shape != directions.shape:
        shapes = f"{tuple(origins.shape)} and {tuple(directions.shape)}"
        raise ValueError(f"origins, directions: got shapes {shapes}, wanted (R, 3) twice")
    distances = torch.stack([shape.distance(origins, directions) for shape in SHAPES])  # (5, R)
    distance, nearest = distances.min(dim=0)
    colors = torch.ones_like(origins)
    for index, shape in enumerate(SHAPES):
        hit = (nearest == index) & distance.isfinite()
        ways = directions[hit]
        places = origins[hit] + distance[hit, None] * ways
        normals, albedo = shape.surface(places, ways)
        albedo = speckles(places) if speckled else albedo
        colors[hit] = _shade(ways, normals, albedo, 0.0 if speckled else shape.gloss)
    return colors, distance


def _shade(directions: Tensor, normals: Tensor, albedo: Tensor, gloss: float) -> Tensor:
    """Ambient and diffuse light, and a highlight where the lamp is mirrored."""
    lamp = torch.tensor(LAMP)
    light = AMBIENT + (1 - AMBIENT) * (normals @ lamp).clamp(min=0)
    mirrored = directions - 2 * (directions * normals).sum(-1, keepdim=True) * normals
    shine = gloss * (mirrored @ lamp).clamp(min=0) ** 20
    return (albedo * light[:, None] + shine[:, None]).clamp(0, 1)


def _mix(wave: Tensor, one: tuple[float, ...], other: tuple[float, ...]) -> Tensor:
    """Stripes with soft borders: (R,) in [-1, 1] to colours (R, 3)."""
    share = (0.5 + 0.5 * torch.tanh(6 * wave))[:, None]
    return share * torch.tensor(one) + (1 - share) * torch.tensor(other)


def still_life(
    viewmats: Tensor,
    K: Tensor,
    width: int,
    height: int,
    samples: int = 4,
    speckled: bool = False,
) -> tuple[Tensor, Tensor]:
    """Photograph the still life from given cameras.

    Args:
        viewmats: (V, 4, 4), world to camera, OpenCV's axes.
        K: (3, 3), pixels.
        width: of the pictures, pixels.
        height: of the pictures, pixels.
        samples: rays along each side of a pixel; their mean is its colour.
        speckled: paint everything without repetition, as pictures want it that are to be matched.

    Returns:
        images (V, 3, H, W) float32 in [0, 1], white background, and depth (V, H, W): along the
        camera's z axis through the pixel's centre, world units, infinity on the background.

    Raises:
        ValueError: a wrong shape or size.

    >>> from course_lib.rendering import orbit, pinhole
    >>> images, depth = still_life(orbit(2, radius=3.2), pinhole(16, 12, 0.8), 16, 12)
    >>> images.shape, depth.shape
    (torch.Size([2, 3, 12, 16]), torch.Size([2, 12, 16]))
    """
    if viewmats.ndim != 3 or viewmats.shape[1:] != (4, 4):
        raise ValueError(f"viewmats: got shape {tuple(viewmats.shape)}, wanted (V, 4, 4)")
    if K.shape != (3, 3):
        raise ValueError(f"K: got shape {tuple(K.shape)}, wanted (3, 3)")
    width = whole_number("width", width, 1, 8192)
    height = whole_number("height", height, 1, 8192)
    samples = whole_number("samples", samples, 1, 16)
    images, depths = [], []
    for viewmat in viewmats.float():
        colors, _ = trace_still_life(*_rays(viewmat, K, width, height, samples), speckled)
        fine = colors.view(height, samples, width, samples, 3)
        images.append(fine.mean(dim=(1, 3)).permute(2, 0, 1))
        origins, directions = _rays(viewmat, K, width, height, 1)
        _, distance = trace_still_life(origins, directions)
        depths.append((distance * (directions @ viewmat[2, :3])).view(height, width))
    return torch.stack(images), torch.stack(depths)


def _rays(
    viewmat: Tensor, K: Tensor, width: int, height: int, samples: int
) -> tuple[Tensor, Tensor]:
    """Rays through a grid of ``samples`` x ``samples`` points in each pixel, row by row."""
    y = (torch.arange(height * samples) + 0.5) / samples
    x = (torch.arange(width * samples) + 0.5) / samples
    y, x = torch.meshgrid(y, x, indexing="ij")
    seen = torch.stack(
        [(x - K[0, 2]) / K[0, 0], (y - K[1, 2]) / K[1, 1], torch.ones_like(x)], dim=-1
    )
    directions = seen.view(-1, 3) @ viewmat[:3, :3]  # camera to world: R^T d, written for rows
    directions = torch.nn.functional.normalize(directions, dim=-1)
    return (-viewmat[:3, :3].T @ viewmat[:3, 3]).expand_as(directions), directions


def spread_viewpoints(count: int, radius: float = 3.2, lowest: float = 0.08) -> Tensor:
    """Return points spread evenly over the upper part of a sphere around the scene, (count, 3).

    A Fibonacci lattice: heights in equal steps, each turned by the golden angle, so that any
    number of cameras sees the scene from all sides.

    Args:
        count: number of points, at least 1.
        radius: of the sphere, world units.
        lowest: sine of the smallest elevation; the largest is 0.93.

    Raises:
        ValueError: count is not a whole number above 0.

    >>> spread_viewpoints(3).norm(dim=-1)
    tensor([3.2000, 3.2000, 3.2000])
    """
    count = whole_number("count", count, 1, 1_000_000)
    height = lowest + (0.93 - lowest) * (torch.arange(count) + 0.5) / count
    angle = torch.arange(count) * math.pi * (3 - math.sqrt(5))
    flat = torch.sqrt(1 - height**2)
    return radius * torch.stack([flat * torch.cos(angle), flat * torch.sin(angle), height], dim=-1)
