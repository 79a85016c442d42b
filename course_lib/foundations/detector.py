"""A small anchor-free detector: a coarse map whose places say what they lie in, and how far."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from .boxes import nms
from .scores import Detections
from .unet import block

STRIDE = 4  # pixels between two places of the detector


class Detector(nn.Module):
    """An anchor-free detector: each place of a coarse map says what it lies in, and how far its
    sides are.

    A place of the map stands for the pixel in the middle of its square of 4 x 4. It gives a logit
    for each class and four distances, to the left, the top, the right and the bottom side of the
    box around the object that it lies in.

    Args:
        classes: K.
        width: a half of the channels at half size, a quarter of those at quarter size.

    Source: Tian et al. (2019), https://arxiv.org/abs/1904.01355 (FCOS), on one scale

    >>> logits, sides = Detector(3, 8)(torch.zeros(2, 3, 40, 40))
    >>> logits.shape, sides.shape
    (torch.Size([2, 3, 10, 10]), torch.Size([2, 4, 10, 10]))
    """

    def __init__(self, classes: int = 3, width: int = 12) -> None:
        super().__init__()
        self.look = nn.Sequential(
            block(3, 2 * width, 2),
            block(2 * width, 4 * width, 2),
            block(4 * width, 4 * width),
            block(4 * width, 4 * width),
            block(4 * width, 4 * width),
        )
        self.what, self.where = nn.Conv2d(4 * width, classes, 1), nn.Conv2d(4 * width, 4, 1)
        nn.init.constant_(self.what.bias, -2.2)  # most places show nothing: begin at 10 %

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 3, H, W) to logits (B, K, H/4, W/4) and distances in pixels (B, 4, H/4, W/4)."""
        seen = self.look(images)
        return self.what(seen), STRIDE * self.where(seen).clamp(-4, 4).exp()


def places(height: int, width: int) -> Tensor:
    """The pixels (x, y) that the places of the map stand for, (H/4, W/4, 2).

    >>> places(8, 8)[1, 0]
    tensor([2., 6.])
    """
    y, x = (STRIDE * (torch.arange(n // STRIDE) + 0.5) for n in (height, width))
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=2)


def detection_targets(
    boxes: Tensor, labels: Tensor, height: int, width: int
) -> tuple[Tensor, Tensor]:
    """What each place should say.

    A place belongs to a box if it lies in its middle half; to the smallest of several.

    Args:
        boxes: (B, M, 4), labels: (B, M), -1 where there is none.

    Returns:
        Classes (B, H/4, W/4), -1 for background, and distances to the sides (B, 4, H/4, W/4).
    """
    at = places(height, width)[..., None, :]  # (H/4, W/4, 1, 2)
    low, high = boxes[:, None, None, :, :2], boxes[:, None, None, :, 2:]  # (B, 1, 1, M, 2)
    middle, half = (low + high) / 2, (high - low) / 4
    inside = ((at - middle).abs() <= half.clamp_min(STRIDE / 2)).all(dim=-1)
    inside = inside & (labels >= 0)[:, None, None]
    area = torch.where(inside, (high - low).prod(dim=-1), torch.inf)
    best = area.argmin(dim=-1)  # (B, H/4, W/4)
    chosen = boxes.gather(1, best.flatten(1)[..., None].expand(-1, -1, 4))
    chosen = chosen.view(*best.shape, 4)
    kind = labels.gather(1, best.flatten(1)).view_as(best)
    sides = torch.cat([at[..., 0, :] - chosen[..., :2], chosen[..., 2:] - at[..., 0, :]], dim=-1)
    return torch.where(inside.any(dim=-1), kind, -1), sides.movedim(-1, 1)


def detection_loss(logits: Tensor, sides: Tensor, classes: Tensor, wanted: Tensor) -> Tensor:
    """Focal loss for what, 1 - IoU for where, both by the number of places in an object.

        focal = -(1 - p)^2 log p   for what is there,   -p^2 log(1 - p)   for what is not

    Source: Lin et al. (2017), https://arxiv.org/abs/1708.02002 (without its alpha); Yu et al.
    (2016), https://arxiv.org/abs/1608.01471 (IoU of boxes around one point)
    """
    there = functional.one_hot(classes + 1, logits.shape[1] + 1)[..., 1:].movedim(-1, 1).to(logits)
    entropy = functional.binary_cross_entropy_with_logits(logits, there, reduction="none")
    missed = (there - logits.sigmoid()).abs()
    count = (classes >= 0).sum().clamp_min(1)
    inside = (classes >= 0)[:, None]
    # Of two boxes around the same point the overlap is a product of smaller distances.
    small, first, second = torch.minimum(sides, wanted), sides, wanted
    both = _area(small)
    iou = both / (_area(first) + _area(second) - both).clamp_min(1e-6)
    off = torch.where(inside, 1 - iou, 0.0).sum()
    return ((missed**2 * entropy).sum() + off) / count


def _area(sides: Tensor) -> Tensor:
    return (sides[:, :1] + sides[:, 2:3]) * (sides[:, 1:2] + sides[:, 3:])


@torch.no_grad()
def detect(
    network: nn.Module, images: Tensor, least: float = 0.05, overlap: float = 0.5
) -> list[Detections]:
    """Find the objects of each picture: boxes (N, 4), scores (N,), labels (N,), best first.

    Args:
        network: a trained `Detector`.
        images: (B, 3, H, W).
        least: scores below are dropped.
        overlap: for `nms`, class by class.
    """
    network.eval()
    logits, sides = network(images)
    at = places(*images.shape[2:]).view(-1, 2)
    return [
        _kept(torch.cat([at - far[:2].T, at + far[2:].T], dim=1), scores, least, overlap)
        for scores, far in zip(logits.sigmoid().flatten(2), sides.flatten(2), strict=True)
    ]


def _kept(boxes: Tensor, scores: Tensor, least: float, overlap: float) -> Detections:
    """Of one picture's boxes (P, 4) with scores (K, P): those kept, class by class."""
    found = []
    for kind, mine in enumerate(scores):
        likely = (mine > least).nonzero()[:, 0]
        chosen = likely[nms(boxes[likely], mine[likely], overlap)]
        found.append((boxes[chosen], mine[chosen], torch.full_like(chosen, kind)))
    together = [torch.cat(part) for part in zip(*found, strict=True)]
    order = together[1].argsort(descending=True)
    return together[0][order], together[1][order], together[2][order]
