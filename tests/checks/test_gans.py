"""Unit 11: other right answers pass; a mistake costs its own points and is called by its name."""

import torch
from torch.nn import functional

from course_lib.checks.gans import CHECKS as EVERY
from course_lib.generative.gan import critic, linear_discriminator, linear_generator

CHECKS = {each.function: each for each in EVERY}


def judge_by_cross_entropy(real, fake):
    loss = functional.binary_cross_entropy_with_logits
    return loss(real, torch.ones_like(real)) + loss(fake, torch.zeros_like(fake))


def judge_by_logsigmoid(real, fake):
    return -functional.logsigmoid(real).mean() - functional.logsigmoid(-fake).mean()


def judge_by_logaddexp(real, fake):
    zero = torch.tensor(0.0)
    return torch.logaddexp(zero, -real).mean() + torch.logaddexp(zero, fake).mean()


def maker_by_logsigmoid(fake, kind):
    if kind == "minimax":
        return functional.logsigmoid(-fake).mean()
    return -functional.logsigmoid(fake).mean()


def maker_by_cross_entropy(fake, kind):
    loss = functional.binary_cross_entropy_with_logits
    if kind == "minimax":
        return -loss(fake, torch.zeros_like(fake))
    return loss(fake, torch.ones_like(fake))


def optimum_by_entropies(p, q):
    m = (p + q) / 2

    def entropy(r):
        return -torch.special.xlogy(r, r).sum()

    D = torch.where(m > 0, p / (2 * m).clamp(min=1e-30), torch.tensor(0.5))
    return D, 2 * entropy(m) - entropy(p) - entropy(q) - 2 * torch.log(torch.tensor(2.0))


def optimum_in_loops(p, q):
    D, value = [], torch.tensor(0.0)
    for a, b in zip(p, q, strict=True):
        D.append(a / (a + b) if a + b > 0 else torch.tensor(0.5))
        value = value + (a * torch.log(a / (a + b)) if a > 0 else 0)
        value = value + (b * torch.log(b / (a + b)) if b > 0 else 0)
    return torch.stack(D), value


def step_by_backward(generator, discriminator, real, noise, learning_rate, alternating):
    G = {k: v.clone().requires_grad_() for k, v in generator.items()}
    D = {k: v.clone().requires_grad_() for k, v in discriminator.items()}
    fake = linear_generator(noise, G)
    judge_by_cross_entropy(
        linear_discriminator(real, D), linear_discriminator(fake.detach(), D)
    ).backward()
    new = {k: (v - learning_rate * v.grad).detach() for k, v in D.items()}
    seen = new if alternating else {k: v.detach() for k, v in D.items()}
    functional.softplus(-linear_discriminator(fake, seen)).mean().backward()
    return {k: (v - learning_rate * v.grad).detach() for k, v in G.items()}, new


def step_by_hand(generator, discriminator, real, noise, learning_rate, alternating):
    fake = noise @ generator["weight"].T + generator["bias"]
    w, b = discriminator["weight"], discriminator["bias"]
    on_real = -torch.sigmoid(-(real @ w + b)) / len(real)  # slope for each logit
    on_fake = torch.sigmoid(fake @ w + b) / len(fake)
    slope_w = on_real @ real + on_fake @ fake
    slope_b = on_real.sum() + on_fake.sum()
    new = {"weight": w - learning_rate * slope_w, "bias": b - learning_rate * slope_b}
    v, c = (new["weight"], new["bias"]) if alternating else (w, b)
    pull = -torch.sigmoid(-(fake @ v + c)) / len(fake)
    to_points = pull[:, None] * v  # (M, D)
    return {
        "bias": generator["bias"] - learning_rate * to_points.sum(0),
        "weight": generator["weight"] - learning_rate * to_points.T @ noise,
    }, new


def penalty_not_detached(weights, real, fake, mix):
    x = torch.lerp(fake, real, mix).requires_grad_()
    d = critic(x, weights)
    (g,) = torch.autograd.grad(d, x, torch.ones_like(d), create_graph=True)
    return ((g.square().sum(1) + 1e-16).sqrt() - 1).pow(2).mean()


def penalty_by_func(weights, real, fake, mix):
    slope = torch.func.vmap(torch.func.grad(lambda x: critic(x[None], weights)[0]))
    return (torch.linalg.norm(slope(mix * real + (1 - mix) * fake), dim=1) - 1).square().mean()


ANSWERS = [
    ("discriminator_loss", judge_by_cross_entropy),
    ("discriminator_loss", judge_by_logsigmoid),
    ("discriminator_loss", judge_by_logaddexp),
    ("generator_loss", maker_by_logsigmoid),
    ("generator_loss", maker_by_cross_entropy),
    ("optimal_discriminator", optimum_by_entropies),
    ("optimal_discriminator", optimum_in_loops),
    ("gan_step", step_by_backward),
    ("gan_step", step_by_hand),
    ("gradient_penalty", penalty_not_detached),
    ("gradient_penalty", penalty_by_func),
]


LOST = [
    ("discriminator_loss", "unsafe", "a sure"),
    ("discriminator_loss", "guarded", "a sure"),
    ("discriminator_loss", "pooled", "values|gradients"),
    ("discriminator_loss", "detached", "gradients"),
    ("generator_loss", "unsafe", "a sure"),
    ("generator_loss", "guarded", "a sure"),
    ("generator_loss", "detached", "gradients"),
    ("optimal_discriminator", "naive", "zero"),
    ("optimal_discriminator", "empty is fake", "zero"),
    ("optimal_discriminator", "detached", "gradients"),
    ("gan_step", "never in turns", "in turns"),
    ("gan_step", "generator first", "in turns"),
    ("gan_step", "always in turns", "both at once"),
    ("gradient_penalty", "no graph", "can learn"),
    ("gradient_penalty", "one-sided", "values|can learn"),
]


