"""How much of a picture is left after each step of noise: alpha-bar.

Everything in `diffusion` takes `alpha_bar (T,)`, the share of the picture's variance that is left
at time `t`; `1 - alpha_bar[t]` is noise. Time steps are integers `0 … T-1`.
"""

import math

import torch
from torch import Tensor


def linear_schedule(steps: int = 1000, start: float = 1e-4, end: float = 0.02) -> Tensor:
    r"""Return alpha-bar for noise that grows evenly from step to step.

    $\beta_t$ goes evenly from ``start`` to ``end``; $\bar\alpha_t = \prod_{s \le t} (1 - \beta_s)$.
    The two ends are those of 1000 steps. With fewer steps each is larger by as much, so that the
    picture is as gone at the end.

    Args:
        steps: T, the number of steps.
        start, end: the first and the last variance of a step, for T = 1000.

    Returns:
        `alpha_bar (T,)`, float32, falling from about 1 to about 0.

    Raises:
        ValueError: fewer than 2 steps, or variances that are not between 0 and 1.

    Source: Ho, Jain, Abbeel (2020), https://arxiv.org/abs/2006.11239, section 4

    >>> alpha_bar = linear_schedule(1000)
    >>> round(float(alpha_bar[0]), 4), f"{float(alpha_bar[-1]):.1e}"
    (0.9999, '4.0e-05')
    """
    _check_steps(steps)
    scale = 1000 / steps
    if not 0 < start * scale <= end * scale < 1:
        raise ValueError(
            f"start, end: got {start} and {end} with {steps} steps, wanted 0 < start <= end and "
            "end * 1000 / steps below 1"
        )
    betas = torch.linspace(start * scale, end * scale, steps, dtype=torch.float64)
    return (1 - betas).cumprod(0).float()


def cosine_schedule(steps: int = 1000, offset: float = 0.008, largest: float = 0.999) -> Tensor:
    r"""Return alpha-bar that falls as a squared cosine: slowly at both ends.

    $\bar\alpha_t = f((t+1)/T) / f(0)$ with $f(u) = \cos^2(\frac{\pi}{2} \cdot \frac{u+s}{1+s})$;
    no step adds more than the variance ``largest``.

    Args:
        steps: T, the number of steps.
        offset: $s$, which keeps the first steps from being too small.
        largest: the largest variance of a step.

    Returns:
        `alpha_bar (T,)`, float32, falling from about 1 to about 0.

    Raises:
        ValueError: fewer than 2 steps.

    Source: Nichol, Dhariwal (2021), https://arxiv.org/abs/2102.09672, equation 17

    >>> round(float(cosine_schedule(1000)[499]), 2)
    0.49
    """
    _check_steps(steps)
    u = torch.arange(steps + 1, dtype=torch.float64) / steps
    f = ((u + offset) / (1 + offset) * math.pi / 2).cos().square()
    betas = (1 - f[1:] / f[:-1]).clamp(max=largest)
    return (1 - betas).cumprod(0).float()


def step_variances(alpha_bar: Tensor) -> Tensor:
    r"""Return the variance of each single step, $\beta_t = 1 - \bar\alpha_t / \bar\alpha_{t-1}$.

    Args:
        alpha_bar: (T,), as from `linear_schedule`.

    Returns:
        `betas (T,)`, with the dtype of ``alpha_bar``.

    >>> step_variances(torch.tensor([0.9, 0.45]))
    tensor([0.1000, 0.5000])
    """
    before = torch.cat([alpha_bar.new_ones(1), alpha_bar[:-1]])
    return 1 - alpha_bar / before


def log_snr(alpha_bar: Tensor) -> Tensor:
    r"""Return the logarithm of signal to noise, $\log \bar\alpha_t / (1 - \bar\alpha_t)$, (T,).

    Source: Kingma, Salimans, Poole, Ho (2021), https://arxiv.org/abs/2107.00630

    >>> log_snr(torch.tensor([0.5]))
    tensor([0.])
    """
    return torch.log(alpha_bar) - torch.log1p(-alpha_bar)


def spaced_steps(steps: int, count: int) -> list[int]:
    """Return some of the time steps, evenly spaced, from the noisiest down to 0.

    Args:
        steps: T.
        count: how many to keep, from 1 to T.

    Raises:
        ValueError: a count outside that range.

    >>> spaced_steps(10, 4)
    [9, 6, 3, 0]
    """
    if not 1 <= count <= steps:
        raise ValueError(f"count: got {count}, wanted 1 to {steps}")
    if count == 1:
        return [steps - 1]
    return [round((steps - 1) * k / (count - 1)) for k in reversed(range(count))]


def _check_steps(steps: int) -> None:
    if not isinstance(steps, int) or steps < 2:
        raise ValueError(f"steps: got {steps!r}, wanted an integer of at least 2")
