"""A short film clip: what one frame hides, another one shows.

The frames of a panning camera are cut-outs of one panorama. So put them back there, fill the
panorama, and cut the frames out again: what is filled is then the same in every frame.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from .harmonic import harmonic_inpaint
from .validate import check_image

Filling = Callable[[Tensor, Tensor], Tensor]


def estimate_shift(first: Tensor, second: Tensor, mask: Tensor | None = None) -> tuple[int, int]:
    """Return the shift (dy, dx), in whole pixels, for which second(p) = first(p + shift).

    Phase correlation: a shift multiplies each Fourier coefficient by a phase, so
    F^-1[ conj(F2) F1 / |F2 F1| ] has its peak at the shift.

    Args:
        first, second: (1, C, H, W), frames of one clip.
        mask: (1, 1, H, W) bool, True = what moves by itself: set to the mean in both frames.

    Returns:
        rows and columns by which the camera moved, each below half the frame's size.

    Source: Kuglin and Hines (1975), The phase correlation image alignment method.

    >>> wide = torch.rand(1, 1, 40, 48, generator=torch.Generator().manual_seed(0))
    >>> estimate_shift(wide[..., 2:34, 3:35], wide[..., 5:37, 1:33])
    (3, -2)
    """
    spectra = []
    for frame in (first, second):
        grey = frame.mean(dim=1)[0]
        grey = grey - (grey.mean() if mask is None else grey[~mask[0, 0]].mean())
        if mask is not None:
            grey = torch.where(mask[0, 0], 0.0, grey)
        rows, columns = (torch.hann_window(side, False) for side in grey.shape)
        spectra.append(torch.fft.fft2(grey * rows[:, None] * columns))
    cross = spectra[0] * spectra[1].conj()
    peak = torch.fft.ifft2(cross / cross.abs().clamp_min(1e-12)).real
    place = torch.unravel_index(peak.argmax(), peak.shape)
    pairs = zip(place, peak.shape, strict=True)
    return tuple((int(i) + side // 2) % side - side // 2 for i, side in pairs)


def camera_path(clip: Tensor, masks: Tensor) -> Tensor:
    """Where each frame's corner lies, (T, 2) rows and columns, the first at (0, 0).

    >>> wide = torch.rand(1, 1, 32, 40, generator=torch.Generator().manual_seed(0))
    >>> clip = torch.cat([wide[..., x : x + 32] for x in (0, 2, 4)])
    >>> camera_path(clip, torch.zeros(3, 1, 32, 32, dtype=torch.bool)).tolist()
    [[0, 0], [0, 2], [0, 4]]
    """
    steps = [(0, 0)]
    for t in range(1, len(clip)):
        pair = clip[t - 1 : t], clip[t : t + 1]
        steps.append(estimate_shift(*pair, masks[t - 1 : t] | masks[t : t + 1]))
    return torch.tensor(steps).cumsum(dim=0)


def panorama(clip: Tensor, masks: Tensor, path: Tensor) -> tuple[Tensor, Tensor]:
    """Lay all frames where they belong; each place gets the mean of what was seen there.

    Args:
        clip: (T, C, H, W).
        masks: (T, 1, H, W) bool, True = hole.
        path: (T, 2) from `camera_path`.

    Returns:
        picture (1, C, H', W'), zero where nothing was ever seen, and that hole (1, 1, H', W').

    >>> clip, path = torch.tensor([0.25, 0.75]).view(2, 1, 1, 1), torch.tensor([[0, 0], [0, 1]])
    >>> panorama(clip, torch.zeros(2, 1, 1, 1, dtype=torch.bool), path)[0]
    tensor([[[[0.2500, 0.7500]]]])
    """
    (height, width), corners = clip.shape[-2:], (path - path.amin(dim=0)).tolist()
    rows, columns = (path.amax(dim=0) - path.amin(dim=0)).tolist()
    total = clip.new_zeros(1, clip.shape[1], height + rows, width + columns)
    count = torch.zeros_like(total[:, :1])
    for frame, mask, (y, x) in zip(clip, masks, corners, strict=True):
        here = (0, slice(None), slice(y, y + height), slice(x, x + width))
        total[here] += torch.where(mask, 0.0, frame)
        count[here] += (~mask).to(clip)
    return total / count.clamp_min(1), count == 0


def inpaint_clip(clip: Tensor, masks: Tensor, fill: Filling = harmonic_inpaint) -> Tensor:
    """Remove something from a clip of a panning camera, the same way in every frame.

    Args:
        clip: (T, C, H, W), values in [0, 1]; but for what the masks hide the scene is still, and
            the camera moves by whole pixels.
        masks: (T, 1, H, W) bool, True = hole.
        fill: for what no frame shows; called once, with the panorama and its hole.

    Returns:
        (T, C, H, W), known pixels unchanged, bit for bit.

    Raises:
        TypeError, ValueError: see `check_image`; masks of another shape.

    >>> clip = torch.full((2, 1, 8, 8), 0.5)
    >>> masks = torch.zeros(2, 1, 8, 8, dtype=torch.bool)
    >>> masks[0, :, 2:4], masks[1, :, 5:7] = True, True
    >>> torch.equal(inpaint_clip(torch.where(masks, 1.0, clip), masks), clip)
    True
    """
    check_image(clip)
    if masks.dtype != torch.bool or masks.shape != (len(clip), 1, *clip.shape[-2:]):
        raise ValueError(
            f"masks: got {masks.dtype} {tuple(masks.shape)}, wanted torch.bool, "
            f"{(len(clip), 1, *clip.shape[-2:])}"
        )
    path = camera_path(clip, masks)
    wide, never_seen = panorama(clip, masks, path)
    whole = fill(wide.clamp(0, 1), never_seen)
    (height, width), corners = clip.shape[-2:], (path - path.amin(dim=0)).tolist()
    frames = [whole[..., y : y + height, x : x + width] for y, x in corners]
    return torch.where(masks, torch.cat(frames), clip)


def flicker(clip: Tensor, masks: Tensor, path: Tensor) -> float:
    """How much the filled pixels change from frame to frame, at the same place of the scene.

    The mean of |frame_t(p) - frame_{t-1}(q)| over the pixels that are filled in both frames and
    show one place.

    Args:
        clip: (T, C, H, W), filled.
        masks: (T, 1, H, W) bool, what was filled.
        path: (T, 2), the camera's true way.

    >>> clip, masks = torch.tensor([0.0, 0.5]).view(2, 1, 1, 1), torch.ones(2, 1, 1, 1).bool()
    >>> flicker(clip, masks, torch.zeros(2, 2, dtype=torch.int64))
    0.5
    """
    changes = []
    for t in range(1, len(clip)):
        dy, dx = (path[t] - path[t - 1]).tolist()
        pairs = [_overlap(both[t - 1], both[t], dy, dx) for both in (clip, masks)]
        filled = pairs[1][0] & pairs[1][1]
        changes.append((pairs[0][0] - pairs[0][1]).abs().mean(dim=0, keepdim=True)[filled])
    return float(torch.cat(changes).mean())


def _overlap(before: Tensor, after: Tensor, dy: int, dx: int) -> tuple[Tensor, Tensor]:
    """The part of the scene that both frames (C, H, W) show; ``after`` lies (dy, dx) further."""
    height, width = before.shape[-2:]
    first = before[:, max(dy, 0) : height + min(dy, 0), max(dx, 0) : width + min(dx, 0)]
    second = after[:, max(-dy, 0) : height + min(-dy, 0), max(-dx, 0) : width + min(-dx, 0)]
    return first, second
