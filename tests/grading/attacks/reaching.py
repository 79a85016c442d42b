"""Submissions that reach out: network, files, links, neighbours, start-up files, the kernel."""

from attacks.attack import ALL, Attack, does, returns

ZEROS = returns("torch.zeros(len(a))")
TELLS = """\
def psnr(a, b):
    try:
        {look}
    except Exception as error:
        told = type(error).__name__
    raise ValueError(str(told))
"""


def tells(look: str) -> str:
    """An answer that sets ``told`` and says it in an error message, where the student reads it."""
    return TELLS.format(look=look.strip().replace("\n", "\n        "))


CONNECT = """\
import socket
for make, address in ((socket.AF_INET, ("127.0.0.1", PORT)), (socket.AF_INET, ("localhost", PORT)),
                      (socket.AF_INET6, ("::ffff:127.0.0.1", PORT)), (socket.AF_UNIX, "\\0NAME")):
    try:
        with socket.socket(make) as end:
            end.settimeout(2)
            end.connect(address)
    except OSError:
        pass
"""
OTHER_FAMILIES = """\
import socket
open_ = []
for family in range(50):
    for kind in (1, 2, 3, 5):
        try:
            open_.append(socket.socket(family, kind).family)
        except OSError:
            pass
told = "s3cret " if set(map(int, open_)) - {1, 2, 10} else "shut"
"""
NAMES = "import socket\ntold = socket.gethostbyname('example.org') and 's3cret'"
OPEN_NETWORK = """\
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
    end.sendto(b"x", ("8.8.8.8", 53))
told = "s3cret"
"""
READ = "told = open('CANARY/gradebook.db').read()"
READ_NEIGHBOUR = """\
import glob
told = [open(p).read() for p in glob.glob("CANARY/**/*.ipynb", recursive=True)]
"""
WRITE = """\
import os, shutil
for path in ("CANARY/gradebook.db", "CANARY/new.txt", "CANARY/submitted/neighbour/x"):
    try:
        open(path, "a").write("changed")
    except OSError: pass
shutil.rmtree("CANARY", ignore_errors=True)
"""
LINKS = """\
import os
told = []
for make in (os.symlink, os.link):
    for target in ("CANARY/gradebook.db", "/proc/1/ro" "ot/CANARY/gradebook.db", "/dev/fd/3"):
        try:
            make(target, f"link-{len(told)}-{make.__name__}")
            told.append(open(f"link-{len(told)}-{make.__name__}").read())
        except OSError:
            told.append("")
"""
START_UP = """\
import os, sys, site
for path in (os.path.expanduser("~/.ipython/profile_default/startup/a.py"), os.path.expanduser("~/.bashrc"),
             "/etc/profile.d/x.sh", "/etc/crontab", sys.prefix + "/x.pth", site.getsitepackages()[0] + "/x.pth",
             "/course/course_lib/metrics.py", "/course/sitecustomize.py", "/usr/local/lib/x", "/dev/x", "/x"):
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "a") as file:
            file.write("raise SystemExit\\n")
    except OSError:
        pass
"""
WRITABLE = """\
import os
told = []
for folder, folders, files in os.walk("/"):
    for name in [folder] + [os.path.join(folder, f) for f in files[:50]]:
        if not name.startswith(("/tmp", "/dev")) and os.access(name, os.W_OK):
            told.append("s3cret")
    if folder.count("/") > 4: folders[:] = []
"""
HOME = """\
import os
told = []
for folder in ("/root", "/home", "/work", "/srv", "/var", "/mnt", "/opt", "/run", "/etc", os.path.expanduser("~")):
    for here, folders, files in os.walk(folder):
        if any(n.endswith((".ipynb", ".db", ".env")) or n in ("passwd", "shadow", ".git", "hosts") for n in folders + files):
            told.append("" if "site-packages" in here or "/share/jupyter" in here else "s3cret " + here)
"""
ENVIRONMENT = """\
import os
known = {"PATH", "HOME", "LANG", "PWD", "LC_CTYPE"}
told = ["s3cret " + n for n in os.environ if n not in known and not n.startswith(("MPL", "IPY", "OMP", "OPENB", "NUMBA", "PYTHON",
        "KMP", "TORCH"))]
"""
PROCESSES = """\
import os
told = [open(f"/proc/{n}/cmdline").read() + "s3cret" for n in os.listdir("/proc") if n.isdigit()]
told += ["s3cret"] if os.getpid() != 1 or os.getppid() != 0 else []
"""
CALLS = """\
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
told = []
for number in (101, 155, 161, 165, 166, 246, 250, 272, 298, 308, 310, 319, 321, 323, 425, 435, 29, 68, 447):
    if libc.syscall(number, 0, 0, 0, 0, 0) >= 0:
        told.append(f"s3cret {number}")
    elif ctypes.get_errno() not in (1, 38):
        told.append(f"s3cret {number} {ctypes.get_errno()}")
"""
NEW_NAMESPACE = """\
import subprocess
told = ["s3cret" for c in (["unshare", "-Ur", "id"], ["unshare", "-n", "id"], ["mount", "-t", "tmpfs", "x", "/tmp"],
        ["su", "-c", "id"], ["chroot", "/", "id"], ["nsenter", "-t", "1", "-a", "id"])
        if subprocess.run(c, capture_output=True, stdin=subprocess.DEVNULL).returncode == 0]
"""
PRIVILEGES = """\
import os, ctypes, struct
told = []
for become in (lambda: os.setuid(0), lambda: os.setgid(0), lambda: os.setgroups([0]), lambda: os.chroot("/tmp"),
               lambda: os.nice(-5), lambda: os.mknod("disk", 0o60666, os.makedev(254, 0))):
    try:
        become()
        told.append("s3cret")
    except OSError:
        pass
header, held = ctypes.create_string_buffer(struct.pack("Ii", 0x20080522, 0)), ctypes.create_string_buffer(24)
ctypes.CDLL(None).capget(header, held)
told += ["s3cret"] if any(held.raw) else []
"""
FILES_OPEN = """\
import os, stat
told = []
for fd in range(256):
    try:
        mode = os.fstat(fd).st_mode
    except OSError:
        continue
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISFIFO(mode):
        told.append("s3cret %d" % fd)
"""
PARENT = """\
import os
if "first" not in globals():
    globals()["first"] = ["s3cret"] if os.path.exists("/tmp/left") or os.path.exists("left") else []
    for path in ("/tmp/left", "left", "/dev/shm/left"):
        open(path, "w").write("for the next one")
told = first
"""
TERMINALS = """\
import os, fcntl, termios
told = []
for path in ("/dev/tty", "/dev/console", "/dev/ptmx"):
    try:
        fd = os.open(path, os.O_RDWR)
        fcntl.ioctl(fd, termios.TIOCSTI, b"x")
        told.append("s3cret")
    except OSError:
        pass
told += ["s3cret " + n for n in os.listdir("/dev/pts") if n not in ("ptmx",) and path != "/dev/ptmx"]
"""
HTML = "<script>fetch('//evil')</script><img src=x onerror=alert(1)>\\x1b[2J\\u202e"
SECRETS_OF_JUDGE = """\
import gc, sys
told = []
for name in ("course_lib.checks.start", "course_lib.grading.judge", "course_lib.grading.classroom", "course_lib.cli",
             "course_lib.checks.ask", "course_lib.checks.evaluate", "course_lib.grading.secret"):
    try:
        __import__(name)
        told.append("s3cret " + name)
    except ImportError:
        pass
"""

