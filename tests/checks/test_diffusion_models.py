"""Unit 12: other right answers pass; a mistake costs its own points and is called by its name."""

import torch

from course_lib.checks.diffusion_models import CHECKS as EVERY
from course_lib.generative import diffusion

CHECKS = {each.function: each for each in EVERY}


def jump_by_einsum(x_0, t, noise, alpha_bar):
    kept, added = alpha_bar[t] ** 0.5, (1 - alpha_bar[t]) ** 0.5
    return torch.einsum("b,b...->b...", kept, x_0) + torch.einsum("b,b...->b...", added, noise)


def jump_one_by_one(x_0, t, noise, alpha_bar):
    pairs = [
        (alpha_bar[s].sqrt() * x) + (1.0 - alpha_bar[s]).sqrt() * z
        for x, s, z in zip(x_0, t.tolist(), noise, strict=True)
    ]
    return torch.stack(pairs)


def clean_by_ratio(x_t, t, predicted_noise, alpha_bar):
    """x / sqrt(a) - sqrt(1/a - 1) eps, as in the authors' code."""
    shape = (len(t), *[1] * (x_t.dim() - 1))
    a = alpha_bar.gather(0, t).reshape(shape)
    return a.rsqrt() * x_t - (1 / a - 1).sqrt() * predicted_noise


def step_by_noise(x_t, t, predicted_noise, alpha_bar, noise):
    """Algorithm 2 of the paper: the noise taken off, and scaled up."""
    left = torch.cat([torch.ones(1), alpha_bar])
    alpha = left[t + 1] / left[t]
    mean = (x_t - (1 - alpha) / (1 - left[t + 1]).sqrt() * predicted_noise) / alpha.sqrt()
    if t == 0:
        return mean
    return mean + ((1 - left[t]) / (1 - left[t + 1]) * (1 - alpha)).sqrt() * noise


def step_by_ddim(x_t, t, predicted_noise, alpha_bar, noise):
    return diffusion.ddim_step(x_t, t, t - 1, predicted_noise, alpha_bar, 1.0, noise)


def leap_in_double(x_t, t, previous, predicted_noise, alpha_bar, eta, noise):
    a, b = float(alpha_bar[t]), 1.0 if previous < 0 else float(alpha_bar[previous])
    variance = eta**2 * (1 - b) / (1 - a) * (1 - a / b)
    x_0 = (x_t - (1 - a) ** 0.5 * predicted_noise) / a**0.5
    old = max(1 - b - variance, 0.0) ** 0.5
    return b**0.5 * x_0 + old * predicted_noise + variance**0.5 * noise


def leap_by_jump(x_t, t, previous, predicted_noise, alpha_bar, eta, noise):
    """The clean picture, sent forwards again with old and new noise mixed."""
    times = torch.full((x_t.shape[0],), t)
    x_0 = diffusion.predict_x0(x_t, times, predicted_noise, alpha_bar)
    if previous == -1:
        return x_0
    a, b = alpha_bar[t], alpha_bar[previous]
    sigma = eta * torch.sqrt((1 - b) * (1 - a / b) / (1 - a))
    return b.sqrt() * x_0 + (1 - b - sigma.square()).sqrt() * predicted_noise + sigma * noise


def guide_by_lerp(conditional, unconditional, scale):
    return torch.lerp(unconditional, conditional, scale)


def guide_from_the_condition(conditional, unconditional, scale):
    return conditional + (scale - 1) * (conditional - unconditional)


def repaint_by_index(x_t, t, predicted_noise, known, mask, alpha_bar, noise, known_noise):
    step = diffusion.ddpm_step(x_t, t, predicted_noise, alpha_bar, noise)
    outside = (~mask).expand_as(step)
    left = alpha_bar[t - 1] if t else torch.tensor(1.0)
    noisy = known if t == 0 else left.sqrt() * known + (1 - left).sqrt() * known_noise
    result = step.clone()
    result[outside] = noisy[outside]
    return result


def repaint_by_filling(x_t, t, predicted_noise, known, mask, alpha_bar, noise, known_noise):
    step = diffusion.ddpm_step(x_t, t, predicted_noise, alpha_bar, noise)
    known = known.masked_fill(mask, 0.0)
    if t > 0:
        known = alpha_bar[t - 1] ** 0.5 * known + (1 - alpha_bar[t - 1]) ** 0.5 * known_noise
    return known.masked_fill(mask, 0.0) + step.masked_fill(~mask, 0.0)


ANSWERS = [
    ("q_sample", jump_by_einsum),
    ("q_sample", jump_one_by_one),
    ("predict_x0", clean_by_ratio),
    ("ddpm_step", step_by_noise),
    ("ddpm_step", step_by_ddim),
    ("ddim_step", leap_in_double),
    ("ddim_step", leap_by_jump),
    ("classifier_free_guidance", guide_by_lerp),
    ("classifier_free_guidance", guide_from_the_condition),
    ("repaint_step", repaint_by_index),
    ("repaint_step", repaint_by_filling),
]


