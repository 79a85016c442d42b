"""Learning a scene on the CPU: the hash-grid field, Gaussian splats and the classic network.

    python benchmarks/nerf.py            prints the tables, draws the figure
    python benchmarks/nerf.py --write    also puts them into benchmarks/README.md
    python benchmarks/nerf.py --quick    the hash-grid field only, for three seconds

All three learn the course's still life from the same 100 pictures of 100 x 100 pixels and are
scored on 8 unseen ones (the classic network on every third row and column of them: drawing them
whole takes it minutes). The clock stands still while they are scored; compiled kernels are warm.
The field's settings were chosen on another scene, by views held out from its training pictures.
"""

import argparse
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from course_lib.data import spread_viewpoints, still_life
from course_lib.metrics import psnr
from course_lib.rendering import Views, look_at, pinhole
from course_lib.rendering.nerf import FieldFit, HashField, MLPField, get_rays, render_rays
from course_lib.rendering.splats import SplatFit, random_gaussians

README = Path(__file__).with_name("README.md")
FIGURE = Path(__file__).with_name("learning_a_scene.png")
BEGIN, END = "<!-- nerf:begin -->", "<!-- nerf:end -->"
SIZE, TRAINING, UNSEEN = 100, 100, 8
MARKS = (0.5, 1, 2, 3, 5, 10, 20, 30, 60)
WHITE = torch.ones(3)


def scene():
    """Training views on a lattice over the upper half of a sphere; unseen ones at random there."""
    K = pinhole(SIZE, SIZE, math.radians(45))
    generator = torch.Generator().manual_seed(1)
    height = 0.08 + 0.85 * torch.rand(UNSEEN, generator=generator)
    angle = 2 * math.pi * torch.rand(UNSEEN, generator=generator)
    flat = torch.sqrt(1 - height**2)
    unseen = 3.2 * torch.stack([flat * angle.cos(), flat * angle.sin(), height], dim=1)
    made = []
    for eyes in (spread_viewpoints(TRAINING), unseen):
        viewmats = torch.stack([look_at(eye) for eye in eyes])
        images, _ = still_life(viewmats, K, SIZE, SIZE)
        made.append(Views(viewmats, K.expand(len(eyes), 3, 3), SIZE, SIZE, images))
    return made


class Field:
    """The hash-grid field, trained by compiled loops."""

    name, color, every = "hash-grid field", "#0072b2", 1

    def __init__(self, views, seconds):
        generator = torch.Generator().manual_seed(0)
        self.state = FieldFit(HashField(generator=generator), views, generator)

    def step(self):
        self.state.step()

    def draw(self, viewmat, K):
        return self.state.draw(viewmat, K).color


class Splats:
    """Gaussian splats; their learning rates follow from the number of steps, which is estimated."""

    name, color, every = "Gaussian splats", "#d55e00", 1

    def __init__(self, views, seconds):
        trial = self.make(views, 40)
        start = time.perf_counter()
        for _ in range(40):
            trial.step()
        self.state = self.make(views, max(100, int(40 * seconds / (time.perf_counter() - start))))

    @staticmethod
    def make(views, steps):
        generator = torch.Generator().manual_seed(0)
        return SplatFit(
            random_gaussians(8000, 1.0, sh_degree=2, generator=generator), views, steps, generator
        )

    def step(self):
        self.state.step()

    def draw(self, viewmat, K):
        with torch.no_grad():
            return self.state.draw(viewmat, K)


class Classic:
    """The network of Mildenhall et al. (2020), 8 layers of 256, with PyTorch."""

    name, color, every = "classic 8 x 256 network", "#009e73", 3
    rays, samples, near, far = 512, 64, 1.4, 5.0

    def __init__(self, views, seconds):
        self.generator = torch.Generator().manual_seed(0)
        self.field = MLPField(generator=self.generator)
        self.optimizer = torch.optim.Adam(self.field.parameters(), lr=5e-4)
        rays = [
            get_rays(viewmat, K, SIZE, SIZE)
            for viewmat, K in zip(views.viewmats, views.K, strict=True)
        ]
        self.origins, self.directions = (
            torch.stack([each[k] for each in rays]).reshape(-1, 3) for k in (0, 1)
        )
        self.colors = views.images.permute(0, 2, 3, 1).reshape(-1, 3)

    def render(self, origins, directions, generator=None):
        return render_rays(
            self.field, origins, directions, near=self.near, far=self.far, samples=self.samples,
            background=WHITE, generator=generator, chunk=512,
        ).color  # fmt: skip

    def step(self):
        chosen = torch.randint(len(self.origins), (self.rays,), generator=self.generator)
        seen = self.render(self.origins[chosen], self.directions[chosen], self.generator)
        loss = (seen - self.colors[chosen]).square().mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()

    def draw(self, viewmat, K):
        with torch.no_grad():
            rays = get_rays(viewmat, K, SIZE, SIZE)
            return self.render(*(each[:: self.every, :: self.every] for each in rays))


def score(method, unseen):
    """Mean PSNR over the unseen views."""
    drawn = [method.draw(v, K) for v, K in zip(unseen.viewmats, unseen.K, strict=True)]
    drawn = torch.stack(drawn).permute(0, 3, 1, 2).clamp(0, 1)
    return psnr(drawn, unseen.images[..., :: method.every, :: method.every]).mean().item()


