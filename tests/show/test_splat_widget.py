"""The live viewer on Python's side; tests/browser has it in JupyterLab."""

import math

import pytest
import torch
import traitlets

from course_lib import show
from course_lib.rendering import look_at
from course_lib.rendering.splats import random_gaussians, rasterize
from course_lib.show.splats import splat_viewer_html

EYE, TARGET = (1.0, -2.5, 1.2), (0.1, 0.0, 0.2)


@pytest.fixture(scope="module")
def scene():
    scene = random_gaussians(200, 1.0, generator=torch.Generator().manual_seed(0), sh_degree=2)
    scene.sh = scene.sh + 0.3 * torch.randn(scene.sh.shape, generator=torch.Generator())
    return scene


def test_it_shows_the_page_of_the_viewer(scene):
    view = {"eye": EYE, "target": TARGET, "background": "#fff", "title": "Splats"}
    widget = show.SplatWidget(scene, height=300, **view)
    assert widget.page == splat_viewer_html(scene, **view)
    assert (widget.eye, widget.height) == (list(EYE), 300)
    assert set(widget.get_state()) >= {"page", "height", "eye", "_esm"}
    assert "http" not in widget._esm


def test_picture_is_the_rasterisers_from_where_the_reader_stands(scene):
    widget = show.SplatWidget(scene, target=TARGET, field_of_view=1.0)
    widget.set_state({"eye": list(EYE)})  # as the browser does
    focal = 0.5 * 40 / math.tan(0.5)
    K = torch.tensor([[focal, 0, 30], [0, focal, 20], [0, 0, 1]])
    shape = (scene.means, scene.quats, scene.scales, scene.opacities, scene.sh)
    image, _ = rasterize(
        *shape, look_at(EYE, TARGET), K, 60, 40, sh_degree=2, background=torch.ones(3)
    )
    drawn = widget.picture(60, 40)
    assert drawn.shape == (3, 40, 60) and not drawn.requires_grad
    assert torch.equal(drawn, image.permute(2, 0, 1).clamp(0, 1))
    assert drawn.std() > 0.05
    assert not torch.equal(widget.picture(60, 40, sh_degree=0), drawn)


def test_picture_has_the_viewers_background(scene):
    widget = show.SplatWidget(scene, eye=(0, -40, 0), background="#0072b2")
    corner = widget.picture(20, 20)[:, 0, 0]
    assert torch.allclose(corner, torch.tensor([0, 0x72, 0xB2]) / 255)


def test_python_follows_the_reader(scene):
    widget, seen = show.SplatWidget(scene), []
    widget.observe(lambda change: seen.append(change.new), "eye")
    widget.set_state({"eye": [0, 1, 2]})
    assert seen == [[0.0, 1.0, 2.0]]


@pytest.mark.parametrize("eye", [(1, 2), "here", (1, 2, math.nan), TARGET, None])
def test_an_eye_that_cannot_be_is_refused_and_the_old_one_stays(scene, eye):
    widget = show.SplatWidget(scene, eye=EYE, target=TARGET)
    with pytest.raises(traitlets.TraitError, match="eye"):
        widget.eye = eye
    assert widget.eye == list(EYE)


def test_bad_input_is_refused_as_by_the_viewer(scene):
    with pytest.raises(ValueError, match="field_of_view"):
        show.SplatWidget(scene, field_of_view=4.0)
    with pytest.raises(ValueError, match="eye"):
        show.SplatWidget(scene, eye=TARGET, target=TARGET)
