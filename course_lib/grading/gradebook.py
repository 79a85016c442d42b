"""Writing grades into nbgrader's gradebook and folders, one transaction for each submission."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from course_lib.grading.filled import filled, show_points
from course_lib.grading.grades import SubmissionGrade
from course_lib.grading.submitted import Clean

if TYPE_CHECKING:
    from nbgrader.api import Gradebook


class Writer:
    """Keeps the gradebook open and writes what `nbgrader autograde` would have written.

    Args:
        api: ``NbGraderAPI`` of the course's folder.
        unit: the assignment; released, so that the gradebook knows its cells.
        metadata: of the released notebook.
    """

    def __init__(self, api: Any, unit: str, metadata: dict[str, Any]) -> None:
        from nbgrader.api import Gradebook
        from nbgrader.preprocessors import AssignLatePenalties, SaveAutoGrades

        self.api, self.unit, self.metadata = api, unit, metadata
        self.book = Gradebook(api.coursedir.db_url, api.course_id)
        self.scores, self.penalties = SaveAutoGrades(parent=api), AssignLatePenalties(parent=api)
        self.penalties.init_plugin()
        self.scores.gradebook = self.book
        self.scores.notebook_id = self.scores.assignment_id = unit

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *_: object) -> None:
        self.book.close()

    def write(self, student: str, cleaned: Clean, grade: SubmissionGrade) -> None:
        """Write one submission's notebook and points."""
        book = filled(cleaned, self.metadata)
        show_points(book, grade)
        folder = Path(self.api.coursedir.root)
        submitted = folder / self._path("submitted_directory", student)
        when = self.api.coursedir.get_existing_timestamp(str(submitted))
        self._write_notebook(student, book, submitted)
        with one_transaction(self.book):
            self.book.update_or_create_student(student)
            given = {"timestamp": when} if when else {}
            submission = self.book.update_or_create_submission(self.unit, student, **given)
            self.scores.student_id = student
            for number, cell in enumerate(book.cells):
                self.scores.preprocess_cell(cell, {}, number)
            self._penalise(submission, student)

    def _penalise(self, submission: Any, student: str) -> None:
        """As nbgrader's AssignLatePenalties, in this transaction."""
        notebook = self.book.find_submission_notebook(self.unit, self.unit, student)
        notebook.late_submission_penalty = None
        late = submission.total_seconds_late
        if late > 0:
            penalty = self.penalties.plugin_inst.late_submission_penalty(
                student, notebook.score, late
            )
            if penalty is not None:
                kept = self.penalties._check_late_penalty(notebook, penalty)
                notebook.late_submission_penalty = kept

    def _write_notebook(self, student: str, book: Any, submitted: Path) -> None:
        import nbformat

        folder = Path(self.api.coursedir.root) / self._path("autograded_directory", student)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.unit}.ipynb"
        fresh = path.with_suffix(".new")
        nbformat.write(book, fresh)
        os.chmod(fresh, 0o444)
        os.replace(fresh, path)
        stamp = submitted / "timestamp.txt"
        if stamp.is_file() and not stamp.is_symlink():
            shutil.copyfile(stamp, folder / "timestamp.txt")

    def _path(self, directory: str, student: str) -> str:
        name = getattr(self.api.coursedir, directory)
        return self.api.coursedir.format_path(name, student, self.unit)


@contextmanager
def one_transaction(book: "Gradebook") -> Iterator[None]:
    """nbgrader commits after each small step: here all of them stand or fall together."""
    session = book.db()
    commit = session.commit
    session.commit = session.flush
    try:
        with session.no_autoflush:
            yield
        commit()
    except BaseException:
        session.rollback()
        raise
    finally:
        session.commit = commit


def course_api(root: Path, db: str | None = None) -> Any:
    """Return nbgrader's API for the course's folder, with its configuration.

    Args:
        root: the folder with ``nbgrader_config.py``.
        db: another gradebook, such as ``postgresql://...``.
    """
    from nbgrader.apps import NbGraderAPI
    from traitlets.config import PyFileConfigLoader

    config = PyFileConfigLoader("nbgrader_config.py", path=str(root)).load_config()
    config.CourseDirectory.root = str(root.resolve())
    if db:
        config.CourseDirectory.db_url = db.replace("postgresql://", "postgresql+psycopg://", 1)
    return NbGraderAPI(config=config)
