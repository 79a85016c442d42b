"""Exercise 2 of unit 05: what the network is given."""

from collections.abc import Callable

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


def network_input(image: Tensor, mask: Tensor) -> Tensor:
    """The picture without its hole, and the mask as one more channel."""
    return torch.cat([image.masked_fill(mask, 0.0), mask.to(image.dtype)], dim=1)


def _cases(generator: torch.Generator) -> list[Case]:
    holes = blocks((1, 4, 2, 6), (0, 8, 0, 3), (5, 7, 5, 7), height=8, width=7)
    one = torch.ones(1, 1, 6, 6, dtype=torch.bool)
    return [
        Case(COLOUR, (pictures(3, 3, 8, 7, generator=generator), holes)),
        Case(GREY, (pictures(1, 1, 8, 7, generator=generator), holes[:1])),
        Case(NOTHING, (pictures(1, 3, 6, 6, generator=generator), ~one)),
        Case(ALL, (pictures(1, 3, 6, 6, generator=generator), one)),
    ]


def _channels(ask: Ask, case: Case) -> Finding | None:
    came, wanted = ask(*case.inputs), ask.wanted(*case.inputs)
    if torch.equal(came[:, -1:], wanted[:, -1:]):
        return None
    message = "the last channel should be the mask: 1 in the hole, 0 elsewhere."
    if torch.equal(came[:, -1:], 1 - wanted[:, -1:]):
        message = "the last channel is 1 where the picture is known; asked is 1 in the hole."
    elif torch.equal(came[:, :1], wanted[:, -1:]):
        message = "the mask comes first; the picture's channels come before it."
    elif not bool(came[:, -1:].any()):
        message = "the mask's channel is empty: the network cannot tell a hole from black."
    return Finding(message, hint="See hint 2.")


def _never_looks(ask: Ask, case: Case) -> Finding | None:
    """Whatever the hole holds, the input is the same."""
    image, mask = case.inputs
    other = torch.where(mask, 1 - image, image)
    came, changed = ask(image, mask), ask(other, mask)
    off, at = worst(changed, came)
    if off > 1e-6:
        return Finding(
            "what the hole contained can be seen in the input: the network would only have to "
            "copy it, and learn nothing.",
            came=f"changed by {off:.3g} at {place(at)} when the hole's content changed",
            wanted="no change",
            hint="See hint 1.",
        )
    if finite_or_none(ask, torch.where(mask, torch.nan, image), mask) is not None:
        return None
    return Finding(
        "with NaN in the hole there is NaN in the input. A hole may hold anything.",
        hint="0 times NaN is NaN. See hint 1.",
    )


def _known(ask: Ask, case: Case) -> Finding | None:
    image, mask = case.inputs
    came = ask(*case.inputs)[:, :-1]
    known = torch.where(mask, 0.0, came), torch.where(mask, 0.0, image)
    off, at = worst(*known)
    if off > 1e-6:
        return Finding(
            "known pixels should come through as they are.",
            came=f"{float(came[at]):.4g} at {place(at)}",
            wanted=f"{float(image[at]):.4g}",
        )
    off, at = worst(torch.where(mask, came, 0.0), torch.zeros_like(came))
    if off <= 1e-6:
        return None
    return Finding(
        "the picture's channels should be 0 in the hole.",
        came=f"{float(came[at]):.4g} at {place(at)}",
        wanted="0",
        hint="See hint 1.",
    )


def _variant(change: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda image, mask: change(image, mask)


_inverted = _variant(lambda i, m: torch.cat([i.masked_fill(m, 0.0), (~m).to(i)], dim=1))
_kept_hole = _variant(lambda i, m: torch.cat([i.masked_fill(~m, 0.0), m.to(i)], dim=1))
_white = _variant(lambda i, m: torch.cat([i.masked_fill(m, 1.0), m.to(i)], dim=1))
_mask_first = _variant(lambda i, m: torch.cat([m.to(i), i.masked_fill(m, 0.0)], dim=1))
_leaks = _variant(lambda i, m: torch.cat([i, m.to(i)], dim=1))
_no_mask = _variant(
    lambda i, m: torch.cat([i.masked_fill(m, 0.0), torch.zeros_like(m).to(i)], dim=1)
)
_product = _variant(lambda i, m: torch.cat([i * (~m).to(i), m.to(i)], dim=1))
_first_mask = _variant(lambda i, m: network_input(i, m[:1].expand_as(m)))


def _mean_filled(image: Tensor, mask: Tensor) -> Tensor:
    mean = image.mean(dim=(2, 3), keepdim=True)
    return torch.cat([torch.where(mask, mean, image), mask.to(image)], dim=1)


def _in_place(image: Tensor, mask: Tensor) -> Tensor:
    image[mask.expand_as(image)] = 0.0
    return torch.cat([image, mask.to(image)], dim=1)


_MISTAKES = {
    "the picture is kept in the hole and removed elsewhere.": _kept_hole,
    "the hole is white.": _white,
    "the mask of the first picture serves for all.": _first_mask,
}


NETWORK_INPUT = Check(
    name="deep_inpainting.network_input",
    reference=network_input,
    cases=_cases,
    properties=(
        Property("the mask is the last channel", 1, _channels),
        Property("known pixels come through, the hole is 0", 1, _known),
        Property(
            "what the hole contained is never seen",
            1,
            _never_looks,
            cases=(COLOUR, GREY, ALL),
        ),
        Property(
            "values and gradients agree with the reference",
            1,
            lambda ask, case: (
                compare(ask, case, _MISTAKES) or gradients_flow(1, (0,)).holds(ask, case)
            ),
            cases=(COLOUR, GREY),
        ),
    ),
    mutants={
        "mask inverted": _inverted,
        "hole kept": _kept_hole,
        "hole white": _white,
        "hole at the mean": _mean_filled,
        "mask first": _mask_first,
        "hole not removed": _leaks,
        "mask empty": _no_mask,
        "times nought": _product,
        "first mask for all": _first_mask,
        "no mask": lambda image, mask: image.masked_fill(mask, 0.0),
        "detached": lambda image, mask: network_input(image.detach(), mask),
        "changes the picture in place": _in_place,
    },
)
