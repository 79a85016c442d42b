import math

import pytest
import torch

from course_lib.rendering import look_at, sfm


def test_the_pose_comes_back_from_the_essential_matrix(two_views):
    scene = two_views()
    R, t = scene.pose
    rays = [sfm.to_rays(pixels, scene.K) for pixels in scene.pixels]
    for sign in (1.0, -1.0, 100.0):
        found_R, found_t = sfm.pose_from_essential(sign * sfm.cross_matrix(t) @ R, *rays)
        torch.testing.assert_close(found_R, R)
        torch.testing.assert_close(found_t, t)


def test_of_the_four_poses_only_one_has_the_points_in_front(two_views):
    scene = two_views()
    R, t = scene.pose
    rays = [sfm.to_rays(pixels, scene.K) for pixels in scene.pixels]
    E = sfm.cross_matrix(t) @ R
    counts = []
    for turn, shift in sfm.essential_candidates(E):
        assert torch.linalg.det(turn) == pytest.approx(1.0)
        made = sfm.cross_matrix(shift) @ turn
        assert min(float((made - E).norm()), float((made + E).norm())) < 1e-9
        counts.append(int(sfm.in_front(turn, shift, *rays).sum()))
    assert sorted(counts)[-2:] == [0, 40]


def test_parallel_rays_are_in_front_of_nothing():
    E = sfm.cross_matrix(torch.tensor([1.0, 0.0, 0.0]))
    with pytest.raises(ValueError, match="in front"):
        sfm.pose_from_essential(E, torch.zeros(5, 2), torch.zeros(5, 2))
    with pytest.raises(ValueError, match="at least 1"):
        sfm.pose_from_essential(E, torch.zeros(0, 2), torch.zeros(0, 2))


def test_the_pose_does_not_know_the_scale(two_views):
    scene = two_views()
    bigger = two_views(points=scene.points)
    bigger.viewmats[:, :3, 3] *= 10
    pixels, _ = sfm.project_points(
        sfm.projection_matrix(scene.K, bigger.viewmats), 10 * scene.points
    )
    torch.testing.assert_close(pixels, scene.pixels)


def test_pnp_places_a_camera_exactly(two_views):
    scene = two_views()
    for count in (6, 40):
        found = sfm.resection(scene.points[:count], scene.pixels[1, :count], scene.K)
        torch.testing.assert_close(found, scene.viewmats[1], atol=1e-6, rtol=1e-6)