def curve(make, views, unseen, seconds):
    """Seconds of training, and the score then, at each of the marks; and the method."""
    warm = make(views, 1.0)
    for _ in range(20 if make is not Classic else 1):
        warm.step()
    warm.draw(views.viewmats[0], views.K[0])
    method, points, spent = make(views, seconds), [], 0.0
    for mark in [each for each in MARKS if each <= seconds]:
        while spent < mark:
            start = time.perf_counter()
            method.step()
            spent += time.perf_counter() - start
        points.append((spent, score(method, unseen)))
        print(f"{method.name}: {points[-1][1]:.2f} dB after {spent:.1f} s", flush=True)
    return points, method


def samples_a_second(method):
    """Samples along rays that one fused step takes in a second: march to Adam; best of 5 runs."""
    step = method.state._step
    rays = method.state._draw_rays()
    jitter = torch.rand(len(rays[0]), generator=torch.Generator().manual_seed(0))
    best = 0.0
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(50):
            _, samples, _ = step.differentiate(*rays, WHITE, jitter)
            step.take(0.0, 0.0)
        best = max(best, 50 * samples / (time.perf_counter() - start))
    return best


FIRST_STEPS = """
import sys, time, torch
sys.path.insert(0, {folder!r})
import nerf
generator = torch.Generator().manual_seed(0)
viewmats = torch.stack([nerf.look_at((0.0, -3.2, 1.0))])
views = nerf.Views(viewmats, nerf.pinhole(8, 8, 0.8)[None], 8, 8, torch.zeros(1, 3, 8, 8))
start = time.perf_counter()
state = nerf.FieldFit(nerf.HashField(generator=generator), views, generator)
for _ in range(10):
    state.step()
state.draw(views.viewmats[0], views.K[0])
print(time.perf_counter() - start)
"""


def first_steps():
    """Seconds of a process's first ten steps and first picture, without and with numba's cache."""
    code = FIRST_STEPS.replace("{folder!r}", repr(str(Path(__file__).parent)))
    times = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(2):
            done = subprocess.run(
                [sys.executable, "-c", code], env={**os.environ, "NUMBA_CACHE_DIR": folder},
                capture_output=True, text=True, check=True,
            )  # fmt: skip
            times.append(float(done.stdout.split()[-1]))
    return times


def machine():
    """What the numbers were measured on."""
    name, info = platform.processor() or platform.machine(), Path("/proc/cpuinfo")
    if info.exists():
        names = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        name = names[0].split(":")[1].strip() if names else name
    return (
        f"{name}, {os.cpu_count()} cores, {platform.system()}, Python "
        f"{platform.python_version()}, torch {torch.__version__}"
    )


def draw_figure(curves):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for (make, points), marker in zip(curves, "os^", strict=False):
        times, scores = zip(*sorted(set(points)), strict=True)
        axes.plot(times, scores, color=make.color, marker=marker, label=make.name)
    axes.set(
        xscale="log", xlabel="seconds of training, 2 threads", ylabel="PSNR of unseen views, dB",
        title="Learning the still life from 100 pictures of 100 x 100",
    )  # fmt: skip
    axes.set_xticks(MARKS, labels=[f"{mark:g}" for mark in MARKS])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(FIGURE, dpi=110)


def at(points, mark):
    """The score at a mark; nothing if one step of training went far beyond it."""
    pairs = zip(points, MARKS, strict=False)
    found = [f"{value:.1f}" for (spent, value), each in pairs if each == mark > spent / 1.5]
    return found[0] if found else "–"


def load():
    """How many programs wanted a core in the last minute, where the system says so."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def report(methods, seconds):
    """The section of the README, as lines."""
    torch.set_num_threads(2)
    before = load()
    cold, cached = first_steps()
    views, unseen = scene()
    curves, speed = [], 0.0
    for make in methods:
        points, method = curve(make, views, unseen, seconds)
        curves.append((make, points))
        speed = samples_a_second(method) if make is Field else speed
    draw_figure(curves)
    shown = [mark for mark in (1, 3, 10, 30, 60) if mark <= seconds]
    return [
        BEGIN, "## Learning a scene on the CPU", "",
        f"`python benchmarks/nerf.py --write`. {machine()}. 2 threads, one run, load "
        f"{before} at the start and {load()} at the end (above 2, other programs slowed it).", "",
        "PSNR in dB of 8 unseen views of the still life, after so many seconds of training on 100 "
        "pictures of 100 x 100 pixels (the classic network: on every third row and column):", "",
        f"| method | {' | '.join(f'{mark} s' for mark in shown)} |", "|---|" + "---|" * len(shown),
        *(f"| {make.name} | {' | '.join(at(points, mark) for mark in shown)} |"
          for make, points in curves), "",
        f"![PSNR of unseen views over seconds of training, one line for each of the "
        f"{len(curves)} methods]({FIGURE.name})", "",
        f"The fused training step takes {speed / 1e6:.1f} million samples a second (march, look "
        "up, composite, differentiate, Adam; best of 5).", "",
        f"First ten steps and first picture of a process: {cold:.1f} s compiling, {cached:.1f} s "
        "from the cache.", END,
    ]  # fmt: skip


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
    parser.add_argument("--quick", action="store_true", help="the hash-grid field only, for 3 s")
    options = parser.parse_args()
    methods, seconds = ((Field,), 3.0) if options.quick else ((Field, Splats, Classic), 60.0)
    lines = report(methods, seconds)
    print("\n".join(lines))
    if options.write:
        write_section(lines)


if __name__ == "__main__":
    main()
