"""Unit 13: other right answers pass; a mistake costs its own points and is called by its name."""

import re

import torch
from torch.nn.functional import scaled_dot_product_attention

from course_lib.checks.latent_diffusion import CHECKS as EVERY
from course_lib.generative.latent_diffusion import predict_noise

CHECKS = {each.function: each for each in EVERY}


def scale_by_moments(mu, logvar):
    """The mean of the squares, drawn, without the square of the mean."""
    square = mu.double().square().mean() + logvar.double().exp().mean()
    return (square - mu.double().mean() ** 2).pow(-0.5).float()


def scale_by_sample(mu, logvar):
    return (mu.var() + torch.exp(logvar).mean()).rsqrt()


def words_by_split(prompts, vocabulary, embedding, positions):
    contexts, paddings = [], []
    for prompt in prompts:
        words = ["<start>", *re.split(r"[^a-z]+", prompt.lower())]
        words = [word for word in words if word]
        words = [word if word in vocabulary else "<unknown>" for word in words]
        words = (words + ["<pad>"] * len(positions))[: len(positions)]
        contexts.append(torch.stack([embedding[vocabulary.index(word)] for word in words]))
        paddings.append([word == "<pad>" for word in words])
    return torch.stack(contexts) + positions[None], torch.tensor(paddings)


def attention_by_einsum(x, context, padding, parameters, heads):
    q = torch.einsum("bpc,ac->bpa", x, parameters["q.weight"])
    k = torch.einsum("bld,ad->bla", context, parameters["k.weight"])
    v = torch.einsum("bld,ad->bla", context, parameters["v.weight"])
    d = q.shape[-1] // heads
    results, shares = [], []
    for head in range(heads):
        part = slice(head * d, (head + 1) * d)
        scores = torch.einsum("bpd,bld->bpl", q[..., part], k[..., part]) * d**-0.5
        scores = torch.where(padding[:, None], torch.finfo(scores.dtype).min, scores)
        shares.append(torch.softmax(scores, -1))
        results.append(shares[-1] @ v[..., part])
    result = torch.cat(results, dim=-1) @ parameters["out.weight"].T + parameters["out.bias"]
    return result, torch.stack(shares, dim=1)


def attention_of_pytorch(x, context, padding, parameters, heads):
    def split(numbers, name):
        return (numbers @ parameters[f"{name}.weight"].T).unflatten(2, (heads, -1)).transpose(1, 2)

    q, k, v = split(x, "q"), split(context, "k"), split(context, "v")
    free = ~padding[:, None, None, :]
    seen = scaled_dot_product_attention(q, k, v, attn_mask=free)
    eye = torch.eye(k.shape[2]).expand(k.shape[0], heads, -1, -1)
    weights = scaled_dot_product_attention(q, k, eye, attn_mask=free)
    joined = seen.transpose(1, 2).reshape(*x.shape[:2], -1)
    return joined @ parameters["out.weight"].T + parameters["out.bias"], weights


def walk_by_formula(start, told, untold, alpha_bar, times, scale):
    left = {t: float(alpha_bar[t]) for t in times} | {-1: 1.0}
    x = start
    for n, t in enumerate(times):
        s = times[n + 1] if n + 1 < len(times) else -1
        one, other = (predict_noise(model, x, t, alpha_bar) for model in (told, untold))
        noise = (1 - scale) * other + scale * one
        clean = (x - (1 - left[t]) ** 0.5 * noise) / left[t] ** 0.5
        x = left[s] ** 0.5 * clean + (1 - left[s]) ** 0.5 * noise
    return x


def walk_of_two_steps(start, told, untold, alpha_bar, times, scale):
    """A step with each model, and the guidance between the two: a step is linear in the noise."""
    x, ends = start, [*times[1:], -1]
    for t, s in zip(times, ends, strict=True):
        now, then = alpha_bar[t], alpha_bar[s] if s >= 0 else torch.ones(())
        steps = []
        for model in (told, untold):
            noise = predict_noise(model, x, t, alpha_bar)
            clean = (x - (1 - now).sqrt() * noise) / now.sqrt()
            steps.append(then.sqrt() * clean + (1 - then).sqrt() * noise)
        x = torch.lerp(steps[1], steps[0], scale)
    return x


