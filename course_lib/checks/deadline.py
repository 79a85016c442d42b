"""Stop a call that takes too long, where the platform can."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class OutOfTime(BaseException):
    """Raised inside the running code. Not an ``Exception``, so ``except Exception`` lets it by."""


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Raise ``OutOfTime`` in the enclosed block after ``seconds``.

    It needs the main thread and a POSIX timer. Elsewhere (Windows, worker threads) the block runs
    without a limit, and the user interrupts the kernel instead.

    >>> with deadline(5.0):
    ...     sum(range(10))
    45
    """
    can = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    if not can:
        yield
        return

    def ring(_signal: int, _frame: FrameType | None) -> None:
        raise OutOfTime

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
