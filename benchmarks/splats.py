"""Gaussian splatting on the CPU: `rasterize` beside gsplat's PyTorch reference, in one run.

    python benchmarks/splats.py            prints the tables
    python benchmarks/splats.py --write    also puts them into benchmarks/README.md
    python benchmarks/splats.py --quick    one cell, few repeats

The peer is gsplat 1.5.3's own reference (`gsplat.cuda._torch_impl`), which needs no CUDA. It takes
part if it can be imported: `pip install --no-deps gsplat==1.5.3 jaxtyping rich` into a folder of
its own, named by PYTHONPATH. Three of its helpers exist for CUDA only, and `GsplatReference` stands
in for them with vectorised PyTorch.

Both draw the same scene turn by turn (A B A B ...), so that a neighbour on the machine slows both.
Each cell is the median; "spread" is (largest - smallest) / median of ours.
"""

import argparse
import importlib
import importlib.util
import math
import os
import platform
import statistics
import subprocess
import sys
import time
import types
from pathlib import Path

import torch
from torch.nn.functional import normalize

from course_lib.rendering import look_at, pinhole
from course_lib.rendering.splats import rasterize

README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- splats:begin -->", "<!-- splats:end -->"
CELLS = [
    (n, size, sh) for n in (10_000, 50_000, 200_000) for size in (256, 512) for sh in (None, 3)
]


def workload(n, size, sh_degree, seed=0):
    """A scene of n Gaussians, 70 % flat on surfaces and 30 % in a volume, and a camera.

    Sizes shrink with sqrt(n), so that a pixel lies under about as many splats whatever n is, as in
    trained scenes. Opacities are mostly near 0 or near 1.
    """
    generator = torch.Generator().manual_seed(seed)

    def randn(*shape):
        return torch.randn(*shape, generator=generator)

    def rand(*shape):
        return torch.rand(*shape, generator=generator)

    floor, ball = int(0.3 * n), int(0.4 * n)
    fuzz = n - floor - ball
    way = normalize(randn(ball, 3), dim=1)
    which = torch.randint(0, 3, (ball,), generator=generator)
    centres = torch.tensor([[-0.8, 0.2, 0.1], [0.7, 0.3, -0.4], [0.2, -0.5, 0.7]])[which]
    on_floor = torch.stack(
        [4.4 * rand(floor) - 2.2, 0.8 + 0.01 * randn(floor), 4.4 * rand(floor) - 2.2], 1
    )
    on_balls = centres + way * torch.tensor([0.6, 0.5, 0.7])[which, None]
    around = (2 * rand(fuzz, 3) - 1) * torch.tensor([1.8, 1.2, 1.8])
    scales = 3.2 * n**-0.5 * torch.exp(0.5 * randn(n, 1)) * torch.exp(0.4 * randn(n, 3))
    scales[: floor + ball, 2] *= 0.15  # the thin axis z is turned to the surface's normal
    normal = torch.cat(
        [torch.tensor([[0.0, 1.0, 0.0]]).expand(floor, 3), way, normalize(randn(fuzz, 3), dim=1)]
    )
    quats = torch.stack([1 + normal[:, 2], -normal[:, 1], normal[:, 0], torch.zeros(n)], 1)
    if sh_degree is None:
        colors = rand(n, 3)
    else:
        colors = 0.1 * randn(n, (sh_degree + 1) ** 2, 3)
        colors[:, 0] = (rand(n, 3) - 0.5) / 0.2820948
    scene = (on_floor, on_balls, around), quats + 1e-3 * randn(n, 4), scales
    shuffled = torch.randperm(n, generator=generator)
    means, quats, scales = torch.cat(scene[0])[shuffled], scene[1][shuffled], scene[2][shuffled]
    opacities = torch.sigmoid(2.0 * randn(n) + 0.5)
    viewmat = look_at((1.11, -1.37, -3.59), up=(0.0, -1.0, 0.0))
    leaves = [means, quats, scales, opacities, colors[shuffled].contiguous()]
    rest = (viewmat, pinhole(size, size, math.radians(60)), size, size)
    options = {"sh_degree": sh_degree, "background": torch.ones(3)}
    return leaves, rest, options, randn(size, size, 3)


