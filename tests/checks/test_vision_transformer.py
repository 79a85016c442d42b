"""Unit 03: other right answers pass; a mistake costs its own points and is called by its name."""

import torch
from torch import nn
from torch.nn import functional

from course_lib.checks.vision_transformer import CHECKS as EVERY
from course_lib.foundations.vision_transformer import encoder_block, mix_once

CHECKS = {each.function: each for each in EVERY}


def patches_by_unfold(images, size):
    return functional.unfold(images, size, stride=size).mT


def patches_one_by_one(images, size):
    rows, columns = range(0, images.shape[2], size), range(0, images.shape[3], size)
    cut = [images[:, :, y : y + size, x : x + size].flatten(1) for y in rows for x in columns]
    return torch.stack(cut, dim=1)


def attention_by_pytorch(q, k, v):
    everyone = torch.eye(k.shape[2]).expand(*k.shape[:2], -1, -1)
    weights = functional.scaled_dot_product_attention(q, k, everyone)
    return functional.scaled_dot_product_attention(q, k, v), weights


def attention_by_sums(q, k, v):
    scores = torch.einsum("bhmd,bhnd->bhmn", q, k) * q.shape[-1] ** -0.5
    shares = (scores - scores.amax(dim=-1, keepdim=True)).exp()
    shares = shares / shares.sum(dim=-1, keepdim=True)
    return [torch.einsum("bhmn,bhne->bhme", shares, v), shares]


def block_by_pytorch(x, parameters, heads):
    width, hidden = x.shape[2], parameters["mlp_1.bias"].shape[0]
    layer = nn.TransformerEncoderLayer(
        width, heads, hidden, 0.0, "gelu", 1e-6, batch_first=True, norm_first=True
    )
    names = {"self_attn.in_proj_weight": "qkv.weight", "self_attn.in_proj_bias": "qkv.bias"}
    pairs = [("self_attn.out_proj", "out"), ("linear1", "mlp_1"), ("linear2", "mlp_2")]
    pairs += [("norm1", "norm_1"), ("norm2", "norm_2")]
    names |= {f"{there}.{part}": f"{here}.{part}" for there, here in pairs for part in PARTS}
    given = {there: parameters[here] for there, here in names.items()}
    return torch.func.functional_call(layer, given, (x,))


def block_head_by_head(x, parameters, heads):
    def norm(name, x):
        x = (x - x.mean(-1, keepdim=True)) / (x.var(-1, False, keepdim=True) + 1e-5).sqrt()
        return x * parameters[f"{name}.weight"] + parameters[f"{name}.bias"]

    sums = norm("norm_1", x) @ parameters["qkv.weight"].T + parameters["qkv.bias"]
    width, d, results = x.shape[2], x.shape[2] // heads, []
    for head in range(heads):
        q, k, v = (sums[..., i * width + head * d :][..., :d] for i in range(3))
        results.append((q @ k.mT / d**0.5).softmax(-1) @ v)
    x = x + torch.cat(results, -1) @ parameters["out.weight"].T + parameters["out.bias"]
    hidden = norm("norm_2", x) @ parameters["mlp_1.weight"].T + parameters["mlp_1.bias"]
    hidden = hidden * (1 + torch.erf(hidden / 2**0.5)) / 2
    return x + hidden @ parameters["mlp_2.weight"].T + parameters["mlp_2.bias"]


PARTS = ("weight", "bias")


def forward_token_by_token(patches, parameters, mix=mix_once):
    tokens = [parameters["class_token"].expand(len(patches), -1)]
    for patch in patches.unbind(dim=1):
        tokens.append(patch @ parameters["embed.weight"].T + parameters["embed.bias"])
    placed = [t + p for t, p in zip(tokens, parameters["positions"], strict=True)]
    first = mix(torch.stack(placed, dim=1))[:, 0]
    first = functional.layer_norm(first, first.shape[1:])
    first = first * parameters["norm.weight"] + parameters["norm.bias"]
    return first @ parameters["head.weight"].T + parameters["head.bias"]


def forward_that_norms_all(patches, parameters, mix=mix_once):
    D = parameters["class_token"].numel()
    start = parameters["class_token"].repeat(len(patches), 1, 1)
    tokens = functional.linear(patches, *(parameters[f"embed.{part}"] for part in PARTS))
    mixed = mix(torch.hstack([start, tokens]) + parameters["positions"][None])
    mixed = functional.layer_norm(mixed, (D,), *(parameters[f"norm.{p}"] for p in PARTS), 1e-6)
    return functional.linear(mixed, *(parameters[f"head.{part}"] for part in PARTS))[:, 0]


ANSWERS = [
    ("patchify", patches_by_unfold),
    ("patchify", patches_one_by_one),
    ("attention", attention_by_pytorch),
    ("attention", attention_by_sums),
    ("encoder_block", block_by_pytorch),
    ("encoder_block", block_head_by_head),
    ("class_token_forward", forward_token_by_token),
    ("class_token_forward", forward_that_norms_all),
]


