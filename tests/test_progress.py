"""What passed is kept, and only on this machine; keeping it never costs an answer."""

import json

import pytest

from course_lib import check
from course_lib.cli import main
from course_lib.metrics import psnr
from course_lib.progress import load_progress, progress_text, record, show_progress


@pytest.fixture(autouse=True)
def kept(tmp_path, monkeypatch):
    path = tmp_path / "folder" / "progress.json"
    monkeypatch.setenv("COURSE_PROGRESS", str(path))
    return path


def test_check_keeps_the_best_points(capsys):
    check("start.psnr", psnr)
    assert load_progress() == {"start.psnr": 4}
    with pytest.raises(AssertionError):
        check("start.psnr", lambda a, b: None)
    assert load_progress() == {"start.psnr": 4}


def test_a_failed_check_is_kept_as_begun():
    with pytest.raises(AssertionError):
        check("start.psnr", lambda a, b: (a - b).flatten(1).mean(1))
    assert set(load_progress()) == {"start.psnr"}


def test_a_damaged_file_is_put_aside_and_costs_nothing(kept):
    kept.parent.mkdir()
    for text in ("{", "[1]", '{"start.psnr": "four"}'):
        kept.write_text(text)
        check("start.psnr", psnr)
        assert load_progress() == {"start.psnr": 4}
        assert kept.with_suffix(".damaged").read_text() == text


def test_where_nothing_can_be_written_the_check_still_answers(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "file" / "progress.json"))
    check("start.psnr", psnr)
    assert "✓ psnr" in capsys.readouterr().out
    assert load_progress() == {}


def test_the_command_works_in_any_folder(kept, tmp_path, monkeypatch, capsys):
    record("start.psnr", 4)
    monkeypatch.chdir(tmp_path)
    assert main(["progress"]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert "1 of 2 exercises" in first and "4 of  7 points" in first and "###########." in first


def test_the_panel_opens_to_the_exercises(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append(data))
    record("start.psnr", 4)
    show_progress()
    page = shown[0]["text/html"]
    assert page.count("<details>") == page.count("<meter ") == len(progress_text().splitlines())
    assert "✓ <code>psnr</code>: 4 of 4 points" in page
    assert "○ <code>to_batch</code>: 0 of 3 points" in page
    assert "Nothing leaves this machine" in page
    assert shown[0]["text/plain"] == progress_text()


def test_points_of_a_check_that_is_gone_or_shrank_do_no_harm(kept):
    kept.parent.mkdir()
    kept.write_text(json.dumps({"start.psnr": 400, "gone.away": 3}))
    assert "4 of  7 points" in progress_text().splitlines()[0]
