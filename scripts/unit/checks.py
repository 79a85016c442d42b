"""Unit NN: what `mean_color` must satisfy. Replace it with what your unit teaches."""

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.properties import agrees, gradients_agree


def mean_color(images: Tensor) -> Tensor:
    """The mean colour of each picture, (B, 3, H, W) -> (B, 3)."""
    return images.mean(dim=(2, 3))


def _cases(generator: torch.Generator) -> list[Case]:
    flat = torch.rand(2, 3, 1, 1, generator=generator).expand(2, 3, 4, 6).clone()
    return [
        Case("pictures wider than high", (torch.rand(3, 3, 4, 7, generator=generator),)),
        Case("one pixel each", (torch.rand(2, 3, 1, 1, generator=generator),)),
        Case("one colour each", (flat,)),
    ]


def _a_flat_picture_is_its_colour(ask: Ask, case: Case) -> Finding | None:
    (images,) = case.inputs
    came, wanted = ask(images), images[:, :, 0, 0]
    if torch.allclose(came, wanted, atol=1e-5):
        return None
    return Finding(
        "a picture of one colour has another mean than that colour.",
        came=f"{came[0].tolist()}",
        wanted=f"{wanted[0].tolist()}",
    )


CHECKS = (
    Check(
        name="TOPIC.mean_color",
        reference=mean_color,
        cases=_cases,
        properties=(
            Property("a limit", 1, _a_flat_picture_is_its_colour, cases=("one colour each",)),
            agrees(1, atol=1e-5, hint="Which axes are rows and columns?"),
            gradients_agree(1, atol=1e-5, cases=("pictures wider than high",)),
        ),
        mutants={
            "over the batch": lambda images: images.mean(dim=(0, 2, 3)).expand(len(images), 3),
            "sum": lambda images: images.sum(dim=(2, 3)),
            "blue first": lambda images: images.mean(dim=(2, 3)).flip(1),
            "brightest": lambda images: images.amax(dim=(2, 3)),
            "detached": lambda images: images.mean(dim=(2, 3)).detach(),
        },
    ),
)
