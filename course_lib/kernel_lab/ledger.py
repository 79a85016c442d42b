"""Every read and write of a launch: done, counted, looked at for races, and told."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from course_lib.kernel_lab.language import Program
from course_lib.kernel_lab.memory import ATOMIC, READ, WRITE, Counts, Fault, Memory

WARP, SECTOR = 32, 32  # threads that go in step; bytes that memory delivers at once
MOST_REQUESTS = 2_000_000  # of one block
Size = tuple[int, int, int]


class Stop(Exception):  # noqa: N818 - ends a launch
    """A launch cannot go on."""


@dataclass
class Thread:
    """One thread: its place in the block, its number in the block and in the launch."""

    place: Size
    number: int
    identity: int
    seen: dict[int, int] = field(default_factory=dict)  # how often it came to each site


@dataclass(frozen=True)
class Access:
    """One thread touched one element: for pictures."""

    block: Size
    thread: int  # number in the block
    time: int  # barriers passed in this block
    array: str
    place: int
    kind: str
    line: int


class Ledger:
    """The book of a launch: who is at work, what was touched, what is wrong.

    Attributes:
        current: the thread that has its turn.
        here: its block.
        clock, start: barriers and blocks passed so far, and when this block began.
        faults: kind to message, place in the text, line and how often.
        accesses: everything that was touched, or None.
    """

    def __init__(self, program: Program, grid: Size, block: Size, count: bool, log: bool) -> None:
        self.program, self.grid, self.block = program, grid, block
        self.watched = count or log
        self.faults: dict[str, list[Any]] = {}
        self.accesses: list[Access] | None = [] if log else None
        self.shared = Counts()
        self.clock = self.start = 0
        self.here: Size = (0, 0, 0)
        self.current = Thread(self.here, 0, 0)
        self.requests: set[tuple[int, ...]] = set()

    def stop(self, kind: str, message: str, line: int) -> None:
        self.tell(kind, message, line)
        raise Stop

    def tell(self, kind: str, message: str, line: int) -> None:
        """Keep the first fault of each kind, with its place, and count them."""
        if kind not in self.faults:
            self.faults[kind] = [message, self.where(line) if line else "", line, 0]
        self.faults[kind][3] += 1

    def where(self, line: int) -> str:
        return self.program.where(line)

    def named(self, thread: Thread) -> str:
        """A thread as one says it: (x, y) in block (x, y), with as many numbers as are needed."""
        flat = self.block[1:] == (1, 1) and self.grid[1:] == (1, 1)
        many = 1 if flat else 3 if self.block[2] * self.grid[2] > 1 else 2
        return self._name(thread.place, many) + " of block " + self._name(self.here, many)

    def _name(self, place: Size, many: int) -> str:
        return str(place[0]) if many == 1 else f"({', '.join(map(str, place[:many]))})"

    def _name_of(self, identity: int) -> str:
        count = math.prod(self.block)
        inside = list(places(self.block))[identity % count]
        outside = list(places(self.grid))[identity // count]
        many = 1 if self.block[1:] == (1, 1) and self.grid[1:] == (1, 1) else 2
        return f"{self._name(inside, many)} of block {self._name(outside, many)}"

    def plain_load(self, memory: Memory, index: Any, site: int) -> float:
        place = self._place(memory, index, READ, site)
        return memory.values[place] if place is not None else 0

    def plain_store(self, memory: Memory, index: Any, value: float, site: int) -> None:
        place = self._place(memory, index, WRITE, site)
        if place is not None:
            memory.put(place, value)

    def load(self, memory: Memory, index: Any, site: int) -> float:
        place = self._place(memory, index, READ, site)
        if place is None:
            return 0
        if memory.written is not None and not memory.written[place]:
            self._tell_unwritten(memory, place, site // 1000)
        if memory.space != "local":
            self._note(memory, place, READ, site)
        return memory.values[place]

    def _tell_unwritten(self, memory: Memory, place: int, line: int) -> None:
        said = "uninitialised" in self.faults or (
            f"thread {self.named(self.current)} reads {memory.shown(place)}, which nobody has "
            f"written yet"
        )
        self.tell("uninitialised", str(said), line)

    def store(self, memory: Memory, index: Any, value: float, site: int) -> None:
        place = self._place(memory, index, WRITE, site)
        if place is None:
            return
        memory.put(place, value)
        if memory.written is not None:
            memory.written[place] = 1
        if memory.space != "local":
            self._note(memory, place, WRITE, site)

    def atomic(
        self, memory: Memory, index: Any, value: float, site: int, join: Callable[..., Any]
    ) -> float:
        place = self._place(memory, index, ATOMIC, site)
        if place is None:
            return 0
        old = memory.values[place]
        memory.put(place, join(old, value))
        if self.watched:
            self._note(memory, place, ATOMIC, site)
        return old

    def _place(self, memory: Memory, index: Any, kind: str, site: int) -> int | None:
        """The element's number; None, and a fault, out of bounds. The launch goes on."""
        if type(memory) is not Memory:
            raise Fault("error", "what stands before [ ] is no array", site // 1000)
        place = memory.place(index)
        if place is None:
            several = index if type(index) is tuple else (index,)
            said = f"{memory.name}[{', '.join(map(str, several))}]"
            sides = " x ".join(map(str, memory.shape))
            said = f"thread {self.named(self.current)} {kind} {said}, and it has {sides} elements"
            self.tell("out of bounds", said, site // 1000)
        return place

    def _note(self, memory: Memory, place: int, kind: str, site: int) -> None:
        """Keep book of an access, and look for a race."""
        me = self.current
        counts = self.shared if memory.space == "shared" else memory.counts
        if kind == READ:
            counts.reads += 1
            did, other = memory.clash_of_read(place, me.identity, self.clock, self.start)
        else:
            if kind == WRITE:
                counts.writes += 1
            else:
                counts.atomics += 1
            did, other = memory.clash_of_write(
                place, me.identity, self.clock, self.start, kind == ATOMIC
            )
        if did:
            self._tell_race(memory, place, (did, other), kind, site // 1000)
        if memory.space == "global":
            self._ask_memory(memory, place, site)
        if self.accesses is not None:
            time = self.clock - self.start
            self.accesses.append(
                Access(self.here, me.number, time, memory.name, place, kind, site // 1000)
            )

    def _tell_race(
        self, memory: Memory, place: int, before: tuple[str, int], kind: str, line: int
    ) -> None:
        said = ""
        if "race" not in self.faults:
            said = f"thread {self._name_of(before[1])} {before[0]} {memory.shown(place)}"
            said += f" and thread {self.named(self.current)} {kind} it,"
            said += " and nothing says who comes first"
        self.tell("race", said, line)

    def _ask_memory(self, memory: Memory, place: int, site: int) -> None:
        """Count what the warp asks for together: the same site for the same time."""
        me = self.current
        turn = me.seen[site] = me.seen.get(site, 0) + 1
        request = (me.number // WARP, site, turn, id(memory))
        if request not in self.requests:
            self.requests.add(request)
            if len(self.requests) > MOST_REQUESTS:
                raise Fault("never ends", f"a block asks memory more than {MOST_REQUESTS:,} times")
            memory.counts.requests += 1
        sector = (*request, place * memory.values.itemsize // SECTOR)
        if sector not in self.requests:
            self.requests.add(sector)
            memory.counts.sectors += 1


def places(size: Size) -> Iterator[Size]:
    """All places of a grid or block, x fastest."""
    for z in range(size[2]):
        for y in range(size[1]):
            for x in range(size[0]):
                yield x, y, z
