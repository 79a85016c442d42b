"""An exponential that is computed for sixteen samples at once.

The C library's is called for one number at a time.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from .threads import COMPILED
from .vectors import HALF, ONE, clamp

BITS_PER_NAT = np.float32(1 / np.log(2))
LOWEST, HIGHEST = np.float32(-126), np.float32(126)
_POLYNOMIAL = np.polynomial.Chebyshev.interpolate(np.exp2, 6, domain=[-0.5, 0.5])
_, C1, C2, C3, C4, C5, C6 = _POLYNOMIAL.convert(kind=np.polynomial.Polynomial).coef.astype(
    np.float32
)


@intrinsic
def bits_as_float(_typing: Any, _bits: Any) -> Any:
    """The float32 that an int32's bits spell."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.int32), generate


@njit(**COMPILED)
def exp(x: np.float32) -> np.float32:
    """e^x to 1e-6 of its value (4e-6 where x is 80), held at 2^-126 and 2^126.

    e^x = 2^(n + f) with n whole and f within 1/2 of zero: 2^n is a float32's exponent, 2^f a
    polynomial.
    """
    y = clamp(x * BITS_PER_NAT, LOWEST, HIGHEST)
    n = np.floor(y + HALF)
    f = y - n
    power = ONE + f * (C1 + f * (C2 + f * (C3 + f * (C4 + f * (C5 + f * C6)))))
    return power * bits_as_float((np.int32(n) + np.int32(127)) << np.int32(23))
