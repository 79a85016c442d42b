"""Damage as a linear map, y = A x, and the one formula that makes a guess agree with what was seen.

A hole, a frame that is too small, too few pixels: each is a matrix A that loses something. Nobody
writes the matrix down; two functions say what it does.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor


class Operator(NamedTuple):
    """A linear map A and its pseudo-inverse A+, for which A A+ A = A."""

    apply: Callable[[Tensor], Tensor]
    pseudo_inverse: Callable[[Tensor], Tensor]


def hole(mask: Tensor) -> Operator:
    """A x keeps the known pixels and sets the others to 0; it is its own pseudo-inverse.

    Args:
        mask: (B, 1, H, W) bool, True = hole.

    >>> hole(torch.tensor([[[[False, True]]]])).apply(torch.ones(1, 1, 1, 2))
    tensor([[[[1., 0.]]]])
    """

    def keep(x: Tensor) -> Tensor:
        return torch.where(mask, 0.0, x)

    return Operator(keep, keep)


def frame(left: int, right: int, top: int, bottom: int) -> Operator:
    """A x cuts a margin off each side, in pixels; A+ y puts zeros there.

    >>> cut = frame(left=1, right=0, top=0, bottom=0)
    >>> cut.pseudo_inverse(cut.apply(torch.tensor([[[[5.0, 6.0]]]])))
    tensor([[[[0., 6.]]]])
    """

    def cut(x: Tensor) -> Tensor:
        return x[..., top : x.shape[-2] - bottom, left : x.shape[-1] - right]

    def pad(y: Tensor) -> Tensor:
        return torch.nn.functional.pad(y, (left, right, top, bottom))

    return Operator(cut, pad)


def box_average(factor: int) -> Operator:
    """A x is the mean of each factor x factor block, A+ y repeats each pixel as a block.

    A camera with fewer pixels does just that: each of its pixels collects the light of a square.

    >>> halve = box_average(2)
    >>> halve.apply(torch.tensor([[[[0.0, 1.0], [1.0, 2.0]]]]))
    tensor([[[[1.]]]])
    >>> halve.pseudo_inverse(torch.ones(1, 1, 1, 1)).shape
    torch.Size([1, 1, 2, 2])
    """

    def shrink(x: Tensor) -> Tensor:
        return torch.nn.functional.avg_pool2d(x, factor)

    def repeat(y: Tensor) -> Tensor:
        return y.repeat_interleave(factor, dim=-2).repeat_interleave(factor, dim=-1)

    return Operator(shrink, repeat)


def consistent(guess: Tensor, measured: Tensor, operator: Operator) -> Tensor:
    """Return the picture nearest to a guess among all that would have been measured like this.

        x = guess + A+ (y - A guess),   so that A x = y

    What A cannot see (its null space) stays as the guess has it; what A sees comes from y. With a
    hole this pastes the known pixels over the guess.

    Args:
        guess: (B, C, H, W), from whatever prior.
        measured: y, in the range of A.
        operator: A and A+.

    Returns:
        (B, C, H, W); differentiable. Values may leave [0, 1]: clamping them would break A x = y.

    >>> mask = torch.tensor([[[[False, True]]]])
    >>> seen = torch.tensor([[[[0.25, 0.0]]]])
    >>> consistent(torch.full((1, 1, 1, 2), 0.75), seen, hole(mask))
    tensor([[[[0.2500, 0.7500]]]])
    """
    return guess + operator.pseudo_inverse(measured - operator.apply(guess))
