"""Unit 17: other right answers pass; a mistake costs its own points and is called by its name."""

import math

import torch

from course_lib.checks import Subject, evaluate
from course_lib.checks.gaussian_splatting import CHECKS as EVERY
from course_lib.rendering import splats

CHECKS = {each.function: each for each in EVERY}


def rotation_by_hamilton_product(quats):
    """Turn the three axes: q e q*, by two products of quaternions."""

    def product(a, b):
        w, v, u, s = a[..., :1], a[..., 1:], b[..., 1:], b[..., :1]
        real = w * s - (v * u).sum(-1, keepdim=True)
        return torch.cat([real, w * u + s * v + torch.linalg.cross(v, u)], dim=-1)

    q = torch.nn.functional.normalize(quats, dim=-1)[:, None].expand(-1, 3, 4)
    conjugate = q * torch.tensor([1.0, -1.0, -1.0, -1.0])
    axes = torch.cat([torch.zeros(3, 1), torch.eye(3)], dim=1).expand(len(q), 3, 4)
    return product(product(q, axes), conjugate)[..., 1:].transpose(1, 2)


def rotation_by_homogeneous_formula(quats):
    """Entries without a one: w² + x² - y² - z² and so on, divided by the squared length."""
    w, x, y, z = quats.T
    rows = [
        [w * w + x * x - y * y - z * z, 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), w * w - x * x + y * y - z * z, 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), w * w - x * x - y * y + z * z],
    ]
    matrix = torch.stack([torch.stack(row, dim=1) for row in rows], dim=1)
    return matrix / (quats * quats).sum(dim=1)[:, None, None]


def rotation_by_rodrigues(quats):
    """I + 2 w [v] + 2 [v]², one quaternion after the other; a small number in the division."""
    result = []
    for quat in quats:
        w, x, y, z = quat / (quat.norm() + 1e-9)
        o = torch.zeros(())
        cross = torch.stack([o, -z, y, z, o, -x, -y, x, o]).reshape(3, 3)
        result.append(torch.eye(3) + 2 * w * cross + 2 * cross @ cross)
    return torch.stack(result)


def covariance_by_outer_products(quats, scales):
    R = rotation_by_homogeneous_formula(quats)
    return sum(
        (scales[:, k] ** 2)[:, None, None] * R[:, :, k, None] * R[:, None, :, k] for k in range(3)
    )


def covariance_by_einsum(quats, scales):
    R = splats.quaternion_to_rotation(quats)
    return torch.einsum("nik,nk,njk->nij", R, scales.square(), R)


def project_by_autograd(means, covariances, viewmat, K):
    def pixel(point):
        seen = viewmat @ torch.cat([point, torch.ones(1)])
        flat = K @ seen[:3]
        return flat[:2] / flat[2]

    slopes = torch.stack([torch.func.jacrev(pixel)(mean) for mean in means])
    flat = slopes @ covariances @ slopes.transpose(1, 2) + torch.diag(torch.full((2,), 0.3))
    depths = (means @ viewmat[2, :3]) + viewmat[2, 3]
    return torch.stack([pixel(mean) for mean in means]), flat, depths


def project_by_entries(means, covariances, viewmat, K):
    """The three entries of each ellipse written out, the covariance turned first."""
    R = viewmat[:3, :3]
    seen = (R @ means.T).T + viewmat[:3, 3]
    inside = R @ covariances @ R.T
    u, v, z = seen[:, 0] / seen[:, 2], seen[:, 1] / seen[:, 2], seen[:, 2]
    fx, fy = K[0, 0] / z, K[1, 1] / z
    c = {(i, j): inside[:, i, j] for i in range(3) for j in range(3)}
    xx = fx**2 * (c[0, 0] - 2 * u * c[0, 2] + u**2 * c[2, 2])
    yy = fy**2 * (c[1, 1] - 2 * v * c[1, 2] + v**2 * c[2, 2])
    xy = fx * fy * (c[0, 1] - v * c[0, 2] - u * c[1, 2] + u * v * c[2, 2])
    flat = torch.stack([xx + 0.3, xy, xy, yy + 0.3], dim=1).reshape(-1, 2, 2)
    middle = torch.stack([K[0, 0] * u + K[0, 2], K[1, 1] * v + K[1, 2]], dim=1)
    return middle, flat, z


