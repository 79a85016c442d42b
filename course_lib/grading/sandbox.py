"""The sandbox that submissions run in: bubblewrap around one warm parent process.

Inside are this Python and its packages, a copy of `course_lib` without its answers (see `sealed`),
and nothing else that can be read: not the checks, the gradebook, other work or the home folder.
"""

import atexit
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from course_lib.grading.isolation import Limits
from course_lib.grading.protocol import Channel
from course_lib.grading.sealed import seal

NOBODY = 64001  # user and group that a sandbox started by root turns into
START_SECONDS = 120.0


class NoSandbox(OSError):  # noqa: N818 - what an instructor reads
    """This machine cannot shut a program in; the message says what is missing."""


class Submission:
    """A process that runs one submission: talk over ``channel``, then ``close`` it."""

    def __init__(self, channel: Channel, leash: socket.socket) -> None:
        self.channel, self.leash = channel, leash

    def close(self) -> str:
        """End the process if it is still there and return what ended it."""
        with contextlib.suppress(OSError):
            self.leash.shutdown(socket.SHUT_WR)
        self.leash.settimeout(10.0)
        said = b""
        with contextlib.suppress(OSError):
            while piece := self.leash.recv(4096):
                said += piece
        self.leash.close()
        self.channel.close()
        return said.decode("utf-8", "replace")


class Sandbox:
    """A warm parent for the submissions of one unit; use it as a context manager.

    Args:
        unit: as in the folder's name, ``00_start_here``. The library's functions that are this
            unit's answers are not in the sandbox.
        limits: what one submission may take.
        isolated: False runs the same without any protection, for one's own notebooks.

    Raises:
        NoSandbox: bubblewrap is missing or may not be used here.
    """

    def __init__(self, unit: str, limits: Limits | None = None, *, isolated: bool = True) -> None:
        self.unit, self.isolated = unit, isolated
        limits = limits or Limits()
        self.limits = Limits(**{**vars(limits), "isolated": isolated})
        self._lock = threading.Lock()

    def __enter__(self) -> "Sandbox":
        self._folder = tempfile.TemporaryDirectory(prefix="course-")
        folder = Path(self._folder.name)
        folder.chmod(0o755)
        seal(self.unit, folder / "course")
        ours, theirs = socket.socketpair()
        runner = [
            sys.executable, "-m", "course_lib.grading.runner",
            str(theirs.fileno()), self.limits.as_text(),
        ]  # fmt: skip
        command = [*bubblewrap(folder / "course"), *runner] if self.isolated else runner
        self._log = (folder / "log").open("wb")
        self._parent = subprocess.Popen(
            command, pass_fds=[theirs.fileno()], cwd=folder if not self.isolated else "/",
            env=environment(folder / "course" if not self.isolated else Path("/course")),
            stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log,
        )  # fmt: skip
        theirs.close()
        self._control = ours
        try:
            self._expect(b"ready", START_SECONDS)
        except NoSandbox:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._control.close()
        try:
            self._parent.wait(10.0)
        except subprocess.TimeoutExpired:
            self._parent.kill()
            self._parent.wait()
        self._log.close()
        self._folder.cleanup()

    def alive(self) -> bool:
        """Whether the parent still runs."""
        return self._parent.poll() is None

    def start(self) -> Submission:
        """Fork a process for one submission: 50 to 100 ms.

        Raises:
            NoSandbox: the parent is gone.
        """
        channels, leashes = socket.socketpair(), socket.socketpair()
        with self._lock:
            try:
                socket.send_fds(self._control, [b"!"], [channels[1].fileno(), leashes[1].fileno()])
            except OSError:
                raise NoSandbox("the sandbox's parent process is gone") from None
            self._expect(b"!", START_SECONDS)
        channels[1].close()
        leashes[1].close()
        return Submission(Channel(channels[0]), leashes[0])

    def _expect(self, word: bytes, seconds: float) -> None:
        self._control.settimeout(seconds)
        try:
            came = self._control.recv(len(word))
        except TimeoutError:
            came = b""
        if came != word:
            self._log.flush()
            lines = Path(self._log.name).read_text(errors="replace").splitlines()
            why = lines[-1] if lines else "no reason given"
            raise NoSandbox(f"the sandbox did not start: {why}")


_open: dict[tuple[str, bool], Sandbox] = {}


def sandbox_for(unit: str, isolated: bool = True) -> Sandbox:
    """This process's sandbox for a unit, opened at the first call, and again if it died."""
    key = unit, isolated
    if key in _open and not _open[key].alive():
        _open.pop(key).__exit__()
    if key not in _open:
        _open[key] = Sandbox(unit, isolated=isolated).__enter__()
        atexit.register(close_sandboxes)
    return _open[key]


