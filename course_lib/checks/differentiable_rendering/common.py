"""What the checks of unit 14 share: triangles and pixels to try, and where two pictures differ."""

import torch
from torch import Tensor

from course_lib.checks.definition import Finding
from course_lib.checks.mistakes import listed, uniform
from course_lib.rendering.splats import pixel_centres

# Right angle at (2, 2), legs along x and y, ten pixels long.
SET_SQUARE = torch.tensor([[2.0, 2.0], [12.0, 2.0], [2.0, 12.0]])


def triangle_in(width: int, height: int, generator: torch.Generator) -> Tensor:
    """Return a triangle (3, 2) that fills a good part of a picture, either way round.

    >>> triangle_in(8, 6, torch.Generator().manual_seed(0)).shape
    torch.Size([3, 2])
    """
    size = torch.tensor([width, height])
    corners = torch.tensor([[0.15, 0.2], [0.9, 0.35], [0.4, 0.9]])
    drawn = size * (corners + uniform(-0.1, 0.1, 3, 2, generator=generator))
    return drawn.flip(0) if float(torch.rand((), generator=generator)) < 0.5 else drawn


def centres(width: int, height: int) -> Tensor:
    """Return the centres of a picture's pixels (H, W, 2), in a memory of their own."""
    return pixel_centres(width, height).clone()


def first_difference(
    came: Tensor, wanted: Tensor, pixels: Tensor, message: str, atol: float = 0.0, hint: str = ""
) -> Finding | None:
    """Name the pixel in which two pictures differ most, with both pictures; None if none does."""
    off = (came.double() - wanted.double()).abs()
    if float(off.max()) <= atol:
        return None
    place = tuple(int(i) for i in torch.unravel_index(off.argmax(), off.shape))
    at = f"at (x, y) = {listed(pixels[place], 2)}"
    flat = off.ndim == 2
    return Finding(
        message,
        came=f"{came[place].item():.4g} {at}",
        wanted=f"{wanted[place].item():.4g}",
        hint=hint,
        pictures={"yours": came.float(), "wanted": wanted.float()} if flat else {},
    )
