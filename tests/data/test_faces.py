import math

import pytest
import torch
from PIL import Image

from course_lib.data.faces import (
    ATTRIBUTES,
    HAIR_STYLES,
    RANGES,
    Faces,
    draw_faces,
    faces,
    sample_attributes,
)
from course_lib.data.online import OfflineError

PLAIN = {
    "glasses": False,
    "hair_style": "none",
    "hair_color": "brown",
    "smile": 0.0,
    "yaw": 0.0,
    "eye_openness": 0.8,
    "face_width": 0.0,
    "skin_tone": 0.2,
    "background": 0.6,
    "shirt": 0.3,
}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def plain(count=1, **changes):
    return sample_attributes(count, generator=seeded(), **(PLAIN | changes))


def rows(images, low, high):
    """The stripe of the pictures between two heights, in [-1, 1]."""
    height = images.shape[-2]
    return images[..., int((low + 1) / 2 * height) : math.ceil((high + 1) / 2 * height), :]


@pytest.mark.parametrize("size", [16, 32, 33, 64, 128])
def test_pictures_are_a_batch_in_range(size):
    images, attributes = faces(5, size, generator=seeded())
    assert images.shape == (5, 3, size, size)
    assert images.dtype == torch.float32
    assert images.min() >= 0 and images.max() <= 1
    assert set(attributes) == set(ATTRIBUTES)
    assert all(value.shape == (5,) for value in attributes.values())


def test_types_and_ranges_of_the_attributes():
    attributes = sample_attributes(2000, generator=seeded())
    assert attributes["glasses"].dtype == torch.bool
    assert attributes["hair_style"].unique().tolist() == list(range(len(HAIR_STYLES)))
    for name, (low, high) in RANGES.items():
        value = attributes[name]
        assert value.dtype == torch.float32
        assert low <= value.min() < low + 0.01 * (high - low) + 0.01
        assert high - 0.02 < value.max() <= high


def test_attributes_are_independent():
    attributes = sample_attributes(20_000, generator=seeded())
    table = torch.stack([value.float() for value in attributes.values()])
    correlation = torch.corrcoef(table) - torch.eye(len(table))
    assert correlation.abs().max() < 0.04


