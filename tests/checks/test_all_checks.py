"""Every check accepts its reference, and rejects every mutant and the untouched skeleton."""

import functools
import time

import pytest
import torch

from course_lib.checks import Subject, all_checks, evaluate, find_check
from course_lib.checks.evaluate import KERNEL_SECONDS

CHECKS = list(all_checks())
MUTANTS = [
    pytest.param(each, name, id=f"{each.name}-{name}") for each in CHECKS for name in each.mutants
]


@functools.cache
def judge_mutant(name, mutant, seed):
    """Judged once, asked about by several tests."""
    check = next(each for each in CHECKS if each.name == name)
    seconds = KERNEL_SECONDS if check.kernel else 10.0
    return evaluate(check, Subject(check.mutants[mutant], seconds), seed)


def unfinished(*_inputs):
    raise NotImplementedError


@pytest.mark.parametrize("each", CHECKS, ids=lambda each: each.name)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_reference_earns_all_points(each, seed):
    result = evaluate(each, Subject(each.reference), seed)
    assert result.passed, result.summary()
    assert result.earned == each.points > 0


@pytest.mark.parametrize(
    ("each", "mutant"), MUTANTS, ids=lambda value: getattr(value, "name", value)
)
def test_mutant_is_rejected_with_any_seed(each, mutant):
    for seed in (0,) if each.kernel else (0, 1):  # a launch in the laboratory takes seconds
        result = judge_mutant(each.name, mutant, seed)
        assert not result.passed, f"{each.name} accepts the mutant '{mutant}' with seed {seed}"
        assert result.earned < each.points
        assert result.findings[0].message


@pytest.mark.parametrize("each", CHECKS, ids=lambda each: each.name)
def test_skeleton_earns_nothing_and_is_called_unfinished(each):
    result = evaluate(each, Subject(unfinished))
    assert result.earned == 0
    assert {finding.kind for finding in result.findings} == {"not written yet"}


def filled(value, number):
    """The same form with one number everywhere."""
    if isinstance(value, dict):
        return {name: filled(item, number) for name, item in value.items()}
    if isinstance(value, (tuple, list)):
        return tuple(filled(item, number) for item in value)
    if isinstance(value, torch.Tensor):
        return torch.full_like(value, number)
    return type(value)(number)


@pytest.mark.parametrize("each", [c for c in CHECKS if not c.kernel], ids=lambda each: each.name)
def test_one_number_for_everything_earns_nothing(each):
    for number in (0, 1, 7):
        result = evaluate(
            each, Subject(lambda *inputs, n=number: filled(each.reference(*inputs), n))
        )
        assert result.earned == 0, (
            f"{number}: {[(o.property.name, o.earned) for o in result.outcomes]}"
        )


@pytest.mark.parametrize("each", [c for c in CHECKS if not c.kernel], ids=lambda each: each.name)
def test_an_input_handed_back_earns_nothing(each):
    inputs = each.cases(torch.Generator().manual_seed(0))[0].inputs
    for position in range(len(inputs)):
        result = evaluate(each, Subject(lambda *given, p=position: given[p]))
        assert result.earned == 0, (
            f"{position}: {[(o.property.name, o.earned) for o in result.outcomes]}"
        )


@pytest.mark.parametrize("each", CHECKS, ids=lambda each: each.name)
def test_different_mistakes_get_different_messages(each):
    assert len(each.mutants) >= 4
    told = [judge_mutant(each.name, mutant, 0) for mutant in each.mutants]
    texts = {tuple((f.message, f.came, f.case) for f in result.findings) for result in told}
    assert len(texts) == len(each.mutants)


@pytest.mark.parametrize("each", CHECKS, ids=lambda each: each.name)
def test_check_is_seeded(each):
    mutant = next(iter(each.mutants.values()))
    first, again = (evaluate(each, Subject(mutant), seed=5).summary() for _ in range(2))
    assert first == again


@pytest.mark.parametrize("each", CHECKS, ids=lambda each: each.name)
def test_properties_name_cases_that_exist(each):
    names = {case.name for case in each.cases(torch.Generator().manual_seed(0))}
    for one in each.properties:
        assert one.points > 0
        assert set(one.cases or ()) <= names, f"{each.name}: {one.name}"


@pytest.mark.parametrize("each", CHECKS, ids=lambda each: each.name)
def test_check_is_quick(each):
    """A bound far above the 2 s that benchmarks/checks.py reports: it catches a hang only."""
    evaluate(each, Subject(each.reference))
    start = time.perf_counter()
    evaluate(each, Subject(each.reference))
    assert time.perf_counter() - start < 8


def test_unknown_name_suggests_the_nearest():
    with pytest.raises(LookupError, match=r"Did you mean start\.psnr"):
        find_check("start.pnsr")
