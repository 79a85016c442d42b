"""Fly through a scene of Gaussians in the browser: in a notebook, on the site, or in a file.

The page carries its data and its renderer (gsplat.js, in ``viewer/`` with its licence) along, so it
needs neither a kernel nor a network.
"""

import base64
import gzip
import html
import io
import json
import math
from importlib.resources import files
from string import Template

import torch

from course_lib.rendering import look_at, pinhole
from course_lib.rendering.splats import Gaussians, rasterize
from course_lib.rendering.splats.dot_splat import splat_bytes

EYE, TARGET, FIELD_OF_VIEW = (0.0, -3.2, 1.6), (0.0, 0.0, 0.0), 0.8
STILL_SIZE = 240  # pixels: large enough to know the scene, small enough for a notebook


def splat_viewer(gaussians: Gaussians, *, height: int = 420, **view: object) -> None:
    """Show a scene that the reader orbits by dragging and zooms by the wheel.

    Where frames are not let through (a code host), the first view stands there as a picture.

    Args:
        gaussians: the scene; harmonics above degree 0 are not shown.
        height: of the picture, in pixels of the page.
        **view: as in `splat_viewer_html`.
    """
    from IPython.display import display

    page = splat_viewer_html(gaussians, **view)
    text = f"A scene of {len(gaussians)} Gaussians, to be orbited in the browser."
    frame = framed(page, first_view(gaussians, **view), text, height)
    display({"text/html": frame, "text/plain": text}, raw=True)


def framed(page: str, still: bytes, alt: str, height: int) -> str:
    """Return the page in a frame of its own that covers ``still``, a JPEG of its first view."""
    picture = base64.b64encode(still).decode()
    return (
        f'<div style="position:relative;height:{height}px">'
        f'<img alt="{html.escape(alt)}" src="data:image/jpeg;base64,{picture}" '
        'style="display:block;height:100%;margin:auto">'
        f'<iframe srcdoc="{html.escape(page)}" sandbox="allow-scripts" title="Splat viewer" '
        'style="position:absolute;inset:0;width:100%;height:100%;box-sizing:border-box;'
        'border:1px solid #8888"></iframe></div>'
    )


def first_view(
    gaussians: Gaussians,
    *,
    eye: tuple[float, float, float] = EYE,
    target: tuple[float, float, float] = TARGET,
    field_of_view: float = FIELD_OF_VIEW,
    background: str = "white",
    title: str = "",
) -> bytes:
    """Return what the viewer shows at first as a small JPEG; arguments as there."""
    from PIL import Image

    side = STILL_SIZE
    shape = (gaussians.means, gaussians.quats, gaussians.scales, gaussians.opacities)
    camera = look_at(eye, target), pinhole(side, side, field_of_view)
    with torch.no_grad():
        image, _ = rasterize(
            *shape, gaussians.sh, *camera, side, side, sh_degree=0, background=rgb(background)
        )
    pixels = (255 * image.clamp(0, 1)).round().to(torch.uint8).numpy()
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=75)
    return stream.getvalue()


def rgb(color: str) -> torch.Tensor:
    """Return a CSS colour as (3,) numbers in [0, 1]."""
    from PIL import ImageColor

    return torch.tensor(ImageColor.getrgb(color)[:3]) / 255


def splat_viewer_html(
    gaussians: Gaussians,
    *,
    eye: tuple[float, float, float] = EYE,
    target: tuple[float, float, float] = TARGET,
    field_of_view: float = FIELD_OF_VIEW,
    background: str = "white",
    title: str = "Gaussian splats",
) -> str:
    """Return the viewer as one HTML page that stands alone.

    Args:
        gaussians: the scene; harmonics above degree 0 are not shown.
        eye: where the camera stands at first, world units; z is up.
        target: what it orbits, world units.
        field_of_view: vertical, in radians.
        background: a CSS colour.
        title: of the page, also its alternative text.

    Raises:
        ValueError: no Gaussian, eye and target coincide, or a field of view outside (0, pi).
    """
    if len(gaussians) == 0:
        raise ValueError("gaussians: got none, wanted at least one")
    if not 0 < field_of_view < math.pi:
        raise ValueError(f"field_of_view: got {field_of_view!r}, wanted radians in (0, pi)")
    away = torch.tensor(eye, dtype=torch.float64) - torch.tensor(target, dtype=torch.float64)
    radius = float(away.norm())
    if radius == 0:
        raise ValueError("eye: it is where the target is, so there is nothing to orbit")
    view = {
        "azimuth": math.atan2(away[1], away[0]),
        "elevation": math.asin(float(away[2]) / radius),
        "radius": radius,
        "target": list(target),
        "focal": 0.5 / math.tan(field_of_view / 2),
    }
    folder = files("course_lib.show") / "viewer"
    label = f"{title}: {len(gaussians)} Gaussians, orbited by dragging"
    return Template((folder / "page.html").read_text()).substitute(
        title=html.escape(title),
        label=html.escape(label),
        background=html.escape(background),
        view=json.dumps(view),
        code=_packed((folder / "gsplat.js").read_bytes()),
        splats=_packed(splat_bytes(gaussians)),
    )


def _packed(content: bytes) -> str:
    return base64.b64encode(gzip.compress(content, mtime=0)).decode()
