"""Shipped weights: complete, small, and as good as when they were saved."""

import importlib
import json
from pathlib import Path

import pytest
import torch
from torch import nn

import course_lib.generative
from course_lib.generative import shipped

FOLDER = Path(course_lib.generative.__file__).parent / "weights"


def test_every_file_has_its_training_and_every_training_its_file():
    assert {path.stem for path in FOLDER.glob("*.pt")} == set(shipped.TRAINED)
    for module, function, _ in shipped.TRAINED.values():
        assert callable(
            getattr(importlib.import_module(f"course_lib.generative.{module}"), function)
        )


def test_all_together_are_small():
    assert sum(path.stat().st_size for path in FOLDER.glob("*.pt")) < 12e6


def test_what_is_saved_comes_back(tmp_path, monkeypatch):
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    monkeypatch.setattr(shipped, "files", lambda _package: tmp_path)
    (tmp_path / "weights").mkdir()
    shipped.save_weights(network, tmp_path / "weights/little.pt")
    again = shipped.load_weights(nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)), "little")
    assert not again.training and not any(p.requires_grad for p in again.parameters())
    x = torch.randn(5, 3)
    torch.testing.assert_close(again(x), network.eval()(x), atol=1e-2, rtol=1e-2)


def test_no_such_weights():
    with pytest.raises(FileNotFoundError):
        shipped.load_weights(nn.Linear(1, 1), "nobody")


def test_training_writes_where_loading_reads(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(shipped, "TRAINED", {"line": ("fake", "train", (3,))})
    module = type("Fake", (), {"train": staticmethod(lambda n: nn.Linear(n, 1))})
    monkeypatch.setattr(shipped.importlib, "import_module", lambda _name: module)
    monkeypatch.setattr(shipped, "__file__", str(tmp_path / "shipped.py"))
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights/seconds.json").write_text('{"circle": 5}')
    shipped.main([])
    record = json.loads((tmp_path / "weights/seconds.json").read_text())
    assert set(record) == {"circle", "line"} and record["circle"] == 5 and record["line"] < 5
    assert (tmp_path / "weights/line.pt").stat().st_size > 0
    assert "line.pt" in capsys.readouterr().out


def test_what_a_training_took_is_known_or_asked_in_vain():
    record = json.loads((FOLDER / "seconds.json").read_text())
    assert set(record) <= set(shipped.TRAINED)
    assert all(shipped.training_seconds(name) == seconds > 60 for name, seconds in record.items())
    with pytest.raises(ValueError, match="name: got 'nobody', measured are"):
        shipped.training_seconds("nobody")
