"""Honest answers and cells that look odd: they lose nothing."""

from attacks.attack import ALL, PSNR, Attack

WARNS = """\
import warnings, sys, logging
warnings.warn("deprecated")
print("a line on stderr", file=sys.stderr)
logging.basicConfig(level=logging.DEBUG)
logging.error("an error that is none")
"""

WIDGETS = """\
import ipywidgets
from IPython.display import HTML, Markdown, clear_output, display
display(ipywidgets.IntSlider(), HTML("<b>bold</b>"), Markdown("*text*"))
ipywidgets.interact(lambda x: x, x=(0, 5))
clear_output()
"""

PLOTS = """\
%matplotlib inline
import matplotlib.pyplot as plt
for i in range(25):
    figure, axis = plt.subplots()
    axis.plot(range(i))
plt.show()
plt.imshow(np.zeros((8, 8)))
"""

TQDM = """\
from tqdm.auto import tqdm, trange
from tqdm.notebook import tqdm as bar
for _ in tqdm(range(100)): pass
for _ in trange(3, leave=False): pass
"""

SEEDS = """\
import random
random.seed(0); np.random.seed(0); torch.manual_seed(0)
torch.use_deterministic_algorithms(True)
torch.backends.cudnn.benchmark = False
torch.set_num_threads(4)
"""

COLAB = """\
from google.colab import drive
drive.mount("/content/drive")
"""

SHELL = """\
!pip install torch
!nvidia-smi
files = !ls
%pip install numpy
%cd /
%env HOME
%timeit -n 1 -r 1 sum(range(10))
%load_ext autoreload
%autoreload 2
"""

WORKERS = """\
from torch.utils.data import DataLoader, TensorDataset
for batch in DataLoader(TensorDataset(torch.zeros(8, 2)), batch_size=4, num_workers=2): pass
import subprocess
subprocess.run(["echo", "hello"], check=True)
from concurrent.futures import ThreadPoolExecutor
list(ThreadPoolExecutor(4).map(abs, range(9)))
"""

NUMBA = """\
import numba
@numba.njit
def _mean(x):
    return x.sum() / x.size
_mean(np.ones(4))
"""

VERBOSE = PSNR.replace(
    "    return", "    print('x' * 10**6)\n    import sys; print('y', file=sys.stderr)\n    return"
)

SLOW = PSNR.replace("    return", "    import time; time.sleep(0.4)\n    return")

LOOP = """\
def psnr(a, b):
    values = []
    for one, other in zip(a, b):
        error = torch.nn.functional.mse_loss(one, other)
        values.append(10 * torch.log10(1 / error))
    return torch.stack(values)
"""

CLASSY = """\
class _Meter(torch.nn.Module):
    def forward(self, a, b):
        return -10.0 * torch.log10((a - b).square().flatten(1).mean(1))
psnr = _Meter()
"""

WITH_DEFAULTS = "def psnr(a: 'Tensor', b, /, peak=1.0, *, base=10) -> 'Tensor':\n    return -10 * torch.log10(((a - b) ** 2).mean((1, 2, 3)) / peak**2)\n"

DECORATED = (
    "import functools\ndef plain(f):\n    @functools.wraps(f)\n    def g(*a, **k):\n        return f(*a, **k)\n    return g\n@plain\n"
    + PSNR
)

SEEDED = PSNR.replace("    return", "    torch.manual_seed(0); np.random.seed(0)\n    return")

TIMED = "%%time\n" + PSNR

HELPED = "def psnr(a, b):\n    return to_decibel(squared_error(a, b))\n"

HELPERS = """\
def squared_error(a, b):
    return (a - b).square().mean(dim=(1, 2, 3))
def to_decibel(error):
    return -10 * torch.log10(error)
"""

HONEST = [
    Attack("warnings", "warnings and logs on stderr", extra=WARNS, honest=ALL),
    Attack(
        "a million letters", "an answer that prints a megabyte at every call", VERBOSE, honest=ALL
    ),
    Attack("widgets", "sliders and displays", extra=WIDGETS, honest=ALL),
    Attack("plots", "26 figures, most left open", extra=PLOTS, honest=ALL),
    Attack("progress bars", "tqdm for terminals and notebooks", extra=TQDM, honest=ALL),
    Attack("global seeds", "every global seed is set", extra=SEEDS, honest=ALL),
    Attack("seeds in the answer", "a seed is set at every call", SEEDED, honest=ALL),
    Attack("Colab's drive", "a cell that only works on Colab", extra=COLAB, honest=ALL),
    Attack(
        "shell and magic",
        "shell commands and IPython's magic",
        extra=SHELL,
        honest=ALL,
        harmless=False,
    ),
    Attack("%%time", "an answer's cell that begins with a cell magic", TIMED, honest=ALL),
    Attack(
        "workers", "a data loader with processes, a program, threads", extra=WORKERS, honest=ALL
    ),
    Attack("numba", "a compiled function of the student's own", extra=NUMBA, honest=ALL),
    Attack(
        "await",
        "a cell with top-level await",
        extra="import asyncio\nawait asyncio.sleep(0.01)",
        honest=ALL,
    ),
    Attack(
        "input()", "a cell that asks for input", extra="name = input('who are you? ')", honest=ALL
    ),
    Attack(
        "error in an own cell", "a cell of the student's own that raises", extra="1 / 0", honest=ALL
    ),
    Attack(
        "changes folder",
        "a cell writes files and changes the folder",
        extra="import os\nos.makedirs('out', exist_ok=True)\nos.chdir('out')\nnp.save('x.npy', np.ones(9))",
        honest=ALL,
    ),
    Attack("300 MB", "a cell keeps a large array", extra="kept = np.ones(300 * 2**17)", honest=ALL),
    Attack("slow", "0.4 seconds a call", SLOW, honest=ALL),
    Attack("a loop", "another right way, with a loop over pictures", LOOP, honest=ALL),
    Attack("a module", "an nn.Module instead of a function", CLASSY, honest=ALL),
    Attack(
        "defaults",
        "optional arguments, positional-only ones, annotations",
        WITH_DEFAULTS,
        honest=ALL,
    ),
    Attack("decorated", "a decorated function", DECORATED, honest=ALL),
    Attack(
        "partial",
        "a function made by functools.partial",
        HELPERS + "import functools\n"
        "def _both(f, g, a, b):\n    return f(g(a, b))\npsnr = functools.partial(_both, to_decibel, squared_error)\n",
        honest=ALL,
    ),
    Attack(
        "helpers before", "helper functions in a cell of their own", HELPED, HELPERS, honest=ALL
    ),
    Attack("indented with tabs", "tabs", PSNR.replace("    ", "\t"), honest=ALL),
    Attack(
        "long cell",
        "an answer below 180,000 letters of notes, not all ASCII",
        "# " + "é🐈x " * 45_000 + "\n" + PSNR,
        honest=ALL,
    ),
    Attack(
        "not ASCII",
        "Greek names and emoji in the source",
        PSNR + "α = '🐈 µ'\nprint(α)\n",
        honest=ALL,
    ),
]
