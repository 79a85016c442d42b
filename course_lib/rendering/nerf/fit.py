"""A field from pictures: draw some rays, compare their colours, follow the gradient."""

import copy
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from course_lib.rendering.transforms import Views

from . import fused
from .arguments import check_views
from .compositing import Rendered
from .field import HashField
from .occupancy import OccupancyGrid
from .renderer import render_view
from .training import FusedStep

FIRST_RATE = 4e-2  # of the tables; the rate after n steps is FIRST_RATE / sqrt(1 + n / SETTLE)
NETWORK_SHARE = 0.25  # of it, for the two networks
SETTLE = 1000
FEWEST_RAYS, MOST_RAYS = 256, 16384  # in a step
LOOK_EVERYWHERE = (8, 16, 32, 64, 128, 256)  # steps at which all of the occupancy grid is updated
LOOK_EVERY, LOOK_SHARE = 16, 1 / 16  # and after how many steps this share of its cells
DRAWING_STEPS = 2  # for each step of training along a ray: a quarter of a decibel to a half
AVERAGE_EVERY, AVERAGE_OVER = 8, 0.1  # steps; the average reaches back over this share of them


@dataclass
class FieldFit:
    """A fit in progress: one call of `step` draws some rays and takes one step of Adam.

    Two fits with the same arguments and generator seeds are equal bit for bit on one machine, with
    any number of threads, and also if one of them was saved, killed and resumed. The learning rate
    falls with the number of steps taken and knows no last one: a fit can always go on.

    What is drawn and returned is an average of the parameters over the latest steps, which wander
    about the best ones: half a decibel, for nearly nothing (Polyak and Juditsky, 1992,
    https://doi.org/10.1137/0330046).

    Attributes:
        field: what is fitted, in place.
        average: the field with the averaged parameters.
        views: cameras and pictures; the pictures are (V, 3, H, W).
        generator: draws rays, and where along them and in the grid to look.
        background: (3,) behind everything.
        samples: along all rays of a step together, about; the number of rays follows.
        grid: where there is something; by default all of the field's cube.
        done: steps taken.
        rays: in the next step.
    """

    field: HashField
    views: Views
    generator: torch.Generator
    background: Tensor = field(default_factory=lambda: torch.ones(3))
    samples: int = 8192
    grid: OccupancyGrid | None = None
    done: int = 0
    rays: int = FEWEST_RAYS

    def __post_init__(self) -> None:
        if not isinstance(self.field, HashField):
            raise TypeError(f"field: got {type(self.field).__name__}, wanted a HashField")
        check_views(self.views)
        if self.samples < 1:
            raise ValueError(f"samples: got {self.samples!r}, wanted at least 1")
        self.grid = OccupancyGrid(self.field.bound) if self.grid is None else self.grid
        if self.grid.bound != self.field.bound:
            raise ValueError(
                f"grid: its bound is {self.grid.bound}, the field's {self.field.bound}"
            )
        self.average = copy.deepcopy(self.field).requires_grad_(False)
        pictures = self.views.images.permute(0, 2, 3, 1)  # (V, H, W, 3)
        self._pictures = pictures.reshape(-1, 3).float().contiguous()
        cameras = (self.views.viewmats, self.views.K)
        self._cameras = [tensor.float().contiguous().numpy() for tensor in cameras]
        self._step = FusedStep(self.field, self.grid, self.samples)

    def step(self) -> float:
        """Draw some rays, take one step, and return the loss."""
        self._look()
        origins, directions, colors = self._draw_rays()
        jitter = torch.rand(self.rays, generator=self.generator)
        loss, samples, _ = self._step.differentiate(
            origins, directions, colors, self.background, jitter
        )
        rate = FIRST_RATE / (1 + self.done / SETTLE) ** 0.5
        self._step.take(rate, NETWORK_SHARE * rate)
        wanted = self.rays * self.samples // max(samples, 1)
        self.rays = min(max(wanted, FEWEST_RAYS), MOST_RAYS)
        self.done += 1
        self._average()
        return loss

    def _look(self) -> None:
        """Update the occupancy grid, if it is time to."""
        everywhere = self.done in LOOK_EVERYWHERE
        if everywhere or (self.done > 0 and self.done % LOOK_EVERY == 0):
            self.grid.update(
                lambda points: fused.density(self.field, points),
                generator=self.generator,
                share=1.0 if everywhere else LOOK_SHARE,
            )

    @torch.no_grad()
    def _average(self) -> None:
        """Move the average towards the field, by less and less."""
        if self.done < AVERAGE_EVERY or self.done % AVERAGE_EVERY == 0:
            share = AVERAGE_EVERY / (AVERAGE_EVERY + AVERAGE_OVER * self.done)
            pairs = zip(self.average.parameters(), self.field.parameters(), strict=True)
            for mean, latest in pairs:
                mean.lerp_(latest, share)

    def _draw_rays(self) -> tuple[Tensor, Tensor, Tensor]:
        """Origins, directions and colours (R, 3) of pixels drawn from all pictures."""
        from ..kernels.pixel_rays import pixel_rays

        pixels = torch.randint(len(self._pictures), (self.rays,), generator=self.generator)
        rays = np.empty((3, self.rays, 3), np.float32)
        size = (self.views.width, self.views.height)
        pixel_rays(pixels.numpy(), *self._cameras, *size, self._pictures.numpy(), *rays)
        origins, directions, colors = torch.from_numpy(rays)
        return origins, directions, colors

    def drawing_grid(self) -> OccupancyGrid:
        """The grid with the shorter steps that drawing can afford."""
        return self.grid.with_step(self.grid.step / DRAWING_STEPS)

    def draw(self, viewmat: Tensor, K: Tensor) -> Rendered:
        """Draw the scene as it is now: color (H, W, 3), depth and opacity (H, W)."""
        size = (self.views.width, self.views.height)
        options = {"occupancy": self.drawing_grid(), "background": self.background}
        with torch.no_grad():
            return render_view(self.average, viewmat, K, *size, **options)

    def save(self, path: str | Path) -> None:
        """Write all that a resumed fit needs, at once or not at all."""
        path = Path(path)
        content = {
            "field": self.field.state_dict(),
            "average": self.average.state_dict(),
            "moments": self._step.moments,
            "densities": self.grid.densities,
            "occupied": self.grid.occupied,
            "generator": self.generator.get_state(),
            "done": self.done,
            "rays": self.rays,
            "samples": self.samples,
        }
        unfinished = path.with_name(path.name + ".part")
        torch.save(content, unfinished)
        os.replace(unfinished, path)

    def resume(self, path: str | Path) -> "FieldFit":
        """Go on where a saved fit of the same views and settings stood; returns itself.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it was saved by a fit with other settings.
        """
        content = torch.load(path, weights_only=True)
        if content["samples"] != self.samples:
            raise ValueError(
                f"samples: got {self.samples}, but {path} was saved by {content['samples']}"
            )
        try:
            self.field.load_state_dict(content["field"])
            self.average.load_state_dict(content["average"])
        except RuntimeError:
            raise ValueError(f"field: {path} was saved by a field of another size") from None
        for name, moments in content["moments"].items():
            self._step.moments[name].copy_(moments)
        self.grid.densities, self.grid.occupied = content["densities"], content["occupied"]
        self.generator.set_state(content["generator"])
        self.done = self._step.taken = content["done"]
        self.rays = content["rays"]
        return self


