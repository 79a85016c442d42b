"""The plug-in for nbgrader: `nbgrader autograde` with our sandbox in place of its kernel.

`configure` puts `TakeAnswers` in front of nbgrader's own steps and `Judge` in the place of
its `Execute`; all else (saving grades, late penalties, feedback, the formgrader) stays nbgrader's.
"""

import json
from pathlib import Path
from typing import Any

from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Bool

from course_lib.grading import secret
from course_lib.grading.filled import filled, show_points
from course_lib.grading.grades import SubmissionGrade
from course_lib.grading.judge import grade
from course_lib.grading.sandbox import sandbox_for
from course_lib.grading.sealed import built_on
from course_lib.grading.submitted import (
    Clean,
    clean,
    code_to_run,
    load_release,
    read_cells,
)


class TakeAnswers(NbGraderPreprocessor):
    """Replace what was submitted by the release with the student's answers put in."""

    def preprocess(self, nb: Any, resources: dict) -> tuple[Any, dict]:
        from_release = release_path(self.config, resources["nbgrader"]["assignment"])
        cells = read_cells(_source(resources))
        cleaned = clean(cells, load_release(from_release))
        metadata = json.loads(from_release.read_text())["metadata"]
        for remark in cleaned.remarks:
            self.log.warning("%s: %s", resources["nbgrader"]["student"], remark)
        return filled(cleaned, metadata), resources


class Judge(NbGraderPreprocessor):
    """Run the answers in the sandbox and write points and reasons into the test cells."""

    own_work = Bool(
        False, help="Run without a sandbox. Only for notebooks that you wrote yourself."
    ).tag(config=True)

    def preprocess(self, nb: Any, resources: dict) -> tuple[Any, dict]:
        unit = resources["nbgrader"]["assignment"]
        cleaned = clean(
            read_cells(_source(resources)), load_release(release_path(self.config, unit))
        )
        show_points(nb, judged(cleaned, unit, Path.cwd(), isolated=not self.own_work))
        return nb, resources


def judged(cleaned: Clean, unit: str, root: Path, *, isolated: bool = True) -> SubmissionGrade:
    """Grade a clean notebook in this process's sandbox for the unit, which stays open."""
    sandbox, seed = sandbox_for(unit, isolated), secret.seed(root, unit)
    return grade(code_to_run(cleaned), unit, sandbox, seed, built_on(unit, root))


def release_path(config: Any, unit: str) -> Path:
    """Where the released notebook of a unit lies, from the course's folder."""
    folder = config.CourseDirectory.get("release_directory", "release")
    return Path(folder) / unit / f"{unit}.ipynb"


def _source(resources: dict) -> Path:
    found = resources["metadata"]
    return Path(found["path"]) / f"{found['name']}.ipynb"
