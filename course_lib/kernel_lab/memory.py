"""Arrays that know who reads and writes what, and find races.

Time in a block is counted in barriers. Two threads race for an element if both touch it between
the same two barriers (or are in different blocks, which no barrier orders), at least one of them
writes, and not both by an atomic operation. Writing the same value twice is let by.
"""

import math
from array import array
from dataclasses import dataclass, field

import numpy as np

CODES = {
    "bool": "B", "bool_": "B", "uint8": "B", "int8": "b", "int16": "h", "int32": "i",
    "int64": "q", "float32": "f", "float64": "d",
}  # fmt: skip
READ, WRITE, ATOMIC = "reads", "writes", "adds to"


class Fault(Exception):  # noqa: N818 - found in a kernel, not an error of ours
    """Something is wrong: its kind, what happened, and where."""

    def __init__(self, kind: str, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.kind, self.message, self.line = kind, message, line


@dataclass
class Counts:
    """What the threads of a launch did with one array.

    Attributes:
        reads, writes, atomics: by single threads.
        requests: by warps; threads of a warp that do the same line at the same time ask together.
        sectors: pieces of 32 bytes that these requests touch: what memory has to deliver.
    """

    reads: int = 0
    writes: int = 0
    atomics: int = 0
    requests: int = 0
    sectors: int = 0


@dataclass
class Mark:
    """Who last touched an element: clock and thread of writes and reads, see the module."""

    wrote: int = -1
    writer: int = -1
    value: float = math.nan
    atomic: bool = False
    read: int = -1
    reader: int = -1
    other: int = -1  # a second reader between the same barriers
    before: int = -1  # a reader of an earlier block


@dataclass(eq=False)
class Memory:
    """One array in the laboratory.

    ``space`` is "global", "shared" or "local"; ``written`` has a byte for each element of memory
    that begins without values.
    """

    name: str
    space: str
    shape: tuple[int, ...]
    values: array
    written: bytearray | None = None
    counts: Counts = field(default_factory=Counts)
    marks: dict[int, Mark] = field(default_factory=dict)

    @staticmethod
    def of(name: str, given: np.ndarray) -> "Memory":
        """A copy of a NumPy array, in global memory."""
        values = array(CODES[given.dtype.name])
        values.frombytes(np.ascontiguousarray(given).tobytes())
        return Memory(name, "global", given.shape, values)

    @staticmethod
    def empty(name: str, space: str, shape: tuple[int, ...], kind: str) -> "Memory":
        """Memory without values."""
        size = math.prod(shape)
        values = array(CODES[kind], bytes(size * array(CODES[kind]).itemsize))
        return Memory(name, space, shape, values, bytearray(size))

    def to_numpy(self, like: np.ndarray) -> np.ndarray:
        """The values as a NumPy array of the form of ``like``."""
        return np.frombuffer(self.values.tobytes(), like.dtype).reshape(self.shape).copy()

    def place(self, index: int | tuple[int, ...]) -> int | None:
        """The element's number in memory, row after row; None out of bounds.

        Raises:
            Fault: too few or too many numbers, or one that is not whole.
        """
        if type(index) is int and len(self.shape) == 1:
            return index if 0 <= index < self.shape[0] else None
        if type(index) is tuple and len(index) == len(self.shape) == 2:  # quickly
            (i, j), (rows, columns) = index, self.shape
            if type(i) is int and type(j) is int:
                return i * columns + j if 0 <= i < rows and 0 <= j < columns else None
        several = index if type(index) is tuple else (index,)
        if len(several) != len(self.shape):
            raise Fault(
                "error",
                f"`{self.name}` has {len(self.shape)} dimensions and is given {len(several)} "
                f"indices",
            )
        place = 0
        for number, side in zip(several, self.shape, strict=True):
            if type(number) not in (int, bool):
                said = f"{number!r}, " if type(number) is float else ""
                raise Fault("error", f"an index of `{self.name}` is {said}no whole number")
            if not 0 <= number < side:
                return None
            place = place * side + number
        return place

    def shown(self, place: int) -> str:
        """An element's name, such as ``image[3, 4]``."""
        where = np.unravel_index(place, self.shape)
        return f"{self.name}[{', '.join(str(int(each)) for each in where)}]"

    def put(self, place: int, value: float) -> None:
        """Write a value, converted to the array's type as CUDA does."""
        values = self.values
        if type(value) is float and values.typecode not in "fd":
            if not math.isfinite(value):
                raise Fault("error", f"{value} is written into whole numbers, `{self.name}`")
            value = int(value)
        if type(value) not in (float, int, bool):
            raise Fault("error", f"what is written into `{self.name}` is no number")
        try:
            values[place] = value
        except OverflowError:
            raise Fault("error", f"{value} does not fit into `{self.name}`") from None

    def clash_of_read(self, place: int, thread: int, clock: int, start: int) -> tuple[str, int]:
        """Note a read; return what another thread did to the element, and who, or ("", -1)."""
        mark = self.marks.get(place)
        if mark is None:
            self.marks[place] = Mark(read=clock, reader=thread)
            return "", -1
        if mark.read != clock:
            if -1 < mark.read < start:
                mark.before = mark.reader
            mark.read, mark.reader, mark.other = clock, thread, -1
        elif mark.reader != thread:
            mark.other = thread
        if mark.writer not in (-1, thread) and (mark.wrote == clock or mark.wrote < start):
            return ATOMIC if mark.atomic else WRITE, mark.writer
        return "", -1

    def clash_of_write(
        self, place: int, thread: int, clock: int, start: int, atomic: bool
    ) -> tuple[str, int]:
        """Note a write (the value is there already); return as `clash_of_read`."""
        mark = self.marks.setdefault(place, Mark())
        value, found = self.values[place], ("", -1)
        if mark.writer not in (-1, thread) and (mark.wrote == clock or mark.wrote < start):
            same = value == mark.value and not mark.atomic
            if not (atomic and mark.atomic) and not same:
                found = ATOMIC if mark.atomic else WRITE, mark.writer
        if not found[0]:
            readers = [mark.before]
            if mark.read == clock or mark.read < start:
                readers += [mark.reader, mark.other]
            other = next((each for each in readers if each not in (-1, thread)), -1)
            found = (READ, other) if other >= 0 else found
        mark.wrote, mark.writer, mark.value, mark.atomic = clock, thread, value, atomic
        return found
