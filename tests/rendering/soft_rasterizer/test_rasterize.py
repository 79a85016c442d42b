"""The fast twin against the reference in float64: values, gradients, and what it refuses."""

import pytest
import torch

from course_lib.rendering import look_at
from course_lib.rendering.soft_rasterizer import (
    icosphere,
    rasterize_mesh,
    soft_rasterize,
    soft_rasterize_reference,
    soft_silhouette,
)

RENDERERS = [soft_rasterize, soft_rasterize_reference]
NAN, INF = float("nan"), float("inf")


def in_double(arguments):
    return {
        name: value.double() if torch.is_tensor(value) and value.is_floating_point() else value
        for name, value in arguments.items()
    }


def assert_twins_agree(derive, arguments, tolerance=1e-4, mean_error=2e-6):
    """Mean error of a picture as said, of a gradient at most ``tolerance`` of its norm."""
    got, gradients = derive(soft_rasterize, arguments)
    wanted, wanted_gradients = derive(soft_rasterize_reference, in_double(arguments))
    for one, other in zip(got, wanted, strict=True):
        assert one.dtype == torch.float32 and one.shape == other.shape
        assert float((one - other).abs().mean()) <= mean_error
    for name, other in wanted_gradients.items():
        one = gradients[name]
        assert one.shape == other.shape and bool(torch.isfinite(one).all()), name
        difference = float((one - other).norm())
        assert difference <= tolerance * float(other.norm()) + 1e-6, name


@pytest.mark.parametrize("size", [(1, 1), (4, 4), (17, 15), (48, 5), (5, 33)])
def test_picture_sizes(soup, derive, size):
    assert_twins_agree(derive, soup(40, *size))


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few(soup, derive, count):
    assert_twins_agree(derive, soup(count, 19, 18))


def test_a_thousand(soup, derive):
    assert_twins_agree(derive, soup(1000, 22, 18, size=0.3), tolerance=5e-4)


@pytest.mark.parametrize(("sigma", "gamma"), [(0.01, 0.1), (0.5, 0.01), (20.0, 1.0), (3.0, 10.0)])
def test_softness(soup, derive, sigma, gamma):
    arguments = soup(60, 25, 21) | {"sigma": sigma, "gamma": gamma}
    assert_twins_agree(derive, arguments, tolerance=1e-3)


def test_a_mesh_with_shared_vertices(soup, derive):
    vertices, faces = icosphere(1)
    arguments = soup(0, 31, 27, vertices=vertices, colors=0.5 + 0.5 * vertices) | {"faces": faces}
    assert_twins_agree(derive, arguments)


@pytest.mark.parametrize("columns", [1, 3])
def test_colours_of_faces_and_of_their_corners(soup, derive, columns):
    colors = torch.rand(30, columns, 3, generator=torch.Generator().manual_seed(3))
    assert_twins_agree(derive, soup(30, 20, 20, colors=colors))


def test_all_behind_the_camera(soup, derive):
    arguments = soup(20, 20, 20, viewmat=look_at((0, -3, 0), target=(0, -6, 0)))
    assert_twins_agree(derive, arguments)
    image, alpha = soft_rasterize(**arguments)
    assert bool((alpha == 0).all()) and torch.equal(
        image, torch.tensor([[[0.2, 0.5, 0.9]]]).expand_as(image)
    )


@pytest.mark.parametrize("renderer", RENDERERS)
def test_a_face_that_reaches_the_near_plane_is_left_out_as_a_whole(soup, renderer):
    arguments = soup(2, 20, 20, viewmat=torch.eye(4))
    arguments["vertices"] = torch.tensor(
        [[-1.0, -1, 3], [1, -1, 3], [0, 1, 3], [-1.0, -1, 2], [1, -1, 2], [0, 1, 0.01]]
    ).requires_grad_()
    image, alpha = renderer(**arguments)
    (image.sum() + alpha.sum()).backward()
    gradient = arguments["vertices"].grad
    assert bool((gradient[3:] == 0).all()) and float(gradient[:3].abs().sum()) > 0
    first = {name: arguments[name][:3].detach() for name in ("vertices", "colors")}
    alone, _ = renderer(**(arguments | first | {"faces": arguments["faces"][:1]}))
    assert torch.equal(image.detach(), alone)


