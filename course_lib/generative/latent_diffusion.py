"""What latent diffusion adds to `diffusion`: scaled latents, attention to words, guided sampling.

A variational autoencoder makes a picture small; the diffusion model works on what it makes, the
latents `z (B, C, h, w)`, and looks at the words of a prompt while it does. Nothing of the equations
of noise changes.

Source: Rombach, Blattmann, Lorenz, Esser, Ommer (2022), https://arxiv.org/abs/2112.10752
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn.functional import linear, max_pool2d

from .diffusion import classifier_free_guidance, ddim_step, q_sample
from .sampling import Denoiser
from .schedules import spaced_steps

Model = Denoiser | Mapping[str, Tensor]


def latent_scale(mu: Tensor, logvar: Tensor) -> Tensor:
    r"""Return the factor that gives the drawn latents a variance of one.

    $s = 1 / \sqrt{\operatorname{Var}\,\mu + \operatorname{mean}\,\sigma^2}$: a latent is drawn from
    $\mathcal N(\mu, \sigma^2)$, and the variance of all draws is that of their means plus the mean
    of their variances. One number for all channels and places. The noise of a diffusion model has a
    variance of one; latents must be of the same size, or its times mean something else.

    Args:
        mu, logvar: (N, C, h, w), what the encoder says of N pictures.

    Returns:
        $s$, (), above 0. The mean of the latents is left where it is.

    Raises:
        ValueError: shapes that differ, or latents that are all the same.

    Source: Rombach et al. (2022), https://arxiv.org/abs/2112.10752, appendix G

    >>> mu, logvar = torch.tensor([[-1.0], [1.0]]), torch.full((2, 1), 3.0).log()
    >>> latent_scale(mu, logvar)  # a variance of 1 + 3
    tensor(0.5000)
    """
    if mu.shape != logvar.shape:
        raise ValueError(f"logvar: got {tuple(logvar.shape)}, wanted that of mu, {tuple(mu.shape)}")
    variance = mu.var(correction=0) + logvar.exp().mean()
    if not variance > 0:
        raise ValueError("mu, logvar: got latents that are all the same, wanted some variance")
    return variance.rsqrt()


def cross_attention(
    x: Tensor, context: Tensor, padding: Tensor, parameters: Mapping[str, Tensor], heads: int
) -> tuple[Tensor, Tensor]:
    r"""Let every place of a picture ask the words of its prompt.

    $Q = x W_q^\top,\; K = c W_k^\top,\; V = c W_v^\top$, in each head $A = \operatorname{softmax}(Q
    K^\top / \sqrt d)$ over the words that are not padding, and the result is $[A V]_{heads}
    W_{out}^\top + b_{out}$. Places ask, words answer; in self-attention (unit 03) both are places.

    Args:
        x: (B, P, C), P places with C numbers each.
        context: (B, L, D), L words.
        padding: (B, L) bool, True where there is no word; in each row at least one False.
        parameters: "q.weight" (A, C), "k.weight" and "v.weight" (A, D), "out.weight" (C, A),
            "out.bias" (C,).
        heads: a divisor of A; head j works with the j-th A / heads numbers.

    Returns:
        The result (B, P, C), and the weights (B, heads, P, L): what each place took from each word.

    Raises:
        ValueError: shapes that do not fit, or a prompt of padding alone.

    Source: Rombach et al. (2022), https://arxiv.org/abs/2112.10752, section 3.3; Vaswani et al.
    (2017), https://arxiv.org/abs/1706.03762

    >>> eye = torch.eye(2)
    >>> same = {f"{name}.weight": eye for name in ("q", "k", "v", "out")}
    >>> context = torch.tensor([[[5.0, 7.0], [1.0, 1.0]]])
    >>> padding = torch.tensor([[False, True]])
    >>> cross_attention(torch.ones(1, 1, 2), context, padding,
    ...     same | {"out.bias": torch.zeros(2)}, 1)
    (tensor([[[5., 7.]]]), tensor([[[[1., 0.]]]]))
    """
    _check_words(x, context, padding)
    (B, P, _), A = x.shape, len(parameters["q.weight"])
    if heads < 1 or A % heads:
        raise ValueError(f"heads: got {heads}, wanted a divisor of {A}")

    def split(numbers: Tensor, name: str) -> Tensor:  # (B, N, A) to (B, heads, N, A / heads)
        numbers = linear(numbers, parameters[f"{name}.weight"])
        return numbers.unflatten(2, (heads, A // heads)).transpose(1, 2)

    q, k, v = split(x, "q"), split(context, "k"), split(context, "v")
    likeness = q @ k.mT / (A // heads) ** 0.5  # (B, heads, P, L)
    weights = likeness.masked_fill(padding[:, None, None], -torch.inf).softmax(dim=-1)
    joined = (weights @ v).transpose(1, 2).reshape(B, P, A)
    return linear(joined, parameters["out.weight"], parameters["out.bias"]), weights


def _check_words(x: Tensor, context: Tensor, padding: Tensor) -> None:
    if x.ndim != 3 or context.ndim != 3 or len(x) != len(context):
        shapes = f"{tuple(x.shape)} and {tuple(context.shape)}"
        raise ValueError(f"x, context: got shapes {shapes}, wanted (B, P, C) and (B, L, D)")
    if padding.dtype != torch.bool or padding.shape != context.shape[:2]:
        got, wanted = f"{tuple(padding.shape)} {padding.dtype}", tuple(context.shape[:2])
        raise ValueError(f"padding: got {got}, wanted {wanted} torch.bool")
    if bool(padding.all(dim=1).any()):
        raise ValueError("padding: got a prompt of padding alone, wanted one word at least")


def predict_noise(model: Model, x_t: Tensor, t: int, alpha_bar: Tensor) -> Tensor:
    r"""Ask a model for the noise in ``x_t``; for Gaussian data the best answer is known.

    For data from $\mathcal N(m, v I)$: $\;\hat\epsilon = \sqrt{1 - \bar\alpha_t}\; (x_t -
    \sqrt{\bar\alpha_t}\, m) / (\bar\alpha_t v + 1 - \bar\alpha_t)$.

    Args:
        model: a denoiser, ``model(x_t, t) -> noise``; or "mean" (D,) and "variance" () of the data.
        x_t: (B, ...), with Gaussian data (B, D).
        t: the time of all of them.
        alpha_bar: (T,).

    Returns:
        Like ``x_t``.

    >>> still = {"mean": torch.zeros(1), "variance": torch.tensor(0.0)}
    >>> predict_noise(still, torch.ones(1, 1), 0, torch.tensor([0.75]))
    tensor([[2.]])
    """
    if callable(model):
        return model(x_t, torch.full((len(x_t),), t, dtype=torch.int64, device=x_t.device))
    left = alpha_bar[t]
    centred = x_t - left.sqrt() * model["mean"]
    return (1 - left).sqrt() * centred / (left * model["variance"] + 1 - left)


def guided_sample(
    start: Tensor,
    told: Model,
    untold: Model,
    alpha_bar: Tensor,
    times: Sequence[int],
    scale: float,
) -> Tensor:
    r"""Walk from noise to latents, by what the prompt changes about the predicted noise.

    At each of the times, $\hat\epsilon = \epsilon_\varnothing + w\,(\epsilon_c -
    \epsilon_\varnothing)$, then a step of DDIM without fresh noise to the next time, and from the
    last one to the clean latents. Nothing is cut off: latents have no range.

    Args:
        start: (B, ...), latents under the noise of ``times[0]``; pure noise if that is T - 1.
        told: the model with the prompt; see `predict_noise`.
        untold: the one without, or with a prompt of what is *not* wanted.
        alpha_bar: (T,).
        times: falling, from 0 to T - 1; see `spaced_steps` and `partly_noised`.
        scale: $w$.

    Returns:
        Clean latents, like ``start``.

    Raises:
        ValueError: times that do not fall, or none.

    Source: Ho, Salimans (2022), https://arxiv.org/abs/2207.12598, algorithm 2; Song, Meng, Ermon
    (2021), https://arxiv.org/abs/2010.02502, equation 12

    >>> alpha_bar = torch.tensor([0.5, 1e-6])
    >>> spot = lambda x: {"mean": torch.tensor([x]), "variance": torch.tensor(0.0)}
    >>> guided_sample(torch.randn(1, 1), spot(2.0), spot(0.0), alpha_bar, [1, 0], 1.5).round()
    tensor([[3.]])
    """
    times = list(times)
    if not times or any(a <= b for a, b in pairwise(times)):
        raise ValueError(f"times: got {times}, wanted falling ones, at least one")
    x = start
    for t, previous in pairwise([*times, -1]):
        with_prompt = predict_noise(told, x, t, alpha_bar)
        without = predict_noise(untold, x, t, alpha_bar)
        noise = classifier_free_guidance(with_prompt, without, scale)
        x = ddim_step(x, t, previous, noise, alpha_bar, 0.0, torch.zeros_like(x))
    return x


def partly_noised(
    latents: Tensor, strength: float, alpha_bar: Tensor, steps: int, noise: Tensor
) -> tuple[Tensor, list[int]]:
    r"""Return where image-to-image begins: latents under some noise, and the times that are left.

    Args:
        latents: (B, ...), scaled, of the pictures to begin with.
        strength: 0 to keep them, 1 to forget them: the share of the steps that are walked.
        alpha_bar: (T,).
        steps: of a complete walk.
        noise: like ``latents``, standard normal.

    Returns:
        The start and the times for `guided_sample`; no times if the strength is 0.

    Raises:
        ValueError: a strength outside 0 to 1.

    Source: Meng et al. (2022), SDEdit, https://arxiv.org/abs/2108.01073

    >>> alpha_bar = torch.tensor([0.9, 0.6, 0.3, 0.01])
    >>> partly_noised(torch.zeros(1, 1), 0.5, alpha_bar, 4, torch.ones(1, 1))
    (tensor([[0.6325]]), [1, 0])
    """
    if not 0 <= strength <= 1:
        raise ValueError(f"strength: got {strength}, wanted 0 to 1")
    walked = round(strength * steps)
    if walked == 0:
        return latents.clone(), []
    times = spaced_steps(len(alpha_bar), steps)[-walked:]
    t = torch.full((len(latents),), times[0], device=latents.device)
    return q_sample(latents, t, noise, alpha_bar), times


def latent_mask(mask: Tensor, factor: int) -> Tensor:
    """Return which latents see a hole: those of which any pixel is missing.

    Args:
        mask: (B, 1, H, W) bool, True = hole.
        factor: how many times smaller the latents are.

    Returns:
        (B, 1, H / factor, W / factor) bool.

    Raises:
        ValueError: not such a mask, or a factor that does not divide it.

    >>> mask = torch.zeros(1, 1, 4, 4, dtype=torch.bool)
    >>> mask[..., 1, 2] = True
    >>> latent_mask(mask, 2)[0, 0]
    tensor([[False,  True],
            [False, False]])
    """
    if mask.dtype != torch.bool or mask.ndim != 4 or mask.shape[1] != 1:
        raise ValueError(f"mask: got {tuple(mask.shape)} {mask.dtype}, wanted (B, 1, H, W) bool")
    if any(side % factor for side in mask.shape[2:]):
        raise ValueError(f"factor: got {factor}, wanted a divisor of {tuple(mask.shape[2:])}")
    return max_pool2d(mask.float(), factor) > 0
