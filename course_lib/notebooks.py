"""Find the course's notebooks and run them."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nbformat import NotebookNode

WIDGET = "application/vnd.jupyter.widget-view+json"


def units(root: Path) -> list[str]:
    """The units that have an exercise, in the order of the course."""
    return sorted(path.stem for path in root.glob("solutions/*/*.ipynb"))


def run(
    notebook: Path,
    folder: Path,
    *,
    timeout: float = 180.0,
    allow_errors: bool = False,
    done: Callable[[int, int], None] = lambda _cell, _cells: None,
) -> "NotebookNode":
    """Execute a notebook in a kernel of its own and return it with its outputs.

    Args:
        notebook: the file; it is not written to.
        folder: the kernel's working directory.
        timeout: for one cell, in seconds.
        allow_errors: go on behind a cell that raises.
        done: called after each cell with its number and the number of cells.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell raised.
    """
    import nbformat
    from nbclient import NotebookClient

    book = nbformat.read(notebook, as_version=4)
    client = NotebookClient(
        book,
        timeout=timeout,
        allow_errors=allow_errors,
        coalesce_streams=True,  # a kernel may send one print in two pieces
        resources={"metadata": {"path": str(folder)}},
        on_cell_complete=lambda cell, cell_index: done(cell_index + 1, len(book.cells)),
    )
    client.execute()
    return book


def without_run_times(book: "NotebookNode") -> "NotebookNode":
    """Drop what differs from run to run and tells a reader nothing, so that diffs stay small."""
    for cell in book.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":  # a progress bar at its start, which no page can draw
            cell.outputs = [each for each in cell.outputs if WIDGET not in each.get("data", {})]
    book.metadata.pop("widgets", None)
    book.metadata["language_info"] = {"name": "python"}
    return book
