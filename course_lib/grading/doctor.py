"""What this machine lacks for grading strangers' notebooks, and how to get it."""

import os
import platform
import shutil
import sys
from pathlib import Path

from course_lib.doctor import Finding

LEAST_MEMORY = 4 * 2**30


def examine(*, start: bool = True) -> list[Finding]:
    """Look at this machine.

    Args:
        start: also start a sandbox and run a cell in it, which takes some seconds.
    """
    findings = [_system()]
    if not findings[0].remedy:
        findings += [_bubblewrap(), _namespaces(), _memory(), _interpreter()]
    findings.append(_nbgrader())
    if start and not any(each.remedy for each in findings):
        findings.append(_trial())
    return findings


def refusal() -> str:
    """Why no stranger's notebook may be run here, or ""."""
    wanting = [each for each in examine(start=False) if each.remedy and each.what != "nbgrader"]
    return "; ".join(f"{each.what}: {each.found}. {each.remedy}" for each in wanting)


def _system() -> Finding:
    name = platform.system()
    if name == "Linux":
        return Finding("system", f"Linux {platform.release()}")
    return Finding(
        "system", name, "The sandbox needs Linux: use WSL 2 on Windows, a virtual machine on macOS."
    )


def _bubblewrap() -> Finding:
    path = shutil.which("bwrap")
    if path is None:
        return Finding("bubblewrap", "missing", "sudo apt install bubblewrap")
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        return Finding("setpriv", "missing", "sudo apt install util-linux")
    return Finding("bubblewrap", path)


def _namespaces() -> Finding:
    """Each submission gets a user namespace of its own, whoever starts the sandbox."""
    for name, least in (("user/max_user_namespaces", 1), ("kernel/unprivileged_userns_clone", 1)):
        path = Path("/proc/sys", name)
        if path.is_file() and int(path.read_text()) < least:
            setting = name.replace("/", ".")
            return Finding("user namespaces", f"{setting} is 0", f"sudo sysctl -w {setting}=10000")
    limit = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
    if os.geteuid() != 0 and limit.is_file() and limit.read_text().strip() == "1":
        return Finding(
            "user namespaces", "restricted by AppArmor (Ubuntu 24.04)",
            "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
        )  # fmt: skip
    return Finding("user namespaces", "allowed")


def _memory() -> Finding:
    lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    free = int(lines["MemAvailable"].split()[0]) * 1024
    shown = f"{free / 2**30:.1f} GB free"
    return Finding(
        "memory", shown, "" if free > LEAST_MEMORY else "4 GB are wanted for two workers"
    )


def _interpreter() -> Finding:
    """Inside the sandbox another user must be able to read Python and its packages."""
    path = Path(sys.base_prefix)
    hidden = [each for each in (sys.prefix, sys.base_prefix) if Path(each).is_relative_to("/tmp")]
    if hidden:
        remedy = "The sandbox has a /tmp of its own: keep the course and its .venv elsewhere."
        return Finding("Python", f"lies in {hidden[0]}", remedy)
    if os.access(path, os.R_OK | os.X_OK):
        return Finding("Python", f"{platform.python_version()} in {path}")
    return Finding("Python", f"{path} cannot be read", "Install Python where you can read it.")


def _nbgrader() -> Finding:
    try:
        import nbgrader
    except ImportError:
        return Finding("nbgrader", "missing", "pip install 'course_lib[grading]'")
    return Finding("nbgrader", nbgrader.__version__)


def _trial() -> Finding:
    from course_lib.grading.sandbox import NoSandbox, Sandbox

    try:
        with Sandbox("00_start_here") as sandbox:
            submission = sandbox.start()
            submission.channel.send({"do": "run", "source": "1 + 1", "seconds": 10.0})
            reply = submission.channel.receive(30.0)
            submission.close()
    except (NoSandbox, OSError, TimeoutError) as error:
        return Finding("sandbox", f"does not start: {error}", "See docs/grading.md.")
    well = reply == {"error": None}
    return Finding("sandbox", "runs a cell" if well else f"answered {reply}", "" if well else "?")
