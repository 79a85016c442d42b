"""A plane of pictures that the reader walks with the pointer or the arrow keys.

All pictures are in the page as one mosaic; a few lines of script enlarge the one under the pointer.
Where scripts do not run (a code host) the mosaic still stands there.
"""

import html
import itertools
import json
import os

import torch

from course_lib.show.comparison import data_uri
from course_lib.show.figures import OWN_KEYS

_count = itertools.count()
MARK = "position:absolute;box-sizing:border-box;border:2px solid #fff;outline:1px solid #000"


def plane(
    pictures: torch.Tensor,
    across: list[float],
    down: list[float],
    *,
    names: tuple[str, str],
    alt: str,
    width: int = 420,
) -> None:
    """Display pictures on a plane; the one under the pointer is shown enlarged beside it.

    The plane takes the arrow keys, too.

    Args:
        pictures: (R, C, 3, H, W), values in [0, 1]: R rows from top to bottom.
        across, down: the C and R values of the two numbers that the plane is spanned by.
        names: what the two numbers are called.
        alt: what the plane shows, for a reader who cannot see it.
        width: of the mosaic, in pixels of the page.

    Raises:
        ValueError: shapes that do not fit, or an empty ``alt``.
    """
    from IPython.display import display

    page = plane_html(pictures, across, down, names=names, alt=alt, width=width)
    display({"text/html": page, "text/plain": alt}, raw=True)


def plane_html(
    pictures: torch.Tensor,
    across: list[float],
    down: list[float],
    *,
    names: tuple[str, str],
    alt: str,
    width: int = 420,
) -> str:
    """Return what ``plane`` displays, as a piece of HTML that stands alone."""
    if pictures.ndim != 5 or pictures.shape[:2] != (len(down), len(across)):
        wanted = f"({len(down)}, {len(across)}, 3, H, W)"
        raise ValueError(f"pictures: got {tuple(pictures.shape)}, wanted {wanted}")
    if not alt.strip():
        raise ValueError("alt: got an empty text, wanted a sentence that says what is to be seen")
    name = f"plane-{os.getpid()}-{next(_count)}"
    rows, columns = pictures.shape[:2]
    mosaic = torch.cat([torch.cat(list(row), dim=2) for row in pictures], dim=1)  # (3, RH, CW)
    height, side = width * rows // columns, 160
    mark = f"{MARK};width:{100 / columns:.3f}%;height:{100 / rows:.3f}%;pointer-events:none"
    data = {"across": [f"{v:.2f}" for v in across], "down": [f"{v:.2f}" for v in down]}
    return (
        f'<div id="{name}" style="display:flex;gap:16px;align-items:flex-start;flex-wrap:wrap">'
        f'<div tabindex="0" {OWN_KEYS} role="application" aria-label="{html.escape(alt)}" '
        f'style="position:relative;width:{width}px;height:{height}px;line-height:0">'
        f'<img alt="{html.escape(alt)}" src="{data_uri(mosaic, "png")}" '
        f'style="width:100%;height:100%"><span style="{mark}"></span></div>'
        f'<div><canvas width="{pictures.shape[4]}" height="{pictures.shape[3]}" '
        f'style="width:{side}px;height:{side}px;image-rendering:pixelated"></canvas>'
        f'<p style="margin:4px 0"><output></output></p></div>'
        f"<script>{_script(name, names, data)}</script></div>"
    )


def _script(name: str, names: tuple[str, str], data: dict[str, list[str]]) -> str:
    words = json.dumps({"names": names} | data).replace("</", "<\\/")
    return (
        f"(() => {{const root = document.getElementById('{name}'), data = {words};"
        "const pad = root.querySelector('div'), image = root.querySelector('img');"
        "const mark = root.querySelector('span'), canvas = root.querySelector('canvas');"
        "const C = data.across.length, R = data.down.length;"
        "let x = Math.floor(C / 2), y = Math.floor(R / 2);"
        "const show = () => {"
        "mark.style.left = 100 * x / C + '%'; mark.style.top = 100 * y / R + '%';"
        "const w = canvas.width, h = canvas.height;"
        "canvas.getContext('2d').drawImage(image, x * w, y * h, w, h, 0, 0, w, h);"
        "root.querySelector('output').textContent = data.names[0] + ' ' + data.across[x] + ', '"
        " + data.names[1] + ' ' + data.down[y];};"
        "const clip = (v, n) => Math.max(0, Math.min(n - 1, v));"
        "pad.addEventListener('pointermove', event => {const box = pad.getBoundingClientRect();"
        "x = clip(Math.floor(C * (event.clientX - box.left) / box.width), C);"
        "y = clip(Math.floor(R * (event.clientY - box.top) / box.height), R); show();});"
        "const steps = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1],"
        " ArrowDown: [0, 1]};"
        "pad.addEventListener('keydown', event => {const step = steps[event.key];"
        "if (step) {event.preventDefault(); x = clip(x + step[0], C); y = clip(y + step[1], R);"
        "show();}});"
        "if (image.complete) {show();} else {image.addEventListener('load', show);}})();"
    )
