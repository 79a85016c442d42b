"""``make course``: everything once, on this machine, in one HTML report."""

import html
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from course_lib.grading import report

if TYPE_CHECKING:
    from torch import Tensor

    from course_lib.rendering import Views

UNIT = "04_classical_inpainting"


def tour(root: Path) -> Path:
    """Make exercises, a lecture, a graded class, repairs, a fitted scene; return the report."""
    build = root / "build"
    build.mkdir(exist_ok=True)
    took: dict[str, float] = {}
    sections: dict[str, str] = {}
    steps: tuple[tuple[str, Callable[[Path, Path], str]], ...] = (
        ("The exercises", _exercises),
        ("The lecture", _lecture),
        ("The class", _class),
        ("Repaired pictures", _repairs),
        ("A scene of splats", _scene),
    )
    for name, step in steps:
        with _timed(name, took):
            sections[name] = step(root, build)
    rows = [[name, f"{seconds:.1f} s"] for name, seconds in took.items()]
    sections["How long it took"] = report.table("On this machine", ["Step", "Time"], rows)
    path = build / "report.html"
    path.write_text(report.page("The course, run once", sections))
    for name, seconds in took.items():
        print(f"  {name:<20} {seconds:6.1f} s")
    print(f"The report: {path.relative_to(root)}")
    return path


@contextmanager
def _timed(name: str, took: dict[str, float]) -> Iterator[None]:
    start = time.perf_counter()
    yield
    took[name] = time.perf_counter() - start


def _exercises(root: Path, build: Path) -> str:
    from tqdm import tqdm

    from course_lib.grading.release import release
    from course_lib.notebooks import units

    with tqdm(units(root), desc="Exercises from solutions", unit="unit") as bar:
        written = release(root, done=lambda _unit: bar.update())
    links = "".join(
        f'<li><a href="../{path.relative_to(root)}">{path.stem}</a></li>' for path in written
    )
    return f"<p>Written from <code>solutions/</code>:</p><ul>{links}</ul>"


def _lecture(root: Path, build: Path) -> str:
    from nbconvert import HTMLExporter
    from tqdm import tqdm

    from course_lib.notebooks import run

    lecture = root / "lectures" / f"{UNIT}.ipynb"
    with tqdm(desc=f"Lecture {UNIT}", unit="cell") as bar:

        def done(cell: int, cells: int) -> None:
            bar.total = cells
            bar.update(cell - bar.n)

        book = run(lecture, lecture.parent, done=done)
        bar.update((bar.total or bar.n) - bar.n)
    page, _ = HTMLExporter().from_notebook_node(book)
    (build / f"{UNIT}.html").write_text(page)
    return f'<p>Run from the first cell to the last: <a href="{UNIT}.html">{UNIT}</a>.</p>'


def _class(root: Path, build: Path) -> str:
    from tqdm import tqdm

    from course_lib.grading.classroom import grade_class, read_one
    from course_lib.grading.doctor import refusal
    from course_lib.grading.sample_class import sample_class

    notebooks = sample_class(
        root / "solutions" / UNIT / f"{UNIT}.ipynb",
        root / "exercises" / UNIT / f"{UNIT}.ipynb",
        build / "sample_class",
    )
    handed = [read_one(student, path) for student, path in notebooks.items()]
    why = refusal()
    with tqdm(total=len(handed), desc="Grading the sample class", unit="student") as bar:
        grades = grade_class(
            root, UNIT, handed, isolated=not why, done=lambda _handed, _grade: bar.update()
        )
    told = f"without a sandbox, since we wrote these ourselves ({why})" if why else "in the sandbox"
    return f"<p>Graded {html.escape(told)}.</p>{report.class_section(UNIT, grades)}"


def _repairs(root: Path, build: Path) -> str:
    from tqdm import tqdm

    from course_lib import show
    from course_lib.metrics import psnr, ssim
    from course_lib.show.figures import png

    show.use_style()
    for repair in repair_methods().values():  # compile before the clock runs
        repair(*damaged_pictures(32)[0][1:])
    rows, shown = [], []
    for name, image, mask in tqdm(damaged_pictures(), desc="Repairing pictures", unit="picture"):
        named = {"damaged": image.masked_fill(mask, 1.0)}
        for method, repair in repair_methods().items():
            start = time.perf_counter()
            repaired = repair(image, mask)
            seconds = time.perf_counter() - start
            near, alike = psnr(repaired, image, mask).item(), ssim(repaired, image, mask).item()
            rows.append([name, method, near, alike, f"{seconds:.2f} s"])
            named[f"{method}\n{near:.1f} dB, {alike:.2f}"] = repaired
        drawn = show.pictures({**named, "original": image}, title=name, columns=6)
        text = f"{name}: damaged, repaired by {', '.join(repair_methods())}, and the original."
        shown.append(f'<p><img alt="{text}" src="data:image/png;base64,{png(drawn)}"></p>')
    head = ["Picture", "Method", "PSNR in the hole (dB)", "SSIM in the hole", "Time"]
    return "".join(shown) + report.table("Repairs, measured inside the hole", head, rows)


