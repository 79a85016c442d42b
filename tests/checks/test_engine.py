"""Each way to get the form of an answer wrong has its own message."""

import contextlib
import subprocess
import sys

import numpy as np
import pytest
import torch

from course_lib.checks import Case, Check, Subject, agrees, evaluate, gradients_agree
from course_lib.checks.deadline import OutOfTime, deadline
from course_lib.checks.properties import difference
from course_lib.checks.subject import copy_of, unchanged


def double(x):
    return 2 * x


def _cases(generator):
    return [Case("three numbers", (torch.rand(3, generator=generator),))]


DOUBLE = Check("test.double", double, _cases, (agrees(2), gradients_agree(1)), {})


def kind_and_message(function, seconds=10.0):
    result = evaluate(DOUBLE, Subject(function, seconds))
    assert not result.passed
    return result.findings[0].kind, result.findings[0].message


def raises(x):
    return x[7] * 2


def forgets_to_return(x):
    2 * x


def never_ends(x):
    while True:
        x = x + 1


def swallows_everything(x):
    while True:
        with contextlib.suppress(Exception):
            x = x + 1


@pytest.mark.parametrize(
    ("function", "kind", "words"),
    [
        (forgets_to_return, "nothing returned", "`return` missing"),
        (lambda x: x.numpy() * 2, "wrong type", "numpy.ndarray; it should be a torch.Tensor"),
        (lambda x: [2, 4, 6], "wrong type", "of type list"),
        (lambda x: (2 * x)[None], "wrong shape", "(1, 3); it should be (3,)"),
        (lambda x: (2 * x).sum(), "wrong shape", "shape ()"),
        (lambda x: (2 * x).double(), "wrong dtype", "torch.float64; it should be torch.float32"),
        (lambda x: (2 * x).to("meta"), "wrong device", "on meta; it should be on cpu"),
        (lambda x: x / 0 * 0, "not finite", "NaN or infinite, the first at (0,)"),
        (lambda x: x.mul_(2), "input changed in place", "argument `x` in place"),
        (lambda: 1, "wrong arguments", "called with 1 arguments"),
        (lambda x, y: x, "wrong arguments", "takes (x, y)"),
        (raises, "raised an error", "IndexError"),
    ],
)
def test_each_fault_has_its_own_message(function, kind, words):
    came, message = kind_and_message(function)
    assert came == kind
    assert words in message


def test_error_names_the_students_own_line():
    _, message = kind_and_message(raises)
    assert "return x[7] * 2" in message


def test_error_inside_a_library_still_names_the_students_line():
    def calls_torch(x):
        return torch.nn.functional.conv2d(x, x)

    _, message = kind_and_message(calls_torch)
    assert "return torch.nn.functional.conv2d(x, x)" in message


@pytest.mark.parametrize("function", [never_ends, swallows_everything])
def test_endless_loop_is_stopped_and_asked_only_once(function):
    kind, message = kind_and_message(function, seconds=0.3)
    assert kind == "out of time"
    assert "loop that never ends" in message


def test_lost_gradient_costs_only_its_own_points():
    result = evaluate(DOUBLE, Subject(lambda x: 2 * x.detach()))
    assert result.earned == 2
    assert result.findings[0].kind == "gradient lost"


def test_wrong_gradient_with_right_values():
    result = evaluate(DOUBLE, Subject(lambda x: x + x.detach()))
    assert result.earned == 2
    assert "gradient is wrong" in result.findings[0].message


def test_unused_input_has_gradient_zero_not_a_crash():
    weight = torch.ones(3, requires_grad=True)
    result = evaluate(DOUBLE, Subject(lambda x: 2 * x.detach() * weight))
    assert result.earned == 0 or result.findings[-1].message


def test_scalar_never_broadcasts():
    result = evaluate(DOUBLE, Subject(lambda x: torch.tensor(0.5)))
    assert result.findings[0].kind == "wrong shape"


def test_one_number_may_come_as_any_kind_of_integer():
    check = Check("t.n", lambda x: 3, _cases, (agrees(1),), {})
    for value in (3, np.int64(3), torch.tensor(3)):
        assert evaluate(check, Subject(lambda x, v=value: v)).passed
    for value in (3.0, True, "3", torch.tensor([3])):
        assert not evaluate(check, Subject(lambda x, v=value: v)).passed


def test_tuple_is_compared_value_by_value():
    check = Check("t.t", lambda x: (x, 1), _cases, (agrees(1),), {})
    assert evaluate(check, Subject(lambda x: (x.clone(), 1))).passed
    wrong_length = evaluate(check, Subject(lambda x: (x.clone(),)))
    assert wrong_length.findings[0].kind == "wrong length"
    assert not evaluate(check, Subject(lambda x: (x + 1, 1))).passed


