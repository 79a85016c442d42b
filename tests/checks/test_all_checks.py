"""Every check accepts its reference, and rejects every mutant and the untouched skeleton."""

import runpy
import time
from pathlib import Path

import pytest
import torch

from course_lib.checks import Subject, all_checks, evaluate, find_check
from course_lib.checks.evaluate import KERNEL_SECONDS

CHECKS = list(all_checks())
PATIENCE = 90.0  # seconds for an answer in slow, plain loops


def _tables():
    """What test_UNIT.py says of UNIT: ANSWERS are right, LOST and TOLD are about mutants."""
    tables = {"ANSWERS": [], "LOST": [], "TOLD": []}
    for unit in sorted({check.name.partition(".")[0] for check in CHECKS} - {"start"}):
        module = runpy.run_path(str(Path(__file__).with_name(f"test_{unit}.py")))
        for table, rows in tables.items():
            rows += [(f"{unit}.{name}", *rest) for name, *rest in module[table]]
    return tables


TABLES = _tables()


def said(table, *key):
    """The rows of a table that begin with ``key``, without it."""
    return [row[len(key)] for row in TABLES[table] if row[: len(key)] == key]


def faults(check, mutant, seed):
    """What a mutant's judgement lacks, in words, and the messages that it got."""
    given = Subject(check.mutants[mutant], KERNEL_SECONDS if check.kernel else 10.0)
    result = evaluate(check, given, seed)
    where, wrong = f"{mutant!r} with seed {seed}", []
    if result.passed or result.earned >= check.points:
        wrong.append(f"{where} is accepted")
    lost = [each.property.name for each in result.outcomes if each.finding]
    for names in said("LOST", check.name, mutant):
        words = names.split("|")
        if len(words) != len(lost) or not all(map(str.__contains__, lost, words)):
            wrong.append(f"{where} should lose {words}, it lost {lost}")
    told = [finding.message for finding in result.findings]
    for words in said("TOLD", check.name, mutant):
        if not any(word in message for word in words.split("|") for message in told):
            wrong.append(f"{where} should be told {words!r}, it was told {told}")
    return wrong, tuple((f.message, f.came, f.case) for f in result.findings)


def unfinished(*_inputs):
    raise NotImplementedError


@pytest.mark.parametrize("each", CHECKS, ids=lambda each: each.name)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_reference_earns_all_points(each, seed):
    result = evaluate(each, Subject(each.reference), seed)
    assert result.passed, result.summary()
    assert result.earned == each.points > 0


@pytest.mark.parametrize("each", CHECKS, ids=lambda each: each.name)
def test_every_mutant_is_rejected_and_told_its_mistake(each):
    """Each loses the points that LOST names and no others, and reads what TOLD says."""
    assert len(each.mutants) >= 4
    seeds = (0,) if each.kernel else (0, 1)  # a launch in the laboratory takes seconds
    for seed in seeds:
        judged = [faults(each, mutant, seed) for mutant in each.mutants]
        assert not [fault for wrong, _ in judged for fault in wrong]
        if seed == 0:
            assert len({told for _, told in judged}) == len(judged), "two read the same"


@pytest.mark.parametrize("each", CHECKS, ids=lambda each: each.name)
def test_other_right_answers_pass(each):
    for answer in said("ANSWERS", each.name):
        for seed in (0, 1, 2):
            result = evaluate(each, Subject(answer, PATIENCE), seed)
            assert result.passed, (answer, seed, result.findings)


def test_tables_speak_of_mutants_that_exist_and_of_every_check():
    known = {(check.name, mutant) for check in CHECKS for mutant in check.mutants}
    for table in ("LOST", "TOLD"):
        assert {row[:2] for row in TABLES[table]} <= known
    answered = {name for name, _ in TABLES["ANSWERS"]}
    assert answered >= {check.name for check in CHECKS if not check.name.startswith("start.")}


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
