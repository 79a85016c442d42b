"""What the checks of unit 04 share: holes, paint, and how they recognise a mistake."""

from collections.abc import Mapping

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Finding


def rectangle(height: int, width: int, rows: slice, columns: slice) -> Tensor:
    """Return one mask (1, 1, H, W) with a rectangular hole.

    >>> rectangle(2, 3, slice(0, 1), slice(1, 3))[0, 0].int()
    tensor([[0, 1, 1],
            [0, 0, 0]], dtype=torch.int32)
    """
    mask = torch.zeros(1, 1, height, width, dtype=torch.bool)
    mask[..., rows, columns] = True
    return mask


def uniform(low: float, high: float, generator: torch.Generator) -> float:
    """Return one number, drawn evenly from ``low`` to ``high``."""
    return low + (high - low) * float(torch.rand((), generator=generator))


def paint(image: Tensor, mask: Tensor, generator: torch.Generator) -> Tensor:
    """Return the picture with nonsense in its holes, so that nobody can peek."""
    return torch.where(mask, torch.rand(image.shape, generator=generator), image)


def recognise(came: Tensor, mistakes: Mapping[str, Tensor], atol: float = 1e-4) -> str:
    """Return the message of the first known mistake that gives just this result, or "".

    >>> recognise(torch.ones(2), {"it is zero.": torch.zeros(2), "it is one.": torch.ones(2)})
    'it is one.'
    """
    for message, result in mistakes.items():
        if result.shape == came.shape and torch.allclose(came, result.to(came), atol=atol):
            return message
    return ""


def known_pixels_stay(ask: Ask, case: Case) -> Finding | None:
    """Judge whether a filling leaves the known pixels as they are, bit for bit."""
    image, mask = case.inputs[:2]
    result = ask(*case.inputs)
    off = (result != image) & ~mask  # (B, C, H, W)
    if not bool(off.any()):
        return None
    b, c, y, x = off.nonzero()[0].tolist()
    came, wanted = float(result[b, c, y, x]), float(image[b, c, y, x])
    if abs(came - wanted) > 1e-4:
        message = "pixels outside the hole have changed; they are known and stay as they are."
    else:
        message = "known pixels have moved by a rounding error; they must stay to the last bit."
    return Finding(
        message,
        came=f"{came:.9g} in picture {b}, channel {c}, at ({y}, {x})",
        wanted=f"{wanted:.9g}",
        hint="torch.where(mask, a, b) takes a in the hole and b, untouched, everywhere else.",
    )


def blind_to_the_hole(ask: Ask, case: Case) -> Finding | None:
    """Judge whether the result stays the same when something else is painted into the hole."""
    image, mask, *rest = case.inputs
    other = torch.where(mask, 1.0 - image, image)
    first, again = ask(image, mask, *rest), ask(other, mask, *rest)
    pairs = [(first, again)] if isinstance(first, Tensor) else zip(first, again, strict=True)
    largest = max(float((a - b).abs().max()) for a, b in pairs)
    if largest <= 1e-5:
        return None
    return Finding(
        "what was painted into the hole shows in the result. Under a real hole there is nothing "
        "to be seen: only the known pixels may count.",
        came=f"a change of {largest:.3g} after the hole was painted over",
        wanted="no change",
    )
