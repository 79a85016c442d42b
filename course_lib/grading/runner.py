"""The warm parent inside the sandbox, and the process that runs one submission.

The parent imports what notebooks import, once, and then forks for each submission: memory is
shared and nothing is imported twice. Each child first gives up everything (see `isolation`), then
answers the judge's requests: run a cell, call a function, return a gradient.

Here the student's code is at home. Nothing that this process says is believed.
"""

import contextlib
import gc
import importlib
import os
import signal
import socket
import sys
from typing import Any

from course_lib.checks.deadline import OutOfTime, deadline
from course_lib.checks.form import StudentError
from course_lib.checks.subject import Subject, own_words
from course_lib.grading import isolation
from course_lib.grading.protocol import Channel, ProtocolError


def serve(control: socket.socket, limits: isolation.Limits) -> None:
    """Fork a child for each pair of sockets that comes in, until the judge is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    shell = warm_up()
    gc.freeze()  # what is there now is shared: no collection shall write to it
    control.sendall(b"ready")
    children: set[int] = set()
    while True:
        message, sent, _, _ = socket.recv_fds(control, 16, 2)
        if not message:
            break
        control.sendall(b"!")  # the judge waits for this, so that requests stay apart
        children = {child for child in children if not _ended(child)}
        pid = os.fork()
        if pid == 0:
            control.close()
            channel, leash = (socket.socket(fileno=each) for each in sent)
            isolation.guard(leash, limits, lambda c=channel: answer(Channel(c), shell))
        children.add(pid)
        for each in sent:
            os.close(each)
    for child in children:
        with contextlib.suppress(OSError):
            os.kill(child, signal.SIGTERM)


def _ended(child: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        return os.waitpid(child, os.WNOHANG)[0] != 0
    return True


def warm_up() -> Any:
    """Import what the notebooks import and return the shell that their cells run in."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import numba.core.caching as caching
    import torch
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    import course_lib.data
    import course_lib.show

    torch.set_num_threads(1)
    plt.figure()  # the fonts are looked up once
    plt.close("all")
    # Compiled kernels are read from beside their sources, which nobody can write to in here.
    for name in {"InTreeCacheLocator", "_InTreeCacheLocator"} & set(vars(caching)):
        getattr(caching, name).ensure_cache_path = lambda _self: None
    caching.Cache.save_overload = lambda *_: None
    InteractiveShell.enable_gui = lambda *_: None  # `%matplotlib inline` asks for it
    quiet = Config({"HistoryManager": {"enabled": False}})  # it would write in a thread of its own
    shell = InteractiveShell.instance(config=quiet)
    course_lib.show.use_style()
    return shell


def answer(channel: Channel, shell: Any) -> None:
    """Answer the judge's requests until it hangs up."""
    while True:
        try:
            request = channel.receive()
        except ProtocolError:
            return
        try:
            reply = _REQUESTS[request["do"]](shell, request)
        except StudentError as error:
            reply = {"fault": error.kind, "message": str(error)}
        except (Exception, OutOfTime) as error:  # such as memory that runs out while packing
            reply = {"fault": "raised an error", "message": f"it raised {own_words(error)}"}
        try:
            channel.send(reply)
        except Exception as error:
            channel.send({"fault": "too large", "message": f"its result cannot be sent: {error}"})


def _run(shell: Any, request: dict[str, Any]) -> dict[str, Any]:
    """Run one cell; say what it raised."""
    try:
        with deadline(request["seconds"]):
            result = shell.run_cell(request["source"], store_history=False, silent=True)
    except OutOfTime:
        return {"error": f"it was still running after {request['seconds']:g} seconds"}
    except BaseException as error:  # even sys.exit in a cell's last line ends only that cell
        return {"error": own_words(error)}
    error = result.error_before_exec or result.error_in_exec
    if isinstance(error, OutOfTime):
        return {"error": f"it was still running after {request['seconds']:g} seconds"}
    return {"error": own_words(error) if error is not None else None}


def _open(_shell: Any, request: dict[str, Any]) -> dict[str, Any]:
    """Put functions of the library back that were emptied, wherever they were imported to."""
    for module, name, source in request["functions"]:
        space = vars(importlib.import_module(module))
        before = space[name]
        exec(compile(source, space["__file__"], "exec", dont_inherit=True), space)
        for each in [m for n, m in sys.modules.items() if n.startswith("course_lib")]:
            if vars(each).get(name) is before:
                setattr(each, name, space[name])
    return {}


def _look(shell: Any, request: dict[str, Any]) -> dict[str, Any]:
    """Whether there is a function of that name."""
    return {"callable": callable(shell.user_ns.get(request["name"]))}


def _call(shell: Any, request: dict[str, Any]) -> dict[str, Any]:
    subject = Subject(shell.user_ns.get(request["name"]), request["seconds"])
    return {"value": subject.call(request["inputs"])}


def _vjp(shell: Any, request: dict[str, Any]) -> dict[str, Any]:
    subject = Subject(shell.user_ns.get(request["name"]), request["seconds"])
    return {"value": subject.vjp(request["inputs"], request["wrt"], request["cotangent"])}


def _text(shell: Any, request: dict[str, Any]) -> dict[str, Any]:
    """The text of a kernel. What is sent is what is graded: to lie about it gains nothing."""
    from course_lib.kernel_lab import source_of

    return {"value": source_of(shell.user_ns.get(request["name"]))}


def _launch(_shell: Any, request: dict[str, Any]) -> dict[str, Any]:
    """Launch a kernel's text in the laboratory; asked of a process that ran no student's cell."""
    from course_lib.kernel_lab import Kernel

    return {"value": Subject(Kernel(request["text"]), request["seconds"]).call(request["inputs"])}


_REQUESTS = {
    "open": _open, "run": _run, "look": _look, "call": _call, "vjp": _vjp, "text": _text,
    "launch": _launch,
}  # fmt: skip


def main() -> None:
    """``python -m course_lib.grading.runner SOCKET LIMITS``: started by `sandbox`."""
    control = socket.socket(fileno=int(sys.argv[1]))
    serve(control, isolation.Limits.from_text(sys.argv[2]))


if __name__ == "__main__":
    main()
