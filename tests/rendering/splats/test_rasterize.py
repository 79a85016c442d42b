"""The fast twin against the reference in float64: values, gradients, and what it refuses."""

import pytest
import torch

from course_lib.rendering import look_at, orbit
from course_lib.rendering.splats import rasterize, rasterize_reference


def in_double(arguments):
    return {k: v.double() if torch.is_tensor(v) else v for k, v in arguments.items()}


def assert_twins_agree(derive, arguments, tolerance=1e-4, **options):
    """Mean error of a picture at most 1e-6, of a gradient at most ``tolerance`` of its norm."""
    got, gradients = derive(rasterize, arguments, **options)
    wanted, wanted_gradients = derive(rasterize_reference, in_double(arguments), **options)
    for one, other in zip(got, wanted, strict=True):
        assert one.dtype == torch.float32 and one.shape == other.shape
        assert float((one - other).abs().mean()) <= 1e-6
    for name, other in wanted_gradients.items():
        one = gradients[name]
        assert one.shape == other.shape and bool(torch.isfinite(one).all()), name
        difference = float((one - other).norm())
        assert difference <= tolerance * float(other.norm()) + 1e-6, name


@pytest.mark.parametrize("sh_degree", [None, 0, 1, 2, 3])
def test_colours_and_harmonics(scene, derive, sh_degree):
    assert_twins_agree(derive, scene(300, 37, 29, sh_degree))


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (17, 15), (48, 5), (33, 64)])
def test_picture_sizes(scene, derive, size):
    assert_twins_agree(derive, scene(50, *size))


@pytest.mark.parametrize("count", [0, 1, 2])
@pytest.mark.parametrize("sh_degree", [None, 1])
def test_few(scene, derive, count, sh_degree):
    assert_twins_agree(derive, scene(count, 19, 18, sh_degree))


def test_ten_thousand(scene, derive):
    many = scene(10_000, 40, 33)
    many["scales"] = many["scales"] * 0.2
    # Among a million alphas, float32 puts a few on the other side of 1/255 than float64 does.
    assert_twins_agree(derive, many, tolerance=3e-3)


def test_all_behind_the_camera(scene, derive):
    arguments = scene(20, 20, 20, viewmat=look_at((0, -3, 0), target=(0, -6, 0)))
    assert_twins_agree(derive, arguments)
    image, alpha = rasterize(**arguments)
    assert bool((alpha == 0).all()) and torch.equal(
        image, torch.tensor([[[0.2, 0.5, 0.9]]]).expand_as(image)
    )


def test_some_behind_the_camera_and_some_beside(scene, derive):
    assert_twins_agree(derive, scene(200, 30, 30, viewmat=look_at((0.1, -0.2, 0.0))), 1e-3)


@pytest.mark.parametrize("factor", [1e-6, 0.0, 30.0, 1000.0])
def test_tiny_and_enormous(scene, derive, factor):
    arguments = scene(40, 30, 21)
    arguments["scales"] = arguments["scales"] * factor
    assert_twins_agree(derive, arguments, 1e-3)


def test_needles(scene, derive):
    arguments = scene(40, 60, 50)
    arguments["scales"] = torch.tensor([1.0, 1e-5, 1e-5]).repeat(40, 1)
    assert_twins_agree(derive, arguments, 3e-3)


@pytest.mark.parametrize("opacity", [0.0, 0.0038, 0.004, 0.9995, 1.0])
def test_transparent_and_opaque(scene, derive, opacity):
    assert_twins_agree(derive, scene(30, 20, 20, opacities=torch.full((30,), opacity)))


def test_all_in_one_tile_and_pixels_that_stop_early(scene, derive):
    arguments = scene(600, 64, 64, opacities=torch.full((600,), 0.7))
    arguments["means"] = arguments["means"] * 0.05
    assert_twins_agree(derive, arguments, 1e-3)


def test_equal_depths_keep_their_order(scene):
    arguments = scene(3, 8, 8, means=torch.zeros(3, 3), quats=torch.ones(3, 4))
    arguments["scales"] = torch.full((3, 3), 5.0)
    wanted, _ = rasterize_reference(**in_double(arguments))
    torch.testing.assert_close(rasterize(**arguments)[0].double(), wanted, atol=1e-5, rtol=0)


