import subprocess
import sys

import torch
from torch._subclasses.fake_tensor import FakeTensorMode

import course_lib.rendering.soft_rasterizer as package
from course_lib.rendering.kernels import mesh_cpu, soft_mesh
from course_lib.rendering.soft_rasterizer import operators, project_faces, soft_rasterize
from course_lib.rendering.soft_rasterizer.operators import (
    nearest_faces,
    rasterize_soft_mesh,
    rasterize_soft_mesh_backward,
)


def operator_tensors(soup):
    made = soup(12, 13, 10)
    triangles = project_faces(made["vertices"], made["faces"], made["viewmat"], made["K"])
    return [*triangles, made["colors"].view(-1, 3, 3), made["background"]]


def test_opcheck_forward(soup):
    tensors = [tensor.requires_grad_() for tensor in operator_tensors(soup)]
    torch.library.opcheck(rasterize_soft_mesh, (*tensors, 13, 10, 0.8, 0.05))


def test_opcheck_backward(soup):
    tensors = operator_tensors(soup)
    image, alpha, kept = rasterize_soft_mesh(*tensors, 13, 10, 0.8, 0.05)
    gradients = (torch.ones_like(image), torch.ones_like(alpha))
    torch.library.opcheck(rasterize_soft_mesh_backward, (*gradients, *tensors, 0.8, 0.05, kept))


def test_opcheck_of_the_z_buffer(soup):
    torch.library.opcheck(nearest_faces, (*operator_tensors(soup)[:2], 13, 10))


def test_fake_shapes_are_the_real_ones(soup):
    tensors = operator_tensors(soup)
    real = rasterize_soft_mesh(*tensors, 13, 10, 0.8, 0.05)
    with FakeTensorMode() as mode:
        fake = rasterize_soft_mesh(*map(mode.from_tensor, tensors), 13, 10, 0.8, 0.05)
    for one, other in zip(fake, real, strict=True):
        assert one.shape == other.shape and one.dtype == other.dtype
    assert operators.KEPT == soft_mesh.KEPT == real[2].shape[2]


def test_compiled_equals_eager(soup):
    arguments = soup(12, 13, 10)

    def loss(vertices):
        image, alpha = soft_rasterize(**(arguments | {"vertices": vertices}))
        return image.square().mean() + alpha.mean()

    results = []
    for function in (loss, torch.compile(loss, backend="aot_eager")):
        vertices = arguments["vertices"].clone().requires_grad_()
        value = function(vertices)
        value.backward()
        results.append((value.detach(), vertices.grad))
    torch.testing.assert_close(*results)


def test_a_box_holds_every_pixel_that_counts(soup):
    """Drawn in the boxes, a face is what it is when every pixel meets it."""
    tensors = operator_tensors(soup)
    arrays = [tensor.numpy() for tensor in tensors]
    boxes, items = mesh_cpu._boxes(arrays[0], arrays[1], (soft_mesh.OUTSIDE * 0.8) ** 0.5, 13, 10)
    assert 0 < items < 12 * 130 and bool((boxes >= 0).all())
    for face in range(12):
        one = [tensor[face : face + 1] for tensor in tensors[:3]]
        alpha = rasterize_soft_mesh(*one, tensors[3], 13, 10, 0.8, 1.0)[1]
        left, right, top, bottom = boxes[face].tolist()
        outside = torch.ones(10, 13, dtype=torch.bool)
        outside[top:bottom, left:right] = False
        assert bool((alpha[outside] == 0).all())


def test_every_public_name_is_there_and_documented():
    for name in package.__all__:
        assert getattr(package, name).__doc__


def test_the_import_does_not_pull_in_numba():
    code = "import sys, course_lib.rendering.soft_rasterizer; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
