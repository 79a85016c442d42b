import pytest
import torch

from course_lib import show
from course_lib.rendering import look_at
from course_lib.show.cameras import PLOTLY, pyramids


def test_a_pyramid_begins_at_the_eye_and_opens_towards_the_view():
    viewmat = look_at((0.0, -3.0, 0.0))
    path = pyramids(viewmat[None], 0.5)
    torch.testing.assert_close(path[0], torch.tensor([0.0, -3.0, 0.0]).double())
    torch.testing.assert_close(path[1, 1], torch.tensor(-2.5).double())
    assert path[[7, 13]].isnan().all()
    assert int(path.isnan().any(dim=1).sum()) == 2


def test_the_bundle_has_a_figure_to_turn_and_a_picture_with_text(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw: shown.append(bundle))
    viewmats = torch.stack([look_at((0.0, -3.0, 1.0)), look_at((1.0, -3.0, 1.0))])
    show.cameras(
        viewmats, torch.rand(20, 3), torch.rand(20, 3), true=viewmats, title="Two", alt="A pair."
    )
    (bundle,) = shown
    kinds = [trace["mode"] for trace in bundle[PLOTLY]["data"]]
    assert kinds == ["markers", "lines", "lines"]
    assert len(bundle[PLOTLY]["data"][0]["x"]) == 20
    assert bundle[PLOTLY]["data"][1]["x"][7] is None
    assert 'alt="A pair."' in bundle["text/html"]
    assert bundle["text/plain"] == "A pair."
    with pytest.raises(ValueError, match="alt"):
        show.cameras(viewmats, torch.rand(2, 3), torch.rand(2, 3), title="Two", alt=" ")
