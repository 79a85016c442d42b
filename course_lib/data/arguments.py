"""What several modules of this package ask of their arguments, with one wording."""

from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

import torch

LARGEST_SIDE = 16_384  # pixels; a larger side is taken for a slip, not for a wish


def whole_number(name: str, value: Any, low: int, high: int) -> int:
    """Return `value` as an int in `[low, high]`.

    Raises:
        ValueError: `value` is not a whole number, or lies outside the range.

    >>> whole_number("count", 3, 1, 9)
    3
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or not low <= value <= high:
        raise ValueError(f"{name} must be a whole number from {low} to {high}, got {value!r}")
    return int(value)


def real_number(name: str, value: Any, low: float, high: float) -> float:
    """Return `value` as a float in `[low, high]`.

    Raises:
        ValueError: `value` is not a number, or lies outside the range.

    >>> real_number("angle", 30, -360, 360)
    30.0
    """
    if isinstance(value, bool) or not isinstance(value, Real) or not low <= value <= high:
        raise ValueError(f"{name} must be a number from {low:g} to {high:g}, got {value!r}")
    return float(value)


def one_of(name: str, value: Any, allowed: Iterable[str]) -> str:
    """Return `value` if it is one of the `allowed` words.

    Raises:
        ValueError: it is none of them; the message lists them.

    >>> one_of("split", "train", ("train", "test"))
    'train'
    """
    allowed = list(allowed)
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}; got {value!r}")
    return value


def height_width(size: Any, name: str = "size", largest: int = LARGEST_SIDE) -> tuple[int, int]:
    """Return `(height, width)` in pixels for a size that is one side or a pair.

    Raises:
        ValueError: `size` is neither a positive whole number nor a pair of them.

    >>> height_width(32), height_width((24, 32))
    ((32, 32), (24, 32))
    """
    pair = tuple(size) if isinstance(size, (tuple, list)) else (size, size)
    if len(pair) != 2:
        raise ValueError(f"{name} must be one side or (height, width) in pixels, got {size!r}")
    return whole_number(name, pair[0], 1, largest), whole_number(name, pair[1], 1, largest)


def is_generator(generator: Any) -> torch.Generator:
    """Return `generator` if it is a torch generator on the CPU.

    Raises:
        ValueError: it is something else.

    >>> is_generator(torch.Generator()).device
    device(type='cpu')
    """
    if not isinstance(generator, torch.Generator) or generator.device.type != "cpu":
        raise ValueError(f"generator must be a torch.Generator on the CPU, got {generator!r}")
    return generator
