"""From noise to pictures: the loops over the steps of `diffusion`.

A `Denoiser` is anything that predicts noise: ``denoise(x_t, t) -> eps`` with `x_t (B, ...)` and `t
(B,)`. A network with a condition becomes one by `guided`.
"""

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

from .diffusion import (
    classifier_free_guidance,
    ddim_step,
    ddpm_step,
    forward_step,
    implied_noise,
    predict_x0,
    repaint_step,
)
from .schedules import spaced_steps

Denoiser = Callable[[Tensor, Tensor], Tensor]
Watch = Callable[[int, Tensor, Tensor], None]


def to_signed(images: Tensor) -> Tensor:
    """Pictures in [0, 1] to the range [-1, 1] of a diffusion model.

    >>> to_signed(torch.tensor([0.0, 0.5, 1.0]))
    tensor([-1.,  0.,  1.])
    """
    return 2 * images - 1


def to_images(x: Tensor) -> Tensor:
    """From [-1, 1] back to pictures in [0, 1]; what is outside is cut off.

    >>> to_images(torch.tensor([-1.5, 0.0, 1.0]))
    tensor([0.0000, 0.5000, 1.0000])
    """
    return ((x + 1) / 2).clamp(0, 1)


def guided(
    network: Callable[..., Tensor], labels: Tensor, scale: float = 1.0, *, no_label: int
) -> Denoiser:
    """Return a denoiser that draws what the labels say.

    Args:
        network: ``network(x_t, t, labels) -> noise``, such as a `UNet` with classes.
        labels: (B,) int64.
        scale: of `classifier_free_guidance`; at 1 the network is asked once a step, else twice.
        no_label: the label that means "anything"; `UNet.no_label`.

    >>> network = lambda x, t, labels: labels[:, None] * torch.ones_like(x)
    >>> guided(network, torch.tensor([3]), 2.0, no_label=1)(torch.zeros(1, 1), torch.tensor([0]))
    tensor([[5.]])
    """

    def denoise(x: Tensor, t: Tensor) -> Tensor:
        conditional = network(x, t, labels)
        if scale == 1.0:
            return conditional
        unconditional = network(x, t, torch.full_like(labels, no_label))
        return classifier_free_guidance(conditional, unconditional, scale)

    return denoise


def respaced(denoise: Denoiser, alpha_bar: Tensor, count: int) -> tuple[Denoiser, Tensor]:
    """Keep some of the time steps: a denoiser and its schedule, for a walk of ``count`` steps.

    Args:
        denoise: made for all T times.
        alpha_bar: (T,).
        count: how many times to keep, evenly spaced.

    Returns:
        A denoiser for times `0 … count-1`, and `alpha_bar (count,)`.

    Raises:
        ValueError: a count outside 1 to T.

    Source: Nichol, Dhariwal (2021), https://arxiv.org/abs/2102.09672, section 4

    >>> denoise, short = respaced(lambda x, t: x + t, torch.tensor([0.9, 0.5, 0.1]), 2)
    >>> short, denoise(torch.zeros(1), torch.tensor([1]))
    (tensor([0.9000, 0.1000]), tensor([2.]))
    """
    times = torch.tensor(spaced_steps(len(alpha_bar), count)[::-1])
    return lambda x, t: denoise(x, times[t]), alpha_bar[times]


def clipped_noise(
    denoise: Denoiser, x: Tensor, t: int, alpha_bar: Tensor, clip: bool = True
) -> tuple[Tensor, Tensor]:
    """Ask for the noise at time ``t``; make it agree with a picture in [-1, 1].

    While there is much noise, a small error of the prediction is a large one of the picture that it
    implies. Pictures have a range, so that picture is clipped to it.

    Returns:
        The noise and the clean picture that it implies, each like ``x``.

    >>> alpha_bar = torch.tensor([0.25])
    >>> clipped_noise(lambda x, t: 0 * x, torch.ones(1, 1), 0, alpha_bar)[1]
    tensor([[1.]])
    """
    times = torch.full((len(x),), t, dtype=torch.int64, device=x.device)
    noise = denoise(x, times)
    x_0 = predict_x0(x, times, noise, alpha_bar)
    if not clip:
        return noise, x_0
    x_0 = x_0.clamp(-1, 1)
    return implied_noise(x, times, x_0, alpha_bar), x_0


@torch.no_grad()
def ddpm_sample(
    denoise: Denoiser,
    start: Tensor,
    alpha_bar: Tensor,
    *,
    generator: torch.Generator,
    clip: bool = True,
    watch: Watch | None = None,
    progress: bool = False,
) -> Tensor:
    """Walk from noise to pictures, one `ddpm_step` after another, T of them.

    Args:
        denoise: predicts the noise.
        start: (B, ...), pure noise.
        alpha_bar: (T,).
        generator: of the fresh noise in each step.
        clip: whether the implied pictures are kept in [-1, 1]; not for points in the plane.
        watch: called as ``watch(t, x_t, x_0)`` before each step.
        progress: show a bar.

    Returns:
        Like ``start``.

    Source: Ho, Jain, Abbeel (2020), https://arxiv.org/abs/2006.11239, algorithm 2

    >>> generator = torch.Generator().manual_seed(0)
    >>> exact = lambda x, t: x  # all data are 0: everything is noise, sqrt(1 - alpha_bar) eps
    >>> alpha_bar = torch.tensor([0.5, 0.0001])
    >>> x = ddpm_sample(lambda x, t: x / (1 - alpha_bar[t, None]).sqrt(), torch.ones(1, 1),
    ...     alpha_bar, generator=generator)
    >>> float(x.abs().max()) < 1e-6
    True
    """
    x = start
    for t in _bar(list(range(len(alpha_bar)))[::-1], progress):
        predicted, x_0 = clipped_noise(denoise, x, t, alpha_bar, clip)
        if watch is not None:
            watch(t, x, x_0)
        noise = torch.randn(x.shape, generator=generator)
        x = ddpm_step(x, t, predicted, alpha_bar, noise)
    return x