def test_difference_reports_the_largest_error_and_counts():
    wanted = torch.tensor([[0.0, 1.0], [2.0, torch.inf]])
    assert difference(wanted.clone(), wanted) is None
    came = torch.tensor([[0.0, 1.5], [2.0, torch.inf]])
    found = difference(came, wanted)
    assert found.came == "1.5 at (0, 1)"
    assert "1 of 4 values are off" in found.message
    assert difference(torch.full((2, 2), torch.nan), wanted) is not None


def test_copies_share_nothing_and_keep_strides_and_generators():
    x = torch.arange(6.0).reshape(2, 3).T
    copy = copy_of(x)
    assert copy.stride() == x.stride() and copy.data_ptr() != x.data_ptr()
    generator = torch.Generator().manual_seed(3)
    assert torch.equal(
        torch.rand(2, generator=copy_of(generator)), torch.rand(2, generator=generator)
    )
    assert unchanged(torch.tensor([torch.nan]), torch.tensor([torch.nan]))
    assert not unchanged([np.zeros(2)], [np.ones(2)])


def test_deadline_is_off_after_the_block():
    with deadline(0.05):
        pass
    with pytest.raises(OutOfTime), deadline(0.05):
        while True:
            pass


def test_no_deadline_runs_while_the_first_gradient_imports_its_modules():
    code = """if True:
        import signal, sys, torch
        from course_lib.checks import Subject

        rings = []

        class Watch:
            def find_spec(self, name, path=None, target=None):
                if name == "sympy":
                    rings.append(signal.getitimer(signal.ITIMER_REAL)[0])

        sys.meta_path.insert(0, Watch())
        Subject(torch.square).vjp((torch.ones(2),), 0, torch.ones(2))
        print(rings)
        """
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout in ("[0.0]\n", "[]\n"), run.stderr


def test_gradients_of_several_results_come_together():
    def both(x):
        return 2 * x, x.square().sum()

    x, ones = torch.tensor([1.0, 2.0]), torch.ones(2)
    gradient = Subject(both).vjp((x,), 0, (ones, torch.tensor(1.0)))
    assert torch.equal(gradient, 2 + 2 * x)
    half = Subject(lambda x: ((2 * x).detach(), x.square().sum()))
    assert torch.equal(half.vjp((x,), 0, (ones, torch.tensor(1.0))), 2 * x)


def doubled(tables):
    return {name: 2 * table for name, table in tables.items()}


def _tables(generator):
    tables = {"a": torch.rand(2, generator=generator), "b": torch.rand(3, 1, generator=generator)}
    return [Case("two tables", (tables,))]


TABLES = Check("test.doubled", doubled, _tables, (agrees(1),), {})


def fills_in_place(tables):
    tables["a"].fill_(7.0)
    return doubled(tables)


def forgets_an_entry(tables):
    del tables["b"]
    return {"a": 2 * tables["a"], "b": torch.ones(3, 1)}


@pytest.mark.parametrize(
    ("function", "kind", "words"),
    [
        (lambda tables: list(doubled(tables).values()), "wrong type", "list; it should be a dict"),
        (lambda tables: {"a": 2 * tables["a"]}, "wrong entries", "has a; it should have a, b"),
        (lambda tables: doubled(tables) | {"b": torch.ones(3)}, "wrong shape", "entry 'b' of"),
        (lambda tables: doubled(tables) | {"b": torch.ones(3, 1)}, "wrong", "entry 'b' is off"),
        (fills_in_place, "input changed in place", "`tables` in place"),
        (forgets_an_entry, "input changed in place", "`tables` in place"),
    ],
)
def test_a_dict_of_tensors_is_judged_entry_by_entry(function, kind, words):
    finding = evaluate(TABLES, Subject(function)).findings[0]
    assert finding.kind == kind
    assert words in finding.message


def test_the_order_of_a_dict_does_not_matter_and_copies_are_deep():
    turned = dict(reversed(doubled({"a": torch.ones(2), "b": torch.ones(3, 1)}).items()))
    assert evaluate(TABLES, Subject(lambda tables: dict(reversed(doubled(tables).items())))).passed
    copy = copy_of({"state": turned})
    copy["state"]["a"].zero_()
    assert unchanged({"state": turned}, {"state": turned}) and turned["a"].any()
    assert not unchanged({"state": turned}, copy)
    assert not unchanged({"a": torch.ones(2)}, {"a": [1.0, 1.0]})