def test_around_the_camera(soup, derive):
    assert_twins_agree(derive, soup(100, 20, 20, viewmat=look_at((0.1, -0.2, 0.0))), 3e-3)


@pytest.mark.parametrize("size", [0.05, 3.0])
def test_small_and_large(soup, derive, size):
    assert_twins_agree(derive, soup(40, 24, 21, size=size), tolerance=1e-3)


def test_a_hundredth_of_a_pixel(soup, derive):
    # In float32 a corner at pixel 20 is off by 1e-6, a ten-thousandth of such a triangle.
    assert_twins_agree(derive, soup(40, 24, 21, size=1e-3), tolerance=5e-3, mean_error=1e-5)


def test_enormous_triangles_cover_everything(soup):
    arguments = soup(1, 20, 13, viewmat=torch.eye(4), background=torch.zeros(3))
    for scale in (1e2, 1e4, 1e6):
        far = torch.tensor([[-scale, -scale, 5.0], [scale, -scale, 5.0], [0.0, scale, 5.0]])
        vertices = far.requires_grad_()
        image, alpha = soft_rasterize(**(arguments | {"vertices": vertices}))
        (image.sum() + alpha.sum()).backward()
        assert bool((alpha == 1).all()) and bool(torch.isfinite(vertices.grad).all())


def test_every_size_up_to_the_end_of_float32_is_safe(soup):
    for exponent in range(-38, 38):
        arguments = soup(8, 20, 14, seed=exponent + 40)
        vertices = (arguments["vertices"] * 10.0**exponent).requires_grad_()
        viewmat = arguments["viewmat"].requires_grad_()
        image, alpha = soft_rasterize(**(arguments | {"vertices": vertices, "viewmat": viewmat}))
        (image.sum() + alpha.sum()).backward()
        assert bool(torch.isfinite(image).all()) and bool(((alpha >= 0) & (alpha <= 1)).all())
        assert bool(torch.isfinite(vertices.grad).all() & torch.isfinite(viewmat.grad).all())


@pytest.mark.parametrize("renderer", RENDERERS)
def test_degenerate_faces_contribute_nothing(soup, renderer):
    arguments = soup(3, 20, 20)
    wanted, _ = renderer(**arguments)
    flat = torch.tensor([[0, 0, 0], [1, 1, 2], [3, 4, 3]])
    arguments["faces"] = torch.cat([arguments["faces"], flat])
    vertices = arguments["vertices"].requires_grad_()
    image, _ = renderer(**arguments)
    image.sum().backward()
    assert torch.equal(image.detach(), wanted) and bool(torch.isfinite(vertices.grad).all())


def test_three_corners_on_a_line_seen_edge_on(soup, derive):
    arguments = soup(1, 20, 20, viewmat=torch.eye(4))
    arguments["vertices"] = torch.tensor([[-1.0, 0, 3], [0, 0, 3], [1, 0, 3]])
    _, alpha = soft_rasterize(**arguments)
    assert bool((alpha == 0).all())
    assert_twins_agree(derive, arguments)


def test_both_sides_are_drawn(soup):
    arguments = soup(30, 20, 20)
    front, _ = soft_rasterize(**arguments)
    back, _ = soft_rasterize(**(arguments | {"faces": arguments["faces"].flip(1)}))
    torch.testing.assert_close(front, back, atol=1e-6, rtol=0)


