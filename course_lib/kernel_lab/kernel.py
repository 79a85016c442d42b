"""A kernel as text, and how to launch it in the laboratory."""

import inspect
import textwrap
from collections.abc import Callable
from functools import cached_property
from types import FunctionType
from typing import Any

import numpy as np
import torch

from course_lib.kernel_lab.expressions import NotAKernel
from course_lib.kernel_lab.language import Program, translate
from course_lib.kernel_lab.ledger import Size
from course_lib.kernel_lab.machine import MOST_THREADS, Machine
from course_lib.kernel_lab.memory import CODES, Counts
from course_lib.kernel_lab.report import Finding, Report

Sides = int | tuple[int, ...]


class Kernel:
    """A kernel's text, to be launched as often as one likes.

    Args:
        source: constants, helper functions and the kernel, see `source_of`.
        name: the kernel's; by default of the function that is defined last.

    >>> double = Kernel('''
    ... @cuda.jit
    ... def double(x, out):
    ...     i = cuda.grid(1)
    ...     if i < out.size:
    ...         out[i] = 2 * x[i]
    ... ''')
    >>> report = double.launch(2, 4, np.arange(5.0), np.zeros(5))
    >>> report.arrays[1]
    array([0., 2., 4., 6., 8.])
    >>> report.counts[0].reads, report.findings
    (5, ())
    """

    def __init__(self, source: str, name: str | None = None) -> None:
        self.source, self.name = source, name
        self.__name__ = name or "kernel"

    @cached_property
    def program(self) -> Program:
        """The translated text.

        Raises:
            NotAKernel: the text is not of the language; the message names the line.
            NotImplementedError: it still raises that itself.
        """
        return translate(self.source, self.name)

    def launch(
        self,
        grid: Sides,
        block: Sides,
        *arguments: Any,
        count: bool = True,
        log: bool = False,
        order: int | None = None,
    ) -> Report:
        """Run the kernel on copies of the arguments and report.

        Args:
            grid: blocks, in one, two or three directions (x, y, z).
            block: threads of a block, in as many; at most 1024 together.
            arguments: NumPy arrays, tensors and numbers.
            count: keep book of what is read and written and look for races; without it a launch
                takes a third of the time.
            log: keep every access, for pictures.
            order: seed of a random order in which the threads take their turns; by default they do
                in the order of their numbers. A right kernel does not care.

        Raises:
            ValueError: a grid, block or argument that no kernel can be given.
            NotImplementedError: the kernel is not written yet.
        """
        sizes = _size(grid, "grid"), _size(block, "block")
        if int(np.prod(sizes[1])) > MOST_THREADS:
            raise ValueError(f"block: got {block}, wanted at most {MOST_THREADS} threads together")
        given = tuple(_argument(i, each) for i, each in enumerate(arguments))
        arrays = [each for each in given if isinstance(each, np.ndarray)]
        try:
            program = self.program
            if len(program.parameters) != len(given):
                takes = f"it takes {len(program.parameters)} arguments and is given {len(given)}"
                raise NotAKernel(takes)
        except NotAKernel as error:
            finding = Finding("not a kernel", str(error))
            nothing = tuple(Counts() for _ in arrays)
            return Report(tuple(map(np.copy, arrays)), nothing, Counts(), 0, (finding,))
        machine = Machine(program, *sizes, given, count=count, log=log, order=order)
        machine.run()
        return _report(machine, given)

    def __call__(self, *inputs: Any) -> dict[str, Any]:
        """``launch(*inputs)`` as values that cross the sandbox's wall."""
        return self.launch(*inputs).as_values()


def _report(machine: Machine, given: tuple[Any, ...]) -> Report:
    pairs = [
        (m, g) for m, g in zip(machine.arguments, given, strict=True) if isinstance(g, np.ndarray)
    ]
    findings = tuple(Finding(kind, *found) for kind, found in machine.faults.items())
    return Report(
        tuple(memory.to_numpy(array) for memory, array in pairs),
        tuple(memory.counts for memory, _ in pairs),
        machine.shared,
        machine.barriers,
        findings,
        tuple(machine.accesses or ()),
    )


def _size(value: Sides, name: str) -> Size:
    sides = value if isinstance(value, tuple) else (value,)
    if not 1 <= len(sides) <= 3 or any(int(each) != each or each < 1 for each in sides):
        raise ValueError(f"{name}: got {value}, wanted one to three numbers of at least 1")
    x, y, z = (*map(int, sides), 1, 1)[:3]
    return x, y, z


def _argument(position: int, value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().numpy()
    if isinstance(value, np.ndarray) and value.dtype.name in CODES and value.ndim > 0:
        return value
    if isinstance(value, (bool, int, float, np.generic)):
        return getattr(value, "item", lambda: value)()
    raise ValueError(f"argument {position}: got {type(value).__name__}, wanted array or number")


def source_of(kernel: Any) -> str:
    """Return a kernel's text, with the constants and helper functions that it uses.

    Args:
        kernel: what ``@cuda.jit`` made, on a GPU or in numba's simulator, or a plain function.

    Raises:
        TypeError: it is no function, or its text cannot be found.
    """
    if isinstance(kernel, Kernel):
        return kernel.source
    parts: dict[str, str] = {}
    _gather(_function(kernel), parts)
    return "\n\n".join(parts.values())


def _function(value: Any) -> FunctionType | None:
    """The Python function in a kernel, a device function or a plain function."""
    inner: Callable[..., Any] = getattr(value, "py_func", value)
    return inner if isinstance(inner, FunctionType) else None


def _gather(function: FunctionType | None, parts: dict[str, str]) -> None:
    """Put the function's text into ``parts``, behind what it needs."""
    if function is None:
        raise TypeError("it is no function with a text of its own")
    try:
        text = textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError):
        raise TypeError(f"the text of {function.__name__} cannot be found") from None
    parts[function.__name__] = ""  # its place, should it call itself
    known = {**function.__globals__, **inspect.getclosurevars(function).nonlocals}
    for name in sorted(_names(function.__code__)):
        value = known.get(name)
        if name in parts or name == function.__name__:
            continue
        if type(value) in (int, float, bool) or isinstance(value, (np.integer, np.floating)):
            parts[name] = f"{name} = {getattr(value, 'item', lambda v=value: v)()!r}"
        elif _function(value) is not None and _function(value).__name__ == name:
            _gather(_function(value), parts)
    del parts[function.__name__]
    parts[function.__name__] = text


def _names(code: Any) -> set[str]:
    return {*code.co_names, *code.co_freevars}
