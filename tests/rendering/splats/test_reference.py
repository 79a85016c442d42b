import pytest
import torch

from course_lib.rendering import orbit
from course_lib.rendering.splats import (
    blend,
    covariance,
    evaluate_sh,
    pixel_centres,
    project,
    rasterize_reference,
    splat_alpha,
)


def oracle(
    means, quats, scales, opacities, colors, viewmat, K, width, height, sh_degree, background
):
    """Every Gaussian against every pixel at once, with a cumulative product."""
    seen = project(means, covariance(quats, scales), viewmat, K, width, height)
    order = torch.argsort(seen.depths.detach())
    order = order[seen.depths.detach()[order] > 0.01]
    if sh_degree is not None:
        eye = -viewmat[:3, :3].T @ viewmat[:3, 3]
        colors = evaluate_sh(colors, means - eye, sh_degree)
    d = pixel_centres(width, height).to(means)[..., None, :] - seen.means[order]  # (H, W, N, 2)
    precision = torch.linalg.inv(seen.covariances[order])
    sigma = 0.5 * torch.einsum("hwni,nij,hwnj->hwn", d, precision, d)
    alpha = (opacities[order] * torch.exp(-sigma)).clamp_max(0.999)
    alpha = torch.where(alpha >= 1 / 255, alpha, 0.0)
    after = torch.cumprod(1 - alpha, dim=-1)
    before = torch.cat([torch.ones_like(after[..., :1]), after[..., :-1]], dim=-1)
    weight = torch.where(after.detach() > 1e-4, alpha * before, 0.0)
    kept = weight.sum(dim=-1)
    return weight @ colors[order] + (1 - kept)[..., None] * background, kept


@pytest.mark.parametrize("sh_degree", [None, 0, 1, 2, 3])
def test_values_and_gradients_equal_the_oracles(scene, derive, sh_degree):
    arguments = scene(60, 23, 17, sh_degree, dtype=torch.float64)
    (image, alpha), gradients = derive(rasterize_reference, arguments)
    (wanted, wanted_alpha), wanted_gradients = derive(oracle, arguments)
    torch.testing.assert_close(image, wanted)
    torch.testing.assert_close(alpha, wanted_alpha)
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, wanted_gradients[name], msg=name)


def test_gradients_equal_finite_differences(scene):
    # Faint enough that no pixel stops, wide enough that every alpha stays above 1/255: no jumps.
    arguments = scene(3, 4, 3, 1, dtype=torch.float64, scales=torch.full((3, 3), 2.0))
    arguments["opacities"] = arguments["opacities"] * 0.5 + 0.2
    names = ("means", "quats", "scales", "opacities", "colors", "background")
    inputs = tuple(arguments.pop(name).requires_grad_() for name in names)

    def draw(*values):
        return rasterize_reference(**arguments, **dict(zip(names, values, strict=True)))

    assert torch.autograd.gradcheck(draw, inputs)


def test_one_splat_by_hand():
    pixels = pixel_centres(5, 1).double()
    sigma = torch.tensor([[4.0, 0.0], [0.0, 1.0]]).double()
    alpha = splat_alpha(pixels, pixels.new_tensor([2.5, 0.5]), sigma, pixels.new_tensor(0.9))
    wanted = 0.9 * torch.exp(-torch.tensor([4.0, 1, 0, 1, 4]).double() / 8)
    torch.testing.assert_close(alpha[0], wanted)
    # Capped at 0.999, and nothing below 1/255: exp(-8) = 0.0003.
    sigma = torch.eye(2).double() / 4
    alpha = splat_alpha(pixels, pixels.new_tensor([0.5, 0.5]), sigma, pixels.new_tensor(1.0))
    torch.testing.assert_close(alpha[0, [0, 2]], pixels.new_tensor([0.999, 0.0]))


def test_blend_by_hand_and_stopping():
    alphas = torch.tensor([0.9, 0.99, 0.95, 0.5]).double()[:, None, None]
    picture, light = blend(alphas, torch.eye(4).double(), torch.ones(1, 1).double())
    # 0.1 * 0.01 = 0.001 is left after two; the third would leave 0.00005: the pixel stops.
    torch.testing.assert_close(picture[0, 0], torch.tensor([0.9, 0.099, 0.0, 0.0]).double())
    torch.testing.assert_close(light, torch.full((1, 1), 0.001).double())


def test_weights_and_the_light_left_add_to_one(scene):
    arguments = scene(40, 16, 16)
    arguments["colors"] = torch.ones_like(arguments["colors"])
    arguments["background"] = torch.ones(3)
    image, _ = rasterize_reference(**arguments)
    torch.testing.assert_close(image, torch.ones(16, 16, 3))


def test_depth_of_a_flat_wall_is_its_distance():
    generator = torch.Generator().manual_seed(0)
    means = torch.rand(50, 3, generator=generator) - 0.5
    means[:, 2] = 3.0
    _, alpha, depth = rasterize_reference(
        means, torch.tensor([[1.0, 0, 0, 0]]).expand(50, 4), torch.full((50, 3), 0.2),
        torch.full((50,), 0.5), torch.rand(50, 3, generator=generator), torch.eye(4),
        torch.tensor([[10.0, 0, 8], [0, 10, 8], [0, 0, 1]]), 16, 16, return_depth=True,
    )  # fmt: skip
    torch.testing.assert_close(depth[alpha > 0], torch.full_like(depth[alpha > 0], 3.0))
    assert bool((depth[alpha == 0] == 0).all())


def test_a_batch_of_cameras_is_each_camera(scene):
    arguments = scene(30, 12, 10)
    arguments["viewmat"] = orbit(3, 3.0)
    images, alphas = rasterize_reference(**arguments)
    assert images.shape == (3, 10, 12, 3) and alphas.shape == (3, 10, 12)
    for view in range(3):
        one, _ = rasterize_reference(**(arguments | {"viewmat": arguments["viewmat"][view]}))
        torch.testing.assert_close(images[view], one)