def test_the_order_of_faces_and_the_names_of_vertices_do_not_matter(soup, derive):
    vertices, faces = icosphere(1)
    arguments = soup(0, 31, 27, vertices=vertices, colors=0.5 + 0.5 * vertices) | {"faces": faces}
    (image, alpha), gradients = derive(soft_rasterize, arguments)
    generator = torch.Generator().manual_seed(5)
    order = torch.randperm(len(faces), generator=generator)
    names = torch.randperm(len(vertices), generator=generator)  # new name -> old name
    changed = {name: arguments[name][names] for name in ("vertices", "colors")}
    changed["faces"] = names.argsort()[faces][order]
    (other_image, other_alpha), other_gradients = derive(soft_rasterize, arguments | changed)
    torch.testing.assert_close(other_image, image, atol=1e-6, rtol=0)
    torch.testing.assert_close(other_alpha, alpha, atol=1e-6, rtol=0)
    for name in ("vertices", "colors"):
        torch.testing.assert_close(
            other_gradients[name], gradients[name][names], atol=1e-4, rtol=1e-4
        )


@pytest.mark.parametrize("shared", [False, True])
def test_the_same_bits_on_every_run_and_on_any_number_of_threads(soup, derive, shared):
    arguments = soup(500, 70, 50)
    if shared:
        vertices, faces = icosphere(4)  # each vertex sums over six faces
        arguments |= {"vertices": vertices, "colors": vertices.abs(), "faces": faces}
    threads = torch.get_num_threads()
    runs = []
    try:
        for count in (1, 2, 3, 2):
            torch.set_num_threads(count)
            runs.append(derive(soft_rasterize, arguments))
    finally:
        torch.set_num_threads(threads)
    for outputs, gradients in runs[1:]:
        assert all(torch.equal(a, b) for a, b in zip(outputs, runs[0][0], strict=True))
        for name, gradient in gradients.items():
            if name in ("vertices", "colors"):
                assert torch.equal(gradient, runs[0][1][name]), name
            else:  # PyTorch's own sums over the mesh or the picture
                torch.testing.assert_close(gradient, runs[0][1][name], rtol=1e-5, atol=1e-3)


def test_views_strides_and_small_integers_do_not_matter(soup):
    arguments = soup(30, 20, 20)
    wanted, _ = soft_rasterize(**arguments)
    strided = {
        name: value.mT.contiguous().mT if torch.is_tensor(value) and value.ndim > 1 else value
        for name, value in arguments.items()
    }
    assert torch.equal(soft_rasterize(**strided)[0], wanted)
    whole = arguments | {"faces": arguments["faces"].int(), "sigma": 1, "gamma": 1}
    wanted, _ = soft_rasterize(**(arguments | {"sigma": 1.0, "gamma": 1.0}))
    assert torch.equal(soft_rasterize(**whole)[0], wanted)


def test_no_background_is_black(soup):
    arguments = soup(10, 20, 20) | {"background": None}
    black = arguments | {"background": torch.zeros(3)}
    assert torch.equal(soft_rasterize(**arguments)[0], soft_rasterize(**black)[0])


def test_the_silhouette_is_alpha_without_colours_and_depths(soup):
    arguments = soup(40, 20, 20)
    wanted = soft_rasterize(**arguments)[1]
    for name in ("colors", "gamma", "background"):
        del arguments[name]
    assert torch.equal(soft_silhouette(**arguments), wanted)


