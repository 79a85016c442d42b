import os
import threading

import numpy as np
import pytest
import torch

from course_lib.rendering import pinhole
from course_lib.rendering.kernels import threads
from course_lib.rendering.splats import rasterize


@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.parametrize("parts", [0, 1, 7])
def test_each_part_runs_once(count, parts):
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    done = np.zeros(max(parts, 1), int)

    def kernel(part, of, step):
        assert of == parts
        done[part] += step

    threads.in_parallel(kernel, parts, 2)
    torch.set_num_threads(before)
    assert (done[:parts] == 2).all()


def test_what_a_part_raises_is_raised():
    def kernel(part, parts):
        raise MemoryError(f"part {part} of {parts}")

    with pytest.raises(MemoryError, match="of 4"):
        threads.in_parallel(kernel, 4)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux places threads")
@pytest.mark.skipif(os.cpu_count() < 2, reason="one processor")
def test_helpers_are_woken_on_another_processor_and_then_free(monkeypatch):
    before, allowed = torch.get_num_threads(), os.sched_getaffinity(0)
    torch.set_num_threads(2)
    placed = []
    place = os.sched_setaffinity
    monkeypatch.setattr(os, "sched_setaffinity", lambda *a: placed.append(a) or place(*a))
    for _ in range(2):  # the first starts the pool
        threads.in_parallel(lambda part, parts: None, 4)
    torch.set_num_threads(before)
    helpers = {helper for helper, _ in placed}
    assert helpers and threading.get_native_id() not in helpers
    assert {len(there) for _, there in placed} == {len(allowed) - 1, len(allowed)}
    assert all(os.sched_getaffinity(helper) == allowed for helper in helpers)


def test_work_goes_on_where_threads_may_not_be_placed(monkeypatch):
    def forbidden(*_):
        raise PermissionError

    monkeypatch.setattr(os, "sched_setaffinity", forbidden, raising=False)
    monkeypatch.setattr(threads, "_helpers", [1])
    done = []
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    threads.in_parallel(lambda part, parts: done.append(part), 4)
    assert sorted(done) == [0, 1, 2, 3]


def test_scratch_memory_grows_and_is_used_again(monkeypatch):
    small = threads.scratch("a test's", (3, 4), np.float32)
    large = threads.scratch("a test's", (50, 4), np.float32)
    again = threads.scratch("a test's", (3, 4), np.float32)
    assert small.shape == again.shape == (3, 4)
    assert np.shares_memory(large, again)
    monkeypatch.setattr(threads, "LARGEST_KEPT", 8)
    huge = threads.scratch("another test's", (100,), np.float32)
    assert not np.shares_memory(huge, threads.scratch("another test's", (100,), np.float32))


def test_a_results_memory_is_used_again_once_nobody_has_it(monkeypatch):
    monkeypatch.setattr(threads, "_shelf", {})
    first = threads.recycled((100, 300), np.float32)
    address = first.ctypes.data
    assert first.shape == (100, 300) and address % threads.CACHE_LINE == 0
    assert threads.recycled((100, 300), np.float32).ctypes.data != address
    threads._shelf.clear()
    view = torch.from_numpy(first)[3:]
    del first
    assert not threads._shelf, "a view of it is still in use"
    del view
    again = threads.recycled((90, 300), np.int32)
    assert again.shape == (90, 300) and again.ctypes.data == address
    assert not threads._shelf
    monkeypatch.setattr(threads, "LARGEST_KEPT", 8)
    del again
    assert not threads._shelf, "more than is to be kept"


def test_pictures_drawn_from_several_threads_at_once_are_right():
    generator = torch.Generator().manual_seed(0)
    scenes = []
    for n in (50, 400, 3000):
        means = torch.rand(n, 3, generator=generator) + torch.tensor([-0.5, -0.5, 2.0])
        scales, opacities = torch.full((n, 3), 0.05), torch.rand(n, generator=generator)
        colors = torch.rand(n, 3, generator=generator)
        scenes.append((means, torch.ones(n, 4), scales, opacities, colors))
    camera = (torch.eye(4), pinhole(40, 30, 1.0), 40, 30)
    wanted = [rasterize(*scene, *camera)[0] for scene in scenes]
    wrong = []

    def draw(k):
        for _ in range(20):
            if not torch.equal(rasterize(*scenes[k], *camera)[0], wanted[k]):
                wrong.append(k)

    workers = [threading.Thread(target=draw, args=(k,)) for k in range(len(scenes))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong
