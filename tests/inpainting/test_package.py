import subprocess
import sys

import course_lib.inpainting as inpainting


def test_every_public_name_is_there_and_documented():
    for name in inpainting.__all__:
        assert getattr(inpainting, name).__doc__


def test_the_import_does_not_pull_in_numba():
    code = "import sys, course_lib.inpainting; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
