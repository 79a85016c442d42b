"""Which splats lie over which tile, near to far: two counting sorts, by depth and then by tile.

Sorting the splats once and dealing them out to the tiles in that order touches each (splat, tile)
pair twice; sorting the pairs themselves, as is usual on a GPU, would touch each four to eight
times.
"""

import numpy as np
from numba import njit

from .prefetch import prefetch
from .project import MOST_TILES
from .threads import COMPILED, HELPER, in_parallel, recycled, scratch
from .vectors import share

DIGIT_BITS = 12
DIGITS = 1 << DIGIT_BITS
SORT_PARTS = 4
TILE_PARTS = 8
AHEAD = 32  # splats that memory is asked for before they are needed


def starts_of(counts: np.ndarray) -> tuple[np.ndarray, int]:
    """Where each part's items of each bin begin, if bins follow each other and parts within them.

    Args:
        counts: (parts, bins) int32.

    Returns:
        (parts, bins) int32 and the number of items.

    >>> starts_of(np.array([[1, 2], [3, 4]], np.int32))
    (array([[0, 4], [1, 6]], dtype=int32), 10)
    """
    by_bin = counts.T.ravel()
    ends = np.cumsum(by_bin, dtype=np.int64)
    starts = (ends - by_bin).astype(np.int32).reshape(counts.shape[::-1]).T
    return np.ascontiguousarray(starts), int(ends[-1]) if ends.size else 0


def sort_by_depth(
    packed: np.ndarray,
    rects: np.ndarray,
    touched: np.ndarray,
    sums: np.ndarray,
    order: np.ndarray,
    starts: np.ndarray,
) -> None:
    """Order the splats that are seen by depth, ties by index.

    Args:
        packed: (N, PACKED), see `project`; columns 14 and 15 are written.
        rects: (N, 4) int16, see `project.project_splats`.
        touched: (N,) int32, tiles that a splat touches.
        sums: (parts, 2) int64, splats seen and tiles touched in each part of the Gaussians.
        order: (N,) int32, written: indices from near to far; -1 behind the last.
        starts: (N + 1,) int32, written: running sum of ``touched``.
    """
    parts, seen = len(sums), int(sums[:, 0].sum())
    before = np.zeros((parts + 1, 2), np.int64)
    np.cumsum(sums, axis=0, out=before[1:])
    keys, spare_keys = (scratch(name, (seen,), np.uint32) for name in ("keys", "spare_keys"))
    spare = scratch("spare_order", (seen,), np.int32)
    bounds = np.empty((parts, 2), np.uint32)
    written = (keys, order, starts, bounds)
    in_parallel(
        collect, parts, packed.view(np.uint32), rects, touched, before, *written, items=seen
    )
    starts[-1] = before[-1, 1]
    order[seen:] = -1
    if seen == 0:
        return
    occupied = sums[:, 0] > 0
    lowest, highest = bounds[occupied, 0].min(), bounds[occupied, 1].max()
    here, there = (keys, order[:seen]), (spare_keys, spare)
    # Depths within a factor of 8, say, differ in 25 bits only: two or three rounds.
    for shift in range(0, int(highest - lowest).bit_length(), DIGIT_BITS):
        counts = scratch("digit_counts", (SORT_PARTS, DIGITS), np.int32)
        in_parallel(count_digits, SORT_PARTS, here[0], lowest, shift, counts, items=seen)
        cursors, _ = starts_of(counts)
        in_parallel(move_by_digit, SORT_PARTS, *here, lowest, shift, cursors, *there, items=seen)
        here, there = there, here
    if here[1] is spare:
        order[:seen] = spare


@njit(**COMPILED)
def collect(
    part: int,
    parts: int,
    bits: np.ndarray,  # (N, PACKED) uint32: `packed`; columns 14 and 15 written
    rects: np.ndarray,
    touched: np.ndarray,
    before: np.ndarray,
    keys: np.ndarray,
    order: np.ndarray,
    starts: np.ndarray,
    bounds: np.ndarray,
) -> None:
    """List the splats that are seen; the bits of a positive float32 sort as the number does."""
    place, pair = before[part, 0], before[part, 1]
    lowest, highest = np.uint32(0xFFFFFFFF), np.uint32(0)
    first, last = share(part, parts, touched.shape[0])
    for i in range(first, last):
        starts[i] = pair
        if touched[i] > 0:
            key = bits[i, 9]
            keys[place] = key
            order[place] = i
            x0, x1, y0, _ = rectangle(rects, i)
            bits[i, 14] = MOST_TILES + pair - y0 * (x1 - x0) - x0
            bits[i, 15] = x1 - x0
            lowest, highest = min(lowest, key), max(highest, key)
            place += 1
            pair += touched[i]
    bounds[part, 0], bounds[part, 1] = lowest, highest


