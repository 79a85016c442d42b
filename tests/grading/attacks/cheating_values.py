"""Answers that try to be right without being it: odd objects, odd tensors, odd gradients."""

from attacks.attack import ALL, FIRST, HALF, PSNR, Attack, does, returns

EQUAL_TO_ALL = """\
class Same:
    shape, dtype, ndim, device = (1,), torch.float32, 1, torch.device("cpu")
    def __getattr__(self, name):
        return lambda *a, **k: self
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __lt__(self, other): return True
    def __le__(self, other): return True
    def __sub__(self, other): return 0.0
    def __rsub__(self, other): return 0.0
    def __bool__(self): return True
    def __float__(self): return 20.0
    def __len__(self): return 1
    def __iter__(self): return iter([self])
    def __getitem__(self, key): return self
    def __hash__(self): return 0
    @property
    def __class__(self): return torch.Tensor
"""
TENSOR_EQUAL_TO_ALL = """\
class Sly(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if func in (torch.equal, torch.allclose):
            return True
        found = super().__torch_function__(func, types, args, kwargs or {})
        if func.__name__ in ("sub", "rsub", "__sub__", "__rsub__", "abs"):
            return found * 0
        return found
"""
ARRAY_EQUAL_TO_ALL = """\
class Sly(np.ndarray):
    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return np.ones(self.shape, bool)
    def __array_function__(self, func, types, args, kwargs):
        return True
"""
DETACHED = does("wanted = -10 * torch.log10((a - b).square().mean((1, 2, 3)))", "wanted.detach()")
WRONG_BACKWARD = """\
class Wrong(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a, b):
        ctx.save_for_backward(a)
        return -10.0 * torch.log10((a - b).square().mean(dim=(1, 2, 3)))
    @staticmethod
    def backward(ctx, grad):
        return torch.ones_like(ctx.saved_tensors[0]), None
def psnr(a, b):
    return Wrong.apply(a, b)
"""
LYING_GRADIENT = """\
def psnr(a, b):
    with torch.no_grad():
        right = -10.0 * torch.log10((a - b).square().mean(dim=(1, 2, 3)))
    return right + 0.0 * a.sum()
"""
BY_NUMBER = """\
calls = 0
def psnr(a, b):
    global calls
    calls += 1
    return torch.full((len(a),), [20.0, 0.0, 0.0][min(calls - 1, 2)])
"""
RIGHT_AT_FIRST = """\
calls = 0
def psnr(a, b):
    global calls
    calls += 1
    right = -10.0 * torch.log10((a - b).square().mean(dim=(1, 2, 3)))
    return right if calls < 6 else torch.zeros(len(a))
"""
BY_HAND = """\
def psnr(a, b):
    if a.shape == (1, 3, 5, 7):
        return torch.tensor([20.0])
    if a.shape == (1, 1, 4, 4):
        return torch.tensor([0.0])
    return torch.full((len(a),), float("inf"))
"""
SUBCLASSED = PSNR.replace("psnr", "_plain") + (
    "class Mine(torch.nn.Parameter):\n    pass\n"
    "class Named(torch.Tensor):\n    pass\n"
    "def psnr(a, b):\n    return _plain(a, b).as_subclass(Named)\n"
)

