import numpy as np
import pytest
import torch

from course_lib.rendering import look_at, pinhole, sfm
from course_lib.rendering.sfm.bundle import BundleProblem, left_jacobian, rotation_from_vector


def rig(noise=0.0, seed=0, views=5, count=30):
    """Cameras around points, what they see, and both shaken a little."""
    generator = torch.Generator().manual_seed(seed)
    points = 2 * torch.rand(count, 3, generator=generator).double() - 1
    eyes = torch.tensor([[3 * np.sin(0.3 * k), -3 * np.cos(0.3 * k), 0.5] for k in range(views)])
    viewmats = torch.stack([look_at(eye) for eye in eyes]).double()
    U, _, V = torch.linalg.svd(viewmats[:, :3, :3])
    viewmats[:, :3, :3] = U @ V  # rotations to the last digit
    K = pinhole(200, 200, 0.8).double().expand(views, 3, 3)
    pixels, _ = sfm.project_points(sfm.projection_matrix(K, viewmats), points)
    view, point = torch.ones(views, count).nonzero(as_tuple=True)
    pixel = pixels[view, point] + noise * torch.randn(len(view), 2, generator=generator)
    shaken = viewmats.clone()
    w = 0.02 * torch.randn(views, 3, generator=generator).double()
    shaken[1:, :3, :3] = (
        torch.linalg.matrix_exp(sfm.cross_matrix(w))[1:].double() @ viewmats[1:, :3, :3]
    )
    shaken[1:, :3, 3] += 0.05 * torch.randn(views - 1, 3, generator=generator)
    near = points + 0.05 * torch.randn(count, 3, generator=generator)
    return viewmats, K, points, sfm.Observations(view, point, pixel), shaken, near


def test_the_jacobian_is_the_derivative():
    _, K, _, seen, shaken, near = rig()
    moving = torch.tensor([False, True, True, False, True])
    problem = BundleProblem(shaken, K, near, seen, moving)
    generator = np.random.default_rng(0)
    place = problem.start()
    place[: problem.cameras] = 0.1 * generator.standard_normal(problem.cameras)
    exact = problem.jacobian(place)
    assert exact.shape == (2 * len(seen.view), 3 * 6 + 3 * 30)
    assert np.diff(exact.tocsr().indptr).max() <= 9
    for column in range(0, exact.shape[1], 7):
        step = np.zeros_like(place)
        step[column] = 1e-6
        slope = (problem.residuals(place + step) - problem.residuals(place - step)) / 2e-6
        np.testing.assert_allclose(exact[:, [column]].toarray()[:, 0], slope, atol=2e-5)


@pytest.mark.parametrize("size", [0.0, 1e-9, 1e-5, 0.5, 3.0])
def test_rotations_from_vectors(size):
    vector = size * np.array([0.6, -0.8, 0.0])
    cross = sfm.cross_matrix(torch.from_numpy(vector))
    wanted = torch.linalg.matrix_exp(cross).numpy()
    np.testing.assert_allclose(rotation_from_vector(vector), wanted, atol=1e-12)
    step = 1e-6 * np.array([0.1, 0.5, -0.7])
    ahead = rotation_from_vector(left_jacobian(vector) @ step) @ rotation_from_vector(vector)
    np.testing.assert_allclose(rotation_from_vector(vector + step), ahead, atol=1e-11)


def test_exact_observations_bring_back_the_exact_world():
    viewmats, K, points, seen, shaken, near = rig()
    cameras, places = sfm.bundle_adjust(shaken, K, near, seen, steps=100, tolerance=1e-14)
    torch.testing.assert_close(cameras[0], shaken[0])
    back = sfm.align(places, points)
    assert (back.move(places) - points).norm(dim=1).max() < 1e-5
    turns = sfm.rotation_angle(back.move_cameras(cameras)[:, :3, :3], viewmats[:, :3, :3])
    assert turns.max() < 1e-5
    rotations = cameras[:, :3, :3]
    torch.testing.assert_close(rotations @ rotations.mT, torch.eye(3).double().expand(5, 3, 3))


def test_the_size_of_the_world_stays():
    _, K, _, seen, shaken, near = rig(noise=0.5)
    cameras, _ = sfm.bundle_adjust(shaken, K, near, seen)
    before, after = (sfm.camera_centres(each) for each in (shaken, cameras))
    spread = [(c - c[0]).norm(dim=1).mean() for c in (before, after)]
    assert float(spread[1]) == pytest.approx(float(spread[0]))


def test_wrong_observations_pull_little():
    _, K, points, seen, shaken, near = rig(noise=0.2)
    pixel = seen.pixel.clone()
    pixel[::13] += 40.0
    off = []
    for scale in (0.5, 1e6):  # robust, and plain least squares
        _, places = sfm.bundle_adjust(
            shaken, K, near, seen._replace(pixel=pixel), linear_beyond=scale, steps=100
        )
        off.append((sfm.align(places, points).move(places) - points).norm(dim=1).median())
    assert off[0] < 0.25 * off[1]
    assert off[0] < 0.01


def test_nothing_seen_changes_nothing():
    viewmats, K, points, _, _, _ = rig()
    none = sfm.Observations(*torch.zeros(2, 0, dtype=torch.int64), torch.zeros(0, 2))
    cameras, places = sfm.bundle_adjust(viewmats, K, points, none)
    assert torch.equal(cameras, viewmats)
    assert torch.equal(places, points)


def test_wrong_arguments_are_named():
    viewmats, K, points, seen, _, _ = rig()
    with pytest.raises(ValueError, match=r"seen\.point"):
        sfm.bundle_adjust(viewmats, K, points[:5], seen)
    with pytest.raises(ValueError, match=r"seen\.view"):
        sfm.bundle_adjust(viewmats, K, points, seen._replace(view=seen.view.double()))
    with pytest.raises(ValueError, match="NaN"):
        sfm.bundle_adjust(viewmats, K, points * torch.nan, seen)
    with pytest.raises(ValueError, match="K"):
        sfm.bundle_adjust(viewmats, K[:2], points, seen)
