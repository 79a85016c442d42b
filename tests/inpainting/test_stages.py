"""Two looks at a hole: what each stage sees, what stays, and that the networks learn."""

import pytest
import torch
from torch import nn

from course_lib import data
from course_lib.inpainting import Generator, fit_inpainter, learned_inpaint, random_mask
from course_lib.inpainting.stages import (
    CoarseToFine,
    Progressive,
    StructureThenTexture,
    apply_network,
    boundary_ring,
    coarse_to_fine,
    progressive_fill,
    shrink,
    structure_map,
    structure_then_texture,
)
from course_lib.metrics import psnr


def seeded(seed):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def face():
    image = data.faces(2, 32, generator=seeded(3)).images
    mask = torch.zeros(2, 1, 32, 32, dtype=torch.bool)
    mask[0, :, 9:20, 8:23] = True
    mask[1, :, 16:, :13] = True
    return image, mask


def double(channels):
    """Parameters that are a network of two convolutions, and that network."""
    first, second = nn.Conv2d(channels, 5, 3, padding=1), nn.Conv2d(5, 3, 3, padding=1)
    names = {"first": first, "second": second}
    given = {
        f"{n}.{p}": getattr(m, p).detach() for n, m in names.items() for p in ("weight", "bias")
    }
    return given, nn.Sequential(first, nn.ELU(), second, nn.Sigmoid())


def test_parameters_stand_for_the_network_they_are_of():
    given, network = double(4)
    x = torch.rand(2, 4, 9, 7, generator=seeded(0))
    torch.testing.assert_close(apply_network(given, x), network(x))


def test_half_size_of_a_whole_picture_is_its_average():
    image = torch.rand(1, 3, 6, 8, generator=seeded(0))
    small, hole = shrink(image, torch.zeros(1, 1, 6, 8, dtype=torch.bool))
    torch.testing.assert_close(small, nn.functional.avg_pool2d(image, 2))
    assert not hole.any()


def test_half_size_uses_known_pixels_alone():
    image = torch.full((1, 1, 4, 4), 0.25)
    mask = torch.zeros(1, 1, 4, 4, dtype=torch.bool)
    mask[0, 0, 1:, 1:] = True
    small, hole = shrink(image.masked_fill(mask, torch.nan), mask)
    assert small[0, 0].tolist() == [[0.25, 0.25], [0.25, 0.0]]
    assert hole[0, 0].tolist() == [[False, False], [False, True]]
    with pytest.raises(ValueError, match="even"):
        shrink(image[..., :3], mask[..., :3])


def test_each_stage_sees_what_it_should(face):
    image, mask = face
    seen = {}

    def watch(name, answer):
        return lambda x: seen.update({name: x}) or torch.full_like(x[:, :3], answer)

    guess, result = coarse_to_fine(image, mask, watch("coarse", 0.2), watch("fine", 0.7))
    assert seen["coarse"].shape == (2, 4, 16, 16)
    assert torch.equal(seen["fine"][:, :3], guess)
    assert torch.equal(seen["fine"][:, 3:].bool(), mask)
    assert (result[0, :, 9:20, 8:23] == 0.7).all()
    inner = guess[0, :, 13:16, 13:17]
    torch.testing.assert_close(inner, torch.full_like(inner, 0.2))


@pytest.mark.parametrize("fill", ["coarse_to_fine", "structure_then_texture", "progressive_fill"])
def test_known_pixels_keep_their_bits_and_the_hole_counts_for_nothing(face, fill):
    image, mask = face
    torch.manual_seed(0)
    (four, _), (five, _) = double(4), double(5)
    edge = {k: v[:1] if k.startswith("second") else v for k, v in five.items()}
    call = {
        "coarse_to_fine": lambda x: coarse_to_fine(x, mask, four, four)[1],
        "structure_then_texture": lambda x: structure_then_texture(x, mask, edge, five)[1],
        "progressive_fill": lambda x: progressive_fill(x, mask, four, 2)[0],
    }[fill]
    result = call(image)
    assert torch.equal(result.masked_select(~mask), image.masked_select(~mask))
    torch.testing.assert_close(call(image.masked_fill(mask, torch.nan)), result)
    assert result.isfinite().all()


def test_a_slope_gives_the_strength_it_should():
    ramp = (torch.arange(9) * 0.05).expand(1, 3, 7, 9)
    inner = structure_map(ramp, 0.05)[0, 0, :, 1:-1]
    torch.testing.assert_close(inner, torch.full_like(inner, 0.5))
    torch.testing.assert_close(structure_map(ramp.mT, 0.05), structure_map(ramp, 0.05).mT)
    assert structure_map(torch.full((1, 3, 5, 5), 0.8)).max() < 1e-9


def test_edges_outside_of_the_rim_are_the_pictures_own(face):
    image, mask = face
    edges, _ = structure_then_texture(
        image, mask, lambda x: torch.full_like(x[:, :1], 0.9), lambda x: x[:, :3]
    )
    rim = nn.functional.max_pool2d(mask.float(), 3, 1, 1) > 0
    torch.testing.assert_close(edges[~rim], structure_map(image)[~rim])
    assert (edges[rim] == 0.9).all()


def test_rings_cover_the_hole_once_and_in_order(face):
    _, mask = face
    left, rings = mask, []
    while left.any():
        rings.append(boundary_ring(left, 3))
        left = left & ~rings[-1]
    assert torch.equal(torch.stack(rings).sum(dim=0), mask.long())
    order = progressive_fill(torch.rand(2, 3, 32, 32), mask, lambda x: x[:, :3], 3)[1]
    for step, ring in enumerate(rings, start=1):
        assert torch.equal(order == step, ring)
    assert boundary_ring(mask, 40).equal(mask)
    with pytest.raises(ValueError, match="width"):
        boundary_ring(mask, 0)


def test_a_ring_sees_those_before_it():
    """A network that answers with its brightest neighbour carries a colour to the centre."""
    image = torch.zeros(1, 3, 9, 9)
    image[:, :, 0] = 0.6
    mask = torch.zeros(1, 1, 9, 9, dtype=torch.bool)
    mask[..., 1:8, 1:8] = True
    spread = lambda x: nn.functional.max_pool2d(x[:, :3], 3, 1, 1)  # noqa: E731
    result, order = progressive_fill(image, mask, spread, 1)
    assert order.max() == 4
    assert result[0, 0, 4, 4] == 0.6
    assert progressive_fill(image, mask, spread, 9)[0][0, 0, 4, 4] == 0


@pytest.mark.parametrize("kind", [CoarseToFine, StructureThenTexture, Progressive])
def test_they_learn_one_face(face, kind):
    image, mask = face
    torch.manual_seed(0)
    small = {"dense": 0, "middle": 1}
    network = {
        CoarseToFine: lambda: kind(Generator((8,), **small), Generator((8, 12), **small)),
        StructureThenTexture: lambda: kind(
            Generator((8,), inputs=5, outputs=1, **small), Generator((8, 12), inputs=5, **small)
        ),
        Progressive: lambda: kind(Generator((8, 12), **small), 4),
    }[kind]()
    masks = random_mask(20, 32, 32, generator=seeded(1))
    history = fit_inpainter(
        network, image, masks, 120, generator=seeded(2), batch_size=8, progress=False
    )
    assert sum(history["loss"][-5:]) < 0.6 * sum(history["loss"][:5])
    filled = learned_inpaint(network, image, mask)
    assert psnr(filled, image, mask).mean() > psnr(image.masked_fill(mask, 0.5), image, mask).mean()
