"""Gaussians from pictures: draw, compare, follow the gradient, move the useless ones."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from course_lib.metrics import ssim
from course_lib.rendering.transforms import Views

from .densify import carry_optimizer_state, relocate
from .gaussians import Gaussians
from .rasterize import rasterize

# For a scene that lies in the cube [-1, 1]^3; those of the means are world units.
LEARNING_RATES = {
    "means": 4e-3,
    "quats": 2e-2,
    "log_scales": 4e-2,
    "logit_opacities": 5e-2,
    "sh": 3e-2,
}
LAST_RATE = 0.03  # of the first, reached exponentially at the last step
RELOCATE_EVERY = 50
RELOCATE_UNTIL = 0.7  # of all steps; then the Gaussians settle
DEAD = 0.02  # opacity below which a Gaussian is moved
JITTER = 0.7  # standard deviations between a moved Gaussian and the one it joins


def photometric_loss(image: Tensor, target: Tensor, ssim_weight: float = 0.2) -> Tensor:
    """Return (1 - w) mean |image - target| + w (1 - SSIM(image, target)).

    Args:
        image: (H, W, 3), in [0, 1].
        target: the same shape.
        ssim_weight: w in [0, 1]; the pictures need 11 x 11 pixels unless it is 0.

    Returns:
        A scalar.

    Source: Kerbl et al. (2023), https://arxiv.org/abs/2308.04079, equation (7).

    >>> photometric_loss(torch.ones(16, 16, 3), torch.ones(16, 16, 3))
    tensor(0.)
    """
    loss = (1 - ssim_weight) * (image - target).abs().mean()
    if ssim_weight == 0:
        return loss
    similarity = ssim(image.permute(2, 0, 1)[None], target.permute(2, 0, 1)[None])[0]
    return loss + ssim_weight * (1 - similarity)


@dataclass
class SplatFit:
    """A fit in progress: one call of `step` draws one view and takes one step of Adam.

    Two fits with the same arguments and generator seeds are equal bit for bit, also if one of
    them was saved, killed and resumed.

    Attributes:
        gaussians: what is fitted; replaced now and then, so ask for it anew.
        views: cameras and pictures; the pictures are (V, 3, H, W).
        steps: how many there will be; the learning rates follow from it.
        generator: which view comes next, and where Gaussians are moved.
        background: (3,) behind everything.
        ssim_weight: see `photometric_loss`.
        opacity_weight: of the mean opacity in the loss, so that useless Gaussians fade.
    """

    gaussians: Gaussians
    views: Views
    steps: int
    generator: torch.Generator
    background: Tensor = field(default_factory=lambda: torch.ones(3))
    ssim_weight: float = 0.2
    opacity_weight: float = 0.001
    done: int = 0

    def __post_init__(self) -> None:
        if self.views.images is None:
            raise ValueError("views: got cameras without pictures, wanted both")
        if self.steps < 1:
            raise ValueError(f"steps: got {self.steps!r}, wanted at least 1")
        self._targets = self.views.images.permute(0, 2, 3, 1).contiguous()  # (V, H, W, 3)
        self.optimizer = torch.optim.Adam(
            [
                {"params": [tensor.detach().clone().requires_grad_()], "name": name}
                for name, tensor in self.gaussians.parameters().items()
            ],
            betas=(0.9, 0.99),
            eps=1e-15,
            fused=True,
        )
        self._take_parameters()

    def step(self) -> float:
        """Draw one view, take one step, and return the loss."""
        for group in self.optimizer.param_groups:
            group["lr"] = LEARNING_RATES[group["name"]] * LAST_RATE ** (self.done / self.steps)
        view = int(torch.randint(len(self._targets), (1,), generator=self.generator))
        image = self.draw(self.views.viewmats[view], self.views.K[view])
        loss = photometric_loss(image, self._targets[view], self.ssim_weight)
        total = loss + self.opacity_weight * self.gaussians.opacities.mean()
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        self.optimizer.step()
        self.done += 1
        if self.done % RELOCATE_EVERY == 0 and self.done < RELOCATE_UNTIL * self.steps:
            self._relocate()
        return loss.item()

    def draw(self, viewmat: Tensor, K: Tensor) -> Tensor:
        """Draw the scene as it is now, (H, W, 3)."""
        scene, views = self.gaussians, self.views
        return rasterize(
            scene.means,
            scene.quats,
            scene.scales,
            scene.opacities,
            scene.sh,
            viewmat,
            K,
            views.width,
            views.height,
            sh_degree=scene.sh_degree,
            background=self.background,
        )[0]

    def _relocate(self) -> None:
        dead = self.gaussians.opacities.detach() < DEAD
        if bool(dead.any()) and not bool(dead.all()):
            change = relocate(self.gaussians, dead, generator=self.generator, jitter=JITTER)
            carry_optimizer_state(self.optimizer, change)
            self._take_parameters()

    def _take_parameters(self) -> None:
        groups = self.optimizer.param_groups
        self.gaussians = Gaussians(**{group["name"]: group["params"][0] for group in groups})

    def save(self, path: str | Path) -> None:
        """Write all that a resumed fit needs, at once or not at all."""
        path = Path(path)
        content = {
            "gaussians": {k: v.detach() for k, v in self.gaussians.parameters().items()},
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "done": self.done,
            "steps": self.steps,
        }
        unfinished = path.with_name(path.name + ".part")
        torch.save(content, unfinished)
        os.replace(unfinished, path)

    def resume(self, path: str | Path) -> "SplatFit":
        """Go on where a saved fit of the same views and settings stood; returns itself.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it was saved by a fit of another number of steps.
        """
        content = torch.load(path, weights_only=True)
        if content["steps"] != self.steps:
            raise ValueError(f"steps: got {self.steps}, but {path} was saved by {content['steps']}")
        for group in self.optimizer.param_groups:
            group["params"] = [content["gaussians"][group["name"]].requires_grad_()]
        self.optimizer.state.clear()
        self.optimizer.load_state_dict(content["optimizer"])
        self.generator.set_state(content["generator"])
        self.done = content["done"]
        self._take_parameters()
        return self


def fit(
    start: Gaussians,
    views: Views,
    steps: int,
    *,
    generator: torch.Generator,
    checkpoint: str | Path | None = None,
    checkpoint_every: int = 500,
    callback: Callable[[SplatFit, float], None] | None = None,
    progress: bool = True,
    **settings: object,
) -> Gaussians:
    """Fit Gaussians to pictures and return them.

    Args:
        start: where to begin, such as `random_gaussians` or `from_points`.
        views: cameras and pictures.
        steps: of the optimiser; each draws one view.
        generator: source of all randomness.
        checkpoint: a file; if it is there the fit goes on from it, and it is written regularly.
        checkpoint_every: after how many steps.
        callback: called after each step with the fit and the loss.
        progress: whether to show a bar.
        **settings: ``background``, ``ssim_weight``, ``opacity_weight``; see `SplatFit`.

    Returns:
        The fitted Gaussians, detached.

    Raises:
        ValueError: no pictures, no steps, or a checkpoint of another fit.

    Source: Kerbl et al. (2023), https://arxiv.org/abs/2308.04079, with the relocation of
    Kheradmand et al. (2024), https://arxiv.org/abs/2404.09591
    """
    from tqdm import tqdm

    state = SplatFit(start, views, steps, generator, **settings)
    if checkpoint is not None and Path(checkpoint).is_file():
        state.resume(checkpoint)
    with tqdm(
        total=steps, initial=state.done, disable=not progress, unit="step", desc="Fitting splats"
    ) as bar:
        while state.done < steps:
            loss = state.step()
            bar.update()
            bar.set_postfix(loss=f"{loss:.4f}", refresh=False)
            if callback is not None:
                callback(state, loss)
            if checkpoint is not None and state.done % checkpoint_every == 0:
                state.save(checkpoint)
    return state.gaussians.requires_grad_(False)
