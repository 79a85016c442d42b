"""Unit 15: other right answers pass; a mistake costs its own points and is called by its name."""

import numpy as np
import torch

from course_lib.checks.structure_from_motion import CHECKS as EVERY
from course_lib.rendering import sfm

CHECKS = {each.function: each for each in EVERY}


def corners_by_loops(image, count):
    """Plain loops over pixels and candidates; sums of products by SciPy."""
    from scipy.ndimage import gaussian_filter

    picture = image.numpy()
    down, right = np.gradient(picture)
    products = [gaussian_filter(p, 1.5, mode="nearest") for p in (right**2, right * down, down**2)]
    response = (
        products[0] * products[2] - products[1] ** 2 - 0.05 * (products[0] + products[2]) ** 2
    )
    found = []
    for i in range(20, picture.shape[0] - 20):
        for j in range(20, picture.shape[1] - 20):
            near = response[i - 1 : i + 2, j - 1 : j + 2]
            if response[i, j] == near.max() and response[i, j] > max(1e-4 * response.max(), 1e-12):
                found.append((response[i, j], j + 0.5, i + 0.5))
    ranked = []
    for strength, x, y in found:
        radii = [np.hypot(x - u, y - v) for other, u, v in found if strength < 0.9 * other]
        ranked.append((min(radii, default=np.inf), x, y))
    ranked.sort(reverse=True)
    return torch.tensor([(x, y) for _, x, y in ranked[:count]]).reshape(-1, 2).float()


def descriptors_one_by_one(image, corners, normalize):
    vectors = []
    for x, y in corners.tolist():
        window = image[int(y) - 20 : int(y) + 20, int(x) - 20 : int(x) + 20]
        vector = sfm.gaussian_blur(window, 2.0)[2:40:5, 2:40:5].reshape(64)
        if normalize:
            vector = vector - vector.mean()
            spread = vector.std(unbiased=False)
            vector = vector / spread if spread > 1e-6 else torch.zeros(64)
        vectors.append(vector)
    return torch.stack(vectors)


def matches_by_sorting(first, second, ratio):
    pairs = []
    for n, one in enumerate(first):
        distances = (second - one).square().sum(dim=1).sqrt()
        if len(distances) < 2:
            continue
        order = distances.argsort()
        if distances[order[0]] < ratio * distances[order[1]]:
            pairs.append((n, int(order[0])))
    return torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2)


def fundamental_by_eigenvectors(first, second):
    def transform(points):
        centre = points.mean(0)
        s = 2**0.5 / (points - centre).norm(dim=1).mean()
        return torch.tensor([[s, 0, -s * centre[0]], [0, s, -s * centre[1]], [0, 0, 1]]).double()

    A, B = transform(first), transform(second)
    x = torch.cat([first, torch.ones(len(first), 1)], 1).double() @ A.T
    y = torch.cat([second, torch.ones(len(first), 1)], 1).double() @ B.T
    rows = torch.stack([torch.kron(b, a) for a, b in zip(x, y, strict=True)])
    F = torch.linalg.svd(rows.T @ rows)[2][-1].reshape(3, 3)
    U, S, V = torch.linalg.svd(F)
    S[2] = 0
    F = B.T @ U @ torch.diag(S) @ V @ A
    return -F / F.norm()


def fundamental_by_numpy(first, second):
    return torch.from_numpy(sfm.eight_point(first, second).numpy().copy())


def ransac_by_loop(first, second, samples, threshold):
    best = torch.zeros(len(first), dtype=torch.bool)
    for sample in samples:
        F = sfm.eight_point(first[sample], second[sample])
        inliers = sfm.sampson_distance(F, first, second) < threshold
        if inliers.sum() > best.sum():
            best = inliers
    F = sfm.eight_point(first[best], second[best])
    return -F, sfm.sampson_distance(F, first, second) < threshold


def pose_by_hand(E, first, second):
    """Depths from R x1 z1 + t = x2 z2, by least squares, instead of triangulation."""
    U, _, V = torch.linalg.svd(E)
    W = torch.tensor([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]], dtype=E.dtype)
    best, chosen = -1, None
    a, b = (torch.cat([x, torch.ones(len(x), 1)], 1).to(E.dtype) for x in (first, second))
    for R in (U @ W @ V, U @ W.T @ V):
        R = -R if torch.det(R) < 0 else R
        for t in (U[:, 2], -U[:, 2]):
            count = 0
            for p, q in zip(a, b, strict=True):
                z = torch.linalg.lstsq(torch.stack([R @ p, -q], 1), -t[:, None]).solution[:, 0]
                count += int((z > 0).all())
            if count > best:
                best, chosen = count, (R, t)
    return chosen


