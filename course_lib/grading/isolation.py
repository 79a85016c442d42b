"""What a submission's process gives up before it runs a line of a student's.

The parent's fork becomes a guard, which forks once more. The second process is alone in
namespaces of its own (users, processes, mounts, network, IPC), with an empty folder to write in, no
capabilities, hard limits, and a filter of system calls. The guard stays outside and kills it when
the judge lets go of the leash, or when it takes too much memory.

Linux only. See the manual pages namespaces(7), capabilities(7), setrlimit(2), seccomp(2).
"""

import contextlib
import ctypes
import json
import os
import platform
import resource
import select
import signal
import socket
import struct
from collections.abc import Callable
from dataclasses import asdict, dataclass

_libc = ctypes.CDLL(None, use_errno=True)

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REC, MS_PRIVATE = 1, 2, 4, 8, 16384, 1 << 18
PR_SET_DUMPABLE, PR_SET_PDEATHSIG, PR_SET_SECCOMP = 4, 1, 22
PR_SET_NO_NEW_PRIVS, PR_CAPBSET_DROP = 38, 24
LOOK_EVERY = 0.2  # seconds between two looks at the memory
MOST_FILES = 20_000  # files and folders take memory even if they are empty


@dataclass(frozen=True)
class Limits:
    """What one submission may take; bytes, seconds of processor time, processes, files."""

    memory: int = 2 * 2**30
    disk: int = 64 * 2**20
    cpu: int = 600
    processes: int = 32
    files: int = 256
    isolated: bool = True

    def as_text(self) -> str:
        return json.dumps(asdict(self))

    @staticmethod
    def from_text(text: str) -> "Limits":
        return Limits(**json.loads(text))


def guard(leash: socket.socket, limits: Limits, work: Callable[[], None]) -> None:
    """Run ``work`` in a process that is shut in, watch it, and exit. Never returns.

    Args:
        leash: when its other end is closed, the process is killed; what ended it is said on it.
        limits: what the process may take.
        work: what it does.
    """
    status = "its process could not be shut in"
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("900")  # where memory runs out in spite of all, take this one
    try:
        if limits.isolated:
            _leave_namespaces()
        inner = os.fork()
        if inner == 0:
            leash.close()
            _become_the_submission(limits, work)
        status = _watch(inner, leash, limits)
    except BaseException as error:
        status = f"{status}: {error!r}"
    with contextlib.suppress(OSError):
        leash.sendall(status.encode())
    os._exit(0)


def _leave_namespaces() -> None:
    """Enter new namespaces; processes are in the new process namespace from the next fork on."""
    user, group = os.getuid(), os.getgid()
    _prctl(PR_SET_DUMPABLE, 1)  # else /proc/self belongs to root
    flags = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWUTS
    _checked(_libc.unshare(flags), "unshare")
    for name, line in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {user} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(line)
    _prctl(PR_SET_DUMPABLE, 0)


def _become_the_submission(limits: Limits, work: Callable[[], None]) -> None:
    try:
        os.setsid()
        mapped = int(_first_line("/proc/self/statm", "0").split()[0]) * resource.getpagesize()
        if limits.isolated:
            _checked(_libc.unshare(CLONE_NEWNS), "unshare")
            _checked(_mount(None, "/", None, MS_REC | MS_PRIVATE, None), "mount /")
            _own_folders(limits.disk)
        for stream in (0, 1, 2):
            os.dup2(os.open(os.devnull, os.O_RDWR), stream)
        _limit(limits, mapped)
        if limits.isolated:
            _drop_capabilities()
            _filter_system_calls()
        work()
    finally:
        os._exit(0)


def _own_folders(size: int) -> None:
    """A folder of ``size`` bytes to write in; nothing of the processes, nothing shared."""
    flags = MS_NOSUID | MS_NODEV
    options = f"size={size},nr_inodes={MOST_FILES},mode=1777"
    _checked(_mount("tmpfs", "/tmp", "tmpfs", flags, options), "/tmp")
    _checked(_mount("tmpfs", "/proc", "tmpfs", flags | MS_RDONLY, "size=4096"), "/proc")
    for kind, target, options in (
        ("tmpfs", "/dev/shm", f"size={2**24},nr_inodes=1000"),  # for semaphores
        ("devpts", "/dev/pts", "newinstance,ptmxmode=0666,mode=0620"),  # terminals of its own
    ):
        with contextlib.suppress(OSError):
            _checked(_mount(kind, target, kind, MS_NOSUID | MS_NOEXEC, options), target)
    os.makedirs("/tmp/work")
    os.chdir("/tmp/work")


def _limit(limits: Limits, mapped: int) -> None:
    """Set what one process may take; ``mapped`` are the bytes of addresses that it has already."""
    for what, most in (
        (resource.RLIMIT_AS, mapped + limits.memory),
        (resource.RLIMIT_CPU, limits.cpu),
        (resource.RLIMIT_FSIZE, limits.disk),
        (resource.RLIMIT_NOFILE, limits.files),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
        *([(resource.RLIMIT_NPROC, limits.processes)] if limits.isolated else []),
    ):
        _, highest = resource.getrlimit(what)
        most = most if highest == resource.RLIM_INFINITY else min(most, highest)
        resource.setrlimit(what, (most, most))


def _drop_capabilities() -> None:
    for capability in range(64):
        _libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)  # fails behind the last there is
    header, nothing = struct.pack("Ii", 0x20080522, 0), bytes(24)
    _checked(_libc.capset(header, nothing), "capset")
    _prctl(PR_SET_NO_NEW_PRIVS, 1)


