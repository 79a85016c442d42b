"""Answers and cells that try to break the grader: loops, exits, signals, odd errors."""

from attacks.attack import ALL, FIRST, PSNR, UNWRITTEN, Attack, does, returns

ZEROS = returns("torch.zeros(len(a))")

STUBBORN = """\
import signal
while True:
    try:
        while True:
            signal.signal(signal.SIGALRM, signal.SIG_IGN)
    except BaseException:
        pass
"""

IN_C = "import itertools, collections\ncollections.deque(itertools.repeat(0), maxlen=0)"

REGEX = "import re\nre.match(r'(a+)+$', 'a' * 60 + 'b')"

EVIL_ERROR = """\
class Evil(Exception):
    def __str__(self):
        raise SystemExit("no text")
    __repr__ = __str__
raise Evil
"""

SEGFAULT = "import ctypes\nctypes.string_at(0)"

KILL_ALL = """\
import os, signal
for pid in (-1, 0, 2, 3, os.getppid(), 1, os.getpid()):
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError:
        pass
os._exit(1)
"""

LATER = """\
import threading, os, time
def end():
    time.sleep(0.4)
    os._exit(7)
threading.Thread(target=end, daemon=True).start()
"""

PROCESS = [
    Attack("endless loop", "an answer that never returns", does("while True: pass"), endless=True),
    Attack(
        "loop that will not stop",
        "an answer that ignores interrupts and exceptions",
        does(STUBBORN),
        endless=True,
    ),
    Attack("loop in C", "an answer that never comes back to Python", does(IN_C), endless=True),
    Attack(
        "regular expression",
        "a match that takes the age of the universe",
        does(REGEX),
        endless=True,
    ),
    Attack(
        "sleep",
        "an answer that sleeps for a day",
        does("import time\ntime.sleep(86400)"),
        endless=True,
    ),
    Attack(
        "endless cell",
        "a cell of its own never ends; both answers are right",
        extra="while True: pass",
        endless=True,
        honest=ALL,
    ),
    Attack(
        "cell that will not stop",
        "as before, ignoring every signal",
        extra=STUBBORN,
        endless=True,
        honest=ALL,
    ),
    Attack("sys.exit", "an answer that ends Python", does("import sys\nsys.exit(0)")),
    Attack("os._exit", "an answer that ends the process", does("import os\nos._exit(0)")),
    Attack(
        "os._exit in a cell",
        "a cell ends the process; both answers are right",
        extra="import os\nos._exit(0)",
        honest=ALL,
    ),
    Attack(
        "quit in a cell",
        "quit() and exit in a cell; both answers are right",
        extra="quit()\nexit()",
        honest=ALL,
    ),
    Attack(
        "every exercise dies",
        "both answers end the process",
        does("import os\nos.abort()"),
        "def to_batch(pictures):\n    return 1\n",
    ),
    Attack("segmentation fault", "an answer reads address 0", does(SEGFAULT)),
    Attack("abort", "an answer calls abort()", does("import os\nos.abort()")),
    Attack(
        "SIGKILL",
        "an answer kills its process",
        does("import os\nos.kill(os.getpid(), 9)\nos._exit(1)"),
    ),
    Attack(
        "SIGSTOP",
        "an answer stops its process",
        does("import os, time\nos.kill(os.getpid(), 19)\nos.system('kill -STOP $PPID')"),
        honest=FIRST,
    ),
    Attack(
        "kills everything",
        "an answer kills every process that it can name",
        does(KILL_ALL),
        harmless=False,
    ),
    Attack(
        "kills in a cell",
        "the same in a cell; both answers are right",
        extra=KILL_ALL,
        honest=ALL,
        harmless=False,
    ),
    Attack(
        "ends a little later",
        "a thread ends the process during a call",
        does(LATER + "time.sleep(5)"),
    ),
    Attack(
        "KeyboardInterrupt",
        "an answer raises what is no Exception",
        does("raise KeyboardInterrupt"),
    ),
    Attack(
        "own BaseException",
        "an answer raises an exception of its own kind",
        "class Odd(BaseException): pass\n" + does("raise Odd"),
    ),
    Attack(
        "recursion", "an answer calls itself for ever", "def psnr(a, b):\n    return psnr(a, b)\n"
    ),
    Attack(
        "deep recursion",
        "the same without a limit",
        "import sys\nsys.setrecursionlimit(10**9)\ndef psnr(a, b):\n    return psnr(a, b)\n",
    ),
    Attack("error without words", "an exception that cannot be shown", does(EVIL_ERROR)),
    Attack(
        "error of 100 MB",
        "an exception with far too many words",
        does("raise ValueError('x' * 10**8)"),
        harmless=False,
    ),
    Attack("answer is not there", "nothing defines psnr", "x = 1\n"),
    Attack("answer deleted afterwards", "a cell deletes the answer", PSNR + "del psnr\n"),
    Attack("syntax error", "the answer's cell cannot be read", "def psnr(a, b:\n"),
    Attack("null characters", "zeros in the middle of the source", PSNR + "\0\0", honest=ALL),
    Attack("unwritten", "the released cell as it is", UNWRITTEN),
    Attack("zeros", "a wrong answer, to compare", ZEROS),
]
