"""Steps against what is known exactly: one picture, a Gaussian, and another library."""

import pytest
import torch

from course_lib.generative.diffusion import (
    classifier_free_guidance,
    ddim_step,
    ddpm_step,
    forward_step,
    implied_noise,
    predict_x0,
    q_sample,
    repaint_step,
)
from course_lib.generative.schedules import cosine_schedule, linear_schedule

T = 40
SCHEDULES = {"linear": linear_schedule(T), "cosine": cosine_schedule(T)}


def drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def every(t, count):
    return torch.full((count,), t)


@pytest.mark.parametrize("alpha_bar", SCHEDULES.values(), ids=SCHEDULES)
def test_many_steps_of_noise_are_one_jump(alpha_bar):
    """The factors of the picture, and of each step's noise squared, are those of the jump."""
    alpha_bar = alpha_bar.double()
    kept, variance = torch.ones(1, 1).double(), 0.0
    for t in range(T):
        zero, one = torch.zeros(1, 1).double(), torch.ones(1, 1).double()
        gain = forward_step(one, t, alpha_bar, zero)
        kept = gain * kept
        variance = gain**2 * variance + forward_step(zero, t, alpha_bar, one) ** 2
        jump = q_sample(one, every(t, 1), zero, alpha_bar)
        torch.testing.assert_close(kept, jump)
        torch.testing.assert_close(variance, 1 - alpha_bar[t].view(1, 1))