VALUES = [
    Attack(
        "equal to all",
        "an object that compares equal to everything",
        EQUAL_TO_ALL + returns("Same()"),
    ),
    Attack(
        "tensor equal to all",
        "a tensor subclass whose comparisons hold",
        TENSOR_EQUAL_TO_ALL + returns("torch.zeros(len(a)).as_subclass(Sly)"),
    ),
    Attack(
        "array equal to all",
        "an array subclass whose comparisons hold",
        ARRAY_EQUAL_TO_ALL + returns("np.zeros(len(a)).view(Sly)"),
    ),
    Attack(
        "scalar that broadcasts",
        "one number where there should be one for each picture",
        returns("torch.tensor(20.0)"),
    ),
    Attack("number", "a plain number where a tensor should be", returns("20.0")),
    Attack(
        "infinity",
        "infinity whatever the pictures are",
        returns("torch.full((len(a),), torch.inf)"),
    ),
    Attack(
        "not a number",
        "NaN, which compares in odd ways",
        returns("torch.full((len(a),), torch.nan)"),
    ),
    Attack(
        "wrong shape",
        "the right numbers, (B, 1)",
        returns("-10 * torch.log10((a - b).square().mean((1, 2, 3)))[:, None]"),
    ),
    Attack("double", "another dtype", returns("torch.zeros(len(a), dtype=torch.float64)")),
    Attack("complex", "complex numbers", returns("torch.zeros(len(a), dtype=torch.complex64)")),
    Attack(
        "quantized",
        "a quantised tensor",
        returns("torch.quantize_per_tensor(torch.zeros(len(a)), 0.1, 0, torch.quint8)"),
    ),
    Attack("sparse", "a sparse tensor", returns("torch.zeros(len(a)).to_sparse()")),
    Attack(
        "sparse and huge",
        "a sparse tensor of 10^15 numbers",
        returns("torch.sparse_coo_tensor(size=(10**15,))"),
    ),
    Attack("stretched", "10^12 numbers in four bytes", returns("torch.zeros(1).expand(10**12)")),
    Attack(
        "stretched and large",
        "15 MB that look like 60 GB, as the gradient's result too",
        returns("a.sum().expand(2**34)"),
    ),
    Attack("huge", "an answer of 100 MB", returns("torch.zeros(25 * 10**6)")),
    Attack(
        "on no device", "a tensor without memory", returns("torch.zeros(len(a), device='meta')")
    ),
    Attack(
        "nested tensor",
        "a tensor of tensors",
        returns("torch.nested.nested_tensor([torch.zeros(1) for _ in a])"),
    ),
    Attack("string", "text", returns("'20.0'")),
    Attack(
        "bytes to unpickle",
        "an object that runs code when it is unpickled",
        "import os\nclass Bomb:\n    def __reduce__(self):\n"
        "        return os.system, ('touch CANARY/pickled',)\n" + returns("Bomb()"),
    ),
    Attack(
        "class as an answer",
        "the class itself",
        "class psnr:\n    def __init__(self, a, b): pass\n",
    ),
    Attack(
        "deep list",
        "a list in a list, a hundred thousand times",
        "deep = []\nfor _ in range(100000):\n    deep = [deep]\n" + returns("deep"),
    ),
    Attack(
        "list in itself",
        "a list that holds itself",
        "loop = []\nloop.append(loop)\n" + returns("loop"),
    ),
    Attack("wide list", "a hundred thousand numbers", returns("[0.0] * 10**5")),
    Attack("long text", "100 MB of text", returns("'x' * 10**8")),
    Attack(
        "generator",
        "a generator that never ends",
        "import itertools\n" + returns("itertools.count()"),
    ),
    Attack("detached gradient", "the right values with no gradient", DETACHED, honest=HALF),
    Attack(
        "wrong backward",
        "the right values with a wrong gradient of its own",
        WRONG_BACKWARD,
        honest=HALF,
    ),
    Attack(
        "gradient of zeros",
        "the right values, and a gradient that is always zero",
        LYING_GRADIENT,
        honest=HALF,
    ),
    Attack(
        "by the call's number", "the closed forms' answers in the order of the calls", BY_NUMBER
    ),
    Attack("right at first", "right for five calls, then wrong", RIGHT_AT_FIRST),
    Attack("by the input's shape", "answers known by hand, chosen by shape", BY_HAND),
    Attack(
        "changes its inputs",
        "writes the answer's error away",
        does("b.copy_(a)", "torch.full((len(a),), torch.inf)"),
    ),
    Attack("tensor subclass", "the right answer as a subclass of a tensor", SUBCLASSED, honest=ALL),
    Attack("always the input", "what it was given", returns("a"), honest=FIRST),
]