def sh_by_quadratic_forms(sh, directions):
    """Degree 1 as a vector, degree 2 as symmetric matrices without trace."""
    d = directions / directions.norm(dim=1, keepdim=True)
    total = 0.5 + sh[:, 0] / math.sqrt(4 * math.pi)
    if sh.shape[1] >= 4:
        vector = torch.stack([-sh[:, 3], -sh[:, 1], sh[:, 2]], dim=1)  # (N, 3 axes, 3 colours)
        total = total + math.sqrt(3 / (4 * math.pi)) * torch.einsum("na,nac->nc", d, vector)
    if sh.shape[1] >= 9:
        a, forms = math.sqrt(15 / math.pi) / 4, torch.zeros(5, 3, 3)
        forms[0, 0, 1] = forms[0, 1, 0] = forms[4, 0, 0] = a
        forms[1, 1, 2] = forms[1, 2, 1] = forms[3, 0, 2] = forms[3, 2, 0] = forms[4, 1, 1] = -a
        forms[2] = torch.diag(torch.tensor([-1.0, -1.0, 2.0])) * a / math.sqrt(3)
        total = total + torch.einsum("na,kab,nb,nkc->nc", d, forms, d, sh[:, 4:9])
    return torch.relu(total)


def sh_by_loop(sh, directions):
    colors = []
    for coefficients, direction in zip(sh, directions, strict=True):
        x, y, z = direction / (direction**2).sum().sqrt()
        q = 1.0925484
        basis = [0.2820948, -0.4886025 * y, 0.4886025 * z, -0.4886025 * x, q * x * y, -q * y * z]
        basis += [0.9461747 * z * z - 0.3153916, -q * x * z, 0.5462742 * (x * x - y * y)]
        total = sum(b * c for b, c in zip(basis, coefficients, strict=False))
        colors.append(torch.maximum(total + 0.5, torch.zeros(3)))
    return torch.stack(colors)


def blend_from_the_back(alphas, colors, background):
    image, left = background.expand(len(alphas), 3), torch.ones(len(alphas))
    for n in reversed(range(len(colors))):
        alpha = alphas[:, n, None]
        image = alpha * colors[n] + (1 - alpha) * image
        left = left * (1 - alphas[:, n])
    return image, left


def blend_by_products(alphas, colors, background):
    ones = torch.ones(len(alphas), 1)
    through = torch.cumprod(torch.cat([ones, 1 - alphas], dim=1), dim=1)  # (P, N + 1)
    weights = alphas * through[:, :-1]
    return weights @ colors + through[:, -1:] * background, through[:, -1]


def rasterize_at_once(means, quats, scales, opacities, colors, viewmat, K, width, height):
    """All pixels and splats in one tensor; the distance by a Cholesky factor."""
    seen = splats.project(means, splats.covariance(quats, scales), viewmat, K, width, height)
    kept = torch.nonzero(seen.depths > 0.01)[:, 0]
    kept = kept[torch.argsort(seen.depths[kept])]
    if len(kept) == 0:
        return torch.zeros(height, width, 3)
    i, j = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    pixels = torch.stack([j, i], dim=-1).reshape(-1, 1, 2) + 0.5
    offset = (pixels - seen.means[kept]).transpose(0, 1).transpose(1, 2)  # (N, 2, P)
    factor = torch.linalg.cholesky(seen.covariances[kept])
    white = torch.linalg.solve_triangular(factor, offset, upper=False)
    alphas = opacities[kept, None] * torch.exp(-white.square().sum(dim=1) / 2)
    alphas = torch.clamp(alphas, max=0.999)
    alphas = torch.where(alphas < 1 / 255, torch.zeros_like(alphas), alphas).T  # (P, N)
    through = torch.cumprod(1 - alphas, dim=1)
    before = torch.cat([torch.ones_like(through[:, :1]), through[:, :-1]], dim=1)
    weights = alphas * before * (through > 1e-4)
    return (weights @ colors[kept]).reshape(height, width, 3)


