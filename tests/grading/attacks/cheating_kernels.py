"""Answers to unit 19 that try to be graded by something else than what their kernel does.

Each is the source of the cell that defines `saxpy_kernel`; the rest of the notebook is unwritten.
"""

from dataclasses import dataclass

SET_UP = "from course_lib.kernel_lab import cuda\nimport math\n"
HEAD = "@cuda.jit\ndef saxpy_kernel(a, x, y, out):\n    i = cuda.grid(1)\n"
BODY = "    if i < out.size:\n        out[i] = a * x[i] + y[i]\n"
RIGHT = HEAD + BODY
NO_GUARD = HEAD + "    out[i] = a * x[i] + y[i]\n"
ALL, UNGUARDED, NOTHING = 4, 3, 0


@dataclass(frozen=True)
class KernelAttack:
    """One answer: a name, what it tries, the cell, the points of 4 that it deserves."""

    name: str
    tries: str
    cell: str
    honest: int = NOTHING
    endless: bool = False


def does(*lines: str) -> str:
    """The right kernel with lines in front of its last two."""
    return HEAD + "".join(f"    {line}\n" for line in lines) + BODY


FORGED = """
import numpy as np
class Forged:
    def __call__(self, *inputs):
        *_, a, x, y, out = inputs
        zero = dict(reads=0, writes=0, atomics=0, requests=1, sectors=1)
        return {"arrays": [x, y, a * x + y], "counts": [zero] * 3, "shared": zero, "barriers": 0,
                "findings": []}
"""
PATCHED = """
import course_lib.kernel_lab as lab, course_lib.kernel_lab.kernel as inner
from course_lib.grading import runner
def text(*_): return TEXT
lab.source_of = inner.source_of = text
"""
KERNELS = [
    KernelAttack("the right kernel", "nothing", RIGHT, ALL),
    KernelAttack("no bounds guard", "nothing, by mistake", NO_GUARD, UNGUARDED),
    KernelAttack(
        "helpers and constants",
        "a device function and a constant of its own",
        "TWO = 2\n@cuda.jit(device=True)\ndef joined(a, b, c):\n    return a * b + c * TWO / 2\n\n"
        + RIGHT.replace("a * x[i] + y[i]", "joined(a, x[i], y[i])"),
        ALL,
    ),
    KernelAttack(
        "annotated", "types that nobody evaluates", RIGHT.replace("(a,", "(a: print(1),"), ALL
    ),
    KernelAttack(
        "defined twice, right last", "the second definition counts", NO_GUARD + "\n" + RIGHT, ALL
    ),
    KernelAttack(
        "defined twice, wrong last", "the first is right", RIGHT + "\n" + NO_GUARD, UNGUARDED
    ),
    KernelAttack(
        "forged report", "an object that answers with a report", FORGED + "saxpy_kernel = Forged()"
    ),
    KernelAttack(
        "forged in its process",
        "replaces the laboratory where its own cells run",
        FORGED + "import course_lib.kernel_lab as lab, course_lib.kernel_lab.kernel as inner\n"
        "lab.Kernel.__call__ = inner.Kernel.launch = Forged.__call__\n" + NO_GUARD,
        UNGUARDED,
    ),
    KernelAttack(
        "no finding is kept",
        "replaces the ledger's way to tell, in its process",
        "import course_lib.kernel_lab.ledger as ledger\n"
        "ledger.Ledger.tell = lambda *_: None\n" + NO_GUARD,
        UNGUARDED,
    ),
    KernelAttack(
        "a text of the checks",
        "hands over a text that imports the reference",
        PATCHED.replace("TEXT", "'import course_lib.checks.cuda_kernels as c\\n' + c") + RIGHT,
    ),
    KernelAttack(
        "a text that imports",
        "hands over a text that imports the reference",
        PATCHED.replace("TEXT", repr("from course_lib.kernel_lab.reference import *\n" + RIGHT))
        + RIGHT,
    ),
    KernelAttack(
        "a text of another name",
        "hands over a program that ends in another kernel, which then is the one that counts",
        PATCHED.replace("TEXT", repr(RIGHT + "\ndef other(a, x, y, out):\n    out[0] = 1.0\n"))
        + RIGHT,
    ),
    KernelAttack(
        "a text without end",
        "hands over a text of a million characters",
        PATCHED.replace("TEXT", "'x = 1\\n' * 200000") + RIGHT,
    ),
    KernelAttack("no text", "hands over a number", PATCHED.replace("TEXT", "7") + RIGHT),
    KernelAttack(
        "ends its process when it is asked",
        "an object whose text is the end",
        "import os\nclass End:\n    py_func = property(lambda self: os._exit(0))\n"
        "    def __call__(self): pass\nsaxpy_kernel = End()",
    ),
    KernelAttack(
        "the library's own",
        "takes the course's kernel, which is sealed",
        "from course_lib.kernel_lab import reference\nsaxpy_kernel = reference.saxpy_kernel",
    ),
    KernelAttack(
        "compiled from a string",
        "a function without a text that can be found",
        f"space = {{'cuda': cuda}}\nexec({RIGHT!r}, space)\nsaxpy_kernel = space['saxpy_kernel']",
    ),
    KernelAttack("class of a tuple", "().__class__", does("t = ().__class__.__base__")),
    KernelAttack("class of a number", "a.__class__", does("t = a.__class__.__subclasses__()")),
    KernelAttack("insides of an array", "x.values", does("t = x.values")),
    KernelAttack("marks of an array", "x.marks.clear()", does("out.marks.clear()")),
    KernelAttack("module's dict", "math.__dict__", does("t = math.__dict__")),
    KernelAttack("cuda's insides", "cuda.jit.__globals__", does("t = cuda.jit.__globals__")),
    KernelAttack("getattr", "getattr by name", does("t = getattr(a, '__class__')")),
    KernelAttack("import", "an import in the kernel", does("import os")),
    KernelAttack("open", "reads a file", does("t = open('/etc/passwd')")),
    KernelAttack("format", "a format string", does("t = f'{a.__class__}'")),
    KernelAttack("text", "a string", does("t = 'abc'")),
    KernelAttack("list", "a list", does("t = [0] * 10")),
    KernelAttack("comprehension", "a list comprehension", does("t = [c for c in (1, 2)]")),
    KernelAttack("lambda", "a function in the kernel", does("t = lambda: 0")),
    KernelAttack("walrus", "an assignment in an expression", does("if (t := 3) > 2:", "    pass")),
    KernelAttack("inner function", "a function in it", does("def inner():", "    pass")),
    KernelAttack("class", "a class in it", does("class Inner:", "    pass")),
    KernelAttack("global", "a global variable", does("global i")),
    KernelAttack("try", "catches what stops it", does("try:", "    t = 1", "except: pass")),
    KernelAttack("with", "a context manager", does("with cuda:", "    pass")),
    KernelAttack("yield", "a barrier of its own", does("yield 3")),
    KernelAttack("dunder name", "a name of Python's own", does("t = __builtins__")),
    KernelAttack("machine's name", "calls the machine", does("t = machine.tick()")),
    KernelAttack(
        "shadows cuda", "gives cuda another meaning", does("cuda = a", "t = cuda.grid(1)")
    ),
    KernelAttack(
        "decorator",
        "a decorator that keeps a finding from being told",
        "def quiet(f):\n    return f\n" + RIGHT.replace("@cuda.jit", "@quiet\n@cuda.jit"),
    ),
    KernelAttack(
        "default argument", "a default that is evaluated", RIGHT.replace("out)", "out=print(1))")
    ),
    KernelAttack("star argument", "any number of arguments", RIGHT.replace("a, x, y, out", "*x")),
    KernelAttack(
        "calls itself",
        "a helper that calls itself for ever",
        "@cuda.jit(device=True)\ndef again(n):\n    return again(n + 1)\n\n" + does("t = again(0)"),
    ),
    KernelAttack(
        "huge number",
        "a number that doubles its digits",
        does("n = 3", "while True:", "    n *= n"),
    ),
    KernelAttack("huge power", "9 ** 9 ** 9", does("n = 9 ** 9 ** 9")),
    KernelAttack("huge shift", "1 << 10 ** 12", does("n = 1 << 10 ** 12")),
    KernelAttack("tuple times number", "a tuple of 10^10", does("n = (1, 2) * 10 ** 10")),
    KernelAttack("shape times number", "a shape of 10^10", does("n = x.shape * 10 ** 10")),
    KernelAttack(
        "shared memory without end",
        "10^9 numbers of shared memory",
        does("s = cuda.shared.array(1000000000, float32)"),
    ),
    KernelAttack(
        "local memory without end",
        "local memory again and again",
        does(
            "for k in range(10 ** 9):",
            "    s = cuda.local.array(500, float32)",
        ).replace("float32", "np.float32"),
    ),
    KernelAttack("never ends", "while True", does("while True:", "    pass"), endless=True),
    KernelAttack(
        "ends late", "10^12 steps", does("for k in range(10 ** 12):", "    pass"), endless=True
    ),
    KernelAttack(
        "adds for ever", "n = n + n", does("n = 1", "while True:", "    n += n"), endless=True
    ),
    KernelAttack("brackets", "ninety brackets", does("t = " + "(" * 90 + "1" + ")" * 90), ALL),
    KernelAttack("minus minus", "five thousand minuses", does("t = " + "-" * 5000 + "1")),
    KernelAttack(
        "answers without a kernel",
        "a plain function that returns what is wanted",
        "def saxpy_kernel(a, x, y, out):\n    return a * x + y\n",
    ),
    KernelAttack(
        "asks who is asking",
        "looks at the size of the grid, to be right where it is checked by value only",
        HEAD + "    if i < out.size or cuda.gridDim.x == 2:\n        out[i] = a * x[i] + y[i]\n"
        "    if cuda.gridDim.x == 4 and i == 100:\n        out[100] = 0.0\n",
        UNGUARDED,
    ),
]
