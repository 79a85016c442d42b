"""A kernel is graded by what its text does in the laboratory, whatever its process says."""

import pytest
from attacks.cheating_kernels import ALL, HEAD, KERNELS, RIGHT, SET_UP

from course_lib.grading import doctor, judge
from course_lib.grading.sandbox import Sandbox

pytestmark = pytest.mark.skipif(bool(doctor.refusal()), reason=doctor.refusal())
UNIT, SEED = "19_cuda_kernels", 20_011


@pytest.fixture(scope="module")
def box():
    with Sandbox(UNIT) as box:
        judge.slowness()
        yield box


def graded(cell, box):
    return judge.grade([SET_UP, cell], UNIT, box, SEED, {})


@pytest.mark.parametrize("attack", KERNELS, ids=lambda attack: attack.name)
def test_attack(attack, box, monkeypatch):
    if attack.endless:
        monkeypatch.setattr(judge, "CALL_SECONDS", 2.0)
        monkeypatch.setattr(judge, "slowness", lambda: 1.0)
    grade = graded(attack.cell, box)
    assert [each.earned for each in grade.exercises] == [attack.honest, 0, 0, 0, 0], (
        grade.exercises[0],
        grade.remarks,
    )
    assert all(len(reason) < 2000 for reason in grade.exercises[0].reasons)


def test_names_are_unique():
    names = [attack.name for attack in KERNELS]
    assert len(names) == len(set(names)) >= 50


def test_an_unwritten_kernel_is_called_unwritten(box):
    grade = graded(HEAD.replace("i = cuda.grid(1)", "raise NotImplementedError"), box)
    assert "NotImplementedError" in " ".join(grade.exercises[0].reasons)


def test_the_laboratory_runs_apart_from_the_students_cells(box):
    """What the notebook did to its own process is not in the one that launches."""
    spoilt = "import course_lib.kernel_lab.machine as m\nm.Machine.run = lambda self: None\n"
    assert graded(spoilt + RIGHT, box).exercises[0].earned == ALL
