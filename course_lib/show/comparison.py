"""Two pictures on top of each other and a slider that uncovers one or the other.

Plain HTML with a few lines of script. Where styles and scripts do not run (a code host) the
pictures stand one below the other.
"""

import base64
import html
import io
import itertools
import json
import os

import torch

from course_lib.pictures import to_picture
from course_lib.show.figures import OWN_KEYS

_count = itertools.count()
LAYER = "display:block;width:100%;height:auto;margin:0;image-rendering:auto"
HALF = "clip-path:inset(0 50% 0 0)"
BADGE = (
    "position:absolute;top:6px;padding:1px 7px;border-radius:4px;color:#fff;"
    "background:rgba(0,0,0,.65);font:12px sans-serif;pointer-events:none"
)


def before_after(
    before: torch.Tensor,
    after: torch.Tensor,
    *,
    alt: str,
    labels: tuple[str, str] = ("before", "after"),
    width: int = 380,
) -> None:
    """Display two pictures of one size; a slider moves the line between them.

    Left of the line the reader sees ``before``, right of it ``after``. The slider takes the arrow
    keys, Home and End.

    Args:
        before, after: (C, H, W) or (1, C, H, W), values in [0, 1].
        alt: what the two show, for a reader who cannot see them.
        labels: what they are called.
        width: on the page, in pixels of the page.

    Raises:
        ValueError: sizes that differ, or an empty ``alt``.
    """
    from IPython.display import display

    page = before_after_html(before, after, alt=alt, labels=labels, width=width)
    display({"text/html": page, "text/plain": alt}, raw=True)


def before_after_html(
    before: torch.Tensor,
    after: torch.Tensor,
    *,
    alt: str,
    labels: tuple[str, str] = ("before", "after"),
    width: int = 380,
) -> str:
    """Return what ``before_after`` displays, as a piece of HTML that stands alone."""
    if before.shape[-3:] != after.shape[-3:]:
        raise ValueError(
            f"after: got shape {tuple(after.shape)}, wanted that of before, {tuple(before.shape)}"
        )
    if not alt.strip():
        raise ValueError("alt: got an empty text, wanted a sentence that says what is to be seen")
    name = f"before-after-{os.getpid()}-{next(_count)}"
    first, second = (html.escape(label) for label in labels)
    images = [
        f'<img alt="{html.escape(alt)} ({label})" src="{data_uri(picture, kind)}" style="{style}">'
        for label, picture, kind, style in (
            (second, after, "webp", LAYER),
            (first, before, "png", f"{LAYER};position:absolute;inset:0;height:100%;{HALF}"),
        )
    ]
    line = "position:absolute;top:0;bottom:0;left:50%;width:2px;margin-left:-1px;background:#fff;"
    return (
        f'<div id="{name}" style="width:{width}px;max-width:100%">'
        f'<div style="position:relative;line-height:0">{images[0]}{images[1]}'
        f'<div style="{line}box-shadow:0 0 3px #000;pointer-events:none"></div>'
        f'<span style="{BADGE};left:6px;line-height:1.4">{first}</span>'
        f'<span style="{BADGE};right:6px;line-height:1.4">{second}</span></div>'
        f'<input type="range" {OWN_KEYS} min="0" max="100" value="50" '
        f'style="width:100%;margin:4px 0 0" '
        f'aria-label="{first} left of the line, {second} right of it" '
        f'aria-valuetext="50 % {first}">'
        f"<script>{_script(name, labels[0])}</script></div>"
    )


def _script(name: str, label: str) -> str:
    word = json.dumps(" % " + label).replace("</", "<\\/")
    return (
        f"(() => {{const root = document.getElementById('{name}');"
        "const top = root.querySelectorAll('img')[1], line = root.querySelector('div > div > div');"
        "root.querySelector('input').addEventListener('input', event => {"
        "const part = event.target.value; line.style.left = part + '%';"
        "top.style.clipPath = 'inset(0 ' + (100 - part) + '% 0 0)';"
        f"event.target.setAttribute('aria-valuetext', part + {word});}});}})();"
    )


def data_uri(picture: torch.Tensor, kind: str) -> str:
    """The picture's own pixels, as PNG or as WebP without loss, which is smaller."""
    from PIL import Image

    shown = to_picture(picture.float().reshape(-1, *picture.shape[-3:]))
    image, stream = Image.fromarray((255 * shown).round().astype("uint8")), io.BytesIO()
    if kind == "png":
        image.save(stream, "PNG", optimize=True)
    else:
        image.convert("RGB").save(stream, "WEBP", lossless=True)
    return f"data:image/{kind};base64,{base64.b64encode(stream.getvalue()).decode()}"
