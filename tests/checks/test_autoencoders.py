"""Unit 09: other right answers pass; a mistake costs its own points and is called by its name."""

import torch

from course_lib.checks import Subject, evaluate
from course_lib.checks.autoencoders import CHECKS as EVERY

CHECKS = {each.function: each for each in EVERY}


def edit_by_matrices(z, directions, amounts):
    names = list(amounts)
    columns = torch.stack([amounts[name] for name in names], dim=1)
    return z + columns @ torch.stack([directions[name] for name in names])


def edit_one_by_one(z, directions, amounts):
    rows = [
        z[b] + sum(amounts[name][b].item() * directions[name] for name in amounts)
        for b in range(len(z))
    ]
    return torch.stack(rows)


def blend_by_cosine(a, b, weights, path):
    rows = []
    for w in weights.tolist():
        cosine = torch.cosine_similarity(a, b, dim=1).clamp(-1 + 1e-7, 1 - 1e-7)
        angle = torch.acos(cosine)[:, None]
        arc = torch.sin((1 - w) * angle) * a / torch.sin(angle)
        arc = arc + torch.sin(w * angle) * b / torch.sin(angle)
        line = torch.lerp(a, b, w)
        rows.append(line if path == "line" else torch.where(angle.sin() < 1e-3, line, arc))
    return torch.stack(rows)


def blend_by_turning(a, b, weights, path):
    if path == "line":
        return torch.stack([a + w * (b - a) for w in weights])
    lengths = a.norm(dim=1, keepdim=True), b.norm(dim=1, keepdim=True)
    a, b = a / lengths[0], b / lengths[1]
    across = b - (a * b).sum(1, keepdim=True) * a
    size = across.norm(dim=1, keepdim=True)
    angle = torch.atan2(size, (a * b).sum(1, keepdim=True)).clamp(min=1e-6)
    parts = [(((1 - w) * angle).sin(), (w * angle).sin()) for w in weights]
    return torch.stack([(lengths[0] * p * a + lengths[1] * q * b) / angle.sin() for p, q in parts])


def direction_by_residuals(z, attribute, others):
    """What the others do is taken off the attribute; then a regression on the rest."""
    constant = torch.cat([torch.ones(len(z), 1), others], dim=1).double()
    a = attribute.double()
    a = a - constant @ (torch.linalg.pinv(constant) @ a)
    return (a @ z.double() / a.square().sum()).float()


def direction_by_normal_equations(z, attribute, others):
    design = torch.cat([attribute.float()[:, None], others, torch.ones(len(z), 1)], dim=1).double()
    return torch.linalg.solve(design.T @ design, design.T @ z.double())[0].float()


def validity_by_loops(z, data, neighbours):
    inverse = torch.linalg.inv(torch.cov(data.T).reshape(data.shape[1], -1).double())

    def kth(point, among):
        off = (among - point).double()
        return torch.einsum("nd,de,ne->n", off, inverse, off).sort().values[neighbours - 1]

    own = [kth(data[n], torch.cat([data[:n], data[n + 1 :]])) for n in range(len(data))]
    radii = torch.stack(own)
    return torch.stack([(radii >= kth(point, data)).float().mean() for point in z])


def validity_by_eigenvectors(z, data, neighbours):
    values, vectors = torch.linalg.eigh(torch.cov(data.T).reshape(data.shape[1], -1))
    z, data = (x @ vectors / values.sqrt() for x in (z, data))
    own = torch.cdist(data, data).sort(dim=1).values[:, neighbours]
    radius = torch.cdist(z, data).topk(neighbours, largest=False).values[:, -1]
    return 1 - torch.searchsorted(own.sort().values, radius.contiguous()) / len(data)


ANSWERS = [
    ("edit_latent", edit_by_matrices),
    ("blend", blend_by_cosine),
    ("blend", blend_by_turning),
    ("attribute_direction", direction_by_residuals),
    ("attribute_direction", direction_by_normal_equations),
    ("latent_validity", validity_by_loops),
    ("latent_validity", validity_by_eigenvectors),
]


