"""Networks that take longer to train than a lecture lasts: their weights come with the package.

``python -m course_lib.generative.shipped [NAME ...]`` (``make weights``) trains them anew.
"""

import importlib
import sys
from importlib.resources import as_file, files
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn

Network = TypeVar("Network", bound=nn.Module)

# The file in weights/, and who trains it: a module here, a function in it, its arguments.
TRAINED = {
    "attribute_reader": ("attributes", "train_attribute_reader", ()),
    "autoencoder_faces": ("pretrained", "train_autoencoder", ("faces",)),
    "autoencoder_plane": ("pretrained", "train_autoencoder", ("plane",)),
    "autoencoder_roomy": ("pretrained", "train_autoencoder", ("roomy",)),
    "vae_faces": ("pretrained", "train_vae", ("faces",)),
    "vae_plane": ("pretrained", "train_vae", ("plane",)),
    "face_generator": ("face_gan", "train_face_gan", ()),
    "face_denoiser": ("face_denoiser", "train_face_denoiser", ()),
    "latent_vae": ("latent_faces", "train_latent_vae", ()),
    "text_denoiser": ("latent_faces", "train_text_denoiser", ()),
}


def load_weights(network: Network, name: str) -> Network:
    """Fill a network with the weights that ship under ``name``; return it frozen, in eval mode.

    Raises:
        FileNotFoundError: there are none of that name.
        RuntimeError: they belong to another network.

    >>> from course_lib.generative.attributes import AttributeReader
    >>> load_weights(AttributeReader(), "attribute_reader").training
    False
    """
    with as_file(files("course_lib.generative") / f"weights/{name}.pt") as path:
        state = torch.load(path, map_location="cpu", weights_only=True)
    network.load_state_dict(
        {key: value.float() if value.is_floating_point() else value for key, value in state.items()}
    )
    return network.eval().requires_grad_(False)


def save_weights(network: nn.Module, path: str | Path) -> None:
    """Write a network's weights in half precision, which is exact enough to use them."""
    state = network.state_dict().items()
    torch.save({key: v.half() if v.is_floating_point() else v for key, v in state}, path)


def main(names: list[str]) -> None:
    """Train the networks of these names, or all, and write their weights."""
    for name in names or TRAINED:
        module, function, arguments = TRAINED[name]
        train = getattr(importlib.import_module(f"course_lib.generative.{module}"), function)
        made = train(*arguments)
        path = Path(__file__).parent / "weights" / f"{name}.pt"
        save_weights(made[0] if isinstance(made, tuple) else made, path)
        print(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main(sys.argv[1:])
