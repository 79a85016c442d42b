"""Classical inpainting, ours and what a library's user would pick: quality and seconds.

    python benchmarks/inpainting.py            prints the tables
    python benchmarks/inpainting.py --write    also puts them into benchmarks/README.md

Three measures, each over the hole only. PSNR and SSIM compare pixel with pixel. The texture error
compares how rough the filling is: the sorted lengths of the gradients inside the hole, filled and
true, differ on average by this share of the true mean (0 = as rough as the original, about 1 =
nothing but blur).
"""

import argparse
import os
import platform
import time
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import scipy
import skimage
import torch
from scipy.sparse.linalg import splu
from skimage.restoration import inpaint_biharmonic

from course_lib.data import (
    centre_mask,
    edge_picture,
    gradient_picture,
    photo,
    structure_texture_picture,
    text_mask,
    texture,
)
from course_lib.inpainting import (
    biharmonic_inpaint,
    exemplar_inpaint,
    exemplar_inpaint_reference,
    harmonic_inpaint,
    hybrid_inpaint,
    jacobi_steps,
)
from course_lib.inpainting.harmonic import laplace_matrix, neighbour_sum
from course_lib.metrics import psnr, ssim

SIZE = 256
README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- inpainting: begin -->", "<!-- inpainting: end -->"
NOTES = """
Where each wins, and where ours does not:

- *Smooth* (gradient, waves): the biharmonic plate. Ours and scikit-image's solve the same equation
  and tie; OpenCV's two are tens of decibels behind. Patches make steps of a ramp.
- *A straight edge between flat or woven areas*: exemplar, by far. Diffusion, the hybrid's structure
  part included, blurs a strong edge across a wide hole.
- *Brick*: exemplar in all three measures. *Brick under uneven light*: hybrid, since no known patch
  has the right brightness.
- *Grass*: PSNR prefers the blur. Nobody can guess the blades, so two independent fillings, both
  plausible, differ by twice the texture's variance (3 dB more than the mean colour does). Look at
  the texture error: exemplar and hybrid are as rough as grass, all the others are a smear.
- *Thin letters over a photograph*: biharmonic. Ours equals scikit-image's; exemplar and hybrid are
  worse than OpenCV in PSNR and SSIM: a gap a few pixels wide leaves little for a copy to improve.
- *Large holes in a photograph without repetition*: nothing here is good. Harmonic has the best
  PSNR, biharmonic the best SSIM, exemplar invents the wrong thing sharply. OpenCV is as good as our
  best, and faster.
- Biharmonic on texture overshoots, ours and scikit-image's alike: the slopes at the rim run on.
- *Seconds*: OpenCV takes about 0.01 s everywhere; exemplar and hybrid 0.4 to 3 s.
"""
LARGE_PATCH, SMALL_PATCH = 13, 5  # for holes of 48 pixels, for letters


def four_holes():
    """Four square holes of 48 pixels, 14 % of the picture."""
    mask = torch.zeros(1, 1, SIZE, SIZE, dtype=torch.bool)
    for row in (40, 168):
        for column in (40, 168):
            mask[..., row : row + 48, column : column + 48] = True
    return mask


def pictures():
    """Name -> (image, mask, patch size)."""
    u = torch.linspace(0, 1, SIZE)
    row, column = u[:, None], u[None]
    waves = 0.5 + 0.4 * torch.sin(6 * row + 2 * column) * torch.cos(5 * column)
    shade = 0.55 + 0.45 * torch.cos(2.2 * row) * torch.cos(1.8 * column)
    holes, letters = four_holes(), text_mask("TEXT OVER\nA PICTURE", SIZE, SIZE)
    crop = (..., slice(100, 100 + SIZE), slice(100, 100 + SIZE))
    return {
        "gradient": (gradient_picture(SIZE), holes, LARGE_PATCH),
        "waves": (waves.expand(1, 3, SIZE, SIZE).contiguous(), holes, LARGE_PATCH),
        "edge": (edge_picture(SIZE), centre_mask(SIZE, SIZE, 0.375), LARGE_PATCH),
        "edge + weave": (
            structure_texture_picture(SIZE),
            centre_mask(SIZE, SIZE, 0.375),
            LARGE_PATCH,
        ),
        "brick": (texture("brick", SIZE), holes, LARGE_PATCH),
        "brick, close": (texture("brick")[crop], holes, LARGE_PATCH),
        "brick, shaded": (texture("brick", SIZE) * shade, holes, LARGE_PATCH),
        "grass": (texture("grass", SIZE), holes, LARGE_PATCH),
        "photo, text": (photo("astronaut", SIZE), letters, SMALL_PATCH),
        "photo, holes": (photo("chelsea", SIZE), holes, LARGE_PATCH),
    }