@torch.no_grad()
def ddim_sample(
    denoise: Denoiser,
    start: Tensor,
    alpha_bar: Tensor,
    steps: int = 50,
    *,
    eta: float = 0.0,
    generator: torch.Generator | None = None,
    clip: bool = True,
    watch: Watch | None = None,
    progress: bool = False,
) -> Tensor:
    """Walk from noise to pictures in few steps, by `ddim_step`.

    Args:
        denoise: predicts the noise.
        start: (B, ...), pure noise.
        alpha_bar: (T,).
        steps: how many of the T, evenly spaced.
        eta: 0: the result is a function of ``start``; 1: as random as `ddpm_sample`.
        generator: of the fresh noise; needed where ``eta`` is not 0.
        clip, watch, progress: as for `ddpm_sample`.

    Returns:
        Like ``start``.

    Raises:
        ValueError: noise without a generator, or more steps than the schedule has.

    Source: Song, Meng, Ermon (2021), https://arxiv.org/abs/2010.02502

    >>> alpha_bar = torch.tensor([0.5, 0.0001])
    >>> x = ddim_sample(lambda x, t: 0 * x, torch.full((1, 1), 0.001), alpha_bar, 2)
    >>> round(float(x), 4)  # without noise it is only scaled: by 1 / sqrt(0.0001)
    0.1
    """
    if eta and generator is None:
        raise ValueError("generator: got None, wanted a torch.Generator, because eta is not 0")
    times = [*spaced_steps(len(alpha_bar), steps), -1]
    x, noise = start, torch.zeros_like(start)
    for t, previous in _bar(list(pairwise(times)), progress):
        predicted, x_0 = clipped_noise(denoise, x, t, alpha_bar, clip)
        if watch is not None:
            watch(t, x, x_0)
        if eta:
            noise = torch.randn(x.shape, generator=generator)
        x = ddim_step(x, t, previous, predicted, alpha_bar, eta, noise)
    return x


@torch.no_grad()
def repaint(
    denoise: Denoiser,
    known: Tensor,
    mask: Tensor,
    alpha_bar: Tensor,
    *,
    generator: torch.Generator,
    repeats: int = 5,
    clip: bool = True,
    watch: Watch | None = None,
    progress: bool = False,
) -> Tensor:
    """Fill holes with a denoiser that has never heard of holes.

    Every step is a `repaint_step`. What it puts into the hole was made without looking at the
    known pixels of that time, and need not fit them; so the step is undone by fresh noise
    (`forward_step`) and taken again, ``repeats`` times, and the two parts grow together.

    Args:
        denoise: predicts the noise.
        known: (B, C, H, W), damaged pictures in [-1, 1]; in the hole anything, NaN included.
        mask: (B, 1, H, W) bool, True = hole.
        alpha_bar: (T,).
        generator: of all noise.
        repeats: how often each step is taken; 1 is once.
        clip, watch, progress: as for `ddpm_sample`.

    Returns:
        (B, C, H, W); known pixels keep their very bits.

    Raises:
        ValueError: fewer than one repeat, or as `repaint_step`.

    Source: Lugmayr et al. (2022), https://arxiv.org/abs/2201.09865, algorithm 1 (with jumps of
    length one)

    >>> mask = torch.tensor([[[[True, False]]]])
    >>> known = torch.tensor([[[[torch.nan, 0.5]]]])
    >>> repaint(lambda x, t: x, known, mask, torch.tensor([0.9, 0.1]),
    ...     generator=torch.Generator().manual_seed(0))[..., 1]
    tensor([[[0.5000]]])
    """
    if repeats < 1:
        raise ValueError(f"repeats: got {repeats}, wanted at least 1")

    def draw() -> Tensor:
        return torch.randn(known.shape, generator=generator, dtype=known.dtype)

    x = draw()
    for t in _bar(list(range(len(alpha_bar)))[::-1], progress):
        for repeat in range(repeats):
            predicted, x_0 = clipped_noise(denoise, x, t, alpha_bar, clip)
            if watch is not None and repeat == 0:
                watch(t, x, x_0)
            before = repaint_step(x, t, predicted, known, mask, alpha_bar, draw(), draw())
            if t == 0:  # nothing to repeat: the last step has no noise
                return before
            x = forward_step(before, t, alpha_bar, draw())
        x = before
    return x


def _bar(times: list, progress: bool) -> list:
    if not progress:
        return times
    from tqdm.auto import tqdm

    return tqdm(times, desc="Sampling", unit="step")
