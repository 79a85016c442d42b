"""What the pixels of a tile say about one splat, added up in vectors that are written by hand.

LLVM makes vectors of a plain loop, too. But a splat crosses few rows, four vectors or so, and then
each of nine sums has its sixteen lanes left to add: done one sum after the other, as LLVM does it,
that took longer than the loop. Here all nine fold together.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .project import MOMENTS, TILE_HEIGHT, TILE_WIDTH

VECTOR = 16  # float32 in a vector, at most; the pixels of a tile are walked in such steps
ROWS = VECTOR // TILE_WIDTH
PIXELS = TILE_WIDTH * TILE_HEIGHT

FLOAT, WHOLE, SHORT = ir.FloatType(), ir.IntType(64), ir.IntType(32)
LANES = ir.VectorType(FLOAT, VECTOR)
X_IN_TILE = [k % TILE_WIDTH + 0.5 for k in range(VECTOR)]  # centres of the first rows' pixels
Y_IN_TILE = [k // TILE_WIDTH + 0.5 for k in range(VECTOR)]


@intrinsic
def sum_moments(
    _typing: Any, weights: Any, d_sigmas: Any, place: Any, buffers: Any, pixel: Any, steps: Any,
    u: Any, v: Any, moments: Any, pair: Any,
) -> Any:  # fmt: skip
    """Write moments[pair] (see `project`): sums over a splat's pixels about its centre (u, v).

    Args:
        weights: float32, as `composite.differentiate` writes it; the splat's begin at ``place``.
        d_sigmas: as well.
        place: int64.
        buffers: (5, PIXELS) float32, the last three rows dL/dred, dL/dgreen, dL/dblue.
        pixel: int64, the first of the tile's pixels that the splat crosses, of a whole vector.
        steps: int64, how many vectors of pixels it crosses.
        u: float32, from the tile's left edge, pixels.
        v: float32, from its upper edge.
        moments: (pairs, MOMENTS) float32, written.
        pair: int64.
    """

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        place, pixel, steps, u, v, pair = (values[k] for k in (2, 4, 5, 6, 7, 9))
        weights, d_sigmas, buffers, moments = (
            context.make_array(signature.args[k])(context, builder, values[k]).data
            for k in (0, 1, 3, 8)
        )
        row = builder.uitofp(builder.udiv(pixel, WHOLE(TILE_WIDTH)), FLOAT)
        first_dy = builder.fadd(lanes(Y_IN_TILE), spread(builder, builder.fsub(row, v)))
        dy_here = cgutils.alloca_once_value(builder, first_dy)
        sums = [cgutils.alloca_once_value(builder, lanes([0.0] * VECTOR)) for _ in range(6)]
        with cgutils.for_range(builder, steps) as loop:
            step = builder.mul(loop.index, WHOLE(VECTOR))
            here, at = builder.add(place, step), builder.add(pixel, step)
            weight, d_sigma = load(builder, weights, here), load(builder, d_sigmas, here)
            dy = builder.load(dy_here)
            along_y = builder.fmul(d_sigma, dy)
            for k in range(3):
                by_color = load(builder, buffers, builder.add(at, WHOLE((2 + k) * PIXELS)))
                increase(builder, sums[k], builder.fmul(weight, by_color, flags=("contract",)))
            increase(builder, sums[3], d_sigma)
            increase(builder, sums[4], along_y)
            increase(builder, sums[5], builder.fmul(along_y, dy, flags=("contract",)))
            increase(builder, dy_here, lanes([ROWS] * VECTOR))
        red, green, blue, s, sy, syy = map(builder.load, sums)
        # A lane keeps its column from row to row, so x comes in when the rows are added up.
        dx = builder.fsub(lanes(X_IN_TILE), spread(builder, u))
        sx, sxy = builder.fmul(s, dx), builder.fmul(sy, dx)
        total = fold(builder, [red, green, blue, s, sx, sy, builder.fmul(sx, dx), sxy, syy])
        store(builder, total, MOMENTS, builder.gep(moments, [builder.mul(pair, WHOLE(MOMENTS))]))
        return context.get_dummy_value()

    whole, number = types.int64, types.float32
    arguments = (weights, d_sigmas, whole, buffers, whole, whole, number, number, moments, whole)
    return types.void(*arguments), generate


def fold(builder: Any, vectors: list[Any]) -> Any:
    """One vector whose lane k is the sum of the lanes of vectors[k]; up to VECTOR of them.

    Two vectors become one: the halves of the first added in its left half, those of the second in
    its right half. Then quarters of two such, and so on.
    """
    half = VECTOR // 2
    while half:
        left = [k for k in range(2 * VECTOR) if k % (2 * half) < half]
        right = [k + half for k in left]
        pairs = zip(vectors[::2], [*vectors[1::2], vectors[-1]], strict=False)
        vectors = [
            builder.fadd(choose(builder, a, b, left), choose(builder, a, b, right))
            for a, b in pairs
        ]
        half //= 2
    return vectors[0]


def lanes(numbers: list[float]) -> Any:
    return LANES([FLOAT(float(number)) for number in numbers])


def choose(builder: Any, a: Any, b: Any, which: list[int]) -> Any:
    """A vector of these lanes of a (from 0 on) and b (from VECTOR on)."""
    return builder.shuffle_vector(a, b, ir.VectorType(SHORT, len(which))([SHORT(k) for k in which]))


def spread(builder: Any, number: Any) -> Any:
    """The same number in each lane."""
    one = builder.insert_element(LANES(ir.Undefined), number, SHORT(0))
    return choose(builder, one, one, [0] * VECTOR)


def load(builder: Any, array: Any, place: Any) -> Any:
    return builder.load(builder.bitcast(builder.gep(array, [place]), LANES.as_pointer()), align=4)


def store(builder: Any, vector: Any, count: int, place: Any) -> None:
    """Write the first ``count`` lanes, at least 8, to consecutive places."""
    left = choose(builder, vector, vector, list(range(8)))
    builder.store(left, builder.bitcast(place, left.type.as_pointer()), align=4)
    for k in range(8, count):
        lane = builder.extract_element(vector, SHORT(k))
        builder.store(lane, builder.gep(place, [WHOLE(k)]), align=4)


def increase(builder: Any, variable: Any, by: Any) -> None:
    builder.store(builder.fadd(builder.load(variable), by, flags=("contract",)), variable)