def rasterize_compiled(*inputs):
    return splats.rasterize(*inputs)[0]


ANSWERS = [
    ("quaternion_to_rotation", rotation_by_hamilton_product),
    ("quaternion_to_rotation", rotation_by_homogeneous_formula),
    ("quaternion_to_rotation", rotation_by_rodrigues),
    ("covariance", covariance_by_outer_products),
    ("covariance", covariance_by_einsum),
    ("project", project_by_autograd),
    ("project", project_by_entries),
    ("evaluate_sh", sh_by_quadratic_forms),
    ("evaluate_sh", sh_by_loop),
    ("blend", blend_from_the_back),
    ("blend", blend_by_products),
    ("rasterize", rasterize_at_once),
    ("rasterize", rasterize_compiled),
]


LOST = [
    ("quaternion_to_rotation", "the length detached", "gradients"),
    ("quaternion_to_rotation", "the real part last", "by heart|values|gradients"),
    ("covariance", "rotation transposed", "turns along|values|gradients"),
    ("covariance", "scales detached", "gradients"),
    ("project", "no blur", "by hand"),
    ("project", "blur everywhere", "by hand"),
    ("project", "no perspective in the ellipse", "Jacobian|gradients"),
    ("project", "covariance not turned", "Jacobian|gradients"),
    ("project", "principal point swapped", "pinhole"),
    ("project", "distance for depth", "pinhole|gradients"),
    ("project", "drops what is behind", "pinhole"),
    ("project", "Jacobian detached", "gradients"),
    ("evaluate_sh", "never cut off", "grey"),
    ("evaluate_sh", "cut off at one too", "grey"),
    ("evaluate_sh", "no half", "grey|files|gradients"),
    ("evaluate_sh", "x, y, z", "grey|files|gradients"),
    ("evaluate_sh", "direction not normalised", "files|gradients"),
    ("blend", "capped at 0.999", "by hand"),
    ("blend", "below 1/255 skipped", "values"),
    ("blend", "back to front", "by hand|values|gradients"),
    ("blend", "transmittance detached", "gradients"),
    ("rasterize", "behind not dropped", "one splat, and none|picture and gradients"),
    ("rasterize", "diagonal only", "picture and gradients"),
    ("rasterize", "no cap", "early stop"),
    ("rasterize", "never stops", "early stop"),
    ("rasterize", "one stops all", "early stop"),
    ("rasterize", "detached", "picture and gradients"),
]