@njit(**COMPILED)
def count_digits(
    part: int, parts: int, keys: np.ndarray, lowest: np.uint32, shift: int, counts: np.ndarray
) -> None:
    for digit in range(DIGITS):
        counts[part, digit] = 0
    first, last = share(part, parts, keys.shape[0])
    for i in range(first, last):
        counts[part, (np.int64(keys[i] - lowest) >> shift) & (DIGITS - 1)] += 1


@njit(**COMPILED)
def move_by_digit(
    part: int,
    parts: int,
    keys: np.ndarray,
    order: np.ndarray,
    lowest: np.uint32,
    shift: int,
    cursors: np.ndarray,
    keys_out: np.ndarray,
    order_out: np.ndarray,
) -> None:
    first, last = share(part, parts, keys.shape[0])
    for i in range(first, last):
        digit = (np.int64(keys[i] - lowest) >> shift) & (DIGITS - 1)
        place = cursors[part, digit]
        cursors[part, digit] = place + 1
        keys_out[place] = keys[i]
        order_out[place] = order[i]


def count_tiles(order: np.ndarray, rects: np.ndarray, tiles_x: int, tiles: int) -> np.ndarray:
    """Where each part of the ordered splats finds its places in each tile's list.

    Returns:
        (TILE_PARTS + 1, tiles) int32; the first row is where a tile's list begins, the last where
        it ends.
    """
    counts = scratch("tile_counts", (TILE_PARTS, tiles), np.int32)
    in_parallel(count_tiles_of, TILE_PARTS, order, rects, tiles_x, counts, items=len(order))
    starts, _ = starts_of(counts)
    return np.concatenate([starts, starts[-1:] + counts[-1:]])


def list_members(
    order: np.ndarray, rects: np.ndarray, tiles_x: int, places: np.ndarray, pairs: int
) -> np.ndarray:
    """The splats of each tile, near to far, tile after tile: (pairs,) int32."""
    members = recycled((pairs,), np.int32)
    in_parallel(place_members, TILE_PARTS, order, rects, tiles_x, places.copy(), members)
    return members


@njit(**HELPER)
def rectangle(rects: np.ndarray, i: int) -> tuple[int, int, int, int]:
    return int(rects[i, 0]), int(rects[i, 1]), int(rects[i, 2]), int(rects[i, 3])


@njit(**COMPILED)
def count_tiles_of(
    part: int, parts: int, order: np.ndarray, rects: np.ndarray, tiles_x: int, counts: np.ndarray
) -> None:
    mine = counts[part]
    for tile in range(mine.shape[0]):
        mine[tile] = 0
    first, last = share(part, parts, order.shape[0])
    for k in range(first, last):
        prefetch(rects, 4 * order[min(k + AHEAD, last - 1)])
        x0, x1, y0, y1 = rectangle(rects, order[k])
        for y in range(y0, y1):
            for x in range(x0, x1):
                mine[y * tiles_x + x] += 1


@njit(**COMPILED)
def place_members(
    part: int,
    parts: int,
    order: np.ndarray,
    rects: np.ndarray,
    tiles_x: int,
    cursors: np.ndarray,
    members: np.ndarray,
) -> None:
    mine = cursors[part]
    first, last = share(part, parts, order.shape[0])
    for k in range(first, last):
        prefetch(rects, 4 * order[min(k + AHEAD, last - 1)])
        x0, x1, y0, y1 = rectangle(rects, order[k])
        for y in range(y0, y1):
            for x in range(x0, x1):
                tile = y * tiles_x + x
                place = mine[tile]
                mine[tile] = place + 1
                members[place] = order[k]
