"""The reference against finite differences, and pictures that are taken back to their scenes."""

import pytest
import torch
from torch.autograd import gradcheck

from course_lib.rendering import look_at, pinhole
from course_lib.rendering.soft_rasterizer import (
    fit_camera_step,
    icosphere,
    lambert,
    laplacian_loss,
    soft_depth_blend,
    soft_rasterize,
    soft_rasterize_reference,
    soft_silhouette,
    vertex_normals,
)


def test_gradcheck_of_the_reference(soup):
    arguments = soup(3, 6, 5, dtype=torch.float64, size=1.0)
    names = ("vertices", "colors", "background")

    def draw(*leaves):
        return soft_rasterize_reference(**(arguments | dict(zip(names, leaves, strict=True))))

    assert gradcheck(draw, [arguments[name].requires_grad_() for name in names])


def test_gradcheck_of_the_camera_and_of_shading(soup):
    arguments = soup(0, 6, 5, dtype=torch.float64)
    vertices, arguments["faces"] = icosphere(0)

    def draw(vertices, offset, light, focal):
        normals = vertex_normals(vertices, arguments["faces"])
        colors = lambert(torch.ones_like(vertices), normals, light, ambient=0.3)
        shift = torch.nn.functional.pad(offset[:, None], (3, 0, 0, 1))  # (4, 4), translation only
        K = arguments["K"] * torch.stack([focal, focal, torch.ones_like(focal)])[:, None]
        K = torch.cat([K[:, :2], arguments["K"][:, 2:]], dim=1)
        changed = {"vertices": vertices, "colors": colors, "K": K}
        changed["viewmat"] = arguments["viewmat"] + shift
        return soft_rasterize_reference(**(arguments | changed))

    offset, light = torch.tensor([0.1, -0.2, 0.3]), torch.tensor([0.3, -1.0, 0.5])
    leaves = (0.7 * vertices, offset, light, torch.tensor(1.1))
    assert gradcheck(draw, [leaf.double().requires_grad_() for leaf in leaves])


def test_the_fast_gradient_is_a_slope(soup):
    """Along one direction, in steps that are large enough for float32 pictures.

    For a scene without a pixel that is about as near to one edge of a face as to another: there
    the nearest edge changes within the step, and the slope with it.
    """
    arguments = soup(3, 32, 28, viewmat=torch.eye(4))
    facing = torch.tensor([[-1.0, -0.8, 4.0], [1.0, -0.6, 4.0], [0.1, 0.9, 4.0]])
    shifts = torch.tensor([[0.0, 0.0, 0.0], [0.5, 0.2, 0.5], [-0.4, 0.4, -0.5]])
    arguments["vertices"] = (facing + shifts[:, None]).view(-1, 3)
    generator = torch.Generator().manual_seed(2)
    weight = torch.randn(28, 32, 3, generator=generator).double()
    way = torch.randn(9, 3, generator=generator)
    vertices = arguments["vertices"].clone().requires_grad_()

    def loss(vertices):
        return (soft_rasterize(**(arguments | {"vertices": vertices}))[0].double() * weight).sum()

    loss(vertices).backward()
    slope = float((vertices.grad * way).sum())
    with torch.no_grad():
        step = 1e-3
        ahead, behind = loss(vertices + step * way), loss(vertices - step * way)
    assert abs(float(ahead - behind) / (2 * step) - slope) < 0.01 * abs(slope)


def test_a_face_behind_another_gets_a_gradient_through_its_depth():
    depths = torch.tensor([[1.0], [1.2]], requires_grad=True)
    colors = torch.tensor([[[1.0]], [[0.0]]])
    picture = soft_depth_blend(torch.ones(2, 1), depths, colors, torch.zeros(1), gamma=0.2)
    picture.sum().backward()
    assert float(depths.grad[0]) < -0.1 and float(depths.grad[1]) > 0.1


K, SIDE = pinhole(48, 48, 0.9), 48


def descend(leaf, loss_of, steps, rate):
    """Losses before and after so many steps of Adam."""
    optimizer = torch.optim.Adam([leaf], lr=rate)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = loss_of(leaf)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses[0], losses[-1]


def test_a_triangle_is_recovered_from_its_silhouette():
    wanted = torch.tensor([[-1.0, -0.8, 4.0], [1.2, -0.5, 4.0], [0.1, 1.1, 4.0]])
    face, camera = torch.tensor([[0, 1, 2]]), (torch.eye(4), K, SIDE, SIDE)
    target = soft_silhouette(wanted, face, *camera, sigma=1.0)
    start = torch.tensor([[-0.4, -0.3], [0.3, -0.4], [0.0, 0.4]]).requires_grad_()

    def loss_of(flat):
        vertices = torch.cat([flat, torch.full((3, 1), 4.0)], dim=1)
        return (soft_silhouette(vertices, face, *camera, sigma=1.0) - target).square().mean()

    first, last = descend(start, loss_of, 150, 0.03)
    assert last < 1e-3 * first
    assert float((start.detach() - wanted[:, :2]).abs().max()) < 0.02  # half a pixel is 0.04


