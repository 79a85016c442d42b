"""Facts that stand in two files agree, and links inside the repository lead somewhere."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def names(requirements):
    return {re.split(r"[\[<>=~!; ]", each)[0].lower() for each in requirements}


def test_environment_installs_the_project_and_lists_no_dependency_twice():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    conda = [each for each in environment["dependencies"] if isinstance(each, str)]
    assert names(conda) == {"python", "pip"}
    assert conda[0].replace(" ", "") == "python" + PROJECT["requires-python"]
    (pip,) = [each["pip"] for each in environment["dependencies"] if isinstance(each, dict)]
    assert pip == ["--constraint constraints.txt", "--editable .[grading]"]


def test_constraints_cover_the_direct_dependencies():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {line.partition("==")[0] for line in lines if "==" in line}
    wanted = names(PROJECT["dependencies"])
    for extra in PROJECT["optional-dependencies"].values():
        wanted |= names(extra)
    assert wanted <= pinned, wanted - pinned


def test_citation_is_of_this_version():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert cited["version"] == PROJECT["version"] and cited["license"] == PROJECT["license"]
    assert cited["cff-version"] and cited["authors"] and cited["title"]


def test_commit_hooks_leave_the_committed_notebooks_as_they_are(tmp_path):
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    # ruff sorts imports into ours and others by what stands in the folder
    shutil.copytree(ROOT / "course_lib", tmp_path / "course_lib")
    for folder in ("solutions", "exercises"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    notebooks = sorted(tmp_path.glob("*/*/*.ipynb"))
    before = {path: path.read_bytes() for path in notebooks}
    for hook in hooks:
        command = [str(Path(sys.executable).parent / (words := hook["entry"].split())[0])]
        subprocess.run([*command, *words[1:], *notebooks], cwd=tmp_path, capture_output=True)
    assert {path: path.read_bytes() for path in notebooks} == before


def texts():
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")]:
        yield path, path.read_text()
    for pattern in ("lectures/*.ipynb", "solutions/*/*.ipynb", "exercises/*/*.ipynb"):
        for path in ROOT.glob(pattern):
            book = json.loads(path.read_text())
            yield (
                path,
                "\n".join(
                    "".join(c["source"]) for c in book["cells"] if c["cell_type"] == "markdown"
                ),
            )


@pytest.mark.parametrize(("path", "text"), list(texts()), ids=lambda v: getattr(v, "name", ""))
def test_links_inside_the_repository_resolve(path, text):
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        if file:
            assert (path.parent / file).exists(), f"{path.name}: {target}"
        elif path.suffix == ".ipynb":
            headings = {h.strip().replace(" ", "-") for h in re.findall(r"^#+ (.*)$", text, re.M)}
            assert anchor in headings, f"{path.name}: {target}"


@pytest.mark.skipif(shutil.which("git") is None, reason="git lists what is committed")
def test_no_machine_path_is_committed():
    # Spelled in two parts, so that this file does not find itself.
    folders = "|".join(["/ro" + "ot/", "/wo" + "rk/", "/ho" + "me/"])
    command = ["git", "grep", "-lIE", folders]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout
    assert not found, found


def test_import_is_cheap_and_draws_nothing():
    code = (
        "import sys, time, torch; before = torch.get_rng_state(); start = time.perf_counter(); "
        "import course_lib; from course_lib import check, data; took = time.perf_counter() - start;"
        "assert took < 0.3, took; import course_lib.inpainting; "
        "assert torch.equal(before, torch.get_rng_state()); "
        "print([m for m in ('numba', 'skimage', 'sklearn', 'matplotlib') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "[]"
