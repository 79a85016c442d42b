"""What the checks of unit 06 share: small networks, pictures with holes, and what stays."""

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Finding
from course_lib.checks.mistakes import Mistakes, compare

Parameters = dict[str, Tensor]


def small_network(inputs: int, outputs: int, generator: torch.Generator) -> Parameters:
    """Parameters for `apply_network`: two convolutions with three maps between them."""

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    return {
        "first.weight": 0.5 * draw(3, inputs, 3, 3),
        "first.bias": 0.3 * draw(3),
        "second.weight": 0.4 * draw(outputs, 3, 3, 3),
        "second.bias": 0.3 * draw(outputs),
    }


def picture(count: int, height: int, width: int, generator: torch.Generator) -> Tensor:
    """Smooth colours with noise on top, (B, 3, H, W) in [0, 1]."""
    coarse = torch.rand(count, 3, 3, 3, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")
    noise = torch.rand(count, 3, height, width, generator=generator)
    return 0.8 * smooth + 0.2 * noise


def block(height: int, width: int, rows: tuple[int, int], columns: tuple[int, int]) -> Tensor:
    """One rectangular hole, (1, 1, H, W) bool."""
    mask = torch.zeros(1, 1, height, width, dtype=torch.bool)
    mask[..., rows[0] : rows[1], columns[0] : columns[1]] = True
    return mask


def spoiled(image: Tensor, mask: Tensor) -> Tensor:
    """The same picture with NaN in the hole."""
    return image.masked_fill(mask, torch.nan)


def named(ask: Ask, case: Case, mistakes: Mistakes) -> str:
    """The known mistake that explains this case's result, or ""."""
    found = compare(ask, case, mistakes)
    return found.message if found and found.message in mistakes else ""


def known_stays(ask: Ask, case: Case, part: int, mistakes: Mistakes) -> Finding | None:
    """Outside of the hole the result's ``part`` is the picture, and in it the reference's."""
    image, mask = case.inputs[:2]
    came = ask(*case.inputs)[part]
    off = (~mask).expand_as(came) & (came != torch.where(mask, 0.0, image))
    if bool(off.any()):
        return Finding(
            named(ask, case, mistakes) or "pixels that were known have changed.",
            came=f"{int(off.sum())} numbers outside of the hole differ",
            wanted="none",
        )
    return compare(ask, case, mistakes)