class GsplatReference:
    """gsplat 1.5.3's PyTorch reference behind our signature."""

    TILE = 16

    def __init__(self):
        package = types.ModuleType("gsplat")  # its own __init__ looks for CUDA
        package.__path__ = list(importlib.util.find_spec("gsplat").submodule_search_locations)
        sys.modules["gsplat"] = package
        nerfacc = types.ModuleType("nerfacc")
        nerfacc.render_weight_from_alpha = self.weights
        nerfacc.accumulate_along_rays = self.accumulate
        sys.modules.setdefault("nerfacc", nerfacc)
        self.implementation = importlib.import_module("gsplat.cuda._torch_impl")
        wrapper = importlib.import_module("gsplat.cuda._wrapper")
        wrapper.rasterize_to_indices_in_range = self.indices_in_range

    def rasterize(self, means, quats, scales, opacities, colors, viewmat, K, width, height, *,
                  sh_degree, background):  # fmt: skip
        theirs = self.implementation
        covariances, _ = theirs._quat_scale_to_covar_preci(quats, scales, True, False)
        radii, flat, depths, conics, _ = theirs._fully_fused_projection(
            means, covariances, viewmat[None], K[None], width, height
        )
        tiles_x, tiles_y = -(-width // self.TILE), -(-height // self.TILE)
        keys, members = self.intersections(flat.detach(), radii, depths.detach(), tiles_x, tiles_y)
        offsets = theirs._isect_offset_encode(keys, 1, tiles_x, tiles_y)
        if sh_degree is not None:
            eye = -viewmat[:3, :3].T @ viewmat[:3, 3]
            colors = theirs._spherical_harmonics(sh_degree, means - eye, colors)
            colors = torch.clamp_min(colors + 0.5, 0.0)
        image, alpha = theirs._rasterize_to_pixels(
            flat, conics, colors[None], opacities[None], width, height, self.TILE, offsets,
            members, background[None],
        )  # fmt: skip
        return image[0], alpha[0, ..., 0]

    @torch.no_grad()
    def intersections(self, flat, radii, depths, tiles_x, tiles_y):
        """(tile, depth) keys in order, and the splat of each; theirs is a loop over splats."""
        centre, reach = flat[0] / self.TILE, radii[0] / self.TILE
        limit = torch.tensor([tiles_x, tiles_y])
        low = torch.minimum(torch.floor(centre - reach).long().clamp_min(0), limit)
        high = torch.minimum(torch.ceil(centre + reach).long().clamp_min(0), limit)
        count = (high - low).prod(-1) * (radii[0] > 0).all(-1)
        splat = torch.repeat_interleave(torch.arange(len(count)), count)
        nth = torch.arange(len(splat)) - (torch.cumsum(count, 0) - count)[splat]
        wide = (high - low)[splat, 0]
        tile = (low[splat, 1] + nth // wide) * tiles_x + low[splat, 0] + nth % wide
        bits = depths[0].contiguous().view(torch.int32)[splat].long()
        keys, order = torch.sort((tile << 32) | bits)
        return keys, splat[order]

    @torch.no_grad()
    def indices_in_range(self, first, last, light, flat, conics, opacities, width, height,
                         tile_size, offsets, members):  # fmt: skip
        """The (splat, pixel) pairs with alpha of 1/255 and more, before a pixel stops."""
        block = tile_size**2
        offsets = offsets.reshape(-1)
        lengths = torch.diff(torch.cat([offsets, torch.tensor([len(members)])]))
        tile = torch.repeat_interleave(torch.arange(len(offsets)), lengths)
        rank = torch.arange(len(members)) - offsets[tile]
        chosen = torch.nonzero((rank >= first * block) & (rank < last * block))[:, 0]
        within, tiles_x = torch.arange(block), -(-width // tile_size)

        def alpha_at(splat, x, y):
            dx, dy = x + 0.5 - flat[0, splat, 0], y + 0.5 - flat[0, splat, 1]
            a, b, c = conics[0, splat].unbind(-1)
            sigma = 0.5 * (a * dx * dx + c * dy * dy) + b * dx * dy
            alpha = torch.clamp_max(opacities[0, splat] * torch.exp(-sigma), 0.999)
            return torch.where(sigma >= 0, alpha, 0.0)

        splats, pixels = [], []
        for part in chosen.split(20_000):
            x = (tile[part] % tiles_x)[:, None] * tile_size + within % tile_size
            y = (tile[part] // tiles_x)[:, None] * tile_size + within // tile_size
            seen = (alpha_at(members[part, None], x, y) >= 1 / 255) & (x < width) & (y < height)
            row, column = torch.nonzero(seen, as_tuple=True)
            splats.append(members[part][row])
            pixels.append((y * width + x)[row, column])
        pixels, order = torch.sort(torch.cat(pixels), stable=True)
        splats = torch.cat(splats)[order]
        passed = torch.log1p(-alpha_at(splats, pixels % width, pixels // width).double())
        total = torch.cumsum(passed, 0)
        start, segment = self.segments(pixels)
        here = torch.exp(total - (total - passed)[start][segment]) * light.reshape(-1)[pixels]
        keep = here > 1e-4
        return splats[keep], pixels[keep], torch.zeros_like(splats[keep])

    @staticmethod
    def segments(sorted_ids):
        start = torch.ones_like(sorted_ids, dtype=torch.bool)
        start[1:] = sorted_ids[1:] != sorted_ids[:-1]
        return start, torch.cumsum(start.long(), 0) - 1

    @classmethod
    def weights(cls, alphas, ray_indices=None, n_rays=None):
        passed = torch.log1p(-alphas.double())
        before = torch.cumsum(passed, 0) - passed
        start, segment = cls.segments(ray_indices)
        light = torch.exp(before - before[start][segment]).to(alphas.dtype)
        return light * alphas, light

    @staticmethod
    def accumulate(weights, values=None, ray_indices=None, n_rays=None):
        source = weights[:, None] if values is None else weights[:, None] * values
        return torch.zeros(n_rays, source.shape[-1]).index_add(0, ray_indices.long(), source)


def draw(renderer, made):
    """Seconds of one picture, of picture and gradients; the picture; the leaves."""
    leaves, rest, options, grad = made
    leaves = [leaf.clone().requires_grad_() for leaf in leaves]
    start = time.perf_counter()
    image, _ = renderer(*leaves, *rest, **options)
    middle = time.perf_counter()
    torch.autograd.backward(image, grad)
    return middle - start, time.perf_counter() - start, image.detach(), leaves


def measure(cell, peer, repeats):
    """One row of the table."""
    made, ours, theirs = workload(*cell), [], []
    turns = [(rasterize, ours)] + ([(peer, theirs)] if peer else [])
    for _ in range(repeats + 1):
        for renderer, times in turns:
            times.append(draw(renderer, made)[:2])
    forward, both = (statistics.median(t[k] for t in ours[1:]) for k in (0, 1))
    spread = (max(t[1] for t in ours[1:]) - min(t[1] for t in ours[1:])) / both
    n, size, sh = cell
    row = f"| {n:,} | {size} x {size} | {'RGB' if sh is None else f'SH {sh}'} "
    row += f"| {1e3 * forward:.1f} | {1e3 * both:.1f} | {spread:.2f} "
    if not peer:
        return row + "| | |"
    slow = [statistics.median(t[k] for t in theirs[1:]) for k in (0, 1)]
    return row + f"| {1e3 * slow[1]:,.0f} | {slow[0] / forward:.0f} · {slow[1] / both:.0f} |"


def agreement(peer):
    """How far ours and the peer's pictures and gradients are apart."""
    made = workload(2000, 128, 3)
    (_, _, image, leaves), (_, _, wanted, slow) = draw(rasterize, made), draw(peer, made)
    names = ("means", "quats", "scales", "opacities", "harmonics")
    far = [
        f"{name} {float((a.grad - b.grad).norm() / b.grad.norm()):.0e}"
        for name, a, b in zip(names, leaves, slow, strict=True)
    ]
    error = float((image - wanted).abs().mean())
    return (
        f"2,000 Gaussians at 128 x 128: pictures differ by {error:.0e} on average, gradients by "
        f"{', '.join(far)} of their norms."
    )


FIRST_CALL = """
import sys, time
sys.path.insert(0, {folder!r})
import splats, torch
leaf = torch.ones(1, requires_grad=True)
torch.autograd.backward(leaf.exp(), torch.ones(1))  # PyTorch imports SymPy: half a second
start = time.perf_counter()
splats.draw(splats.rasterize, splats.workload(200, 32, 3))
print(time.perf_counter() - start)
"""
PEAK = """
import sys
sys.path.insert(0, {folder!r})
import splats
def status(key):
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(key))
splats.draw(splats.rasterize, splats.workload(200, 32, {sh}))
made = splats.workload(200_000, 512, {sh})
before = status("VmRSS")
open("/proc/self/clear_refs", "w").write("5")
splats.draw(splats.rasterize, made)
print(status("VmHWM") - before)
"""


def in_a_fresh_process(code, **environment):
    folder = str(Path(__file__).parent)
    code = code.replace("{folder!r}", repr(folder))
    environment = {**os.environ, **environment}
    result = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    return float(result.stdout.split()[-1])


def first_calls():
    """Seconds of the first call of a process, with and without numba's cache."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        cold, warm = (in_a_fresh_process(FIRST_CALL, NUMBA_CACHE_DIR=folder) for _ in range(2))
    return (
        f"First picture and gradients of a process: {cold:.1f} s compiling, {warm:.1f} s from "
        "the cache, when PyTorch has taken a gradient before (its own first takes half a second)."
    )


def peaks():
    """Memory at 200,000 Gaussians over the inputs, including gradients and a copy of the inputs."""
    if not Path("/proc/self/clear_refs").exists():
        return "Peak memory: measured on Linux only."
    plain, harmonics = (in_a_fresh_process(PEAK.replace("{sh}", s)) for s in ("None", "3"))
    return (
        "Peak memory over the inputs at 200,000 Gaussians and 512 x 512, forward and backward, "
        "with a copy of the inputs and all gradients: "
        f"{plain:.0f} MiB (RGB), {harmonics:.0f} MiB (SH 3)."
    )


def report(cells, repeats):
    """The section of the README, as lines."""
    torch.set_num_threads(2)
    peer = GsplatReference().rasterize if importlib.util.find_spec("gsplat") else None
    lines = [BEGIN, "## Gaussian splatting on the CPU", ""]
    lines += [f"`python benchmarks/splats.py --write`. {machine()}. 2 threads.", ""]
    lines += [
        "Milliseconds, medians of interleaved runs; the peer is gsplat 1.5.3's PyTorch reference.",
        "",
        "| Gaussians | picture | colours | forward | with gradients | spread "
        "| gsplat's, with gradients | times as fast: forward · with gradients |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for cell in cells:
        lines.append(measure(cell, peer, repeats))
        print(lines[-1], flush=True)
    lines += ["", first_calls(), "", peaks()]
    if peer:
        lines += ["", agreement(peer)]
    return [*lines, END]


def machine():
    """What the numbers were measured on."""
    name, info = platform.processor() or platform.machine(), Path("/proc/cpuinfo")
    if info.exists():
        names = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        name = names[0].split(":")[1].strip() if names else name
    load = f", load {os.getloadavg()[0]:.1f} at the start" if hasattr(os, "getloadavg") else ""
    numba = importlib.import_module("numba").__version__
    return (
        f"{name}, {os.cpu_count()} cores{load}, {platform.system()}, Python "
        f"{platform.python_version()}, torch {torch.__version__}, numba {numba}"
    )


def write_section(lines):
    """Replace our section of the README, or append it; everything else stays as it is."""
    text = README.read_text(encoding="utf-8") if README.exists() else "# Benchmarks\n"
    section = "\n".join(lines)
    if BEGIN in text:
        before, rest = text.split(BEGIN, 1)
        text = before + section + rest.split(END, 1)[1]
    else:
        text = text.rstrip("\n") + "\n\n" + section + "\n"
    README.write_text(text, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="put the tables into README.md")
    parser.add_argument("--quick", action="store_true", help="one cell, 3 repeats")
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    cells = [(50_000, 512, None)] if options.quick else CELLS
    lines = report(cells, 3 if options.quick else options.repeats)
    print("\n".join(lines))
    if options.write:
        write_section(lines)


if __name__ == "__main__":
    main()
