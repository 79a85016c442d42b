"""Submissions that take too much: processes, memory, disk, output, open files."""

from attacks.attack import ALL, Attack, does

FORKS = """\
import os
while True:
    try:
        os.fork()
    except OSError:
        pass
"""

THREADS = """\
import threading, time
for _ in range(10000):
    threading.Thread(target=time.sleep, args=(1000,)).start()
"""

HOGS = """\
import os
for _ in range(25):
    if os.fork() == 0:
        os.setsid()
        os.nice(-20) if os.getuid() == 0 else None
        while True: pass
while True: pass
"""

MEMORY_OF_MANY = """\
import os, time
for _ in range(20):
    if os.fork() == 0:
        kept = [b"x" * 2**20 for _ in range(1500)]
        time.sleep(100)
time.sleep(100)
"""

DISK = """\
import os
with open("filler", "wb") as file:
    for _ in range(2000):
        file.write(bytes(2**20))
"""

DISK_OF_MANY = """\
for folder in ("/tmp", "/dev/shm", "/var/tmp", "/dev", "/run", "/course", "."):
    for i in range(200):
        try:
            with open(f"{folder}/filler-{i}", "wb") as file:
                file.write(bytes(2**24))
        except OSError:
            break
"""

FILES = "for i in range(10**6):\n    open(f'file-{i}', 'w').close()"

OUTPUT = """\
import os, sys
line = "x" * 2**20
for _ in range(250):
    print(line)
    print(line, file=sys.stderr)
    os.write(1, b"y" * 2**16)
"""

DESCRIPTORS = "import os\nkept = [os.open('/dev/null', 0) for _ in range(10**6)]"

SOCKETS = """\
import os, socket
kept = []
def fill():
    while True:
        for end in (kept.append(socket.socketpair()) or kept[-1]):
            end.setblocking(False)
            try:
                while True: end.send(bytes(2**16))
            except OSError: pass
for _ in range(8):
    if os.fork() == 0:
        try: fill()
        except OSError: pass
        import time; time.sleep(60)
try: fill()
except OSError: pass
"""

AT_EXIT = """\
import atexit, os, signal, time
atexit.register(lambda: time.sleep(1000))
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    time.sleep(1000)
os._exit(3)
"""

LEFT_BEHIND = """\
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.closerange(0, 256)
        time.sleep(1000)
    os._exit(0)
"""

LIMITS = [
    Attack("fork bomb", "an answer forks for ever", does(FORKS), endless=True, harmless=False),
    Attack(
        "fork bomb in a cell",
        "a cell forks for ever; both answers are right",
        extra=FORKS,
        endless=True,
        honest=ALL,
        harmless=False,
    ),
    Attack("thread bomb", "ten thousand threads", does(THREADS), harmless=False),
    Attack(
        "busy crowd",
        "25 processes in sessions of their own, while others are graded",
        does(HOGS),
        endless=True,
        beside=True,
        harmless=False,
    ),
    Attack(
        "6 GB", "an answer of 6 GB of memory", does("kept = np.ones(6 * 2**27)"), harmless=False
    ),
    Attack(
        "6 GB in a cell",
        "a cell takes 6 GB; both answers are right",
        extra="kept = np.ones(6 * 2**27)",
        honest=ALL,
        harmless=False,
    ),
    Attack(
        "30 GB together",
        "twenty processes of 1.5 GB each, while others are graded",
        does(MEMORY_OF_MANY),
        endless=True,
        beside=True,
        harmless=False,
    ),
    Attack("2 GB of disk", "an answer writes 2 GB", does(DISK), harmless=False),
    Attack("disk everywhere", "an answer writes where it can", does(DISK_OF_MANY), harmless=False),
    Attack("a million files", "empty files take memory too", does(FILES), harmless=False),
    Attack(
        "500 MB of output",
        "half a gigabyte printed by a cell; both answers are right",
        extra=OUTPUT,
        honest=ALL,
        harmless=False,
    ),
    Attack("open files", "a million open files", does(DESCRIPTORS), harmless=False),
    Attack(
        "full sockets",
        "kernel memory in the buffers of sockets, while others are graded",
        does(SOCKETS),
        beside=True,
        harmless=False,
    ),
    Attack(
        "will not be ended",
        "ignores SIGTERM, sleeps when it should exit, leaves a child",
        does(AT_EXIT),
        harmless=False,
    ),
    Attack(
        "left behind",
        "a child of a child that has let go of everything",
        extra=LEFT_BEHIND,
        honest=ALL,
        harmless=False,
    ),
]
