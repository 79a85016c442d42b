"""Show a matplotlib figure with alternative text, and rows of pictures with titles."""

import base64
import html
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch

from course_lib.pictures import to_picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL.Image import Image as Picture

# Okabe and Ito (2008), https://jfly.uni-koeln.de/color/: told apart with any colour vision.
COLORS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#F0E442", "#000000")
DPI = 80
# JupyterLab takes the arrow keys for itself, unless the focused element bears this mark.
OWN_KEYS = 'data-lm-suppress-shortcuts="true"'


def use_style() -> None:
    """Set the course's plotting style: colour-blind safe lines with markers of their own, grid."""
    import matplotlib.pyplot as plt
    from cycler import cycler

    plt.rcParams.update(
        {
            "axes.prop_cycle": cycler(color=COLORS),
            "axes.grid": True,
            "axes.spines.right": False,
            "axes.spines.top": False,
            "figure.dpi": DPI,
            "figure.constrained_layout.use": True,
            "grid.alpha": 0.3,
            "image.cmap": "viridis",
            "image.interpolation": "nearest",
        }
    )


def figure(drawn: "Figure", alt: str) -> None:
    """Display a matplotlib figure with alternative text, and close it.

    Args:
        drawn: the figure.
        alt: what a reader who cannot see it needs to know, in a sentence or two.

    Raises:
        ValueError: ``alt`` is empty.
    """
    from IPython.display import display

    if not alt.strip():
        raise ValueError("alt: got an empty text, wanted a sentence that says what is to be seen")
    # HTML, because JupyterLab and nbconvert drop the alternative text of an image/png output.
    image = f'<img alt="{html.escape(alt)}" src="data:image/png;base64,{png(drawn)}">'
    display({"text/html": image, "text/plain": alt}, raw=True)


def png(drawn: "Figure") -> str:
    """Return the figure as base64-encoded PNG, and close it."""
    return base64.b64encode(_encoded(_pixels(drawn), "PNG")).decode()


def data_uris(drawn: "Figure") -> tuple[str, str]:
    """Return the figure as PNG, and as lossless WebP at about half the size; close it.

    Every browser shows both. Some code hosts let only the PNG through.
    """
    pixels = _pixels(drawn)
    found = {"png": _encoded(pixels, "PNG"), "webp": _encoded(pixels, "WEBP", lossless=True)}
    return tuple(
        f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
        for kind, content in found.items()
    )


def _pixels(drawn: "Figure") -> "Picture":
    """The figure in RGB: without matplotlib's opaque fourth channel a file is an eighth smaller."""
    import matplotlib.pyplot as plt
    from PIL import Image

    stream = io.BytesIO()
    options = {"pil_kwargs": {"compress_level": 1}}  # it is read again at once
    drawn.savefig(stream, format="png", dpi=DPI, facecolor="white", bbox_inches="tight", **options)
    plt.close(drawn)
    return Image.open(stream).convert("RGB")


def _encoded(pixels: "Picture", kind: str, **options: bool) -> bytes:
    stream = io.BytesIO()
    pixels.save(stream, kind, **options)
    return stream.getvalue()


def pictures(
    named: Mapping[str, torch.Tensor], *, title: str = "", columns: int = 4, width: float = 2.4
) -> "Figure":
    """Return a figure with pictures side by side, each below its name.

    Args:
        named: name to picture, (C, H, W) or a batch (1, C, H, W), values in [0, 1]; masks (bool)
            show holes in white.
        title: above all of them.
        columns: how many stand in a row.
        width: of one picture, in inches.
    """
    import matplotlib.pyplot as plt

    columns = min(columns, len(named))
    rows = -(-len(named) // columns)
    size = (width * columns, (width + 0.35) * rows + (0.4 if title else 0))
    drawn, axes = plt.subplots(rows, columns, figsize=size, squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for axis, (name, picture) in zip(axes.flat, named.items(), strict=False):
        shown = to_picture(picture.float().reshape(-1, *picture.shape[-3:]))
        axis.imshow(shown, vmin=0, vmax=1, cmap="gray")
        axis.set_title(name, fontsize=10)
    if title:
        drawn.suptitle(title)
    return drawn
