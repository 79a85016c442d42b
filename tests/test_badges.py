"""What `make badges` writes is what is committed; on Colab the set-up cell installs, once."""

import importlib.util
import sys
import types
from pathlib import Path

import pytest
from IPython.core.inputtransformer2 import TransformerManager

import course_lib

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def badges():
    spec = importlib.util.spec_from_file_location("badges", ROOT / "scripts" / "badges.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_nothing_is_out_of_date(badges):
    stale = [path.name for path, text in badges.written().items() if path.read_text() != text]
    assert not stale, "run `make badges` and commit the result"


def test_each_notebook_opens_itself_in_colab(badges):
    for page in [*ROOT.glob("lectures/*.ipynb"), *ROOT.glob("exercises/*/*.ipynb")]:
        address = badges.colab(page.relative_to(ROOT).as_posix())
        assert page.read_text().count(f"]({address})") == 1, page.name
        assert f"]({address})" in (ROOT / "README.md").read_text()


def test_the_package_knows_its_version(badges):
    assert f"v{course_lib.__version__}" == badges.TAG


def test_the_repository_stands_once_outside_of_what_is_written(badges):
    repository = badges.REPOSITORY
    pages = [*ROOT.glob("*.toml"), *ROOT.glob("course_lib/**/*.py"), *ROOT.glob("scripts/*.*")]
    assert [page.name for page in pages if repository in page.read_text()] == ["pyproject.toml"]


class Machine:
    """Runs the set-up cell; `installed` is what pip was told, `lets` whether it succeeds."""

    def __init__(self, badges, monkeypatch):
        self.code = TransformerManager().transform_cell(badges.set_up())
        self.installed, self.lets, self.has_it = [], True, False
        found = types.SimpleNamespace(find_spec=lambda _name: object() if self.has_it else None)
        monkeypatch.setitem(sys.modules, "importlib.util", found)

    def pip(self, magic, options):
        assert magic == "pip"
        self.installed.append(options)
        self.has_it = self.lets

    def run(self):
        shell = types.SimpleNamespace(run_line_magic=self.pip)
        exec(self.code, {"get_ipython": lambda: shell})


@pytest.fixture
def machine(badges, monkeypatch):
    return Machine(badges, monkeypatch)


@pytest.fixture
def colab(monkeypatch):
    monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))


def test_set_up_does_nothing_on_ones_own_machine(machine):
    machine.run()
    assert not machine.installed


def test_set_up_installs_on_colab_only_what_is_missing_and_only_once(machine, colab, badges):
    machine.run()
    machine.run()
    (options,) = machine.installed
    assert options.split()[:3] == ["install", "--quiet", "--no-deps"]
    named = [each.strip('"').partition(">")[0] for each in options.split()[3:6]]
    assert named == ["anywidget", "plyfile", "psygnal"]
    assert f'address = "git+{badges.REPOSITORY}@{badges.TAG}"' in badges.set_up()


def test_set_up_says_what_could_not_be_installed(machine, colab, badges):
    machine.lets = False
    with pytest.raises(ImportError, match=f"{badges.TAG} could not be installed"):
        machine.run()
