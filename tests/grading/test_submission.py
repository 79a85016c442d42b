"""Handing in: every exercise is listed, and one file is packed from the saved notebook."""

import json
import sys
import types
import zipfile

import pytest

from course_lib.grading.submission import hand_in
from course_lib.metrics import psnr
from course_lib.pictures import to_batch


def test_all_exercises_are_listed_and_the_notebook_is_packed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    (tmp_path / "00_start_here.ipynb").write_text("{}")
    packed = hand_in("00_start_here", {"to_batch": to_batch, "psnr": psnr})
    out = capsys.readouterr().out
    assert "Together: 7 of 7 points." in out
    with zipfile.ZipFile(packed) as archive:
        assert archive.namelist() == ["00_start_here.ipynb"]


def test_missing_and_unfinished_answers_are_said_not_raised(tmp_path, monkeypatch, capsys):
    def unfinished(pictures):
        raise NotImplementedError

    monkeypatch.chdir(tmp_path)
    assert hand_in("00_start_here", {"to_batch": unfinished}) is None
    out = capsys.readouterr().out
    assert "psnr: 0 of 4 points. Missing." in out
    assert "still raises NotImplementedError" in out
    assert "Together: 0 of 7 points." in out
    assert "is not in this folder" in out


@pytest.fixture
def colab(tmp_path, monkeypatch):
    """Modules that answer as Colab's do; `answer` is its page's, `sent` what was downloaded."""
    fake = types.SimpleNamespace(answer={"ipynb": {"cells": [], "nbformat": 4}}, sent=[])

    class MessageError(Exception):
        pass

    def blocking_request(kind, timeout_sec):
        assert kind == "get_ipynb" and timeout_sec > 0
        if fake.answer is None:
            raise MessageError("no page")
        return fake.answer

    message = types.ModuleType("google.colab._message")
    message.MessageError, message.blocking_request = MessageError, blocking_request
    files = types.ModuleType("google.colab.files")
    files.download = fake.sent.append
    package = types.ModuleType("google.colab")
    package._message, package.files = message, files
    monkeypatch.setitem(sys.modules, "google", types.ModuleType("google"))
    for module in (package, message, files):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JPY_SESSION_NAME", "/content/Untitled0.ipynb")
    return fake


def test_on_colab_the_notebook_comes_from_the_page_and_goes_to_the_browser(colab, capsys):
    packed = hand_in("00_start_here", {"to_batch": to_batch, "psnr": psnr})
    assert colab.sent == ["00_start_here-submission.zip"] == [str(packed)]
    with zipfile.ZipFile(packed) as archive:
        assert json.loads(archive.read("00_start_here.ipynb")) == colab.answer["ipynb"]
    assert "your browser downloads it" in capsys.readouterr().out


@pytest.mark.parametrize("answer", [None, {}])
def test_what_colab_refuses_is_said_and_nothing_old_is_packed(colab, tmp_path, capsys, answer):
    (tmp_path / "00_start_here.ipynb").write_text("{}")
    colab.answer = answer
    assert hand_in("00_start_here", {}) is None
    said = capsys.readouterr().out
    assert "Colab did not give the notebook" in said and "download it from the File menu" in said
    assert not colab.sent


def test_unknown_unit():
    with pytest.raises(LookupError, match="04_classical_inpainting"):
        hand_in("99_nothing", {})
