"""What the checks of unit 07 share: two masks compared, and where they differ."""

from dataclasses import replace

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Finding
from course_lib.checks.mistakes import Mistakes, recognise


def same_mask(
    ask: Ask, case: Case, mistakes: Mistakes, missed: str, invented: str, hint: str = ""
) -> Finding | None:
    """Compare the answer to a case with the reference's mask; name the mistake if it is known."""
    came, wanted = ask(*case.inputs), ask.wanted(*case.inputs)
    found = mask_difference(came, wanted, missed, invented, hint)
    sentence = recognise(came, case.inputs, mistakes, 0.0, 0.0) if found else ""
    return replace(found, message=sentence) if found and sentence else found


def mask_difference(
    came: Tensor, wanted: Tensor, missed: str, invented: str, hint: str = ""
) -> Finding | None:
    """Name the first pixel that two masks (B, 1, H, W) disagree about; None if there is none.

    >>> none, one = torch.zeros(1, 1, 1, 2).bool(), torch.tensor([[[[False, True]]]])
    >>> mask_difference(none, one, "a pixel is missed.", "a pixel too many.").message
    'a pixel is missed.'
    """
    off = came != wanted
    if not bool(off.any()):
        return None
    b, _, y, x = off.nonzero()[0].tolist()
    value = bool(wanted[b, 0, y, x])
    return Finding(
        missed if value else invented,
        came=f"{not value} in picture {b} at ({y}, {x}); {int(off.sum())} pixels differ",
        wanted=f"{value}",
        hint=hint,
        pictures={"yours": came[b, 0].float(), "wanted": wanted[b, 0].float()},
    )


def masked(height: int, width: int, *places: tuple[int, int]) -> Tensor:
    """Return a mask (1, 1, H, W) that is True at the places (row, column).

    >>> masked(1, 3, (0, 1))
    tensor([[[[False,  True, False]]]])
    """
    mask = torch.zeros(1, 1, height, width, dtype=torch.bool)
    for y, x in places:
        mask[..., y, x] = True
    return mask
