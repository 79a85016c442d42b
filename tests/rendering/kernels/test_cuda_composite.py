"""The CUDA compositing, on the CPU: against the reference's blending of the same splats."""

import pytest
import torch

from course_lib.rendering.kernels import cuda_stages
from course_lib.rendering.splats import rasterize
from course_lib.rendering.splats.projection import MAX_ALPHA, MIN_TRANSMITTANCE
from course_lib.rendering.splats.reference import blend, pixel_centres, splat_alpha


def splats_of(launch, arguments):
    """What the compositing reads: packed, members, bounds; rects, starts; the order of the seen."""
    scene = [arguments[name] for name in ("means", "quats", "scales", "opacities")]
    camera = [arguments[name] for name in ("viewmat", "K", "width", "height")]
    packed, rects, touched, keys = cuda_stages.project(launch, *scene, *camera)
    colors = arguments["colors"][:, None]
    cuda_stages.shade(launch, scene[0], colors, camera[0], -1, touched[1:], packed)
    order, starts = keys.sort(stable=True).indices.int(), touched.cumsum(0).int()
    lists = cuda_stages.tile_lists(launch, order, rects, starts, int(starts[-1]), *camera[2:])
    return (packed, *lists), (rects, starts), order[: int((touched > 0).sum())]


def by_splat(moments, lists, owners, order):
    """Gradients of means (M, 2), conics (M, 3), opacities and colours from the pairs' moments."""
    packed, (_, starts) = lists[0][order.long()].double(), owners
    total = torch.zeros(len(starts) - 1, cuda_stages.MOMENTS, dtype=torch.float64)
    owner = torch.repeat_interleave(torch.arange(len(total)), starts.diff().long())
    colors, rest = total.index_add(0, owner, moments.double())[order.long()].split([3, 6], dim=1)
    s, sx, sy, sxx, sxy, syy = rest.unbind(1)
    xx, xy, yy = packed[:, 2:5].unbind(1)
    return {
        "means": -torch.stack([xx * sx + xy * sy, xy * sx + yy * sy], dim=1),
        "conics": torch.stack([0.5 * sxx, sxy, 0.5 * syy], dim=1),
        "opacities": -s / packed[:, 5],
        "colors": colors,
    }


def reference(packed, background, width, height, grad_image, grad_alpha):
    """Picture and gradients of the same splats by the reference's `blend`, in float64."""
    rows = packed.double()
    leaves = {
        "means": rows[:, :2], "conics": rows[:, 2:5], "opacities": rows[:, 5],
        "colors": rows[:, 6:9], "background": background.double(),
    }  # fmt: skip
    leaves = {name: leaf.clone().requires_grad_() for name, leaf in leaves.items()}
    covariances = torch.linalg.inv(leaves["conics"][:, [0, 1, 1, 2]].unflatten(1, (2, 2)))
    pixels = pixel_centres(width, height).double()
    splats = zip(leaves["means"], covariances, leaves["opacities"], strict=True)
    picture, light = blend(
        (splat_alpha(pixels, *splat) for splat in splats),
        leaves["colors"], torch.ones(height, width, dtype=torch.float64),
    )  # fmt: skip
    image, alpha = picture + light[..., None] * leaves["background"], 1.0 - light
    loss = (image * grad_image).sum() + (alpha * grad_alpha).sum()
    gradients = torch.autograd.grad(loss, list(leaves.values()), materialize_grads=True)
    return (image.detach(), alpha.detach()), dict(zip(leaves, gradients, strict=True))


def assert_close(got, wanted, tolerance, name):
    """Off by at most ``tolerance`` of what is wanted, as a norm over all splats."""
    assert got.shape == wanted.shape and bool(torch.isfinite(got).all()), name
    difference, size = float((got - wanted).norm()), float(wanted.norm())
    assert difference <= tolerance * size + 1e-6, f"{name}: {difference} of {size}"


def check_scene(launch, arguments, tolerance=1e-4):
    """Values and gradients of the blending against the reference's, values against numba's too."""
    background, width, height = (arguments[name] for name in ("background", "width", "height"))
    lists, owners, order = splats_of(launch, arguments)
    seen = cuda_stages.composite(launch, *lists, background, width, height)
    generator = torch.Generator().manual_seed(1)
    gradients = [torch.randn(part.shape, generator=generator) for part in seen]
    moments = cuda_stages.composite_backward(launch, *lists, *owners, *seen, *gradients)
    found = by_splat(moments, lists, owners, order)
    found["background"] = torch.einsum("hwc,hw->c", gradients[0], 1.0 - seen[1]).double()
    wanted, wanted_gradients = reference(
        lists[0][order.long()], background, width, height, *gradients
    )
    for got, one, other in zip(seen, rasterize(**arguments), wanted, strict=True):
        assert float((got - one).abs().mean()) <= 1e-6
        assert float((got - other).abs().mean()) <= 1e-6
    for name, other in wanted_gradients.items():
        assert_close(found[name], other, tolerance, name)
    return lists, seen


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (17, 15), (48, 5), (33, 64)])
def test_picture_sizes(launch, scene, size):
    check_scene(launch, scene(60, *size))


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_splats(launch, scene, count):
    lists, (image, alpha) = check_scene(launch, scene(count, 19, 18))
    assert len(lists[0]) == count
    if count == 0:
        assert bool((alpha == 0).all()) and bool((image == torch.tensor([0.2, 0.5, 0.9])).all())


