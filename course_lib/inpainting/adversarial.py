"""A second network as the judge: does this patch look like a patch of a real picture?"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..training import History, train, warm_cosine
from .learned import compose, masked_l1, network_input

LOSSES = ("hinge", "non-saturating")


class PatchDiscriminator(nn.Module):
    """Say for each patch of a picture how real it looks: one logit a patch.

    Convolutions alone, so that each logit sees one patch; all of them with spectral normalisation,
    which keeps the logits from changing faster than the picture does. The judge sees the mask, too:
    it knows where to look.

    Args:
        widths: channels after each step down by 2.
        inputs: channels of the input; 4 is picture and mask.

    Source: Isola et al. (2017), https://arxiv.org/abs/1611.07004 (patches); Miyato et al. (2018),
    https://arxiv.org/abs/1802.05957 (spectral normalisation); both together for inpainting: Yu et
    al. (2019), https://arxiv.org/abs/1806.03589

    >>> judge = PatchDiscriminator((8, 16))
    >>> judge(torch.zeros(2, 3, 32, 32), torch.ones(2, 1, 32, 32) > 0).shape
    torch.Size([2, 1, 8, 8])
    """

    def __init__(self, widths: Sequence[int] = (32, 64, 64), inputs: int = 4) -> None:
        super().__init__()
        channels = [inputs, *widths]
        self.down = nn.ModuleList(
            nn.utils.parametrizations.spectral_norm(nn.Conv2d(a, b, 4, 2, 1))
            for a, b in pairwise(channels)
        )
        self.leave = nn.utils.parametrizations.spectral_norm(nn.Conv2d(widths[-1], 1, 3, 1, 1))

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        """Return logits (B, 1, h, w) of whole pictures (B, C, H, W) and their masks."""
        x = torch.cat([2 * image - 1, mask.to(image)], dim=1)
        for layer in self.down:
            x = functional.leaky_relu(layer(x), 0.2)
        return self.leave(x)


def discriminator_loss(real: Tensor, fake: Tensor, kind: str = "hinge") -> Tensor:
    """What the judge minimises: high logits for real pictures, low ones for filled pictures.

        hinge:           mean max(0, 1 - real) + mean max(0, 1 + fake)
        non-saturating:  mean softplus(-real)  + mean softplus(fake)

    softplus(-z) = -log sigmoid(z), so the second is the cross-entropy of a classifier.

    Args:
        real: logits of whole pictures, any shape.
        fake: logits of filled pictures, any shape.
        kind: "hinge" or "non-saturating".

    Returns:
        A scalar.

    Raises:
        ValueError: an unknown kind.

    Source: Lim and Ye (2017), https://arxiv.org/abs/1705.02894 (hinge); Goodfellow et al. (2014),
    https://arxiv.org/abs/1406.2661, equation 1

    >>> discriminator_loss(torch.tensor([3.0]), torch.tensor([-0.5]))
    tensor(0.5000)
    """
    _check_kind(kind)
    if kind == "hinge":
        return functional.relu(1 - real).mean() + functional.relu(1 + fake).mean()
    return functional.softplus(-real).mean() + functional.softplus(fake).mean()


def generator_loss(fake: Tensor, kind: str = "hinge") -> Tensor:
    """What the generator minimises against the judge: low when filled pictures pass for real.

        hinge:           - mean fake
        non-saturating:  mean softplus(-fake) = - mean log sigmoid(fake)

    The generator of the hinge has no hinge: it is never good enough. The other one is called
    non-saturating because its slope is steepest, -1, where the judge is surest; the slope of the
    obvious choice, log(1 - sigmoid(fake)), vanishes just there.

    Args:
        fake: logits of filled pictures, any shape.
        kind: "hinge" or "non-saturating".

    Returns:
        A scalar.

    Raises:
        ValueError: an unknown kind.

    Source: as in `discriminator_loss`; non-saturating: Goodfellow et al. (2014), section 3

    >>> generator_loss(torch.tensor([-100.0]), "non-saturating")
    tensor(100.)
    """
    _check_kind(kind)
    return -fake.mean() if kind == "hinge" else functional.softplus(-fake).mean()


def fit_adversarial(
    network: nn.Module,
    judge: nn.Module,
    images: Tensor,
    masks: Tensor,
    steps: int,
    *,
    generator: torch.Generator,
    kind: str = "hinge",
    weight: float = 0.1,
    batch_size: int = 16,
    learning_rates: tuple[float, float] = (1e-3, 1e-3),
    **options: Any,
) -> History:
    """Train the inpainter and its judge in turns, in place.

    Each step the judge learns from a real and a filled batch; then the inpainter minimises
    `masked_l1` + weight * `generator_loss`. Only the hole of a filled picture is the network's own:
    the judge sees the composed picture.

    Args:
        network: such as a `Generator`, best trained by `fit_inpainter` before.
        judge: ``judge(picture, mask) -> logits``, such as a `PatchDiscriminator`.
        images: (N, C, H, W), whole pictures, values in [0, 1].
        masks: (M, 1, H, W) bool, True = hole.
        steps: how many, each of both players.
        generator: draws the batches.
        kind: "hinge" or "non-saturating".
        weight: of the judge's opinion; 0 leaves `masked_l1` alone.
        batch_size: pictures a step.
        learning_rates: the largest of the network and of the judge.
        **options: of `train`.

    Returns:
        The history, with "l1", "generator" and "judge".

    Raises:
        ValueError: an unknown kind.
    """
    _check_kind(kind)
    players, rates = (network, judge), learning_rates
    optimizers = [torch.optim.Adam(p.parameters(), betas=(0.5, 0.9), fused=True) for p in players]

    def update(player: int, loss: Tensor, t: int) -> None:
        optimizers[player].param_groups[0]["lr"] = rates[player] * warm_cosine((t + 0.5) / steps)
        optimizers[player].zero_grad(set_to_none=True)
        loss.backward()
        optimizers[player].step()

    def step(t: int) -> dict[str, Tensor]:
        network.train()
        real, whole = (
            images[torch.randint(len(images), (batch_size,), generator=generator)] for _ in "ab"
        )
        mask = masks[torch.randint(len(masks), (batch_size,), generator=generator)]
        prediction = network(network_input(whole, mask))
        filled = compose(whole, prediction, mask)
        verdict = discriminator_loss(judge(real, mask), judge(filled.detach(), mask), kind)
        update(1, verdict, t)
        judge.requires_grad_(False)  # the judge is asked, and learns nothing from this
        l1, persuade = masked_l1(prediction, whole, mask), generator_loss(judge(filled, mask), kind)
        update(0, l1 + weight * persuade, t)
        judge.requires_grad_(True)
        return {"l1": l1, "generator": persuade, "judge": verdict}

    state = {"network": network, "judge": judge, "generator": generator}
    state |= {"optimizer": optimizers[0], "judge's optimizer": optimizers[1]}
    return train(step, steps, state, **{"description": "Two players"} | options)


def _check_kind(kind: str) -> None:
    if kind not in LOSSES:
        raise ValueError(f"kind: got {kind!r}, wanted {' or '.join(map(repr, LOSSES))}")
