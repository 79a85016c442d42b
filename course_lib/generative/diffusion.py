"""The equations of a diffusion model: noise forwards, and one step back.

A picture `x_0` in [-1, 1] is drowned in noise, `x_t = sqrt(alpha_bar_t) x_0 + sqrt(1 -
alpha_bar_t) eps`. Something (a network, or a formula where the data are known) looks at `x_t` and
`t` and predicts `eps`; the functions here turn such a prediction into a step towards `x_0`. They
take the predicted noise as a tensor, so that anything may have predicted it. The loops over all
steps are in `sampling`.

Not to be mixed up with **PDE diffusion**, which spreads known colours into a hole (unit 04): that
one has no noise in it and nothing learned.
"""

import torch
from torch import Tensor


def q_sample(x_0: Tensor, t: Tensor, noise: Tensor, alpha_bar: Tensor) -> Tensor:
    r"""Jump from the picture straight to its noisy version at time ``t``.

    $x_t = \sqrt{\bar\alpha_t}\, x_0 + \sqrt{1 - \bar\alpha_t}\, \epsilon$

    Args:
        x_0: (B, ...), clean pictures in [-1, 1].
        t: (B,) int64, a time of its own for each, `0 … T-1`.
        noise: like ``x_0``, from the standard normal distribution.
        alpha_bar: (T,), see `schedules`.

    Returns:
        `x_t`, like ``x_0``.

    Raises:
        ValueError: ``t`` is not (B,) or outside the schedule, or shapes that differ.

    Source: Ho, Jain, Abbeel (2020), https://arxiv.org/abs/2006.11239, equation 4

    >>> q_sample(torch.ones(1, 2), torch.tensor([0]), torch.zeros(1, 2), torch.tensor([0.25]))
    tensor([[0.5000, 0.5000]])
    """
    _check_same("noise", noise, x_0)
    left = _at(alpha_bar, t, x_0)
    return left.sqrt() * x_0 + (1 - left).sqrt() * noise


def predict_x0(x_t: Tensor, t: Tensor, predicted_noise: Tensor, alpha_bar: Tensor) -> Tensor:
    r"""Return the clean picture that the predicted noise implies.

    $\hat x_0 = (x_t - \sqrt{1 - \bar\alpha_t}\, \hat\epsilon) / \sqrt{\bar\alpha_t}$

    Args:
        x_t: (B, ...), noisy pictures.
        t: (B,) int64.
        predicted_noise: like ``x_t``.
        alpha_bar: (T,).

    Returns:
        Like ``x_t``. It is the mean of all pictures that ``x_t`` may have come from, if the noise
        is predicted with the least squared error: at large ``t`` a blur.

    Raises:
        ValueError: as `q_sample`.

    Source: Ho, Jain, Abbeel (2020), https://arxiv.org/abs/2006.11239, equation 15

    >>> predict_x0(torch.ones(1, 2), torch.tensor([0]), torch.zeros(1, 2), torch.tensor([0.25]))
    tensor([[2., 2.]])
    """
    _check_same("predicted_noise", predicted_noise, x_t)
    left = _at(alpha_bar, t, x_t)
    return (x_t - (1 - left).sqrt() * predicted_noise) / left.sqrt()


def implied_noise(x_t: Tensor, t: Tensor, x_0: Tensor, alpha_bar: Tensor) -> Tensor:
    r"""Return the noise that leads from ``x_0`` to ``x_t``; `predict_x0` the other way round.

    $\epsilon = (x_t - \sqrt{\bar\alpha_t}\, x_0) / \sqrt{1 - \bar\alpha_t}$. For arguments and
    errors see `predict_x0`.

    >>> implied_noise(torch.ones(1, 2), torch.tensor([0]), torch.ones(1, 2), torch.tensor([0.36]))
    tensor([[0.5000, 0.5000]])
    """
    _check_same("x_0", x_0, x_t)
    left = _at(alpha_bar, t, x_t)
    return (x_t - left.sqrt() * x_0) / (1 - left).sqrt()


