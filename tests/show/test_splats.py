"""The viewer in a real browser shows what the rasteriser draws."""

import html
import math
import re
import time

import numpy as np
import pytest
import torch

from course_lib.data import spread_viewpoints, trace_still_life
from course_lib.metrics import ssim
from course_lib.rendering import look_at
from course_lib.rendering.splats import from_points, random_gaussians, rasterize
from course_lib.rendering.splats.dot_splat import splat_bytes, write_splat
from course_lib.show.splats import splat_viewer, splat_viewer_html

SHUT = "border: 0; width: 240px; height: 0"
SIZE, FIELD, EYE = 240, 0.8, (1.2, -2.6, 1.4)


@pytest.fixture(scope="module")
def scene():
    """400 splats on the surfaces of the still life."""
    eyes = spread_viewpoints(400).repeat_interleave(4, dim=0)
    generator = torch.Generator().manual_seed(0)
    aims = torch.rand(len(eyes), 3, generator=generator) * 1.2 - torch.tensor([0.6, 0.6, 0.8])
    directions = torch.nn.functional.normalize(aims - eyes, dim=-1)
    colors, distances = trace_still_life(eyes, directions)
    hit = distances.isfinite().nonzero()[:400, 0]
    points = eyes[hit] + distances[hit, None] * directions[hit]
    return from_points(points, colors[hit], opacity=0.95)


def opened(browser, path):
    page = browser.new_page(viewport={"width": SIZE, "height": SIZE})
    page.faults = []
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on("console", lambda m: page.faults.append(m.text) if m.type == "error" else None)
    page.goto(path.as_uri())
    return page


def picture(page, tmp_path):
    """What the page shows once two screenshots in a row are equal, (1, 3, H, W)."""
    from PIL import Image

    before = None
    for number in range(40):
        time.sleep(0.5)
        path = tmp_path / f"{number}.png"
        page.screenshot(path=path)
        pixels = np.asarray(Image.open(path).convert("RGB"))
        if before is not None and pixels.std() > 5 and np.array_equal(before, pixels):
            break
        before = pixels
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255


def drawn(scene):
    focal = 0.5 / math.tan(FIELD / 2) * SIZE
    K = torch.tensor([[focal, 0, SIZE / 2], [0, focal, SIZE / 2], [0, 0, 1.0]])
    image, _ = rasterize(
        scene.means,
        scene.quats,
        scene.scales,
        scene.opacities,
        scene.sh,
        look_at(EYE),
        K,
        SIZE,
        SIZE,
        sh_degree=0,
        background=torch.ones(3),
    )
    return image.permute(2, 0, 1)[None]


def test_page_shows_what_the_rasteriser_draws(scene, browser, tmp_path):
    path = tmp_path / "viewer.html"
    path.write_text(splat_viewer_html(scene, eye=EYE, field_of_view=FIELD))
    page = opened(browser, path)
    page.evaluate("document.querySelector('p').style.display = 'none'")
    shown = picture(page, tmp_path)
    assert not page.faults
    assert ssim(shown, drawn(scene)).item() > 0.9
    page.keyboard.press("Tab")
    page.locator("canvas").press("ArrowRight")
    turned = picture(page, tmp_path)
    assert (turned - shown).abs().mean() > 0.01, "the arrow keys orbit"
    page.close()


def test_faint_splats_lose_their_rims(browser, tmp_path):
    """gsplat.js cuts every splat off where it has fallen to e^-4, the rasteriser at 1/255.

    Where a picture is nothing but faint overlapping splats the two agree less, so the bound is
    lower here: 0.88 was measured.
    """
    cloud = random_gaussians(400, 0.8, generator=torch.Generator().manual_seed(0))
    cloud.logit_opacities = torch.linspace(-2.0, 3.0, 400)
    cloud.log_scales = cloud.log_scales - 0.4
    path = tmp_path / "cloud.html"
    path.write_text(splat_viewer_html(cloud, eye=EYE, field_of_view=FIELD))
    page = opened(browser, path)
    page.evaluate("document.querySelector('p').style.display = 'none'")
    assert ssim(picture(page, tmp_path), drawn(cloud)).item() > 0.85
    page.close()


def test_notebook_output_works_inside_its_sandboxed_frame(scene, browser, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr("IPython.display.display", lambda data, **_: seen.append(data))
    splat_viewer(scene, height=SIZE, eye=EYE, field_of_view=FIELD)
    path = tmp_path / "output.html"
    path.write_text(f'<body style="margin:0">{seen[0]["text/html"]}</body>')
    page = opened(browser, path)
    picture(page, tmp_path)
    frame = page.frames[1]
    assert int(frame.evaluate("document.body.dataset.frames")) > 2
    assert "WebGL 2:" not in frame.evaluate("document.querySelector('p').textContent")
    assert not page.faults
    assert "400 Gaussians" in seen[0]["text/plain"]
    page.close()


def test_a_frame_without_a_size_at_first_is_drawn_once_it_has_one(scene, browser, tmp_path):
    """JupyterLab hides outputs while it lays a notebook out, and those of other tabs."""
    page_text = splat_viewer_html(scene, eye=EYE, field_of_view=FIELD)
    frame = f'<iframe sandbox="allow-scripts" srcdoc="{html.escape(page_text)}"></iframe>'
    path = tmp_path / "hidden.html"
    path.write_text(f"<style>body {{ margin: 0 }} iframe {{ {SHUT} }}</style>{frame}")
    page = opened(browser, path)
    page.frames[1].wait_for_function("document.querySelector('canvas').clientHeight === 0")
    page.frames[1].evaluate("new Promise(done => setTimeout(done, 500))")
    page.add_style_tag(content=f"iframe {{ height: {SIZE}px !important }}")
    page.frames[1].wait_for_selector("body[data-frames]")
    page.frames[1].evaluate("document.querySelector('p').style.display = 'none'")
    assert ssim(picture(page, tmp_path), drawn(scene)).item() > 0.9
    assert not page.faults
    page.close()


def test_page_stands_alone_and_carries_its_licence(scene):
    page = splat_viewer_html(scene, title="a < b")
    assert not re.search(r'(src|href)="http', page)
    assert "<title>a &lt; b</title>" in page
    assert 'aria-label="a &lt; b: 400 Gaussians' in page
    assert "MIT licence" in page


def test_dot_splat_rows_by_hand(scene, tmp_path):
    path = tmp_path / "scene.splat"
    write_splat(path, scene)
    raw = path.read_bytes()
    assert raw == splat_bytes(scene) and len(raw) == 32 * len(scene)
    weight = scene.opacities * scene.scales.prod(dim=-1)
    first = int(weight.argmax())
    assert np.allclose(np.frombuffer(raw[:12], "<f4"), scene.means[first])
    assert np.allclose(np.frombuffer(raw[12:24], "<f4"), scene.scales[first])
    assert raw[27] == round(float(scene.opacities[first]) * 255)
    quaternion = (np.frombuffer(raw[28:32], "u1").astype(float) - 128) / 128
    unit = torch.nn.functional.normalize(scene.quats[first], dim=0).numpy()
    assert np.abs(quaternion - unit).max() < 0.01


def test_bad_input(scene):
    empty = random_gaussians(0, 1.0, generator=torch.Generator())
    with pytest.raises(ValueError, match="gaussians: got none"):
        splat_viewer_html(empty)
    with pytest.raises(ValueError, match="eye"):
        splat_viewer_html(scene, eye=(0, 0, 0))
    with pytest.raises(ValueError, match="field_of_view"):
        splat_viewer_html(scene, field_of_view=4.0)
