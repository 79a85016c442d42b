"""A figure with a slider or a row of buttons that works without a kernel.

Every setting is drawn once, in Python, by a plain function; a few lines of script in the output
swap the pictures. So it moves in JupyterLab, in Colab, on the site and in a saved HTML page, and
where scripts do not run (a code host) the first picture still stands there.
"""

import html
import itertools
import json
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from course_lib.show.figures import OWN_KEYS, data_uris

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_count = itertools.count()


def explore(
    draw: Callable[[Any], "Figure"],
    values: Sequence[Any],
    *,
    label: str,
    alt: Callable[[Any], str] | str,
    control: Literal["slider", "buttons"] = "slider",
    start: int = 0,
) -> None:
    """Display ``draw(value)`` for the value that the reader picks.

    Args:
        draw: a plain function from one value to a matplotlib figure.
        values: the settings, in order; each is drawn once, now.
        label: what the control changes, with its unit.
        alt: alternative text, or a function from a value to it.
        control: a slider for an ordered parameter, buttons for a choice.
        start: index of the value shown first.

    Raises:
        ValueError: no value, or an unknown control.
    """
    from IPython.display import display

    page = explore_html(draw, values, label=label, alt=alt, control=control, start=start)
    text = alt if isinstance(alt, str) else alt(values[start])
    display({"text/html": page, "text/plain": f"{label}: {text}"}, raw=True)


def explore_html(
    draw: Callable[[Any], "Figure"],
    values: Sequence[Any],
    *,
    label: str,
    alt: Callable[[Any], str] | str,
    control: Literal["slider", "buttons"] = "slider",
    start: int = 0,
) -> str:
    """Return what ``explore`` displays, as a piece of HTML that stands alone."""
    if len(values) == 0:
        raise ValueError("values: got none, wanted at least one")
    if control not in ("slider", "buttons"):
        raise ValueError(f"control: got {control!r}, wanted 'slider' or 'buttons'")
    name = f"explore-{os.getpid()}-{next(_count)}"
    drawn = [data_uris(draw(value)) for value in values]
    frames = [small for _, small in drawn]
    alts = [alt if isinstance(alt, str) else alt(value) for value in values]
    widget = _slider if control == "slider" else _buttons
    return (
        f'<div id="{name}">'
        f'<img alt="{html.escape(alts[start])}" src="{drawn[start][0]}" style="max-width:100%">'
        f"{widget(name, label, [str(value) for value in values], start)}"
        f"<script>{_script(name, frames, alts, [str(value) for value in values])}</script></div>"
    )


def _slider(name: str, label: str, values: list[str], start: int) -> str:
    return (
        f'<p><label>{html.escape(label)}: <input type="range" {OWN_KEYS} '
        f'min="0" max="{len(values) - 1}" value="{start}" style="width:20em;vertical-align:middle" '
        f'aria-valuetext="{html.escape(values[start])}"></label> '
        f"<output>{html.escape(values[start])}</output></p>"
    )


def _buttons(name: str, label: str, values: list[str], start: int) -> str:
    choices = "".join(
        f'<label style="margin-right:1em"><input type="radio" {OWN_KEYS} name="{name}" value="{i}"'
        f"{' checked' if i == start else ''}> {html.escape(value)}</label>"
        for i, value in enumerate(values)
    )
    legend = f"<legend>{html.escape(label)}</legend>"
    return f'<fieldset style="border:0;padding:0">{legend}{choices}</fieldset>'


def _script(name: str, frames: list[str], alts: list[str], values: list[str]) -> str:
    data = json.dumps({"frames": frames, "alts": alts, "values": values}).replace("</", "<\\/")
    return (
        f"(() => {{const root = document.getElementById('{name}'), data = {data};"
        "const picture = root.querySelector('img'), output = root.querySelector('output');"
        "root.addEventListener('input', event => {const i = Number(event.target.value);"
        "picture.src = data.frames[i]; picture.alt = data.alts[i];"
        "if (output) {output.textContent = data.values[i];"
        "event.target.setAttribute('aria-valuetext', data.values[i]);}});})();"
    )
