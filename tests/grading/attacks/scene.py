"""What lies around the sandbox, and whether somebody was there."""

import contextlib
import socket
import time
from pathlib import Path

from attacks.attack import UNIT

SECRET = "s3cret"


class Scene:
    """A canary folder and two listening sockets of the instructor's; ``harm`` says what happened."""

    def __init__(self, folder: Path, parent: int) -> None:
        self.canary = folder / "canary"
        neighbour = self.canary / "submitted" / "neighbour" / UNIT
        neighbour.mkdir(parents=True)
        for path in ("gradebook.db", "notes.txt", f"submitted/neighbour/{UNIT}/{UNIT}.ipynb"):
            (self.canary / path).write_text(f'{{"cells": [], "{SECRET}": "{path}"}}')
        self.canary.chmod(0o777)
        self.before = self._files()
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.port = self.tcp.getsockname()[1]
        self.name = f"course-{self.port}"
        self.local = socket.socket(socket.AF_UNIX)
        self.local.bind(f"\0{self.name}")
        self.local.listen()
        for each in (self.tcp, self.local):
            each.setblocking(False)
        self.parent = parent
        self.family = family(parent)

    def harm(self) -> list[str]:
        """What was touched, who called, and what runs that should not."""
        found = [] if self._files() == self.before else ["the instructor's files changed"]
        for each in (self.tcp, self.local):
            with contextlib.suppress(BlockingIOError):
                each.accept()
                found.append("a connection to this machine")
        for _ in range(100):
            left = family(self.parent) - self.family
            if not left:
                return found
            time.sleep(0.1)
        return [*found, f"processes left behind: {left}"]

    def _files(self) -> dict[str, bytes | None]:
        return {
            str(path): path.read_bytes() if path.is_file() else None
            for path in sorted(self.canary.rglob("*"))
        }

    def close(self) -> None:
        self.tcp.close()
        self.local.close()


def family(parent: int) -> set[int]:
    """The living descendants of a process."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, ppid = path.read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                children.setdefault(int(ppid), []).append(int(path.parent.name))
    found, new = set(), {parent}
    while new:
        found |= new
        new = {child for each in new for child in children.get(each, [])} - found
    return found
