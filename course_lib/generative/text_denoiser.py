"""A denoiser that reads: a U-Net with cross-attention to a prompt's words, and its training."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..foundations.vision_transformer import EncoderBlock
from ..training import History, descend
from .latent_diffusion import cross_attention
from .noise_prediction import Averaged, Velocity, noise_loss
from .sampling import Denoiser
from .text import LENGTH, VOCABULARY, text_condition, tokenize
from .unet import UNet

Context = tuple[Tensor, Tensor]  # (B, L, D) vectors and (B, L) bool, True = padding


class CrossAttention(nn.Module):
    """`cross_attention` as a layer on maps (B, C, H, W), added to what was there; at first nothing.

    Args:
        channels: C.
        words: D, numbers a word.
        heads: a divisor of C.

    >>> layer = CrossAttention(16, 8, 4)
    >>> context = torch.zeros(2, 5, 8), torch.zeros(2, 5, dtype=torch.bool)
    >>> layer(torch.zeros(2, 16, 4, 4), context).shape
    torch.Size([2, 16, 4, 4])
    """

    def __init__(self, channels: int, words: int, heads: int = 4) -> None:
        super().__init__()
        self.heads, self.norm = heads, nn.GroupNorm(8, channels)
        self.q = nn.Linear(channels, channels, bias=False)
        self.k = nn.Linear(words, channels, bias=False)
        self.v = nn.Linear(words, channels, bias=False)
        self.out = nn.Linear(channels, channels)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def look(self, x: Tensor, context: Context) -> tuple[Tensor, Tensor]:
        """What is added to ``x``, (B, H W, C), and the weights (B, heads, H W, L)."""
        places = self.norm(x).flatten(2).mT  # (B, H W, C)
        return cross_attention(places, *context, dict(self.named_parameters()), self.heads)

    def forward(self, x: Tensor, context: Context) -> Tensor:
        return x + self.look(x, context)[0].mT.reshape(x.shape)


class TextEncoder(nn.Module):
    """Words to vectors that know of each other: `text_condition`, then one block of attention.

    Without the block, "red" would be the same vector before "hair" and before "background".

    Args:
        size: D, numbers a word.

    >>> context, padding = TextEncoder(32)(tokenize(["red hair", ""]))
    >>> context.shape, padding.sum(dim=1).tolist()
    (torch.Size([2, 16, 32]), [13, 15])
    """

    def __init__(self, size: int = 64) -> None:
        super().__init__()
        self.embedding = nn.Parameter(torch.randn(len(VOCABULARY), size))
        self.positions = nn.Parameter(0.3 * torch.randn(LENGTH, size))
        self.block = EncoderBlock(size, 4, 2 * size)

    def forward(self, tokens: Tensor) -> Context:
        """Tokens (B, L), as from `tokenize`, to the context (B, L, D) and the padding (B, L)."""
        padding = tokens == VOCABULARY.index("<pad>")
        return self.block(self.embedding[tokens] + self.positions), padding

    def read(self, prompts: Sequence[str]) -> Context:
        """The same from texts; the vectors before the block are `text_condition`'s."""
        context, padding = text_condition(prompts, VOCABULARY, self.embedding, self.positions)
        return self.block(context), padding


class TextDenoiser(nn.Module):
    """Predicts the noise in latents, given the tokens of a prompt.

    Args:
        channels: of the latents.
        alpha_bar: (T,).
        widths: of the `UNet`.
        size: of the `TextEncoder`.

    >>> model = TextDenoiser(4, torch.tensor([0.9, 0.5]), (16, 32), 16)
    >>> x, t = torch.zeros(2, 4, 8, 8), torch.tensor([0, 1])
    >>> model(x, t, tokenize(["glasses", ""])).shape
    torch.Size([2, 4, 8, 8])
    """

    def __init__(
        self, channels: int, alpha_bar: Tensor, widths: Sequence[int] = (64, 128), size: int = 64
    ) -> None:
        super().__init__()
        self.text = TextEncoder(size)
        network = UNet(channels, widths, attend=lambda width: CrossAttention(width, size))
        self.velocity = Velocity(network, alpha_bar)

    def forward(self, x: Tensor, t: Tensor, tokens: Tensor) -> Tensor:
        return self.velocity(x, t, context=self.text(tokens))

    def told(self, prompts: Sequence[str]) -> Denoiser:
        """Return the denoiser that has read these prompts, one for each latent."""
        context = self.text(tokenize(prompts))
        return lambda x, t: self.velocity(x, t, context=context)


def fit_text_denoiser(
    model: TextDenoiser,
    mu: Tensor,
    sigma: Tensor,
    tokens: Tensor,
    steps: int,
    *,
    generator: torch.Generator,
    decay: float = 0.998,
    **options: Any,
) -> tuple[TextDenoiser, History]:
    """Train a text denoiser, and return the average of its weights.

    Args:
        model: trained in place.
        mu, sigma: (N, C, h, w), mean and deviation of the scaled latents; they are drawn anew in
            each step.
        tokens: (N, M, L) int64, M prompts for each picture, of which one is drawn. A tenth or so
            should be empty: they are what the model knows without a prompt.
        steps: how many.
        generator: draws everything.
        decay: of the average; see `Averaged`.
        **options: of `descend` and `train`.

    Returns:
        The averaged model and the history with "loss".

    >>> model = TextDenoiser(1, torch.tensor([0.9, 0.5]), (8, 16), 8)
    >>> data = torch.zeros(4, 1, 8, 8), torch.ones(4, 1, 8, 8), tokenize(["smile"] * 4)[:, None]
    >>> average, history = fit_text_denoiser(
    ...     model, *data, 2, generator=torch.Generator().manual_seed(0), progress=False)
    >>> len(history["loss"])
    2
    """
    both = Averaged(model, decay)
    alpha_bar = model.velocity.alpha_bar

    def loss(mu: Tensor, sigma: Tensor, tokens: Tensor) -> Tensor:
        z = mu + sigma * torch.randn(mu.shape, generator=generator)
        which = torch.randint(tokens.shape[1], (len(tokens),), generator=generator)
        chosen = tokens[torch.arange(len(tokens)), which]
        weights = 1 / alpha_bar
        return noise_loss(model, z, alpha_bar, generator=generator, weights=weights, tokens=chosen)

    usual = {"learning_rate": 2e-3, "largest_gradient": 1.0, "description": "Learning to denoise"}
    history = descend(
        both,
        loss,
        (mu, sigma, tokens),
        steps,
        generator=generator,
        callback=lambda done, history: both.update(done),
        **(usual | options),
    )
    return both.average.eval(), history
