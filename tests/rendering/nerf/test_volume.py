"""Weights against closed forms, limits and finite differences; the fast twin against the sum."""

import math

import pytest
import torch

from course_lib.rendering.nerf import composite, composite_packed, composite_rays, volume_weights

INF, NAN = math.inf, math.nan
BACKGROUND = torch.tensor([0.2, 0.5, 0.9])


def samples(*shape, seed=0, dtype=torch.float32):
    """sigmas, deltas, colors, ts."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.rand(*shape, 6, generator=generator, dtype=torch.float64).to(dtype)
    return 4 * drawn[..., 0], 0.3 * drawn[..., 1], drawn[..., 2:5], 5 * drawn[..., 5]


def packed(counts, **options):
    starts = torch.tensor([0, *counts]).cumsum(0)
    return (*samples(int(starts[-1]), **options), starts)


def weights_by_composite_rays(sigmas, deltas):
    rows = sigmas.reshape(-1, sigmas.shape[-1]), deltas.reshape(-1, deltas.shape[-1])
    colors = torch.zeros(*rows[0].shape, 3)
    rendered, weights = composite_rays(*rows, colors, torch.zeros_like(rows[0]))
    shape = sigmas.shape[:-1]
    return weights.reshape(sigmas.shape), 1.0 - rendered.opacity.reshape(shape)


both = pytest.mark.parametrize("weigh", [volume_weights, weights_by_composite_rays])


@both
@pytest.mark.parametrize("count", [1, 2, 64, 1000])
@pytest.mark.parametrize("sigma", [1e-3, 0.7, 30.0])
def test_constant_density_has_a_closed_form(weigh, sigma, count):
    delta = 2.0 / count
    weights, remaining = weigh(torch.full((1, count), sigma), torch.full((1, count), delta))
    before = torch.exp(-sigma * delta * torch.arange(count, dtype=torch.float64))
    wanted = before * -math.expm1(-sigma * delta)
    assert float((weights[0] - wanted).abs().max()) <= 1e-6
    assert float((remaining - math.exp(-2.0 * sigma)).abs()) <= 1e-6


@both
def test_piecewise_constant_density_does_not_depend_on_how_it_is_cut(weigh):
    coarse, lengths = torch.tensor([[0.3, 0.0, 2.0, 0.8]]), torch.tensor([[0.5, 1.0, 0.25, 0.75]])
    wanted, left = volume_weights(coarse.double(), lengths.double())
    for cuts in (1, 3, 100):
        fine = (coarse.repeat_interleave(cuts, 1), lengths.repeat_interleave(cuts, 1) / cuts)
        weights, remaining = weigh(*fine)
        assert float((weights.view(4, cuts).sum(1) - wanted[0]).abs().max()) <= 1e-6
        assert float((remaining - left).abs().max()) <= 1e-6


@both
@pytest.mark.parametrize("count", [1, 7, 1024])
def test_weights_and_remaining_light_add_to_one(weigh, count):
    sigmas, deltas, _, _ = samples(50, count)
    weights, remaining = weigh(sigmas * 8 / count, deltas)
    total = weights.double().sum(-1) + remaining.double()
    assert float((total - 1.0).abs().max()) <= 1e-6
    assert bool((weights >= 0).all())


@both
def test_limits(weigh):
    sigmas = torch.tensor([[INF, 1.0, INF], [INF, INF, 0.0], [0.0, 0.0, 0.0], [1.0, INF, 1.0]])
    deltas = torch.tensor([[0.0, 1.0, 2.0], [0.5, 1.0, INF], [INF, 1.0, 0.0], [0.0, 1.0, 1.0]])
    weights, remaining = weigh(sigmas, deltas)
    e = 1 - math.exp(-1)
    wanted = torch.tensor([[0.0, e, 1 - e], [1.0, 0, 0], [0, 0, 0], [0, 1.0, 0]])
    torch.testing.assert_close(weights, wanted)
    torch.testing.assert_close(remaining, torch.tensor([0.0, 0.0, 1.0, 0.0]))


@both
def test_gradients_are_finite_at_the_limits(weigh):
    sigmas = torch.tensor([[1.0, INF, 2.0, 0.0]], requires_grad=True)
    deltas = torch.tensor([[0.5, 1.0, INF, 0.0]], requires_grad=True)
    weights, _ = weigh(sigmas, deltas)
    (weights * torch.tensor([1.0, 2.0, 3.0, 4.0])).sum().backward()
    light = math.exp(-0.5)  # behind the first step; the wall takes what is left
    torch.testing.assert_close(
        sigmas.grad, torch.tensor([[0.5 * light * (1 - 2), 0, 0, 0]]), rtol=1e-5, atol=1e-7
    )
    assert bool(torch.isfinite(deltas.grad).all())


def test_no_rays_and_no_samples():
    assert volume_weights(torch.zeros(0, 3), torch.zeros(0, 3))[1].shape == (0,)
    rendered, _ = composite_rays(*samples(4, 0), background=BACKGROUND)
    assert torch.equal(rendered.color, BACKGROUND.expand(4, 3))
    assert torch.equal(rendered.depth, torch.zeros(4)) and float(rendered.opacity.sum()) == 0.0
    assert composite_rays(*packed([]))[0].color.shape == (0, 3)
    assert composite_packed(*packed([]))[0].shape == (0, 3)


def test_reference_agrees_with_finite_differences():
    made = [t.requires_grad_() for t in samples(2, 5, dtype=torch.float64)]

    def everything(sigmas, deltas, colors, ts, background):
        weights, remaining = volume_weights(sigmas, deltas)
        return (*composite(weights, colors, ts, background), weights, remaining)

    background = BACKGROUND.double().requires_grad_()
    assert torch.autograd.gradcheck(everything, (*made, background), rtol=1e-4, atol=1e-8)


def outputs_and_gradients(function, arguments, background):
    leaves = [t.detach().clone().requires_grad_() for t in (*arguments, background)]
    outputs = function(*leaves)
    generator = torch.Generator().manual_seed(3)
    loss = sum((o * torch.randn(o.shape, generator=generator).to(o)).sum() for o in outputs)
    gradients = torch.autograd.grad(loss, leaves, allow_unused=True, materialize_grads=True)
    return [o.detach() for o in outputs], gradients


def assert_twins(fast, slow, arguments):
    found = outputs_and_gradients(fast, arguments, BACKGROUND)
    wanted = outputs_and_gradients(slow, [t.double() for t in arguments], BACKGROUND.double())
    for one, other in zip(found[0], wanted[0], strict=True):
        torch.testing.assert_close(one.double(), other, rtol=1e-6, atol=2e-6)
    for one, other in zip(found[1], wanted[1], strict=True):
        assert float((one - other).norm()) <= 1e-4 * float(other.norm()) + 1e-9


@pytest.mark.parametrize("shape", [(1, 1), (3, 8), (700, 33), (2, 2000)])
def test_regular_rays_equal_the_reference(shape):
    def fast(*leaves):
        rendered, weights = composite_rays(*leaves[:4], background=leaves[4])
        return (*rendered, weights)

    def slow(sigmas, deltas, colors, ts, background):
        weights, _ = volume_weights(sigmas, deltas)
        return (*composite(weights, colors, ts, background), weights)

    assert_twins(fast, slow, samples(*shape))


@pytest.mark.parametrize("counts", [[1], [0, 3, 0], [5, 0, 1, 33, 700, 2] * 60])
def test_packed_rays_equal_the_reference(counts):
    *arguments, starts = packed(counts)

    def fast(*leaves):
        return composite_rays(*leaves[:4], starts, leaves[4])[0]

    def slow(*leaves):
        return composite_packed(*leaves[:4], starts, leaves[4])

    assert_twins(fast, slow, arguments)


def test_a_background_for_each_ray():
    *arguments, starts = packed([2, 0, 3])
    behind = torch.rand(3, 3)
    color = composite_rays(*arguments, starts, behind)[0].color
    torch.testing.assert_close(color, composite_packed(*arguments, starts, behind)[0])
    torch.testing.assert_close(color[1], behind[1])


@pytest.mark.parametrize("function", [volume_weights, weights_by_composite_rays])
@pytest.mark.parametrize("bad", [NAN, -0.1, -INF])
@pytest.mark.parametrize("which", [0, 1])
def test_impossible_samples_are_named(function, which, bad):
    arguments = [t.clone() for t in samples(3, 4)[:2]]
    arguments[which][1, 2] = bad
    with pytest.raises(ValueError, match=f"^{('sigmas', 'deltas')[which]}: "):
        function(*arguments)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({0: torch.zeros(5)}, ValueError, "deltas: got shape"),
        ({2: torch.zeros(6, 4)}, ValueError, "colors: got shape"),
        ({3: torch.zeros(6, 1)}, ValueError, "ts: got shape"),
        ({0: [0.0] * 6}, TypeError, "sigmas: got list"),
        ({1: torch.zeros(6, dtype=torch.float64)}, TypeError, "deltas: got torch.float64"),
        ({4: torch.tensor([0, 2, 5])}, ValueError, "starts: wanted"),
        ({4: torch.tensor([1, 2, 6])}, ValueError, "starts: wanted"),
        ({4: torch.tensor([0, 7, 6])}, ValueError, "starts: wanted"),
        ({4: torch.tensor([0.0, 6.0])}, ValueError, "starts: got shape"),
    ],
)
@pytest.mark.parametrize("function", [composite_packed, composite_rays])
def test_arguments_that_do_not_match_are_named(function, change, error, message):
    arguments = list(packed([2, 4]))
    for place, value in change.items():
        arguments[place] = value
    with pytest.raises(error, match=f"^{message}"):
        function(*arguments)


def test_what_only_the_reference_takes():
    doubles = samples(3, 4, dtype=torch.float64)
    with pytest.raises(TypeError, match="volume_weights takes both"):
        composite_rays(*doubles)
    with pytest.raises(ValueError, match=r"wanted \(M,\) with starts"):
        composite_rays(*samples(3, 4), torch.tensor([0, 12]))
    with pytest.raises(NotImplementedError, match="no kernel yet"):
        composite_rays(*(t.to("meta") for t in samples(3, 4)))
    with pytest.raises(ValueError, match="colors: got NaN"):
        composite(torch.ones(2), torch.full((2, 3), NAN), torch.ones(2))
