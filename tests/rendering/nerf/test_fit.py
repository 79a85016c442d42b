"""A fit learns, is reproducible, and goes on after a kill as if nothing had happened."""

import math

import pytest
import torch

from course_lib.data import spread_viewpoints, still_life
from course_lib.metrics import psnr
from course_lib.rendering import Views, look_at, pinhole
from course_lib.rendering.nerf import (
    FieldFit,
    HashField,
    MLPField,
    OccupancyGrid,
    fit,
    get_rays,
    render_view,
)

SIZE = 32
SMALL = {"levels": 4, "log2_entries": 12, "finest": 64}


@pytest.fixture(scope="module")
def views():
    viewmats = torch.stack([look_at(eye) for eye in spread_viewpoints(24)])
    K = pinhole(SIZE, SIZE, 0.785)
    images, _ = still_life(viewmats, K, SIZE, SIZE, samples=2)
    return Views(viewmats, K.expand(24, 3, 3), SIZE, SIZE, images)


def generator(seed=7):
    return torch.Generator().manual_seed(seed)


def start(**settings):
    return HashField(generator=generator(0), **(SMALL | settings))


def test_fit_learns_the_scene(views):
    unseen = Views(*(part[::6] for part in views[:2]), SIZE, SIZE, views.images[::6])
    seen = torch.arange(24) % 6 != 0
    training = Views(views.viewmats[seen], views.K[seen], SIZE, SIZE, views.images[seen])
    losses = []
    field, grid = fit(
        start(), training, 400, generator=generator(), progress=False,
        callback=lambda state, loss: losses.append(loss),
    )  # fmt: skip
    options = {"occupancy": grid, "background": torch.ones(3)}
    cameras = zip(unseen.viewmats, unseen.K, strict=True)
    drawn = [render_view(field, *camera, SIZE, SIZE, **options).color for camera in cameras]
    found = psnr(torch.stack(drawn).permute(0, 3, 1, 2), unseen.images)
    assert float(found.mean()) > 20.0
    assert len(losses) == 400 and sum(losses[-20:]) < 0.2 * sum(losses[:20])
    assert 0.01 < float(grid.occupied.float().mean()) < 0.5


def test_rays_are_those_of_get_rays(views):
    state = FieldFit(start(), views, generator(), samples=64)
    state.rays = 500
    before = state.generator.get_state()
    origins, directions, colors = state._draw_rays()
    state.generator.set_state(before)
    pixels = torch.randint(24 * SIZE * SIZE, (500,), generator=state.generator)
    all_rays = [get_rays(v, K, SIZE, SIZE) for v, K in zip(views.viewmats, views.K, strict=True)]
    for found, wanted in (
        (origins, torch.stack([rays[0] for rays in all_rays])),
        (directions, torch.stack([rays[1] for rays in all_rays])),
        (colors, views.images.permute(0, 2, 3, 1)),
    ):
        torch.testing.assert_close(found, wanted.reshape(-1, 3)[pixels])


def test_fit_is_reproducible_by_seed(views):
    one, two = (fit(start(), views, 30, generator=generator(), progress=False) for _ in range(2))
    for a, b in zip(one[0].parameters(), two[0].parameters(), strict=True):
        assert torch.equal(a, b)
    assert torch.equal(one[1].densities, two[1].densities)


def test_resumed_fit_ends_where_an_unbroken_one_does(views, tmp_path):
    path = tmp_path / "fit.pt"

    class KilledError(Exception):
        pass

    def kill(state, _loss):
        if state.done == 70:  # after the last checkpoint at 60
            raise KilledError

    settings = {"progress": False, "checkpoint": path, "checkpoint_every": 30, "samples": 2048}
    with pytest.raises(KilledError):
        fit(start(), views, 120, generator=generator(), callback=kill, **settings)
    resumed = fit(start(), views, 120, generator=torch.Generator(), **settings)
    whole = fit(start(), views, 120, generator=generator(), progress=False, samples=2048)
    for a, b in zip(whole[0].parameters(), resumed[0].parameters(), strict=True):
        assert torch.equal(a, b)
    assert torch.equal(whole[1].occupied, resumed[1].occupied)
    assert not list(tmp_path.glob("*.part"))


def test_the_starting_field_is_left_alone(views):
    field = start()
    before = field.tables.clone()
    fitted, _ = fit(field, views, 3, generator=generator(), progress=False)
    assert torch.equal(field.tables, before) and not torch.equal(fitted.tables, before)


def test_a_scene_in_a_larger_cube(views):
    far = views.viewmats.clone()
    far[:, :3, 3] *= 2.0  # the same pictures, of a scene twice as large
    larger = views._replace(viewmats=far)
    one, two = (
        FieldFit(start(), views, generator()),
        FieldFit(start(bound=2.0), larger, generator()),
    )
    losses = [[state.step() for _ in range(20)] for state in (one, two)]
    # The first density is one per world unit in both, so the larger is denser to begin with.
    assert all(math.isfinite(loss) for row in losses for loss in row)
    assert losses[1][-1] < losses[1][0]


def test_bad_input(views, tmp_path):
    with pytest.raises(ValueError, match=r"^views: got cameras without pictures"):
        FieldFit(start(), views._replace(images=None), generator())
    broken = views.images.clone()
    broken[3, 1, 5, 7] = math.nan
    for change, message in (
        ({"images": views.images[:20]}, r"views\.images: got shape \(20,"),
        ({"width": SIZE + 1}, r"views\.images: got shape"),
        ({"K": views.K[:1]}, r"views\.K: got shape"),
        ({"images": broken}, r"views\.images: got NaN"),
        ({"viewmats": views.viewmats[:0]}, "views: got no cameras"),
    ):
        with pytest.raises(ValueError, match=f"^{message}"):
            FieldFit(start(), views._replace(**change), generator())
    with pytest.raises(TypeError, match=r"^field: got MLPField"):
        FieldFit(MLPField(1, 4, generator=generator()), views, generator())
    with pytest.raises(ValueError, match=r"^samples: got 0"):
        FieldFit(start(), views, generator(), samples=0)
    with pytest.raises(ValueError, match=r"^grid: its bound is 2.0"):
        FieldFit(start(), views, generator(), grid=OccupancyGrid(2.0))
    with pytest.raises(ValueError, match=r"^steps: got 0"):
        fit(start(), views, 0, generator=generator())
    path = tmp_path / "fit.pt"
    FieldFit(start(), views, generator(), samples=512).save(path)
    with pytest.raises(ValueError, match="was saved by 512"):
        FieldFit(start(), views, generator(), samples=1024).resume(path)
    with pytest.raises(ValueError, match="a field of another size"):
        FieldFit(start(levels=2), views, generator(), samples=512).resume(path)
    with pytest.raises(FileNotFoundError):
        FieldFit(start(), views, generator()).resume(tmp_path / "nowhere.pt")
