"""A live viewer of Gaussians: the reader flies, and the course's rasteriser draws what is seen.

It shows the page of `splat_viewer` and, while a kernel runs, tells it where the camera stands.
Saved notebooks and pages want `splat_viewer`, which needs no kernel.
"""

from importlib.resources import files
from typing import Any

import anywidget
import torch
import traitlets
from torch import Tensor

from course_lib.rendering import look_at, pinhole
from course_lib.rendering.splats import Gaussians, rasterize
from course_lib.show.splats import EYE, FIELD_OF_VIEW, TARGET, rgb, splat_viewer_html


class SplatWidget(anywidget.AnyWidget):
    """A scene to fly through, whose camera Python knows.

    Args:
        gaussians: the scene; the browser shows no harmonics above degree 0, `picture` all.
        height: of the viewer, in pixels of the page.
        eye: where the camera stands at first, world units; z is up.
        target: what it orbits, world units.
        field_of_view: vertical, in radians.
        background: a CSS colour.
        title: of the viewer, its alternative text.

    Attributes:
        eye: where the reader stands now; set it to move the camera, ``observe`` it to follow. The
            browser keeps it some degrees off the vertical through target.

    Raises:
        ValueError: as `splat_viewer_html`.
        traitlets.TraitError: eye is set to something else than three numbers apart from target.

    >>> from course_lib.rendering.splats import random_gaussians
    >>> scene = random_gaussians(50, 1.0, generator=torch.Generator().manual_seed(0))
    >>> widget = SplatWidget(scene, eye=(2, -2, 1))
    >>> widget.eye
    [2.0, -2.0, 1.0]
    >>> widget.picture(60, 40).shape
    torch.Size([3, 40, 60])
    """

    _esm = (files("course_lib.show") / "viewer" / "widget.js").read_text()
    page = traitlets.Unicode().tag(sync=True)
    height = traitlets.Int().tag(sync=True)
    eye = traitlets.List(traitlets.CFloat(), minlen=3, maxlen=3).tag(sync=True)

    def __init__(
        self,
        gaussians: Gaussians,
        *,
        height: int = 420,
        eye: tuple[float, float, float] = EYE,
        target: tuple[float, float, float] = TARGET,
        field_of_view: float = FIELD_OF_VIEW,
        background: str = "white",
        title: str = "Gaussian splats",
    ) -> None:
        view = {"eye": eye, "target": target, "field_of_view": field_of_view}
        text = splat_viewer_html(gaussians, background=background, title=title, **view)
        self.background = rgb(background)
        self.gaussians, self.target, self.field_of_view = gaussians, tuple(target), field_of_view
        super().__init__(page=text, height=height, eye=list(eye))

    @traitlets.validate("eye")
    def _apart(self, proposal: dict[str, Any]) -> list[float]:
        eye = proposal["value"]
        if not torch.tensor(eye).isfinite().all() or tuple(eye) == self.target:
            raise traitlets.TraitError(f"eye: got {eye}, wanted finite numbers, not the target's")
        return eye

    def camera(self, width: int, height: int) -> tuple[Tensor, Tensor]:
        """Return viewmat (4, 4) and K (3, 3) of the reader's camera for a picture of this size."""
        K = pinhole(height, height, self.field_of_view)  # of pinhole's the angle is horizontal
        K[0, 2] = width / 2
        return look_at(tuple(self.eye), self.target), K

    @torch.no_grad()
    def picture(
        self, width: int = 480, height: int = 360, *, sh_degree: int | None = None
    ) -> Tensor:
        """Return what the course's rasteriser draws from there, (3, H, W) in [0, 1].

        Args:
            width: in pixels.
            height: in pixels.
            sh_degree: of the harmonics used; None: all. 0 is what the browser shows.
        """
        scene = self.gaussians
        degree = scene.sh_degree if sh_degree is None else sh_degree
        shape = (scene.means, scene.quats, scene.scales, scene.opacities)
        camera = (*self.camera(width, height), width, height)
        behind = self.background.to(scene.means.device)
        image, _ = rasterize(*shape, scene.sh, *camera, sh_degree=degree, background=behind)
        return image.permute(2, 0, 1).clamp(0, 1)
