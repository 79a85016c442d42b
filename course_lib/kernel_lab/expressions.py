"""The part of Python that a kernel may be written in: names, numbers, memory, calls.

A function's syntax tree is rebuilt, and only from what is listed here: arithmetic, comparisons,
`if`, `while`, `for` over `range`, subscripts, names, `math` and `cuda`. There are no imports, no
attributes but those listed, no text, no lists, no calls of anything else, and a tuple never gets a
name. What touches memory, the barrier or numbers that may grow becomes a call under a name with a
dollar sign, which no program text can spell: `machine` says what it does.
"""

import ast

FUNCTIONS = ("abs", "bool", "float", "int", "len", "max", "min", "round")
TYPES = ("bool_", "float32", "float64", "int16", "int32", "int64", "int8", "uint8")
MATH = (
    "atan2", "ceil", "cos", "exp", "fabs", "floor", "isnan", "log", "pow", "sin", "sqrt", "tanh",
)  # fmt: skip
MATH_NUMBERS = ("inf", "nan", "pi")
PLACES = tuple(f"{a}.{b}" for a in ("threadIdx", "blockIdx", "blockDim", "gridDim") for b in "xyz")
ATOMIC = ("atomic.add", "atomic.max", "atomic.min")
MEMORY = ("shared.array", "local.array")
COUNTING = ("syncthreads_count", "syncthreads_and", "syncthreads_or")
MODULES = ("cuda", "math", "np", "numba", "numpy")
OPERATORS = (
    ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.LShift, ast.RShift,
    ast.BitAnd, ast.BitOr, ast.BitXor,
)  # fmt: skip
COMPARED = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)
CHECKED = {ast.Mult: "$multiply", ast.Pow: "$power", ast.LShift: "$shift"}  # may grow quickly


class NotAKernel(Exception):  # noqa: N818 - what a student reads
    """The text is outside the language; the message names the line."""


def is_free(name: str) -> bool:
    """Whether a program may give something this name."""
    reserved = (*FUNCTIONS, *TYPES, *MODULES, "range")
    return name not in reserved and (name == "_" or not name.startswith("_"))


def dotted(node: ast.AST) -> str:
    """``cuda.threadIdx.x`` of a chain of attributes; "" of anything else.

    >>> dotted(ast.parse("cuda.threadIdx.x", mode="eval").body)
    'cuda.threadIdx.x'
    """
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(names)]) if isinstance(node, ast.Name) else ""


def type_name(name: str) -> str:
    """``float32`` of ``float32``, ``np.float32`` or ``numba.float32``, else ""."""
    module, _, last = name.rpartition(".")
    return last if last in TYPES and module in ("", "np", "numpy", "numba") else ""


