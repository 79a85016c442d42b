"""Autoencoders that have been trained for longer than a lecture has time; their weights ship."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from course_lib.data import faces
from course_lib.generative.autoencoder import Autoencoder, fit_autoencoder
from course_lib.generative.shipped import load_weights

ONE_PERSON = {
    "glasses": False,
    "hair_style": "short",
    "hair_color": "brown",
    "eye_openness": 0.7,
    "face_width": 0.0,
    "skin_tone": 0.2,
    "background": 0.6,
    "shirt": 0.1,
}  # of whom pictures differ in smile and yaw alone


@dataclass(frozen=True)
class Recipe:
    """What a shipped autoencoder was trained on, and for how long."""

    latent: tuple[int, ...]
    width: int
    steps: int
    count: int  # training pictures
    fixed: Mapping[str, Any] = field(default_factory=dict)  # attributes held; see `data.faces`


RECIPES = {
    "faces": Recipe((64,), 64, 16_000, 30_000),
    "plane": Recipe((2,), 32, 6_000, 4_000, ONE_PERSON),
    "roomy": Recipe((64,), 32, 6_000, 4_000, ONE_PERSON),
}


@functools.cache
def load_autoencoder(name: str = "faces") -> Autoencoder:
    """Return a trained autoencoder of 32 x 32 faces, frozen, on the CPU.

    | name | latent | trained on |
    |---|---|---|
    | faces | (64,) | faces of all kinds |
    | plane | (2,) | one person, whose smile and yaw change |
    | roomy | (64,) | the same person |

    Raises:
        ValueError: an unknown name.

    >>> load_autoencoder("plane").latent
    (2,)
    """
    recipe = _recipe(name)
    return load_weights(Autoencoder(recipe.latent, recipe.width), f"autoencoder_{name}")


def train_autoencoder(name: str, *, progress: bool = True) -> Autoencoder:
    """Train the autoencoder called ``name`` anew; minutes on a CPU.

    Raises:
        ValueError: an unknown name.
    """
    recipe = _recipe(name)
    images = faces(recipe.count, generator=torch.Generator().manual_seed(0), **recipe.fixed).images
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Autoencoder(recipe.latent, recipe.width)
    generator = torch.Generator().manual_seed(1)
    fit_autoencoder(model, images, recipe.steps, generator=generator, progress=progress)
    return model.eval()


def _recipe(name: str) -> Recipe:
    if name not in RECIPES:
        raise ValueError(f"name: got {name!r}, wanted one of {', '.join(RECIPES)}")
    return RECIPES[name]
