"""Generative adversarial networks: two players, what each of them wants, and how they move.

A discriminator's answer is a logit d everywhere: D = sigmoid(d) is its belief in "real".
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from course_lib.generative.distributions import require_points
from course_lib.training import History, random_batches, train

KINDS = ("minimax", "non-saturating", "wasserstein")
Parameters = Mapping[str, Tensor]


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Return minus the value of the game: what the original discriminator minimises.

    L = - mean log D(real) - mean log(1 - D(fake)),    D = sigmoid(logit)

    Computed as mean softplus(-real) + mean softplus(fake): finite for any logit. The hinge loss of
    unit 05 is in `course_lib.inpainting`.

    Args:
        real: logits of real samples, any shape.
        fake: logits of generated samples, any shape; it may differ from that of ``real``.

    Returns:
        A number, (), in nats: 2 log 2 = 1.386 for a discriminator that always says "one half".

    Source: Goodfellow et al., Generative adversarial networks (2014), equation 1,
    https://arxiv.org/abs/1406.2661

    >>> discriminator_loss(torch.zeros(3), torch.zeros(2))
    tensor(1.3863)
    """
    return functional.softplus(-real).mean() + functional.softplus(fake).mean()


def generator_loss(fake: Tensor, kind: str = "non-saturating") -> Tensor:
    """Return what the generator minimises.

        minimax:          mean log(1 - D(fake)) = - mean softplus(fake)
        non-saturating:   - mean log D(fake)    =   mean softplus(-fake)
        wasserstein:      - mean fake

    The first is the game's own. Where the discriminator is sure of a fake, its slope -D vanishes,
    and that of the second, D - 1, is steepest.

    Args:
        fake: logits of generated samples, any shape.
        kind: one of the three.

    Returns:
        A number, ().

    Raises:
        ValueError: an unknown kind.

    Source: Goodfellow et al. (2014), section 3, https://arxiv.org/abs/1406.2661; Arjovsky et al.,
    Wasserstein GAN (2017), https://arxiv.org/abs/1701.07875

    >>> generator_loss(torch.tensor([-100.0]))
    tensor(100.)
    """
    _require_kind(kind)
    if kind == "wasserstein":
        return -fake.mean()
    sign = 1 if kind == "non-saturating" else -1
    return sign * functional.softplus(-sign * fake).mean()


def optimal_discriminator(p_data: Tensor, p_model: Tensor) -> tuple[Tensor, Tensor]:
    """Return the best discriminator of two known distributions, and the game's value with it.

        D*(x) = p(x) / (p(x) + q(x))
        V(D*) = sum p log D* + sum q log(1 - D*) = - log 4 + 2 JSD(p, q)

    JSD is the Jensen-Shannon divergence, from 0 for equal distributions to log 2 for disjoint ones.
    A cell that neither reaches gets D* = 1/2; a probability of zero adds nothing to the sum.

    Args:
        p_data: probabilities of K cells, (K,), at least 0, they add to one.
        p_model: the same of the model, (K,).

    Returns:
        D* (K,), and V ().

    Raises:
        ValueError: shapes that differ, or negative numbers.

    Source: Goodfellow et al. (2014), proposition 1 and theorem 1, https://arxiv.org/abs/1406.2661

    >>> optimal_discriminator(torch.tensor([0.5, 0.5]), torch.tensor([0.5, 0.5]))
    (tensor([0.5000, 0.5000]), tensor(-1.3863))
    """
    if p_data.ndim != 1 or p_data.shape != p_model.shape:
        came = f"{tuple(p_data.shape)} and {tuple(p_model.shape)}"
        raise ValueError(f"p_data, p_model: got {came}, wanted (K,) twice")
    if bool((p_data < 0).any() | (p_model < 0).any()):
        raise ValueError("p_data, p_model: got negative numbers, wanted probabilities")
    both = p_data + p_model
    reached = both > 0
    safe = torch.where(reached, both, 1.0)
    D = torch.where(reached, p_data / safe, 0.5)
    value = torch.xlogy(p_data, p_data / safe) + torch.xlogy(p_model, p_model / safe)
    return D, value.sum()


def linear_generator(noise: Tensor, parameters: Parameters) -> Tensor:
    """Return weight z + bias for each row z of the noise, (N, Z) to (N, D).

    >>> linear_generator(torch.ones(1, 2), {"weight": torch.eye(2), "bias": torch.ones(2)})
    tensor([[2., 2.]])
    """
    return noise @ parameters["weight"].mT + parameters["bias"]