class Expressions:
    """Rebuilds the expressions of one function. Raises ``NotAKernel(message, line)``.

    Attributes:
        kernel: whether it is the kernel itself, which may have barriers.
        helpers: the functions that it may call.
        constants: the numbers that have a name outside.
        local: its own variables.
        waits: whether a barrier was met.
        label: the name that is being assigned to.
    """

    def __init__(
        self, kernel: bool, helpers: set[str], constants: dict[str, float], local: set[str]
    ) -> None:
        self.kernel, self.helpers, self.constants, self.local = kernel, helpers, constants, local
        self.waits, self.label, self.sites = False, "an array", 0

    def refuse(self, node: ast.AST, message: str) -> None:
        raise NotAKernel(message, getattr(node, "lineno", 1))

    def call(self, name: str, arguments: list[ast.expr]) -> ast.Call:
        return ast.Call(ast.Name(name, ast.Load()), arguments, [])

    def site(self, node: ast.AST) -> ast.Constant:
        """The line and a number of its own of a place that touches memory."""
        self.sites += 1
        return ast.Constant(node.lineno * 1000 + self.sites % 1000)

    def value(self, node: ast.expr) -> ast.expr:
        method = getattr(self, f"get_{type(node).__name__.lower()}", None)
        if method is None:
            self.refuse(node, f"`{shown(node)}` is not part of a kernel's language")
        return ast.copy_location(method(node), node)

    def name(self, node: ast.Name) -> ast.Name:
        return ast.Name(node.id, ast.Store())

    def get_constant(self, node: ast.Constant) -> ast.expr:
        kind = type(node.value)
        if kind not in (int, float, bool) or (kind is int and node.value >= 2**63):
            self.refuse(node, f"`{shown(node)}` is no number of a kernel")
        return ast.Constant(node.value)

    def get_name(self, node: ast.Name) -> ast.expr:
        if node.id in self.local or node.id in self.constants:
            return ast.Name(node.id, ast.Load())
        return self.refuse(node, f"`{node.id}` is not known in a kernel")

    def get_binop(self, node: ast.BinOp) -> ast.expr:
        return self.operation(node.op, self.value(node.left), self.value(node.right), node)

    def operation(
        self, operator: ast.operator, left: ast.expr, right: ast.expr, node: ast.AST
    ) -> ast.expr:
        if not isinstance(operator, OPERATORS):
            self.refuse(node, f"`{shown(node)}`: no such operator in a kernel")
        if type(operator) in CHECKED:
            return self.call(CHECKED[type(operator)], [left, right])
        return ast.BinOp(left, operator, right)

    def get_unaryop(self, node: ast.UnaryOp) -> ast.expr:
        return ast.UnaryOp(node.op, self.value(node.operand))

    def get_boolop(self, node: ast.BoolOp) -> ast.expr:
        return ast.BoolOp(node.op, [self.value(each) for each in node.values])

    def get_compare(self, node: ast.Compare) -> ast.expr:
        if not all(isinstance(each, COMPARED) for each in node.ops):
            self.refuse(node, f"`{shown(node)}`: compare numbers with <, <=, >, >=, == or !=")
        others = [self.value(each) for each in node.comparators]
        return ast.Compare(self.value(node.left), node.ops, others)

    def get_ifexp(self, node: ast.IfExp) -> ast.expr:
        return ast.IfExp(*(self.value(each) for each in (node.test, node.body, node.orelse)))

    def get_subscript(self, node: ast.Subscript) -> ast.expr:
        if isinstance(node.value, ast.Attribute) and node.value.attr == "shape":
            array = self.value(node.value.value)
            return self.call("$side", [array, self.value(node.slice)])
        array, index = self.element(node)
        return self.call("$load", [array, index, self.site(node)])

    def get_attribute(self, node: ast.Attribute) -> ast.expr:
        name = dotted(node)
        module, _, rest = name.partition(".")
        if module == "cuda" and rest in PLACES:
            return self.call(f"${rest}", [])
        if module == "math" and rest in MATH_NUMBERS:
            return ast.Name(f"${name}", ast.Load())
        if node.attr == "size" and not isinstance(node.value, ast.Attribute):
            return self.call("$size", [self.value(node.value)])
        if node.attr == "shape":
            self.refuse(node, "take one number of a shape, such as a.shape[0], or unpack all")
        return self.refuse(node, f"`{shown(node)}` is not known in a kernel")

    def get_call(self, node: ast.Call) -> ast.expr:
        name = dotted(node.func)
        if name in [f"cuda.{each}" for each in MEMORY]:
            return self.array(node, name)
        if node.keywords or any(isinstance(each, ast.Starred) for each in node.args):
            self.refuse(node, "a call in a kernel has plain arguments only")
        if name in [f"cuda.{each}" for each in COUNTING]:
            if len(node.args) != 1:
                self.refuse(node, f"{name} takes one argument")
            return self.barrier(node, name.rpartition("_")[2], self.value(node.args[0]))
        if name in [f"cuda.{each}" for each in ATOMIC]:
            return self.atomic(node, name)
        if name in ("cuda.grid", "cuda.gridsize"):
            return self.call(f"${name}", [ast.Constant(self.dimensions(node, 1))])
        arguments = [self.value(each) for each in node.args]
        if name in self.helpers:
            return self.call("$one", [self.call(name, arguments)])
        kind = type_name(name)
        if name in FUNCTIONS or kind or (name.startswith("math.") and name[5:] in MATH):
            return self.call(f"${kind or name}", arguments)
        return self.refuse(node, f"`{name or shown(node.func)}(...)` cannot be called in a kernel")

    # What is made of memory, barriers and tuples

    def element(self, node: ast.Subscript) -> tuple[ast.expr, ast.expr]:
        """Array and index; the array is a name, the index one number or a tuple of numbers."""
        if not isinstance(node.value, ast.Name):
            self.refuse(node, f"`{shown(node)}`: only a named array has elements; write a[i, j]")
        index = node.slice
        made = self.several(index) if isinstance(index, ast.Tuple) else self.value(index)
        return self.value(node.value), made

    def several(self, node: ast.Tuple) -> ast.Tuple:
        return ast.Tuple([self.value(each) for each in node.elts], ast.Load())

    def unpacked(self, node: ast.expr, count: int) -> ast.expr:
        """The right side of ``a, b = ...``: the only place where several values stand together."""
        if isinstance(node, ast.Tuple):
            return self.several(node)
        if isinstance(node, ast.Attribute) and node.attr == "shape":
            return self.call("$shape", [self.value(node.value)])
        if isinstance(node, ast.Call):
            name = dotted(node.func)
            if name in ("cuda.grid", "cuda.gridsize"):
                return self.call(f"${name}", [ast.Constant(self.dimensions(node, count))])
            if name in self.helpers:
                return self.call(name, [self.value(each) for each in node.args])
        return self.refuse(node, f"`{shown(node)}` cannot be unpacked")

    def dimensions(self, node: ast.Call, wanted: int) -> int:
        given = node.args[0].value if len(node.args) == 1 and isinstance(
            node.args[0], ast.Constant
        ) else None  # fmt: skip
        if given != wanted:
            self.refuse(node, f"`{shown(node)}` gives {given} numbers, asked for are {wanted}")
        return wanted

    def barrier(self, node: ast.Call, kind: str, value: ast.expr) -> ast.expr:
        if not self.kernel:
            self.refuse(node, "a barrier stands in the kernel itself, not in a helper")
        self.waits = True
        parts = [ast.Constant(node.lineno), ast.Constant(kind), value]
        return ast.Yield(ast.Tuple(parts, ast.Load()))

    def atomic(self, node: ast.Call, name: str) -> ast.expr:
        if len(node.args) != 3:
            self.refuse(node, f"{name} takes an array, an index and a value")
        array, index, value = node.args
        made = self.several(index) if isinstance(index, ast.Tuple) else self.value(index)
        return self.call(f"${name}", [self.value(array), made, self.value(value), self.site(node)])

    def array(self, node: ast.Call, name: str) -> ast.expr:
        """``cuda.shared.array(shape, dtype)``: both must be known before anything runs."""
        given = dict(zip(("shape", "dtype"), node.args, strict=False))
        given |= {str(each.arg): each.value for each in node.keywords}
        if given.keys() != {"shape", "dtype"} or len(node.args) + len(node.keywords) != 2:
            self.refuse(node, f"{name} takes a shape and a dtype")
        shape = given["shape"].elts if isinstance(given["shape"], ast.Tuple) else [given["shape"]]
        sides = [self.known(each) for each in shape]
        kind = type_name(dotted(given["dtype"]))
        if not kind:
            self.refuse(node, f"`{shown(given['dtype'])}` is no type of numbers")
        parts = [
            ast.Constant(tuple(sides)),
            ast.Constant(kind),
            ast.Constant(self.label),
            self.site(node),
        ]
        return self.call(f"${name}", parts)

    def known(self, node: ast.expr) -> int:
        value = node.value if isinstance(node, ast.Constant) else None
        if isinstance(node, ast.Name) and node.id not in self.local:
            value = self.constants.get(node.id)
        if type(value) is not int or not 0 < value <= 2**20:
            self.refuse(
                node,
                "the size of shared or local memory is a number or a constant's name: it is fixed "
                "when the kernel is compiled",
            )
        return value


def shown(node: ast.AST) -> str:
    try:
        text = ast.unparse(node).splitlines()[0]
    except (RecursionError, IndexError, ValueError):
        return "this"
    return text if len(text) <= 60 else text[:59] + "…"
