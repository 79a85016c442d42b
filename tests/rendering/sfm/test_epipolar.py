import numpy as np
import pytest
import torch

from course_lib.rendering import sfm


def same_up_to_sign(a, b):
    return min(float((a - b).norm()), float((a + b).norm()))


def test_exact_matches_give_the_exact_matrix(two_views):
    scene = two_views()
    for count in (8, 9, 40):
        F = sfm.eight_point(*scene.pixels[:, :count])
        assert same_up_to_sign(F, scene.F) < 1e-7


def test_the_epipolar_constraint_holds_and_the_rank_is_two(two_views):
    scene = two_views()
    noise = torch.randn(2, 40, 2, generator=torch.Generator().manual_seed(1)).double()
    F = sfm.eight_point(*(scene.pixels + noise))
    singular = torch.linalg.svdvals(F)
    assert singular[2] < 1e-12 * singular[0]
    assert F.norm() == pytest.approx(1.0)
    assert sfm.sampson_distance(scene.F, *scene.pixels).max() < 1e-8


def test_it_does_not_matter_where_the_origin_is_and_how_long_a_pixel(two_views):
    scene = two_views()
    noise = torch.randn(2, 40, 2, generator=torch.Generator().manual_seed(2)).double()
    pixels = scene.pixels + 0.5 * noise
    F = sfm.eight_point(*pixels)
    T = torch.tensor([[3.0, 0, 5000], [0, 3.0, -800], [0, 0, 1]], dtype=torch.float64)
    moved = 3.0 * pixels + torch.tensor([5000.0, -800.0])
    back = T.mT @ sfm.eight_point(*moved) @ T
    assert same_up_to_sign(back / back.norm(), F) < 1e-7


def test_opencv_finds_the_same(two_views):
    cv2 = pytest.importorskip("cv2")
    scene = two_views()
    noise = torch.randn(2, 40, 2, generator=torch.Generator().manual_seed(3)).double()
    first, second = (scene.pixels + 0.3 * noise).numpy()
    theirs, _ = cv2.findFundamentalMat(first, second, cv2.FM_8POINT)
    theirs = torch.from_numpy(theirs / np.linalg.norm(theirs))
    ours = sfm.eight_point(torch.from_numpy(first), torch.from_numpy(second))
    off = [sfm.sampson_distance(F, *scene.pixels).mean() for F in (ours, theirs)]
    assert off[0] < 1.1 * off[1] + 1e-3


def degenerate(kind):
    generator = torch.Generator().manual_seed(4)
    random = torch.rand(20, 2, generator=generator).double() * 100
    line = torch.arange(20.0)[:, None] * torch.tensor([[3.0, 1.0]])
    turned = (random - 50) @ torch.tensor([[0.8, 0.6], [-0.6, 0.8]]).double() + 40
    return {
        "all on a line": (line.double(), random),
        "did not move": (random, random),
        "a plane, or only turned": (random, turned),
        "one place": (torch.ones(20, 2), torch.ones(20, 2)),
    }[kind]


@pytest.mark.parametrize(
    "kind", ["all on a line", "did not move", "a plane, or only turned", "one place"]
)
def test_matches_that_leave_it_open_are_an_error(kind):
    with pytest.raises(ValueError, match="not one"):
        sfm.eight_point(*degenerate(kind))


@pytest.mark.parametrize("function", ["eight_point", "ransac_fundamental"])
def test_wrong_arguments_are_named(function):
    options = {"generator": torch.Generator()} if function == "ransac_fundamental" else {}
    call = getattr(sfm, function)
    with pytest.raises(ValueError, match="at least 8"):
        call(torch.rand(7, 2), torch.rand(7, 2), **options)
    with pytest.raises(ValueError, match="at least 8"):
        call(torch.zeros(0, 2), torch.zeros(0, 2), **options)
    with pytest.raises(ValueError, match="second"):
        call(torch.rand(9, 2), torch.rand(8, 2), **options)
    with pytest.raises(ValueError, match="NaN"):
        call(torch.full((9, 2), torch.nan), torch.rand(9, 2), **options)


