"""Edits, blends, directions and validity against what is known about them."""

import math

import pytest
import torch

from course_lib.data import faces
from course_lib.generative.attributes import face_error, read_attributes
from course_lib.generative.autoencoder import decode_latents, encode_pictures
from course_lib.generative.latent import (
    attribute_direction,
    blend,
    edit_latent,
    gaussian_of,
    latent_validity,
)
from course_lib.generative.pretrained import ONE_PERSON, load_autoencoder


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=seeded(seed))


def test_an_edit_without_amounts_is_a_copy():
    z = draw(2, 3)
    edited = edit_latent(z, {}, {})
    assert torch.equal(edited, z)
    assert edited is not z


def test_an_arc_turns_evenly_and_keeps_its_length():
    a, b = draw(4, 7), draw(4, 7, seed=1)
    a, b = a / a.norm(dim=1, keepdim=True), b / b.norm(dim=1, keepdim=True)
    walk = blend(a, b, torch.linspace(0, 1, 6), "arc")
    assert torch.allclose(walk.norm(dim=2), torch.ones(6, 4), atol=1e-5)
    turns = (walk[1:] * walk[:-1]).sum(dim=2).acos()  # (5, 4)
    assert torch.allclose(turns, turns[:1].expand_as(turns), atol=1e-3)
    assert torch.allclose(turns.sum(dim=0), (a * b).sum(dim=1).acos(), atol=1e-3)


@pytest.mark.parametrize("factor", [1.0, -1.0])
def test_where_no_arc_is_determined_it_is_the_line(factor):
    a = draw(3, 5).double().requires_grad_()
    walk = blend(a, factor * a, torch.linspace(0, 1, 3).double(), "arc")
    assert torch.allclose(walk, blend(a, factor * a, torch.linspace(0, 1, 3).double()))
    walk.sum().backward()
    assert a.grad.isfinite().all()


def test_a_direction_is_found_among_others_that_go_along():
    wears = torch.rand(300, generator=seeded(0)) < 0.5
    smile = wears + 0.5 * draw(300)
    planted, pushed = draw(6, seed=1), draw(6, seed=2)
    z = 4 + wears[:, None] * planted + smile[:, None] * pushed
    held = attribute_direction(z, wears, smile[:, None])
    assert torch.allclose(held, planted, atol=1e-3)
    means = z[wears].mean(dim=0) - z[~wears].mean(dim=0)
    assert torch.allclose(attribute_direction(z, wears), means, atol=1e-4)
    assert (means - planted).norm() > 0.3 * pushed.norm()


@pytest.mark.parametrize("neighbours", [1, 4])
def test_new_latents_like_the_data_get_every_validity(neighbours):
    mix = draw(3, 3, seed=5)
    values = latent_validity(draw(1500, 3, seed=1) @ mix, draw(1500, 3) @ mix, neighbours)
    for share in (0.1, 0.5, 0.9):
        assert abs((values < share).float().mean() - share) < 0.05


def test_validity_sees_a_hole_that_the_mean_does_not():
    turn = math.tau * torch.rand(400, generator=seeded(0))
    ring = torch.stack([turn.cos(), turn.sin()], dim=1) + 0.02 * draw(400, 2)
    values = latent_validity(torch.tensor([[0.0, 0.0], [1.0, 0.0]]), ring, 3)
    assert values[0] == 0
    assert values[1] > 0.1


def test_the_gaussian_has_the_data_s_moments():
    data = draw(5000, 4) @ draw(4, 4, seed=1) + 3
    mean, factor = gaussian_of(data)
    assert torch.allclose(mean, data.mean(dim=0))
    assert torch.allclose(factor @ factor.T, torch.cov(data.T), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: edit_latent(draw(3), {}, {}), "z: got"),
        (lambda: edit_latent(draw(2, 3), {"a": draw(3)}, {"a": draw(3)}), "amounts"),
        (lambda: edit_latent(draw(2, 3), {"a": draw(2)}, {"a": draw(2)}), "directions"),
        (lambda: blend(draw(2, 3), draw(2, 4), draw(2)), "b: got"),
        (lambda: blend(draw(2, 3), draw(2, 3), torch.tensor(0.5)), "weights: got"),
        (lambda: blend(draw(2, 3), draw(2, 3), draw(2), "curve"), "path: got 'curve'"),
        (lambda: attribute_direction(draw(4, 2), draw(3)), "attribute: got"),
        (lambda: attribute_direction(draw(4, 2), draw(4), draw(4)), "others: got"),
        (lambda: latent_validity(draw(4, 2), draw(9, 3)), "z: got"),
        (lambda: latent_validity(draw(4, 2), draw(9, 2), 9), "neighbours: got 9"),
    ],
)
def test_wrong_arguments_are_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.fixture(scope="module")
def world():
    model = load_autoencoder("faces")
    known, unseen = faces(1500, generator=seeded(0)), faces(128, generator=seeded(9))
    return model, encode_pictures(model, known.images), known.attributes, unseen


def test_glasses_can_be_put_on_and_blends_are_ghosts(world):
    """What the lecture says of the trained autoencoder."""
    model, latents, attributes, unseen = world
    z = encode_pictures(model, unseen.images)
    bare = z[~unseen.attributes["glasses"]]
    direction = {"glasses": attribute_direction(latents, attributes["glasses"])}
    moved = edit_latent(bare, direction, {"glasses": torch.full((len(bare),), 1.25)})
    assert read_attributes(decode_latents(model, moved))["glasses"].float().mean() > 0.9
    ghosts = decode_latents(model, (z[:64] + z[64:]) / 2)
    assert face_error(ghosts).mean() > 3 * face_error(decode_latents(model, z)).mean()


def test_validity_catches_blends_where_the_data_are_dense():
    model = load_autoencoder("plane")
    known = encode_pictures(model, faces(1000, generator=seeded(0), **ONE_PERSON).images)
    new = encode_pictures(model, faces(200, generator=seeded(9), **ONE_PERSON).images)
    assert latent_validity(new, known, 5).mean() > 0.4
    assert latent_validity((new[:100] + new[100:]) / 2, known, 5).mean() < 0.25
