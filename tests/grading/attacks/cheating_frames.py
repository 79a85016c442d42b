"""Forged frames on the socket to the judge, and what else can be done to it."""

from attacks.attack import Attack, does, returns

ZEROS = returns("torch.zeros(len(a))")

SOCKET = """\
import os, socket, stat, struct, json
def sockets():
    found = []
    for fd in range(3, 256):
        try:
            if stat.S_ISSOCK(os.fstat(fd).st_mode):
                found.append(fd)
        except OSError:
            pass
    return found
def frame(value, body=b""):
    header = value if isinstance(value, bytes) else json.dumps(value).encode()
    return struct.pack(">II", len(header), len(body)) + header + body
def send(data):
    for fd in sockets():
        try:
            os.write(fd, data)
        except OSError:
            pass
RIGHT = ["d", [["value", ["T", "float32", [1], None]]]]
"""


def forges(frames: str, then: str = "torch.zeros(len(a))") -> str:
    """An answer that writes its own frames before the runner does."""
    return SOCKET + does(frames, then)


GUESSES = """\
for _ in range(5):
    send(frame(["d", [["value", ["T", "float32", [1], None]], ["earned", ["i", 4]],
                      ["passed", ["b", True]]]], struct.pack("f", 20.0)))
"""

ANSWER_FIRST = SOCKET + "for _ in range(20):\n    send(frame(RIGHT, struct.pack('f', 20.0)))\n"

IN_A_CHILD = """\
if os.fork() == 0:
    import time
    while True:
        send(frame(RIGHT, struct.pack("f", 20.0)))
        time.sleep(0.01)
"""

DRIP = """\
import time
data = frame(RIGHT, struct.pack("f", 20.0))
for i in range(len(data)):
    send(data[i:i + 1])
    time.sleep(0.5)
time.sleep(100)
"""


def replies(tree: str, body: str = "b''") -> str:
    """An answer whose runner replies with this frame and nothing else."""
    return SOCKET + does(f"send(frame({tree}, {body}))\nos._exit(0)")


FRAMES = [
    Attack("forged points", "frames with points in them before the answer", forges(GUESSES)),
    Attack(
        "answers before questions",
        "twenty frames in a cell, before anything was asked",
        ZEROS,
        ANSWER_FIRST,
        honest=(0, 0),
    ),
    Attack(
        "a child that answers",
        "a child keeps the socket and writes frames for ever",
        forges(IN_A_CHILD),
        endless=True,
        harmless=False,
    ),
    Attack(
        "slow drip",
        "a frame byte by byte, for longer than the time allowed",
        forges(DRIP),
        endless=True,
    ),
    Attack("no frame", "bytes that are no frame", forges("send(b'\\xff' * 1000)")),
    Attack("a frame of 4 GB", "a length that nobody has memory for", forges("send(b'\\xff' * 8)")),
    Attack(
        "a fault of no kind",
        "a list where the kind of a fault should be",
        replies('["d", [["fault", ["l", []]], ["message", ["s", "4 of 4 points"]]]]'),
    ),
    Attack(
        "an unknown fault",
        "a fault that says that all is well",
        replies('["d", [["fault", ["s", "passed"]], ["message", ["s", "4 of 4 points"]]]]'),
    ),
    Attack("no reply", "a reply that is a list", replies('["l", []]')),
    Attack(
        "too large a number",
        "an integer of 4,000 digits in a frame",
        replies('["d", [["value", ["i", 10 ** 4000]]]]'),
    ),
    Attack(
        "overlapping strides",
        "a tensor whose numbers share memory",
        replies('["d", [["value", ["T", "float32", [4, 4], [1, 1]]]]]', "bytes(64)"),
    ),
    Attack(
        "impossible strides",
        "a stride of 2^70",
        replies('["d", [["value", ["T", "float32", [1], [2 ** 70]]]]]', "bytes(4)"),
    ),
    Attack(
        "nothing, but wide",
        "no numbers in a shape of 2^26 to the power of 15",
        replies('["d", [["value", ["T", "float32", [0] + [2 ** 26] * 15, None]]]]'),
    ),
    Attack(
        "negative shape",
        "a shape of less than nothing",
        replies('["d", [["value", ["T", "float32", [-1], None]]]]'),
    ),
    Attack("deep frame", "a header of a hundred thousand brackets", replies('b"[" * 100000')),
    Attack("wide frame", "a header of 300,000 values", replies('b"[" + b"[]," * 300000 + b"[]]"')),
    Attack(
        "odd text in a frame",
        "lone surrogates and control characters in a message",
        replies(
            'b\'["d", [["fault", ["s", "wrong type"]], ["message", ["s", "\\\\\\\\ud800\\\\\\\\u202e\\\\\\\\u001b[2J"]]]]\''
        ),
    ),
    Attack(
        "a broken generator",
        "the state of a random generator, all zeros",
        replies('["d", [["value", ["G", 5056]]]]', "bytes(5056)"),
    ),
    Attack(
        "booleans of 255",
        "bytes that are neither true nor false",
        replies('["d", [["value", ["T", "bool", [1], None]]]]', "b'\\xff'"),
    ),
    Attack(
        "descriptors sent along",
        "the process sends its open files to the judge",
        SOCKET
        + does(
            "for fd in sockets():\n    try: socket.send_fds(socket.socket(fileno=os.dup(fd)), [b'x'], [0])\n"
            "    except OSError: pass"
        ),
    ),
    Attack(
        "closes the socket", "closes everything it has open", SOCKET + does("os.closerange(3, 256)")
    ),
    Attack(
        "a reply from a thread",
        "a thread goes on writing after the call",
        SOCKET
        + "import threading, time\ndef on():\n    while True:\n        send(b'x'); time.sleep(0.05)\n"
        + does("threading.Thread(target=on, daemon=True).start()"),
    ),
]
