"""Autoencoders, plain and variational, trained for longer than a lecture lasts: weights ship."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from course_lib.data import faces
from course_lib.generative.autoencoder import Autoencoder, fit_autoencoder
from course_lib.generative.shipped import load_weights
from course_lib.generative.vae import VariationalAutoencoder, fit_vae

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
    recipe = _recipe(name, RECIPES)
    return load_weights(Autoencoder(recipe.latent, recipe.width), f"autoencoder_{name}")


def train_autoencoder(name: str, *, progress: bool = True) -> Autoencoder:
    """Train the autoencoder called ``name`` anew; minutes on a CPU.

    Raises:
        ValueError: an unknown name.
    """
    recipe = _recipe(name, RECIPES)
    images = faces(recipe.count, generator=torch.Generator().manual_seed(0), **recipe.fixed).images
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Autoencoder(recipe.latent, recipe.width)
    generator = torch.Generator().manual_seed(1)
    fit_autoencoder(model, images, recipe.steps, generator=generator, progress=progress)
    return model.eval()


@dataclass(frozen=True)
class VaeRecipe:
    """What a shipped variational autoencoder was trained on.

    The stages make the pixels more and more exact: what matters most is laid out first.
    """

    latent: tuple[int, ...]
    width: int
    hidden: tuple[int, ...]
    stages: tuple[tuple[float, int], ...]  # sigma and steps
    count: int
    fixed: Mapping[str, Any] = field(default_factory=dict)


VAE_RECIPES = {
    "faces": VaeRecipe((16,), 48, (256, 256), ((1.0, 1200), (0.5, 1500), (0.25, 4500)), 30_000),
    "plane": VaeRecipe(
        (2,),
        32,
        (128, 128),
        ((1.5, 500), (0.5, 500), (0.2, 600), (0.07, 2200)),
        4_000,
        ONE_PERSON,
    ),
}


@functools.cache
def load_vae(name: str = "faces") -> VariationalAutoencoder:
    """Return a trained variational autoencoder of 32 x 32 faces, frozen, on the CPU.

    | name | latent | trained on |
    |---|---|---|
    | faces | (16,) | faces of all kinds |
    | plane | (2,) | one person, whose smile and yaw change |

    Raises:
        ValueError: an unknown name.

    >>> load_vae("plane").latent
    (2,)
    """
    recipe = _recipe(name, VAE_RECIPES)
    model = VariationalAutoencoder(recipe.latent, recipe.width, recipe.hidden)
    return load_weights(model, f"vae_{name}")


def train_vae(name: str, *, progress: bool = True) -> VariationalAutoencoder:
    """Train the variational autoencoder called ``name`` anew; minutes on a CPU.

    Raises:
        ValueError: an unknown name.
    """
    recipe = _recipe(name, VAE_RECIPES)
    images = faces(recipe.count, generator=torch.Generator().manual_seed(0), **recipe.fixed).images
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = VariationalAutoencoder(recipe.latent, recipe.width, recipe.hidden)
    for stage, (sigma, steps) in enumerate(recipe.stages):
        generator = torch.Generator().manual_seed(1 + stage)
        fit_vae(model, images, steps, generator=generator, sigma=sigma, progress=progress)
    return model.eval()


def _recipe(name: str, recipes: Mapping[str, Any]) -> Any:
    if name not in recipes:
        raise ValueError(f"name: got {name!r}, wanted one of {', '.join(recipes)}")
    return recipes[name]
