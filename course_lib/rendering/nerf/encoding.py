"""Numbers that make it easy for a small network to draw sharp edges."""

import math

import torch
from torch import Tensor

from ..splats.harmonics import sh_basis
from .arguments import check_floats


def positional_encoding(x: Tensor, frequencies: int) -> Tensor:
    """Return the sines and cosines of each coordinate at doubling frequencies.

    gamma(x) = (sin(pi x), cos(pi x), sin(2 pi x), cos(2 pi x), ..., sin(2^(L-1) pi x),
    cos(2^(L-1) pi x)).

    Args:
        x: (..., D), usually in [-1, 1].
        frequencies: L, at least 0.

    Returns:
        (..., 2 L D): the D sines of the lowest frequency, its D cosines, then the next frequency.

    Raises:
        TypeError: not a floating tensor.
        ValueError: frequencies below 0.

    Source: Mildenhall et al. (2020), https://arxiv.org/abs/2003.08934, equation (4); why it helps:
    Tancik et al. (2020), https://arxiv.org/abs/2006.10739

    >>> positional_encoding(torch.tensor([0.5]), 2)
    tensor([ 1.0000e+00, -4.3711e-08, -8.7423e-08, -1.0000e+00])
    """
    check_floats(x=x)
    if frequencies < 0:
        raise ValueError(f"frequencies: got {frequencies!r}, wanted at least 0")
    angles = [math.pi * 2.0**k * x for k in range(frequencies)]
    waves = [wave(angle) for angle in angles for wave in (torch.sin, torch.cos)]
    return torch.cat([x[..., :0], *waves], dim=-1)


def spherical_harmonics(directions: Tensor, degree: int = 2) -> Tensor:
    """Return the real spherical harmonics of directions: waves on a sphere, from slow to fast.

    Args:
        directions: (..., 3), of length one.
        degree: of the fastest, 0 to 3.

    Returns:
        (..., (degree + 1)^2), by degree, then order; the first is constant.

    Raises:
        TypeError: not a floating tensor.
        ValueError: a wrong shape or degree.

    Source: Sloan, Stupid Spherical Harmonics Tricks (2008), appendix A2; as a code for directions:
    Müller et al. (2022), https://arxiv.org/abs/2201.05989, section 5.4.

    >>> spherical_harmonics(torch.tensor([[0.0, 0.0, 1.0]]), 1)
    tensor([[0.2821, -0.0000, 0.4886, -0.0000]])
    """
    check_floats(directions=directions)
    if directions.ndim < 1 or directions.shape[-1] != 3:
        raise ValueError(f"directions: got shape {tuple(directions.shape)}, wanted (..., 3)")
    if degree not in range(4):
        raise ValueError(f"degree: got {degree!r}, wanted 0, 1, 2 or 3")
    return sh_basis(degree, directions)