def close_sandboxes() -> None:
    """Close what `sandbox_for` opened."""
    while _open:
        _open.popitem()[1].__exit__()


def environment(course: Path) -> dict[str, str]:
    """The variables that the parent starts with: none of the instructor's own."""
    kept = {k: v for k, v in os.environ.items() if k.startswith("OPENBLAS_")}
    return {
        **kept,
        "PATH": "/usr/bin:/bin",
        "HOME": "/tmp",
        "LANG": "C.UTF-8",
        "MPLBACKEND": "Agg",
        "MPLCONFIGDIR": "/tmp",
        "IPYTHONDIR": "/tmp/ipython",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "NUMBA_NUM_THREADS": "2",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": str(course),
        "PYTHONNOUSERSITE": "1",
    }


def bubblewrap(course: Path) -> list[str]:
    """The command line up to the program: what is seen inside, and who one is there.

    Raises:
        NoSandbox: it is not installed.
    """
    program = shutil.which("bwrap")
    if program is None:
        raise NoSandbox(
            "bubblewrap is not installed: apt install bubblewrap (or see course doctor --grading)"
        )
    root = os.geteuid() == 0
    command = [program, "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts",
               "--unshare-cgroup-try", "--die-with-parent", "--new-session",
               "--hostname", "sandbox", "--dir", "/tmp"]  # fmt: skip
    command += [] if root else ["--unshare-user"]
    command += _system_folders() + _covers([Path("/usr")])
    command += _python_folders() + _covers(_prefixes())
    command += ["--dir", "/course", "--ro-bind", str(course), "/course"]
    installed = Path(__file__).parents[1]
    if any(installed.is_relative_to(each) for each in _prefixes()):  # not from a checkout
        command += ["--ro-bind", str(course / "course_lib"), str(installed)]
    command += ["--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev"]
    command += ["--perms", "1777", "--size", str(64 * 2**20), "--tmpfs", "/tmp"]
    command += ["--remount-ro", "/", "--chdir", "/tmp"]
    if not root:
        return [*command, "--cap-drop", "ALL", "--"]
    keep = [
        flag for name in ("setuid", "setgid", "setpcap") for flag in ("--cap-add", f"cap_{name}")
    ]
    become = [
        "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--no-new-privs",
        "--inh-caps=-all", "--bounding-set=-all", "--",
    ]  # fmt: skip
    return [*command, "--cap-drop", "ALL", *keep, "--", *become]


def _system_folders() -> list[str]:
    command = ["--perms", "0755", "--dir", "/etc", "--ro-bind", "/usr", "/usr"]
    for name in ("bin", "lib", "lib32", "lib64", "sbin"):
        path = Path("/", name)
        if path.is_symlink():
            command += ["--symlink", os.readlink(path), str(path)]
        elif path.is_dir():
            command += ["--ro-bind", str(path), str(path)]
    for name in ("ld.so.cache", "alternatives", "localtime"):
        command += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    return command


def _covers(shown: list[Path]) -> list[str]:
    """Empty folders over what is none of a submission's business below the folders that are shown.

    That is nbgrader's exchange with everybody's work, Jupyter's settings, where the course itself
    lies, and other copies of its package.
    """
    places = [Path("/usr/src"), *(Path("/usr/local", each) for each in ("etc", "share", "src"))]
    for folder in shown:
        places += [folder / "etc/jupyter", *folder.glob("lib/python3*/*-packages/course_lib")]
        places += folder.glob("envs/*/lib/python3*/site-packages/course_lib")
        places += folder.glob("local/lib/python3*/*-packages/course_lib")
    course = [Path(__file__).parents[2], Path.cwd()]
    places += [each for each in course if (each / "nbgrader_config.py").is_file()]
    command = []
    for place in sorted({each.resolve() for each in places if each.is_dir()}):
        if any(place.is_relative_to(each) and place != each for each in shown):
            command += ["--tmpfs", str(place)]
    return command


def _prefixes() -> list[Path]:
    """Where Python and its packages lie."""
    return sorted({Path(each).resolve() for each in (sys.prefix, sys.base_prefix)})


def _python_folders() -> list[str]:
    command, made = [], {Path("/"), Path("/usr")}
    for prefix in _prefixes():
        if prefix.is_relative_to("/usr") and not prefix.is_relative_to("/usr/src"):
            continue
        for parent in reversed(prefix.parents):
            if parent not in made:
                command += ["--perms", "0755", "--dir", str(parent)]
                made.add(parent)
        command += ["--ro-bind", str(prefix), str(prefix)]
    return command
