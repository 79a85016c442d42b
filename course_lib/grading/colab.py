"""On Google Colab the notebook lies in the reader's Drive, not on the disk beside its kernel."""

import json
import sys
from pathlib import Path


def on_colab() -> bool:
    """Whether this kernel is one of Colab's."""
    return "google.colab" in sys.modules


def fetch_notebook(path: Path) -> None:
    """Write the notebook, as it stands in the reader's browser, to ``path``; if refused, say so."""
    from google.colab import _message

    path.unlink(missing_ok=True)  # an earlier one is not what is to be handed in
    try:
        answer = _message.blocking_request("get_ipynb", timeout_sec=60)
        path.write_text(json.dumps(answer["ipynb"]))
    except (_message.MessageError, KeyError, TypeError) as error:
        print(f"Colab did not give the notebook ({error or type(error).__name__}).")


def download(path: Path) -> None:
    """Send a file to the reader's browser."""
    from google.colab import files

    files.download(str(path))
