"""Small scenes that the splat tests share, as fixtures that hand out functions."""

import pytest
import torch

from course_lib.rendering import look_at, pinhole

NAMES = ("means", "quats", "scales", "opacities", "colors", "viewmat", "background")


def scene_of(count, width, height, sh_degree=None, seed=0, dtype=torch.float32, **changes):
    """Arguments of `rasterize` as a dictionary: Gaussians around the origin, seen from outside."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(*shape, low=0.0, high=1.0):
        drawn = torch.rand(*shape, generator=generator, dtype=torch.float64)
        return low + (high - low) * drawn

    made = {
        "means": uniform(count, 3, low=-1.0, high=1.0),
        "quats": uniform(count, 4, low=-1.0, high=1.0),
        "scales": uniform(count, 3, low=0.02, high=0.2),
        "opacities": uniform(count, low=0.05, high=0.95),
        "viewmat": look_at((0.4, -3.0, 0.8)),
        "K": pinhole(width, height, 1.0),
        "background": torch.tensor([0.2, 0.5, 0.9]),
    }
    if sh_degree is None:
        made["colors"] = uniform(count, 3)
    else:
        made["colors"] = uniform(count, (sh_degree + 1) ** 2, 3, low=-0.5, high=0.5)
    made |= changes
    made = {name: tensor.float().to(dtype) for name, tensor in made.items()}
    return made | {"width": width, "height": height, "sh_degree": sh_degree}


def values_and_gradients(renderer, arguments, *, weight_seed=1, **options):
    """Outputs, and the gradients of a random weighting of them, by argument."""
    leaves = dict(arguments)
    for name in NAMES:
        leaves[name] = leaves[name].detach().clone().requires_grad_()
    outputs = renderer(**leaves, **options)
    generator = torch.Generator().manual_seed(weight_seed)
    loss = 0.0
    for output in outputs:
        weight = torch.randn(output.shape, generator=generator).to(output)
        loss = loss + (weight * output).sum()
    inputs = [leaves[name] for name in NAMES]
    gradients = torch.autograd.grad(loss, inputs, allow_unused=True, materialize_grads=True)
    return [output.detach() for output in outputs], dict(zip(NAMES, gradients, strict=True))


@pytest.fixture
def scene():
    return scene_of


@pytest.fixture
def derive():
    return values_and_gradients