def test_pnp_follows_a_similarity_of_the_world(two_views):
    scene = two_views()
    turn = look_at((1.0, 2.0, 3.0))[:3, :3].double()
    world = sfm.Similarity(torch.tensor(4.0).double(), turn, torch.tensor([5.0, -1, 2]).double())
    found = sfm.resection(world.move(scene.points), scene.pixels[0], scene.K)
    torch.testing.assert_close(found, world.move_cameras(scene.viewmats[0]), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_ransac_pnp_finds_the_wrong_ones(two_views, seed):
    scene, generator = two_views(60, seed), torch.Generator().manual_seed(seed)
    pixels = scene.pixels[0] + 0.3 * torch.randn(60, 2, generator=generator).double()
    pixels[:20] = 300 * torch.rand(20, 2, generator=generator).double()
    viewmat, inliers = sfm.ransac_pnp(scene.points, pixels, scene.K, generator=generator)
    assert inliers[20:].double().mean() > 0.9
    assert inliers[:20].sum() <= 1
    good = scene.points[inliers], pixels[inliers]
    refined = sfm.refine_pose(viewmat, scene.K, *good)
    off = sfm.rotation_angle(refined[:3, :3], scene.viewmats[0, :3, :3]).rad2deg()
    assert off < 0.2
    centres = sfm.camera_centres(torch.stack([refined, scene.viewmats[0]]))
    assert (centres[0] - centres[1]).norm() < 0.02


def test_pnp_says_what_is_missing(two_views):
    scene = two_views()
    with pytest.raises(ValueError, match="at least 6"):
        sfm.resection(scene.points[:5], scene.pixels[0, :5], scene.K)
    flat = two_views(points=torch.cat([scene.points[:, :2], torch.zeros(40, 1)], dim=1))
    with pytest.raises(ValueError, match="plane"):
        sfm.resection(flat.points, flat.pixels[0], flat.K)
    generator = torch.Generator().manual_seed(0)
    with pytest.raises(ValueError, match="no pose"):
        sfm.ransac_pnp(
            scene.points, 1e4 * torch.rand(40, 2), scene.K, threshold=0.01, generator=generator
        )


def test_triangulation_is_exact_from_two_and_from_more_views(two_views):
    scene = two_views()
    torch.testing.assert_close(sfm.triangulate(scene.P, scene.pixels), scene.points)
    more = torch.stack([look_at((math.sin(a), -4.0, math.cos(a))) for a in (0.0, 1.0, 2.0, 3.0)])
    P = sfm.projection_matrix(scene.K, more)
    pixels, _ = sfm.project_points(P, scene.points)
    torch.testing.assert_close(sfm.triangulate(P, pixels), scene.points)
    seen = torch.ones(4, 40, dtype=torch.bool)
    pixels[2, 7], seen[2, 7] = 1e3, False  # wrong, and struck out
    torch.testing.assert_close(sfm.triangulate(P, pixels, seen), scene.points)


def test_more_views_make_it_better(two_views):
    scene, generator = two_views(), torch.Generator().manual_seed(0)
    cameras = torch.stack([look_at((2 * math.sin(a), -4.0, math.cos(a))) for a in range(6)])
    P = sfm.projection_matrix(scene.K, cameras)
    pixels, _ = sfm.project_points(P, scene.points)
    pixels = pixels + torch.randn(pixels.shape, generator=generator)
    errors = [
        (sfm.triangulate(P[:n], pixels[:n]) - scene.points).norm(dim=1).mean() for n in (2, 6)
    ]
    assert errors[1] < 0.7 * errors[0]


def test_no_place_is_nan(two_views):
    scene = two_views()
    twice = scene.P[:1].expand(2, 3, 4)  # no baseline
    assert sfm.triangulate(twice, scene.pixels[:1].expand(2, -1, -1)).isnan().all()
    aside = torch.stack([torch.eye(4)[:3], torch.eye(4)[:3]])
    aside[1, 0, 3] = -1.0
    assert sfm.triangulate(aside, torch.zeros(2, 1, 2)).isnan().all()  # parallel rays
    alone = torch.tensor([[True], [False]])
    assert sfm.triangulate(scene.P, scene.pixels[:, :1], alone).isnan().all()
    assert sfm.triangulate(scene.P, torch.zeros(2, 0, 2)).shape == (0, 3)
    with pytest.raises(ValueError, match="at least 2"):
        sfm.triangulate(scene.P[:1], scene.pixels[:1])


def test_alignment_finds_a_similarity_and_no_mirror():
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(10, 3, generator=generator).double()
    turn = look_at((1.0, 2.0, 0.5))[:3, :3].double()
    there = 2.5 * points @ turn.mT + torch.tensor([1.0, -2.0, 3.0])
    found = sfm.align(points, there)
    torch.testing.assert_close(found.move(points), there)
    assert float(found.scale) == pytest.approx(2.5)
    mirrored = sfm.align(points, points * torch.tensor([1.0, 1.0, -1.0]))
    assert torch.linalg.det(mirrored.rotation) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="line"):
        sfm.align(torch.arange(4.0)[:, None].expand(4, 3), points[:4])
    with pytest.raises(ValueError, match="at least 3"):
        sfm.align(points[:2], there[:2])


def test_moved_cameras_see_moved_points_at_the_same_pixels(two_views):
    scene = two_views()
    turn = look_at((1.0, 2.0, 3.0))[:3, :3].double()
    world = sfm.Similarity(torch.tensor(0.3).double(), turn, torch.tensor([5.0, -1, 2]).double())
    cameras = world.move_cameras(scene.viewmats)
    P = sfm.projection_matrix(scene.K, cameras)
    torch.testing.assert_close(sfm.project_points(P, world.move(scene.points))[0], scene.pixels)
    centres = sfm.camera_centres(scene.viewmats)
    torch.testing.assert_close(sfm.camera_centres(cameras), world.move(centres))


def test_angles():
    turn = torch.linalg.matrix_exp(sfm.cross_matrix(torch.tensor([0.0, 0.0, 1e-4]).double()))
    assert float(sfm.rotation_angle(turn, torch.eye(3))) == pytest.approx(1e-4, rel=1e-4)
