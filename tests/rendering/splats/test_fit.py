"""A fit learns, is reproducible, and goes on after a kill as if nothing had happened."""

import math

import pytest
import torch

from course_lib.data import spread_viewpoints, still_life
from course_lib.metrics import psnr
from course_lib.rendering import Views, look_at, pinhole
from course_lib.rendering.splats import random_gaussians
from course_lib.rendering.splats.fit import SplatFit, fit, photometric_loss

SIZE = 24


@pytest.fixture(scope="module")
def views():
    viewmats = torch.stack([look_at(eye) for eye in spread_viewpoints(12)])
    K = pinhole(SIZE, SIZE, 0.785)
    images, _ = still_life(viewmats, K, SIZE, SIZE, samples=2)
    return Views(viewmats, K.expand(12, 3, 3), SIZE, SIZE, images)


def start(seed=0, count=200):
    return random_gaussians(count, 1.0, generator=torch.Generator().manual_seed(seed))


def generator():
    return torch.Generator().manual_seed(7)


def quality(scene, views):
    state = SplatFit(scene, views, 1, generator())
    with torch.no_grad():
        drawn = [state.draw(v, K) for v, K in zip(views.viewmats, views.K, strict=True)]
    return psnr(torch.stack(drawn).permute(0, 3, 1, 2), views.images).mean().item()


def test_loss_by_hand():
    black, grey = torch.zeros(16, 16, 3), torch.full((16, 16, 3), 0.25)
    assert photometric_loss(black, grey, ssim_weight=0.0).item() == pytest.approx(0.25)
    similarity = 0.01**2 / (0.25**2 + 0.01**2)  # two flat pictures: only the means differ
    wanted = 0.8 * 0.25 + 0.2 * (1 - similarity)
    assert photometric_loss(black, grey).item() == pytest.approx(wanted, abs=1e-5)


def test_fit_learns_the_scene(views):
    scene = fit(start(), views, 200, generator=generator(), progress=False)
    assert quality(scene, views) > quality(start(), views) + 8
    assert not scene.means.requires_grad


def test_fit_is_reproducible_by_seed(views):
    one, two = (fit(start(), views, 30, generator=generator(), progress=False) for _ in range(2))
    for name, value in one.parameters().items():
        assert torch.equal(value, two.parameters()[name]), name


def test_resumed_fit_ends_where_an_unbroken_one_does(views, tmp_path):
    path = tmp_path / "fit.pt"

    class KilledError(Exception):
        pass

    def kill(state, _loss):
        if state.done == 230:  # after the last checkpoint at 220, and after relocations
            raise KilledError

    settings = {"progress": False, "checkpoint": path, "checkpoint_every": 110}
    with pytest.raises(KilledError):
        fit(start(), views, 400, generator=generator(), callback=kill, **settings)
    resumed = fit(start(), views, 400, generator=torch.Generator(), **settings)
    whole = fit(start(), views, 400, generator=generator(), progress=False)
    for name, value in whole.parameters().items():
        assert torch.equal(value, resumed.parameters()[name]), name
    assert not list(tmp_path.glob("*.part"))


def test_learning_rate_falls_to_its_last_value(views):
    state = SplatFit(start(count=20), views, 4, generator())
    rates = []
    for _ in range(4):
        state.step()
        rates.append(state.optimizer.param_groups[0]["lr"])
    assert rates[0] == pytest.approx(4e-3)
    assert rates[3] / rates[0] == pytest.approx(0.03 ** (3 / 4))


def test_the_starting_gaussians_are_left_alone(views):
    scene = start(count=20)
    before = scene.means.clone()
    fit(scene, views, 3, generator=generator(), progress=False)
    assert torch.equal(scene.means, before)


def test_bad_input(views, tmp_path):
    with pytest.raises(ValueError, match="cameras without pictures"):
        SplatFit(start(), views._replace(images=None), 10, generator())
    with pytest.raises(ValueError, match="steps: got 0"):
        SplatFit(start(), views, 0, generator())
    path = tmp_path / "fit.pt"
    SplatFit(start(), views, 10, generator()).save(path)
    with pytest.raises(ValueError, match="was saved by 10"):
        SplatFit(start(), views, 11, generator()).resume(path)
    with pytest.raises(FileNotFoundError):
        SplatFit(start(), views, 10, generator()).resume(tmp_path / "nowhere.pt")
    assert math.isfinite(SplatFit(start(count=1), views, 1, generator()).step())