def test_same_seed_same_faces_and_the_global_generator_is_left_alone():
    before = torch.get_rng_state()
    first, again, other = (faces(3, generator=seeded(seed)).images for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(before, torch.get_rng_state())


def test_same_attributes_same_pictures_alone_or_in_a_batch():
    attributes = sample_attributes(150, generator=seeded())
    images = draw_faces(attributes, 32)  # in two chunks
    alone = {name: value[140:141] for name, value in attributes.items()}
    torch.testing.assert_close(draw_faces(alone, 32), images[140:141])


def test_attributes_are_not_changed_by_drawing():
    attributes = sample_attributes(2, generator=seeded())
    kept = {name: value.clone() for name, value in attributes.items()}
    draw_faces(attributes)
    assert all(torch.equal(attributes[name], kept[name]) for name in kept)


def test_fixing_one_attribute_changes_that_one_alone():
    free = faces(6, generator=seeded(3))
    held = faces(6, generator=seeded(3), glasses=True)
    assert held.attributes["glasses"].all()
    for name in set(ATTRIBUTES) - {"glasses"}:
        assert torch.equal(free.attributes[name], held.attributes[name])
    same = free.attributes["glasses"]
    assert torch.equal(free.images[same], held.images[same])


@pytest.mark.parametrize("size", [32, 64])
@pytest.mark.parametrize(
    ("change", "low", "high"),
    [
        ({"glasses": True}, -0.25, 0.25),
        ({"smile": 1.0}, 0.2, 0.75),
        ({"smile": -1.0}, 0.2, 0.75),
        ({"eye_openness": 0.0}, -0.2, 0.2),
    ],
)
def test_an_edit_is_seen_where_it_belongs_and_nowhere_else(size, change, low, high):
    difference = (draw_faces(plain(**change), size) - draw_faces(plain(), size)).abs()
    inside = rows(difference, low, high).sum()
    assert inside > 0.999 * difference.sum()
    assert difference.amax(dim=1).gt(0.2).float().mean() > 0.004


@pytest.mark.parametrize(
    "change", [{"hair_style": "long"}, {"yaw": 1.0}, {"skin_tone": 1.0}, {"background": 0.1}]
)
def test_large_edits_are_seen(change):
    difference = (draw_faces(plain(**change)) - draw_faces(plain())).abs().amax(dim=1)
    assert difference.gt(0.1).float().mean() > 0.05


def test_a_face_that_looks_ahead_is_symmetric_but_for_the_light():
    image = draw_faces(plain(), 64)
    assert (image - image.flip(-1)).abs().mean() < 0.03


def test_the_mouth_bends_the_way_of_the_smile():
    """Redness of the lips: corners above the middle for a smile, below it for a frown."""
    for smile in (-0.9, 0.15, 0.9):
        image = draw_faces(plain(smile=smile, skin_tone=0.0), 128)[0]
        redness = (image[0] - image[1] - 0.25).clamp(min=0)[80:108]
        height = torch.arange(28.0)[:, None]
        level = (redness * height).sum(dim=0) / redness.sum(dim=0).clamp(min=1e-6)
        corner, middle = level[51:53].mean(), level[62:66].mean()
        assert (middle - corner) * smile > 0


def test_the_turn_moves_the_features_its_way():
    """Dark pixels of the eyes and brows of a bald, light face."""
    places = []
    for yaw in (-1.0, 0.0, 1.0):
        image = draw_faces(plain(yaw=yaw, skin_tone=0.0), 64)[0]
        dark = (0.5 - image.mean(dim=0)).clamp(min=0)[24:36]
        places.append((dark * torch.arange(64.0)).sum() / dark.sum())
    assert places[0] < places[1] - 4 and places[2] > places[1] + 4
    assert places[1] == pytest.approx(31.5, abs=0.7)


def test_skin_runs_from_light_to_dark():
    tones = draw_faces(plain(6, skin_tone=torch.linspace(0, 1, 6)), 32)
    forehead = tones[:, :, 9:11, 15:17].mean(dim=(1, 2, 3))
    assert (forehead.diff() < -0.05).all()


@pytest.mark.parametrize("name", ["smile", "yaw", "eye_openness", "face_width", "skin_tone"])
def test_gradient_against_finite_differences(name):
    attributes = sample_attributes(2, generator=seeded(5), yaw=0.3, skin_tone=0.5)
    attributes[name] = attributes[name].clone().requires_grad_()
    weight = torch.rand(1, 3, 32, 32, generator=seeded())

    def total(shift):
        moved = attributes | {name: attributes[name] + shift}
        return (weight * draw_faces(moved, 32)).double().sum()

    total(0.0).backward()
    with torch.no_grad():
        numeric = (total(2e-3) - total(-2e-3)) / 4e-3
    torch.testing.assert_close(attributes[name].grad.sum().double(), numeric, rtol=0.1, atol=0.1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("glasses", 1),
        ("glasses", "yes"),
        ("smile", 1.5),
        ("smile", float("nan")),
        ("smile", True),
        ("smile", None),
        ("smile", [0.1, 0.2, 0.3]),
        ("hair_style", 4),
        ("hair_style", 1.0),
        ("hair_style", "mohawk"),
        ("hair_color", -1),
    ],
)
def test_bad_values_name_their_attribute(name, value):
    with pytest.raises(ValueError, match=f"^{name} must be"):
        faces(2, generator=seeded(), **{name: value})


def test_bad_arguments():
    with pytest.raises(ValueError, match="count"):
        faces(0, generator=seeded())
    with pytest.raises(ValueError, match="size"):
        faces(1, 8, generator=seeded())
    with pytest.raises(ValueError, match="generator"):
        faces(1, generator=None)
    with pytest.raises(ValueError, match="source must be one of procedural, celeba"):
        faces(1, generator=seeded(), source="lfw")
    with pytest.raises(ValueError, match=r"attribute must be one of .*got 'beard'"):
        faces(1, generator=seeded(), beard=True)