def methods(patch_size):
    """Name -> function of image and mask. The first four are ours."""
    return {
        "harmonic": harmonic_inpaint,
        "biharmonic": biharmonic_inpaint,
        "exemplar": lambda image, mask: exemplar_inpaint(image, mask, patch_size),
        "hybrid": lambda image, mask: hybrid_inpaint(image, mask, patch_size),
        "skimage biharmonic": skimage_biharmonic,
        "OpenCV Telea": lambda image, mask: opencv(image, mask, cv2.INPAINT_TELEA),
        "OpenCV Navier-Stokes": lambda image, mask: opencv(image, mask, cv2.INPAINT_NS),
    }


def skimage_biharmonic(image, mask):
    """As its documentation shows it, in float64."""
    picture = image[0].permute(1, 2, 0).double().numpy()
    filled = inpaint_biharmonic(picture, mask[0, 0].numpy(), channel_axis=-1)
    return torch.from_numpy(filled).permute(2, 0, 1)[None].float()


def opencv(image, mask, flag):
    """As its documentation shows it: 8 bits, radius 3. Known pixels keep their float values."""
    picture = np.ascontiguousarray(image[0].permute(1, 2, 0).mul(255).round().byte().numpy())
    filled = cv2.inpaint(picture, mask[0, 0].byte().numpy(), 3, flag)
    return torch.where(mask, torch.from_numpy(filled).permute(2, 0, 1)[None] / 255.0, image)


def gradient_lengths(image, mask):
    """Sorted lengths of the grey picture's gradient at the hole's pixels, (P,)."""
    grey = image[0].mean(dim=0)
    down, right = grey.diff(dim=0)[:, :-1], grey.diff(dim=1)[:-1]
    return torch.sqrt(down**2 + right**2)[mask[0, 0, :-1, :-1]].sort().values


def texture_error(filled, image, mask):
    true = gradient_lengths(image, mask)
    difference = (gradient_lengths(filled, mask) - true).abs().mean()
    return (difference / true.mean().clamp(min=1e-6)).item()


def timed(function, *arguments):
    start = time.perf_counter()
    result = function(*arguments)
    return result, time.perf_counter() - start