def test_a_sphere_becomes_an_egg():
    vertices, faces = icosphere(2)
    camera = (look_at((0.0, -4.0, 0.5)), K, SIDE, SIDE)
    target = soft_silhouette(vertices * torch.tensor([0.6, 1.0, 1.3]), faces, *camera, sigma=0.5)

    def loss_of(moved):
        alpha = soft_silhouette(vertices + moved, faces, *camera, sigma=0.5)
        return (alpha - target).square().mean() + 0.1 * laplacian_loss(vertices + moved, faces)

    moved = torch.zeros_like(vertices).requires_grad_()
    first, last = descend(moved, loss_of, 100, 0.02)
    assert last < 0.05 * first


def test_a_light_is_recovered_from_shading():
    vertices, faces = icosphere(3)
    normals, viewmat = vertex_normals(vertices, faces), look_at((0.0, -4.0, 0.5))
    wanted = torch.nn.functional.normalize(torch.tensor([1.0, -1.0, 1.0]), dim=0)

    def draw(light):
        colors = lambert(torch.full_like(vertices, 0.8), normals, light)
        softness = {"sigma": 0.1, "gamma": 0.01}
        return soft_rasterize(vertices, faces, colors, viewmat, K, SIDE, SIDE, **softness)[0]

    target = draw(wanted)
    light = torch.tensor([-0.5, -1.0, -0.2]).requires_grad_()
    first, last = descend(light, lambda light: (draw(light) - target).square().mean(), 80, 0.05)
    assert last < 1e-2 * first
    assert float(torch.nn.functional.cosine_similarity(light.detach(), wanted, dim=0)) > 0.995


def test_a_cameras_offset_is_recovered():
    vertices, faces = icosphere(2)
    vertices = vertices * torch.tensor([1.0, 0.6, 0.8])
    wanted = look_at((0.0, -4.0, 0.5))
    target = soft_silhouette(vertices, faces, wanted, K, SIDE, SIDE, sigma=1.0)
    viewmat = wanted.clone()
    viewmat[:3, 3] += torch.tensor([0.4, -0.3, 0.5])
    away = (viewmat - wanted).norm()
    options = {"sigma": 1.0, "learning_rate": 0.2}
    losses = []
    for _ in range(120):
        viewmat, loss = fit_camera_step(viewmat, vertices, faces, K, target, **options)
        losses.append(float(loss))
    assert losses[-1] < 1e-2 * losses[0] and float((viewmat - wanted).norm()) < 0.1 * away
    assert torch.equal(viewmat[:3, :3], wanted[:3, :3])


def test_a_camera_step_is_one_of_gradient_descent_and_leaves_its_arguments_alone():
    vertices, faces = icosphere(1)
    viewmat, target = look_at((0.0, -4.0, 0.5)), torch.zeros(20, 24)
    K, before = pinhole(24, 20, 0.9), viewmat.clone()
    scene = (vertices, faces, K, target)
    after, loss = fit_camera_step(viewmat, *scene, sigma=1.0, learning_rate=0.5)
    leaf = viewmat.clone().requires_grad_()
    wanted = soft_silhouette(vertices, faces, leaf, K, 24, 20, sigma=1.0).square().mean()
    wanted.backward()
    torch.testing.assert_close(loss, wanted.detach())
    torch.testing.assert_close(after[:3, 3], before[:3, 3] - 0.5 * leaf.grad[:3, 3])
    assert torch.equal(viewmat, before) and not after.requires_grad
    still, _ = fit_camera_step(viewmat, *scene, sigma=1.0, learning_rate=0.0)
    assert torch.equal(still, viewmat)


def test_a_camera_step_names_what_it_cannot_use():
    vertices, faces = icosphere(0)
    given = {"viewmat": torch.eye(4), "target": torch.zeros(8, 8)}
    given |= {"vertices": vertices, "faces": faces, "K": pinhole(8, 8, 1.0)}
    for changes in ({"viewmat": torch.eye(3)}, {"target": torch.zeros(8, 8, 3)}):
        with pytest.raises(ValueError, match=f"^{next(iter(changes))}: got shape"):
            fit_camera_step(**(given | changes), sigma=1.0, learning_rate=1.0)
    with pytest.raises(TypeError, match=r"^target: got list"):
        fit_camera_step(**(given | {"target": [[1.0]]}), sigma=1.0, learning_rate=1.0)
