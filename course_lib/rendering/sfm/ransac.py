"""Agreement among many, a lot of them wrong: try small samples, keep what most agree with."""

import math

import torch
from torch import Tensor

from .arguments import point_pairs
from .epipolar import eight_point_batch, sampson_distance

BATCH = 128  # samples tried at once
POLISH = 4  # times the answer is fitted to those that agree with it


def rounds_needed(share: float, size: int, confidence: float = 0.999) -> float:
    """Return how many samples make it likely that one of them has no wrong match in it.

    log(1 - confidence) / log(1 - share^size), share the right ones among all.

    Source: Fischler and Bolles (1981), section II.B, https://doi.org/10.1145/358669.358692

    >>> round(rounds_needed(0.5, 8)), round(rounds_needed(0.5, 5))
    (1765, 218)
    """
    clean = share**size
    if clean <= 0.0 or clean >= 1.0:
        return math.inf if clean <= 0.0 else 1.0
    return math.log(1 - confidence) / math.log1p(-clean)


def draw_samples(count: int, rounds: int, size: int, *, generator: torch.Generator) -> Tensor:
    """Return (rounds, size) int64: in each row different indices below ``count``.

    >>> samples = draw_samples(9, 4, 8, generator=torch.Generator().manual_seed(0))
    >>> samples.shape, max(len(set(row.tolist())) for row in samples)
    (torch.Size([4, 8]), 8)
    """
    return torch.rand(rounds, count, generator=generator).topk(size, dim=1).indices


def ransac_fundamental(
    first: Tensor,
    second: Tensor,
    *,
    threshold: float = 1.0,
    rounds: int = 2000,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Return the fundamental matrix that most matches agree with, and which ones do.

    F of each of many samples of eight matches; the one with the most matches closer than the
    threshold (`sampson_distance`) wins and is fitted again to those. It stops early when
    `rounds_needed` are done.

    Args:
        first: (N, 2) points of the first picture, pixels, N >= 8.
        second: (N, 2) their matches, many of them wrong.
        threshold: pixels.
        rounds: samples at most.
        generator: draws the samples.

    Returns:
        F (3, 3) float64, and inliers (N,) bool, those closer to F than the threshold.

    Raises:
        ValueError: fewer than 8 matches, other shapes, NaN, a threshold that is not above 0, or
            no sample with which 8 matches agree.

    Source: Fischler and Bolles (1981), https://doi.org/10.1145/358669.358692; the last fits:
    Chum, Matas and Kittler (2003), https://doi.org/10.1007/978-3-540-45243-0_31

    >>> generator = torch.Generator().manual_seed(0)
    >>> points = torch.rand(40, 3, generator=generator) + 1
    >>> moved = points + torch.tensor([1.0, 0.0, 0.2])
    >>> first, second = (100 * p[:, :2] / p[:, 2:] for p in (points, moved))
    >>> second[:10] += 30.0  # wrong
    >>> _, inliers = ransac_fundamental(first, second, generator=generator)
    >>> int(inliers[10:].sum()), int(inliers[:10].sum()) < 5
    (30, True)
    """
    first, second = point_pairs(first, second, 8)
    if not threshold > 0:
        raise ValueError(f"threshold: got {threshold!r}, wanted pixels above 0")
    best, tried = torch.zeros(len(first), dtype=torch.bool), 0
    wanted = float(rounds)
    while tried < wanted:
        samples = draw_samples(len(first), BATCH, 8, generator=generator)
        candidates, _ = eight_point_batch(first[samples], second[samples])  # (BATCH, 3, 3)
        agree = sampson_distance(candidates, first, second) < threshold  # (BATCH, N)
        most = agree[agree.sum(dim=1).argmax()]
        best = most if most.sum() > best.sum() else best
        tried += BATCH
        wanted = min(rounds, rounds_needed(float(best.double().mean()), 8))
    return _polish(first, second, best, threshold)


def _polish(
    first: Tensor, second: Tensor, inliers: Tensor, threshold: float
) -> tuple[Tensor, Tensor]:
    """Fit to those that agree and ask again who does, as long as that makes them more."""
    best: tuple[Tensor, Tensor] | None = None
    for _ in range(POLISH):
        if int(inliers.sum()) < 8:
            break
        F, _ = eight_point_batch(first[inliers], second[inliers])
        inliers = sampson_distance(F, first, second) < threshold
        if best is not None and inliers.sum() <= best[1].sum():
            break
        best = F, inliers
    if best is None or int(best[1].sum()) < 8:
        raise ValueError(
            f"first, second: no fundamental matrix has 8 of these {len(first)} matches within "
            f"{threshold} pixels"
        )
    return best
