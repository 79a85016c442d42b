"""The package's reference: a page for each public part, filled by autodoc from docstrings."""

import importlib
import inspect
import pkgutil
import textwrap
from collections.abc import Iterable

from docstrings import as_restructured_text
from sphinx.ext.napoleon import GoogleDocstring

PARTS = (
    "data",
    "metrics",
    "training",
    "foundations",
    "inpainting",
    "generative",
    "rendering",
    "rendering.soft_rasterizer",
    "rendering.sfm",
    "rendering.nerf",
    "rendering.splats",
    "kernel_lab",
    "show",
)
INDEX = """\
# The package

`course_lib` holds what the lectures derive, as a readable reference and as a fast twin that the
tests hold to it. It can be used on its own.

| Part | What is in it |
|---|---|
| `course_lib.check` | below: ask whether a function does what its exercise wants |
{rows}

```{{eval-rst}}
.. py:function:: check(name, function)

{check}
```

```{{toctree}}
:hidden:

{documents}
```
"""
PACKAGE = """\
# {name}

{about}

| Module | What is in it |
|---|---|
{rows}

```{{toctree}}
:hidden:

{documents}
```
"""
MODULE = """\
# {name}

```{{eval-rst}}
.. automodule:: {name}
   :members:
   :member-order: bysource
```
"""


def api_pages() -> dict[str, str]:
    """Document to its text, for all parts and their table of contents."""
    rows = [_row(f"course_lib.{part}") for part in PARTS]
    index = INDEX.format(rows="\n".join(rows), check=_check(), documents=_entries(PARTS))
    pages = {"api/index.md": index}
    for part in PARTS:
        pages |= part_pages(f"course_lib.{part}")
    return pages


def part_pages(name: str) -> dict[str, str]:
    """One part: what its ``__all__`` names; where it has none, its modules, a page for each."""
    part = importlib.import_module(name)
    if hasattr(part, "__all__") or not hasattr(part, "__path__"):
        return {_document(name): MODULE.format(name=name)}
    modules = [each.name for each in pkgutil.iter_modules(part.__path__, f"{name}.")]
    rows = "\n".join(_row(module) for module in modules)
    documents = _entries(module.removeprefix("course_lib.") for module in modules)
    page = PACKAGE.format(name=name, about=part.__doc__, rows=rows, documents=documents)
    return {_document(name): page} | {
        _document(module): MODULE.format(name=module) for module in modules
    }


def _entries(documents: Iterable[str]) -> str:
    """Lines of a toctree under short names: ``vae <generative.vae>``."""
    return "\n".join(f"{each.rpartition('.')[2]} <{each}>" for each in documents)


def _check() -> str:
    """What `check` does; by hand, so that the grading's source is not among the pages."""
    from course_lib import check

    lines = as_restructured_text((inspect.getdoc(check) or "").splitlines())
    return textwrap.indent(str(GoogleDocstring(lines)), "   ")


def _document(name: str) -> str:
    return f"api/{name.removeprefix('course_lib.')}.md"


def _row(name: str) -> str:
    first_line = (importlib.import_module(name).__doc__ or "").strip().splitlines()[0]
    return f"| [`{name}`](/{_document(name)}) | {first_line} |"
