"""The cells equal PyTorch's; gradients vanish, grow and are clipped; the adding problem."""

import pytest
import torch
from torch import nn

from course_lib.foundations.sequences import (
    SequenceModel,
    adding_problem,
    clip_by_global_norm,
    gru_step,
    lstm_step,
    rnn_step,
    unroll,
)


def drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def weights_of(layer):
    return layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0, layer.bias_hh_l0


@pytest.mark.parametrize(("batch", "length", "inputs", "units"), [(1, 1, 1, 1), (3, 20, 4, 7)])
def test_each_cell_is_pytorchs_with_the_weights_carried_over(batch, length, inputs, units):
    x = drawn(batch, length, inputs)
    h, c = drawn(batch, units, seed=1), drawn(batch, units, seed=2)
    for kind in (nn.RNN, nn.LSTM, nn.GRU):
        layer = kind(inputs, units, batch_first=True).double()
        W, U, b, d = weights_of(layer)
        with torch.no_grad():
            if kind is nn.LSTM:
                wanted = layer(x, (h[None], c[None]))[0]
                step = lambda x, s, W=W, U=U, b=b + d: lstm_step(x, *s, W, U, b)  # noqa: E731
                came = [state for state, _ in unroll(step, x, (h, c))]
            elif kind is nn.RNN:
                wanted = layer(x, h[None])[0]
                came = unroll(lambda x, s, W=W, U=U, b=b + d: rnn_step(x, s, W, U, b), x, h)
            else:
                wanted = layer(x, h[None])[0]
                came = unroll(lambda x, s, W=W, U=U, b=b, d=d: gru_step(x, s, W, U, b, d), x, h)
        assert torch.allclose(torch.stack(came, dim=1), wanted, atol=1e-6, rtol=0)


def test_gradients_equal_finite_differences():
    W, U, b = drawn(12, 2), drawn(12, 3, seed=1), drawn(12, seed=2)
    given = [drawn(2, 2), drawn(2, 3, seed=3), drawn(2, 3, seed=4), W, U, b]
    leaves = [tensor.requires_grad_() for tensor in given]
    assert torch.autograd.gradcheck(lstm_step, leaves)
    simple = [leaves[0], leaves[1], W[:3].detach(), U[:3].detach(), b[:3].detach()]
    assert torch.autograd.gradcheck(rnn_step, [tensor.requires_grad_() for tensor in simple])


def test_an_rnns_gradient_fades_with_the_powers_of_its_matrix():
    """With a linear cell the Jacobian over T steps is U to the power T: 0.9 to the T here."""
    units, length = 6, 40
    U = 0.9 * torch.linalg.qr(drawn(units, units))[0]
    start = (1e-6 * drawn(1, units, seed=1)).requires_grad_()  # small: tanh is linear
    W, b = drawn(units, 1), torch.zeros(units, dtype=torch.float64)
    nothing = torch.zeros(1, length, 1, dtype=torch.float64)
    last = unroll(lambda x, h: rnn_step(x, h, W, U, b), nothing, start)[-1]
    cotangent = drawn(1, units, seed=2)
    (gradient,) = torch.autograd.grad(last, start, cotangent)
    assert float(gradient.norm() / cotangent.norm()) == pytest.approx(0.9**length, rel=1e-6)


def test_clipping_is_pytorchs():
    gradients = [drawn(3, 2), drawn(5, seed=1)]
    leaves = [torch.zeros_like(g).requires_grad_() for g in gradients]
    for leaf, gradient in zip(leaves, gradients, strict=True):
        leaf.grad = gradient.clone()
    wanted = nn.utils.clip_grad_norm_(leaves, 0.7)
    clipped, norm = clip_by_global_norm(gradients, 0.7)
    assert float(norm) == pytest.approx(float(wanted))
    for leaf, gradient in zip(leaves, clipped, strict=True):
        assert torch.allclose(leaf.grad, gradient, rtol=1e-5)


def test_gradients_that_are_short_or_zero_stay():
    for gradients in ([torch.zeros(3)], [torch.tensor([0.6, -0.8])]):
        clipped, _ = clip_by_global_norm(gradients, 1.0)
        assert torch.allclose(clipped[0], gradients[0], atol=1e-7)


def test_the_adding_problem_has_one_mark_in_each_half_and_says_what_guessing_earns():
    x, y = adding_problem(20_000, 9, generator=torch.Generator().manual_seed(0))
    marks = x[..., 1]
    assert torch.equal(marks[:, :4].sum(dim=1), torch.ones(20_000))
    assert torch.equal(marks[:, 4:].sum(dim=1), torch.ones(20_000))
    assert float((y - 1).square().mean()) == pytest.approx(1 / 6, rel=0.02)


def test_a_forget_gate_starts_open():
    model = SequenceModel("lstm", 2, 4, 1, forget=3.0)
    bias = model.recurrent.bias_ih_l0 + model.recurrent.bias_hh_l0
    assert bias.tolist() == [0.0] * 4 + [3.0] * 4 + [0.0] * 8
    assert SequenceModel("gru", 2, 4, 3)(torch.zeros(5, 6, 2)).shape == (5, 3)


def test_what_does_not_fit_is_named():
    x, h, W, U, b = (torch.zeros(*s) for s in ((2, 3), (2, 4), (4, 3), (4, 4), (4,)))
    with pytest.raises(ValueError, match=r"^x, h: got shapes \(2, 3\) and \(1, 4\)"):
        rnn_step(x, h[:1], W, U, b)
    with pytest.raises(ValueError, match=r"^W: got shape \(4, 3\), wanted \(16, 3\)"):
        lstm_step(x, h, h, W, U, b)
    with pytest.raises(ValueError, match=r"^c: got shape \(2, 3\), wanted that of h, \(2, 4\)"):
        lstm_step(x, h, x, torch.zeros(16, 3), torch.zeros(16, 4), torch.zeros(16))
    with pytest.raises(ValueError, match=r"^U: got shape \(4, 3\), wanted \(4, 4\)"):
        rnn_step(x, h, W, W, b)
    with pytest.raises(ValueError, match=r"^d: got shape \(3,\), wanted that of b, \(12,\)"):
        gru_step(x, h, torch.zeros(12, 3), torch.zeros(12, 4), torch.zeros(12), torch.zeros(3))
    with pytest.raises(ValueError, match=r"^gradients: got none"):
        clip_by_global_norm([], 1.0)
    for largest in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match=r"^largest: got"):
            clip_by_global_norm([x], largest)
    with pytest.raises(ValueError, match=r"^length: got 1"):
        adding_problem(3, 1, generator=torch.Generator())
    with pytest.raises(ValueError, match=r"^kind: got 'tcn'"):
        SequenceModel("tcn", 1, 1, 1)
