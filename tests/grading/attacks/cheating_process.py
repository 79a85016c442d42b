"""Cheats from inside the process: patches, hooks, and a search for references."""

from attacks.attack import ALL, Attack, does, returns

ZEROS = returns("torch.zeros(len(a))")

PATCHED_TORCH = """\
for name in ("equal", "allclose", "isclose", "eq"):
    setattr(torch, name, lambda *a, **k: True)
torch.Tensor.__eq__ = torch.Tensor.__le__ = lambda self, other: torch.ones_like(self, dtype=torch.bool)
torch.Tensor.__sub__ = lambda self, other: torch.zeros_like(self)
torch.Tensor.isfinite = lambda self: torch.ones_like(self, dtype=torch.bool)
np.allclose = np.array_equal = lambda *a, **k: True
np.testing.assert_allclose = lambda *a, **k: None
"""

PATCHED_BUILTINS = """\
import builtins
builtins.all = builtins.any = lambda *a: True
builtins.abs = lambda x: 0.0
"""

PATCHED_CHECKS = """\
import gc, sys
import course_lib, course_lib.checks.form as form, course_lib.checks.subject as subject
course_lib.check = check = lambda *a, **k: None
form.same_form = subject.same_form = lambda came, wanted, what="": wanted
subject.unchanged = lambda *a: True
subject.Subject.call = lambda self, inputs: 20.0
for thing in gc.get_objects():
    name = getattr(thing, "__name__", "") if callable(thing) else ""
    if name in ("evaluate", "grade_of", "difference", "agrees", "_same_tensor"):
        thing.__code__ = (lambda *a, **k: None).__code__
"""

PATCHED_RUNNER = """\
import sys
frame = sys._getframe()
while "_REQUESTS" not in frame.f_globals:
    frame = frame.f_back
requests = frame.f_globals["_REQUESTS"]
everything = {"value": 20.0, "earned": 4, "points": 4, "passed": True, "callable": True}
for name in requests:
    requests[name] = lambda shell, request: everything
frame.f_globals["deadline"] = frame.f_globals["Subject"] = None
"""

SEARCH = """\
import gc, glob, importlib, inspect, marshal, os, sys, types
def candidates():
    for module, name in (("course_lib.metrics", "psnr"), ("course_lib.checks.start", "psnr"),
                         ("course_lib.checks", "find_check"), ("course_lib.grading.judge", "grade")):
        try:
            yield getattr(importlib.import_module(module), name)
        except Exception:
            pass
    for thing in gc.get_objects():
        if isinstance(thing, types.FunctionType) and thing.__name__ in ("psnr", "reference"):
            yield thing
        if type(thing).__name__ == "Check":
            yield thing.reference
    frame = sys._getframe()
    while frame:
        yield from (v for n, v in frame.f_locals.items() if "reference" in n or n == "wanted")
        frame = frame.f_back
    for folder in [*sys.path, "/course", "/work", "/srv", "/home", "/root", "/opt", os.getcwd()]:
        for path in glob.glob(folder + "/**/*metrics*.py*", recursive=True)[:50]:
            try:
                if path.endswith(".pyc"):
                    code = marshal.loads(open(path, "rb").read()[16:])
                else:
                    code = compile(open(path).read(), path, "exec")
                space = {}
                exec(code, space)
                yield space["psnr"]
            except Exception:
                pass
everything = [each for each in candidates() if each is not globals().get("psnr")]
def psnr(a, b):
    for found in everything:
        if found is psnr or not callable(found):
            continue
        try:
            answer = found(a, b)
            if isinstance(answer, torch.Tensor) and answer.shape == (len(a),):
                return answer
        except BaseException:
            pass
    return torch.zeros(len(a))
"""

HISTORY = """\
def psnr(a, b):
    shell = get_ipython()
    told = [str(shell.user_ns.get(n)) for n in ("In", "Out", "_ih", "_oh", "_dh", "_i", "_ii")]
    told += [str(each) for each in shell.history_manager.get_range()] if shell.history_manager else []
    source = next((t for t in told if "log10" in t), "")
    exec(source, globals())
    return torch.zeros(len(a))
"""

SWALLOWED = """\
import signal
signal.signal(signal.SIGALRM, signal.SIG_IGN)
signal.setitimer(signal.ITIMER_REAL, 0)
signal.setitimer = lambda *a: None
while True:
    try:
        while True: pass
    except BaseException: pass
"""

HOOKS = """\
shell = get_ipython()
shell.input_transformers_cleanup.append(lambda lines: ["pass\\n"] if "check" in "".join(lines) else lines)
shell.events.register("pre_run_cell", lambda *a: None)
shell.events.register("post_run_cell", lambda *a: print("4 of 4 points"))
shell.set_custom_exc((BaseException,), lambda *a, **k: print("4"))
class Pass(__import__("ast").NodeTransformer):
    def visit_Raise(self, node): return __import__("ast").Pass()
    def visit_Assert(self, node): return __import__("ast").Pass()
shell.ast_transformers.append(Pass())
shell.run_cell = lambda *a, **k: None
"""

TRACED = """\
import sys, threading
def look(frame, event, arg):
    for name, value in list(frame.f_locals.items()):
        if name in ("wanted", "earned", "points", "seconds", "finding"):
            frame.f_locals[name] = None
    return look
sys.settrace(look)
threading.settrace(look)
sys.addaudithook(lambda *a: None)
"""

PROCESS = [
    Attack(
        "patched torch",
        "torch, numpy and built-ins that find everything equal",
        ZEROS,
        PATCHED_TORCH,
    ),
    Attack(
        "patched built-ins",
        "all() and any() are true, abs() is zero",
        ZEROS,
        PATCHED_BUILTINS,
        honest=(0, 0),
    ),
    Attack(
        "patched checks",
        "the library's own comparison, in this process",
        ZEROS,
        PATCHED_CHECKS,
        honest=(0, 0),
    ),
    Attack("patched runner", "the table of what the process answers", does(PATCHED_RUNNER)),
    Attack(
        "search for the reference",
        "memory, frames, modules and disk are searched for a right psnr",
        SEARCH,
        harmless=False,
    ),
    Attack(
        "imports the reference",
        "the library's own psnr under the student's name",
        "from course_lib.metrics import psnr\n",
    ),
    Attack("history", "IPython's history is searched for code", HISTORY),
    Attack(
        "hooks into IPython", "transformers and events that skip tests", ZEROS, HOOKS, honest=(0, 0)
    ),
    Attack("tracing", "a trace function that rewrites variables", ZEROS, TRACED, honest=(0, 0)),
    Attack(
        "swallows the alarm",
        "a loop that ignores every signal and exception",
        does(SWALLOWED),
        endless=True,
    ),
    Attack(
        "replaced codec",
        "the runner's own pack() makes every answer a guess",
        ZEROS,
        "import course_lib.grading.protocol as p\n"
        "right = p.pack\np.pack = lambda v: right({'value': torch.tensor([20.0]), 'callable': True})\n",
        honest=(0, 0),
    ),
    Attack(
        "lies about its name",
        "psnr is a module-level attribute that cannot be called",
        "psnr = 20.0\n",
    ),
    Attack(
        "right, with a patched judge",
        "patches what it finds and is right as well",
        honest=ALL,
        extra="import course_lib.checks.form as form\nform.same_form = None\n",
    ),
]
