"""The part of Python that a kernel may be written in: functions and statements.

A function's syntax tree is rebuilt node by node, from what has a method here or in `expressions`,
and from nothing else. A barrier becomes a `yield`, so that a thread can wait.
"""

import ast

from course_lib.kernel_lab.expressions import Expressions, dotted, is_free, shown


class Function(Expressions):
    """One function, rebuilt: ``result``. Raises ``NotAKernel(message, line)``."""

    def __init__(
        self, node: ast.FunctionDef, kernel: bool, helpers: set[str], constants: dict[str, float]
    ) -> None:
        self.parameters = [each.arg for each in node.args.args]
        local = set(self.parameters) | {
            each.id
            for each in ast.walk(node)
            if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
        }
        super().__init__(kernel, helpers, constants, local)
        self.look_at_head(node)
        given = [ast.arg(each) for each in self.parameters]
        body = [ast.Expr(self.call("$tick", [])), *self.block(node.body)]
        arguments = ast.arguments([], given, None, [], [], None, [])
        self.result = ast.FunctionDef(node.name, arguments, body, [], None)
        ast.copy_location(self.result, node)

    def look_at_head(self, node: ast.FunctionDef) -> None:
        """Refuse decorators, kinds of arguments and names that a kernel cannot have."""
        for each in node.decorator_list:
            if dotted(each.func if isinstance(each, ast.Call) else each) != "cuda.jit":
                self.refuse(each, "the only decorator of a kernel is @cuda.jit")
        plain = node.args
        if plain.posonlyargs or plain.kwonlyargs or plain.vararg or plain.kwarg or plain.defaults:
            self.refuse(node, "a kernel's arguments are plain: no defaults, no *args")
        for each in sorted(self.local):
            if not is_free(each) or each in self.helpers or len(each) > 60:
                self.refuse(node, f"`{each}` cannot be the name of a variable here")

    def block(self, statements: list[ast.stmt]) -> list[ast.stmt]:
        made = []
        for each in statements:
            method = getattr(self, f"do_{type(each).__name__.lower()}", None)
            if method is None:
                self.refuse(each, f"`{shown(each)}` is not part of a kernel's language")
            made += [ast.copy_location(new, each) for new in method(each)]
        return made or [ast.Pass()]

    def do_pass(self, node: ast.Pass) -> list[ast.stmt]:
        return [ast.Pass()]

    def do_break(self, node: ast.Break) -> list[ast.stmt]:
        return [ast.Break()]

    def do_continue(self, node: ast.Continue) -> list[ast.stmt]:
        return [ast.Continue()]

    def do_raise(self, node: ast.Raise) -> list[ast.stmt]:
        raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        if raised is not None and dotted(raised) == "NotImplementedError":
            raise NotImplementedError
        return self.refuse(node, "a kernel raises nothing")

    def do_return(self, node: ast.Return) -> list[ast.stmt]:
        if node.value is None:
            return [ast.Return(None)]
        if self.kernel:
            self.refuse(node, "a kernel returns nothing: it writes its results into arrays")
        if isinstance(node.value, ast.Tuple):
            return [ast.Return(self.several(node.value))]
        return [ast.Return(self.value(node.value))]

    def do_expr(self, node: ast.Expr) -> list[ast.stmt]:
        value = node.value
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            return [ast.Pass()]  # a docstring
        if isinstance(value, ast.Call) and dotted(value.func) == "cuda.syncthreads":
            if value.args or value.keywords:
                self.refuse(node, "cuda.syncthreads() takes no arguments")
            return [ast.Expr(self.barrier(value, "", ast.Constant(0)))]
        if isinstance(value, ast.Call):
            return [ast.Expr(self.value(value))]
        return self.refuse(node, f"`{shown(node)}` does nothing")

    def do_assign(self, node: ast.Assign) -> list[ast.stmt]:
        if len(node.targets) != 1:
            self.refuse(node, "assign to one name at a time")
        target = node.targets[0]
        if isinstance(target, ast.Name):
            self.label = target.id
            return [ast.Assign([self.name(target)], self.value(node.value))]
        if isinstance(target, ast.Subscript):
            array, index = self.element(target)
            parts = [array, index, self.value(node.value), self.site(node)]
            return [ast.Expr(self.call("$store", parts))]
        if isinstance(target, ast.Tuple) and all(isinstance(e, ast.Name) for e in target.elts):
            names = ast.Tuple([self.name(each) for each in target.elts], ast.Store())
            return [ast.Assign([names], self.unpacked(node.value, len(names.elts)))]
        return self.refuse(node, f"`{shown(target)}` cannot be assigned to")

    def do_augassign(self, node: ast.AugAssign) -> list[ast.stmt]:
        if isinstance(node.target, ast.Name):
            if node.target.id not in self.local:
                self.refuse(node, f"`{node.target.id}` has no value yet")
            old = ast.Name(node.target.id, ast.Load())
            new = self.operation(node.op, old, self.value(node.value), node)
            return [ast.Assign([self.name(node.target)], new)]
        if not isinstance(node.target, ast.Subscript):
            self.refuse(node, f"`{shown(node.target)}` cannot be assigned to")
        array, index = self.element(node.target)
        kept = ast.Name("$index", ast.Store())
        again = ast.Name("$index", ast.Load())
        old = self.call("$load", [array, again, self.site(node)])
        new = self.operation(node.op, old, self.value(node.value), node)
        store = self.call("$store", [array, again, new, self.site(node)])
        return [ast.Assign([kept], index), ast.Expr(store)]

    def do_if(self, node: ast.If) -> list[ast.stmt]:
        other = self.block(node.orelse) if node.orelse else []
        return [ast.If(self.value(node.test), self.block(node.body), other)]

    def do_while(self, node: ast.While) -> list[ast.stmt]:
        if node.orelse:
            self.refuse(node, "a loop has no `else` here")
        body = [ast.Expr(self.call("$tick", [])), *self.block(node.body)]
        return [ast.While(self.value(node.test), body, [])]

    def do_for(self, node: ast.For) -> list[ast.stmt]:
        over = node.iter
        ranged = isinstance(over, ast.Call) and isinstance(over.func, ast.Name)
        if not ranged or over.func.id != "range" or over.keywords or not 1 <= len(over.args) <= 3:
            self.refuse(node, "a `for` of a kernel goes over range(...)")
        if node.orelse or not isinstance(node.target, ast.Name):
            self.refuse(node, "a `for` has one variable and no `else` here")
        body = [ast.Expr(self.call("$tick", [])), *self.block(node.body)]
        numbers = self.call("$range", [self.value(each) for each in over.args])
        return [ast.For(self.name(node.target), numbers, body, [])]
