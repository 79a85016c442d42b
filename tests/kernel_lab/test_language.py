"""What a kernel may be written in, and what is refused, with the line."""

import numpy as np
import pytest

from course_lib.kernel_lab import Kernel, NotAKernel, launch, source_of
from course_lib.kernel_lab.language import translate

WIDTH, SHARE = 3, np.float32(0.5)


def refused(body, head="def k(x, n):\n"):
    with pytest.raises(NotAKernel) as error:
        translate(head + "".join(f"    {line}\n" for line in body.split("\n")))
    return str(error.value)


REFUSED = {
    "import os": "is not part of a kernel's language (line 2, `import os`)",
    "y = x.__class__": "is not known in a kernel",
    "y = x.values": "is not known in a kernel",
    "y = ().__class__": "is not known in a kernel",
    "y = 'text'": "is no number of a kernel",
    "y = [1]": "is not part of a kernel's language",
    "y = (1, 2)": "is not part of a kernel's language",
    "y = x.shape": "take one number of a shape",
    "y = cuda.grid(2)": "gives 2 numbers, asked for are 1",
    "a, b = cuda.grid(1)": "gives 1 numbers, asked for are 2",
    "y = z": "`z` is not known",
    "y = print(n)": "`print(...)` cannot be called",
    "y = math.gamma(n)": "`math.gamma(...)` cannot be called",
    "y = lambda: 0": "is not part of a kernel's language",
    "for y in x:\n    pass": "goes over range",
    "try:\n    pass\nexcept: pass": "is not part of a kernel's language",
    "return 3": "a kernel returns nothing",
    "y = n is n": "compare numbers with",
    "y = x @ x": "no such operator",
    "cuda = 3": "cannot be the name of a variable",
    "_y = 3": "cannot be the name of a variable",
    "range = 3": "cannot be the name of a variable",
    "s = cuda.shared.array(n, float32)": "it is fixed when the kernel is compiled",
    "s = cuda.shared.array(8, object)": "is no type of numbers",
    "raise ValueError": "a kernel raises nothing",
    "x[0][1] = 3": "only a named array has elements",
    "y = 99999999999999999999": "is no number of a kernel",
    "n + 1": "does nothing",
    "global n": "is not part of a kernel's language",
    "y: int = 3": "is not part of a kernel's language",
}


@pytest.mark.parametrize("body", REFUSED)
def test_refused(body):
    assert REFUSED[body] in refused(body)


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ("@other\ndef k(x, n):\n", "the only decorator"),
        ("def k(x, n=3):\n", "no defaults"),
        ("def k(*x):\n", "no *args"),
        ("import os\ndef k(x, n):\n", "only be constants"),
        ("A = [1]\ndef k(x, n):\n", "only be constants"),
        ("A = 1\nA = 2\ndef k(x, n):\n", "`A` is defined twice"),
        ("def k(x):\n    pass\ndef k(x, n):\n", "`k` is defined twice"),
        ("math = 1\ndef k(x, n):\n", "`math` cannot be defined"),
        ("def k(x, n:\n", "it is no Python"),
    ],
)
def test_refused_heads(head, words):
    assert words in refused("pass", head)


def test_no_name_of_the_machine_can_be_spelled():
    for name in ("$load", "$tick"):
        assert "no Python" in refused(f"y = {name}(x, 0, 0)")


def test_a_refused_kernel_is_a_finding_of_the_launch():
    report = Kernel("def k(x):\n    import os\n").launch(1, 1, np.zeros(3))
    assert report.findings[0].kind == "not a kernel"


def test_a_kernel_with_too_many_arguments_is_told():
    report = Kernel("def k(x):\n    x[0] = 1.0\n").launch(1, 1, np.zeros(3), 4)
    assert "takes 1 arguments and is given 2" in report.findings[0].message


def test_an_unwritten_kernel_raises_what_it_says():
    with pytest.raises(NotImplementedError):
        Kernel("def k(x):\n    raise NotImplementedError\n").launch(1, 1, np.zeros(3))


def halved(value):
    return value * SHARE


def uses_others(x, out):
    i = cuda.grid(1)  # noqa: F821
    if i < WIDTH:
        out[i] = halved(x[i])


def test_the_text_brings_helpers_and_constants_along():
    text = source_of(uses_others)
    assert "WIDTH = 3" in text and "SHARE = 0.5" in text and "def halved" in text
    report = launch(uses_others, 1, 8, np.arange(8.0), np.zeros(8))
    assert report.arrays[1][:4].tolist() == [0.0, 0.5, 1.0, 0.0] and not report.findings


def test_functions_that_return_two():
    source = "def both(a):\n    return a + 1, a + 2\n\ndef k(x):\n    x[0], y = 3, 4\n"
    assert "cannot be assigned to" in str(_message(source))
    source = (
        "def both(a):\n    return a + 1, a + 2\n\ndef k(x):\n    y, z = both(3)\n    x[0] = z\n"
    )
    assert Kernel(source).launch(1, 1, np.zeros(1)).arrays[0][0] == 5
    source = source.replace("y, z = both(3)", "z = both(3)")
    assert "several values" in Kernel(source).launch(1, 1, np.zeros(1)).findings[0].message


def _message(source):
    with pytest.raises(NotAKernel) as error:
        translate(source)
    return error.value


def test_shared_index_is_computed_once():
    source = "def k(x, i):\n    x[i[0]] += 1.0\n"
    report = Kernel(source).launch(1, 1, np.zeros(2), np.zeros(1, np.int32))
    assert report.counts[1].reads == 1
