import math

import pytest
import torch

from course_lib.rendering.nerf import write_mesh
from course_lib.rendering.soft_rasterizer import (
    face_normals,
    icosphere,
    lambert,
    laplacian_loss,
    vertex_normals,
)


@pytest.mark.parametrize("subdivisions", [0, 1, 3])
def test_the_sphere_is_closed_round_and_faces_outwards(subdivisions):
    vertices, faces = icosphere(subdivisions)
    assert faces.shape == (20 * 4**subdivisions, 3)
    assert vertices.shape == (10 * 4**subdivisions + 2, 3) and vertices.dtype == torch.float32
    torch.testing.assert_close(vertices.norm(dim=1), torch.ones(len(vertices)))
    sides = torch.stack([faces, faces.roll(-1, dims=1)], dim=2).view(-1, 2)
    pairs = {tuple(side) for side in sides.tolist()}
    assert len(pairs) == len(sides)  # no side twice in one direction, each once in the other
    assert {(b, a) for a, b in pairs} == pairs
    outwards = (face_normals(vertices, faces) * vertices[faces].mean(dim=1)).sum(dim=1)
    assert float(outwards.min()) > 0.7


def test_the_spheres_volume_approaches_that_of_a_ball():
    vertices, faces = icosphere(4)
    volume = float(torch.linalg.det(vertices[faces]).sum()) / 6.0
    assert abs(volume / (4.0 / 3.0 * math.pi) - 1.0) < 0.01


@pytest.mark.parametrize("subdivisions", [-1, 7, 1.5])
def test_other_subdivisions_are_refused(subdivisions):
    with pytest.raises(ValueError, match=r"^subdivisions: got"):
        icosphere(subdivisions)


def test_normals_of_a_sphere_are_its_points_and_turn_with_the_faces():
    vertices, faces = icosphere(3)
    normals = vertex_normals(vertices, faces)
    assert float((normals * vertices).sum(dim=1).min()) > 0.999
    torch.testing.assert_close(vertex_normals(vertices, faces.flip(1)), -normals)


def test_flat_faces_and_lone_vertices_have_normals_and_gradients_that_are_finite():
    vertices = torch.rand(4, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
    faces = torch.tensor([[0, 1, 2], [0, 0, 1]])
    normals, all_of_them = face_normals(vertices, faces), vertex_normals(vertices, faces)
    (normals.sum() + all_of_them.sum()).backward()
    assert bool((normals[1] == 0).all()) and bool((all_of_them[3] == 0).all())
    assert bool(torch.isfinite(vertices.grad).all())


def test_light_from_the_front_from_the_side_and_from_behind():
    normal = torch.tensor([0.0, 0.0, 1.0])
    albedo = torch.tensor([1.0, 0.5, 0.0])
    for angle, brightness in ((0.0, 1.0), (60.0, 0.6), (90.0, 0.2), (180.0, 0.2)):
        turned = math.radians(angle)
        light = 7.0 * torch.tensor([math.sin(turned), 0.0, math.cos(turned)])
        torch.testing.assert_close(lambert(albedo, normal, light), brightness * albedo)


@pytest.mark.parametrize("light", [torch.zeros(3), torch.ones(2), torch.full((3,), torch.nan)])
def test_a_light_without_direction_is_refused(light):
    with pytest.raises(ValueError, match=r"^light: got"):
        lambert(torch.ones(3), torch.ones(3), light)


def test_roughness_is_the_formula_and_does_not_change_with_place():
    vertices, faces = icosphere(1)
    neighbours = [set() for _ in vertices]
    for face in faces.tolist():
        for corner in face:
            neighbours[corner] |= set(face) - {corner}
    middles = torch.stack([vertices[list(those)].mean(dim=0) for those in neighbours])
    wanted = (vertices - middles).square().sum(dim=1).mean()
    torch.testing.assert_close(laplacian_loss(vertices, faces), wanted)
    torch.testing.assert_close(laplacian_loss(vertices + 3.0, faces), wanted, rtol=1e-3, atol=0)
    assert float(laplacian_loss(vertices, faces)) > 5 * float(laplacian_loss(*icosphere(2)))
    assert float(laplacian_loss(torch.ones(5, 3), faces[:0])) == 0.0


def test_going_down_the_loss_smooths():
    vertices, faces = icosphere(2)
    noise = torch.randn(vertices.shape, generator=torch.Generator().manual_seed(0))
    rough = (vertices + 0.1 * noise).requires_grad_()
    before = laplacian_loss(rough, faces).item()
    for _ in range(20):
        (gradient,) = torch.autograd.grad(laplacian_loss(rough, faces), rough)
        rough = (rough - 20.0 * gradient).detach().requires_grad_()
    assert float(laplacian_loss(rough.detach(), faces)) < 0.3 * before


def test_a_sphere_can_be_written(tmp_path):
    write_mesh(tmp_path / "sphere.obj", *icosphere(0))
    lines = (tmp_path / "sphere.obj").read_text().splitlines()
    assert [sum(line.startswith(kind) for line in lines) for kind in ("v ", "f ")] == [12, 20]