def damaged_pictures(size: int = 96) -> list[tuple[str, "Tensor", "Tensor"]]:
    """Name, picture (1, 3, H, W) and mask (1, 1, H, W) of each repair."""
    import torch

    from course_lib import data

    hole = data.centre_mask(size, size, 0.3)
    words = data.text_mask("repair\nme", size, size)
    generator = torch.Generator().manual_seed(4)
    scratches = data.scratch_mask(1, size, size, generator=generator, thickness=max(1, size / 48))
    return [
        ("A smooth gradient", data.gradient_picture(size), hole),
        ("An edge", data.edge_picture(size), hole),
        ("Brick", data.texture("brick", size), hole),
        ("Grass", data.texture("grass", size), hole),
        ("A photograph with text over it", data.photo("chelsea", size), words),
        ("A scratched photograph", data.photo("astronaut", size), scratches),
    ]


def repair_methods() -> dict[str, Callable[["Tensor", "Tensor"], "Tensor"]]:
    """The classical methods by name, each from picture and mask to picture."""
    from course_lib import inpainting

    return {
        "harmonic": inpainting.harmonic_inpaint,
        "biharmonic": inpainting.biharmonic_inpaint,
        "exemplar": inpainting.exemplar_inpaint,
        "hybrid": inpainting.hybrid_inpaint,
    }


FIT_STEPS = 800


def _scene(root: Path, build: Path) -> str:
    """Fit splats to pictures of a still life, and judge them from viewpoints they never saw."""
    import torch

    from course_lib import show
    from course_lib.metrics import psnr
    from course_lib.rendering.splats import SplatFit, fit, random_gaussians, write_ply
    from course_lib.show.figures import png
    from course_lib.show.splats import splat_viewer_html

    seen, unseen = _still_life_views(48), _still_life_views(4)
    generator = torch.Generator().manual_seed(0)
    start = random_gaussians(4000, 0.95, sh_degree=1, generator=generator)
    scene = fit(start, seen, FIT_STEPS, generator=generator)
    with torch.no_grad():
        draw = SplatFit(scene, unseen, 1, generator).draw
        drawn = [draw(*camera) for camera in zip(unseen.viewmats, unseen.K, strict=True)]
    images = torch.stack(drawn).permute(0, 3, 1, 2).clamp(0, 1)
    quality = psnr(images, unseen.images)
    named = {f"unseen view {i + 1}": each for i, each in enumerate(unseen.images)}
    named |= {f"its splats: {q:.1f} dB": each for q, each in zip(quality, images, strict=True)}
    figure = png(show.pictures(named, title=f"{len(scene)} splats after {FIT_STEPS} steps"))
    write_ply(build / "scene.ply", scene)
    (build / "scene.html").write_text(splat_viewer_html(scene, title="The fitted still life"))
    return (
        f"<p>Mean over viewpoints that the fit never saw: {quality.mean():.1f} dB. "
        '<a href="scene.html">Walk around it</a>, or open <a href="scene.ply">scene.ply</a> in '
        "another viewer.</p>"
        '<p><img alt="Four pictures of a still life above, and below the same drawn by the fitted '
        f'splats." src="data:image/png;base64,{figure}"></p>'
    )


def _still_life_views(count: int, size: int = 80) -> "Views":
    """Pictures of the still life from viewpoints spread around it."""
    import torch

    from course_lib.data import spread_viewpoints, still_life
    from course_lib.rendering import Views, look_at, pinhole

    viewmats = torch.stack([look_at(eye) for eye in spread_viewpoints(count)])
    K = pinhole(size, size, 0.785)
    images, _ = still_life(viewmats, K, size, size, samples=3)
    return Views(viewmats, K.expand(count, 3, 3), size, size, images)
