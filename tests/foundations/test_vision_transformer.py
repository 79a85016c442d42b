"""Patches are unfold's, attention and a block are PyTorch's and torchvision's; sets and places."""

from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional
from torchvision.models.vision_transformer import EncoderBlock as TorchvisionBlock

from course_lib.data import digits
from course_lib.foundations.vision_transformer import (
    EncoderBlock,
    VisionTransformer,
    attention,
    class_token_forward,
    encoder_block,
    patchify,
    self_attention,
    sinusoidal_positions,
    small_cnn,
)
from course_lib.training import descend


def drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def block_of(width, heads, hidden, seed=0):
    torch.manual_seed(seed)
    block = EncoderBlock(width, heads, hidden).double()
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return dict(block.named_parameters())


@pytest.mark.parametrize(
    ("shape", "size"), [((2, 3, 6, 9), 3), ((1, 1, 4, 2), 2), ((2, 2, 3, 3), 1)]
)
def test_patches_are_unfolds_and_fold_puts_them_back(shape, size):
    images = drawn(*shape)
    patches = patchify(images, size)
    assert torch.equal(patches, functional.unfold(images, size, stride=size).mT)
    assert torch.equal(functional.fold(patches.mT, shape[2:], size, stride=size), images)


def test_a_linear_layer_on_patches_is_a_convolution():
    images, layer = drawn(2, 3, 8, 8), nn.Conv2d(3, 5, 4, stride=4).double()
    wanted = layer(images).flatten(2).mT
    came = patchify(images, 4) @ layer.weight.flatten(1).T + layer.bias
    assert torch.allclose(came, wanted, atol=1e-12)


def test_attention_is_pytorchs():
    q, k, v = drawn(2, 3, 4, 8), drawn(2, 3, 6, 8, seed=1), drawn(2, 3, 6, 5, seed=2)
    result, weights = attention(q, k, v)
    wanted = functional.scaled_dot_product_attention(q, k, v)
    assert torch.allclose(result, wanted, atol=1e-12)
    assert torch.allclose(weights.sum(dim=-1), torch.ones(2, 3, 4).double(), atol=1e-12)


def test_huge_scores_pick_one_value_and_stay_finite():
    q = torch.tensor([[[[1e4, 0.0]]]], requires_grad=True)
    k = torch.tensor([[[[1e4, 0.0], [0.0, 1e4]]]])
    result, weights = attention(q, k, torch.tensor([[[[3.0], [5.0]]]]))
    assert result.item() == 3.0
    assert weights.flatten().tolist() == [1.0, 0.0]
    result.sum().backward()
    assert q.grad.isfinite().all()


def test_self_attention_is_pytorchs_with_the_weights_carried_over():
    parameters, x = block_of(12, 3, 8), drawn(2, 5, 12)
    layer = nn.MultiheadAttention(12, 3, batch_first=True).double()
    carry_over(layer, parameters)
    wanted, shares = layer(x, x, x, average_attn_weights=False)
    result, weights = self_attention(x, parameters, 3)
    assert torch.allclose(result, wanted, atol=1e-10)
    assert torch.allclose(weights, shares, atol=1e-10)


def carry_over(layer, parameters):
    names = {"in_proj_weight": "qkv.weight", "in_proj_bias": "qkv.bias"}
    names |= {"out_proj.weight": "out.weight", "out_proj.bias": "out.bias"}
    layer.load_state_dict({there: parameters[here] for there, here in names.items()})


def test_a_block_is_torchvisions_with_the_weights_carried_over():
    parameters, x = block_of(12, 3, 20), drawn(2, 5, 12, seed=3)
    block = TorchvisionBlock(3, 12, 20, 0.0, 0.0, partial(nn.LayerNorm, eps=1e-6)).double()
    carry_over(block.self_attention, parameters)
    pairs = [("ln_1", "norm_1"), ("ln_2", "norm_2"), ("mlp.0", "mlp_1"), ("mlp.3", "mlp_2")]
    for there, here in pairs:
        module = block.get_submodule(there)
        module.load_state_dict({n: parameters[f"{here}.{n}"] for n in ("weight", "bias")})
    assert torch.allclose(encoder_block(x, parameters, 3), block(x), atol=1e-10)


def test_gradients_equal_finite_differences():
    parameters, x = block_of(4, 2, 6), drawn(2, 3, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: encoder_block(x, parameters, 2), x)
    qkv = [drawn(1, 2, 3, 2, seed=seed).requires_grad_() for seed in (1, 2, 3)]
    assert torch.autograd.gradcheck(attention, qkv)
    assert torch.autograd.gradcheck(lambda i: patchify(i, 2), drawn(1, 2, 4, 4).requires_grad_())