def points_by_least_squares(projections, points):
    """The inhomogeneous system: W = 1."""
    found = []
    for n in range(points.shape[1]):
        rows = []
        for P, (x, y) in zip(projections, points[:, n], strict=True):
            P = P / P[2, :3].norm()
            rows += [x * P[2] - P[0], y * P[2] - P[1]]
        A = torch.stack(rows)
        found.append(torch.linalg.lstsq(A[:, :3], -A[:, 3:]).solution[:, 0])
    return torch.stack(found)


def points_by_plain_rows(projections, points):
    rows = points[..., None] * projections[:, None, 2:] - projections[:, None, :2]
    X = torch.linalg.svd(rows.transpose(0, 1).reshape(points.shape[1], -1, 4)).Vh[:, -1]
    return X[:, :3] / X[:, 3:]


ANSWERS = [
    ("harris_corners", corners_by_loops),
    ("harris_corners", sfm.harris_corners),
    ("describe", descriptors_one_by_one),
    ("match_ratio", matches_by_sorting),
    ("eight_point", fundamental_by_eigenvectors),
    ("eight_point", fundamental_by_numpy),
    ("ransac_fundamental", ransac_by_loop),
    ("pose_from_essential", pose_by_hand),
    ("triangulate", points_by_least_squares),
    ("triangulate", points_by_plain_rows),
]


LOST = [
    ("harris_corners", "pixel corners", "right places"),
    ("harris_corners", "flat places count", "flat"),
    ("harris_corners", "strongest only", "right places|spread"),
    ("describe", "not blurred", "64|blind"),
    ("describe", "nought by nought", "blind"),
    ("describe", "mean only", "deviation|blind"),
    ("match_ratio", "squared distances", "forty"),
    ("match_ratio", "mutual", "forty"),
    ("match_ratio", "a single one counts", "twins"),
    ("eight_point", "rank 3", "rank"),
    ("eight_point", "any length", "rank"),
    ("eight_point", "not normalised", "noise"),
    ("eight_point", "transposed", "exact|noise"),
    ("ransac_fundamental", "everybody agrees", "agrees|best sample"),
    ("pose_from_essential", "t twice as long", "rotation"),
    ("pose_from_essential", "t turned round", "of the four"),
    ("pose_from_essential", "in front of the first only", "of the four"),
    ("triangulate", "the first two pictures", "every picture"),
    ("triangulate", "mean of pairs", "every picture"),
]


TOLD = [
    ("harris_corners", "row before column", "x, the column"),
    ("harris_corners", "pixel corners", "has its centre at"),
    ("harris_corners", "strongest only", "crowd where contrast is strong"),
    ("harris_corners", "no local maxima", "side by side"),
    ("harris_corners", "up to the rim", "has to fit into the picture"),
    ("harris_corners", "no window", "no corner at all"),
    ("describe", "not blurred", "not blurred before"),
    ("describe", "the picture blurred", "what lies outside"),
    ("describe", "one pixel off", "one pixel off"),
    ("describe", "column by column", "column by column"),
    ("describe", "nought by nought", "NaN"),
    ("describe", "one deviation for all", "each one of its own"),
    ("match_ratio", "squared distances", "distances are squared"),
    ("match_ratio", "no ratio", "whether or not another is as near"),
    ("match_ratio", "second before first", "turned round"),
    ("match_ratio", "from the second picture", "asked is the other way"),
    ("eight_point", "transposed", "transposed"),
    ("eight_point", "not undone", "still belongs to the moved"),
    ("eight_point", "rank 3", "rank 2"),
    ("eight_point", "any length", "norm 1"),
    ("ransac_fundamental", "the mask turned round", "turned round"),
    ("ransac_fundamental", "fitted to everybody", "wrong ones have a say"),
    ("ransac_fundamental", "smallest median error", "more wrong matches than right ones"),
    ("pose_from_essential", "mirrored", "mirrors the world"),
    ("pose_from_essential", "R turned round", "turns the other way"),
    ("pose_from_essential", "t turned round", "behind both cameras"),
    ("pose_from_essential", "the camera's centre", "where the second camera stands"),
    ("pose_from_essential", "in front of the first only", "behind the second one"),
    ("triangulate", "not divided", "fourth number"),
    ("triangulate", "divided by the depth", "divides by the depth"),
    ("triangulate", "x and y swapped", "changed places"),
]


def test_inputs_can_be_sent_to_a_sandbox():
    """Tensors and numbers; nothing else."""
    for check in EVERY:
        for case in check.cases(torch.Generator().manual_seed(0)):
            assert all(isinstance(value, (torch.Tensor, int, float)) for value in case.inputs)


def test_the_unit_has_thirty_points():
    assert [check.points for check in CHECKS.values()] == [5, 4, 3, 5, 4, 5, 4]
