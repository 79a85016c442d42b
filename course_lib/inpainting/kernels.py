"""The compiled loops behind `exemplar_fast`. The same arithmetic as `priority` and `exemplar`."""

import numpy as np
from numba import njit

SLACK = 1.0 + 1e-6  # a candidate is dropped when it is certain to round above the best so far


@njit(cache=True)
def fill_patches(
    picture: np.ndarray, hole: np.ndarray, sources: np.ndarray, patch_size: int
) -> int:
    """Fill the hole of ``picture`` (H, W, C) float64 in place and return the number of patches.

    Args:
        picture: contiguous; changed.
        hole: (H, W) bool, True where unknown; all False afterwards.
        sources: (N, 2), rows and columns of the centres to copy from, in row-major order.
        patch_size: odd, in pixels.
    """
    height, width = hole.shape
    radius = patch_size // 2
    confidence = np.where(hole, np.float32(0.0), np.float32(1.0))
    normals = np.zeros((2, height, width), np.float32)
    gradients = np.zeros((2, height, width), np.float32)
    grey = np.zeros((height, width), np.float32)
    priority = np.zeros((height, width), np.float32)
    trust = np.full((height, width), np.float32(-1.0))  # C on the front, -1 elsewhere
    update(picture, hole, grey, gradients, normals, 0, height, 0, width)
    prioritise(hole, confidence, gradients, normals, priority, trust, 0, height, 0, width, radius)
    steps = 0
    while True:
        row, column = most_urgent(priority, trust)
        if trust[row, column] < 0.0:
            break
        steps += 1
        down, right = nearest(picture, hole, sources, row, column, radius)
        r0, r1 = max(row - radius, 0), min(row + radius + 1, height)
        c0, c1 = max(column - radius, 0), min(column + radius + 1, width)
        for y in range(r0, r1):
            for x in range(c0, c1):
                if hole[y, x]:
                    for c in range(picture.shape[2]):
                        picture[y, x, c] = picture[y + down, x + right, c]
                    confidence[y, x] = trust[row, column]
                    hole[y, x] = False
        r0, r1, c0, c1 = max(r0 - 1, 0), min(r1 + 1, height), max(c0 - 1, 0), min(c1 + 1, width)
        update(picture, hole, grey, gradients, normals, r0, r1, c0, c1)
        r0, r1 = max(r0 - radius, 0), min(r1 + radius, height)
        c0, c1 = max(c0 - radius, 0), min(c1 + radius, width)
        prioritise(hole, confidence, gradients, normals, priority, trust, r0, r1, c0, c1, radius)
    return steps


@njit(cache=True)
def update(
    picture: np.ndarray,
    hole: np.ndarray,
    grey: np.ndarray,
    gradients: np.ndarray,
    normals: np.ndarray,
    r0: int,
    r1: int,
    c0: int,
    c1: int,
) -> None:
    """Bring the grey picture, its known gradients and the front's normals up to date."""
    height, width = hole.shape
    channels = picture.shape[2]
    for y in range(r0, r1):
        for x in range(c0, c1):
            total = 0.0
            for c in range(channels):
                total += picture[y, x, c]
            grey[y, x] = total / channels
    half = np.float32(0.5)
    for y in range(r0, r1):
        for x in range(c0, c1):
            up, down = max(y - 1, 0), min(y + 1, height - 1)
            left, right = max(x - 1, 0), min(x + 1, width - 1)
            n0 = (np.float32(hole[down, x]) - np.float32(hole[up, x])) * half
            n1 = (np.float32(hole[y, right]) - np.float32(hole[y, left])) * half
            normals[0, y, x], normals[1, y, x] = n0, n1
            if hole[y, x]:
                gradients[0, y, x] = gradients[1, y, x] = np.float32(0.0)
                continue
            here = grey[y, x]
            above = here if hole[up, x] else grey[up, x]
            below = here if hole[down, x] else grey[down, x]
            west = here if hole[y, left] else grey[y, left]
            east = here if hole[y, right] else grey[y, right]
            gradients[0, y, x] = (below - above) * half
            gradients[1, y, x] = (east - west) * half


