"""Exercise 3 of unit 04: which patch to fill next."""

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from course_lib.checks.ask import Ask
from course_lib.checks.classical_inpainting.common import recognise, rectangle, uniform
from course_lib.checks.classical_inpainting.priority_mutants import (
    MUTANTS,
    long_normal,
    mirrored,
    not_turned,
    signed,
)
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.properties import difference
from course_lib.inpainting.priority import confidence_term, fill_front, patch_priority

ABOVE = "a vertical edge meeting the hole from above"
BESIDE = "a horizontal edge meeting the hole from the left"
RAMP = "a ramp above a straight front"
SLANTED = "a noisy picture with a slanted hole"
SCRATCH = "a scratch one pixel wide"


def _cases(generator: torch.Generator) -> list[Case]:
    image, mask = _edge(generator)
    trust = torch.ones(24, 24)
    return [
        Case(ABOVE, (trust, image, mask, 5)),
        Case(BESIDE, (trust, image.mT.contiguous(), mask.mT.contiguous(), 5)),
        Case(RAMP, _ramp(generator, 5)),
        Case("the same with larger patches", _ramp(generator, 9)),
        Case(SLANTED, _slanted(generator)),
        Case(SCRATCH, _scratch(generator)),
    ]


def _edge(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """A strong vertical edge that runs through the hole, on a faint ramp to the right."""
    edge = int(torch.randint(11, 14, (), generator=generator))
    image = (0.2 + 0.01 * torch.arange(24.0)).expand(3, 24, 24).clone()
    image[:, :, edge:] += uniform(0.4, 0.5, generator)
    return image, rectangle(24, 24, slice(9, 17), slice(5, 19))[0, 0]


def _ramp(generator: torch.Generator, size: int) -> tuple[Tensor, Tensor, Tensor, int]:
    """The gradient, and so the isophote, meets the front at 45 degrees: D is the slope."""
    slope = uniform(0.01, 0.025, generator)
    image = slope * (torch.arange(16.0)[:, None] + torch.arange(20.0)).expand(3, 16, 20)
    mask = rectangle(16, 20, slice(9, 16), slice(0, 20))[0, 0]
    trust = 0.3 + 0.7 * torch.rand(16, 20, generator=generator)
    return torch.where(mask, 1.0, trust), image.contiguous(), mask, size


def _scratch(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, int]:
    mask = rectangle(14, 18, slice(6, 7), slice(0, 15))[0, 0]
    trust = torch.rand(14, 18, generator=generator)
    return trust, torch.rand(3, 14, 18, generator=generator), mask, 3


def _slanted(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, int]:
    y, x = torch.arange(20)[:, None], torch.arange(22)
    mask = ((y - 9).abs() + (x - 12).abs() < 7) | ((y > 15) & (x < 6))
    trust = torch.rand(20, 22, generator=generator)
    return trust, torch.rand(3, 20, 22, generator=generator), mask, 5


def _only_on_the_front(ask: Ask, case: Case) -> Finding | None:
    _, _, mask, _ = case.inputs
    front = fill_front(mask)
    off = (ask(*case.inputs) != 0) & ~front
    if not bool(off.any()):
        return None
    y, x = off.nonzero()[0].tolist()
    where = "deep inside the hole" if bool(mask[y, x]) else "at a known pixel"
    return Finding(
        f"the priority should be zero off the fill front, but it is not {where}.",
        came=f"{float(ask(*case.inputs)[y, x]):.4g} at ({y}, {x}); {int(off.sum())} such places",
        wanted="0",
    )


def _confidence_is_averaged(ask: Ask, case: Case) -> Finding | None:
    confidence, image, mask, size = case.inputs
    slope, radius = float(image[0, 0, 1] - image[0, 0, 0]), size // 2
    known = torch.where(mask, 0.0, confidence)
    columns = [slice(max(x - radius, 0), x + radius + 1) for x in range(20)]
    rows = slice(9 - radius, 9 + radius + 1)
    wanted = slope * torch.stack([known[rows, each].mean() for each in columns])  # (20,)
    came = ask(*case.inputs)[9]
    if difference(came, wanted, atol=1e-5, rtol=1e-3) is None:
        return None
    worst = int((came - wanted).abs().argmax())
    message = recognise(came / slope, _confidence_mistakes(*case.inputs), atol=1e-3) or (
        "along this front the edges are equally strong everywhere, so that the priority is that "
        "strength times the patch's confidence. It is not."
    )
    return Finding(
        message,
        came=f"{float(came[worst]):.4g} at (9, {worst})",
        wanted=f"{float(wanted[worst]):.4g} = {slope:.3g} x {float(wanted[worst]) / slope:.3g}",
        hint="The slope is the same all along the front. What is left is how much of each patch "
        "is known, and how well: see hint 1.",
    )


def _confidence_mistakes(
    confidence: Tensor, image: Tensor, mask: Tensor, size: int
) -> dict[str, Tensor]:
    known = torch.where(mask, 0.0, confidence)
    count = avg_pool2d((~mask).float()[None], size, 1, size // 2, count_include_pad=False)[0]
    right = confidence_term(confidence, mask, size)
    slope = float(image[0, 0, 1] - image[0, 0, 0])
    mistakes = {
        "the confidence of the front's own pixel is taken, not the patch's.": confidence,
        "the hole's pixels count as if they were known.": confidence_term(
            confidence, torch.zeros_like(mask), size
        ),
        "the sum is divided by the known pixels only. Then a patch of which hardly anything is "
        "known seems as trustworthy as one that is almost complete.": right / count,
        "pixels beyond the picture count as part of the patch.": avg_pool2d(
            known[None], size, 1, size // 2
        )[0],
        "all values are half of what they should be. How long is your normal?": right / 2,
        "the confidence is not divided by the number of pixels in the patch.": right * size**2,
        "confidence and data are added; one without the other should be worth nothing.": (
            right / slope + 1
        ),
    }
    return {message: values[9] for message, values in mistakes.items()}


def _edges_come_first(ask: Ask, case: Case) -> Finding | None:
    _, image, mask, _ = case.inputs
    came = ask(*case.inputs)
    wanted = ask.wanted(*case.inputs)
    best = came == came.max()
    # Every patch that sees the edge has the same strongest gradient: a band, not a line.
    band = wanted >= 0.999 * wanted.max()
    if float(came.max()) > 0 and not bool((best & ~band).any()):
        return None
    row, column = (best & ~band).nonzero()[0].tolist()
    highest = f"yours is highest at {_side(mask, row, column)}, ({row}, {column})"
    if not float(came.max()) > 0:
        highest = "yours is nowhere above zero"
    message = f"the highest priority should lie where the edge meets the hole; {highest}."
    if torch.allclose(came, not_turned(*case.inputs), atol=1e-4):
        message += (
            " Your data term seems to use the gradient itself, not the direction along the edge: "
            "it is largest where the front runs along the edge."
        )
    return Finding(
        message,
        came=f"{float(came[band].max()):.3g} where the edge meets it, at most {came.max():.3g}",
        wanted="the most urgent place is where the edge meets the hole",
        pictures={
            "the picture, hole in white": torch.where(mask, 1.0, image[0]),
            "your priority": came / came.max().clamp(min=1e-12),
        },
    )


def _side(mask: Tensor, row: int, column: int) -> str:
    if not bool(mask[row, column]):
        return "a known pixel"
    rows, columns = mask.nonzero().unbind(dim=1)
    upright = {int(columns.min()): "left", int(columns.max()): "right"}.get(column)
    level = {int(rows.min()): "upper", int(rows.max()): "lower"}.get(row)
    if upright and level:
        return f"the {level} {upright} corner of the hole"
    return f"the {upright or level} side of the hole" if upright or level else "the hole's inside"


def _agrees(ask: Ask, case: Case) -> Finding | None:
    came, wanted = ask(*case.inputs), ask.wanted(*case.inputs)
    if difference(came, wanted, atol=1e-4, rtol=1e-3) is None:
        return None
    mistakes = {
        "an edge has no arrow: the same edge seen from the other side must be as urgent": signed(
            *case.inputs
        ),
        "the gradient itself is used, not the direction along the edge": not_turned(*case.inputs),
        "(down, right) -> (right, down) is a mirror image, not a turn by 90 degrees": (
            mirrored(*case.inputs)
        ),
        "the normal is not of length one": long_normal(*case.inputs),
    }
    return difference(came, wanted, atol=1e-4, rtol=1e-3, message=recognise(came, mistakes))


PATCH_PRIORITY = Check(
    name="classical_inpainting.patch_priority",
    reference=patch_priority,
    cases=_cases,
    properties=(
        Property(
            "zero off the fill front",
            1,
            _only_on_the_front,
            cases=(ABOVE, BESIDE, SLANTED),
            hint="Only a patch on the front can be filled next; fill_front(mask) tells where.",
        ),
        Property(
            "confidence is the mean over what is known of the patch",
            1,
            _confidence_is_averaged,
            cases=(RAMP, "the same with larger patches"),
        ),
        Property(
            "edges that run into the hole come first",
            1,
            _edges_come_first,
            cases=(ABOVE, BESIDE),
            hint="An edge runs at right angles to its gradient: see hint 2.",
        ),
        Property(
            "values agree with the reference",
            1,
            _agrees,
            cases=(SLANTED, SCRATCH),
            hint="Confidence times |isophote . normal|, with a normal of length one (or zero, "
            "where the mask has no gradient): see hint 3.",
        ),
    ),
    mutants=MUTANTS,
)
