"""What a student sees: one line, or a table and one clean exception."""

import pytest
import torch

from course_lib import check
from course_lib.checks import Subject, evaluate, find_check
from course_lib.grading.local import CheckFailed
from course_lib.grading.render import as_html, as_text
from course_lib.metrics import psnr


def batch_mean(a, b):
    return (-10 * torch.log10((a - b).square().mean())).expand(len(a))


def test_success_prints_one_line_and_returns_nothing(capsys):
    assert check("start.psnr", psnr) is None
    assert capsys.readouterr().out == "✓ psnr: 4 of 4 points.\n"


def test_failure_shows_a_table_and_raises_one_clean_line(capsys):
    with pytest.raises(CheckFailed) as caught:
        check("start.psnr", batch_mean)
    assert "2 of 4 points" in str(caught.value)
    assert caught.value._render_traceback_() == [str(caught.value)]
    out = capsys.readouterr().out
    assert "✗ one number for each picture (0/1)" in out
    assert "✓ equal pictures (1/1)" in out
    assert "Hint:" in out


def test_not_a_function():
    with pytest.raises(CheckFailed, match="wants the function itself"):
        check("start.psnr", psnr(torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2)))
    with pytest.raises(CheckFailed, match="it got None"):
        check("start.psnr", None)


def test_html_is_a_table_with_headers_and_escapes_what_students_write():
    def shout(a, b):
        raise ValueError("<script>alert(1)</script>")

    text = as_html(evaluate(find_check("start.psnr"), Subject(shout)))
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    assert 'scope="col"' in text and 'scope="row"' in text and "<caption" in text


def test_the_same_fault_is_told_once():
    def shout(a, b):
        raise ValueError("no")

    text = as_text(evaluate(find_check("start.psnr"), Subject(shout)))
    assert text.count("ValueError: no") == 1