@njit(cache=True)
def prioritise(
    hole: np.ndarray,
    confidence: np.ndarray,
    gradients: np.ndarray,
    normals: np.ndarray,
    priority: np.ndarray,
    trust: np.ndarray,
    r0: int,
    r1: int,
    c0: int,
    c1: int,
    radius: int,
) -> None:
    """Recompute C and P at the pixels of a window; off the front they are -1 and 0."""
    height, width = hole.shape
    for row in range(r0, r1):
        for column in range(c0, c1):
            priority[row, column] = np.float32(0.0)
            trust[row, column] = np.float32(-1.0)
            if not on_front(hole, row, column):
                continue
            y0, y1 = max(row - radius, 0), min(row + radius + 1, height)
            x0, x1 = max(column - radius, 0), min(column + radius + 1, width)
            total = 0.0
            longest = np.float32(0.0)
            down = right = np.float32(0.0)
            for y in range(y0, y1):
                for x in range(x0, x1):
                    if not hole[y, x]:
                        total += confidence[y, x]
                        g0, g1 = gradients[0, y, x], gradients[1, y, x]
                        length = g0 * g0 + g1 * g1
                        if length > longest:
                            longest, down, right = length, g0, g1
            trust[row, column] = total / ((y1 - y0) * (x1 - x0))
            n0, n1 = normals[0, row, column], normals[1, row, column]
            norm = np.sqrt(n0 * n0 + n1 * n1)
            if norm > 0.0:
                data = np.abs(right * n0 - down * n1) / norm
                priority[row, column] = trust[row, column] * data


@njit(cache=True)
def on_front(hole: np.ndarray, row: int, column: int) -> bool:
    """Whether a hole pixel has a known neighbour above, below or beside."""
    height, width = hole.shape
    return hole[row, column] and (
        (row > 0 and not hole[row - 1, column])
        or (row < height - 1 and not hole[row + 1, column])
        or (column > 0 and not hole[row, column - 1])
        or (column < width - 1 and not hole[row, column + 1])
    )


@njit(cache=True)
def most_urgent(priority: np.ndarray, trust: np.ndarray) -> tuple[int, int]:
    """Where P is largest on the front; of these, where C is; of these, the first."""
    best_row, best_column = 0, 0
    best, best_trust = np.float32(-1.0), np.float32(-1.0)
    for row in range(priority.shape[0]):
        for column in range(priority.shape[1]):
            c = trust[row, column]
            if c >= 0.0:
                p = priority[row, column]
                if p > best or (p == best and c > best_trust):
                    best, best_trust = p, c
                    best_row, best_column = row, column
    return best_row, best_column


@njit(cache=True)
def nearest(
    picture: np.ndarray, hole: np.ndarray, sources: np.ndarray, row: int, column: int, radius: int
) -> tuple[int, int]:
    """The way to the source patch with the least sum of squares; of equal ones, the nearest."""
    height, width, channels = picture.shape
    offsets = np.empty((2 * radius + 1) ** 2 * channels, np.int64)
    values = np.empty(offsets.size)
    count = 0
    for y in range(max(row - radius, 0), min(row + radius + 1, height)):
        for x in range(max(column - radius, 0), min(column + radius + 1, width)):
            if not hole[y, x]:
                for c in range(channels):
                    offsets[count] = ((y - row) * width + x - column) * channels + c
                    values[count] = picture[y, x, c]
                    count += 1
    flat = picture.ravel()
    best, bound, way, winner = np.float32(np.inf), np.inf, 0, 0
    for candidate in range(len(sources)):
        base = (sources[candidate, 0] * width + sources[candidate, 1]) * channels
        total = 0.0
        k = 0
        while k < count and total <= bound:
            stop = min(k + 12, count)
            while k < stop:
                difference = flat[base + offsets[k]] - values[k]
                total += difference * difference
                k += 1
        if total > bound:
            continue
        down, right = sources[candidate, 0] - row, sources[candidate, 1] - column
        far = down * down + right * right
        rounded = np.float32(total)
        if rounded < best or (rounded == best and far < way):
            best, way, winner = rounded, far, candidate
            bound = total * SLACK
    return sources[winner, 0] - row, sources[winner, 1] - column
