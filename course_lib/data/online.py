"""Data sets that are not on the machine: where they are kept, and what is said when offline."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

Loaded = TypeVar("Loaded")

PATIENCE = 20.0  # seconds a server may stay silent


class OfflineError(ConnectionError):
    """A data set is neither in the cache folder nor can it be downloaded."""


def cache_folder() -> Path:
    """Return the folder for downloaded data sets; it need not exist yet.

    It is `$COURSE_DATA` if that is set, else `course_lib` in the user's cache folder
    (`$XDG_CACHE_HOME`, or `.cache` in the home folder).

    >>> isinstance(cache_folder(), Path)
    True
    """
    if chosen := os.environ.get("COURSE_DATA"):
        return Path(chosen).expanduser()
    user_cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(user_cache) / "course_lib"


def load_or_download(
    load: Callable[[bool], Loaded], *, wanted: str, folder: Path, files: str, instead: str
) -> Loaded:
    """Load a data set from the cache folder, or else download it there first.

    Args:
        load: opens the torchvision data set; its argument says whether it may download.
        wanted: name of the data set, for the message.
        folder: where its files lie.
        files: which files those are.
        instead: the argument that asks for the offline data.

    Returns:
        What `load` returns.

    Raises:
        OfflineError: the files are not there and the download fails.
        ValueError: the files are there, but damaged.

    >>> load_or_download(
    ...     lambda download: "data", wanted="X", folder=Path("x"), files="a", instead="b"
    ... )
    'data'
    """
    try:
        return load(False)
    except Exception as error:  # torchvision has no kind of its own for "not found"
        if "Dataset not found" not in str(error):
            raise ValueError(
                f"the files of {wanted} in {folder} cannot be read ({error}); delete that "
                f"folder to download them again, or use {instead}, which needs no download"
            ) from error
    try:
        with _short_patience():
            return load(True)
    except Exception as error:  # no network, a full disk, a quota, a missing downloader
        raise OfflineError(
            f"{wanted} is not in {folder} and cannot be downloaded "
            f"({type(error).__name__}: {error}). Offline, use {instead}. To bring the data "
            f"by hand, place {files} in that folder; the environment variable COURSE_DATA "
            f"moves it (now {cache_folder()})."
        ) from error


@contextmanager
def _short_patience() -> Iterator[None]:
    """Give up on a silent server after `PATIENCE` seconds."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
