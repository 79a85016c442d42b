"""Exercise 3 of unit 05: the prediction in the hole, the picture elsewhere."""

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.deep_inpainting.common import blocks, finite_or_none, pictures, place, worst
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.mistakes import compare, gradients_flow

COLOUR = "three pictures in colour, a hole of its own in each"
GREY = "a grey picture"
NOTHING = "a picture of which nothing is missing"
ALL = "a picture of which everything is missing"


def compose(image: Tensor, prediction: Tensor, mask: Tensor) -> Tensor:
    """The prediction where the mask is True, the picture where it is not."""
    return torch.where(mask, prediction, image)


def _cases(generator: torch.Generator) -> list[Case]:
    def pair(*shape: int) -> tuple[Tensor, Tensor]:
        return pictures(*shape, generator=generator), pictures(*shape, generator=generator)

    holes = blocks((1, 4, 2, 6), (0, 8, 0, 3), (5, 7, 5, 7), height=8, width=7)
    one = torch.ones(1, 1, 6, 6, dtype=torch.bool)
    return [
        Case(COLOUR, (*pair(3, 3, 8, 7), holes)),
        Case(GREY, (*pair(1, 1, 8, 7), holes[:1])),
        Case(NOTHING, (*pair(1, 3, 6, 6), ~one)),
        Case(ALL, (*pair(1, 3, 6, 6), one)),
    ]


def _limits(ask: Ask, case: Case) -> Finding | None:
    image, prediction, _ = case.inputs
    came = ask(*case.inputs)
    wanted, name = (image, "picture") if case.name == NOTHING else (prediction, "prediction")
    other, called = (prediction, "prediction") if case.name == NOTHING else (image, "picture")
    off, at = worst(came, wanted)
    if off <= 1e-6:
        return None
    missing = "nothing" if case.name == NOTHING else "everything"
    message = f"where {missing} is missing, the result is the {name}."
    if worst(came, other)[0] <= 1e-6:
        message = f"{message[:-1]}, and yours is the {called}: the two have changed places."
    return Finding(
        message, came=f"{float(came[at]):.4g} at {place(at)}", wanted=f"{float(wanted[at]):.4g}"
    )


def _bits(ask: Ask, case: Case) -> Finding | None:
    """Known pixels are the very numbers that came in."""
    image, _, mask = case.inputs
    came = ask(*case.inputs)
    changed = torch.where(mask, False, came != image)
    if not bool(changed.any()):
        return None
    at = tuple(changed.nonzero()[0].tolist())
    off = float((came[at] - image[at]).abs())
    small = off < 1e-4
    return Finding(
        "known pixels are almost what they were, and not quite: something was computed with them."
        if small
        else "known pixels changed. Nobody asked the network about them.",
        came=f"{float(came[at]):.8g} at {place(at)}",
        wanted=f"{float(image[at]):.8g}, bit for bit",
        hint="A number that is added and subtracted again comes back rounded. Choose; do not mix."
        if small
        else "See hint 1.",
    )


def _unknown_may_be_anything(ask: Ask, case: Case) -> Finding | None:
    """NaN in the picture's hole, and NaN in the prediction elsewhere, leave no trace."""
    image, prediction, mask = case.inputs
    wanted = ask.wanted(*case.inputs)
    for given, words in (
        ((torch.where(mask, torch.nan, image), prediction, mask), "the picture's hole"),
        ((image, torch.where(mask, prediction, torch.nan), mask), "the prediction's known part"),
    ):
        came = finite_or_none(ask, *given)
        if came is None:
            return Finding(
                f"with NaN in {words} there is NaN in the result, where it is not wanted.",
                hint="0 times NaN is NaN. See hint 2.",
            )
        off, at = worst(came, wanted)
        if off > 1e-6:
            return Finding(
                f"{words} may hold anything, NaN included; it is not wanted in the result.",
                came=f"{float(came[at]):.4g} at {place(at)}",
                wanted=f"{float(wanted[at]):.4g}",
                hint="0 times NaN is NaN. See hint 2.",
            )
    return None


def _swapped(image: Tensor, prediction: Tensor, mask: Tensor) -> Tensor:
    return torch.where(mask, image, prediction)


def _product(image: Tensor, prediction: Tensor, mask: Tensor) -> Tensor:
    m = mask.to(image)
    return image * (1 - m) + prediction * m


def _rounded(image: Tensor, prediction: Tensor, mask: Tensor) -> Tensor:
    m = mask.to(image)
    return prediction + (1 - m) * (image - prediction) + 1e-7 * (1 - m)


def _sum(image: Tensor, prediction: Tensor, mask: Tensor) -> Tensor:
    return image + torch.where(mask, prediction, 0.0)


def _halves(image: Tensor, prediction: Tensor, mask: Tensor) -> Tensor:
    return torch.where(mask, prediction, (image + prediction) / 2)


def _softened(image: Tensor, prediction: Tensor, mask: Tensor) -> Tensor:
    """The mask blurred, so that the seam is soft."""
    m = torch.nn.functional.avg_pool2d(mask.to(image), 3, 1, 1, count_include_pad=False)
    return torch.where(m > 0, m * prediction + (1 - m) * image.nan_to_num(), image)


def _first_mask(image: Tensor, prediction: Tensor, mask: Tensor) -> Tensor:
    return compose(image, prediction, mask[:1].expand_as(mask))


def _in_place(image: Tensor, prediction: Tensor, mask: Tensor) -> Tensor:
    everywhere = mask.expand_as(image)
    image[everywhere] = prediction[everywhere]
    return image


_MISTAKES = {
    "the picture and the prediction have changed places.": _swapped,
    "the prediction is added to what the hole held.": _sum,
    "outside the hole the prediction is mixed in.": _halves,
    "the mask of the first picture serves for all.": _first_mask,
    "the prediction runs over the hole's rim: the mask is blurred.": _softened,
}


COMPOSE = Check(
    name="deep_inpainting.compose",
    reference=compose,
    cases=_cases,
    properties=(
        Property("nothing missing, everything missing", 1, _limits, cases=(NOTHING, ALL)),
        Property("known pixels keep their bits", 1, _bits, cases=(COLOUR, GREY, NOTHING)),
        Property(
            "what is not wanted may be anything",
            1,
            _unknown_may_be_anything,
            cases=(COLOUR, GREY),
        ),
        Property(
            "values and gradients agree with the reference",
            1,
            lambda ask, case: (
                compare(ask, case, _MISTAKES) or gradients_flow(1, (0, 1)).holds(ask, case)
            ),
            cases=(COLOUR, GREY),
            hint="The prediction is to learn from its hole.",
        ),
    ),
    mutants={
        "changed places": _swapped,
        "by products": _product,
        "rounded": _rounded,
        "prediction only": lambda image, prediction, mask: prediction.clone(),
        "added": _sum,
        "mixed outside": _halves,
        "blurred mask": _softened,
        "first mask for all": _first_mask,
        "prediction detached": lambda image, prediction, mask: compose(
            image, prediction.detach(), mask
        ),
        "changes the picture in place": _in_place,
    },
)
