"""Teach a network to predict noise, and keep a moving average of its weights."""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ..training import History, descend
from .diffusion import q_sample


class Averaged(nn.Module):
    r"""A network and a slow copy of it, which is the one to sample with.

    After each step $\bar\theta \leftarrow d\,\bar\theta + (1 - d)\,\theta$. The weights of single
    steps wobble about good ones; their average wobbles less. At first $d$ is smaller, so that the
    average forgets how the network began.

    Args:
        network: the one that is trained; its copy is `average`.
        decay: $d$ in the end.

    Raises:
        ValueError: a decay that is not in [0, 1).

    Source: Polyak, Juditsky (1992), https://doi.org/10.1137/0330046

    >>> averaged = Averaged(nn.Linear(1, 1, bias=False), decay=0.5)
    >>> _ = nn.init.zeros_(averaged.average.weight), nn.init.ones_(averaged.network.weight)
    >>> averaged.update(1000)
    >>> averaged.average.weight.item()
    0.5
    """

    def __init__(self, network: nn.Module, decay: float = 0.995) -> None:
        super().__init__()
        if not 0 <= decay < 1:
            raise ValueError(f"decay: got {decay}, wanted at least 0 and below 1")
        self.network, self.decay = network, decay
        self.average = copy.deepcopy(network).requires_grad_(False)

    @torch.no_grad()
    def update(self, done: int) -> None:
        """Move the average towards the network; ``done`` steps have been trained."""
        decay = min(self.decay, (1 + done) / (10 + done))
        pairs = zip(self.average.parameters(), self.network.parameters(), strict=True)
        for slow, fast in pairs:
            slow.lerp_(fast, 1 - decay)


class Velocity(nn.Module):
    r"""A denoiser around a network that predicts a mixture of noise and picture.

    The network's answer is $v = \sqrt{\bar\alpha_t}\,\epsilon - \sqrt{1 - \bar\alpha_t}\,x_0$, and
    $\epsilon = \sqrt{1 - \bar\alpha_t}\,x_t + \sqrt{\bar\alpha_t}\,v$. Where nearly all is noise,
    the noise is nearly $x_t$ itself, and the network is asked for the picture. That spares a narrow
    network from having to carry all the noise through itself. Train it with ``weights=1 /
    alpha_bar``, which makes the error of the noise the error of $v$.

    Args:
        network: ``network(x_t, t, ...) -> v``, such as a `UNet`.
        alpha_bar: (T,).

    Source: Salimans, Ho (2022), https://arxiv.org/abs/2202.00512, section 4 and appendix D

    >>> denoise = Velocity(lambda x, t: 0 * x, torch.tensor([0.36]))
    >>> denoise(torch.ones(1, 1), torch.tensor([0]))
    tensor([[0.8000]])
    """

    def __init__(self, network: Callable[..., Tensor], alpha_bar: Tensor) -> None:
        super().__init__()
        self.network = network
        self.no_label = getattr(network, "no_label", 0)
        self.register_buffer("alpha_bar", alpha_bar, persistent=False)

    def forward(self, x: Tensor, t: Tensor, *conditions: Any, **named: Any) -> Tensor:
        left = self.alpha_bar[t].view(-1, *[1] * (x.ndim - 1))
        return (1 - left).sqrt() * x + left.sqrt() * self.network(x, t, *conditions, **named)


def noise_loss(
    network: nn.Module,
    x_0: Tensor,
    alpha_bar: Tensor,
    *,
    generator: torch.Generator,
    labels: Tensor | None = None,
    forget: float = 0.1,
    weights: Tensor | None = None,
    **conditions: Any,
) -> Tensor:
    r"""Return the mean squared error of the predicted noise, at random times.

    $L = \mathbb{E}_{t, x_0, \epsilon}\, (\epsilon - \epsilon_\theta(x_t, t))^2$, per pixel.

    Args:
        network: ``network(x_t, t)``, or ``network(x_t, t, labels)`` where there are labels.
        x_0: (B, ...), clean pictures in [-1, 1].
        alpha_bar: (T,).
        generator: draws times, noise and what is forgotten.
        labels: (B,) int64, what the pictures show.
        forget: share of the labels that is replaced by ``network.no_label``, so that the network
            learns to do without; `guided` needs both.
        weights: (T,), how much each time counts; None: all the same.
        **conditions: handed on to the network.

    Source: Ho, Jain, Abbeel (2020), https://arxiv.org/abs/2006.11239, equation 14

    >>> blind = lambda x, t: torch.zeros_like(x)
    >>> loss = noise_loss(blind, torch.zeros(4000, 1), torch.tensor([0.9, 0.5]),
    ...     generator=torch.Generator().manual_seed(0))
    >>> round(float(loss), 1)  # all of the noise's variance
    1.0
    """
    count = len(x_0)
    t = torch.randint(len(alpha_bar), (count,), generator=generator)
    noise = torch.randn(x_0.shape, generator=generator)
    x_t = q_sample(x_0, t, noise, alpha_bar)
    told = ()
    if labels is not None:
        lost = torch.rand(count, generator=generator) < forget
        told = (torch.where(lost, network.no_label, labels),)
    error = (network(x_t, t, *told, **conditions) - noise).square().flatten(1).mean(dim=1)  # (B,)
    return error.mean() if weights is None else (weights[t] * error).mean()


def fit_denoiser(
    network: nn.Module,
    x_0: Tensor,
    alpha_bar: Tensor,
    steps: int,
    *,
    generator: torch.Generator,
    labels: Tensor | None = None,
    weights: Tensor | None = None,
    decay: float = 0.995,
    batch_size: int = 64,
    learning_rate: float = 2e-3,
    **options: Any,
) -> tuple[nn.Module, History]:
    """Train a network to predict noise, in place, and return the average of its weights.

    Args:
        network: see `noise_loss`.
        x_0: (N, ...), clean pictures in [-1, 1].
        alpha_bar: (T,).
        steps: how many.
        generator: draws batches, times and noise.
        labels: (N,) int64, or None.
        weights: (T,), or None; see `noise_loss`.
        decay: of the moving average; see `Averaged`.
        batch_size, learning_rate: see `descend`.
        **options: of `descend` and `train`.

    Returns:
        The averaged network, which is the one to sample with, and the history with "loss".

    >>> class Scale(nn.Module):
    ...     def __init__(self): super().__init__(); self.factor = nn.Parameter(torch.zeros(()))
    ...     def forward(self, x, t): return self.factor * x
    >>> average, history = fit_denoiser(Scale(), torch.zeros(64, 2), torch.tensor([0.5, 0.5]), 200,
    ...     generator=torch.Generator().manual_seed(0), learning_rate=0.1, progress=False)
    >>> round(average.factor.item(), 2)  # 1 / sqrt(1 - 0.5)
    1.41
    """
    both = Averaged(network, decay)
    told = () if labels is None else (labels,)

    def loss(x: Tensor, *told: Tensor) -> Tensor:
        label = told[0] if told else None
        extra = {"generator": generator, "labels": label, "weights": weights}
        return noise_loss(network, x, alpha_bar, **extra)

    options = {"description": "Learning to denoise"} | options
    after = options.pop("callback", None)

    def callback(done: int, history: History) -> None:
        both.update(done)
        if after is not None:
            after(done, history)

    history = descend(
        both,
        loss,
        (x_0, *told),
        steps,
        generator=generator,
        batch_size=batch_size,
        learning_rate=learning_rate,
        callback=callback,
        **options,
    )
    return both.average.eval(), history
