"""Exercise 1 of unit 04: be the mean of your neighbours, again and again."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import pad

from course_lib.checks.ask import Ask
from course_lib.checks.classical_inpainting.common import (
    blind_to_the_hole,
    known_pixels_stay,
    paint,
    recognise,
    rectangle,
    uniform,
)
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.properties import difference
from course_lib.inpainting import harmonic_inpaint_reference

STAYS = "The hole itself starts as the mean colour of the known pixels, whatever it held."


def _cases(generator: torch.Generator) -> list[Case]:
    def draw(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator)

    one_pixel = rectangle(3, 4, slice(1, 2), slice(1, 2))
    corner = rectangle(3, 4, slice(0, 1), slice(0, 1))
    two_holes = torch.cat(
        [
            rectangle(9, 12, slice(2, 7), slice(3, 8)),
            rectangle(9, 12, slice(5, 9), slice(8, 12)),
        ]
    )
    dark_and_bright = draw(2, 3, 9, 12) * 0.4 + torch.tensor([0.0, 0.6]).view(2, 1, 1, 1)
    square = rectangle(12, 12, slice(3, 8), slice(4, 9))
    ramp = paint(_ramp(generator), square, generator)
    return [
        Case("no sweep at all", (paint(dark_and_bright, two_holes, generator), two_holes, 0)),
        Case("one missing pixel, one sweep", (draw(1, 1, 3, 4), one_pixel, 1)),
        Case("a missing corner, one sweep", (draw(1, 1, 3, 4), corner, 1)),
        Case("a ramp with a square hole", (ramp, square, 200)),
        Case("two noisy pictures", (paint(dark_and_bright, two_holes, generator), two_holes, 7)),
    ]


def _ramp(generator: torch.Generator) -> Tensor:
    down, right = uniform(0.02, 0.04, generator), uniform(-0.04, -0.02, generator)
    y, x = torch.arange(12.0)[:, None], torch.arange(12.0)
    return (0.5 + down * (y - 5.5) + right * (x - 5.5)).view(1, 1, 12, 12)


def _starts_at_the_mean(ask: Ask, case: Case) -> Finding | None:
    image, mask, _ = case.inputs
    known = (~mask).expand_as(image)
    overall = torch.full_like(image, float(image[known].mean()))
    mistakes = {
        "before the first sweep the hole still holds what was painted into it.": image,
        "the hole starts black; it should start as the mean colour of the known pixels.": (
            torch.where(mask, 0.0, image)
        ),
        "the mean runs over the hole's pixels too, and they hold nonsense.": (
            torch.where(mask, image.mean((2, 3), keepdim=True), image)
        ),
        "all pictures and channels share one mean; each channel of each picture has its own.": (
            torch.where(mask, overall, image)
        ),
        "the mean divides by all pixels, also by those that are missing.": (
            torch.where(mask, (image * ~mask).mean((2, 3), keepdim=True), image)
        ),
    }
    came = ask(*case.inputs)
    message = recognise(came, mistakes, atol=1e-5)
    default = "before the first sweep the hole should be the mean colour of the known pixels"
    return difference(came, ask.wanted(*case.inputs), message=message or default)


def _one_sweep(ask: Ask, case: Case) -> Finding | None:
    image, mask, _ = case.inputs
    y, x = mask[0, 0].nonzero()[0].tolist()
    mean = float(image[~mask].mean())
    around = pad(torch.where(mask, mean, image), (1, 1, 1, 1), mode="replicate")[0, 0]
    near = around[y : y + 3, x : x + 3]
    wanted = float(near[0, 1] + near[2, 1] + near[1, 0] + near[1, 2]) / 4
    came = float(ask(*case.inputs)[0, 0, y, x])
    if abs(came - wanted) < 1e-5:
        return None
    return Finding(
        _why_one_sweep_is_wrong(came, image, mask, mean, near),
        came=f"{came:.4g}",
        wanted=f"{wanted:.4g}, worked out by hand",
        hint="See hint 2: four neighbours, and at the border the pixel stands in for itself.",
    )


def _why_one_sweep_is_wrong(
    came: float, image: Tensor, mask: Tensor, mean: float, near: Tensor
) -> str:
    cross = torch.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    black = _sweep(torch.where(mask, mean, image), mask, lambda u: pad(u, (1, 1, 1, 1)))
    wrapped = _sweep(
        torch.where(mask, mean, image), mask, lambda u: pad(u, (1, 1, 1, 1), mode="circular")
    )
    mistakes = {
        "the hole has not changed from its start: no sweep was made.": torch.tensor(mean),
        "the diagonal neighbours take part too.": (near.sum() - near[1, 1]) / 8,
        "the missing pixel's own old value takes part in its mean.": (
            ((near * cross).sum() + near[1, 1]) / 5
        ),
        "something black flows in from beyond the border.": black[mask][0],
        "colour flows in from the opposite side of the picture.": wrapped[mask][0],
    }
    found = recognise(torch.tensor(came), mistakes, atol=1e-5)
    return found or "one sweep can be worked out by hand, and the result differs."


def _sweep(filled: Tensor, mask: Tensor, surround: Callable[[Tensor], Tensor]) -> Tensor:
    """One Jacobi sweep with another idea of what lies beyond the border."""
    around = surround(filled)
    vertical = around[..., :-2, 1:-1] + around[..., 2:, 1:-1]
    horizontal = around[..., 1:-1, :-2] + around[..., 1:-1, 2:]
    return torch.where(mask, (vertical + horizontal) / 4, filled)


def _ramp_comes_back(ask: Ask, case: Case) -> Finding | None:
    image, mask, _ = case.inputs
    came = ask(*case.inputs)
    known = torch.where(mask, torch.nan, image).flatten(2)  # (B, C, H W)
    low, high = known.nan_to_num(nan=1.0).amin(2), known.nan_to_num(nan=0.0).amax(2)
    beyond = (low - came.flatten(2).amin(2)).maximum(came.flatten(2).amax(2) - high)
    if float(beyond.max()) > 1e-5:
        return Finding(
            "a mean never leaves the range of what it averages, but the result does.",
            came=f"{float(beyond.max()):.3g} beyond the darkest or brightest known pixel",
            wanted="nothing beyond (the maximum principle)",
        )
    if "ramp" not in case.name:
        return None
    found = difference(
        came,
        ask.wanted(*case.inputs),
        atol=1e-4,
        message="after so many sweeps the ramp should run on through the hole in a straight line",
    )
    if found is None:
        return None
    pictures = {"the ramp with its hole": image[0, 0], "yours": came[0, 0]}
    return Finding(found.message, found.came, found.wanted, pictures=pictures)


def _agrees(ask: Ask, case: Case) -> Finding | None:
    image, mask, sweeps = case.inputs
    came, wanted = ask(*case.inputs), ask.wanted(*case.inputs)
    if difference(came, wanted) is None:
        return None
    mistakes = {
        "it makes one sweep too few": ask.wanted(image, mask, max(sweeps - 1, 0)),
        "it makes one sweep too many": ask.wanted(image, mask, sweeps + 1),
        "within one sweep, pixels read values that this very sweep has already changed": (
            _one_after_the_other(ask.wanted(image, mask, 0), mask, sweeps)
        ),
    }
    return difference(came, wanted, message=recognise(came, mistakes, atol=1e-5))


def _one_after_the_other(filled: Tensor, mask: Tensor, sweeps: int) -> Tensor:
    """Gauss and Seidel's iteration: each pixel already sees its predecessors' new values."""
    filled = filled.clone()
    height, width = mask.shape[2:]
    for _ in range(sweeps):
        for b, y, x in mask[:, 0].nonzero().tolist():
            cells = ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1))
            inside = [(min(max(i, 0), height - 1), min(max(j, 0), width - 1)) for i, j in cells]
            filled[b, :, y, x] = sum(filled[b, :, i, j] for i, j in inside) / 4
    return filled


def _variant(
    start: Callable[[Tensor, Tensor], Tensor] | None = None,
    surround: Callable[[Tensor], Tensor] | None = None,
    then: Callable[[Tensor, Tensor, Tensor], Tensor] | None = None,
) -> Callable[[Tensor, Tensor, int], Tensor]:
    """A wrong answer: another start, another border, or something else done after each sweep."""

    def function(image: Tensor, mask: Tensor, iterations: int) -> Tensor:
        known_mean = harmonic_inpaint_reference(image, mask, 0)
        filled = torch.where(mask, start(image, mask), image) if start else known_mean
        for _ in range(iterations):
            before = filled
            filled = _sweep(filled, mask, surround or _replicate)
            filled = then(filled, before, mask) if then else filled
        return filled

    return function


def _replicate(filled: Tensor) -> Tensor:
    return pad(filled, (1, 1, 1, 1), mode="replicate")


def _everything_averaged(image: Tensor, mask: Tensor, iterations: int) -> Tensor:
    filled = harmonic_inpaint_reference(image, mask, 0)
    for _ in range(iterations):
        filled = _sweep(filled, torch.ones_like(mask), _replicate)
    return filled


def _paints_the_argument(image: Tensor, mask: Tensor, iterations: int) -> Tensor:
    return image.copy_(harmonic_inpaint_reference(image, mask, iterations))


def _eight(filled: Tensor, before: Tensor, mask: Tensor) -> Tensor:
    nine = torch.nn.functional.avg_pool2d(_replicate(before), 3, stride=1)
    return torch.where(mask, (9 * nine - before) / 8, before)


HARMONIC_INPAINT = Check(
    name="classical_inpainting.harmonic_inpaint",
    reference=harmonic_inpaint_reference,
    cases=_cases,
    properties=(
        Property(
            "known pixels stay, and what the hole held does not count",
            1,
            lambda ask, case: known_pixels_stay(ask, case) or blind_to_the_hole(ask, case),
            cases=("two noisy pictures", "a ramp with a square hole"),
            hint=STAYS,
        ),
        Property(
            "the start and one sweep, by hand",
            1,
            lambda ask, case: (_one_sweep if case.inputs[2] else _starts_at_the_mean)(ask, case),
            cases=(
                "no sweep at all",
                "one missing pixel, one sweep",
                "a missing corner, one sweep",
            ),
            hint="See hint 1.",
        ),
        Property(
            "a ramp comes back, nothing darker or brighter appears",
            1,
            _ramp_comes_back,
            cases=("a ramp with a square hole", "two noisy pictures"),
            hint="Many sweeps lead to a state in which every hole pixel is the mean of its four "
            "neighbours. A ramp is such a state.",
        ),
        Property(
            "every sweep, every picture of the batch",
            1,
            _agrees,
            cases=("two noisy pictures",),
            hint="A sweep reads the whole old picture and then writes a new one; picture 0 and "
            "picture 1 know nothing of each other.",
        ),
    ),
    mutants={
        "known pixels averaged too": _everything_averaged,
        "starts from what the hole held": _variant(start=lambda image, mask: image),
        "starts black": _variant(start=lambda image, mask: torch.zeros_like(image)),
        "mean includes the hole": _variant(
            start=lambda image, mask: image.mean((2, 3), keepdim=True)
        ),
        "one mean for the whole batch": _variant(
            start=lambda image, mask: torch.full_like(
                image, float(image[(~mask).expand_as(image)].mean())
            )
        ),
        "black beyond the border": _variant(surround=lambda filled: pad(filled, (1, 1, 1, 1))),
        "wraps around": _variant(
            surround=lambda filled: pad(filled, (1, 1, 1, 1), mode="circular")
        ),
        "eight neighbours": _variant(then=_eight),
        "itself among the neighbours": _variant(
            then=lambda filled, before, mask: (4 * filled + before) / 5
        ),
        "neighbours of the new picture": lambda image, mask, iterations: _one_after_the_other(
            harmonic_inpaint_reference(image, mask, 0), mask, iterations
        ),
        "one sweep too few": lambda image, mask, iterations: harmonic_inpaint_reference(
            image, mask, max(iterations - 1, 0)
        ),
        "first mask for all pictures": lambda image, mask, iterations: harmonic_inpaint_reference(
            image, mask[:1].expand_as(mask), iterations
        ),
        "sum instead of mean": _variant(
            then=lambda filled, before, mask: torch.where(mask, 4 * filled, filled)
        ),
        "changes its input": _paints_the_argument,
    },
)