@pytest.mark.parametrize("opacity", [0.004, 0.3, 0.9995, 1.0])
def test_transparent_and_opaque(launch, scene, opacity):
    check_scene(launch, scene(40, 30, 21, opacities=torch.full((40,), opacity)))


@pytest.mark.parametrize("factor", [1e-6, 0.3, 10.0])
def test_tiny_and_large(launch, scene, factor):
    arguments = scene(40, 30, 21)
    arguments["scales"] = arguments["scales"] * factor
    check_scene(launch, arguments)


def test_more_splats_in_a_tile_than_are_staged_at_a_time(launch, scene):
    arguments = scene(700, 20, 20, opacities=torch.full((700,), 0.01))
    arguments["means"] = arguments["means"] * 0.1
    (_, _, bounds), (_, alpha) = check_scene(launch, arguments)
    assert int((bounds[1] - bounds[0]).max()) > 2 * cuda_stages.TILE**2
    assert 0.1 < float(alpha.max()) < 1.0 - MIN_TRANSMITTANCE  # none stops early


def test_a_whole_tile_that_stops_early(launch, scene):
    arguments = scene(400, 48, 48, opacities=torch.full((400,), 0.7))
    arguments["means"], arguments["scales"] = arguments["means"] * 0.1, arguments["scales"] * 3
    (_, _, bounds), (_, alpha) = check_scene(launch, arguments, 1e-3)
    light = (1.0 - alpha) / MIN_TRANSMITTANCE
    assert float(light.min()) > 0.99  # without the stop there would be none left
    assert float(light[16:32, 16:32].max()) < 5.0 and float(light.max()) > 100.0
    assert int((bounds[1] - bounds[0]).max()) > cuda_stages.TILE**2


def test_pixels_that_stop_while_others_of_their_tile_go_on(launch, scene):
    arguments = scene(700, 16, 16)
    arguments["means"] = arguments["means"] * 0.4
    _, (_, alpha) = check_scene(launch, arguments, 1e-3)
    light = (1.0 - alpha) / MIN_TRANSMITTANCE
    assert 0.99 < float(light.min()) < 2.0 and float(light.max()) > 100.0


def test_where_alpha_is_capped(launch, scene):
    arguments = scene(5, 20, 18, opacities=torch.ones(5))
    arguments["scales"] = torch.full((5, 3), 20.0)
    _, (_, alpha) = check_scene(launch, arguments)
    assert float(((alpha - MAX_ALPHA).abs() < 1e-6).float().mean()) > 0.1


def test_the_same_bits_on_every_run(launch, scene):
    lists, owners, _ = splats_of(launch, scene(200, 40, 20))
    seen = cuda_stages.composite(launch, *lists, torch.ones(3), 40, 20)
    gradients = [torch.ones_like(part) for part in seen]
    runs = [
        cuda_stages.composite_backward(launch, *lists, *owners, *seen, *gradients) for _ in range(2)
    ]
    assert torch.equal(*runs)


def alpha_of(launch, *splats):
    """Alpha of a 4 x 4 picture of splats (u, v, A, B, C, opacity), all white."""
    packed = torch.ones(len(splats), cuda_stages.PACKED)
    packed[:, :6] = torch.tensor(splats)
    members = torch.arange(len(splats), dtype=torch.int32)
    bounds = torch.tensor([[0], [len(splats)]], dtype=torch.int32)
    return cuda_stages.composite(launch, packed, members, bounds, torch.zeros(3), 4, 4)[1]


def test_numbers_that_are_not_finite_draw_nothing(launch):
    nan, inf = float("nan"), float("inf")
    plain = (2.0, 2.0, 1.0, 0.0, 1.0, 0.5)
    alpha = alpha_of(launch, (nan,) * 6, (2.0, 2.0, inf, -inf, inf, 1.0), plain)
    assert torch.equal(alpha, alpha_of(launch, plain)) and float(alpha.max()) > 0.3


def test_a_sigma_that_rounding_made_negative_adds_no_light(launch):
    assert float(alpha_of(launch, (2.0, 2.0, 1.0, -1.001, 1.0, 0.5)).max()) == 0.5
