"""Read docstrings as what they are: plain text, LaTeX between dollars, Markdown tables.

Sphinx takes them for reStructuredText, in which ``|x|`` is a substitution, a dollar is a dollar and
an equation on lines of its own is a paragraph.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

EQUATION = re.compile(r"^[^.`]{1,40}? (=|<-|~|:=) \S")
SECTION = re.compile(r"^(Args|Returns|Raises|Yields|Attributes|Example|Source)\b.*:")
MARKED = re.compile(r"(``.+?``|`[^`]+`|\$[^$]+\$)", re.S)


def as_restructured_text(lines: Iterable[str]) -> list[str]:
    """The lines of a docstring, changed so that they show as they were meant.

    >>> as_restructured_text(["The size |x| of $x_t$.", "", "    d = |x - y|"])
    ['The size \\\\|x\\\\| of :math:`x_t`.', '', '::', '', '        d = |x - y|', '']
    """
    result: list[str] = []
    described = True  # before the first section, where equations stand
    for paragraph in _paragraphs(lines):
        described = described and not SECTION.match(paragraph[0])
        if paragraph[0].lstrip().startswith("|") and len(paragraph) > 2:
            paragraph = list(_table(paragraph))
        elif described and result and _is_equation(paragraph):
            paragraph = ["::", "", *(f"    {line}" for line in paragraph)]
        elif not paragraph[0].lstrip().startswith(">>>"):
            paragraph = _marked("\n".join(paragraph)).splitlines()
        result += [*paragraph, ""]
    return result


def _paragraphs(lines: Iterable[str]) -> Iterator[list[str]]:
    paragraph: list[str] = []
    for line in [*lines, ""]:
        if line.strip():
            paragraph.append(line)
        elif paragraph:
            yield paragraph
            paragraph = []


def _is_equation(paragraph: list[str]) -> bool:
    """Lines that are set in, or that are nothing but equations."""
    if paragraph[0].lstrip().startswith((">>>", "*", "-", "..", "$")):
        return False
    return paragraph[0].startswith("    ") or all(EQUATION.match(line) for line in paragraph)


def _table(paragraph: list[str]) -> Iterator[str]:
    """A Markdown table as a ``list-table``."""
    yield from (".. list-table::", "   :header-rows: 1", "")
    for line in [paragraph[0], *paragraph[2:]]:
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        yield from (f"   {'* -' if i == 0 else '  -'} {cell}" for i, cell in enumerate(cells))


def _marked(text: str) -> str:
    """LaTeX as mathematics, and bars as bars, outside of what is marked as code."""
    if re.fullmatch(r"\$[^$]+\$", text.strip()):
        return f".. math:: {_latex(text.strip())}"
    parts = MARKED.split(text)
    for i, part in enumerate(parts):
        if i % 2 == 0:
            parts[i] = part.replace("|", r"\|")
        elif part.startswith("$"):
            parts[i] = f":math:`{_latex(part)}`"
    return "".join(parts)


def _latex(part: str) -> str:
    return " ".join(part.strip("$").split())


def _process(_app: Any, _what: str, _name: str, _obj: Any, _options: Any, lines: list[str]) -> None:
    lines[:] = as_restructured_text(lines)


def _skip_fields(
    _app: Any, _what: str, _name: str, obj: Any, skip: bool, _options: Any
) -> bool | None:
    """A NamedTuple's fields stand under Attributes already."""
    return True if (getattr(obj, "__doc__", None) or "").startswith("Alias for field") else None


def setup(app: Any) -> dict[str, bool]:
    """Sphinx calls this; napoleon, at priority 500, comes after."""
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("autodoc-process-docstring", _process, priority=400)
    app.connect("autodoc-skip-member", _skip_fields)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
