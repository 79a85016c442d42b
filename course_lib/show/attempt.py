"""Run a try-out cell whether or not the student's function is written yet."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def attempt() -> Iterator[None]:
    """Say so in one line if the enclosed code meets an unwritten function; let all else through.

    >>> with attempt():
    ...     raise NotImplementedError
    Nothing to see yet: the function above still raises NotImplementedError.
    """
    try:
        yield
    except NotImplementedError:
        print("Nothing to see yet: the function above still raises NotImplementedError.")
