"""Exercise 4 of unit 07: a larger canvas, of which the new part is the hole."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.inpainting_applications.common import mask_difference
from course_lib.checks.mistakes import recognise
from course_lib.checks.properties import difference
from course_lib.inpainting import outpaint_canvas

FOUR = "two colour pictures, four different margins"
ONE = "a grey picture, more space on the right only"
NONE = "no new space at all"
DARK = "a picture with black pixels, space all around"

Answer = tuple[Tensor, Tensor]


def _cases(generator: torch.Generator) -> list[Case]:
    drawn = 0.1 + 0.8 * torch.rand(2, 3, 6, 9, generator=generator)
    margins = (1 + torch.randperm(5, generator=generator)[:4]).tolist()
    dark = torch.rand(1, 3, 7, 5, generator=generator)
    dark[..., 2:4, 1:4] = 0.0
    return [
        Case(FOUR, (drawn, *margins)),
        Case(ONE, (drawn[:1, :1].clone(), 0, 4, 0, 0)),
        Case(NONE, (drawn.clone(), 0, 0, 0, 0)),
        Case(DARK, (dark, 2, 2, 3, 3)),
    ]


def _picture_in_place(ask: Ask, case: Case) -> Finding | None:
    image, left, _, top, _ = case.inputs
    canvas = ask(*case.inputs)[0]
    here = (..., slice(top, top + image.shape[2]), slice(left, left + image.shape[3]))
    message = (
        "the picture is not where it should be on the canvas, or it has changed: its corner lies "
        "`top` rows down and `left` columns to the right."
    )
    message = _sentence(ask, case) or message
    return difference(canvas[here], image, 0.0, 0.0, message)


def _mask_right(ask: Ask, case: Case) -> Finding | None:
    came, wanted = ask(*case.inputs)[1], ask.wanted(*case.inputs)[1]
    missed = _sentence(ask, case) or "new space is not marked as a hole; nothing is known there."
    invented = _sentence(ask, case) or "a pixel of the picture is marked as a hole; it is known."
    return mask_difference(came, wanted, missed, invented)


def _zero_outside(ask: Ask, case: Case) -> Finding | None:
    canvas, wanted = ask(*case.inputs)[0], ask.wanted(*case.inputs)
    message = _sentence(ask, case) or (
        "the new space should hold zeros: nothing is known there, and nothing may look known."
    )
    return difference(
        torch.where(wanted[1], canvas, 0.0), torch.zeros_like(canvas), message=message
    )


def _sentence(ask: Ask, case: Case) -> str:
    return recognise(ask(*case.inputs), case.inputs, _MISTAKES, 0.0, 0.0)


def _with(order: tuple[int, int, int, int] = (0, 1, 2, 3), **options: str) -> Callable[..., Answer]:
    """The canvas with the margins in another order, or another padding."""

    def function(image: Tensor, *margins: int) -> Answer:
        new = [margins[i] for i in order]
        canvas, mask = outpaint_canvas(image, *new)
        if options:
            canvas = torch.nn.functional.pad(image, new, **options)
        return canvas, mask

    return function


def _by_value(image: Tensor, *margins: int) -> Answer:
    canvas, _ = outpaint_canvas(image, *margins)
    return canvas, (canvas == 0).all(dim=1, keepdim=True)


def _true_is_known(image: Tensor, *margins: int) -> Answer:
    canvas, mask = outpaint_canvas(image, *margins)
    return canvas, ~mask


def _one_mask(image: Tensor, *margins: int) -> Answer:
    canvas, mask = outpaint_canvas(image, *margins)
    return canvas, mask[:1]


def _centred(image: Tensor, left: int, right: int, top: int, bottom: int) -> Answer:
    across, down = (left + right) // 2, (top + bottom) // 2
    return outpaint_canvas(image, across, left + right - across, down, top + bottom - down)


def _white(image: Tensor, *margins: int) -> Answer:
    canvas, mask = outpaint_canvas(image, *margins)
    return torch.where(mask, 1.0, canvas), mask


_rows_first = _with((2, 3, 0, 1))
_mirrored = _with((1, 0, 3, 2))
_replicate = _with(mode="replicate")

_MISTAKES = {
    "left and right, top and bottom have changed places.": _mirrored,
    "the picture lies in the middle of the canvas. Each side has a margin of its own.": _centred,
    "the hole is found by looking for black. A picture may have black pixels of its own: they are "
    "known.": _by_value,
    "the mask is the wrong way round: in this course True is the hole, the new space.": (
        _true_is_known
    ),
    "the picture's border is repeated into the new space. A filling method must see that nothing "
    "is known there.": _replicate,
}

OUTPAINT_CANVAS = Check(
    name="inpainting_applications.outpaint_canvas",
    reference=outpaint_canvas,
    cases=_cases,
    properties=(
        Property("the picture lies where it should, unchanged", 1, _picture_in_place),
        Property("the mask is the new space and nothing else", 1, _mask_right),
        Property("the new space holds zeros", 1, _zero_outside, cases=(FOUR, ONE, DARK)),
    ),
    mutants={
        "rows first": _rows_first,
        "sides swapped": _mirrored,
        "in the middle": _centred,
        "black is hole": _by_value,
        "True is known": _true_is_known,
        "border repeated": _replicate,
        "white outside": _white,
        "one mask for the batch": _one_mask,
        "mask as numbers": lambda *inputs: (
            outpaint_canvas(*inputs)[0],
            outpaint_canvas(*inputs)[1].float(),
        ),
    },
)