@pytest.mark.parametrize("name", ["vertices", "colors", "background"])
@pytest.mark.parametrize("value", [NAN, INF])
@pytest.mark.parametrize("renderer", RENDERERS)
def test_values_that_are_not_finite_are_named(soup, renderer, name, value):
    arguments = soup(3, 20, 20)
    arguments[name] = arguments[name].clone()
    arguments[name][2] = value
    with pytest.raises(ValueError, match=f"^{name}: row 2: got NaN or infinity"):
        renderer(**arguments)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"vertices": torch.zeros(9, 2)}, "vertices: got shape"),
        ({"vertices": torch.zeros(9)}, "vertices: got shape"),
        ({"vertices": torch.tensor(1.0)}, "vertices: got shape"),
        ({"faces": torch.zeros(3, 4, dtype=torch.int64)}, "faces: got shape"),
        ({"faces": torch.zeros(3, dtype=torch.int64)}, "faces: got shape"),
        ({"faces": torch.tensor([[0, 1, 9]] * 3)}, "faces: face 0: got .* from 0 to 8"),
        ({"faces": torch.tensor([[0, 1, 2], [0, -1, 2], [0, 1, 2]])}, "faces: face 1"),
        ({"colors": torch.zeros(8, 3)}, "colors: got shape"),
        ({"colors": torch.zeros(3, 3)}, "colors: got shape"),
        ({"colors": torch.zeros(3, 2, 3)}, "colors: got shape"),
        ({"background": torch.zeros(4)}, "background: got shape"),
        ({"viewmat": torch.eye(3)}, "viewmat: got shape"),
        ({"viewmat": torch.zeros(4, 4)}, "viewmat: its 3 x 3 part"),
        ({"viewmat": torch.full((4, 4), NAN)}, "viewmat, K: got NaN"),
        ({"K": torch.eye(4)}, "K: got shape"),
        ({"K": torch.zeros(3, 3)}, "K: wanted"),
        ({"width": 0}, "width"),
        ({"height": 100_000}, "height"),
        ({"width": 20.0}, "width"),
        ({"sigma": 0.0}, "sigma: got 0.0"),
        ({"sigma": -1.0}, "sigma: got -1.0"),
        ({"sigma": NAN}, "sigma: got nan"),
        ({"gamma": 0.0}, "gamma: got 0.0"),
        ({"gamma": INF}, "gamma: got inf"),
    ],
)
@pytest.mark.parametrize("renderer", RENDERERS)
def test_bad_arguments_are_named(soup, renderer, changes, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        renderer(**(soup(3, 20, 20) | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"vertices": [[0.0, 0.0, 0.0]]}, "vertices: got list"),
        ({"faces": [[0, 1, 2]]}, "faces: got list"),
        ({"faces": torch.zeros(3, 3)}, "faces: got torch.float32"),
        ({"colors": torch.zeros(9, 3, dtype=torch.float64)}, "colors: got torch.float64"),
        ({"K": torch.eye(3, dtype=torch.float16)}, "K: got torch.float16"),
    ],
)
@pytest.mark.parametrize("renderer", RENDERERS)
def test_bad_types_are_named(soup, renderer, changes, message):
    with pytest.raises(TypeError, match=f"^{message}"):
        renderer(**(soup(3, 20, 20) | changes))


def test_double_precision_and_other_devices_are_told_where_to_go(soup):
    with pytest.raises(TypeError, match="soft_rasterize_reference takes both"):
        soft_rasterize(**in_double(soup(3, 20, 20)))
    arguments = {
        name: value.to("meta") if torch.is_tensor(value) else value
        for name, value in soup(3, 20, 20).items()
    }
    with pytest.raises(NotImplementedError, match="no kernel for it"):
        soft_rasterize(**arguments)
    with pytest.raises(ValueError, match=r"^faces: is on cpu"):
        soft_rasterize(**(arguments | {"faces": torch.zeros(3, 3, dtype=torch.int64)}))


def test_the_silhouette_refuses_the_same(soup):
    arguments = soup(3, 20, 20)
    for name in ("colors", "gamma", "background"):
        del arguments[name]
    for name, value in (("vertices", [[0.0]]), ("faces", [[0, 1, 2]]), ("K", 1.0)):
        with pytest.raises(TypeError, match=f"^{name}: got"):
            soft_silhouette(**(arguments | {name: value}))
    with pytest.raises(ValueError, match=r"^sigma: got 0"):
        soft_silhouette(**(arguments | {"sigma": 0}))
    with pytest.raises(ValueError, match=r"^faces: got shape"):
        soft_silhouette(**(arguments | {"faces": torch.arange(3)}))


def hard_arguments(arguments):
    return {name: arguments[name] for name in arguments if name not in ("sigma", "gamma")}


def test_the_hard_picture_refuses_the_same(soup):
    arguments = hard_arguments(soup(3, 20, 20))
    with pytest.raises(ValueError, match=r"^faces: face 0"):
        rasterize_mesh(**(arguments | {"faces": torch.tensor([[0, 1, 9]])}))
    with pytest.raises(TypeError, match=r"^vertices"):
        rasterize_mesh(**in_double(arguments))
