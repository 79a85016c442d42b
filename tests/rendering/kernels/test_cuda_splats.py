"""CUDA's whole way, on the CPU: `rasterize` with the kernels of `splats_*.cu` in it.

Values and gradients against numba's way and against the reference in float64.
"""

import pytest
import torch

from course_lib.rendering import look_at, orbit
from course_lib.rendering.kernels import cuda_stages
from course_lib.rendering.splats import operators, rasterize, rasterize_reference


@pytest.fixture
def launched():
    """Names of the kernels that were launched."""
    return []


def draw_cpu_tensors_with(launch, patch):
    patch.setattr(operators, "_launcher", lambda device: launch)
    patch.setattr(operators, "CPU_TILE", (operators.TILE, operators.TILE))


@pytest.fixture
def cuda(launch, launched, monkeypatch, derive):
    """Functions (rasterize, derive) that draw CPU tensors with the CUDA source."""

    def counting(kernel, *arguments):
        launched.append(kernel)
        launch(kernel, *arguments)

    def drawing(function):
        def call(*arguments, **options):
            with monkeypatch.context() as patch:
                draw_cpu_tensors_with(counting, patch)
                return function(*arguments, **options)

        return call

    return drawing(rasterize), drawing(derive)


@pytest.fixture
def agree(cuda, derive, launched):
    """Mean error of a picture at most 1e-6, of a gradient at most ``tolerance`` of its norm."""

    def check(arguments, tolerance=1e-4, **options):
        in_double = {k: v.double() if torch.is_tensor(v) else v for k, v in arguments.items()}
        values, gradients = cuda[1](rasterize, arguments, **options)
        assert {"composite", "composite_backward"} <= set(launched)
        twins = {
            "numba": derive(rasterize, arguments, **options),
            "reference": derive(rasterize_reference, in_double, **options),
        }
        for twin, (wanted_values, wanted_gradients) in twins.items():
            for one, other in zip(values, wanted_values, strict=True):
                assert one.shape == other.shape and one.dtype == torch.float32
                assert float((one - other).abs().mean()) <= 1e-6, twin
            for name, other in wanted_gradients.items():
                one = gradients[name]
                assert one.shape == other.shape and bool(torch.isfinite(one).all()), name
                difference, size = float((one - other).norm()), float(other.norm())
                assert difference <= tolerance * size + 1e-6, (name, twin, difference, size)
        return values, gradients

    return check


@pytest.mark.parametrize("sh_degree", [None, 0, 1, 2, 3])
def test_colours_and_harmonics(agree, scene, sh_degree):
    agree(scene(300, 37, 29, sh_degree))


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (17, 15), (48, 5), (33, 64)])
def test_picture_sizes(agree, scene, size):
    agree(scene(50, *size))


@pytest.mark.parametrize("count", [0, 1, 2, 256, 257])
@pytest.mark.parametrize("sh_degree", [None, 1])
def test_counts(agree, scene, count, sh_degree):
    agree(scene(count, 19, 18, sh_degree))


def test_ten_thousand(agree, scene):
    many = scene(10_000, 33, 20)
    many["scales"] = many["scales"] * 0.2
    # Among many alphas, float32 can put one on the other side of 1/255 than float64 does.
    agree(many, tolerance=3e-3)


def test_all_behind_the_camera(agree, scene):
    (image, alpha), gradients = agree(
        scene(20, 20, 20, viewmat=look_at((0, -3, 0), target=(0, -6, 0)))
    )
    assert bool((alpha == 0).all()) and torch.equal(image[3, 4], torch.tensor([0.2, 0.5, 0.9]))
    assert all(bool((gradients[n] == 0).all()) for n in gradients if n != "background")


def test_some_behind_the_camera_and_some_beside(agree, scene):
    agree(scene(200, 30, 30, viewmat=look_at((0.1, -0.2, 0.0))), 1e-3)


@pytest.mark.parametrize("factor", [1e-6, 0.0, 30.0, 1000.0])
def test_tiny_and_enormous(agree, scene, factor):
    arguments = scene(40, 30, 21)
    arguments["scales"] = arguments["scales"] * factor
    agree(arguments, 1e-3)


def test_needles(agree, scene):
    arguments = scene(40, 60, 50)
    arguments["scales"] = torch.tensor([1.0, 1e-5, 1e-5]).repeat(40, 1)
    agree(arguments, 3e-3)


@pytest.mark.parametrize("opacity", [0.0, 0.0038, 0.004, 0.9995, 1.0])
def test_transparent_and_opaque(agree, scene, opacity):
    agree(scene(30, 20, 20, opacities=torch.full((30,), opacity)))


def test_all_in_one_tile_and_pixels_that_stop_early(agree, scene):
    arguments = scene(600, 64, 64, opacities=torch.full((600,), 0.7))
    arguments["means"] = arguments["means"] * 0.05
    agree(arguments, 1e-3)


def test_depth_and_batches_of_cameras(agree, scene):
    arguments = scene(60, 20, 18, 2) | {"viewmat": orbit(3, 3.0)}
    arguments["K"] = arguments["K"] * torch.tensor([[[1.0]], [[1.2]], [[0.8]]])
    arguments["K"][:, 2, 2] = 1.0
    agree(arguments, 1e-3, return_depth=True)


def test_more_coefficients_than_the_degree_uses(agree, scene):
    _, gradients = agree(scene(20, 20, 20, 3) | {"sh_degree": 1})
    assert bool((gradients["colors"][:, 4:] == 0).all())