def linear_discriminator(x: Tensor, parameters: Parameters) -> Tensor:
    """Return the logits weight . x + bias of points (N, D), (N,).

    >>> parameters = {"weight": torch.tensor([1.0, 2.0]), "bias": torch.tensor(0.5)}
    >>> linear_discriminator(torch.ones(1, 2), parameters)
    tensor([3.5000])
    """
    return x @ parameters["weight"] + parameters["bias"]


def gan_step(
    generator: Parameters,
    discriminator: Parameters,
    real: Tensor,
    noise: Tensor,
    learning_rate: float,
    alternating: bool,
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return both players after one step of gradient descent each on its own loss.

    The discriminator descends `discriminator_loss`, the generator the non-saturating
    `generator_loss`. Alternating, the generator answers to the discriminator that has moved
    already; otherwise both look at the players as they came.

    Args:
        generator: {"weight": (D, Z), "bias": (D,)}, of `linear_generator`.
        discriminator: {"weight": (D,), "bias": ()}, of `linear_discriminator`.
        real: samples, (N, D).
        noise: (M, Z).
        learning_rate: of both.
        alternating: whether the generator sees the discriminator's move.

    Returns:
        The new generator and the new discriminator, detached.

    Source: Goodfellow et al. (2014), algorithm 1, https://arxiv.org/abs/1406.2661; Mescheder et
    al., Which training methods for GANs do actually converge? (2018), section 2,
    https://arxiv.org/abs/1801.04406

    >>> maker = {"weight": torch.zeros(1, 1), "bias": torch.zeros(1)}
    >>> judge = {"weight": torch.ones(1), "bias": torch.tensor(0.0)}
    >>> new, _ = gan_step(maker, judge, torch.ones(4, 1), torch.ones(4, 1), 0.1, False)
    >>> new["bias"]  # the slope of the non-saturating loss at logit 0 is -1/2
    tensor([0.0500])
    """
    require_points(real, "real")
    require_points(noise, "noise")

    def judge(player: Parameters) -> Tensor:
        fake = linear_generator(noise, generator)
        return discriminator_loss(
            linear_discriminator(real, player), linear_discriminator(fake, player)
        )

    moved = _descended(discriminator, judge, learning_rate)
    seen = moved if alternating else discriminator

    def persuade(player: Parameters) -> Tensor:
        return generator_loss(linear_discriminator(linear_generator(noise, player), seen))

    return _descended(generator, persuade, learning_rate), moved


def _descended(
    player: Parameters, loss: Callable[[Parameters], Tensor], learning_rate: float
) -> dict[str, Tensor]:
    with torch.enable_grad():
        leaves = {name: value.detach().requires_grad_() for name, value in player.items()}
        slopes = torch.autograd.grad(loss(leaves), list(leaves.values()))
    pairs = zip(leaves.items(), slopes, strict=True)
    return {name: value.detach() - learning_rate * slope for (name, value), slope in pairs}


def critic(x: Tensor, weights: Tensor) -> Tensor:
    """Return the logits of a small smooth network whose weights are one vector.

    d(x) = v . softplus(W x + b) + c,    weights = (W, b, v, c), H (D + 2) + 1 numbers

    Args:
        x: (N, D).
        weights: (H (D + 2) + 1,).

    Returns:
        (N,).

    >>> critic(torch.zeros(3, 2), torch.zeros(9)).shape  # two hidden numbers
    torch.Size([3])
    """
    D = x.shape[1]
    H = (len(weights) - 1) // (D + 2)
    W, b, v, c = weights.split([H * D, H, H, 1])
    return functional.softplus(x @ W.reshape(H, D).mT + b) @ v + c


def gradient_penalty(weights: Tensor, real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    """Return how far the critic's slope is from one between real and generated samples.

    x = mix real + (1 - mix) fake,    P = mean ( |grad_x d(x)| - 1 )^2

    Args:
        weights: of `critic`, (P,); gradients flow to them.
        real: (N, D).
        fake: (N, D).
        mix: (N, 1), in [0, 1], one number for each pair.

    Returns:
        A number, ().

    Source: Gulrajani et al., Improved training of Wasserstein GANs (2017), algorithm 1,
    https://arxiv.org/abs/1704.00028

    >>> flat = torch.zeros(9)
    >>> float(gradient_penalty(flat, torch.ones(4, 2), torch.zeros(4, 2), torch.rand(4, 1)))
    1.0
    """
    return slope_penalty(lambda x: critic(x, weights), real, fake, mix)


def slope_penalty(
    discriminator: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, mix: Tensor
) -> Tensor:
    """Return `gradient_penalty` of any discriminator of samples (N, ...); mix is (N, 1, ...).

    >>> real, fake = torch.rand(2, 5, 2)
    >>> round(float(slope_penalty(lambda x: 3 * x.sum(dim=1), real, fake, torch.rand(5, 1))), 2)
    10.51
    """
    with torch.enable_grad():
        x = (mix * real + (1 - mix) * fake).detach().requires_grad_()
        (slope,) = torch.autograd.grad(discriminator(x).sum(), x, create_graph=True)
    return (slope.flatten(1).norm(dim=1) - 1).square().mean()


def point_player(inputs: int, outputs: int, width: int = 64, *, seed: int = 0) -> nn.Sequential:
    """Return a player for the plane: two hidden layers; with one output its result is (N,).

    >>> point_player(2, 1)(torch.zeros(5, 2)).shape
    torch.Size([5])
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        hidden = [nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()]
        last: list[nn.Module] = [nn.Linear(width, outputs)]
    return nn.Sequential(*hidden, *last, *([nn.Flatten(0)] if outputs == 1 else []))


def fit_gan(
    network: nn.Module,
    discriminator: nn.Module,
    data: Sequence[Tensor] | Callable[[torch.Generator], Sequence[Tensor]],
    steps: int,
    *,
    noise_size: int,
    generator: torch.Generator,
    kind: str = "non-saturating",
    rounds: int = 1,
    penalty: float = 10.0,
    learning_rates: tuple[float, float] = (1e-3, 1e-3),
    momentum: float = 0.5,
    batch_size: int = 128,
    **options: Any,
) -> History:
    """Train a generator and its discriminator in turns with Adam, in place.

    Args:
        network: the generator, ``network(noise, *labels) -> samples``.
        discriminator: ``discriminator(samples, *labels) -> logits (N,)``.
        data: tensors (samples, and labels if there are any), or a function that draws a batch.
        steps: how many of the generator.
        noise_size: numbers of noise for each sample.
        generator: draws batches and noise.
        kind: "minimax", "non-saturating" or "wasserstein".
        rounds: steps of the discriminator before each of the generator.
        penalty: weight of `slope_penalty`, for "wasserstein" alone.
        learning_rates: of generator and discriminator.
        momentum: Adam's first beta.
        batch_size: samples a step, where ``data`` is tensors.
        **options: of `train`.

    Returns:
        The history, with "discriminator" and "generator": their losses.

    Raises:
        ValueError: an unknown kind, or no rounds.
    """
    _require_kind(kind)
    if rounds < 1:
        raise ValueError(f"rounds: got {rounds}, wanted at least 1")
    draw = data if callable(data) else random_batches(data, batch_size)
    optimizers = [
        torch.optim.Adam(player.parameters(), lr=rate, betas=(momentum, 0.99))
        for player, rate in zip((network, discriminator), learning_rates, strict=True)
    ]

    def update(player: int, loss: Tensor) -> None:
        optimizers[player].zero_grad(set_to_none=True)
        loss.backward()
        optimizers[player].step()

    def generated(count: int, labels: Sequence[Tensor]) -> Tensor:
        return network(torch.randn(count, noise_size, generator=generator), *labels)

    def judged(real: Tensor, fake: Tensor, labels: Sequence[Tensor]) -> Tensor:
        if kind != "wasserstein":
            return discriminator_loss(discriminator(real, *labels), discriminator(fake, *labels))
        mix = torch.rand(len(real), *[1] * (real.ndim - 1), generator=generator)
        slopes = slope_penalty(lambda x: discriminator(x, *labels), real, fake, mix)
        apart = discriminator(fake, *labels).mean() - discriminator(real, *labels).mean()
        return apart + penalty * slopes

    def step(_: int) -> dict[str, Tensor]:
        network.train()
        for _ in range(rounds):
            real, *labels = draw(generator)
            verdict = judged(real, generated(len(real), labels).detach(), labels)
            update(1, verdict)
        discriminator.requires_grad_(False)
        persuade = generator_loss(discriminator(generated(len(real), labels), *labels), kind)
        update(0, persuade)
        discriminator.requires_grad_(True)
        return {"discriminator": verdict, "generator": persuade}

    state = {"network": network, "discriminator": discriminator, "generator": generator}
    state |= {"optimizer": optimizers[0], "discriminator's optimizer": optimizers[1]}
    return train(step, steps, state, **({"description": "Two players"} | options))


def _require_kind(kind: str) -> None:
    if kind not in KINDS:
        raise ValueError(f"kind: got {kind!r}, wanted one of {', '.join(KINDS)}")
