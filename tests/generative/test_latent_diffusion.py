"""Latents of the right size, attention to words, guided walks whose end is known."""

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from course_lib.generative.diffusion import q_sample
from course_lib.generative.latent_diffusion import (
    cross_attention,
    guided_sample,
    latent_mask,
    latent_scale,
    partly_noised,
    predict_noise,
)
from course_lib.generative.sampling import ddim_sample
from course_lib.generative.schedules import cosine_schedule, spaced_steps
from course_lib.generative.text import tokenize
from course_lib.generative.text_denoiser import CrossAttention, TextDenoiser, TextEncoder

SCHEDULE = cosine_schedule(100)


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_scaled_draws_have_a_variance_of_one():
    mu, logvar = 3 + 2 * draw(40, 4, 8, 8), draw(40, 4, 8, 8, seed=1)
    z = mu + (logvar / 2).exp() * draw(100, 40, 4, 8, 8, seed=2)
    assert float((latent_scale(mu, logvar) * z).var()) == pytest.approx(1, abs=0.01)


def test_attention_agrees_with_pytorch():
    layer = CrossAttention(24, 6, heads=3)
    x, context = draw(2, 5, 24), draw(2, 7, 6, seed=1)
    padding = torch.arange(7) >= torch.tensor([[4], [7]])
    parameters = {name: draw(*p.shape, seed=3) for name, p in layer.named_parameters()}

    def split(numbers):
        return numbers.unflatten(2, (3, -1)).transpose(1, 2)

    q = split(x @ parameters["q.weight"].mT)
    k, v = (split(context @ parameters[f"{name}.weight"].mT) for name in "kv")
    heads = scaled_dot_product_attention(q, k, v, attn_mask=~padding[:, None, None])
    joined = heads.transpose(1, 2).flatten(2)
    wanted = joined @ parameters["out.weight"].mT + parameters["out.bias"]
    result, weights = cross_attention(x, context, padding, parameters, 3)
    torch.testing.assert_close(result, wanted, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(2, 3, 5))


def test_a_new_layer_adds_nothing():
    x = draw(2, 16, 4, 4)
    context = draw(2, 3, 8), torch.zeros(2, 3, dtype=torch.bool)
    assert torch.equal(CrossAttention(16, 8)(x, context), x)


def test_order_changes_what_the_words_are():
    torch.manual_seed(0)
    text = TextEncoder(16).eval()
    one, other = text.read(["red hair, blue background"]), text.read(["blue hair, red background"])
    assert (one[0] - other[0]).abs().max() > 0.01
    tokens = tokenize(["red hair", ""])
    torch.testing.assert_close(text(tokens)[0], text.read(["red hair", ""])[0])


def test_the_denoiser_hears_its_prompt_through_attention_alone():
    torch.manual_seed(0)
    model = TextDenoiser(4, SCHEDULE, (16, 32), 16).eval()
    x, t = draw(2, 4, 8, 8), torch.tensor([50, 50])
    same = x[:1].expand(2, 4, 8, 8)
    before = model(same, t, tokenize(["smile", "frown"]))
    torch.testing.assert_close(before[0], before[1])  # attention begins with nothing
    for layer in (m for m in model.modules() if isinstance(m, CrossAttention)):
        torch.nn.init.normal_(layer.out.weight)
    torch.nn.init.normal_(model.velocity.network.leave[2].weight)
    after = model(same, t, tokenize(["smile", "frown"]))
    assert (after[0] - after[1]).abs().max() > 1e-3


def gaussian(mean, variance):
    return {"mean": torch.tensor(mean), "variance": torch.tensor(variance)}


def test_noise_of_gaussian_data_is_the_best_prediction():
    model = gaussian([1.0, -2.0], 0.49)
    x_0 = torch.tensor([1.0, -2.0]) + 0.7 * draw(200_000, 2)
    noise, t = draw(200_000, 2, seed=1), 40
    x_t = q_sample(x_0, torch.full((200_000,), t), noise, SCHEDULE)
    predicted = predict_noise(model, x_t, t, SCHEDULE)
    slope = (predicted * (noise - predicted)).mean()  # what is left is independent of the guess
    assert abs(float(slope)) < 5e-3
    assert abs(float((noise - predicted).mean())) < 5e-3


