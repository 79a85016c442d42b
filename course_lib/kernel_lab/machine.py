"""A machine of blocks and threads that runs a translated kernel and keeps book.

Threads are generators: each runs until its next barrier, then the next one has its turn. So there
is no chance in it. A barrier opens when every thread of the block waits at the same one. Numbers
are computed in double precision and rounded when they are stored.
"""

import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np

from course_lib.kernel_lab.arithmetic import PLAIN
from course_lib.kernel_lab.language import FILE, Program
from course_lib.kernel_lab.ledger import Ledger, Size, Stop, Thread, places
from course_lib.kernel_lab.memory import Fault, Memory

MOST_SHARED, MOST_LOCAL = 48 * 1024, 32 * 2**20  # bytes of a block
MOST_THREADS = 1024  # of a block
STEPS = 30_000_000  # loop iterations and calls of a launch


class Machine(Ledger):
    """One launch; ``run`` it once.

    Args:
        program: what to run.
        grid, block: blocks and threads in x, y, z.
        arguments: arrays are copied, numbers taken as they are.
        count: keep book; else only values and bounds are looked after, at a third of the time.
        log: keep every access.
        order: None, or the seed of a random order in which the threads have their turns.
    """

    def __init__(
        self,
        program: Program,
        grid: Size,
        block: Size,
        arguments: tuple[Any, ...],
        *,
        count: bool = True,
        log: bool = False,
        order: int | None = None,
    ) -> None:
        super().__init__(program, grid, block, count, log)
        self.random = None if order is None else random.Random(order)
        self.left = STEPS
        self.barriers = 0  # the most that a block passed
        named = zip(program.parameters, arguments, strict=True)
        self.arguments = [Memory.of(n, v) if isinstance(v, np.ndarray) else v for n, v in named]
        space: dict[str, Any] = {"__builtins__": {}, **PLAIN, **self._names()}
        exec(program.code, space)
        self.kernel: Callable[..., Any] = space[program.name]

    def run(self) -> None:
        """Run every block; what is found lies in ``faults`` and in the arrays."""
        try:
            for number, place in enumerate(places(self.grid)):
                self._run_block(number, place)
        except Stop:
            pass

    def _run_block(self, number: int, place: Size) -> None:
        count = math.prod(self.block)
        self.here, self.clock = place, self.clock + 1
        self.start = self.clock
        self.local_bytes = 0
        self.blocks_shared: dict[int, Memory] = {}
        self.requests: set[tuple[int, ...]] = set()
        threads = [Thread(each, i, number * count + i) for i, each in enumerate(places(self.block))]
        if self.program.waits:
            self._take_turns(threads)
        else:
            for each in self._in_order(threads):
                self._step(each, lambda: self.kernel(*self.arguments))

    def _in_order(self, threads: list[Thread]) -> list[Thread]:
        if self.random is None:
            return threads
        return self.random.sample(threads, len(threads))

    def _take_turns(self, threads: list[Thread]) -> None:
        """Let every thread run to its next barrier, again and again, until all have left."""
        running = {each.number: self.kernel(*self.arguments) for each in threads}
        answers: dict[int, Any] = dict.fromkeys(running)
        left: set[int] = set()
        while True:
            waiting: dict[int, tuple[int, str, Any]] = {}
            for each in self._in_order(threads):
                if each.number not in left:
                    turn, answer = running[each.number], answers[each.number]
                    try:
                        waiting[each.number] = self._step(each, lambda t=turn, a=answer: t.send(a))
                    except StopIteration:
                        left.add(each.number)
            if not waiting:
                return
            self._look_at_barrier(waiting, left, threads)
            answers = self._counted(waiting)
            self.clock += 1
            self.barriers = max(self.barriers, self.clock - self.start)

    def _look_at_barrier(
        self, waiting: dict[int, tuple[int, str, Any]], left: set[int], threads: list[Thread]
    ) -> None:
        one = min(waiting)
        line = waiting[one][0]
        me = f"thread {self.named(threads[one])} waits at a barrier"
        if left:
            gone = self.named(threads[min(left)])
            said = f"{me}, and thread {gone} has left the kernel and will never come"
            self.stop("barrier", f"{said}; on a GPU the block may hang", line)
        others = [n for n, each in waiting.items() if each[0] != line]
        if others:
            far = self.where(waiting[others[0]][0])
            said = f"{me}, and thread {self.named(threads[others[0]])} waits at another, {far}"
            self.stop("barrier", f"{said}; on a GPU the block may hang", line)

    def _counted(self, waiting: dict[int, tuple[int, str, Any]]) -> dict[int, Any]:
        """What each waiting thread is told: nothing, or about everybody's predicate."""
        if any(each[1] and type(each[2]) is not int for each in waiting.values()):
            line = next(iter(waiting.values()))[0]
            said = "a barrier counts whole numbers other than 0; numba's compiler takes no truths"
            self.stop("error", said, line)
        said = [each[2] != 0 for each in waiting.values()]
        answer = {"count": sum(said), "and": int(all(said)), "or": int(any(said))}
        return {n: answer.get(each[1]) for n, each in waiting.items()}

    def _step(self, thread: Thread, turn: Callable[[], Any]) -> Any:
        self.current = thread
        try:
            return turn()
        except StopIteration:
            raise
        except Fault as fault:
            self.stop(fault.kind, fault.message, fault.line or _line_of(fault))
        except RecursionError as error:
            self.stop("error", "functions call each other without end", _line_of(error))
        except Exception as error:
            words = f"{type(error).__name__}: {error}"
            self.stop("error", words[:200].replace("$", ""), _line_of(error))

    # What the program calls

    def _names(self) -> dict[str, Any]:
        places = {
            f"${kind}.{axis}": (lambda get=get, i=i: get()[i])
            for kind, get in (
                ("threadIdx", lambda: self.current.place), ("blockIdx", lambda: self.here),
                ("blockDim", lambda: self.block), ("gridDim", lambda: self.grid),
            )
            for i, axis in enumerate("xyz")
        }  # fmt: skip
        return {
            **places,
            "$tick": self.tick,
            "$load": self.load if self.watched else self.plain_load,
            "$store": self.store if self.watched else self.plain_store,
            "$cuda.grid": self.grid_place,
            "$cuda.gridsize": self.grid_size,
            "$cuda.shared.array": self.shared_array,
            "$cuda.local.array": self.local_array,
            "$cuda.atomic.add": lambda a, i, v, s: self.atomic(a, i, v, s, lambda x, y: x + y),
            "$cuda.atomic.max": lambda a, i, v, s: self.atomic(a, i, v, s, max),
            "$cuda.atomic.min": lambda a, i, v, s: self.atomic(a, i, v, s, min),
        }

    def tick(self) -> None:
        """Count a step; stop a launch that never ends."""
        self.left -= 1
        if self.left < 0:
            raise Fault("never ends", f"the launch takes more than {STEPS:,} steps")

    def grid_place(self, dimensions: int) -> int | tuple[int, ...]:
        ours = zip(self.here, self.block, self.current.place, strict=True)
        place = tuple(b * size + t for b, size, t in ours)
        return place[0] if dimensions == 1 else place[:dimensions]

    def grid_size(self, dimensions: int) -> int | tuple[int, ...]:
        sides = tuple(g * b for g, b in zip(self.grid, self.block, strict=True))
        return sides[0] if dimensions == 1 else sides[:dimensions]

    def shared_array(self, shape: tuple[int, ...], kind: str, name: str, site: int) -> Memory:
        """One array for all threads of the block."""
        if site not in self.blocks_shared:
            made = Memory.empty(name, "shared", shape, kind)
            self.blocks_shared[site] = made
            used = sum(len(m.values) * m.values.itemsize for m in self.blocks_shared.values())
            if used > MOST_SHARED:
                raise Fault("error", f"{used} bytes of shared memory; a block has {MOST_SHARED}")
        return self.blocks_shared[site]

    def local_array(self, shape: tuple[int, ...], kind: str, name: str, site: int) -> Memory:
        """An array of this thread's own."""
        self.local_bytes += 8 * math.prod(shape)
        if self.local_bytes > MOST_LOCAL:
            raise Fault("error", f"a block takes more than {MOST_LOCAL:,} bytes of local memory")
        return Memory.empty(name, "local", shape, kind)


def _line_of(error: BaseException) -> int:
    """The last line of the kernel's text that an error went through."""
    line, frame = 0, error.__traceback__
    while frame is not None:
        if frame.tb_frame.f_code.co_filename == FILE:
            line = frame.tb_lineno
        frame = frame.tb_next
    return line
