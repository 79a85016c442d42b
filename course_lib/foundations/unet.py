"""A small U-Net: what each pixel is, from far context and near detail."""

import torch
from torch import Tensor, nn
from torch.nn import functional


def block(channels: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """A 3 x 3 convolution, batch normalisation, relu."""
    return nn.Sequential(
        nn.Conv2d(channels, outputs, 3, stride, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class UNet(nn.Module):
    """What each pixel is: down to see far, up again beside the maps that still know where.

    The first layer halves the picture, and the last gives the four pixels of each 2 x 2 square as
    channels: maps of full size would cost most of the time and say little more.

    Args:
        classes: K, background included.
        width: channels at half size; twice as many at a quarter.

    Source: Ronneberger et al. (2015), https://arxiv.org/abs/1505.04597, with one step up

    >>> UNet(4, 8)(torch.zeros(2, 3, 40, 40)).shape
    torch.Size([2, 4, 40, 40])
    """

    def __init__(self, classes: int = 4, width: int = 24) -> None:
        super().__init__()
        self.down = block(3, width, 2)
        self.low = nn.Sequential(
            block(width, 2 * width, 2), *(block(2 * width, 2 * width) for _ in range(4))
        )
        self.up = block(3 * width, width)
        self.leave = nn.Sequential(nn.Conv2d(width, 4 * classes, 1), nn.PixelShuffle(2))

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W), H and W multiples of 4, to logits (B, K, H, W)."""
        near = self.down(images)
        far = functional.interpolate(self.low(near), scale_factor=2, mode="nearest")
        return self.leave(self.up(torch.cat([far, near], dim=1)))


def segmentation_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy of the pixels, plus 1 - Dice averaged over the classes.

    Cross-entropy counts pixels, and most of them are background; Dice counts classes.

        loss = mean(-log p_target) + 1 - mean_k 2 sum(p_k t_k) / (sum(p_k) + sum(t_k))

    Args:
        logits: (B, K, H, W), target: (B, H, W) int64.

    Returns:
        A scalar.

    Source: Milletari, Navab and Ahmadi (2016), https://arxiv.org/abs/1606.04797 (Dice as a loss)

    >>> right = 100.0 * functional.one_hot(torch.tensor([[[0, 1]]]), 2).movedim(-1, 1)
    >>> segmentation_loss(right, torch.tensor([[[0, 1]]]))
    tensor(0.)
    """
    shares = logits.softmax(dim=1)
    there = functional.one_hot(target, logits.shape[1]).movedim(-1, 1).to(shares)
    both, total = (shares * there).sum((0, 2, 3)), (shares + there).sum((0, 2, 3))
    overlap = (2 * both + 1) / (total + 1)  # the 1: a class that is nowhere is no mistake
    return functional.cross_entropy(logits, target) + 1 - overlap.mean()
