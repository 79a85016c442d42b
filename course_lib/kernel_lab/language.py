"""From a kernel's text to a program that the `machine` runs, or a message that names the line."""

import ast
import textwrap
from dataclasses import dataclass
from types import CodeType

from course_lib.kernel_lab.expressions import NotAKernel, is_free
from course_lib.kernel_lab.syntax import Function

FILE = "<kernel>"
LONGEST = 20_000  # characters
DEEPEST = 60  # levels of the syntax tree


@dataclass(frozen=True)
class Program:
    """A translated kernel.

    Attributes:
        code: defines the functions when it is run with the machine's names.
        name: of the kernel.
        parameters: the names of its arguments.
        waits: whether it has a barrier.
        lines: the lines of the text, for messages.
        starts: each function's name, first and last line.
    """

    code: CodeType
    name: str
    parameters: tuple[str, ...]
    waits: bool
    lines: tuple[str, ...]
    starts: tuple[tuple[str, int, int], ...]

    def where(self, line: int) -> str:
        """A line as a reader finds it: counted within its function, and quoted."""
        first = next((start for _, start, end in self.starts if start <= line <= end), 1)
        text = self.lines[line - 1].strip() if 0 < line <= len(self.lines) else ""
        return f"line {line - first + 1}, `{text[:80]}`"


def translate(source: str, name: str | None = None) -> Program:
    """Return the program of the kernel called ``name``.

    Args:
        source: constants (``TILE = 16``), helper functions and the kernel, as Python text.
        name: the kernel's; by default of the function that is defined last.

    Raises:
        NotAKernel: the text is outside the language.
        NotImplementedError: the kernel is not written yet.
    """
    functions, constants = _definitions(_parsed(source))
    name = name or next(reversed(functions), "")
    if name not in functions:
        raise NotAKernel(f"there is no function {name} in it".replace("  ", " "))
    starts = tuple((n, _first_line(f), f.end_lineno or 0) for n, f in functions.items())
    lines, helpers = tuple(textwrap.dedent(source).splitlines()), set(functions) - {name}
    try:
        made = {n: Function(f, n == name, helpers, constants) for n, f in functions.items()}
    except NotAKernel as error:
        outline = Program(compile("", FILE, "exec"), name, (), False, lines, starts)
        raise NotAKernel(f"{error.args[0]} ({outline.where(error.args[1])})") from None
    body: list[ast.stmt] = [
        ast.Assign([ast.Name(n, ast.Store())], ast.Constant(v)) for n, v in constants.items()
    ]
    module = ast.Module([*body, *(each.result for each in made.values())], [])
    code = compile(ast.fix_missing_locations(module), FILE, "exec", dont_inherit=True)
    mine = made[name]
    return Program(code, name, tuple(mine.parameters), mine.waits, lines, starts)


def _definitions(tree: ast.Module) -> tuple[dict[str, ast.FunctionDef], dict[str, float]]:
    """The functions and constants of a text, each defined once."""
    functions: dict[str, ast.FunctionDef] = {}
    constants: dict[str, float] = {}
    for node in tree.body:
        name = node.name if isinstance(node, ast.FunctionDef) else _constant_name(node)
        if name in functions or name in constants:
            raise NotAKernel(f"`{name}` is defined twice")
        if not is_free(name):
            raise NotAKernel(f"`{name}` cannot be defined here")
        if isinstance(node, ast.FunctionDef):
            functions[name] = node
        else:
            constants[name] = ast.literal_eval(node.value)
    return functions, constants


def _constant_name(node: ast.stmt) -> str:
    """NAME of a line ``NAME = number``."""
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        target, value = node.targets[0], node.value
        value = value.operand if isinstance(value, ast.UnaryOp) else value
        known = isinstance(value, ast.Constant) and type(value.value) in (int, float, bool)
        minus = value is node.value or isinstance(node.value.op, ast.USub)
        if isinstance(target, ast.Name) and known and minus:
            return target.id
    raise NotAKernel("outside of functions there may only be constants, NAME = number")


def _parsed(source: str) -> ast.Module:
    if len(source) > LONGEST:
        raise NotAKernel(f"its text has {len(source)} characters; at most {LONGEST} are read")
    try:
        tree = ast.parse(textwrap.dedent(source))
    except SyntaxError as error:
        raise NotAKernel(f"it is no Python: {error.msg}, line {error.lineno}") from None
    except (ValueError, RecursionError, MemoryError):
        raise NotAKernel("its text cannot be read as Python") from None
    depth, level = 0, [tree]
    while level:
        depth, level = depth + 1, [c for node in level for c in ast.iter_child_nodes(node)]
    if depth > DEEPEST:
        raise NotAKernel("it is nested too deeply")
    return tree


def _first_line(function: ast.FunctionDef) -> int:
    return min([function.lineno, *(each.lineno for each in function.decorator_list)])
