"""Every attack gets what its answers deserve, does no harm, and leaves the sandbox as it was."""

import threading

import pytest
from attacks.attack import ALL, RELEASE, UNIT, Attack, with_answers
from attacks.everything import EVERYTHING
from attacks.scene import Scene

from course_lib.grading import doctor, judge
from course_lib.grading.grades import SubmissionGrade, ungraded
from course_lib.grading.sandbox import Sandbox
from course_lib.grading.submitted import Unreadable, clean, code_to_run, load_release, read_cells

pytestmark = pytest.mark.skipif(bool(doctor.refusal()), reason=doctor.refusal())
SEED = 20_011


@pytest.fixture(scope="module")
def box():
    with Sandbox(UNIT) as box:
        judge.slowness()
        yield box


@pytest.fixture(scope="module")
def scene(box, tmp_path_factory):
    box.start().close()
    scene = Scene(tmp_path_factory.mktemp("scene"), box._parent.pid)
    yield scene
    scene.close()


def graded(path, box) -> SubmissionGrade:
    try:
        cleaned = clean(read_cells(path), load_release(RELEASE))
    except Unreadable as error:
        return ungraded(judge.checks_of(UNIT), str(error))
    return judge.grade(code_to_run(cleaned), UNIT, box, SEED)


def points(grade: SubmissionGrade) -> tuple[int, ...]:
    return tuple(each.earned for each in grade.exercises)


def hand_in(attack: Attack, scene: Scene, folder):
    path = folder / f"{UNIT}.ipynb"
    data = attack.data(str(scene.canary), scene.port, scene.name)
    if attack.put:
        attack.put(path, data, scene.canary)
    else:
        path.write_bytes(data)
    return path


@pytest.mark.parametrize("attack", EVERYTHING, ids=lambda attack: attack.name)
def test_attack(attack, box, scene, tmp_path, monkeypatch):
    if attack.endless:
        shorter = 6.0 if attack.beside else 3.0
        for name, seconds in (("CALL_SECONDS", shorter), ("CELL_SECONDS", shorter), ("GRACE", 1.0)):
            monkeypatch.setattr(judge, name, seconds)
        monkeypatch.setattr(judge, "slowness", lambda: 1.0)
    path = hand_in(attack, scene, tmp_path)
    with beside(attack.beside, box, tmp_path / "beside.ipynb") as others:
        grade = graded(path, box)
    assert points(grade) == attack.honest, (grade.exercises, grade.remarks)
    assert others in ([], [ALL])
    assert scene.harm() == []
    told = "\n".join(
        [*grade.remarks, *(r for e in grade.exercises for r in e.reasons), grade.failed]
    )
    assert attack.secret not in told
    assert len(told) < 20_000


class beside:  # noqa: N801
    """Grade honest work in another thread, meanwhile."""

    def __init__(self, wanted, box, path):
        self.found = []
        self.thread = None
        if wanted:
            path.write_text(__import__("json").dumps(with_answers({})))
            self.thread = threading.Timer(2.0, lambda: self.found.append(points(graded(path, box))))

    def __enter__(self):
        if self.thread:
            self.thread.start()
        return self.found

    def __exit__(self, *_):
        if self.thread:
            self.thread.join()


def test_names_are_unique():
    names = [attack.name for attack in EVERYTHING]
    assert len(names) == len(set(names)) >= 60