def test_equal_depths_keep_their_order(cuda, scene):
    count = 300
    arguments = scene(count, 40, 24, means=torch.zeros(count, 3), quats=torch.ones(count, 4))
    image, turned = (
        cuda[0](**(arguments | {"colors": colors}))[0]
        for colors in (arguments["colors"], arguments["colors"].flip(0))
    )
    torch.testing.assert_close(image, rasterize(**arguments)[0], atol=1e-5, rtol=0)
    assert float((image - turned).abs().max()) > 0.1  # the order does matter


@pytest.mark.parametrize("count", [0, 1, 700])
def test_lists_are_from_near_to_far_and_ties_by_index(launch, count):
    generator = torch.Generator().manual_seed(count)
    depths = torch.randint(1, 20, (count,), generator=generator)  # many are equal
    corner = torch.randint(0, 5, (count, 2), generator=generator)
    extent = torch.randint(0, 4, (count, 2), generator=generator)  # some touch no tile
    (x0, y0), (x1, y1) = corner.T, (corner + extent).clamp_max(5).T
    rects = torch.stack([x0, x1, y0, y1], dim=1).short()
    touched = ((x1 - x0) * (y1 - y0)).int()
    starts = torch.nn.functional.pad(touched.cumsum(0), (1, 0)).int()
    order, pairs = depths.sort(stable=True).indices.int(), int(touched.sum())
    members, bounds = cuda_stages.tile_lists(launch, order, rects, starts, pairs, 80, 75)
    lists = [[] for _ in range(25)]
    for i in order.tolist():
        for y in range(int(y0[i]), int(y1[i])):
            for x in range(int(x0[i]), int(x1[i])):
                lists[5 * y + x].append(i)
    assert [members[first:last].tolist() for first, last in bounds.T.tolist()] == lists


def test_the_same_bits_on_every_run(cuda, scene):
    runs = [cuda[1](rasterize, scene(1000, 50, 30, 2)) for _ in range(2)]
    assert all(torch.equal(*pair) for pair in zip(runs[0][0], runs[1][0], strict=True))
    assert all(torch.equal(runs[0][1][name], runs[1][1][name]) for name in runs[0][1])


def test_opcheck(launch, scene, monkeypatch):
    draw_cpu_tensors_with(launch, monkeypatch)
    made = scene(40, 21, 18, 2)
    tensors = [made[name] for name in ("means", "quats", "scales", "opacities", "colors")]
    camera = (made["viewmat"], made["background"], made["K"], 21, 18, 2)
    image, alpha, *kept = operators.rasterize_splats(*tensors, *camera)
    gradients, sizes = (torch.ones_like(image), torch.ones_like(alpha)), (21, 18, 2)
    torch.library.opcheck(
        operators.rasterize_splats_backward,
        (*gradients, *tensors, made["viewmat"], made["K"], *sizes, image, alpha, *kept),
    )
    leaves = [tensor.requires_grad_() for tensor in tensors]
    torch.library.opcheck(operators.rasterize_splats, (*leaves, *camera))


def test_views_and_strides_do_not_matter(cuda, scene):
    arguments = scene(30, 20, 20, 1)
    strided = {
        name: value.mT.contiguous().mT if torch.is_tensor(value) and value.ndim > 1 else value
        for name, value in arguments.items()
    }
    assert torch.equal(cuda[0](**strided)[0], cuda[0](**arguments)[0])


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("means", NAN), ("means", INF), ("quats", NAN), ("quats", 0.0), ("scales", NAN),
        ("scales", -0.1), ("scales", INF), ("opacities", NAN), ("opacities", -0.1),
        ("opacities", 1.1), ("colors", NAN), ("colors", INF),
    ],
)  # fmt: skip
@pytest.mark.parametrize("sh_degree", [None, 1])
def test_bad_values_are_named_with_their_gaussian(cuda, scene, name, value, sh_degree):
    arguments = scene(30, 20, 20, sh_degree)
    arguments[name] = arguments[name].clone()
    arguments[name][7] = value
    arguments[name][9] = value
    with pytest.raises(ValueError, match=f"^{name}: Gaussian 7: got"):
        cuda[0](**arguments)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"viewmat": torch.zeros(4, 4)}, "viewmat: its 3 x 3 part"),
        ({"viewmat": torch.full((4, 4), NAN)}, "viewmat, K: got NaN"),
        ({"K": torch.zeros(3, 3)}, "K: wanted"),
    ],
)
@pytest.mark.parametrize("count", [0, 30])
def test_a_bad_camera_is_named(cuda, scene, count, changes, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        cuda[0](**(scene(count, 20, 20) | changes))


def test_numbers_that_overflow_are_culled_not_crashed_on(cuda, scene):
    for exponent in range(0, 38):
        arguments = scene(11, 40, 24, seed=exponent)
        arguments["scales"] = arguments["scales"] * 10.0**exponent
        arguments["scales"][4:, 1:] = 1e-3  # needles
        arguments["means"][8] = torch.tensor([3e38, -3e38, 3e38])
        arguments["means"][9] = torch.tensor([1e30, 0.0, 0.0])
        _, wanted_alpha = rasterize(**arguments)
        (image, alpha), gradients = cuda[1](rasterize, arguments)
        assert bool(torch.isfinite(image).all()) and bool((alpha >= 0).all())
        assert float((alpha - wanted_alpha).abs().mean()) <= 1e-6
        assert {"means", "scales", "quats"} <= set(gradients)
