import socket
from pathlib import Path

import pytest

from course_lib.data.online import OfflineError, cache_folder, load_or_download

WORDS = {"wanted": "X", "folder": Path("place"), "files": "a and b", "instead": "source='y'"}


def test_cache_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("COURSE_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "course_lib"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "course_lib"


def test_what_is_in_the_cache_is_not_downloaded():
    asked = []
    assert load_or_download(lambda download: asked.append(download) or 3, **WORDS) == 3
    assert asked == [False]


def test_a_download_has_a_time_limit_that_is_taken_back():
    limits = []

    def load(download):
        limits.append(socket.getdefaulttimeout())
        if not download:
            raise RuntimeError("Dataset not found")
        return "data"

    before = socket.getdefaulttimeout()
    assert load_or_download(load, **WORDS) == "data"
    assert limits == [before, 20.0]
    assert socket.getdefaulttimeout() == before


def test_offline_error_says_what_where_and_what_instead():
    def load(download):
        raise OSError("cable cut") if download else RuntimeError("Dataset not found")

    with pytest.raises(OfflineError, match="cable cut") as caught:
        load_or_download(load, **WORDS)
    for part in ("X is not in place", "a and b", "source='y'", "COURSE_DATA"):
        assert part in str(caught.value)
    assert isinstance(caught.value, ConnectionError)


def test_damaged_files_are_told_from_missing_ones():
    def load(download):
        raise EOFError("cut short")

    with pytest.raises(ValueError, match=r"X in place cannot be read .cut short.; delete"):
        load_or_download(load, **WORDS)
