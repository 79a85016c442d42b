"""The doctor for students: what is in order, and a remedy for what is not."""

import pytest

from course_lib import doctor
from course_lib.cli import main


def told(what):
    (found,) = [each for each in doctor.examine() if each.what == what]
    return found


def test_this_machine_is_in_order_from_any_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    for word in ("Python", "packages", "numba", "GPU", "Jupyter", "disk", "memory", "--grading"):
        assert word in said
    assert "✗" not in said


@pytest.mark.parametrize(
    ("system", "words"),
    [("Windows", "winget"), ("Darwin", "brew install"), ("Linux", "apt install")],
)
def test_an_old_python_is_told_what_to_install_on_each_system(system, words, monkeypatch):
    monkeypatch.setattr(doctor.platform, "system", lambda: system)
    monkeypatch.setattr(doctor.sys, "version_info", (3, 9, 1))
    found = told("Python")
    assert words in found.remedy and "3.11 or newer" in found.remedy


def test_a_missing_and_an_old_package_are_named(monkeypatch, capsys):
    versions = {"tqdm": None, "numba": "0.50"}
    known = doctor.version

    def version(name):
        if name in versions and versions[name] is None:
            raise doctor.PackageNotFoundError(name)
        return versions.get(name) or known(name)

    monkeypatch.setattr(doctor, "version", version)
    assert told("tqdm").found == "missing" and '"tqdm>=' in told("tqdm").remedy
    assert "0.50" in told("numba").found and ">=0.61" in told("numba").found
    assert main(["doctor"]) == 1
    assert "pip install" in capsys.readouterr().out


def test_a_full_disk_and_little_memory_are_told(monkeypatch):
    usage = type("Usage", (), {"free": 2**20})
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _path: usage)
    monkeypatch.setattr(doctor.os, "sysconf", lambda name: 4096 if "SIZE" in name else 2**18)
    assert told("disk").remedy and told("memory").remedy


def test_windows_tells_no_memory_and_that_is_fine(monkeypatch):
    monkeypatch.delattr(doctor.os, "sysconf")
    assert "memory" not in {each.what for each in doctor.examine()}


def test_a_gpu_without_its_bindings_is_told_how_to_get_them(monkeypatch):
    import torch

    def gone(name):
        raise doctor.PackageNotFoundError(name)

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Tesla T4")
    monkeypatch.setattr(doctor, "distribution", gone)
    assert "Tesla T4" in told("GPU").found and "[cuda]" in told("GPU").remedy
