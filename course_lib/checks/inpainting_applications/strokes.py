"""Exercise 2 of unit 07: the letters of a caption, told from a sky of the same colour."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.inpainting_applications.common import mask_difference, same_mask
from course_lib.checks.mistakes import recognise
from course_lib.data import text_mask
from course_lib.inpainting import find_text

WORD = "a yellow word on a dark, noisy ground"
SKY = "a yellow word over a field of the same yellow"
BORDER = "strokes along the border of the picture"
NEAR = "two pictures with colours that are off in one channel"
DRAWN = "random colours, window 3"

YELLOW = torch.tensor([1.0, 0.9, 0.2])
TOLERANCE, WINDOW = 0.1, 9


def _cases(generator: torch.Generator) -> list[Case]:
    ground = 0.4 * torch.rand(1, 3, 24, 60, generator=generator)
    letters = text_mask("Open", 24, 60, font_size=16)
    word = torch.where(letters, YELLOW[:, None, None], ground)
    sky = word.clone()
    sky[..., 40:] = YELLOW[:, None, None]
    off = torch.where(letters, YELLOW[:, None, None], 0.2).repeat(2, 1, 1, 1)
    off[0, 2, :, ::2] += 0.3  # blue is off in every second column
    off[1, 0, ::2] -= 0.3  # red is off in every second row
    drawn = 0.25 * torch.randint(0, 5, (1, 3, 10, 12), generator=generator) ** 0.5
    return [
        Case(WORD, (word, YELLOW, TOLERANCE, WINDOW)),
        Case(SKY, (sky, YELLOW, TOLERANCE, WINDOW)),
        Case(BORDER, (_frame(), YELLOW, TOLERANCE, 5)),
        Case(NEAR, (off, YELLOW, TOLERANCE, WINDOW)),
        Case(DRAWN, (drawn, torch.tensor([0.25, 0.35, 0.4]), 0.2, 3)),
    ]


def _frame() -> Tensor:
    """Yellow bands along two borders: three rows, too wide for the window; one column, a stroke."""
    picture = torch.full((1, 3, 16, 20), 0.2)
    picture[..., :3, :] = YELLOW[:, None, None]
    picture[..., 0] = YELLOW[:, None]
    return picture


def _inside(ask: Ask, case: Case, missed: str, invented: str) -> Finding | None:
    """Compare where the whole window lies in the picture; the border has a point of its own."""
    came, wanted, half = ask(*case.inputs), ask.wanted(*case.inputs), case.inputs[3] // 2
    whole = torch.zeros_like(wanted)
    whole[..., half:-half, half:-half] = True
    sentence = _sentence(ask, case)
    came = torch.where(whole, came, wanted)
    return mask_difference(came, wanted, sentence or missed, sentence or invented)


def _letters(ask: Ask, case: Case) -> Finding | None:
    return _inside(
        ask, case, "a pixel of a letter is missed.", "a pixel of the ground is taken for a letter."
    )


def _field_is_no_letter(ask: Ask, case: Case) -> Finding | None:
    came = ask(*case.inputs)
    inner = came[..., 6:18, 48:54]
    if not bool(inner.any()):
        return _inside(ask, case, "a letter is missed.", "too much is found.")
    return Finding(
        _sentence(ask, case)
        or "the large yellow field is taken for writing. A stroke is thin: look at a pixel's "
        "neighbourhood as well.",
        came=f"{int(inner.sum())} pixels inside the field are True",
        wanted="none",
        hint="See hint 2.",
        pictures={"yours": came[0, 0].float()},
    )


def _every_channel(ask: Ask, case: Case) -> Finding | None:
    return _inside(ask, case, "a pixel is missed.", "a pixel too many is found.")


def _at_the_border(ask: Ask, case: Case) -> Finding | None:
    return same_mask(
        ask,
        case,
        _MISTAKES,
        "at the border of the picture a stroke is missed.",
        "at the border of the picture too much is found.",
        hint="At the border the window is cut off: of the pixels that are there, how many have the "
        "colour? Zeros around the picture are no pixels.",
    )


def _sentence(ask: Ask, case: Case) -> str:
    return recognise(ask(*case.inputs), case.inputs, _MISTAKES, 0.0, 0.0)


def _found(
    alike: Callable[[Tensor, float], Tensor] = lambda off, t: (off.abs() <= t).all(1, keepdim=True),
    thin: Callable[[Tensor], Tensor] = lambda share: share < 0.5,
    keep: Callable[[Tensor, Tensor], Tensor] = lambda alike, thin: alike & thin,
    pad: bool = False,
    wider: int = 0,
) -> Callable[[Tensor, Tensor, float, int], Tensor]:
    """The rule once more, with one of its parts wrong."""

    def function(image: Tensor, color: Tensor, tolerance: float, window: int) -> Tensor:
        found = alike(image - color[:, None, None], tolerance)
        side = 2 * window + 1 if wider else window
        share = torch.nn.functional.avg_pool2d(
            found.float(), side, stride=1, padding=side // 2, count_include_pad=pad
        )
        return keep(found, thin(share))

    return function


def _first_only(image: Tensor, color: Tensor, tolerance: float, window: int) -> Tensor:
    return find_text(image, color, tolerance, window)[:1].expand(len(image), -1, -1, -1)


_color_only = _found(keep=lambda alike, thin: alike)
_any_channel = _found(alike=lambda off, t: (off.abs() <= t).any(1, keepdim=True))
_mean_channel = _found(alike=lambda off, t: off.abs().mean(1, keepdim=True) <= t)
_signed = _found(alike=lambda off, t: (off <= t).all(1, keepdim=True))
_thick = _found(thin=lambda share: share >= 0.5)
_thin_only = _found(keep=lambda alike, thin: thin)
_padded = _found(pad=True)
_radius = _found(wider=1)

_MISTAKES = {
    "everything of the letters' colour is found, whether it is thin or not.": _color_only,
    "one channel of the right value is enough for you. A colour is right if all three are.": (
        _any_channel
    ),
    "the channels' errors are averaged: two good ones make up for a bad one. Ask each of them.": (
        _mean_channel
    ),
    "a channel that is far too low passes. How far off it is has no sign.": _signed,
    "thick is kept and thin is dropped: the comparison is the wrong way round.": _thick,
    "what is near a stroke is found as well: a pixel must have the colour itself.": _thin_only,
    "at the border the zeros of the padding are counted as pixels of another colour.": _padded,
    "the window is taken for a radius; it is the side of the square.": _radius,
}

FIND_TEXT = Check(
    name="inpainting_applications.find_text",
    reference=find_text,
    cases=_cases,
    properties=(
        Property("all letters and nothing else", 1, _letters, cases=(WORD,)),
        Property("a field of the same colour is no writing", 1, _field_is_no_letter, cases=(SKY,)),
        Property("each channel counts, each picture for itself", 1, _every_channel, (NEAR, DRAWN)),
        Property("the border", 1, _at_the_border, cases=(BORDER,)),
    ),
    mutants={
        "colour only": _color_only,
        "any channel": _any_channel,
        "mean of the channels": _mean_channel,
        "no absolute value": _signed,
        "thick for thin": _thick,
        "thin only": _thin_only,
        "padding counted": _padded,
        "window as radius": _radius,
        "first picture for all": _first_only,
        "mask as numbers": lambda *inputs: find_text(*inputs).float(),
    },
)
