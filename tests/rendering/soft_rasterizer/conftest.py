"""Small meshes that the tests of the soft rasteriser share, as fixtures that hand out functions."""

import pytest
import torch

from course_lib.rendering import look_at, pinhole

NAMES = ("vertices", "colors", "viewmat", "K", "background")


def soup_of(count, width, height, size=0.5, seed=0, dtype=torch.float32, **changes):
    """Arguments of `soft_rasterize`: separate triangles around the origin, seen from outside."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(*shape):
        return torch.rand(*shape, generator=generator, dtype=torch.float64)

    corners = 2.0 * uniform(count, 1, 3) - 1.0 + size * (2.0 * uniform(count, 3, 3) - 1.0)
    made = {
        "vertices": corners.reshape(-1, 3),
        "colors": uniform(3 * count, 3),
        "viewmat": look_at((0.4, -3.0, 0.8)),
        "K": pinhole(width, height, 1.0),
        "background": torch.tensor([0.2, 0.5, 0.9]),
    } | changes
    made = {name: tensor.float().to(dtype) for name, tensor in made.items()}
    faces = torch.arange(3 * count).view(-1, 3)
    return made | {"faces": faces, "width": width, "height": height, "sigma": 0.8, "gamma": 0.05}


def values_and_gradients(renderer, arguments, *, weight_seed=1):
    """Image and alpha, and the gradients of a random weighting of them, by argument."""
    leaves = dict(arguments)
    for name in NAMES:
        leaves[name] = leaves[name].detach().clone().requires_grad_()
    outputs = renderer(**leaves)
    generator = torch.Generator().manual_seed(weight_seed)
    weights = [torch.randn(output.shape, generator=generator).to(output) for output in outputs]
    loss = sum((w * output).sum() for w, output in zip(weights, outputs, strict=True))
    inputs = [leaves[name] for name in NAMES]
    gradients = torch.autograd.grad(loss, inputs, allow_unused=True, materialize_grads=True)
    return [output.detach() for output in outputs], dict(zip(NAMES, gradients, strict=True))


@pytest.fixture
def soup():
    return soup_of


@pytest.fixture
def derive():
    return values_and_gradients
