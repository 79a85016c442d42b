"""Exercise 5 of unit 07: a guess is corrected until it shrinks to the small picture."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.mistakes import Mistakes, recognise, uniform
from course_lib.checks.properties import difference, gradients_agree
from course_lib.inpainting import back_project, box_average

NOISE = "a random guess, factor 3"
BATCH = "two pictures higher than wide, factor 2"
RIGHT = "a guess that is consistent already, factor 4"
BRIGHT = "a guess with much contrast and a bright small picture, factor 2"
SAME = "factor 1"


def _cases(generator: torch.Generator) -> list[Case]:
    def draw(*shape: int) -> Tensor:
        return uniform(0.0, 1.0, *shape, generator=generator)

    consistent = draw(1, 3, 8, 12)
    contrast = (draw(1, 3, 6, 6) > 0.5).float()
    return [
        Case(NOISE, (draw(1, 3, 9, 12), draw(1, 3, 3, 4), 3)),
        Case(BATCH, (draw(2, 3, 10, 6), draw(2, 3, 5, 3), 2)),
        Case(RIGHT, (consistent, box_average(4).apply(consistent), 4)),
        Case(BRIGHT, (contrast, 0.8 + 0.2 * draw(1, 3, 3, 3), 2)),
        Case(SAME, (draw(1, 1, 4, 5), draw(1, 1, 4, 5), 1)),
    ]


def _shrinks_to_low(ask: Ask, case: Case) -> Finding | None:
    image, low, factor = case.inputs
    message = _sentence(ask, case) or "shrunk again, your picture is not the small one"
    return difference(box_average(factor).apply(ask(image, low, factor)), low, 1e-5, 0.0, message)


def _detail_stays(ask: Ask, case: Case) -> Finding | None:
    """Of each block only the mean may change: the differences within it are the guess's."""
    image, low, factor = case.inputs
    change = ask(image, low, factor) - image
    block = box_average(factor)
    uneven = (change - block.pseudo_inverse(block.apply(change))).abs()
    if float(uneven.max()) <= 1e-5:
        return None
    place = tuple(int(i) for i in torch.unravel_index(uneven.argmax(), uneven.shape))
    return Finding(
        _sentence(ask, case)
        or "the detail inside a block has changed. The small picture says nothing about it, so it "
        "should stay as the guess has it.",
        came=f"a change that is {float(uneven[place]):.3g} off its block's mean, at {place}",
        wanted="the same change in all pixels of a block",
        hint="See hint 1.",
    )


def _nothing_to_do(ask: Ask, case: Case) -> Finding | None:
    image, low, factor = case.inputs
    message = _sentence(ask, case) or (
        "this guess shrinks to the small picture already, and yet it is changed"
    )
    found = difference(ask(image, low, factor), image, 1e-5, 0.0, message)
    if found is not None:
        return found
    other = low + 0.25
    moved = ask(image, other, factor)
    return difference(
        moved,
        image + 0.25,
        1e-5,
        0.0,
        "0.25 more in each small pixel is 0.25 more everywhere",
    )


def _sentence(ask: Ask, case: Case) -> str:
    return recognise(ask(*case.inputs), case.inputs, _MISTAKES, 1e-6, 1e-5)


def _corrected(
    shrink: Callable[[Tensor, int], Tensor] = lambda x, f: box_average(f).apply(x),
    enlarge: Callable[[Tensor, int], Tensor] = lambda y, f: box_average(f).pseudo_inverse(y),
    sign: float = 1.0,
) -> Callable[[Tensor, Tensor, int], Tensor]:
    """The formula once more, with one of its parts wrong."""

    def function(image: Tensor, low: Tensor, factor: int) -> Tensor:
        return image + sign * enlarge(low - shrink(image, factor), factor)

    return function


def _bilinear(y: Tensor, factor: int) -> Tensor:
    return torch.nn.functional.interpolate(y, scale_factor=factor, mode="bilinear")


def _tiled(y: Tensor, factor: int) -> Tensor:
    return y.repeat(1, 1, factor, factor)


def _only_low(image: Tensor, low: Tensor, factor: int) -> Tensor:
    return box_average(factor).pseudo_inverse(low) + 0.0 * image


_backwards = _corrected(sign=-1.0)
_corner = _corrected(shrink=lambda x, f: x[..., ::f, ::f])
_transposed = _corrected(enlarge=lambda y, f: box_average(f).pseudo_inverse(y) / f**2)
_smooth = _corrected(enlarge=_bilinear)
_tiles = _corrected(enlarge=_tiled)


def _clamped(image: Tensor, low: Tensor, factor: int) -> Tensor:
    return back_project(image, low, factor).clamp(0, 1)


def _detached(image: Tensor, low: Tensor, factor: int) -> Tensor:
    return back_project(image.detach(), low, factor) + 0.0 * image


_MISTAKES: Mistakes = {
    "the correction goes the wrong way: what the small picture has more of must be added.": (
        _backwards
    ),
    "one pixel of each block is compared with the small picture. A pixel of the small picture "
    "is the mean of its whole block.": _corner,
    "the correction is factor² times too small. To raise a block's mean by d, each of its pixels "
    "must rise by d.": _transposed,
    "the correction is smeared over the blocks' borders, so each block's mean misses its goal.": (
        _smooth
    ),
    "the small error picture is laid like tiles, again and again. Each of its pixels belongs to "
    "one block.": _tiles,
    "only the small picture is left, in large pixels. The detail of the guess should stay.": (
        _only_low
    ),
    "the result is clamped to [0, 1], and with that its means are no longer right. Leave the few "
    "values that go beyond.": _clamped,
}

BACK_PROJECT = Check(
    name="inpainting_applications.back_project",
    reference=back_project,
    cases=_cases,
    properties=(
        Property("it shrinks to the small picture", 1, _shrinks_to_low),
        Property("detail that the small picture cannot show stays", 1, _detail_stays),
        Property("what is right already stays", 1, _nothing_to_do, cases=(RIGHT,)),
        gradients_agree(
            1,
            cases=(NOISE, BATCH),
            hint="In a network this is a layer: compute with the tensors that came, without "
            "detach(), item() or no_grad().",
        ),
    ),
    mutants={
        "the wrong way": _backwards,
        "one pixel a block": _corner,
        "transpose for pseudo-inverse": _transposed,
        "smooth correction": _smooth,
        "tiled": _tiles,
        "detail lost": _only_low,
        "clamped": _clamped,
        "detached": _detached,
        "no correction": lambda image, low, factor: image + 0.0 * low.mean(),
        "low alone": lambda image, low, factor: low,
        "in place": lambda image, low, factor: image.add_(back_project(image, low, factor) - image),
    },
)