ANSWERS = [
    ("latent_scale", scale_by_moments),
    ("latent_scale", scale_by_sample),
    ("text_condition", words_by_split),
    ("cross_attention", attention_by_einsum),
    ("cross_attention", attention_of_pytorch),
    ("guided_sample", walk_by_formula),
    ("guided_sample", walk_of_two_steps),
]


LOST = [
    ("latent_scale", "means only", "variance of one|values"),
    ("latent_scale", "not centred", "shift|values"),
    ("latent_scale", "variance", "variance of one|half the factor|values"),
    ("text_condition", "last words kept", "long prompts"),
    ("text_condition", "mask inverted", "padding is marked|values"),
    ("text_condition", "unknown left out", "padding is marked|long prompts"),
    ("text_condition", "capitals", "values"),
    ("text_condition", "embedding detached", "gradients"),
    ("cross_attention", "unsafe softmax", "large scores"),
    ("cross_attention", "places detached", "gradients"),
    ("guided_sample", "always from noise", "begins where"),
    ("guided_sample", "stops early", "one spot|values|begins where|gradients"),
    ("guided_sample", "start detached", "gradients"),
]


TOLD = [
    ("latent_scale", "means only", "drawn about them"),
    ("latent_scale", "noise only", "its means differ"),
    ("latent_scale", "not centred", "mean of the squares"),
    ("latent_scale", "deviations added", "variances do"),
    ("latent_scale", "logvar for deviation", "logarithm of the variance"),
    ("latent_scale", "variance", "divides by the variance"),
    ("latent_scale", "deviation", "deviation itself"),
    ("latent_scale", "channels averaged", "a factor of its own"),
    ("text_condition", "no start", "no start token"),
    ("text_condition", "last words kept", "the first should be"),
    ("text_condition", "no places", "do not know their places"),
    ("text_condition", "mask inverted", "the wrong way round"),
    ("text_condition", "start is padding", "empty prompt"),
    ("text_condition", "mask of the longest", "like the longest"),
    ("text_condition", "padding first", "follows them"),
    ("text_condition", "unknown left out", "move up"),
    ("text_condition", "capitals", "capitals"),
    ("text_condition", "commas", "comma"),
    ("cross_attention", "no mask", "words that are not there"),
    ("cross_attention", "scores of zero", "power of 0"),
    ("cross_attention", "masked after", "after the softmax"),
    ("cross_attention", "mask inverted", "the wrong way round"),
    ("cross_attention", "padding of the first", "first prompt"),
    ("cross_attention", "over places", "runs over the places"),
    ("cross_attention", "scale of all heads", "a single head's"),
    ("cross_attention", "heads by reshape", "reshape alone"),
    ("cross_attention", "keys and values", "changed places"),
    ("guided_sample", "counted from the prompt", "guidance 1 should be"),
    ("guided_sample", "exchanged", "changed places"),
    ("guided_sample", "prompt added", "*difference*"),
    ("guided_sample", "guidance ignored", "guidance is not used"),
    ("guided_sample", "stops early", "stops at the last time"),
    ("guided_sample", "steps of one", "time t - 1"),
    ("guided_sample", "always from noise", "says where it begins"),
    ("guided_sample", "predicted once", "as good as a single step"),
    ("guided_sample", "cut off", "not pictures"),
    ("guided_sample", "last entry at the end", "an index"),
]


def test_inputs_can_be_sent_to_a_sandbox():
    """Tensors, numbers, texts, and lists and dictionaries of these; no callables."""

    def plain(value):
        if isinstance(value, dict):
            return all(plain(item) for item in value.values())
        if isinstance(value, (list, tuple)):
            return all(plain(item) for item in value)
        return isinstance(value, (torch.Tensor, int, float, str))

    for check in EVERY:
        for case in check.cases(torch.Generator().manual_seed(0)):
            assert all(plain(value) for value in case.inputs)


def test_the_unit_has_twenty_one_points():
    assert [check.points for check in CHECKS.values()] == [4, 5, 6, 6]