def test_prediction_undoes_the_noise():
    x_0, noise = drawn(T, 3, 4, 4), drawn(T, 3, 4, 4, seed=1)
    t, alpha_bar = torch.arange(T), SCHEDULES["cosine"].double()
    x_t = q_sample(x_0, t, noise, alpha_bar)
    torch.testing.assert_close(predict_x0(x_t, t, noise, alpha_bar), x_0, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(implied_noise(x_t, t, x_0, alpha_bar), noise)


@pytest.mark.parametrize("alpha_bar", SCHEDULES.values(), ids=SCHEDULES)
@pytest.mark.parametrize("t", [0, 1, 17, T - 1])
def test_a_step_back_lands_in_the_forward_distribution(t, alpha_bar):
    """With one picture as all of the data, x_{t-1} has the mean and variance of q_sample."""
    alpha_bar, x_0 = alpha_bar.double(), drawn(1, 5)
    before = alpha_bar[t - 1] if t else torch.ones(()).double()

    def step(noise_in, noise):
        x_t = q_sample(x_0, every(t, 1), noise_in, alpha_bar)
        return ddpm_step(x_t, t, noise_in, alpha_bar, noise)

    zero, one = torch.zeros_like(x_0), torch.ones_like(x_0)
    mean = step(zero, zero)
    torch.testing.assert_close(mean, before.sqrt() * x_0)
    variance = (step(one, zero) - mean) ** 2 + (step(zero, one) - mean) ** 2
    torch.testing.assert_close(variance, (1 - before).expand_as(variance))


@pytest.mark.parametrize("t", [0, 1, 17, T - 1])
def test_ddim_with_all_its_noise_is_ddpm(t):
    x_t, predicted, noise = drawn(2, 3), drawn(2, 3, seed=1), drawn(2, 3, seed=2)
    for alpha_bar in SCHEDULES.values():
        a = ddpm_step(x_t, t, predicted, alpha_bar.double(), noise)
        b = ddim_step(x_t, t, t - 1, predicted, alpha_bar.double(), 1.0, noise)
        torch.testing.assert_close(a, b)


def test_ddim_without_noise_ignores_it_and_joins_its_steps():
    """With the same predicted noise, two steps are one."""
    x, predicted, alpha_bar = drawn(2, 3), drawn(2, 3, seed=1), SCHEDULES["linear"].double()
    far = ddim_step(x, 30, 4, predicted, alpha_bar, 0.0, drawn(2, 3, seed=2))
    half = ddim_step(x, 30, 12, predicted, alpha_bar, 0.0, drawn(2, 3, seed=3))
    torch.testing.assert_close(ddim_step(half, 12, 4, predicted, alpha_bar, 0.0, half), far)
    end = ddim_step(x, 30, -1, predicted, alpha_bar, 0.7, drawn(2, 3, seed=2))
    torch.testing.assert_close(end, predict_x0(x, every(30, 2), predicted, alpha_bar))


@pytest.mark.parametrize("name", ["linear", "squaredcos_cap_v2"])
def test_steps_agree_with_diffusers(name):
    ddpm_module = pytest.importorskip("diffusers.schedulers.scheduling_ddpm")
    ddim_module = pytest.importorskip("diffusers.schedulers.scheduling_ddim")
    options = {"num_train_timesteps": 1000, "beta_schedule": name, "clip_sample": False}
    ours = {"linear": linear_schedule, "squaredcos_cap_v2": cosine_schedule}[name](1000)
    ddpm = ddpm_module.DDPMScheduler(**options)
    torch.testing.assert_close(ours, ddpm.alphas_cumprod, atol=1e-5, rtol=0)
    x_t, predicted = drawn(2, 3, 8, 8).float(), drawn(2, 3, 8, 8, seed=1).float()
    for t in (999, 500, 20, 1, 0):
        generator = torch.Generator().manual_seed(t)
        theirs = ddpm.step(predicted, t, x_t, generator=generator).prev_sample
        noise = torch.randn(x_t.shape, generator=torch.Generator().manual_seed(t))
        came = ddpm_step(x_t, t, predicted, ddpm.alphas_cumprod, noise)
        torch.testing.assert_close(came, theirs, atol=1e-5, rtol=1e-5)
        jump = ddpm.add_noise(x_t, predicted, torch.tensor([t, t]))
        came = q_sample(x_t, torch.tensor([t, t]), predicted, ddpm.alphas_cumprod)
        torch.testing.assert_close(came, jump, atol=1e-5, rtol=1e-5)
    ddim = ddim_module.DDIMScheduler(**options)
    ddim.set_timesteps(50)
    for eta in (0.0, 0.6, 1.0):
        for t in (980, 500, 20, 0):
            noise = drawn(2, 3, 8, 8, seed=2).float()
            kwargs = {"eta": eta, "variance_noise": noise if eta else None}
            theirs = ddim.step(predicted, t, x_t, **kwargs).prev_sample
            came = ddim_step(x_t, t, max(t - 20, -1), predicted, ddim.alphas_cumprod, eta, noise)
            torch.testing.assert_close(came, theirs, atol=1e-5, rtol=1e-5)


def test_guidance_of_gaussians_is_their_product():
    """Predicted noise is a score, scaled: guidance draws from p^(1 - w) p_c^w."""
    x, left = drawn(50, 1), 0.3

    def noise_of(mean, variance):  # -sqrt(1 - left) times the score of the noisy Gaussian
        return (1 - left) ** 0.5 * (x - left**0.5 * mean) / (left * variance + 1 - left)

    came = classifier_free_guidance(noise_of(1.0, 1.0), noise_of(0.0, 1.0), 3.0)
    torch.testing.assert_close(came, noise_of(3.0, 1.0))
    assert torch.equal(classifier_free_guidance(x, 2 * x, 0.0), 2 * x)


def test_repaint_keeps_the_known_and_never_reads_the_hole():
    alpha_bar, mask = SCHEDULES["cosine"], torch.rand(2, 1, 6, 6) < 0.5
    x, noise, other = (drawn(2, 3, 6, 6, seed=s).float() for s in range(3))
    known = drawn(2, 3, 6, 6, seed=4).float().masked_fill(mask, torch.nan)
    last = repaint_step(x, 0, noise, known, mask, alpha_bar, other, other)
    assert bool(last.isfinite().all())
    outside = ~mask.expand_as(x)
    assert torch.equal(last[outside], known[outside])
    step = repaint_step(x, 20, noise, known, mask, alpha_bar, other, noise)
    inside = mask.expand_as(x)
    assert torch.equal(step[inside], ddpm_step(x, 20, noise, alpha_bar, other)[inside])
    wanted = q_sample(known, every(19, 2), noise, alpha_bar)
    assert torch.equal(step[outside], wanted[outside])


def test_errors_name_the_argument():
    x, alpha_bar = torch.zeros(2, 3), SCHEDULES["linear"]
    with pytest.raises(ValueError, match=r"t: got \(1,\)"):
        q_sample(x, torch.zeros(1, dtype=torch.int64), x, alpha_bar)
    with pytest.raises(ValueError, match="t: got"):
        ddpm_step(x, T, x, alpha_bar, x)
    with pytest.raises(ValueError, match="t: got"):
        ddpm_step(x, -1, x, alpha_bar, x)
    with pytest.raises(ValueError, match="noise: got shape"):
        ddpm_step(x, 1, x, alpha_bar, x[:1])
    with pytest.raises(ValueError, match="previous: got 3 with t = 3"):
        ddim_step(x, 3, 3, x, alpha_bar, 0.0, x)
    with pytest.raises(ValueError, match="eta: got 2"):
        ddim_step(x, 3, 2, x, alpha_bar, 2, x)
    picture = torch.zeros(2, 3, 4, 4)
    with pytest.raises(ValueError, match="mask: got"):
        repaint_step(picture, 1, picture, picture, picture > 0, alpha_bar, picture, picture)
    with pytest.raises(ValueError, match="unconditional"):
        classifier_free_guidance(x, x[:1], 1.0)
