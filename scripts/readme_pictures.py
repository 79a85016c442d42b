"""Draw the README's pictures with the course's own code, into docs/pictures/ (a minute or two)."""

from collections.abc import Iterable
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from course_lib import data
from course_lib.generative.latent_faces import load_face_painter
from course_lib.pictures import to_picture
from course_lib.rendering import Views, look_at, nerf, orbit, pinhole, splats
from course_lib.tour import damaged_pictures, repair_methods

OUT = Path(__file__).parents[1] / "docs" / "pictures"
SHOWN = ("A photograph with text over it", "Brick", "A scratched photograph")
PROMPTS = ("round face, glasses, smile", "long red hair, blue background", "bald, dark skin, left")
SIDE, FRAMES = 200, 40


def main() -> None:
    """Write the pictures and the film."""
    repaired_pictures()
    faces_from_words()
    turning_scene()


def repaired_pictures() -> None:
    """Three damaged pictures, repaired in four ways."""
    problems = {name: (image, mask) for name, image, mask in damaged_pictures(128)}
    rows = []
    for name in SHOWN:
        image, mask = problems[name]
        repaired = [repair(image, mask) for repair in repair_methods().values()]
        rows.append([image.masked_fill(mask, 1.0), *repaired, image])
    _table(rows, ["damaged", *repair_methods(), "original"], (11, 5.6), "what_students_make.png")


def faces_from_words() -> None:
    """Eight faces for each of three prompts, by the small latent diffusion of unit 13."""
    noise = torch.randn(8, 4, 8, 8, generator=torch.Generator().manual_seed(7))
    painter = load_face_painter()
    drawn = [painter.draw([prompt] * 8, noise, guidance=3.0, steps=25) for prompt in PROMPTS]
    rows = [[face[None] for face in faces] for faces in drawn]
    _table(rows, [""] * 8, (11, 4.6), "faces_from_words.png", PROMPTS)


def turning_scene() -> None:
    """A film: splats and the depth of a radiance field, both learned from 60 pictures."""
    viewmats = torch.stack([look_at(eye) for eye in data.spread_viewpoints(60)])
    K = pinhole(SIDE, SIDE, 0.785)
    images, _ = data.still_life(viewmats, K, SIDE, SIDE, samples=3)
    views = Views(viewmats, K.expand(60, 3, 3), SIDE, SIDE, images)
    generator = torch.Generator().manual_seed(0)
    begun = splats.random_gaussians(8000, 0.95, sh_degree=1, generator=generator)
    scene = splats.fit(begun, views, 2500, generator=generator)
    walk = splats.SplatFit(scene, views, 1, generator)
    field = nerf.FieldFit(nerf.HashField(generator=generator), views, generator)
    while field.done < 2500:
        field.step()
    frames = []
    with torch.no_grad():
        for viewmat in orbit(FRAMES, 3.2, 0.5):
            seen = field.draw(viewmat, K)
            tiles = (walk.draw(viewmat, K), seen.color, _depth_colors(seen.depth, seen.opacity))
            row = torch.cat([tile.clamp(0, 1) for tile in tiles], dim=1)[45:190]
            frames.append(Image.fromarray((255 * row).round().to(torch.uint8).numpy()))
    _film(frames, OUT / "turning_scene.gif")


def _depth_colors(depth: Tensor, opacity: Tensor) -> Tensor:
    """Depth (H, W) as colours (H, W, 3), bright where it is near, white where nothing is."""
    near = ((4.3 - depth) / 2.1).clamp(0, 1).numpy()
    colors = torch.from_numpy(plt.get_cmap("viridis")(near)[..., :3].astype(np.float32))
    return torch.where(opacity[..., None] > 0.5, colors, torch.ones(3))


def _film(frames: list[Image.Image], path: Path) -> None:
    """Write frames with one palette, so that nothing flickers."""
    palette = frames[0].quantize(128)
    indexed = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    indexed[0].save(path, save_all=True, append_images=indexed[1:], duration=90, loop=0)


def _table(
    rows: list[list[Tensor]],
    columns: Iterable[str],
    size: tuple[float, float],
    name: str,
    labels: Iterable[str] = (),
) -> None:
    drawn, axes = plt.subplots(
        len(rows), len(rows[0]), figsize=size, constrained_layout=True, facecolor="white"
    )
    for axis, picture in zip(axes.flat, (each for row in rows for each in row), strict=True):
        axis.imshow(to_picture(picture), interpolation="bicubic")
        axis.set(xticks=[], yticks=[])
    for axis, column in zip(axes[0], columns, strict=True):
        axis.set_title(column, fontsize=11)
    for axis, label in zip(axes[:, 0], labels, strict=False):
        axis.set_ylabel(
            label.replace(", ", ",\n"), rotation=0, ha="right", va="center", fontsize=11
        )
    drawn.savefig(OUT / name, dpi=72)


if __name__ == "__main__":
    main()