LOST = [
    ("patchify", "channels last", "linear layer|values"),
    ("patchify", "turned inside", "linear layer|values|gradients"),
    ("patchify", "detached", "gradients"),
    ("attention", "no scaling", "order of the tokens|values|gradients"),
    ("attention", "unsafe softmax", "stay finite"),
    ("attention", "weights detached", "gradients"),
    ("encoder_block", "relu", "order of the tokens|values|gradients"),
    ("encoder_block", "road detached", "gradients"),
    ("class_token_forward", "no positions", "their order counts|values|gradients"),
    ("class_token_forward", "detached", "gradients"),
]


TOLD = [
    ("patchify", "column by column", "the patches come column by column"),
    ("patchify", "only reshaped", "only reshaped"),
    ("patchify", "interleaved", "the pixels of a patch do not touch"),
    ("patchify", "channels last", "the channels change fastest"),
    ("patchify", "turned inside", "the pixels run down the columns"),
    ("patchify", "channels are tokens", "mixes patches of one channel"),
    ("patchify", "mean of the channels", "all channels hold the same numbers"),
    ("patchify", "backward", "backward order"),
    ("patchify", "detached", "no gradient flows from the result back to `images`"),
    ("patchify", "in place", "`images` in place"),
    ("attention", "no scaling", "the scores are not scaled"),
    ("attention", "scaled by d", "divided by d, not by its root"),
    ("attention", "times root d", "multiplied by the root of d"),
    ("attention", "scaled by the tokens", "the scale is the number of tokens"),
    ("attention", "softmax over queries", "the softmax runs over the queries"),
    ("attention", "softmax over heads", "the softmax runs over the heads"),
    ("attention", "sigmoid", "a sigmoid of its own"),
    ("attention", "unsafe softmax", "NaN or infinite"),
    ("attention", "heads mixed", "the heads share their weights"),
    ("attention", "keys averaged", "the keys are averaged"),
    ("attention", "scores returned", "before the softmax"),
    ("attention", "causal", "tokens see only those before them"),
    ("attention", "small weights dropped", "must add to one"),
    ("attention", "weights detached", "no gradient flows from the result back to `q`"),
    ("attention", "in place", "`q` in place"),
    ("encoder_block", "post-norm", "post-norm"),
    ("encoder_block", "no first sum", "not added to the attention"),
    ("encoder_block", "no second sum", "not added to the second branch"),
    ("encoder_block", "no sums", "neither branch is added"),
    ("encoder_block", "no first norm", "the attention sees tokens that were not normalised"),
    ("encoder_block", "no second norm", "the second branch sees tokens"),
    ("encoder_block", "norms swapped", "the two norms have changed places"),
    ("encoder_block", "branches side by side", "the second branch starts from x"),
    ("encoder_block", "heads across", "a run of neighbouring numbers"),
    ("encoder_block", "heads by reshape", "numbers of different tokens"),
    ("encoder_block", "heads not joined", "put together wrongly"),
    ("encoder_block", "one head", "only one head"),
    ("encoder_block", "q and k swapped", "queries and keys have changed places"),
    ("encoder_block", "k and v swapped", "keys and values have changed places"),
    ("encoder_block", "no out", "do not pass `out`"),
    ("encoder_block", "relu", "bent by a ReLU"),
    ("encoder_block", "no bend", "its GELU is missing"),
    ("encoder_block", "over the batch", "runs over the pictures of the batch"),
    ("encoder_block", "road detached", "the gradient with respect to `x` is wrong"),
    ("encoder_block", "in place", "`x` in place"),
    ("class_token_forward", "mean of all", "from the mean of all tokens"),
    ("class_token_forward", "last token", "from the last token"),
    ("class_token_forward", "first patch", "from the first patch"),
    ("class_token_forward", "class token at the end", "the class token stands at the end"),
    ("class_token_forward", "positions for patches only", "the class token gets no position"),
    ("class_token_forward", "positions shifted", "the positions are one off"),
    ("class_token_forward", "no positions", "the positions have no effect"),
    ("class_token_forward", "positions late", "added behind `mix`"),
    ("class_token_forward", "not mixed", "has not seen a patch"),
    ("class_token_forward", "mixed twice", "mixed twice"),
    ("class_token_forward", "no norm", "not normalised before the head"),
    ("class_token_forward", "no bias", "the embedding's bias is left out"),
    ("class_token_forward", "softmax", "passed a softmax"),
    ("class_token_forward", "detached", "no gradient flows from the result back to `patches`"),
    ("class_token_forward", "in place", "`patches` in place"),
]


def test_mixing_is_given_from_outside():
    """The check mixes once; a model's blocks take that place."""
    check = CHECKS["class_token_forward"]
    patches, parameters = check.cases(torch.Generator().manual_seed(0))[0].inputs
    came = check.reference(patches, parameters, lambda tokens: 0 * tokens)
    assert torch.allclose(came[0], came[-1])


def test_the_unit_has_nineteen_points():
    assert [check.points for check in CHECKS.values()] == [4, 6, 5, 4]


def test_a_case_of_one_token_is_no_special_case():
    x, parameters, heads = CHECKS["encoder_block"].cases(torch.Generator().manual_seed(0))[3].inputs
    assert encoder_block(x, parameters, heads).shape == x.shape
