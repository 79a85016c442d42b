"""Unit 04: other right answers pass; a mistake costs its own points and is called by its name."""

import math

import torch
from torch.nn.functional import conv2d, pad, unfold

from course_lib import inpainting
from course_lib.checks import checks_of
from course_lib.inpainting.priority import strongest_gradient

CHECKS = {each.function: each for each in checks_of("04_classical_inpainting")}


def harmonic_by_convolution(image, mask, iterations):
    kernel = torch.tensor([[0.0, 0.25, 0.0], [0.25, 0.0, 0.25], [0.0, 0.25, 0.0]])
    kernel = kernel.expand(image.shape[1], 1, 3, 3)
    filled = image.clone()
    for picture, hole in zip(filled, mask, strict=True):
        for channel in picture:
            channel[hole[0]] = channel[~hole[0]].mean()
    for _ in range(iterations):
        swept = conv2d(pad(filled, (1, 1, 1, 1), mode="replicate"), kernel, groups=image.shape[1])
        filled = torch.where(mask, swept, filled)
    return filled


def harmonic_by_loops(image, mask, iterations):
    result = image.double().clone()
    for b, c in torch.cartesian_prod(torch.arange(image.shape[0]), torch.arange(image.shape[1])):
        known = [float(v) for v in image[b, c][~mask[b, 0]]]
        picture = image[b, c].tolist()
        holes = mask[b, 0].nonzero().tolist()
        height, width = mask.shape[2:]
        for y, x in holes:
            picture[y][x] = math.fsum(known) / len(known)
        for _ in range(iterations):
            old = [row[:] for row in picture]
            for y, x in holes:
                vertical = old[max(y - 1, 0)][x] + old[min(y + 1, height - 1)][x]
                horizontal = old[y][max(x - 1, 0)] + old[y][min(x + 1, width - 1)]
                picture[y][x] = (vertical + horizontal) / 4
        result[b, c] = torch.tensor(picture, dtype=torch.float64)
    return result.float()


def patch_by_loops(image, mask, row, column, size):
    (height, width), radius = mask.shape, size // 2
    best = (math.inf, 0, 0)
    offsets = [(i, j) for i in range(-radius, radius + 1) for j in range(-radius, radius + 1)]
    for y in range(radius, height - radius):
        for x in range(radius, width - radius):
            if mask[y - radius : y + radius + 1, x - radius : x + radius + 1].any():
                continue
            distance = 0.0
            for i, j in offsets:
                inside = 0 <= row + i < height and 0 <= column + j < width
                if inside and not mask[row + i, column + j]:
                    error = image[:, y + i, x + j] - image[:, row + i, column + j]
                    distance += float((error**2).sum())
            best = min(best, (distance, y, x))
    return best[1:]


def patch_by_binomial(image, mask, row, column, size):
    """|a - b|^2 = a^2 - 2 a b + b^2, by unfolding, in single precision."""
    width, radius = mask.shape[1], size // 2
    known = pad((~mask).float(), (radius,) * 4)
    seen = known[row : row + size, column : column + size]
    around = pad(image, (radius,) * 4)
    target = around[:, row : row + size, column : column + size] * seen
    patches = unfold(image[None], size)[0]  # (C s s, N)
    weights = seen.expand_as(target).reshape(-1)
    distance = weights @ patches.square() - 2 * target.reshape(-1) @ patches
    distance = distance + target.square().sum()
    whole = unfold((~mask).float()[None, None], size)[0].amin(dim=0) == 1
    best = int(torch.where(whole, distance, torch.inf).argmin())
    y, x = divmod(best, width - 2 * radius)
    return y + radius, x + radius


def priority_by_loops(confidence, image, mask, size):
    (height, width), radius = mask.shape, size // 2
    down, right = strongest_gradient(image, mask, size)
    result = torch.zeros(height, width)
    for y, x in mask.nonzero().tolist():
        cells = ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1))
        near = [(i, j) for i, j in cells if 0 <= i < height and 0 <= j < width]
        if all(mask[i, j] for i, j in near):
            continue
        window = (
            slice(max(y - radius, 0), y + radius + 1),
            slice(max(x - radius, 0), x + radius + 1),
        )
        trust = confidence[window][~mask[window]].sum() / mask[window].numel()
        above, below = mask[max(y - 1, 0), x], mask[min(y + 1, height - 1), x]
        before, after = mask[y, max(x - 1, 0)], mask[y, min(x + 1, width - 1)]
        normal = math.sqrt((int(below) - int(above)) ** 2 + (int(after) - int(before)) ** 2)
        if normal > 0:
            cross = down[y, x] * (int(after) - int(before)) - right[y, x] * (
                int(below) - int(above)
            )
            result[y, x] = trust * cross.abs() / normal
    return result


def split_by_autograd(image, mask, weight, iterations):
    """In double precision; the divergence is minus the adjoint of the gradient, by autograd."""
    filled = inpainting.harmonic_inpaint(image, mask).double()
    p = torch.zeros(2, *filled.shape, dtype=torch.float64)

    def gradient(u):
        result = torch.zeros(2, *u.shape, dtype=torch.float64)
        result[0][..., :-1, :] = u[..., 1:, :] - u[..., :-1, :]
        result[1][..., :-1] = u[..., 1:] - u[..., :-1]
        return result

    def divergence(p):
        u = torch.zeros_like(filled, requires_grad=True)
        return -torch.autograd.grad((gradient(u) * p).sum(), u)[0]

    for _ in range(iterations):
        g = gradient(divergence(p) - filled / weight)
        p = (p + g / 4) / (1 + g.square().sum(dim=0).sqrt() / 4)
    structure = (filled - weight * divergence(p)).float()
    return structure, (image - structure) * ~mask


