import torch

from course_lib.data import stereo_motorcycle


def test_the_disparity_says_where_the_right_picture_shows_the_same():
    pair = stereo_motorcycle()
    assert pair.images.shape == (2, 3, 500, 741)
    assert pair.images.dtype == torch.float32
    x = torch.arange(741.0) + 0.5 - pair.disparity
    known = pair.disparity.isfinite() & (x > 0) & (x < 741)
    rows = torch.arange(500)[:, None].expand(500, 741)[known]
    there = pair.images[1][:, rows, x[known].long()]
    off = (pair.images[0][:, known] - there).abs().mean()
    assert off < 0.05
    assert off < 0.4 * (pair.images[0] - pair.images[1])[:, known].abs().mean()


def test_cameras_and_depth_agree_with_the_disparity():
    pair = stereo_motorcycle()
    known = pair.depth.isfinite().nonzero()[::997]
    y, x = (known + 0.5).T
    depth = pair.depth[known[:, 0], known[:, 1]]
    rays = torch.linalg.inv(pair.K[0]) @ torch.stack([x, y, torch.ones_like(x)])
    world = torch.cat([rays * depth, torch.ones(1, len(x))])
    seen = pair.K[1] @ (pair.viewmats[1] @ world)[:3]
    disparity = pair.disparity[known[:, 0], known[:, 1]]
    torch.testing.assert_close(seen[0] / seen[2], x - disparity, atol=1e-2, rtol=1e-4)
    torch.testing.assert_close(seen[1] / seen[2], y, atol=1e-3, rtol=1e-4)
    assert 1.0 < float(depth.min()) < float(depth.max()) < 6.0
