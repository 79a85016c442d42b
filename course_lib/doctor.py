"""What this machine lacks for the notebooks, and how to get it."""

import importlib
import os
import platform
import shutil
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution, requires, version
from pathlib import Path

LEAST_PYTHON = (3, 11)
LEAST_DISK, LEAST_MEMORY = 2 * 2**30, 3 * 2**30


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; ``remedy`` is empty where it is in order."""

    what: str
    found: str
    remedy: str = ""


def examine() -> list[Finding]:
    """Look at Python, the packages, the compiler, a GPU, the disk, memory and Jupyter's kernel."""
    findings = [_python(), *_packages()]
    if not any(each.remedy for each in findings):
        findings += [_compiler(), _gpu(), _kernel()]
    return [*findings, _disk(), *_memory()]


def report(findings: list[Finding]) -> str:
    """A line for each finding, and its remedy below where there is one.

    >>> print(report([Finding("disk", "1.0 GB free", "Make room.")]))
    ✗ disk: 1.0 GB free
        Make room.
    """
    lines = []
    for each in findings:
        lines.append(f"{'✗' if each.remedy else '✓'} {each.what}: {each.found}")
        lines += [f"    {each.remedy}"] if each.remedy else []
    return "\n".join(lines)


def _python() -> Finding:
    found = f"{platform.python_version()}, {platform.system()} {platform.machine()}"
    if sys.version_info >= LEAST_PYTHON:
        return Finding("Python", found)
    least = ".".join(map(str, LEAST_PYTHON))
    how = {
        "Windows": "from python.org, or: winget install Python.Python.3.12",
        "Darwin": "from python.org, or: brew install python@3.12",
    }.get(platform.system(), "on Debian or Ubuntu: sudo apt install python3 python3-venv")
    return Finding("Python", found, f"Python {least} or newer is needed, {how}.")


def _packages() -> list[Finding]:
    """Every package that ``pyproject.toml`` asks of a student, at a version that it admits."""
    try:
        from packaging.requirements import Requirement
    except ImportError:
        return [Finding("packaging", "missing", "pip install packaging")]
    try:
        asked = [Requirement(each) for each in requires("course_lib") or []]
    except PackageNotFoundError:
        return [Finding("course_lib", "not installed", "pip install --editable .")]
    found = []
    for each in asked:
        if each.marker is not None and not each.marker.evaluate({"extra": ""}):
            continue
        try:
            has = version(each.name)
        except PackageNotFoundError:
            found.append(Finding(each.name, "missing", f'pip install "{each}"'))
            continue
        if not each.specifier.contains(has, prereleases=True):
            wanted = f"{has}, wanted {each.specifier}"
            found.append(Finding(each.name, wanted, f'pip install --upgrade "{each}"'))
    return found or [Finding("packages", f"torch {version('torch')}, numba {version('numba')}")]


def _compiler() -> Finding:
    """Whether numba makes machine code here and may keep it."""
    try:
        import numba

        assert numba.njit(lambda x: x + 1)(1) == 2
    except Exception as error:  # whatever a broken LLVM raises
        return Finding("numba", f"cannot compile ({error})", "pip install --force-reinstall numba")
    folder = Path(importlib.import_module("course_lib").__file__).parent
    if os.access(folder, os.W_OK) or os.environ.get("NUMBA_CACHE_DIR"):
        return Finding("numba", "compiles, and keeps what it compiled")
    return Finding("numba", "compiles; keeps what it compiled in your home folder")


def _gpu() -> Finding:
    import torch

    if not torch.cuda.is_available():
        return Finding("GPU", "none is used: everything in the course runs on the processor")
    name = torch.cuda.get_device_name()
    try:
        distribution("cuda-bindings")
    except PackageNotFoundError:
        remedy = "pip install 'course_lib[cuda]' (without it the renderers use the processor)"
        return Finding("GPU", f"{name}; cuda-bindings is missing", remedy)
    return Finding("GPU", name)


def _kernel() -> Finding:
    try:
        return Finding(
            "Jupyter", f"jupyterlab {version('jupyterlab')}, kernel {version('ipykernel')}"
        )
    except PackageNotFoundError as error:
        return Finding("Jupyter", f"{error.name} is missing", f"pip install {error.name}")


def _disk() -> Finding:
    free = shutil.disk_usage(Path.home()).free
    remedy = "" if free > LEAST_DISK else "2 GB are wanted: compiled code, notebooks, pictures."
    return Finding("disk", f"{free / 2**30:.1f} GB free", remedy)


def _memory() -> list[Finding]:
    """The memory of this machine, where the system tells it (not on Windows)."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return []
    remedy = "" if total > LEAST_MEMORY else "3 GB are wanted: close other programs, or use Colab."
    return [Finding("memory", f"{total / 2**30:.1f} GB", remedy)]
