"""The real Stable Diffusion, through the library `diffusers`: with a GPU, and once with a network.

Needs the extra ``stable-diffusion``. Its weights, some gigabytes, are downloaded on first use and
kept by `diffusers`. Nothing in the course depends on it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

MODEL = "stable-diffusion-v1-5/stable-diffusion-v1-5"
TASKS = {
    "text": "StableDiffusionPipeline",
    "image": "StableDiffusionImg2ImgPipeline",
    "inpaint": "StableDiffusionInpaintPipeline",
}


class UnavailableError(RuntimeError):
    """It cannot run here; the message says why, and what to do."""


def load_stable_diffusion(model: str = MODEL, *, task: str = "text", device: str = "cuda") -> Any:
    """Return a pipeline of `diffusers`, ready to use.

    Args:
        model: a name on the Hugging Face hub, or a folder.
        task: "text", "image" (image-to-image) or "inpaint".
        device: "cuda"; "cpu" works, but takes minutes a picture.

    Returns:
        The pipeline, on the device, in half precision on a GPU.

    Raises:
        ValueError: an unknown task.
        UnavailableError: no GPU, no `diffusers`, or the weights cannot be had.

    Source: Rombach et al. (2022), https://arxiv.org/abs/2112.10752
    """
    if task not in TASKS:
        raise ValueError(f"task: got {task!r}, wanted one of {', '.join(TASKS)}")
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise UnavailableError(
            "no GPU was found here. On Colab choose Runtime > Change runtime type > GPU; "
            'device="cpu" works as well, but takes minutes a picture.'
        )
    dtype = torch.float16 if device.startswith("cuda") else torch.float32
    try:
        pipeline = _pipeline_class(task).from_pretrained(model, dtype=dtype)
    except (OSError, ValueError) as error:
        raise UnavailableError(
            f"the weights of {model!r} are neither on this computer nor could they be downloaded "
            f"({type(error).__name__}: {str(error).splitlines()[0]})"
        ) from error
    return pipeline.to(device)


def _pipeline_class(task: str) -> Any:
    try:
        import diffusers
        import transformers  # noqa: F401  (diffusers hands out empty classes without it)

        return getattr(diffusers, TASKS[task])
    except (ImportError, RuntimeError) as error:
        raise UnavailableError(
            "diffusers and transformers are not installed; install them with "
            'pip install "course_lib[stable-diffusion]"'
        ) from error


def paint(
    pipeline: Any,
    prompts: Sequence[str],
    *,
    generator: torch.Generator,
    guidance: float = 7.5,
    steps: int = 30,
    avoid: str = "",
    images: Tensor | None = None,
    mask: Tensor | None = None,
    **options: Any,
) -> Tensor:
    """Draw what the prompts say; pictures go in and come out as everywhere in this course.

    Args:
        pipeline: see `load_stable_diffusion`; its task decides what else it takes.
        prompts: B of them.
        generator: of the noise; the pipeline draws from a generator on the CPU on any device.
        guidance, steps: as in `latent_diffusion.guided_sample`.
        avoid: the negative prompt.
        images: (B, 3, H, W) in [0, 1], for the tasks "image" and "inpaint".
        mask: (B, 1, H, W) bool, True = hole, for the task "inpaint".
        **options: of the pipeline, such as ``strength``, ``height`` and ``width``.

    Returns:
        (B, 3, H, W) float32 in [0, 1], on the CPU.

    Raises:
        ValueError: prompts that are a single text, or as many pictures as prompts are missing.
    """
    if isinstance(prompts, str):
        raise ValueError(f"prompts: got the text {prompts!r}, wanted a list of texts")
    for name, given in (("images", images), ("mask", mask)):
        if given is not None and len(given) != len(prompts):
            raise ValueError(f"{name}: got {len(given)}, wanted {len(prompts)}, one for a prompt")
    if images is not None:
        options["image"] = images
    if mask is not None:
        options["mask_image"] = mask.float()
    drawn = pipeline(
        prompt=list(prompts),
        negative_prompt=[avoid] * len(prompts),
        guidance_scale=guidance,
        num_inference_steps=steps,
        generator=generator,
        output_type="np",
        **options,
    ).images
    return torch.from_numpy(np.asarray(drawn)).permute(0, 3, 1, 2).float()