def test_a_block_does_not_know_the_order_of_its_tokens():
    parameters, x = block_of(8, 2, 16), drawn(2, 6, 8)
    order = torch.randperm(6, generator=torch.Generator().manual_seed(0))
    came = encoder_block(x[:, order], parameters, 2)
    assert torch.allclose(came, encoder_block(x, parameters, 2)[:, order], atol=1e-12)


@pytest.mark.parametrize(
    ("positions", "knows"), [("none", False), ("learned", True), ("sinusoidal", True)]
)
def test_only_positions_tell_a_picture_from_its_shuffled_patches(positions, knows):
    torch.manual_seed(0)
    model, images = VisionTransformer(positions=positions), drawn(3, 1, 8, 8).float()
    shuffled = images.flip(2).unflatten(2, (4, 2)).flip(3).flatten(2, 3)  # rows of patches turned
    with torch.no_grad():
        gap = float((model(images) - model(shuffled)).abs().max())
    assert (gap > 1e-3) == knows
    assert knows or gap < 1e-5


def test_the_model_is_its_functions_and_tells_its_attention():
    torch.manual_seed(0)
    model, images = VisionTransformer(depth=2), drawn(3, 1, 8, 8).float()
    parameters = dict(model.named_parameters())

    def blocks(tokens):
        for k in (0, 1):
            here = dict(model.blocks[k].named_parameters())
            tokens = encoder_block(tokens, here, 4)
        return tokens

    wanted = class_token_forward(patchify(images, 2), parameters, blocks)
    assert torch.equal(model(images), wanted)
    maps = model.attention_maps(images)
    assert [tuple(each.shape) for each in maps] == [(3, 4, 17, 17)] * 2
    assert torch.allclose(maps[1].sum(dim=-1), torch.ones(3, 4, 17), atol=1e-5)
    assert not model.blocks[0]._forward_pre_hooks


def test_sinusoidal_positions_turn_by_a_fixed_angle_from_place_to_place():
    """Their products depend on the distance alone, and fall with it at first."""
    waves = sinusoidal_positions(20, 16).double()
    products = waves @ waves.T
    for distance in range(20):
        line = products.diagonal(distance)
        assert torch.allclose(line, line[:1].expand_as(line), atol=1e-4)
    assert products[0, 0] > products[0, 1] > products[0, 2]


def test_the_two_models_are_of_the_same_size():
    sizes = [sum(p.numel() for p in m.parameters()) for m in (VisionTransformer(), small_cnn())]
    assert abs(sizes[0] - sizes[1]) < 0.04 * sizes[0]


def test_a_small_one_learns_digits():
    torch.manual_seed(0)
    model, generator = VisionTransformer(width=32, hidden=64, depth=2), torch.Generator()
    images, labels = digits()
    loss = lambda x, y: functional.cross_entropy(model(x), y)  # noqa: E731
    descend(
        model, loss, (images, labels), 120, generator=generator.manual_seed(0),
        learning_rate=3e-3, progress=False,
    )  # fmt: skip
    images, labels = digits(split="test")
    with torch.no_grad():
        right = (model(images).argmax(dim=1) == labels).float().mean()
    assert float(right) > 0.75  # one in ten by guessing


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match=r"^images: got shape \(8, 8\)"):
        patchify(torch.zeros(8, 8), 2)
    for size in (3, 0):
        with pytest.raises(ValueError, match=rf"^size: got {size}"):
            patchify(torch.zeros(1, 1, 8, 8), size)
    q = torch.zeros(1, 2, 3, 4)
    with pytest.raises(ValueError, match=r"^q, k, v: got shapes \(1, 2, 3, 4\), \(1, 2, 3, 5\)"):
        attention(q, torch.zeros(1, 2, 3, 5), q)
    parameters = block_of(8, 2, 8)
    with pytest.raises(ValueError, match=r"^x: got shape \(3, 8\)"):
        encoder_block(drawn(3, 8), parameters, 2)
    with pytest.raises(ValueError, match=r"^heads: got 3"):
        encoder_block(drawn(1, 3, 8), parameters, 3)
    del parameters["out.bias"]
    with pytest.raises(ValueError, match=r"^parameters: out\.bias missing"):
        encoder_block(drawn(1, 3, 8), parameters, 2)
    with pytest.raises(ValueError, match=r"^positions: got \(17, 48\), wanted \(5, 48\)"):
        class_token_forward(torch.zeros(1, 4, 4), dict(VisionTransformer().named_parameters()))
    with pytest.raises(ValueError, match=r"^positions: got 'polar'"):
        VisionTransformer(positions="polar")
    with pytest.raises(ValueError, match=r"^width: got 5"):
        sinusoidal_positions(3, 5)
