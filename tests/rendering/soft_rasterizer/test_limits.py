"""What the soft picture becomes at the ends, and the hard one against a plain z-buffer."""

import pytest
import torch

from course_lib.rendering import pinhole
from course_lib.rendering.soft_rasterizer import (
    barycentric,
    hard_coverage,
    icosphere,
    interpolate,
    project_faces,
    rasterize_mesh,
    soft_coverage,
    soft_rasterize,
    soft_rasterize_reference,
    soft_silhouette,
    z_buffer,
)
from course_lib.rendering.splats import pixel_centres

RENDERERS = [soft_rasterize, soft_rasterize_reference]


def hard_arguments(arguments):
    return {name: arguments[name] for name in arguments if name not in ("sigma", "gamma")}


@pytest.mark.parametrize("count", [0, 1, 200])
@pytest.mark.parametrize("size", [(1, 1), (31, 26)])
def test_the_hard_picture_is_a_z_buffer(soup, count, size):
    arguments = hard_arguments(soup(count, *size))
    got = rasterize_mesh(**arguments)
    camera = (arguments["viewmat"], arguments["K"])
    corners, inverse_depths = project_faces(arguments["vertices"], arguments["faces"], *camera)
    pixels = pixel_centres(*size)
    covered = hard_coverage(corners[:, None, None], pixels)
    weights = barycentric(corners[:, None, None], pixels)
    colors = arguments["colors"].view(-1, 1, 1, 3, 3)
    nearness, shown = interpolate(weights, inverse_depths[:, None, None], colors)
    seen = z_buffer(covered, 1.0 / nearness)
    image = arguments["background"].expand(*seen.shape, 3).clone()
    rows, columns = torch.nonzero(seen >= 0, as_tuple=True)
    image[rows, columns] = shown[seen[rows, columns], rows, columns]
    assert torch.equal(got.seen, seen) and torch.equal(got.alpha, (seen >= 0).float())
    torch.testing.assert_close(got.image, image, atol=1e-5, rtol=0)
    depth = torch.zeros(*seen.shape)
    depth[rows, columns] = 1.0 / nearness[seen[rows, columns], rows, columns]
    torch.testing.assert_close(got.depth, depth, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("renderer", RENDERERS)
def test_sigma_and_gamma_to_0_give_the_hard_picture(soup, renderer):
    arguments = soup(60, 33, 27)
    hard = rasterize_mesh(**hard_arguments(arguments))
    errors = []
    for sigma, gamma in ((1.0, 0.1), (1e-1, 1e-2), (1e-3, 1e-3), (1e-9, 1e-6)):
        image, alpha = renderer(**(arguments | {"sigma": sigma, "gamma": gamma}))
        errors.append(float((image - hard.image).abs().mean() + (alpha - hard.alpha).abs().mean()))
    assert errors == sorted(errors, reverse=True) and errors[0] > 0.1
    torch.testing.assert_close(image, hard.image, atol=1e-4, rtol=0)
    torch.testing.assert_close(alpha, hard.alpha, atol=1e-4, rtol=0)


@pytest.mark.parametrize("renderer", RENDERERS)
def test_gamma_to_0_shows_the_nearest_and_infinity_the_mean(soup, renderer):
    arguments = soup(2, 5, 5, viewmat=torch.eye(4))
    wide = torch.tensor([[-90.0, -90.0, 0.0], [90.0, -90.0, 0.0], [0.0, 90.0, 0.0]])
    arguments["vertices"] = torch.cat([wide + torch.tensor([0, 0, z]) for z in (4.0, 2.0)])
    arguments["colors"] = torch.tensor([[[1.0, 0.0, 0.0]], [[0.0, 0.0, 1.0]]])
    nearest, _ = renderer(**(arguments | {"gamma": 1e-3}))
    mean, _ = renderer(**(arguments | {"gamma": 1e6}))
    some, alpha = renderer(**(arguments | {"gamma": 0.25}))  # 1/2 and 1/4 differ by one gamma
    share = torch.sigmoid(torch.tensor(1.0))
    for picture, blue in ((nearest, 1.0), (mean, 0.5), (some, share)):
        expected = torch.tensor([1.0 - blue, 0.0, blue]).expand_as(picture)
        torch.testing.assert_close(picture, expected, atol=2e-6, rtol=0)
    assert bool((alpha == 1).all())  # the picture is all covered


@pytest.mark.parametrize("renderer", RENDERERS)
@pytest.mark.parametrize("sigma", [0.1, 1.0, 10.0])
def test_one_triangle_has_its_coverage_as_alpha_and_as_its_colours_share(soup, renderer, sigma):
    arguments = soup(1, 23, 17) | {"sigma": sigma}
    arguments["colors"] = arguments["colors"][:1].expand(3, 3)
    image, alpha = renderer(**arguments)
    camera = (arguments["viewmat"], arguments["K"])
    corners, _ = project_faces(arguments["vertices"], arguments["faces"], *camera)
    coverage = soft_coverage(corners[0], pixel_centres(23, 17), sigma)
    torch.testing.assert_close(alpha, coverage, atol=2e-6, rtol=0)
    expected = torch.lerp(arguments["background"], arguments["colors"][0], coverage[..., None])
    torch.testing.assert_close(image, expected, atol=3e-6, rtol=0)


def test_two_halves_of_a_square_cover_its_inside_and_three_quarters_of_the_seam():
    square = torch.tensor([[-2.0, -2.0, 2.0], [2.0, -2.0, 2.0], [2.0, 2.0, 2.0], [-2.0, 2.0, 2.0]])
    scene = (square, torch.tensor([[0, 1, 2], [0, 2, 3]]), torch.eye(4), pinhole(9, 9, 1.0), 9, 9)
    alpha = soft_silhouette(*scene, sigma=0.01)
    torch.testing.assert_close(alpha.diagonal(), torch.full((9,), 0.75))
    assert float((alpha + torch.eye(9)).min()) > 0.999999


def test_the_sphere_has_the_area_that_geometry_says():
    vertices, faces = icosphere(4)
    viewmat = torch.eye(4)
    viewmat[2, 3] = 4.0  # a cone of half angle asin(1/4) touches the sphere
    K = pinhole(128, 128, 0.8)
    alpha = rasterize_mesh(vertices, faces, vertices.abs(), viewmat, K, 128, 128).alpha
    expected = torch.pi * float(K[0, 0]) ** 2 / 15.0  # tan² asin(1/4) = 1/15
    assert abs(float(alpha.sum()) / expected - 1.0) < 0.01


def test_a_hard_picture_does_not_know_where_its_edges_should_go(soup):
    arguments = hard_arguments(soup(20, 24, 24))
    arguments["colors"] = torch.ones(20, 1, 3)
    vertices = arguments["vertices"].requires_grad_()
    picture = rasterize_mesh(**arguments)
    picture.image.sum().backward()
    assert not picture.alpha.requires_grad and float(picture.alpha.sum()) > 20
    assert float(vertices.grad.abs().max()) < 1e-4
