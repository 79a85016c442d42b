import math

import pytest
import torch

from course_lib.rendering.nerf import sample_pdf, step_lengths, stratified_samples

INF, NAN = math.inf, math.nan


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_one_sample_in_each_bin():
    near, far = torch.tensor([0.0, 2.0]), torch.tensor([1.0, 6.0])
    ts = stratified_samples(near, far, 16, generator())
    place = 16 * (ts - near[:, None]) / (far - near)[:, None]
    assert torch.equal(place.floor(), torch.arange(16.0).expand(2, 16))
    other = stratified_samples(near, far, 16, generator(1))
    assert not torch.equal(ts, other)
    assert torch.equal(ts, stratified_samples(near, far, 16, generator()))


def test_draws_are_uniform():
    ts = stratified_samples(torch.zeros(20_000), torch.ones(20_000), 4, generator())
    inside = (4 * ts) % 1
    assert float(inside.mean()) == pytest.approx(0.5, abs=0.01)
    assert float(inside.var()) == pytest.approx(1 / 12, abs=0.002)


def test_a_ray_of_no_length():
    ts = stratified_samples(torch.tensor([3.0]), torch.tensor([3.0]), 4)
    assert torch.equal(ts, torch.full((1, 4), 3.0))
    assert torch.equal(step_lengths(ts, torch.tensor([3.0])), torch.zeros(1, 4))
    assert stratified_samples(torch.zeros(0), torch.zeros(0), 4).shape == (0, 4)


def test_steps_reach_from_the_first_sample_to_the_end():
    near, far = torch.zeros(5), torch.full((5,), 2.0)
    ts = stratified_samples(near, far, 9, generator())
    deltas = step_lengths(ts, far)
    torch.testing.assert_close(deltas.sum(1), far - ts[:, 0])
    assert bool((deltas >= 0).all())


@pytest.mark.parametrize(
    ("near", "far", "count", "message"),
    [
        ([1.0], [0.5], 4, "near, far: wanted"),
        ([NAN], [0.5], 4, "near, far: wanted"),
        ([0.0], [INF], 4, "near, far: wanted"),
        ([0.0], [1.0], 0, "count: got 0"),
        ([0.0, 0.0], [1.0], 4, "far: got shape"),
    ],
)
def test_bad_intervals_are_named(near, far, count, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        stratified_samples(torch.tensor(near), torch.tensor(far), count)


def test_draws_follow_the_weights():
    edges, weights = torch.tensor([[0.0, 1.0, 3.0, 4.0]]), torch.tensor([[1.0, 2.0, 5.0]])
    ts = sample_pdf(edges.expand(2000, -1), weights.expand(2000, -1), 50, generator())
    share = [float(((ts >= a) & (ts < b)).float().mean()) for a, b in ((0, 1), (1, 3), (3, 4))]
    assert share == pytest.approx([1 / 8, 2 / 8, 5 / 8], abs=0.01)
    middle = ts[(ts >= 1) & (ts < 3)]
    assert float(middle.mean()) == pytest.approx(2.0, abs=0.02)  # uniform inside a bin
    assert float(middle.var()) == pytest.approx(4 / 12, abs=0.02)
    assert bool((ts.diff(dim=1) >= 0).all())


def test_without_a_generator_the_draws_are_evenly_spread():
    ts = sample_pdf(torch.tensor([[0.0, 2.0]]), torch.tensor([[3.0]]), 4)
    torch.testing.assert_close(ts, torch.tensor([[0.25, 0.75, 1.25, 1.75]]))


def test_nothing_lands_where_the_weight_is_zero():
    edges, weights = torch.arange(5.0)[None], torch.tensor([[0.0, 1.0, 0.0, 1.0]])
    ts = sample_pdf(edges.expand(100, -1), weights.expand(100, -1), 64, generator())
    inside = ((ts >= 1) & (ts <= 2)) | ((ts >= 3) & (ts <= 4))
    assert bool(inside.all())


def test_weights_that_are_all_zero_are_uniform():
    edges = torch.tensor([[0.0, 1.0, 4.0]]).expand(3000, -1)
    ts = sample_pdf(edges, torch.zeros(3000, 2), 8, generator())
    assert bool(torch.isfinite(ts).all())
    assert float((ts < 1).float().mean()) == pytest.approx(0.25, abs=0.01)


def test_draws_carry_no_gradient():
    weights = torch.ones(1, 3, requires_grad=True)
    assert not sample_pdf(torch.arange(4.0)[None], weights, 5).requires_grad


@pytest.mark.parametrize(
    ("edges", "weights", "count", "message"),
    [
        (torch.zeros(1, 3), torch.ones(1, 3), 4, "edges: got shape"),
        (torch.zeros(1, 1), torch.ones(1, 0), 4, "weights: got shape"),
        (torch.zeros(1, 2), torch.tensor([[-1.0]]), 4, "weights: wanted finite"),
        (torch.zeros(1, 2), torch.tensor([[NAN]]), 4, "weights: wanted finite"),
        (torch.zeros(1, 2), torch.ones(1, 1), 0, "count: got 0"),
    ],
)
def test_bad_weights_are_named(edges, weights, count, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        sample_pdf(edges, weights, count)