LOST = [
    ("q_sample", "picture detached", "gradients"),
    ("q_sample", "one step", "values|gradients"),
    ("q_sample", "times along columns", "own time|values"),
    ("predict_x0", "cut off", "mean of all|values|gradients"),
    ("predict_x0", "prediction detached", "gradients"),
    ("ddpm_step", "noise at the end", "ends clean"),
    ("ddpm_step", "last entry at the end", "ends clean|becomes data"),
    ("ddpm_step", "old noise forgotten", "becomes data|values|gradients"),
    ("ddpm_step", "no fresh noise, all of the old", "values|gradients"),
    ("ddpm_step", "prediction detached", "gradients"),
    ("ddim_step", "eta ignored, no noise", "DDPM|values"),
    ("ddim_step", "eta ignored, all noise", "steps join|25 steps|values"),
    ("ddim_step", "last entry at the end", "ends clean|25 steps"),
    ("ddim_step", "noise on top", "DDPM|as much noise|values"),
    ("ddim_step", "prediction detached", "values"),
    ("classifier_free_guidance", "cut off", "Gaussians|values"),
    ("classifier_free_guidance", "unconditional detached", "values"),
    ("repaint_step", "by products", "never read"),
    ("repaint_step", "last entry at the end", "stay known|values"),
    ("repaint_step", "no noise outside", "outside|values"),
    ("repaint_step", "clean picture inside", "inside|values|gradients"),
    ("repaint_step", "prediction detached", "gradients"),
]


TOLD = [
    ("q_sample", "no roots", "share of the *variance*"),
    ("q_sample", "one root", "the noise's is not"),
    ("q_sample", "factors add to one", "their squares should"),
    ("q_sample", "all of the noise", "at every time"),
    ("q_sample", "all of the picture", "does not fade"),
    ("q_sample", "exchanged", "changed places"),
    ("q_sample", "first time for all", "first picture is used"),
    ("q_sample", "times along columns", "along the columns"),
    ("q_sample", "one step", "a single step"),
    ("predict_x0", "no division", "not scaled back up"),
    ("predict_x0", "divided by the share", "by its root"),
    ("predict_x0", "all of the noise", "only a part of it went in"),
    ("predict_x0", "noise added", "once more"),
    ("predict_x0", "divided first", "before the scaling"),
    ("ddpm_step", "last entry at the end", "index -1"),
    ("ddpm_step", "noise at the end", "the last step adds noise"),
    ("ddpm_step", "variance of the forward step", "more noise in the picture"),
    ("ddpm_step", "variance for deviation", "a deviation is its root"),
    ("ddpm_step", "no noise", "no fresh noise is added"),
    ("ddpm_step", "root of beta", "*all* the noise"),
    ("ddpm_step", "all at once", "all the way to the clean picture"),
    ("ddpm_step", "old noise forgotten", "replaced by fresh noise"),
    ("ddpm_step", "weights exchanged", "changed places"),
    ("ddpm_step", "no fresh noise, all of the old", "step of the next exercise"),
    ("ddim_step", "last entry at the end", "stands for the clean picture"),
    ("ddim_step", "previous ignored", "`previous` is not used"),
    ("ddim_step", "eta ignored, all noise", "still depends on the fresh noise"),
    ("ddim_step", "eta ignored, no noise", "never any fresh noise"),
    ("ddim_step", "second factor of sigma missing", "second factor"),
    ("ddim_step", "first factor of sigma missing", "first factor"),
    ("ddim_step", "noise on top", "make room"),
    ("ddim_step", "sigma subtracted", "deviations do not add"),
    ("ddim_step", "noise of time t", "as there was at time t"),
    ("ddim_step", "picture not faded", "not faded"),
    ("classifier_free_guidance", "counted from the condition", "scale 1 *is* that one"),
    ("classifier_free_guidance", "exchanged", "changed places"),
    ("classifier_free_guidance", "condition added", "*difference*"),
    ("classifier_free_guidance", "wrong sign", "do not add to one"),
    ("classifier_free_guidance", "cut off", "three times as much should"),
    ("repaint_step", "noise of time t outside", "the step goes to time t - 1"),
    ("repaint_step", "last entry at the end", "index -1"),
    ("repaint_step", "no noise outside", "from another time"),
    ("repaint_step", "inverted", "True means hole"),
    ("repaint_step", "by products", "NaN"),
    ("repaint_step", "clean picture inside", "not the step towards it"),
    ("repaint_step", "one noise for both", "noise of their own"),
    ("repaint_step", "joined before the step", "*before* the step"),
    ("repaint_step", "known not used", "not used at all"),
]


def test_inputs_can_be_sent_to_a_sandbox():
    """Tensors and numbers; no callables."""
    for check in EVERY:
        for case in check.cases(torch.Generator().manual_seed(0)):
            assert all(isinstance(value, (torch.Tensor, int, float)) for value in case.inputs)


def test_the_unit_has_thirty_points():
    assert [check.points for check in CHECKS.values()] == [5, 4, 5, 6, 4, 6]