def test_lines_go_through_the_match_and_through_the_other_cameras_picture(two_views):
    scene = two_views()
    lines = sfm.epipolar_lines(scene.F, scene.pixels[0])
    assert (sfm.homogeneous(scene.pixels[1]) * lines).sum(-1).abs().max() < 1e-7
    centre = sfm.camera_centres(scene.viewmats[0])
    epipole = sfm.project_points(scene.P[1:], centre[None])[0][0]
    assert (sfm.homogeneous(epipole) * lines).sum(-1).abs().max() < 1e-5


def test_sampson_is_about_the_smallest_correction(two_views):
    """For a rectified pair the smallest move is exact: half of the gap to each, / sqrt 2."""
    F = torch.tensor([[0.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    off = sfm.sampson_distance(F, torch.tensor([[0.0, 1.0]]), torch.tensor([[9.0, 4.0]]))
    assert float(off) == pytest.approx(3 / 2**0.5)
    scene = two_views()
    for scale in (1.0, -7.0):
        moved = scene.pixels[1] + 1.0
        torch.testing.assert_close(
            sfm.sampson_distance(scale * scene.F, scene.pixels[0], moved),
            sfm.sampson_distance(scene.F, scene.pixels[0], moved),
        )


def test_essential_matrix_of_known_cameras(two_views):
    scene = two_views()
    R, t = scene.pose
    E = sfm.essential_from_fundamental(scene.F, scene.K, scene.K)
    assert torch.allclose(torch.linalg.svdvals(E), torch.tensor([1.0, 1, 0]).double(), atol=1e-9)
    assert same_up_to_sign(E, sfm.cross_matrix(t) @ R) < 1e-9


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5])
@pytest.mark.parametrize("seed", [0, 1])
def test_ransac_finds_the_right_ones(two_views, share, seed):
    scene = two_views(200, seed)
    generator = torch.Generator().manual_seed(seed)
    noise = 0.3 * torch.randn(2, 200, 2, generator=generator).double()
    first, second = scene.pixels + noise
    wrong = torch.rand(200, generator=generator) < share
    second[wrong] = 300 * torch.rand(int(wrong.sum()), 2, generator=generator).double()
    F, inliers = sfm.ransac_fundamental(first, second, generator=generator)
    right = sfm.sampson_distance(scene.F, first, second) < 1.0
    assert inliers.dtype == torch.bool
    assert (inliers & right).sum() > 0.93 * right.sum()
    assert (inliers & ~right).sum() < 0.05 * 200
    assert sfm.sampson_distance(F, *scene.pixels).median() < 0.3


def test_ransac_is_seeded(two_views):
    scene = two_views(60)
    second = scene.pixels[1] + 2 * torch.randn(60, 2, generator=torch.Generator().manual_seed(0))
    runs = [
        sfm.ransac_fundamental(scene.pixels[0], second, generator=torch.Generator().manual_seed(5))
        for _ in range(2)
    ]
    assert torch.equal(runs[0][0], runs[1][0])
    assert torch.equal(runs[0][1], runs[1][1])


def test_ransac_on_nonsense_says_so():
    generator = torch.Generator().manual_seed(0)
    first, second = 1000 * torch.rand(2, 30, 2, generator=generator).double()
    with pytest.raises(ValueError, match="no fundamental matrix"):
        sfm.ransac_fundamental(first, second, threshold=1e-6, rounds=64, generator=generator)
    with pytest.raises(ValueError, match="threshold"):
        sfm.ransac_fundamental(first, second, threshold=0.0, generator=generator)


def test_rounds_needed():
    assert sfm.rounds_needed(1.0, 8) == 1.0
    assert sfm.rounds_needed(0.0, 8) == float("inf")
    rounds = sfm.rounds_needed(0.6, 8, 0.99)
    assert (1 - 0.6**8) ** rounds == pytest.approx(0.01)
