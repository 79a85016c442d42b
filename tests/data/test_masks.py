import pytest
import torch

from course_lib.data.masks import (
    block_mask,
    centre_mask,
    half_mask,
    scratch_mask,
    stroke_mask,
    text_mask,
)

DRAWN = [block_mask, stroke_mask, scratch_mask]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def share(mask):
    return mask.float().mean(dim=(1, 2, 3))


@pytest.mark.parametrize("draw", DRAWN)
def test_shape_type_and_seed(draw):
    mask = draw(3, 24, 40, generator=seeded(1))
    assert mask.shape == (3, 1, 24, 40)
    assert mask.dtype == torch.bool
    assert mask.flatten(1).any(dim=1).all()
    assert torch.equal(mask, draw(3, 24, 40, generator=seeded(1)))
    assert not torch.equal(mask, draw(3, 24, 40, generator=seeded(2)))


@pytest.mark.parametrize("draw", DRAWN)
def test_the_global_generator_is_left_alone(draw):
    before = torch.get_rng_state()
    draw(2, 16, 16, generator=seeded())
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("draw", [block_mask, stroke_mask])
@pytest.mark.parametrize("area", [(0.05, 0.1), (0.25, 0.25), (0.4, 0.6), (1, 1)])
def test_the_area_lies_in_the_wanted_range(draw, area):
    found = share(draw(12, 32, 24, generator=seeded(), area=area))
    assert (found >= area[0] - 1e-6).all() and (found <= area[1] + 1e-6).all()


@pytest.mark.parametrize("draw", [block_mask, stroke_mask])
@pytest.mark.parametrize("area", [(0.5, 0.1), (-0.1, 0.5), (0.1, 1.5), 0.2, (0.1,), (0.101, 0.102)])
def test_bad_area(draw, area):
    with pytest.raises(ValueError, match="area"):
        draw(1, 8, 8, generator=seeded(), area=area)


@pytest.mark.parametrize("draw", DRAWN)
def test_bad_arguments_are_named(draw):
    with pytest.raises(ValueError, match="count"):
        draw(0, 8, 8, generator=seeded())
    with pytest.raises(ValueError, match="height, width"):
        draw(1, 8, -8, generator=seeded())
    with pytest.raises(ValueError, match="generator"):
        draw(1, 8, 8, generator=0)


def test_a_block_is_one_full_rectangle():
    for mask in block_mask(20, 17, 31, generator=seeded())[:, 0]:
        rows, columns = mask.any(dim=1), mask.any(dim=0)
        assert torch.equal(mask, rows[:, None] & columns)
        assert mask.sum() == rows.sum() * columns.sum()
        assert (rows.int().diff().abs().sum() <= 2) and (columns.int().diff().abs().sum() <= 2)


def test_blocks_reach_every_pixel():
    reached = block_mask(500, 16, 16, generator=seeded()).any(dim=0)
    assert reached.all()


def test_centre_mask_by_hand():
    mask = centre_mask(8, 8, 0.5)
    assert mask.sum() == 16 and mask[0, 0, 2:6, 2:6].all()
    assert not centre_mask(8, 8, 0).any()
    assert centre_mask(8, 8, 1).all()
    with pytest.raises(ValueError, match="fraction"):
        centre_mask(8, 8, 1.5)


@pytest.mark.parametrize(
    ("side", "place"),
    [("left", (slice(None), 0)), ("right", (slice(None), -1)), ("top", 0), ("bottom", -1)],
)
def test_half_mask_touches_its_side(side, place):
    mask = half_mask(6, 10, side)
    assert mask.shape == (1, 1, 6, 10)
    assert mask.sum() == 30
    assert mask[0, 0][place].all()


def test_half_mask_refuses_other_sides():
    with pytest.raises(ValueError, match="side must be one of left, right, top, bottom"):
        half_mask(6, 10, "middle")


def test_strokes_hang_together_and_are_as_wide_as_the_brush():
    mask = stroke_mask(6, 64, 64, generator=seeded(), brush=(0.15, 0.15))
    inner = -torch.nn.functional.max_pool2d(-mask.float(), 5, stride=1, padding=2)
    grown = torch.nn.functional.max_pool2d(inner, 11, stride=1, padding=5) > 0
    assert (mask & grown).sum() > 0.97 * mask.sum()  # a disc of that width fits nearly all over


def test_scratches_are_thin_long_lines():
    mask = scratch_mask(4, 64, 64, generator=seeded(), scratches=3)
    assert (share(mask) > 0.01).all() and (share(mask) < 0.15).all()
    core = -torch.nn.functional.max_pool2d(-mask.float(), 5, stride=1, padding=2)
    assert core.sum() < 0.02 * mask.sum()
    thick = scratch_mask(4, 64, 64, generator=seeded(), scratches=3, thickness=4)
    assert (thick | ~mask).all() and thick.sum() > 2 * mask.sum()


def test_scratch_arguments():
    with pytest.raises(ValueError, match="thickness"):
        scratch_mask(1, 8, 8, generator=seeded(), thickness=0.2)
    with pytest.raises(ValueError, match="scratches"):
        scratch_mask(1, 8, 8, generator=seeded(), scratches=0)


def test_text_fills_the_picture_and_is_centred():
    mask = text_mask("HOH", 40, 120)[0, 0]
    rows, columns = mask.any(dim=1).nonzero(), mask.any(dim=0).nonzero()
    assert abs((rows.min() + rows.max()) / 2 - 19.5) <= 2
    assert abs((columns.min() + columns.max()) / 2 - 59.5) <= 2
    assert max((rows.max() - rows.min()) / 40, (columns.max() - columns.min()) / 120) > 0.8
    assert not mask[0].any() and not mask[:, 0].any()


def test_text_size_and_lines():
    small, large = (text_mask("a", 64, 64, font_size=size).sum() for size in (12, 48))
    assert large > 6 * small
    assert text_mask("a\nb", 64, 64, font_size=16).any(dim=-1).sum() > 16


@pytest.mark.parametrize("text", ["", "  \n", None, 7])
def test_bad_text(text):
    with pytest.raises(ValueError, match="text"):
        text_mask(text, 16, 16)


def test_invisible_text_and_bad_font_size():
    with pytest.raises(ValueError, match="text"):
        text_mask("a long line in a tiny picture", 1, 1)
    with pytest.raises(ValueError, match="font_size"):
        text_mask("a", 16, 16, font_size=0)
