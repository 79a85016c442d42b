"""What two checks of unit 10 share: pictures, and what a decoder made of draws."""

import torch
from torch import Tensor

from course_lib.checks.mistakes import uniform

Draws = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]


def drawn_pictures(
    S: int, B: int, D: int, generator: torch.Generator, size: tuple[int, int, int] = (2, 3, 3)
) -> Draws:
    """Pictures x, decoded means x_hat (S, B, ...), draws z (S, B, D), and q's mu and logvar."""
    x = uniform(0.0, 1.0, B, *size, generator=generator)
    x_hat = x + 0.2 * torch.randn(S, B, *size, generator=generator)
    mu = torch.randn(B, D, generator=generator)
    logvar = uniform(-2.0, 0.5, B, D, generator=generator)
    z = mu + (logvar / 2).exp() * torch.randn(S, B, D, generator=generator)
    return x, x_hat, z, mu, logvar
