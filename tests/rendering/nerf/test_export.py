import math

import numpy as np
import pytest
import torch
from PIL import Image

from course_lib.rendering import pinhole
from course_lib.rendering.nerf import (
    HashField,
    OccupancyGrid,
    Rendered,
    density_mesh,
    fused,
    orbit_film,
    write_depth_map,
    write_film,
    write_mesh,
)


def ball(points, directions):
    """A soft ball of radius 0.6, red on the side of positive x, else blue."""
    side = (points[:, :1] > 0).float()
    return 40.0 * torch.sigmoid(40 * (0.6 - points.norm(dim=1))), torch.cat(
        [side, 0 * side, 1 - side], dim=1
    )


def view(depth, opacity=1.0):
    return Rendered(torch.zeros(4, 6, 3), torch.full((4, 6), depth), torch.full((4, 6), opacity))


def test_a_depth_map_comes_back(tmp_path):
    rendered = view(2.3456)
    rendered.opacity[0, 0] = 0.2
    write_depth_map(tmp_path / "depth.png", rendered)
    with Image.open(tmp_path / "depth.png") as picture:
        found = np.asarray(picture).astype(int)
    assert found.shape == (4, 6) and found[0, 0] == 0 and (found.ravel()[1:] == 2346).all()


def test_a_mesh_is_the_surface_and_looks_outwards():
    vertices, faces = density_mesh(ball, bound=1.0, level=20.0, resolution=48)
    assert float((vertices.norm(dim=1) - 0.6).abs().max()) < 0.01
    corners = vertices[faces]  # (M, 3, 3)
    normals = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert bool(((normals * corners.mean(1)).sum(1) > 0).all())
    assert float(normals.norm(dim=1).sum() / 2) == pytest.approx(4 * math.pi * 0.36, rel=0.02)
    edges = torch.cat([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).sort(dim=1).values
    assert bool((edges.unique(dim=0, return_counts=True)[1] == 2).all())  # closed


def test_where_there_is_no_surface_the_mesh_is_empty():
    nothing = lambda points, directions: (torch.zeros(len(points)), points)  # noqa: E731
    vertices, faces = density_mesh(nothing, resolution=4)
    assert vertices.shape == faces.shape == (0, 3)


def test_densities_of_a_hash_field_are_its_own_and_zero_outside():
    field = HashField(generator=torch.Generator().manual_seed(0))
    points = 3 * torch.rand(100, 3, generator=torch.Generator().manual_seed(1)) - 1.5
    wanted, _ = field(points, torch.eye(3)[2].expand(100, 3))
    torch.testing.assert_close(fused.density_of(field, points), wanted.detach())


def test_a_mesh_file_can_be_read_by_its_format(tmp_path):
    vertices, faces = density_mesh(ball, level=20.0, resolution=12)
    write_mesh(tmp_path / "ball.obj", vertices, faces)
    words = [line.split() for line in (tmp_path / "ball.obj").read_text().splitlines()]
    found = torch.tensor([[float(x) for x in row[1:]] for row in words if row[0] == "v"])
    torch.testing.assert_close(found, vertices, rtol=1e-5, atol=1e-5)
    indices = torch.tensor([[int(x) for x in row[1:]] for row in words if row[0] == "f"])
    assert torch.equal(indices - 1, faces)


def test_a_film_walks_around_the_scene(tmp_path):
    film = orbit_film(ball, OccupancyGrid(), pinhole(16, 12, 0.8), 16, 12, frames=4)
    assert film.shape == (4, 12, 16, 3) and film.dtype == torch.uint8
    middle = film[:, 6, 8].int()
    assert middle[0, 0] > 200 > middle[0, 2] and middle[2, 2] > 200 > middle[2, 0]  # red, then blue
    assert bool((film[:, 0, 0] == 255).all())  # white around it
    for suffix in ("gif", "webp"):
        write_film(tmp_path / f"film.{suffix}", film, seconds=0.4)
        with Image.open(tmp_path / f"film.{suffix}") as picture:
            assert picture.n_frames == 4 and picture.size == (16, 12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: write_depth_map("x.jpg", view(1.0)), "path: got 'x.jpg'"),
        (lambda: write_depth_map("x.png", view(100.0)), "unit: 100 is too far"),
        (lambda: write_depth_map("x.png", view(1.0), unit=0.0), "unit: got 0.0"),
        (lambda: write_depth_map("x.png", Rendered(*[torch.zeros(3)] * 3)), "rendered: depth has"),
        (lambda: density_mesh(ball, bound=0.0), "bound, level: got 0.0"),
        (lambda: density_mesh(ball, level=-1.0), "bound, level: got"),
        (lambda: density_mesh(ball, resolution=1), "resolution: got 1"),
        (lambda: write_mesh("x.ply", torch.zeros(0, 3), torch.zeros(0, 3)), "path: got"),
        (lambda: write_mesh("x.obj", torch.zeros(1, 3), torch.ones(1, 3)), "faces: wanted"),
        (lambda: write_mesh("x.obj", torch.zeros(1, 2), torch.ones(1, 3)), "vertices: got"),
        (lambda: write_film("x.mp4", torch.zeros(1, 2, 2, 3)), "path: got"),
        (lambda: write_film("x.gif", torch.zeros(1, 2, 2, 3)), "film: got"),
        (lambda: write_film("x.gif", torch.zeros(1, 2, 2, 3).byte(), 0.0), "seconds: got"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        call()
