"""A paint without repetition: random waves in space, for scenes that have to be matched."""

import math

import torch
from torch import Tensor

WAVES = 64
SLOWEST, FASTEST = 25.0, 120.0  # radians per world unit: waves of 25 cm to 5 cm, if that is 1 m
CONTRAST = 1.2


def speckles(places: Tensor) -> Tensor:
    """Return the colour of a solid, blotched material at each place.

    color = 1/2 + 0.45 tanh(c sum_k m_k cos(w_k . p + phi_k)): waves w_k of all directions and of
    lengths spread evenly on a log scale, m_k (3,) the colour of each. The same place has the same
    colour always, and no two neighbourhoods look alike.

    Args:
        places: (R, 3), world units.

    Returns:
        (R, 3), RGB in [0.05, 0.95].

    Source: Galerne, Gousseau and Morel (2011), random phase textures,
    https://doi.org/10.1109/TIP.2010.2052822

    >>> speckles(torch.zeros(2, 3)).shape
    torch.Size([2, 3])
    """
    generator = torch.Generator().manual_seed(15)
    ways = torch.randn(3, WAVES, generator=generator)
    spread = torch.rand(WAVES, generator=generator)
    speeds = SLOWEST * (FASTEST / SLOWEST) ** spread
    phases = 2 * math.pi * torch.rand(WAVES, generator=generator)
    colors = 0.6 + 0.4 * torch.randn(WAVES, 3, generator=generator)  # mostly grey
    waves = torch.cos(places @ (ways / ways.norm(dim=0) * speeds) + phases)  # (R, WAVES)
    return 0.5 + 0.45 * torch.tanh(CONTRAST * (waves @ colors) * (2 / WAVES) ** 0.5)
