"""Which corner of one picture is which corner of the other."""

import torch
from torch import Tensor

from .arguments import finite


def match_ratio(first: Tensor, second: Tensor, ratio: float = 0.8) -> Tensor:
    """Match each descriptor to its nearest, if the second nearest is clearly further away.

    (n, m) is a match if |a_n - b_m| is the smallest distance of a_n to any b and below ratio times
    the second smallest.

    Args:
        first: (N, D) descriptors of one picture.
        second: (M, D) of the other.
        ratio: between 0 and 1. A corner with two lookalikes has no match it can trust.

    Returns:
        (P, 2) int64: rows of first, rising, and of second. None if M is below 2.

    Raises:
        ValueError: other shapes, NaN, a ratio outside (0, 1].

    Source: Lowe (2004), section 7.1, https://doi.org/10.1023/B:VISI.0000029664.99615.94

    >>> match_ratio(torch.tensor([[0.0], [5.0]]), torch.tensor([[4.0], [6.0], [0.1]]))
    tensor([[0, 2]])
    """
    first = finite("first", first, None, None)
    second = finite("second", second, None, first.shape[1])
    if not 0.0 < ratio <= 1.0:
        raise ValueError(f"ratio: got {ratio!r}, wanted a number above 0 and at most 1")
    if len(second) < 2:
        return torch.zeros(0, 2, dtype=torch.int64)
    apart = torch.cdist(first, second)  # (N, M)
    (nearest, next_nearest), which = (part.T for part in apart.topk(2, dim=1, largest=False))
    kept = (nearest < ratio * next_nearest).nonzero()[:, 0]
    return torch.stack([kept, which[0, kept]], dim=1)


def match_mutual(first: Tensor, second: Tensor, ratio: float = 0.8) -> Tensor:
    """Return the matches (P, 2) that `match_ratio` finds in both directions.

    >>> match_mutual(torch.tensor([[0.0], [0.3]]), torch.tensor([[0.1], [9.0]]), 0.9)
    tensor([[0, 0]])
    """
    forth, back = match_ratio(first, second, ratio), match_ratio(second, first, ratio)
    answer = torch.full((len(second),), -1)
    answer[back[:, 0]] = back[:, 1]
    return forth[answer[forth[:, 1]] == forth[:, 0]]