@pytest.mark.parametrize("scale", [0.0, 1.0, 2.5])
def test_guided_gaussians_of_equal_width_are_a_gaussian(scale):
    told, untold = gaussian([2.0, 0.0], 0.25), gaussian([0.0, 1.0], 0.25)
    times = spaced_steps(100, 100)
    x = guided_sample(draw(4000, 2), told, untold, SCHEDULE, times, scale)
    centre = untold["mean"] + scale * (told["mean"] - untold["mean"])
    torch.testing.assert_close(x.mean(dim=0), centre, atol=0.05, rtol=0.02)
    torch.testing.assert_close(x.std(dim=0), torch.full((2,), 0.5), atol=0.02, rtol=0.02)


def test_guidance_one_is_ddim():
    told = gaussian([2.0, 0.0], 0.25)
    start = draw(5, 2)
    came = guided_sample(start, told, gaussian([9.0, 9.0], 1.0), SCHEDULE, spaced_steps(100, 7), 1)

    def denoise(x, t):
        return predict_noise(told, x, int(t[0]), SCHEDULE)

    torch.testing.assert_close(came, ddim_sample(denoise, start, SCHEDULE, 7, clip=False))


def test_image_to_image_runs_from_keeping_to_forgetting():
    latents, noise = draw(3, 2), draw(3, 2, seed=1)
    same, times = partly_noised(latents, 0.0, SCHEDULE, 20, noise)
    assert torch.equal(same, latents) and times == []
    start, times = partly_noised(latents, 1.0, SCHEDULE, 20, noise)
    assert times == spaced_steps(100, 20)
    torch.testing.assert_close(start, noise, atol=0.02, rtol=0.02)
    start, times = partly_noised(latents, 0.5, SCHEDULE, 20, noise)
    assert len(times) == 10
    torch.testing.assert_close(
        start, q_sample(latents, torch.tensor([times[0]] * 3), noise, SCHEDULE)
    )


def test_a_latent_is_a_hole_if_any_of_its_pixels_is():
    mask = torch.rand(2, 1, 16, 16, generator=torch.Generator().manual_seed(0)) < 0.03
    squares = mask.unfold(2, 4, 4).unfold(3, 4, 4).flatten(4).any(dim=4)
    assert torch.equal(latent_mask(mask, 4), squares)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: latent_scale(draw(2, 3), draw(2, 4)), "logvar: got"),
        (lambda: latent_scale(torch.zeros(2), torch.full((2,), -200.0)), "all the same"),
        (lambda: guided_sample(draw(1, 1), {}, {}, SCHEDULE, [3, 5], 1.0), "falling ones"),
        (lambda: guided_sample(draw(1, 1), {}, {}, SCHEDULE, [], 1.0), "at least one"),
        (lambda: partly_noised(draw(1, 1), 1.5, SCHEDULE, 5, draw(1, 1)), "strength: got 1.5"),
        (lambda: latent_mask(torch.zeros(1, 1, 4, 4), 2), "mask: got"),
        (lambda: latent_mask(torch.zeros(1, 1, 4, 6, dtype=torch.bool), 4), "factor: got 4"),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": draw(2, 5)}, "x, context"),
        ({"padding": torch.zeros(2, 3)}, "padding: got"),
        ({"padding": torch.ones(2, 3, dtype=torch.bool)}, "padding alone"),
        ({"heads": 3}, "heads: got 3"),
    ],
)
def test_wrong_attention_is_named(change, message):
    layer = CrossAttention(8, 6)
    right = {
        "x": draw(2, 4, 8),
        "context": draw(2, 3, 6),
        "padding": torch.zeros(2, 3, dtype=torch.bool),
        "parameters": dict(layer.named_parameters()),
        "heads": 4,
    }
    with pytest.raises(ValueError, match=message):
        cross_attention(**(right | change))
