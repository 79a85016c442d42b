"""Handing in: every exercise is listed, and one file is packed from the saved notebook."""

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


def test_unknown_unit():
    with pytest.raises(LookupError, match="04_classical_inpainting"):
        hand_in("99_nothing", {})
