"""What a kernel may compute with: CUDA's way where Python's differs, and nothing that grows.

Whole numbers have 64 bits; beyond that is a fault. Where C gives infinity or NaN, so does this.
"""

import math
from collections.abc import Callable
from typing import Any

from course_lib.kernel_lab.expressions import MATH, MATH_NUMBERS
from course_lib.kernel_lab.memory import Fault, Memory

MOST = 2**63


def multiply(a: float, b: float) -> float:
    """``a * b``; whole numbers stay within 64 bits.

    >>> multiply(2**40, 2**40)
    Traceback (most recent call last):
    course_lib.kernel_lab.memory.Fault: a whole number needs more than 64 bits
    """
    if type(a) is float or type(b) is float:
        return a * b
    return _fits(_whole(a) * _whole(b))


def power(a: float, b: float) -> float:
    """``a ** b``; NaN where the result would not be real."""
    if type(a) is not float and type(b) is not float and _whole(b) >= 0:
        return _fits(_whole(a) ** b) if abs(a) > 1 and b < 64 else _small_power(a, b)
    return _in_c(math.pow)(a, b)


def _small_power(base: int, exponent: int) -> int:
    if abs(base) > 1:
        raise Fault("error", "a whole number needs more than 64 bits")
    return base if exponent % 2 else base * base if exponent else 1


def shift(a: int, b: int) -> int:
    """``a << b`` within 64 bits."""
    if not 0 <= _whole(b) < 64:
        raise Fault("error", f"a shift by {b}")
    return _fits(_whole(a) << b)


def _whole(value: Any) -> int:
    if type(value) not in (int, bool):
        raise Fault("error", "a whole number was wanted")
    if not -MOST <= value < MOST:
        raise Fault("error", "a whole number needs more than 64 bits")
    return int(value)


def _fits(value: int) -> int:
    if not -MOST <= value < MOST:
        raise Fault("error", "a whole number needs more than 64 bits")
    return value


def _in_c(function: Callable[..., float]) -> Callable[..., float]:
    """A function of `math` with C's answers where Python raises."""

    def computed(*values: float) -> float:
        try:
            return function(*values)
        except OverflowError:
            return math.inf
        except ValueError:
            return -math.inf if function is math.log and values[0] == 0 else math.nan

    return computed


def _extreme(choose: Callable[..., float]) -> Callable[..., float]:
    def chosen(*values: float) -> float:
        if len(values) < 2:
            raise Fault("error", f"{choose.__name__} wants at least two numbers")
        return choose(*values)

    return chosen


def _one(value: Any) -> Any:
    if type(value) is tuple:
        raise Fault("error", "a function returned several values: take them apart, a, b = f(...)")
    return value


def _array(value: Any) -> Memory:
    if type(value) is not Memory:
        raise Fault("error", "only an array has a shape")
    return value


def _length(value: Any) -> int:
    return _array(value).shape[0]


def _size(value: Any) -> int:
    return math.prod(_array(value).shape)


def _shape(value: Any) -> tuple[int, ...]:
    return _array(value).shape


def _side(value: Any, axis: int) -> int:
    return _array(value).shape[axis]


def _to_int(value: float) -> int:
    return int(value) if type(value) is float else _whole(value)


def _to_float(value: float) -> float:
    return float(value) if type(value) is float else float(_whole(value))


def _round(value: float) -> int:
    return round(_to_float(value))


# The names in a translated program, and what they mean.
PLAIN: dict[str, Any] = {
    "$multiply": multiply,
    "$power": power,
    "$shift": shift,
    "$range": range,
    "$one": _one,
    "$shape": _shape,
    "$side": _side,
    "$size": _size,
    "$len": _length,
    "$abs": abs,
    "$min": _extreme(min),
    "$max": _extreme(max),
    "$round": _round,
    "$bool": bool,
    "$bool_": bool,
    "$float": _to_float,
    "$int": _to_int,
    **{f"$float{bits}": _to_float for bits in (32, 64)},
    **{f"${kind}": _to_int for kind in ("int8", "int16", "int32", "int64", "uint8")},
    **{f"$math.{name}": _in_c(getattr(math, name)) for name in MATH},
    **{f"$math.{name}": getattr(math, name) for name in MATH_NUMBERS},
}
