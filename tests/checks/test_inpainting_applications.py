"""Unit 07: other right answers pass; a mistake costs its own points and is called by its name."""

import numpy as np
import torch
from scipy import ndimage

from course_lib.checks.inpainting_applications import CHECKS as EVERY
from course_lib.inpainting import box_average, consistent

CHECKS = {each.function: each for each in EVERY}


def scratches_by_torch(image, window, threshold, shortest):
    """The median by unfolding mirrored patches; the pieces grown pixel by pixel."""
    grey = image.mean(dim=1)
    half = window // 2
    rows = mirrored(grey.shape[1], half)
    columns = mirrored(grey.shape[2], half)
    patches = grey[:, rows][:, :, columns].unfold(1, window, 1).unfold(2, window, 1)
    thin = grey - patches.flatten(3).median(dim=-1).values > threshold
    result = torch.zeros_like(thin)
    for picture, kept in zip(thin, result, strict=True):
        left = {tuple(place) for place in picture.nonzero().tolist()}
        while left:
            piece = grow(left)
            ys, xs = zip(*piece, strict=True)
            if max(max(ys) - min(ys), max(xs) - min(xs)) + 1 >= shortest:
                kept[list(ys), list(xs)] = True
    return result[:, None]


def mirrored(size, half):
    """Places of a row that is mirrored at its ends, the last pixel twice."""
    return torch.tensor(
        [*range(half - 1, -1, -1), *range(size), *range(size - 1, size - 1 - half, -1)]
    )