def measure_quality():
    """Picture -> method -> (PSNR, SSIM, texture error, seconds)."""
    small = torch.rand(1, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    exemplar_inpaint(small, centre_mask(24, 24, 0.2), 5)  # compiles, or loads what was compiled
    table = {}
    for picture, (image, mask, patch_size) in pictures().items():
        table[picture] = {}
        for name, method in methods(patch_size).items():
            filled, seconds = timed(method, image, mask)
            quality = (psnr(filled, image, mask).item(), ssim(filled, image, mask).item())
            table[picture][name] = (*quality, texture_error(filled, image, mask), seconds)
    return table


def quality_table(table):
    names = list(methods(LARGE_PATCH))
    lines = ["| picture | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    for picture, row in table.items():
        best = [max(v[0] for v in row.values()), max(round(v[1], 3) for v in row.values())]
        least = min(round(v[2], 2) for v in row.values())
        cells = []
        for name in names:
            decibel, similarity, rough, seconds = row[name]
            cells.append(
                f"{bold(f'{decibel:.1f}', round(decibel, 1) == round(best[0], 1))} · "
                f"{bold(f'{similarity:.3f}', round(similarity, 3) == best[1])} · "
                f"{bold(f'{rough:.2f}', round(rough, 2) == least)} · {seconds:.2f} s"
            )
        lines.append(f"| {picture} | " + " | ".join(cells) + " |")
    return lines


def bold(text, is_best):
    return f"**{text}**" if is_best else text


def measure_solvers():
    """Rows of the table of fast twins."""
    image, mask = photo("astronaut", 512), centre_mask(512, 512, 0.5)
    harmonic_inpaint(image[..., :64, :64], centre_mask(64, 64, 0.5))
    fast, seconds = timed(harmonic_inpaint, image, mask)
    exact, direct_seconds = timed(direct_solve, image, mask)
    error = (fast - exact).abs().max().item()
    rows = [
        f"| harmonic, 512 x 512, hole 256 x 256 | multigrid | {seconds:.2f} | {error:.0e} |",
        f"| | SciPy's direct solver (SuperLU) | {direct_seconds:.2f} | 0 |",
    ]
    steps = jacobi_steps(image, mask)
    slow, sweep_seconds = timed(lambda: next(islice(steps, 300, None)))
    error = (slow - exact).abs().max().item()
    rows.append(f"| | Jacobi, 300 sweeps | {sweep_seconds:.2f} | {error:.0e} |")
    needed = round(np.log(error / 1e-4) * 2 * (256 / np.pi) ** 2, -3)
    rows.append(
        f"| | Jacobi to 1e-4, about {needed:.0f} sweeps, extrapolated | "
        f"{needed * sweep_seconds / 300:.0f} | 1e-4 |"
    )
    rows.append(
        f"| biharmonic, the same | ours | {timed(biharmonic_inpaint, image, mask)[1]:.2f} | |"
    )
    rows.append(f"| | skimage | {timed(skimage_biharmonic, image, mask)[1]:.2f} | |")
    for name in ("astronaut", "grass"):
        image = photo(name, 256) if name == "astronaut" else texture(name, 256)
        mask = torch.zeros(1, 1, 256, 256, dtype=torch.bool)
        mask[..., 78:177, 78:177] = True
        seconds = timed(exemplar_inpaint, image, mask)[1]
        rows.append(f"| exemplar, {name} 256 x 256, hole 15 % | compiled | {seconds:.2f} | |")
    image, mask = photo("astronaut", 96), centre_mask(96, 96, 0.387)
    fast, seconds = timed(exemplar_inpaint, image, mask)
    slow, slow_seconds = timed(exemplar_inpaint_reference, image, mask)
    rows.append(f"| exemplar, 96 x 96, hole 15 % | compiled | {seconds:.3f} | 0 |")
    error = (fast - slow).abs().max().item()
    rows.append(f"| | reference | {slow_seconds:.2f} | {error:.0f} |")
    return rows


def direct_solve(image, mask):
    """The harmonic equations by sparse LU factorisation."""
    hole = mask[0, 0].numpy()
    picture = torch.where(mask, 0.0, image)[0].double().numpy()
    factors = splu(
        laplace_matrix(hole).tocsc(), permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}
    )
    picture[:, hole] = factors.solve(neighbour_sum(picture)[:, hole].T).T
    return torch.from_numpy(picture)[None]


def machine():
    """What the numbers were measured on."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        name = names[0].split(":")[1].strip() if names else name
    return (
        f"{name}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, "
        f"torch {torch.__version__}, SciPy {scipy.__version__}, "
        f"scikit-image {skimage.__version__}, OpenCV {cv2.__version__}"
    )


def report():
    """The section of the README, as lines."""
    start = time.perf_counter()
    quality, solvers = quality_table(measure_quality()), measure_solvers()
    total = time.perf_counter() - start
    return [
        BEGIN,
        "## Classical inpainting",
        "",
        f"`python benchmarks/inpainting.py --write`, {total:.0f} s in all. {machine()}.",
        "",
        "### Quality",
        "",
        f"Pictures of {SIZE} x {SIZE}. Holes: four squares of 48 pixels (14 %), one of 96 for the "
        'two edge pictures, letters for "photo, text". Each cell: PSNR in dB · SSIM · texture '
        "error (0 = as rough as the original, about 1 = blur) · seconds; all over the hole only; "
        "the best of a row in bold. The first four columns are ours; patches of "
        f"{LARGE_PATCH} pixels, {SMALL_PATCH} for the letters, all else as by default.",
        "",
        *quality,
        "",
        *NOTES.strip().splitlines(),
        "",
        "### Solvers",
        "",
        "| problem | solver | seconds | largest error |",
        "|---|---|---|---|",
        *solvers,
        END,
    ]


def write(section):
    """Put the section between its markers in the README, or at its end."""
    text = README.read_text(encoding="utf-8") if README.exists() else "# Benchmarks\n"
    if BEGIN in text:
        before, rest = text.split(BEGIN, 1)
        text = before + section + rest.split(END, 1)[1]
    else:
        text = text.rstrip() + "\n\n" + section + "\n"
    README.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write into benchmarks/README.md")
    arguments = parser.parse_args()
    section = "\n".join(report())
    print(section)
    if arguments.write:
        write(section)
