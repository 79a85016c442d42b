"""Partial convolution against a loop and its limits; the layers built on it."""

import pytest
import torch
from torch.nn.functional import conv2d

from course_lib.inpainting import GatedConv2d, PartialConv2d, partial_conv
from course_lib.inpainting.convolutions import Finish, HoleConv2d


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def holes(*shape, share=0.4, seed=2):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < share


def by_loop(x, mask, weight, bias, stride):
    """The definition, one answer after the other."""
    B, _, H, W = x.shape
    D, size = len(weight), weight.shape[-1]
    rows, columns = range(0, H, stride), range(0, W, stride)
    y = torch.zeros(B, D, len(rows), len(columns), dtype=x.dtype)
    left = torch.ones(B, 1, len(rows), len(columns), dtype=torch.bool)
    for b in range(B):
        for r, row in enumerate(rows):
            for c, column in enumerate(columns):
                total, count = torch.zeros(D, dtype=x.dtype), 0
                for i in range(size):
                    for j in range(size):
                        p, q = row + i - size // 2, column + j - size // 2
                        if 0 <= p < H and 0 <= q < W and not mask[b, 0, p, q]:
                            total, count = total + weight[:, :, i, j] @ x[b, :, p, q], count + 1
                if count:
                    y[b, :, r, c] = total * size**2 / count + (0 if bias is None else bias)
                    left[b, 0, r, c] = False
    return y, left


@pytest.mark.parametrize(("size", "stride"), [(3, 1), (3, 2), (5, 2), (1, 1)])
@pytest.mark.parametrize("with_bias", [True, False])
def test_agrees_with_the_loop(size, stride, with_bias):
    x, weight = draw(2, 3, 7, 6).double(), draw(4, 3, size, size, seed=1).double()
    bias = draw(4, seed=5).double() if with_bias else None
    mask = holes(2, 1, 7, 6, share=0.7)
    y, left = partial_conv(x, mask, weight, bias, stride)
    wanted, wanted_left = by_loop(x, mask, weight, bias, stride)
    torch.testing.assert_close(y, wanted)
    assert torch.equal(left, wanted_left)


def test_without_a_hole_it_is_a_convolution_inside():
    x, weight, bias = draw(1, 3, 8, 8), draw(4, 3, 3, 3, seed=1), draw(4, seed=2)
    y, left = partial_conv(x, torch.zeros(1, 1, 8, 8, dtype=torch.bool), weight, bias)
    wanted = conv2d(x, weight, bias, padding=1)
    torch.testing.assert_close(y[..., 1:-1, 1:-1], wanted[..., 1:-1, 1:-1])
    assert not left.any()


def test_all_hole_gives_nothing():
    y, left = partial_conv(draw(1, 3, 8, 8), torch.ones(1, 1, 8, 8) > 0, draw(4, 3, 3, 3), draw(4))
    assert not y.any() and left.all()


def test_the_hole_is_never_looked_at_and_takes_no_gradient():
    x, weight, mask = draw(2, 3, 8, 8), draw(4, 3, 3, 3, seed=1), holes(2, 1, 8, 8)
    wanted, _ = partial_conv(x, mask, weight)
    given = x.masked_fill(mask, torch.nan).requires_grad_()
    came, _ = partial_conv(given, mask, weight)
    torch.testing.assert_close(came, wanted)
    came.sum().backward()
    assert given.grad.isfinite().all()
    assert not given.grad[mask.expand_as(x)].any()


def test_constants_stay_constant_and_the_hole_shrinks_by_a_ring():
    mask = torch.zeros(1, 1, 9, 9, dtype=torch.bool)
    mask[..., 2:7, 2:7] = True
    y, left = partial_conv(torch.full((1, 1, 9, 9), 0.7), mask, torch.full((1, 1, 3, 3), 1 / 9))
    wanted = torch.zeros_like(mask)
    wanted[..., 3:6, 3:6] = True
    assert torch.equal(left, wanted)
    torch.testing.assert_close(y[~left], torch.full((72,), 0.7))


def test_gradients():
    x, weight, bias = draw(1, 2, 5, 5).double(), draw(3, 2, 3, 3).double(), draw(3).double()
    mask = holes(1, 1, 5, 5)
    given = [t.requires_grad_() for t in (x, weight, bias)]
    assert torch.autograd.gradcheck(lambda x, w, b: partial_conv(x, mask, w, b)[0], given)


def test_it_says_what_it_wants():
    with pytest.raises(ValueError, match="weight: got shape"):
        partial_conv(draw(1, 1, 4, 4), holes(1, 1, 4, 4), draw(1, 1, 2, 2))
    with pytest.raises(ValueError, match=r"mask: got torch\.float32"):
        partial_conv(draw(1, 1, 4, 4), torch.ones(1, 1, 4, 4), draw(1, 1, 3, 3))


def test_layers():
    x, mask = draw(2, 3, 8, 8), holes(2, 1, 8, 8)
    layer = PartialConv2d(3, 4, stride=2)
    wanted = partial_conv(x, mask, layer.weight, layer.bias, 2)
    for a, b in zip(layer(x, mask), wanted, strict=True):
        assert torch.equal(a, b)
    gated = GatedConv2d(3, 4, dilation=2)
    features, gate = gated.both(x).chunk(2, dim=1)
    torch.testing.assert_close(gated(x), torch.nn.functional.elu(features) * gate.sigmoid())
    for kind, channels in (("plain", 4), ("partial", 4), ("gated", 8)):
        y, left = HoleConv2d(3, 4, kind, stride=2)(x, mask)
        assert y.shape == (2, channels, 4, 4)
        assert (left is None) == (kind != "partial")
        assert Finish(4, kind)(y).shape == (2, 4, 4, 4)
