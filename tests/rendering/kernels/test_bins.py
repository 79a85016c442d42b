import numpy as np
import pytest

from course_lib.rendering.kernels import bins, project, threads


def binned(depths, rects, tiles_x, tiles):
    """Order of the splats, bounds of the tiles' lists, and the lists."""
    n = len(depths)
    packed = np.zeros((n, project.PACKED), np.float32)
    packed[:, 9] = depths
    touched = ((rects[:, 1] - rects[:, 0]) * (rects[:, 3] - rects[:, 2])).astype(np.int32)
    half = n // 2  # two parts, as project_splats would have left them
    sums = np.array([[np.count_nonzero(t), t.sum()] for t in (touched[:half], touched[half:])])
    order, starts = np.empty(n, np.int32), np.empty(n + 1, np.int32)
    with threads.kernel_lock:
        bins.sort_by_depth(packed, rects, touched, sums, order, starts)
        seen = order[: sums[:, 0].sum()]
        places = bins.count_tiles(seen, rects, tiles_x, tiles)
        members = bins.list_members(seen, rects, tiles_x, places, int(touched.sum())).copy()
    return order, starts, places[[0, -1]], members


@pytest.mark.parametrize("count", [0, 1, 2, 1000])
@pytest.mark.parametrize("depths", ["equal", "near", "all of float32"])
def test_each_tile_lists_its_splats_from_near_to_far(count, depths):
    random = np.random.default_rng(count)
    z = {
        "equal": np.full(count, 2.0),
        "near": 2.0 + random.random(count).round(2),
        "all of float32": 10.0 ** random.uniform(-37, 38, count),
    }[depths].astype(np.float32)
    corner = random.integers(0, 4, (count, 2))
    extent = random.integers(0, 4, (count, 2))  # zero: not seen
    x0, y0 = corner.T
    x1, y1 = np.minimum(corner + extent, 5).T
    rects = np.stack([x0, x1, y0, y1], axis=1).astype(np.int16)
    order, starts, bounds, members = binned(z, rects, 5, 25)
    seen = np.flatnonzero((x1 > x0) & (y1 > y0))
    wanted = seen[np.argsort(z[seen], kind="stable")]
    np.testing.assert_array_equal(order[: len(seen)], wanted)
    assert (order[len(seen) :] == -1).all()
    np.testing.assert_array_equal(np.diff(starts), (x1 - x0) * (y1 - y0))
    for tile in range(25):
        y, x = divmod(tile, 5)
        over = [i for i in wanted if x0[i] <= x < x1[i] and y0[i] <= y < y1[i]]
        assert members[bounds[0, tile] : bounds[1, tile]].tolist() == over