def _watch(inner: int, leash: socket.socket, limits: Limits) -> str:
    """Wait until the process ends or must end; return why it did."""
    end = os.pidfd_open(inner)
    first = _resident(inner)
    try:
        while True:
            ready, _, _ = select.select([leash, end], [], [], LOOK_EVERY)
            if end in ready:
                return _how_it_ended(os.waitpid(inner, 0)[1])
            if leash in ready:
                return _kill(inner, "the judge let go")
            if sum(max(0, _resident(pid) - first) for pid in _family(inner)) > limits.memory:
                return _kill(inner, f"it took more than {limits.memory / 2**30:g} GB of memory")
    finally:
        os.close(end)


def _kill(inner: int, why: str) -> str:
    for pid in _family(inner):  # the namespace's first process would do; not every run has one
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    os.waitpid(inner, 0)
    return why


def _how_it_ended(status: int) -> str:
    if os.WIFSIGNALED(status):
        name = signal.Signals(os.WTERMSIG(status)).name
        return f"its process was ended by {name}"
    return "its process ended by itself"


def _family(inner: int) -> list[int]:
    """The process and all that descend from it; orphans are its children too."""
    parents = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        fields = _first_line(f"/proc/{name}/stat", "").rpartition(")")[2].split()
        if len(fields) > 1:
            parents[int(name)] = int(fields[1])
    family = [inner]
    for pid in family:
        family += [child for child, parent in parents.items() if parent == pid]
    return family


def _resident(pid: int) -> int:
    fields = _first_line(f"/proc/{pid}/statm", "0 0").split()
    return int(fields[1]) * resource.getpagesize()


def _first_line(path: str, otherwise: str) -> str:
    try:
        with open(path) as file:
            return file.readline()
    except OSError:
        return otherwise


def _mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None) -> int:
    encoded = (None if each is None else each.encode() for each in (source, target, kind))
    return _libc.mount(*encoded, ctypes.c_ulong(flags), data.encode() if data else None)


def _prctl(option: int, value: int) -> None:
    _checked(_libc.prctl(option, value, 0, 0, 0), f"prctl {option}")


def _checked(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


# System calls that no notebook needs and that widen what can be attacked, or take memory that no
# limit counts: numbers on x86-64 and on the architectures with the generic table (arm64).
_DENIED = {
    "x86_64": (
        101, 155, 161, 165, 166, 167, 168, 169, 175, 176, 246, 248, 249, 250, 272, 298, 303, 304,
        308, 310, 311, 312, 313, 319, 320, 321, 323, 425, 426, 427, 428, 429, 430, 431, 432, 433,
        442, 447, 29, 30, 31, 68, 71, 64,
    ),
    "aarch64": (
        117, 41, 51, 40, 39, 224, 225, 142, 105, 106, 104, 217, 218, 219, 97, 241, 264, 265, 268,
        270, 271, 272, 273, 279, 294, 280, 282, 425, 426, 427, 428, 429, 430, 431, 432, 433, 442,
        447, 194, 195, 196, 186, 188, 190,
    ),
}  # fmt: skip
_CLONE = {"x86_64": 56, "aarch64": 220}
_SOCKET = {"x86_64": 41, "aarch64": 198}
_SETSID = {"x86_64": 112, "aarch64": 157}
_FAMILIES = (1, 2, 10)  # local and the internet's: others are not all shut in by a namespace
_CLONE3 = 435
_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_LOAD, _EQUAL, _ANY_BIT, _AT_LEAST, _RETURN = 0x20, 0x15, 0x45, 0x35, 0x06


def _filter_system_calls() -> None:
    """Deny the calls above, new user namespaces, and programs for another architecture."""
    machine = platform.machine()
    if machine not in _DENIED:
        return
    rules = [
        (_LOAD, 0, 0, 4),
        (_EQUAL, 1, 0, _ARCHITECTURE[machine]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),
        (_AT_LEAST, 0, 1, 0x40000000),  # the x32 numbering of the same calls
        (_RETURN, 0, 0, _KILL),
        (_EQUAL, 0, 1, _CLONE3),  # its flags lie in memory, where no filter sees them
        (_RETURN, 0, 0, _ERRNO | 38),  # "not implemented": the C library then uses clone
        (_EQUAL, 0, 3, _CLONE[machine]),
        (_LOAD, 0, 0, 16),
        (_ANY_BIT, 0, 1, CLONE_NEWUSER),
        (_RETURN, 0, 0, _ERRNO | 1),
        (_LOAD, 0, 0, 0),
        (_EQUAL, 0, 6, _SOCKET[machine]),
        (_LOAD, 0, 0, 16),
        *((_EQUAL, 3 - i, 0, family) for i, family in enumerate(_FAMILIES)),
        (_RETURN, 0, 0, _ERRNO | 97),  # "address family not supported"
        (_LOAD, 0, 0, 0),
        (_EQUAL, 0, 1, _SETSID[machine]),  # Linux shares the processors out by sessions:
        (_RETURN, 0, 0, _ERRNO | 0),  # say yes and do nothing, so that one submission stays one
    ]
    for number in _DENIED[machine]:
        rules += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ERRNO | 1)]
    rules.append((_RETURN, 0, 0, _ALLOW))
    code = b"".join(struct.pack("HBBI", *rule) for rule in rules)
    memory = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("HxxxxxxP", len(rules), ctypes.addressof(memory))
    _checked(_libc.prctl(PR_SET_SECCOMP, 2, program, 0, 0), "seccomp")
