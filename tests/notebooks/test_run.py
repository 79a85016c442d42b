"""Every notebook is executed: solutions pass, untouched exercises fail kindly, lectures run.

Each one runs alone in an empty folder, on the wheel: the package as a student installs it, out of
sight of the source tree. COURSE_PYTHON names another Python that has the package, to run them on.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import nbformat
import pytest
from filelock import FileLock

from course_lib.grading.release import release
from course_lib.notebooks import run

ROOT = Path(__file__).parents[2]
SOLUTIONS = sorted(ROOT.glob("solutions/*/*.ipynb"))
EXERCISES = sorted(ROOT.glob("exercises/*/*.ipynb"))
LECTURES = sorted(ROOT.glob("lectures/*.ipynb"))
WARM = Path(__file__).with_name("warm_kernel.py")


@pytest.fixture(scope="session")
def python(request, tmp_path_factory):
    """A Python that has the wheel; the first worker of a test run makes it for all."""
    if "COURSE_PYTHON" in os.environ:
        return Path(os.environ["COURSE_PYTHON"])
    own = tmp_path_factory.getbasetemp()
    # Asked of pytest, not of the environment: a test run within a test is nobody's worker.
    folder = (own.parent if hasattr(request.config, "workerinput") else own) / "wheel"
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            install_wheel(folder)
    return folder / "venv" / "bin" / "python"


def install_wheel(folder):
    """Make folder/venv: the wheel in it, all else from where these tests run."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    options = ["--no-deps", "--no-build-isolation", "--wheel-dir", folder]
    subprocess.run([*pip, "wheel", *options, ROOT], check=True)
    here = folder / "venv"
    venv.create(here, with_pip=False)
    options = ["--no-deps", "--no-index", "--no-compile", next(folder.glob("*.whl"))]
    subprocess.run([*pip, "--python", here / "bin" / "python", "install", *options], check=True)
    packages = Path(sysconfig.get_path("purelib", "venv", {"base": here, "platbase": here}))
    # A folder named in a .pth file is searched, but .pth files in it are not read: the editable
    # course_lib stays out.
    (packages / "others.pth").write_text(sysconfig.get_path("purelib"))
    share_compiled_kernels(packages)


def share_compiled_kernels(packages):
    """Save a minute: what numba compiled beside the sources holds for files of the same age."""
    for source in ROOT.glob("course_lib/**/*.py"):
        shutil.copystat(source, packages / source.relative_to(ROOT))
    for compiled in ROOT.glob("course_lib/**/__pycache__/*.nb[ic]"):
        place = packages / compiled.relative_to(ROOT)
        place.parent.mkdir(exist_ok=True)
        shutil.copy(compiled, place)


@pytest.fixture(scope="session", autouse=True)
def kernel(python, tmp_path_factory):
    """The kernel `python3` of all notebooks here is that Python."""
    folder = tmp_path_factory.mktemp("jupyter")
    with pytest.MonkeyPatch.context() as patch, started(python, folder) as command:
        argv = [*map(str, command), "-f", "{connection_file}"]
        spec = {"argv": argv, "display_name": "Python 3", "language": "python"}
        (folder / "kernels" / "python3").mkdir(parents=True)
        (folder / "kernels" / "python3" / "kernel.json").write_text(json.dumps(spec))
        patch.setenv("JUPYTER_PATH", str(folder))
        yield


@contextlib.contextmanager
def started(python, folder):
    """What starts a kernel: a warm one where processes fork well."""
    if sys.platform != "linux":
        yield [python, "-m", "ipykernel_launcher"]
        return
    server = subprocess.Popen([python, WARM, "serve", folder / "socket"])
    try:
        yield [python, "-S", WARM, "ask", folder / "socket"]
    finally:
        server.kill()
        server.wait()


def test_notebooks_see_the_installed_package_and_not_the_source_tree(tmp_path):
    lines = "import course_lib, numba\nprint(course_lib.__file__)"
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(lines)])
    nbformat.write(book, tmp_path / "book.ipynb")
    ((_, told),) = outputs(run(tmp_path / "book.ipynb", tmp_path), "stream")
    assert "site-packages" in told.text and str(ROOT / "course_lib") not in told.text


def test_what_a_kernel_sends_in_pieces_arrives_whole(tmp_path):
    book = nbformat.v4.new_notebook(
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    )
    book.cells = [nbformat.v4.new_code_cell("import time\nprint(1)\ntime.sleep(0.5)\nprint(2)")]
    nbformat.write(book, tmp_path / "book.ipynb")
    ran = run(tmp_path / "book.ipynb", tmp_path)
    assert [o.text for _, o in outputs(ran, "stream")] == ["1\n2\n"]


def complaints(book):
    return [output.text for _, output in outputs(book, "stream") if output.name == "stderr"]


def outputs(book, kind):
    return [
        (cell, output)
        for cell in book.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.output_type == kind
    ]


def graded(book):
    return [cell for cell in book.cells if cell.metadata.get("nbgrader", {}).get("grade")]


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda p: p.stem)
def test_solved_notebook_passes_every_check_and_packs_itself(path, tmp_path):
    shutil.copy(path, tmp_path)
    book = run(path, tmp_path)
    assert not complaints(book)
    assert not outputs(book, "error")  # in a try-out, say, which may raise
    for cell in graded(book):
        assert [o.output_type for o in cell.outputs] == ["stream"], cell.source
        assert cell.outputs[0].text.startswith("✓ ")
    shown = [output.data for _, output in outputs(book, "display_data")]
    assert shown and not [data for data in shown if "image/png" in data], "use show.figure"
    assert (tmp_path / f"{path.stem}-submission.zip").is_file()


@pytest.mark.parametrize("path", EXERCISES, ids=lambda p: p.stem)
def test_untouched_exercise_fails_every_check_and_nothing_else(path, tmp_path):
    book = run(path, tmp_path, allow_errors=True)
    errors = outputs(book, "error")
    assert [cell.id for cell, _ in errors] == [cell.id for cell in graded(book)]
    for _, error in errors:
        assert error.ename == "CheckFailed"
        assert "0 of" in error.evalue
        assert len(error.traceback) == 1, "a traceback into the library"


@pytest.mark.parametrize("path", LECTURES, ids=lambda p: p.stem)
def test_lecture_runs(path, tmp_path):
    book = run(path, tmp_path)
    assert not complaints(book)
    assert outputs(book, "display_data")


def test_generated_exercises_equal_the_committed_ones(tmp_path):
    shutil.copytree(ROOT / "solutions", tmp_path / "solutions")
    shutil.copy(ROOT / "nbgrader_config.py", tmp_path)
    written = release(tmp_path)
    assert [path.stem for path in written] == [path.stem for path in EXERCISES]
    for made, kept in zip(written, EXERCISES, strict=True):
        assert made.read_text() == kept.read_text(), "run `make exercises` and commit the result"