def ddpm_step(
    x_t: Tensor, t: int, predicted_noise: Tensor, alpha_bar: Tensor, noise: Tensor
) -> Tensor:
    r"""Draw ``x_{t-1}`` from its distribution, given ``x_t`` and the predicted noise.

    With $\beta_t = 1 - \bar\alpha_t / \bar\alpha_{t-1}$ and $\bar\alpha_{-1} = 1$:

    $x_{t-1} = \frac{\sqrt{\bar\alpha_{t-1}}\,\beta_t}{1-\bar\alpha_t}\hat x_0 +
    \frac{\sqrt{1-\beta_t}\,(1-\bar\alpha_{t-1})}{1-\bar\alpha_t} x_t +
    \sqrt{\frac{1-\bar\alpha_{t-1}}{1-\bar\alpha_t}\beta_t}\; z$

    Args:
        x_t: (B, ...).
        t: the time of all of them, `0 … T-1`.
        predicted_noise: like ``x_t``.
        alpha_bar: (T,).
        noise: $z$, like ``x_t``, standard normal. At ``t = 0`` its factor is zero.

    Returns:
        `x_{t-1}`, like ``x_t``; at ``t = 0`` the clean picture.

    Raises:
        ValueError: as `q_sample`.

    Source: Ho, Jain, Abbeel (2020), https://arxiv.org/abs/2006.11239, equations 6, 7 and 15

    >>> x, alpha_bar = torch.ones(1, 2), torch.tensor([0.81, 0.25])
    >>> torch.equal(ddpm_step(x, 0, 0 * x, alpha_bar, x), ddpm_step(x, 0, 0 * x, alpha_bar, 9 * x))
    True
    """
    _check_same("noise", noise, x_t)
    x_0 = predict_x0(x_t, _times(t, x_t), predicted_noise, alpha_bar)
    now, before = alpha_bar[t], alpha_bar[t - 1] if t > 0 else alpha_bar.new_ones(())
    beta = 1 - now / before
    mean = before.sqrt() * beta * x_0 + (1 - beta).sqrt() * (1 - before) * x_t
    variance = (1 - before) / (1 - now) * beta
    return mean / (1 - now) + variance.sqrt() * noise


def ddim_step(
    x_t: Tensor,
    t: int,
    previous: int,
    predicted_noise: Tensor,
    alpha_bar: Tensor,
    eta: float,
    noise: Tensor,
) -> Tensor:
    r"""Go from time ``t`` to any earlier one, with as much fresh noise as you like.

    $x_s = \sqrt{\bar\alpha_s}\,\hat x_0 + \sqrt{1 - \bar\alpha_s - \sigma^2}\;\hat\epsilon +
    \sigma z, \qquad \sigma = \eta \sqrt{\frac{1-\bar\alpha_s}{1-\bar\alpha_t}}
    \sqrt{1 - \frac{\bar\alpha_t}{\bar\alpha_s}}$

    Args:
        x_t: (B, ...).
        t: the time now.
        previous: $s$, the time to go to, below ``t``; -1 is the clean picture,
            $\bar\alpha_{-1} = 1$.
        predicted_noise: like ``x_t``.
        alpha_bar: (T,).
        eta: 0 for no fresh noise, so that the step is a function of ``x_t``; 1 for as much as
            `ddpm_step`, with which it agrees where ``previous = t - 1``.
        noise: $z$, like ``x_t``, standard normal.

    Returns:
        `x_s`, like ``x_t``.

    Raises:
        ValueError: ``previous`` is not between -1 and ``t - 1``, ``eta`` is not in [0, 1], or as
            `q_sample`.

    Source: Song, Meng, Ermon (2021), https://arxiv.org/abs/2010.02502, equations 12 and 16

    >>> x, alpha_bar = torch.ones(1, 2), torch.tensor([0.81, 0.36])
    >>> ddim_step(x, 1, 0, 0 * x, alpha_bar, 0.0, x)  # 0.9 / 0.6
    tensor([[1.5000, 1.5000]])
    """
    _check_same("noise", noise, x_t)
    if not -1 <= previous < t:
        raise ValueError(f"previous: got {previous} with t = {t}, wanted -1 to t - 1")
    if not 0 <= eta <= 1:
        raise ValueError(f"eta: got {eta}, wanted a number from 0 to 1")
    x_0 = predict_x0(x_t, _times(t, x_t), predicted_noise, alpha_bar)
    now = alpha_bar[t]
    then = alpha_bar[previous] if previous >= 0 else alpha_bar.new_ones(())
    sigma = eta * ((1 - then) / (1 - now) * (1 - now / then)).sqrt()
    direction = (1 - then - sigma**2).clamp_min(0).sqrt() * predicted_noise
    return then.sqrt() * x_0 + direction + sigma * noise


def forward_step(x: Tensor, t: int, alpha_bar: Tensor, noise: Tensor) -> Tensor:
    r"""Add one step of noise: from time ``t - 1`` to time ``t``.

    $x_t = \sqrt{1 - \beta_t}\, x_{t-1} + \sqrt{\beta_t}\, z$. Done for all steps it gives what
    `q_sample` gives at once.

    Args:
        x: (B, ...) at time ``t - 1``.
        t: the time to go to, `0 … T-1`; at 0 the step is from the clean picture.
        alpha_bar: (T,).
        noise: like ``x``, standard normal.

    Raises:
        ValueError: as `q_sample`.

    Source: Ho, Jain, Abbeel (2020), https://arxiv.org/abs/2006.11239, equation 2

    >>> forward_step(torch.ones(1, 2), 1, torch.tensor([0.5, 0.125]), torch.zeros(1, 2))
    tensor([[0.5000, 0.5000]])
    """
    _check_same("noise", noise, x)
    _check_time(t, alpha_bar)
    left = alpha_bar[t] / alpha_bar[t - 1] if t > 0 else alpha_bar[0]
    return left.sqrt() * x + (1 - left).sqrt() * noise