TOLD = [
    ("discriminator_loss", "value", "the value of the game"),
    ("discriminator_loss", "exchanged", "have changed places"),
    ("discriminator_loss", "real only", "only the real samples"),
    ("discriminator_loss", "fake only", "only the generated samples"),
    ("discriminator_loss", "same sign", "called real, too"),
    ("discriminator_loss", "sigmoid twice", "the sigmoid is taken twice"),
    ("discriminator_loss", "hinge", "the hinge"),
    ("discriminator_loss", "critic", "Wasserstein critic"),
    ("discriminator_loss", "summed", "a sum over the samples"),
    ("discriminator_loss", "pooled", "averaged together"),
    ("discriminator_loss", "halved", "half of what is asked"),
    ("discriminator_loss", "bits", "bits"),
    ("discriminator_loss", "unsafe", "NaN or infinite"),
    ("discriminator_loss", "guarded", "hide what a sure discriminator loses"),
    ("discriminator_loss", "detached", "no gradient flows from the result back to `fake`"),
    ("discriminator_loss", "in place", "`fake` in place"),
    ("generator_loss", "always minimax", "both kinds give the game's own"),
    ("generator_loss", "always non-saturating", "both kinds give the non-saturating"),
    ("generator_loss", "kinds exchanged", "the two kinds have changed places"),
    ("generator_loss", "rising", "tries to be found out"),
    ("generator_loss", "minimax rising", "own loss has the wrong sign"),
    ("generator_loss", "non-saturating rising", "the non-saturating loss has the wrong sign"),
    ("generator_loss", "as the discriminator", "what the discriminator loses"),
    ("generator_loss", "summed", "a sum over the samples"),
    ("generator_loss", "sigmoid twice", "the sigmoid is taken twice"),
    ("generator_loss", "wasserstein", "without logarithms"),
    ("generator_loss", "unsafe", "NaN or infinite"),
    ("generator_loss", "guarded", "hides how far"),
    ("generator_loss", "detached", "the gradient with respect to `fake` is wrong"),
    ("generator_loss", "in place", "`fake` in place"),
    ("optimal_discriminator", "for the model", "asked is how likely it is real"),
    ("optimal_discriminator", "logit", "D is a logit"),
    ("optimal_discriminator", "ratio", "D is the ratio"),
    ("optimal_discriminator", "decided", "D is a decision"),
    ("optimal_discriminator", "loss", "the value has the wrong sign"),
    ("optimal_discriminator", "unweighted", "weighs all cells alike"),
    ("optimal_discriminator", "data only", "lacks the generated"),
    ("optimal_discriminator", "model only", "lacks the real"),
    ("optimal_discriminator", "all by data", "weighed by how often they come in the data"),
    ("optimal_discriminator", "no complement", "asks for log(1 - D)"),
    ("optimal_discriminator", "divergence", "Jensen-Shannon divergence"),
    ("optimal_discriminator", "bits", "bits"),
    ("optimal_discriminator", "mean", "divided by the number of cells"),
    ("optimal_discriminator", "naive", "NaN or infinite"),
    ("optimal_discriminator", "empty is fake", "tells nothing"),
    ("optimal_discriminator", "detached", "no gradient flows from the result back to `q`"),
    ("optimal_discriminator", "in place", "`p` in place"),
    ("gan_step", "both climb", "both players climb"),
    ("gan_step", "discriminator climbs", "the discriminator climbs"),
    ("gan_step", "generator climbs", "the generator climbs"),
    ("gan_step", "generator stays", "the generator has not moved"),
    ("gan_step", "discriminator stays", "the discriminator has not moved"),
    ("gan_step", "minimax", "asked is the non-saturating one"),
    ("gan_step", "wasserstein", "Wasserstein game"),
    ("gan_step", "summed", "asked are means"),
    ("gan_step", "labels turned", "takes real samples for generated"),
    ("gan_step", "never in turns", "also where they are to take turns"),
    ("gan_step", "always in turns", "also where they are to move at once"),
    ("gan_step", "turned", "turns and at once"),
    ("gan_step", "generator first", "the discriminator that begins"),
    ("gan_step", "no bias", "the biases have not moved"),
    ("gan_step", "exchanged", "shape"),
    ("gan_step", "in place", "in place"),
    ("gradient_penalty", "at real", "at the real samples"),
    ("gradient_penalty", "at fake", "at the generated samples"),
    ("gradient_penalty", "turned", "a mixture of 1"),
    ("gradient_penalty", "halfway", "halfway"),
    ("gradient_penalty", "one mix", "mixed by the first number"),
    ("gradient_penalty", "averaged", "that of a mean"),
    ("gradient_penalty", "no target", "a slope of zero is rewarded"),
    ("gradient_penalty", "squared norm", "the squared length"),
    ("gradient_penalty", "whole norm", "all slopes together"),
    ("gradient_penalty", "each axis", "each axis"),
    ("gradient_penalty", "summed", "summed over the samples"),
    ("gradient_penalty", "absolute", "is not squared"),
    ("gradient_penalty", "of the mean", "the mean slope"),
    ("gradient_penalty", "one-sided", "only slopes above one"),
    ("gradient_penalty", "taxicab", "a sum of its entries"),
    ("gradient_penalty", "ten", "nobody asked for"),
    ("gradient_penalty", "no graph", "no gradient flows"),
    ("gradient_penalty", "in place", "`real` in place"),
]


def test_the_unit_has_twenty_three_points():
    assert [check.points for check in CHECKS.values()] == [4, 4, 5, 5, 5]
