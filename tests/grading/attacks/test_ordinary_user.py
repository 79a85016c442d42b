"""The sandbox of an ordinary user, who needs no rights: bubblewrap with a user namespace."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from attacks.attack import ROOT
from attacks.everything import EVERYTHING

NAMES = [
    "solved", "workers", "fork bomb", "6 GB", "2 GB of disk", "home folders", "anything writable",
    "system calls", "new namespaces", "processes", "kills everything", "inherited files",
]  # fmt: skip
USER = "1234"


def readable(path: Path, made: set[Path]) -> list[str]:
    """Let everybody reach a folder that lies below one that only root may enter."""
    closed = [each for each in reversed(path.parents) if not each.stat().st_mode & 1]
    if not closed:
        return []
    command = []
    for parent in reversed(path.parents):
        if parent.is_relative_to(closed[0]) and parent not in made:
            command += [
                "--perms",
                "0755",
                "--tmpfs" if parent == closed[0] else "--dir",
                str(parent),
            ]
            made.add(parent)
    return [*command, "--ro-bind", str(path), str(path)]


def as_ordinary_user(command: list[str], home: Path) -> subprocess.CompletedProcess:
    made: set[Path] = set()
    folders = {Path(each).resolve() for each in (sys.base_prefix, sys.prefix, ROOT)}
    opened = [word for each in sorted(folders) for word in readable(each, made)]
    become = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--"]
    return subprocess.run(
        ["bwrap", "--dev-bind", "/", "/", *opened, "--", *become, *command],
        env={"HOME": str(home), "PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")
@pytest.mark.skipif(os.geteuid() != 0, reason="not root: test_attacks.py is this test")
def test_it_holds_for_an_ordinary_user_too(tmp_path):
    program = [sys.executable, str(Path(__file__).with_name("as_user.py")), *NAMES]
    ran = as_ordinary_user(program, tmp_path)
    if "setting up uid map" in ran.stderr or "No permissions to create" in ran.stderr:
        pytest.skip("this machine does not let ordinary users make namespaces")
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout.splitlines()[-1])
    assert said["user"] == int(USER)
    wanted = {each.name: list(each.honest) for each in EVERYTHING if each.name in NAMES}
    assert len(wanted) == len(NAMES)
    assert said["points"] == wanted