def hybrid_clamped(image, mask):
    """Texture around 1/2 instead of stretched; what is beyond is cut off."""
    structure, texture = inpainting.split_structure_texture(image, mask)
    details = inpainting.exemplar_inpaint((texture + 0.5).clamp(0, 1), mask) - 0.5
    filled = (inpainting.harmonic_inpaint(structure, mask) + details).clamp(0, 1)
    return image * ~mask + filled * mask


def hybrid_by_references(image, mask):
    """The slow twins, and Jacobi's iteration stopped after 800 sweeps."""
    structure, texture = inpainting.split_structure_texture(image, mask)
    details = 2 * inpainting.exemplar_inpaint_reference((texture + 1) / 2, mask) - 1
    shapes = inpainting.harmonic_inpaint_reference(structure, mask, 800)
    return torch.where(mask, (shapes + details).clamp(0, 1), image)


ANSWERS = [
    ("harmonic_inpaint", harmonic_by_convolution),
    ("harmonic_inpaint", harmonic_by_loops),
    ("best_patch", patch_by_loops),
    ("best_patch", patch_by_binomial),
    ("patch_priority", priority_by_loops),
    ("split_structure_texture", split_by_autograd),
    ("hybrid_inpaint", hybrid_clamped),
    ("hybrid_inpaint", hybrid_by_references),
]


LOST = [
    ("harmonic_inpaint", "wraps around", "by hand|every sweep"),
    ("harmonic_inpaint", "neighbours of the new picture", "every sweep"),
    ("best_patch", "sources may have holes", "wholly known"),
    ("best_patch", "sources may stick out", "wholly known"),
    ("best_patch", "first channel only", "every colour"),
    ("best_patch", "absolute differences", "squares"),
    ("best_patch", "columns before rows", "squares"),
    ("best_patch", "target pushed inside", "planted copy"),
    ("patch_priority", "gradient not turned", "edges|agree"),
    ("patch_priority", "gradient mirrored, not turned", "agree"),
    ("patch_priority", "normal of length zero divided", "agree"),
    ("patch_priority", "the hole counted as known", "confidence|agree"),
    ("split_structure_texture", "Gaussian blur", "edges|Chambolle"),
    ("split_structure_texture", "texture in the hole", "add up"),
    ("split_structure_texture", "one step too few", "Chambolle"),
    ("hybrid_inpaint", "not clamped", "lie in"),
    ("hybrid_inpaint", "known pixels rounded", "known pixels"),
    ("hybrid_inpaint", "methods swapped", "better|reference fills"),
]


TOLD = [
    ("harmonic_inpaint", "starts black", "the hole starts black"),
    ("harmonic_inpaint", "mean includes the hole", "the hole's pixels too"),
    ("harmonic_inpaint", "one mean for the whole batch", "share one mean"),
    ("harmonic_inpaint", "black beyond the border", "black flows in"),
    ("harmonic_inpaint", "wraps around", "from the opposite side"),
    ("harmonic_inpaint", "eight neighbours", "diagonal neighbours"),
    ("harmonic_inpaint", "neighbours of the new picture", "this very sweep has already changed"),
    ("harmonic_inpaint", "one sweep too few", "one sweep too few"),
    ("best_patch", "compares missing pixels too", "missing pixels of the target take part"),
    ("best_patch", "sources may have holes", "it is no source: 1 pixel is missing"),
    ("best_patch", "sources may stick out", "sticks out of the picture"),
    ("best_patch", "compares grey values", "as a grey picture"),
    ("best_patch", "first channel only", "in its first channel"),
    ("best_patch", "last of equals", "comes first in row-major order"),
    ("best_patch", "the corner of the patch", "upper left corner"),
    ("best_patch", "column and row swapped", "(column, row)"),
    ("patch_priority", "gradient not turned", "not the direction along the edge"),
    ("patch_priority", "gradient not turned", "yours is highest at"),
    ("patch_priority", "gradient mirrored, not turned", "a mirror image"),
    ("patch_priority", "normal not normalised", "How long is your normal?"),
    ("patch_priority", "confidence not averaged", "the front's own pixel"),
    ("patch_priority", "the hole counted as known", "count as if they were known"),
    ("patch_priority", "mean over known pixels only", "divided by the known pixels only"),
    ("patch_priority", "beyond the border counted", "beyond the picture count"),
    ("patch_priority", "off the front", "zero off the fill front"),
    ("patch_priority", "changes confidence in place", "`confidence` in place"),
    ("split_structure_texture", "Gaussian blur", "the edge has been smeared"),
    ("split_structure_texture", "peeks into the hole", "shows in the result"),
    ("split_structure_texture", "texture first", "is it the texture?"),
    ("split_structure_texture", "sum instead of length", "|g_down| + |g_right|"),
    ("split_structure_texture", "weight upside down", "divide where it should multiply"),
    ("hybrid_inpaint", "diffusion alone", "no texture"),
    ("hybrid_inpaint", "copying alone", "the shading does not fit"),
    ("hybrid_inpaint", "methods swapped", "changed places"),
    ("hybrid_inpaint", "negative texture lost", "negative half"),
    ("hybrid_inpaint", "texture not shifted back", "never shifted back"),
    ("hybrid_inpaint", "not clamped", "left the range"),
    ("hybrid_inpaint", "split without the mask", "painted into the hole"),
]


def test_the_unit_has_twenty_points():
    assert [check.points for check in CHECKS.values()] == [4, 4, 4, 4, 4]
