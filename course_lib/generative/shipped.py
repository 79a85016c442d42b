"""Networks that take longer to train than a lecture lasts: their weights come with the package.

``python -m course_lib.generative.shipped [NAME ...]`` (``make weights``) trains them anew, and
writes down what that cost: ``weights/seconds.json``.
"""

import importlib
import json
import sys
import time
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


def training_seconds(name: str) -> float:
    """Return the seconds of processor time that one complete training of ``name`` took.

    All threads together, on two cores of an AMD EPYC that had other work besides. Drawing the
    training's pictures is part of it; for the generator so are a few looks at its faces on the way.
    Another machine, another number: compare them with each other.

    Raises:
        ValueError: nobody has measured this training.

    >>> training_seconds("vae_faces") < training_seconds("text_denoiser")
    True
    """
    seconds = json.loads((files("course_lib.generative") / "weights/seconds.json").read_text())
    if name not in seconds:
        raise ValueError(f"name: got {name!r}, measured are {', '.join(seconds)}")
    return seconds[name]


def save_weights(network: nn.Module, path: str | Path) -> None:
    """Write a network's weights in half precision, which is exact enough to use them."""
    state = network.state_dict().items()
    torch.save({key: v.half() if v.is_floating_point() else v for key, v in state}, path)


def main(names: list[str]) -> None:
    """Train the networks of these names, or all; write their weights and the processor's time."""
    for name in names or TRAINED:
        module, function, arguments = TRAINED[name]
        train = getattr(importlib.import_module(f"course_lib.generative.{module}"), function)
        begun = time.process_time()
        made = train(*arguments)
        path = Path(__file__).parent / "weights" / f"{name}.pt"
        _write_seconds(path.with_name("seconds.json"), name, time.process_time() - begun)
        save_weights(made[0] if isinstance(made, tuple) else made, path)
        print(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB")


def _write_seconds(path: Path, name: str, seconds: float) -> None:
    record = json.loads(path.read_text()) if path.is_file() else {}
    path.write_text(json.dumps(record | {name: round(seconds)}, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
