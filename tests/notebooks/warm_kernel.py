"""Start Jupyter kernels in a fraction of a second: forks of a process that has imported PyTorch.

    python warm_kernel.py serve SOCKET                    imports, then forks whoever asks
    python warm_kernel.py ask SOCKET -f CONNECTION_FILE   asks; lives as long as the kernel does

Each notebook still has a process of its own that knows nothing of the others. It is spared two and
a half seconds of imports.
"""

import importlib
import json
import os
import signal
import socket
import sys
import threading
import time


def serve(address: str) -> None:
    os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"  # as ipykernel sets it
    for module in ("ipykernel.ipkernel", "ipykernel.kernelapp", "matplotlib.figure", "torch"):
        importlib.import_module(module)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        while True:
            asked, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                become_kernel(asked)
            asked.close()
            bury_the_dead()


def become_kernel(asked: socket.socket) -> None:
    """Take over the asker's streams, folder and environment, and run until it is told to end."""
    size, streams, _, _ = socket.recv_fds(asked, 8, 3)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    text = b""
    while len(text) < int.from_bytes(size):
        text += asked.recv(2**16)
    arguments, folder, environment = json.loads(text)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    asked.sendall(os.getpid().to_bytes(8))
    threading.Thread(target=end_with, args=(asked,), daemon=True).start()
    from ipykernel.kernelapp import launch_new_instance

    sys.path[0] = ""
    launch_new_instance([*arguments, f"--IPKernelApp.parent_handle={os.getppid()}"])
    os._exit(0)


def end_with(asked: socket.socket) -> None:
    asked.recv(1)  # nothing comes: it returns when the asker has gone
    os._exit(1)


def bury_the_dead() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def ask(address: str, *arguments: str) -> None:
    with socket.socket(socket.AF_UNIX) as asked:
        while asked.connect_ex(address):  # the server is still importing
            time.sleep(0.1)
        text = json.dumps([arguments, os.getcwd(), dict(os.environ)]).encode()
        socket.send_fds(asked, [len(text).to_bytes(8)], [0, 1, 2])
        asked.sendall(text)
        kernel = int.from_bytes(asked.recv(8))
        signal.signal(signal.SIGINT, lambda *_: os.kill(kernel, signal.SIGINT))
        asked.recv(1)  # returns when the kernel has gone


if __name__ == "__main__":
    {"serve": serve, "ask": ask}[sys.argv[1]](*sys.argv[2:])