def test_depth(scene, derive):
    assert_twins_agree(derive, scene(100, 26, 18, 1), return_depth=True, tolerance=1e-3)


def test_batches_of_cameras(scene, derive):
    arguments = scene(60, 20, 18, 2)
    arguments["viewmat"] = orbit(3, 3.0)
    assert_twins_agree(derive, arguments)
    arguments["K"] = arguments["K"] * torch.tensor([[[1.0]], [[1.2]], [[0.8]]])
    arguments["K"][:, 2, 2] = 1.0
    assert_twins_agree(derive, arguments, return_depth=True, tolerance=1e-3)


def test_more_coefficients_than_the_degree_uses(scene, derive):
    arguments = scene(20, 20, 20, 3) | {"sh_degree": 1}
    assert_twins_agree(derive, arguments)
    _, gradients = derive(rasterize, arguments)
    assert bool((gradients["colors"][:, 4:] == 0).all())


def test_no_background_is_black_and_alpha_alone_has_gradients(scene):
    arguments = scene(30, 20, 20) | {"background": None}
    image, _ = rasterize(**arguments)
    black, _ = rasterize(**(arguments | {"background": torch.zeros(3)}))
    assert torch.equal(image, black)
    for part in (0, 1):
        opacities = arguments["opacities"].clone().requires_grad_()
        rasterize(**(arguments | {"opacities": opacities}))[part].sum().backward()
        assert float(opacities.grad.abs().sum()) > 0


def test_the_same_bits_on_every_run_and_on_any_number_of_threads(scene, derive):
    arguments = scene(5000, 70, 50, 2)
    threads = torch.get_num_threads()
    runs = []
    for count in (1, 2, 3, 2):
        torch.set_num_threads(count)
        runs.append(derive(rasterize, arguments))
    torch.set_num_threads(threads)
    for outputs, gradients in runs[1:]:
        assert all(torch.equal(a, b) for a, b in zip(outputs, runs[0][0], strict=True))
        for name in ("means", "quats", "scales", "opacities", "colors", "viewmat"):
            assert torch.equal(gradients[name], runs[0][1][name]), name


def test_views_and_strides_do_not_matter(scene):
    arguments = scene(30, 20, 20, 1)
    wanted, _ = rasterize(**arguments)
    strided = {
        name: value.mT.contiguous().mT if torch.is_tensor(value) and value.ndim > 1 else value
        for name, value in arguments.items()
    }
    assert torch.equal(rasterize(**strided)[0], wanted)


def test_an_older_pictures_gradient_survives_newer_calls(scene, derive):
    arguments = scene(200, 40, 40)
    _, wanted = derive(rasterize, arguments)
    means = arguments["means"].clone().requires_grad_()
    image, _ = rasterize(**(arguments | {"means": means}))
    rasterize(**scene(500, 60, 60, 1, seed=9))
    image.sum().backward()
    again = arguments["means"].clone().requires_grad_()
    rasterize(**(arguments | {"means": again}))[0].sum().backward()
    assert torch.equal(means.grad, again.grad) and "means" in wanted


def test_pictures_may_be_differentiated_in_any_order(scene):
    """The tiles' lists of the newest are kept: no other may take them for its own."""
    scenes = [scene(n, 40, 40, seed=n) for n in (100, 300, 200)]
    wanted = [means_gradient(rasterize(**each)[0], each) for each in map(tracked, scenes)]
    for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0)):
        each = [tracked(arguments) for arguments in scenes]
        images = [rasterize(**arguments)[0] for arguments in each]
        for k in order:
            assert torch.equal(means_gradient(images[k], each[k]), wanted[k])


def tracked(arguments):
    return arguments | {"means": arguments["means"].clone().requires_grad_()}


def means_gradient(image, arguments):
    image.square().sum().backward()
    return arguments["means"].grad


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("means", NAN), ("means", INF), ("quats", NAN), ("scales", NAN), ("scales", -0.1),
        ("scales", INF), ("opacities", NAN), ("opacities", -0.1), ("opacities", 1.1),
        ("colors", NAN), ("colors", INF),
    ],
)  # fmt: skip
@pytest.mark.parametrize("renderer", [rasterize, rasterize_reference])
def test_bad_values_are_named_with_their_gaussian(scene, renderer, name, value):
    arguments = scene(30, 20, 20)
    arguments[name] = arguments[name].clone()
    arguments[name][7] = value
    with pytest.raises(ValueError, match=f"^{name}: Gaussian 7"):
        renderer(**arguments)


