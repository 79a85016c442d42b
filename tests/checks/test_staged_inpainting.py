"""Unit 06: other right answers pass; a mistake costs its own points and is called by its name."""

import torch
from torch.nn import functional

from course_lib.checks.staged_inpainting import CHECKS as EVERY

CHECKS = {each.function: each for each in EVERY}


def run(network, x):
    """The small network, written out."""
    hidden = functional.conv2d(x, network["first.weight"], network["first.bias"], padding=1)
    answer = functional.conv2d(
        functional.elu(hidden), network["second.weight"], network["second.bias"], padding=1
    )
    return 1 / (1 + torch.exp(-answer))


def coarse_by_squares(image, mask, coarse, fine):
    image = image.nan_to_num(0.0) * ~mask
    squares = functional.unfold(image, 2, stride=2).view(len(image), 3, 4, -1)
    counts = functional.unfold((~mask).float(), 2, stride=2).view(len(image), 1, 4, -1)
    small = (squares.sum(2) / counts.sum(2).clamp(min=1)).view(*image.shape[:2], -1)
    small = small.view(len(image), 3, image.shape[2] // 2, image.shape[3] // 2)
    hole = (counts.sum(2) == 0).view(len(image), 1, *small.shape[2:])
    draft = run(coarse, torch.cat([small, hole.float()], 1))
    small = small * ~hole + draft * hole
    large = functional.interpolate(small, scale_factor=2, mode="bilinear")
    guess = image * ~mask + large * mask
    return [guess, image * ~mask + run(fine, torch.cat([guess, mask.float()], 1)) * mask]


def map_by_slices(image, scale):
    u = functional.pad(image.sum(1) / 3, (1, 1, 1, 1), mode="replicate")
    smooth = u[:, :-2] + 2 * u[:, 1:-1] + u[:, 2:]
    across = (smooth[:, :, 2:] - smooth[:, :, :-2]) / 8
    smooth = u[:, :, :-2] + 2 * u[:, :, 1:-1] + u[:, :, 2:]
    along = (smooth[:, 2:] - smooth[:, :-2]) / 8
    squared = (across**2 + along**2)[:, None]
    return 1 - scale**2 / (squared + scale**2)


def structure_with_products(image, mask, structure, texture):
    seen = image.nan_to_num(0.0) * ~mask
    box = torch.ones(1, 1, 3, 3)
    unknown = (functional.conv2d(mask.float(), box, padding=1) > 0.5).float()
    edges = map_by_slices(seen, 0.1) * (1 - unknown)
    edges = edges + unknown * run(structure, torch.cat((seen, edges, unknown), 1))
    painted = run(texture, torch.cat((seen, edges, mask.float()), 1))
    return edges, seen + painted * mask


def ring_by_shifts(mask, width):
    padded = functional.pad(~mask, (width,) * 4)
    near = torch.zeros_like(mask)
    for dy in range(2 * width + 1):
        for dx in range(2 * width + 1):
            near |= padded[..., dy : dy + mask.shape[2], dx : dx + mask.shape[3]]
    return near.logical_and(mask)


def fill_one_by_one(image, mask, network, width):
    results = []
    for picture, hole in zip(image.split(1), mask.split(1), strict=True):
        picture, order, step = picture.masked_fill(hole, 0.0), torch.zeros_like(hole).long(), 0
        while hole.any():
            step += 1
            ring = ring_by_shifts(hole, width)
            answer = run(network, torch.cat([picture.masked_fill(hole, 0.0), hole.float()], 1))
            picture, order = torch.where(ring, answer, picture), order + step * ring
            hole = hole ^ ring
        results.append((picture, order))
    return tuple(torch.cat(part) for part in zip(*results, strict=True))


ANSWERS = [
    ("coarse_to_fine", coarse_by_squares),
    ("structure_map", map_by_slices),
    ("structure_then_texture", structure_with_products),
    ("boundary_ring", ring_by_shifts),
    ("progressive_fill", fill_one_by_one),
]


LOST = [
    ("coarse_to_fine", "averages zeros", "partly known|stay|gradients"),
    ("coarse_to_fine", "any unknown is hole", "partly known|stay|gradients"),
    ("coarse_to_fine", "detached", "gradients"),
    ("structure_map", "prewitt", "alike|values|gradients"),
    ("structure_map", "across only", "alike|values|gradients"),
    ("structure_map", "detached", "gradients"),
    ("structure_then_texture", "detached", "gradients"),
    ("boundary_ring", "no diagonals", "outermost"),
    ("boundary_ring", "always one pixel", "as wide|frame"),
    ("boundary_ring", "frame as boundary", "outermost|frame"),
    ("progressive_fill", "from zero", "order|builds|stay"),
    ("progressive_fill", "sees the first picture", "builds|stay|gradients"),
    ("progressive_fill", "detached", "gradients"),
]


TOLD = [
    ("coarse_to_fine", "averages zeros", "its rim is dark"),
    ("coarse_to_fine", "one of four", "one pixel of four"),
    ("coarse_to_fine", "any unknown is hole", "only one without any"),
    ("coarse_to_fine", "no half size", "works at full size"),
    ("coarse_to_fine", "draft not composed", "replaces squares that are known"),
    ("coarse_to_fine", "nearest", "by repeating pixels"),
    ("coarse_to_fine", "aligned corners", "align_corners"),
    ("coarse_to_fine", "guess not composed", "the guess replaces pixels"),
    ("coarse_to_fine", "fine sees zeros", "does not see the guess"),
    ("coarse_to_fine", "no mask", "not told where the hole was"),
    ("coarse_to_fine", "result not composed", "the result replaces pixels"),
    ("coarse_to_fine", "guess twice", "no effect on the result"),
    ("coarse_to_fine", "results swapped", "the two results have changed places"),
    ("coarse_to_fine", "networks swapped", "the two networks have changed places"),
    ("structure_map", "not divided", "not divided by 8"),
    ("structure_map", "prewitt", "middle row weighs twice"),
    ("structure_map", "across only", "only edges across x"),
    ("structure_map", "along only", "only edges across y"),
    ("structure_map", "zero padding", "the frame itself is an edge"),
    ("structure_map", "reflected", "mirrored"),
    ("structure_map", "channels summed", "summed, not averaged"),
    ("structure_map", "scale not squared", "the scale is not squared"),
    ("structure_map", "length", "the scale has no effect"),
    ("structure_map", "of the length", "not its square"),
    ("structure_map", "sides summed", "they can cancel"),
    ("structure_map", "all or nothing", "all or nothing"),
    ("structure_then_texture", "rim known", "the hole's own border"),
    ("structure_then_texture", "rim without corners", "diagonal neighbours"),
    ("structure_then_texture", "false edges left in", "as if they were true"),
    ("structure_then_texture", "told the hole", "where edges are unknown"),
    ("structure_then_texture", "edges not composed", "edges that are known are replaced"),
    ("structure_then_texture", "edges unused", "not used at all"),
    ("structure_then_texture", "texture without edges", "does not see the continued edges"),
    ("structure_then_texture", "not composed", "the result replaces pixels"),
    ("boundary_ring", "outside", "outside of the hole"),
    ("boundary_ring", "no diagonals", "diagonal neighbours"),
    ("boundary_ring", "always one pixel", "the width has no effect"),
    ("boundary_ring", "one pixel more", "a pixel too wide"),
    ("boundary_ring", "the inside", "without the ring"),
    ("boundary_ring", "whole hole", "the whole hole"),
    ("boundary_ring", "known too", "the known part is marked"),
    ("boundary_ring", "frame as boundary", "beyond the frame"),
    ("progressive_fill", "one shot", "in one step"),
    ("progressive_fill", "sees the first picture", "as it was at first"),
    ("progressive_fill", "told the first hole", "told the first hole"),
    ("progressive_fill", "not told", "not told what is missing"),
    ("progressive_fill", "told the ring", "told the ring"),
    ("progressive_fill", "paints all", "counts as seen"),
    ("progressive_fill", "paints again", "painted again"),
    ("progressive_fill", "one pixel wide", "the width has no effect"),
    ("progressive_fill", "first ring only", "stops after the first ring"),
    ("progressive_fill", "from zero", "counted from 0"),
    ("progressive_fill", "backwards", "counted backwards"),
    ("progressive_fill", "known changed", "known pixels are replaced"),
    ("progressive_fill", "from the centre", "from its centre"),
]


def test_the_unit_has_twenty_one_points():
    assert [check.points for check in CHECKS.values()] == [4, 4, 5, 3, 5]