def test_draw_faces_wants_all_attributes_of_one_length():
    attributes = plain(2)
    with pytest.raises(ValueError, match="attributes must hold"):
        draw_faces({"smile": torch.zeros(2)})
    with pytest.raises(ValueError, match="attributes must hold"):
        draw_faces(attributes | {"hat": torch.zeros(2)})
    with pytest.raises(ValueError, match=r"yaw must be one value or have shape \(2,\)"):
        draw_faces(attributes | {"yaw": torch.zeros(3)})


@pytest.fixture
def celeba_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    return tmp_path / "celeba"


def write_celeba(folder, monkeypatch):
    """Four photographs in CelebA's layout, three of them for training."""
    from torchvision.datasets import CelebA

    (folder / "img_align_celeba").mkdir(parents=True)
    names = [f"{i:06d}.jpg" for i in range(1, 5)]
    for i, name in enumerate(names):
        Image.new("RGB", (178, 218), (60 * i, 60 * i, 60 * i)).save(
            folder / "img_align_celeba" / name
        )

    def write(file, values, header=""):
        lines = "".join(f"{name} {value}\n" for name, value in zip(names, values, strict=True))
        (folder / file).write_text(header + lines)

    write("list_eval_partition.txt", [0, 0, 0, 2])
    write("identity_CelebA.txt", [1, 2, 3, 4])
    write("list_bbox_celeba.txt", ["0 0 9 9"] * 4, "4\nimage_id x_1 y_1 width height\n")
    write("list_landmarks_align_celeba.txt", ["1 2"] * 4, "4\nlefteye_x lefteye_y\n")
    write("list_attr_celeba.txt", ["1 -1", "-1  1", "1  1", "1 1"], "4\nEyeglasses Smiling \n")
    monkeypatch.setattr(CelebA, "_check_integrity", lambda self: True)  # it wants the real sums


def test_celeba_is_read_from_the_cache_folder(celeba_folder, monkeypatch):
    write_celeba(celeba_folder, monkeypatch)
    found = faces(3, 24, generator=seeded(), source="celeba")
    assert isinstance(found, Faces) and found.images.shape == (3, 3, 24, 24)
    assert set(found.attributes) == {"glasses", "smiling"}
    level = (found.images.mean(dim=(1, 2, 3)) * 255 / 60).round().int().tolist()
    assert sorted(level) == [0, 1, 2]
    expected = {0: (True, False), 1: (False, True), 2: (True, True)}
    attributes = zip(*(found.attributes[n].tolist() for n in ("glasses", "smiling")), strict=True)
    assert [expected[i] for i in level] == list(attributes)


def test_celeba_selects_by_attribute(celeba_folder, monkeypatch):
    write_celeba(celeba_folder, monkeypatch)
    held = faces(1, generator=seeded(), source="celeba", glasses=True, smiling=True)
    assert held.images.mean() == pytest.approx(120 / 255, abs=0.02)
    with pytest.raises(ValueError, match="count must be at most 2"):
        faces(3, generator=seeded(), source="celeba", glasses=True)
    with pytest.raises(ValueError, match="attribute must be one of"):
        faces(1, generator=seeded(), source="celeba", beard=True)
    with pytest.raises(ValueError, match="smiling must be True or False"):
        faces(1, generator=seeded(), source="celeba", smiling=0.5)


def test_celeba_offline(celeba_folder, monkeypatch):
    import torchvision.datasets.celeba as module

    def fail(*arguments, **options):
        raise OSError("no network")

    monkeypatch.setattr(module, "download_file_from_google_drive", fail)
    with pytest.raises(OfflineError, match=r"CelebA is not in .*no network") as caught:
        faces(1, generator=seeded(), source="celeba")
    assert 'source="procedural"' in str(caught.value)