def test_a_quaternion_of_length_zero(scene):
    arguments = scene(3, 20, 20)
    arguments["quats"][1] = 0.0
    with pytest.raises(ValueError, match=r"^quats: Gaussian 1"):
        rasterize(**arguments)


def test_numbers_that_overflow_are_culled_not_crashed_on(scene):
    arguments = scene(4, 20, 20)
    arguments["means"][0] = torch.tensor([3e38, -3e38, 3e38])
    arguments["means"][1] = torch.tensor([1e30, 0.0, 0.0])
    arguments["scales"][2] = 1e30
    arguments["scales"][3] = 1e12
    leaves = {name: arguments[name].requires_grad_() for name in ("means", "scales", "quats")}
    image, alpha = rasterize(**arguments)
    (image.sum() + alpha.sum()).backward()
    assert bool(torch.isfinite(image).all())
    assert all(bool(torch.isfinite(leaf.grad).all()) for leaf in leaves.values())


def test_every_size_up_to_the_end_of_float32_is_safe(scene):
    for exponent in range(0, 38):
        arguments = scene(8, 40, 24, seed=exponent)
        arguments["scales"] = arguments["scales"] * 10.0**exponent
        arguments["scales"][4:, 1:] = 1e-3  # needles
        leaves = {name: arguments[name].requires_grad_() for name in ("means", "scales", "quats")}
        image, alpha = rasterize(**arguments)
        image.sum().backward()
        assert bool(torch.isfinite(image).all()) and bool((alpha >= 0).all())
        assert all(leaf.grad is not None for leaf in leaves.values())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"means": torch.zeros(30, 2)}, "means: got shape"),
        ({"means": torch.zeros(3)}, "means: got shape"),
        ({"quats": torch.zeros(30, 3)}, "quats: got shape"),
        ({"scales": torch.zeros(29, 3)}, "scales: got shape"),
        ({"opacities": torch.zeros(30, 1)}, "opacities: got shape"),
        ({"colors": torch.zeros(30, 4, 3)}, "colors: got shape"),
        ({"sh_degree": 0}, "colors: got shape"),
        ({"sh_degree": 4}, "sh_degree"),
        ({"background": torch.zeros(4)}, "background: got shape"),
        ({"viewmat": torch.eye(3)}, "viewmat: got shape"),
        ({"viewmat": torch.eye(4).expand(0, 4, 4)}, "viewmat: got a batch of 0"),
        ({"viewmat": torch.zeros(4, 4)}, "viewmat: its 3 x 3 part"),
        ({"viewmat": torch.diag(torch.tensor([1.0, 1, -1, 1]))}, "viewmat: its 3 x 3 part"),
        ({"viewmat": torch.full((4, 4), NAN)}, "viewmat, K: got NaN"),
        ({"K": torch.zeros(2, 3, 3)}, "K: got shape"),
        ({"K": torch.zeros(3, 3)}, "K: wanted"),
        ({"width": 0}, "width"),
        ({"height": 100_000}, "height"),
        ({"width": 20.0}, "width"),
    ],
)
def test_bad_arguments_are_named(scene, changes, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        rasterize(**(scene(30, 20, 20) | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"means": [[0.0, 0.0, 0.0]]}, "means: got list"),
        ({"quats": torch.zeros(30, 4, dtype=torch.float16)}, "quats: got torch.float16"),
        ({"scales": torch.zeros(30, 3, dtype=torch.float64)}, "scales: got torch.float64"),
    ],
)
def test_bad_types_are_named(scene, changes, message):
    with pytest.raises(TypeError, match=f"^{message}"):
        rasterize(**(scene(30, 20, 20) | changes))
    with pytest.raises(TypeError, match="rasterize_reference takes both"):
        rasterize(**in_double(scene(30, 20, 20)))


def test_another_device_is_told_so(scene):
    arguments = {
        name: value.to("meta") if torch.is_tensor(value) else value
        for name, value in scene(3, 20, 20).items()
    }
    with pytest.raises(NotImplementedError, match="no kernel for it yet"):
        rasterize(**arguments)
    with pytest.raises(ValueError, match=r"^quats: is on cpu"):
        rasterize(**(arguments | {"quats": torch.ones(3, 4)}))
