import subprocess
import sys

import course_lib.data as data


def test_every_public_name_is_there_and_documented():
    for name in data.__all__:
        assert getattr(data, name).__doc__


def test_importing_is_cheap():
    heavy = "{'skimage', 'sklearn', 'PIL', 'torchvision', 'matplotlib'}"
    code = f"import torch, sys, course_lib.data; print({heavy} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "set()", result.stderr