def grow(left):
    """Take one piece, connected also over corners, out of a set of places."""
    piece, front = [], [left.pop()]
    while front:
        y, x = front.pop()
        piece.append((y, x))
        near = {(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & left
        left -= near
        front.extend(near)
    return piece


def scratches_by_reconstruction(image, window, threshold, shortest):
    """One median over the batch with a flat window; pieces that hold two places far apart."""
    grey = image.mean(dim=1).numpy()
    thin = grey - ndimage.median_filter(grey, size=(1, window, window)) > threshold
    flat = np.zeros((3, 3, 3), dtype=int)
    flat[1] = 1
    pieces, count = ndimage.label(thin, flat)
    for number in range(1, count + 1):
        _, ys, xs = np.nonzero(pieces == number)
        if max(np.ptp(ys), np.ptp(xs)) < shortest - 1:
            thin[pieces == number] = False
    return torch.from_numpy(thin)[:, None]


def text_by_counting(image, color, tolerance, window):
    """Count in integers how many of the window's pixels have the colour, and how many there are."""
    alike = ((image - color.view(1, -1, 1, 1)).abs().amax(dim=1) <= tolerance).numpy()
    size = (1, window, window)
    box = np.ones(size, dtype=int)
    having = ndimage.convolve(alike.astype(int), box, mode="constant")
    there = ndimage.convolve(np.ones(alike.shape, dtype=int), box, mode="constant")
    return torch.from_numpy(alike & (2 * having < there))[:, None]


def text_by_unfolding(image, color, tolerance, window):
    alike = torch.stack(
        [
            (image[:, c] >= v - tolerance) & (image[:, c] <= v + tolerance)
            for c, v in enumerate(color)
        ]
    ).all(dim=0)[:, None]
    half = window // 2
    padded = torch.nn.functional.pad(alike.float(), (half,) * 4, value=torch.nan)
    patches = padded.unfold(2, window, 1).unfold(3, window, 1).flatten(4)
    return alike & (patches.nanmean(dim=-1) < 0.5)


def removal_by_shifting(mask, margin):
    reach = int(margin)
    padded = torch.nn.functional.pad(mask, (reach,) * 4)
    result = torch.zeros_like(mask)
    height, width = mask.shape[2:]
    for dy in range(2 * reach + 1):
        for dx in range(2 * reach + 1):
            if (dy - reach) ** 2 + (dx - reach) ** 2 <= margin**2:
                result |= padded[..., dy : dy + height, dx : dx + width]
    return result


def removal_by_dilation(mask, margin):
    reach = int(np.ceil(margin))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = (np.hypot(y, x) <= margin)[None, None]
    return torch.from_numpy(ndimage.binary_dilation(mask.numpy(), disc))


def canvas_by_hand(image, left, right, top, bottom):
    b, c, height, width = image.shape
    canvas = image.new_zeros(b, c, height + top + bottom, width + left + right)
    canvas[:, :, top : top + height, left : left + width] = image
    known = torch.zeros(b, 1, *canvas.shape[2:])
    known[:, :, top : top + height, left : left + width] = 1
    return [canvas, known == 0]


def projected_by_reshaping(image, low, factor):
    b, c, height, width = low.shape
    blocks = image.reshape(b, c, height, factor, width, factor)
    means = blocks.mean(dim=(3, 5), keepdim=True)
    return (blocks - means + low[:, :, :, None, :, None]).reshape(image.shape)


def projected_by_the_operator(image, low, factor):
    return consistent(image, low, box_average(factor))


def projected_by_interpolation(image, low, factor):
    off = low - torch.nn.functional.interpolate(image, size=low.shape[2:], mode="area")
    return image + torch.nn.functional.interpolate(off, size=image.shape[2:], mode="nearest")


ANSWERS = [
    ("detect_scratches", scratches_by_torch),
    ("detect_scratches", scratches_by_reconstruction),
    ("find_text", text_by_counting),
    ("find_text", text_by_unfolding),
    ("removal_mask", removal_by_shifting),
    ("removal_mask", removal_by_dilation),
    ("outpaint_canvas", canvas_by_hand),
    ("back_project", projected_by_reshaping),
    ("back_project", projected_by_the_operator),
    ("back_project", projected_by_interpolation),
]


LOST = [
    ("detect_scratches", "both signs", "edges|colours"),
    ("detect_scratches", "area for length", "colours"),
    ("detect_scratches", "four neighbours", "colours"),
    ("detect_scratches", "red only", "colours"),
    ("detect_scratches", "batch as a volume", "colours"),
    ("find_text", "mean of the channels", "each channel"),
    ("find_text", "first picture for all", "each channel"),
    ("find_text", "padding counted", "border"),
    ("removal_mask", "diamond", "disc"),
    ("removal_mask", "whole numbers only", "disc"),
    ("removal_mask", "empty not guarded", "each picture"),
    ("outpaint_canvas", "black is hole", "the mask"),
    ("outpaint_canvas", "True is known", "the mask"),
    ("outpaint_canvas", "border repeated", "zeros"),
    ("back_project", "detail lost", "detail|right already|gradients"),
    ("back_project", "detached", "gradients"),
]


TOLD = [
    ("detect_scratches", "all pieces", "nothing is dropped for its length"),
    ("detect_scratches", "both signs", "dark lines are found, too"),
    ("detect_scratches", "dark for bright", "the difference has the wrong sign"),
    ("detect_scratches", "mean for median", "seems to be a mean"),
    ("detect_scratches", "no background", "A bright ground is no scratch"),
    ("detect_scratches", "one background", "one background for the whole picture"),
    ("detect_scratches", "area for length", "number of pixels is taken for its length"),
    ("detect_scratches", "height for length", "only the rows"),
    ("detect_scratches", "four neighbours", "touch at a corner"),
    ("detect_scratches", "short kept", "long ones dropped"),
    ("detect_scratches", "red only", "only the first channel"),
    ("detect_scratches", "brightest channel", "brightest channel"),
    ("detect_scratches", "batch as a volume", "stacked to a block"),
    ("find_text", "colour only", "whether it is thin or not"),
    ("find_text", "any channel", "one channel of the right value"),
    ("find_text", "mean of the channels", "errors are averaged"),
    ("find_text", "no absolute value", "has no sign"),
    ("find_text", "thick for thin", "the wrong way round"),
    ("find_text", "thin only", "must have the colour itself"),
    ("find_text", "padding counted", "zeros of the padding"),
    ("find_text", "window as radius", "it is the side of the square"),
    ("removal_mask", "square", "by a square"),
    ("removal_mask", "diamond", "by a diamond"),
    ("removal_mask", "without the rim", "exactly at the margin's distance"),
    ("removal_mask", "diameter", "it is the radius"),
    ("removal_mask", "whole numbers only", "cut to a whole number"),
    ("removal_mask", "ring", "only a ring"),
    ("removal_mask", "wrapped", "comes in again on the other"),
    ("removal_mask", "shrunk", "shrinks instead of growing"),
    ("removal_mask", "shifted", "not centred"),
    ("removal_mask", "batch as a volume", "should stay without one"),
    ("removal_mask", "empty not guarded", "should stay without one"),
    ("removal_mask", "in place", "`mask` in place"),
    ("outpaint_canvas", "sides swapped", "changed places"),
    ("outpaint_canvas", "in the middle", "a margin of its own"),
    ("outpaint_canvas", "black is hole", "looking for black"),
    ("outpaint_canvas", "True is known", "True is the hole"),
    ("outpaint_canvas", "border repeated", "nothing is known there"),
    ("outpaint_canvas", "one mask for the batch", "value 2 of the result has shape"),
    ("back_project", "the wrong way", "goes the wrong way"),
    ("back_project", "one pixel a block", "the mean of its whole block"),
    ("back_project", "transpose for pseudo-inverse", "factor² times too small"),
    ("back_project", "smooth correction", "smeared over the blocks' borders"),
    ("back_project", "tiled", "laid like tiles"),
    ("back_project", "detail lost", "detail of the guess should stay"),
    ("back_project", "clamped", "clamped to [0, 1]"),
    ("back_project", "detached", "the gradient is wrong"),
]


def test_the_unit_has_eighteen_points():
    assert [check.points for check in CHECKS.values()] == [4, 4, 3, 3, 4]