def test_values_that_leave_pytorch_for_the_amounts_alone_pass():
    assert evaluate(CHECKS["edit_latent"], Subject(edit_one_by_one), 0).passed


LOST = [
    ("edit_latent", "last only", "values"),
    ("edit_latent", "detached", "gradients"),
    ("blend", "clamped", "the line"),
    ("blend", "NaN at zero", "no arc to itself"),
    ("blend", "always an arc", "the line|gradients"),
    ("blend", "detached", "gradients"),
    ("attribute_direction", "others ignored", "the others are held|values"),
    ("attribute_direction", "reversed", "yes or no|values"),
    ("latent_validity", "always the first", "any neighbour"),
    ("latent_validity", "not stretched", "units do not matter|the first|any"),
]


TOLD = [
    ("edit_latent", "last only", "only the last attribute"),
    ("edit_latent", "unit directions", "brought to length 1"),
    ("edit_latent", "backwards", "the wrong way"),
    ("edit_latent", "one amount for all", "by the first one's amount"),
    ("edit_latent", "all directions", "without an amount was moved"),
    ("edit_latent", "by position", "paired by their place"),
    ("edit_latent", "mean of edits", "the steps are averaged"),
    ("edit_latent", "only the step", "without the latent it starts from"),
    ("edit_latent", "scaled", "scaled, not moved"),
    ("edit_latent", "set to", "set to the amounts"),
    ("edit_latent", "transposed", "each latent has one amount"),
    ("edit_latent", "detached", "no gradient flows from the result back to `z`"),
    ("edit_latent", "in place", "`z` in place"),
    ("blend", "swapped", "from b to a"),
    ("blend", "always a line", "the arc is a line."),
    ("blend", "always an arc", "the line is an arc"),
    ("blend", "a stretched line", "a line that was stretched"),
    ("blend", "unit length", "the arc's ends were brought to length 1"),
    ("blend", "clamped", "cut off"),
    ("blend", "undivided", "not divided by the sine"),
    ("blend", "raw cosine", "latents that are not of length 1"),
    ("blend", "one angle", "all pairs share one angle"),
    ("blend", "degrees", "in degrees"),
    ("blend", "half angle", "half of the angle"),
    ("blend", "NaN at zero", "NaN or infinite"),
    ("blend", "middle only", "all steps are the middle"),
    ("blend", "detached", "no gradient flows from the result back to `b`"),
    ("blend", "in place", "`b` in place"),
    ("attribute_direction", "others ignored", "the others are left out"),
    ("attribute_direction", "difference of means", "cut into two halves"),
    ("attribute_direction", "no constant", "through the origin"),
    ("attribute_direction", "constant returned", "the constant is returned"),
    ("attribute_direction", "last returned", "the last row"),
    ("attribute_direction", "unit length", "brought to length 1"),
    ("attribute_direction", "reversed", "the wrong way"),
    ("attribute_direction", "mean of those with", "not the way there"),
    ("attribute_direction", "covariance", "the covariance"),
    ("attribute_direction", "standardised", "one standard deviation"),
    ("attribute_direction", "read off", "reads the attribute off"),
    ("attribute_direction", "in place", "`z` in place"),
    ("latent_validity", "not stretched", "the latents' own units"),
    ("latent_validity", "each number by itself", "numbers go together"),
    ("latent_validity", "covariance, not its root", "divided out twice"),
    ("latent_validity", "times the root", "it is doubled"),
    ("latent_validity", "counts itself", "each datum counts itself"),
    ("latent_validity", "one too far", "one too far"),
    ("latent_validity", "always the first", "always the nearest"),
    ("latent_validity", "mean distance", "the mean distance to all"),
    ("latent_validity", "from the mean", "the distance from the data's mean"),
    ("latent_validity", "turned over", "turned over"),
    ("latent_validity", "a count", "a number of data"),
    ("latent_validity", "among the asked", "among the latents in question"),
    ("latent_validity", "in place", "`z` in place"),
]


def test_the_unit_has_twenty_one_points():
    assert [check.points for check in CHECKS.values()] == [5, 6, 5, 5]