TOLD = [
    ("quaternion_to_rotation", "not normalised", "that are not of length 1"),
    ("quaternion_to_rotation", "the real part last", "here the order is (w, x, y, z)"),
    ("quaternion_to_rotation", "transposed", "goes the wrong way round"),
    ("quaternion_to_rotation", "the real part made positive", "q and -q are the same rotation"),
    ("quaternion_to_rotation", "mirrored", "it mirrors"),
    ("quaternion_to_rotation", "the length detached", "the values are right, but the gradient"),
    ("quaternion_to_rotation", "normalises its input in place", "`quats` in place"),
    ("covariance", "scales not squared", "a covariance is made of variances"),
    ("covariance", "rotation transposed", "stands the wrong way round"),
    ("covariance", "scales on the rows", "so that it cancels"),
    ("covariance", "one-sided", "a covariance is symmetric"),
    ("covariance", "scales taken as logarithms", "taken as logarithms"),
    ("project", "no blur", "nothing is added to the diagonal"),
    ("project", "blur squared", "a variance already"),
    ("project", "blur everywhere", "off the diagonal too"),
    ("project", "no perspective in the ellipse", "has no third column"),
    ("project", "third column's sign", "the wrong sign"),
    ("project", "covariance not turned", "still in the world's frame"),
    ("project", "covariance turned back", "have changed places"),
    ("project", "Jacobian at the world's mean", "not in the camera's frame"),
    ("project", "one focal length", "one focal length serves"),
    ("project", "camera's rotation transposed", "from the world to the camera"),
    ("project", "translation forgotten", "translation of viewmat has no effect"),
    ("project", "half a pixel too far", "half a pixel is added"),
    ("project", "distance for depth", "the distance to the camera"),
    ("evaluate_sh", "no half", "should be grey, not black"),
    ("evaluate_sh", "cut off before the half", "before one half is added"),
    ("evaluate_sh", "never cut off", "no negative light"),
    ("evaluate_sh", "cut off at one too", "nothing is brighter than 1"),
    ("evaluate_sh", "sigmoid", "through a sigmoid"),
    ("evaluate_sh", "no minus signs", "minus signs are missing"),
    ("evaluate_sh", "x, y, z", "their order is y, z, x"),
    ("evaluate_sh", "a sign within a quadratic function", "degree 2, m = 0 is not the size"),
    ("evaluate_sh", "degree 2 ignored", "above degree 1 is ignored"),
    ("evaluate_sh", "direction turned round", "from the camera to the Gaussian"),
    ("evaluate_sh", "direction not normalised", "at the length they came with"),
    ("blend", "back to front", "taken as the nearest"),
    ("blend", "own light dimmed", "each splat dims its own light"),
    ("blend", "average", "makes no difference, as in an average"),
    ("blend", "average", "replaced by two of its colour"),
    ("blend", "background at full strength", "at full strength"),
    ("blend", "capped at 0.999", "no place in this exercise"),
    ("blend", "below 1/255 skipped", "faint splats are skipped"),
    ("blend", "opacity returned", "the light that was stopped"),
    ("rasterize", "not sorted", "listed in another order"),
    ("rasterize", "far to near", "the farthest splat is drawn in front"),
    ("rasterize", "sorted by distance", "sorted by their distance"),
    ("rasterize", "behind not dropped", "behind the camera is drawn too"),
    ("rasterize", "pixel corners", "half a pixel off"),
    ("rasterize", "rows for columns", "x and y have changed places"),
    ("rasterize", "covariance not inverted", "it should meet its inverse"),
    ("rasterize", "no cap", "not capped at 0.999"),
    ("rasterize", "faint drawn", "below 1/255 are drawn"),
    ("rasterize", "never stops", "goes on after its light is used up"),
    ("rasterize", "one stops all", "all others stop too"),
]


def test_half_a_covariance_is_enough_for_its_gradient():
    """A function may read the upper or the lower half: both gradients are right."""

    def lower_half(means, covariances, viewmat, K):
        lower = covariances.tril(-1)
        whole = lower + lower.mT + torch.diag_embed(covariances.diagonal(dim1=1, dim2=2))
        return CHECKS["project"].reference(means, whole, viewmat, K)

    assert evaluate(CHECKS["project"], Subject(lower_half)).passed


def test_one_wrong_part_of_two_is_found_by_the_gradient():
    def transmittance_detached(alphas, colors, background):
        image, left = CHECKS["blend"].reference(alphas, colors, background)
        return image, left.detach()

    result = evaluate(CHECKS["blend"], Subject(transmittance_detached))
    assert [each.message.partition(":")[0] for each in result.findings] == [
        "the values are right, but the gradient with respect to `alphas` is wrong"
    ]


def test_the_unit_has_twenty_four_points():
    assert [check.points for check in CHECKS.values()] == [4] * 6