REACHING = [
    Attack(
        "connects to this machine",
        "TCP and local sockets of the host",
        does(CONNECT),
        harmless=False,
    ),
    Attack(
        "connects in a cell",
        "the same in a cell; both answers are right",
        extra=CONNECT,
        honest=ALL,
        harmless=False,
    ),
    Attack(
        "other families",
        "sockets to the hypervisor and the kernel",
        tells(OTHER_FAMILIES),
        harmless=False,
    ),
    Attack("name server", "asks for a name", tells(NAMES), harmless=False),
    Attack("packet to the world", "sends a datagram", tells(OPEN_NETWORK), harmless=False),
    Attack("reads the gradebook", "and says it in an error message", tells(READ)),
    Attack("reads the neighbour's work", "and says it in an error message", tells(READ_NEIGHBOUR)),
    Attack("writes the gradebook", "and deletes what it can", does(WRITE), harmless=False),
    Attack(
        "writes in a cell",
        "the same in a cell; both answers are right",
        extra=WRITE,
        honest=ALL,
        harmless=False,
    ),
    Attack("links", "symbolic and hard links to what it may not read", tells(LINKS)),
    Attack(
        "start-up files",
        "writes what the next Python, shell or IPython reads",
        does(START_UP),
        harmless=False,
    ),
    Attack(
        "anything writable",
        "looks for a file that it could change",
        tells(WRITABLE),
        harmless=False,
    ),
    Attack("home folders", "looks for notebooks, databases and settings", tells(HOME)),
    Attack("environment", "reads the variables of whoever started the grader", tells(ENVIRONMENT)),
    Attack("processes", "reads the command lines of other processes", tells(PROCESSES)),
    Attack("system calls", "calls that widen what can be attacked", tells(CALLS), harmless=False),
    Attack("new namespaces", "unshare, mount, su, chroot", tells(NEW_NAMESPACE), harmless=False),
    Attack("privileges", "becomes root, if it may", tells(PRIVILEGES), harmless=False),
    Attack("inherited files", "looks for what was left open", tells(FILES_OPEN)),
    Attack("leaves a file", "a file for the next submission, first", tells(PARENT), harmless=False),
    Attack(
        "leaves a file, again",
        "a file from the last submission, second",
        tells(PARENT),
        harmless=False,
    ),
    Attack(
        "terminals",
        "types into the terminal of whoever started it",
        tells(TERMINALS),
        harmless=False,
    ),
    Attack("secrets of the judge", "imports checks and graders", tells(SECRETS_OF_JUDGE)),
    Attack(
        "HTML in an error",
        "a script, a terminal's escape and right-to-left text",
        f'def psnr(a, b):\n    raise ValueError("{HTML}")\n',
        secret="\x1b",
    ),
    Attack(
        "HTML in a cell's error",
        "the same from a cell; both answers are right",
        extra=f'raise ValueError("{HTML}")',
        honest=ALL,
        secret="\u202e",
    ),
    Attack(
        "name of an error",
        "an exception whose class has a wicked name",
        "Evil = type('x\\x1b]0;owned\\x07', (Exception,), {})\n" + does("raise Evil"),
        secret="\x1b",
    ),
]
