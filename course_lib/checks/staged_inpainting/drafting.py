"""Exercise 1 of unit 06: a guess at half size, and a second look."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.mistakes import compare, gradients_flow
from course_lib.checks.staged_inpainting.common import (
    Parameters,
    block,
    known_stays,
    picture,
    small_network,
    spoiled,
)
from course_lib.inpainting.learned import compose
from course_lib.inpainting.stages import apply_network, coarse_to_fine, shrink

EVEN = "a hole of whole 2 x 2 squares"
ODD = "a hole whose rim runs through 2 x 2 squares"
TWO = "two pictures with different holes"
UNKNOWN = "NaN in the hole"

Answer = tuple[Tensor, Tensor]


def _cases(generator: torch.Generator) -> list[Case]:
    networks = [small_network(4, 3, generator) for _ in range(2)]
    image = picture(2, 12, 16, generator)
    even, odd = block(12, 16, (4, 8), (4, 12)), block(12, 16, (3, 8), (5, 12))
    far = block(12, 16, (0, 5), (9, 16))
    return [
        Case(EVEN, (image[:1], even, *networks)),
        Case(ODD, (image[:1], odd, *networks)),
        Case(TWO, (image, torch.cat([odd, far]), *networks)),
        Case(UNKNOWN, (spoiled(image[1:], odd), odd, *networks)),
    ]


def _agrees(ask: Ask, case: Case) -> Finding | None:
    return compare(ask, case, _MISTAKES)


def _stays(ask: Ask, case: Case) -> Finding | None:
    found = known_stays(ask, case, 0, _MISTAKES)
    return found or known_stays(ask, case, 1, _MISTAKES)


def _variant(
    reduce: Callable[[Tensor, Tensor], Answer] = shrink,
    draft: Callable[[Tensor, Tensor, Tensor], Tensor] = compose,
    mode: dict[str, Any] | None = None,
    guess: Callable[[Tensor, Tensor, Tensor], Tensor] = compose,
    see: Callable[[Tensor, Tensor, Tensor], Tensor] = lambda guess, image, mask: guess,
    tell: Callable[[Tensor], Tensor] = lambda mask: mask,
    finish: Callable[[Tensor, Tensor, Tensor], Tensor] = compose,
    give: Callable[[Tensor, Tensor], Answer] = lambda guess, result: (guess, result),
) -> Callable[[Tensor, Tensor, Parameters, Parameters], Answer]:
    """A wrong answer, put together from its parts."""

    def function(image: Tensor, mask: Tensor, coarse: Parameters, fine: Parameters) -> Answer:
        image = torch.where(mask, 0.0, image)
        small, hole = reduce(image, mask)
        x = torch.cat([torch.where(hole, 0.0, small), hole.to(small)], dim=1)
        small = draft(small, apply_network(coarse, x), hole)
        options = mode or {"mode": "bilinear", "align_corners": False}
        first = guess(image, functional.interpolate(small, image.shape[2:], **options), mask)
        x = torch.cat([see(first, image, mask), tell(mask).to(image)], dim=1)
        return give(first, finish(image, apply_network(fine, x), mask))

    return function


def _averaged(image: Tensor, mask: Tensor) -> Answer:
    return functional.avg_pool2d(image, 2), shrink(image, mask)[1]


def _sampled(image: Tensor, mask: Tensor) -> Answer:
    return image[..., ::2, ::2], mask[..., ::2, ::2]


def _any_unknown(image: Tensor, mask: Tensor) -> Answer:
    return shrink(image, mask)[0], functional.max_pool2d(mask.float(), 2) > 0


def _full_size(image: Tensor, mask: Tensor) -> Answer:
    return image, mask


def _prediction(image: Tensor, prediction: Tensor, mask: Tensor) -> Tensor:
    return prediction


_averages_zeros = _variant(_averaged)
_picks_one = _variant(_sampled)
_any_is_hole = _variant(_any_unknown)
_no_half = _variant(_full_size)
_draft_not_composed = _variant(draft=_prediction)
_nearest = _variant(mode={"mode": "nearest"})
_corners = _variant(mode={"mode": "bilinear", "align_corners": True})
_guess_not_composed = _variant(guess=_prediction)
_fine_sees_zeros = _variant(see=lambda guess, image, mask: image)
_no_mask = _variant(tell=torch.zeros_like)
_result_not_composed = _variant(finish=_prediction)
_guess_again = _variant(give=lambda guess, result: (guess, guess))
_swapped = _variant(give=lambda guess, result: (result, guess))
_sum = _variant(give=lambda guess, result: (guess, (guess + result) / 2))


def _networks_swapped(image: Tensor, mask: Tensor, coarse: Parameters, fine: Parameters) -> Answer:
    return coarse_to_fine(image, mask, fine, coarse)


_MISTAKES = {
    "the half-size picture averages the hole's zeros too: its rim is dark.": _averages_zeros,
    "the half-size picture takes one pixel of four; it is the mean of the known ones.": _picks_one,
    "a square with a known pixel in it counts as hole; only one without any does.": _any_is_hole,
    "the first network works at full size.": _no_half,
    "the first network's answer replaces squares that are known.": _draft_not_composed,
    "the guess is enlarged by repeating pixels, not bilinearly.": _nearest,
    "the corner pixels' centres are pinned to the corners (align_corners).": _corners,
    "the guess replaces pixels that are known.": _guess_not_composed,
    "the second network does not see the guess, only the picture with its hole.": _fine_sees_zeros,
    "the second network is not told where the hole was.": _no_mask,
    "the result replaces pixels that are known.": _result_not_composed,
    "the second network has no effect on the result.": _guess_again,
    "the two results have changed places: first the guess.": _swapped,
    "the two networks have changed places.": _networks_swapped,
}

COARSE_TO_FINE = Check(
    name="staged_inpainting.coarse_to_fine",
    reference=coarse_to_fine,
    cases=_cases,
    properties=(
        Property("a hole of whole squares is filled in two steps", 1, _agrees, (EVEN,)),
        Property("squares that are partly known", 1, _agrees, (ODD,)),
        Property("known pixels stay, the hole's content does not count", 1, _stays, (TWO, UNKNOWN)),
        gradients_flow(1, (0,), cases=(EVEN, ODD)),
    ),
    mutants={
        "averages zeros": _averages_zeros,
        "one of four": _picks_one,
        "any unknown is hole": _any_is_hole,
        "no half size": _no_half,
        "draft not composed": _draft_not_composed,
        "nearest": _nearest,
        "aligned corners": _corners,
        "guess not composed": _guess_not_composed,
        "fine sees zeros": _fine_sees_zeros,
        "no mask": _no_mask,
        "result not composed": _result_not_composed,
        "guess twice": _guess_again,
        "results swapped": _swapped,
        "networks swapped": _networks_swapped,
        "mean of both": _sum,
        "detached": lambda i, m, c, f: coarse_to_fine(i.detach(), m, c, f),
    },
)
