import subprocess
import sys

import course_lib.rendering as rendering
import course_lib.rendering.nerf as nerf
import course_lib.rendering.sfm as sfm
import course_lib.rendering.splats as splats


def test_every_public_name_is_there_and_documented():
    for package in (rendering, splats, nerf, sfm):
        for name in package.__all__:
            assert getattr(package, name).__doc__


def test_the_import_does_not_pull_in_numba():
    packages = "course_lib.rendering.splats, course_lib.rendering.nerf, course_lib.rendering.sfm"
    code = f"import sys, {packages}; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