def fit(
    start: HashField,
    views: Views,
    steps: int,
    *,
    generator: torch.Generator,
    checkpoint: str | Path | None = None,
    checkpoint_every: int = 500,
    callback: Callable[[FieldFit, float], None] | None = None,
    progress: bool = True,
    **settings: object,
) -> tuple[HashField, OccupancyGrid]:
    """Fit a field to pictures and return it.

    Args:
        start: the field to begin with; it is left as it is.
        views: cameras and pictures of a scene that lies in the field's cube.
        steps: of the optimiser; a thousand take a few seconds.
        generator: source of all randomness.
        checkpoint: a file; if it is there the fit goes on from it, and it is written regularly.
        checkpoint_every: after how many steps.
        callback: called after each step with the fit and the loss.
        progress: whether to show a bar.
        **settings: ``background``, ``samples``, ``grid``; see `FieldFit`.

    Returns:
        The fitted field, and the occupancy grid that `render_rays` wants with it.

    Raises:
        TypeError: start is not a `HashField`.
        ValueError: no pictures, no steps, or a checkpoint of another fit.

    Source: Müller et al. (2022), https://arxiv.org/abs/2201.05989
    """
    from tqdm import tqdm

    if steps < 1:
        raise ValueError(f"steps: got {steps!r}, wanted at least 1")
    state = FieldFit(copy.deepcopy(start), views, generator, **settings)
    if checkpoint is not None and Path(checkpoint).is_file():
        state.resume(checkpoint)
    with tqdm(
        total=steps, initial=state.done, disable=not progress, unit="step", desc="Fitting a field"
    ) as bar:
        while state.done < steps:
            loss = state.step()
            bar.update()
            bar.set_postfix(loss=f"{loss:.4f}", refresh=False)
            if callback is not None:
                callback(state, loss)
            if checkpoint is not None and state.done % checkpoint_every == 0:
                state.save(checkpoint)
    return state.average, state.drawing_grid()