def classifier_free_guidance(conditional: Tensor, unconditional: Tensor, scale: float) -> Tensor:
    r"""Exaggerate what the condition changes about the predicted noise.

    $\hat\epsilon = \epsilon_\varnothing + w\,(\epsilon_c - \epsilon_\varnothing)$

    Args:
        conditional: $\epsilon_c$ (B, ...), predicted with the condition.
        unconditional: $\epsilon_\varnothing$, like it, predicted without.
        scale: $w$: 0 ignores the condition, 1 takes the conditional prediction, above 1
            exaggerates. (Ho and Salimans call $w - 1$ the strength.)

    Raises:
        ValueError: shapes that differ.

    Source: Ho, Salimans (2022), https://arxiv.org/abs/2207.12598, equation 6

    >>> classifier_free_guidance(torch.tensor([2.0]), torch.tensor([1.0]), 3.0)
    tensor([4.])
    """
    _check_same("unconditional", unconditional, conditional)
    return unconditional + scale * (conditional - unconditional)


def repaint_step(
    x_t: Tensor,
    t: int,
    predicted_noise: Tensor,
    known: Tensor,
    mask: Tensor,
    alpha_bar: Tensor,
    noise: Tensor,
    known_noise: Tensor,
) -> Tensor:
    r"""Take one step back that agrees with the known pixels.

    The hole comes from `ddpm_step`; everything else is the known picture with as much noise as
    belongs to time ``t - 1``: $x_{t-1} = m \odot x^{\text{step}}_{t-1} + (1 - m) \odot
    (\sqrt{\bar\alpha_{t-1}}\, x^{\text{known}} + \sqrt{1 - \bar\alpha_{t-1}}\, z')$.

    Args:
        x_t: (B, C, H, W).
        t: the time of all of them.
        predicted_noise: like ``x_t``.
        known: the damaged picture in [-1, 1], like ``x_t``; in the hole anything, even NaN.
        mask: (B, 1, H, W) bool, True = hole.
        alpha_bar: (T,).
        noise: of `ddpm_step`, like ``x_t``.
        known_noise: $z'$, like ``x_t``.

    Returns:
        `x_{t-1}`, like ``x_t``; at ``t = 0`` the known pixels, bit for bit, around the filled hole.

    Raises:
        ValueError: as `q_sample`, or a mask of another shape or dtype.

    Source: Lugmayr et al. (2022), https://arxiv.org/abs/2201.09865, equation 8

    >>> x, mask = torch.zeros(1, 1, 1, 2), torch.tensor([[[[True, False]]]])
    >>> repaint_step(x, 0, x, x + 0.5, mask, torch.tensor([0.9]), x, x)
    tensor([[[[0.0000, 0.5000]]]])
    """
    _check_same("known", known, x_t)
    wanted = (x_t.shape[0], 1, *x_t.shape[2:])
    if mask.dtype != torch.bool or tuple(mask.shape) != wanted:
        raise ValueError(
            f"mask: got {tuple(mask.shape)} {mask.dtype}, wanted {wanted} bool, True = hole"
        )
    step = ddpm_step(x_t, t, predicted_noise, alpha_bar, noise)
    if t > 0:
        known = q_sample(known, _times(t - 1, x_t), known_noise, alpha_bar)
    return torch.where(mask, step, known)


def _at(alpha_bar: Tensor, t: Tensor, like: Tensor) -> Tensor:
    """The entries of a schedule at times t (B,), with the axes of a batch behind them."""
    if t.dtype != torch.int64 or t.shape != like.shape[:1]:
        raise ValueError(f"t: got {tuple(t.shape)} {t.dtype}, wanted ({len(like)},) torch.int64")
    if len(t) and not 0 <= int(t.min()) <= int(t.max()) < len(alpha_bar):
        raise ValueError(f"t: got {t.tolist()}, wanted times from 0 to {len(alpha_bar) - 1}")
    return alpha_bar.to(like)[t].view(-1, *[1] * (like.ndim - 1))


def _times(t: int, like: Tensor) -> Tensor:
    return torch.full((len(like),), t, dtype=torch.int64, device=like.device)


def _check_time(t: int, alpha_bar: Tensor) -> None:
    if not 0 <= t < len(alpha_bar):
        raise ValueError(f"t: got {t}, wanted 0 to {len(alpha_bar) - 1}")


def _check_same(name: str, came: Tensor, like: Tensor) -> None:
    if came.shape != like.shape:
        raise ValueError(f"{name}: got shape {tuple(came.shape)}, wanted {tuple(like.shape)}")
