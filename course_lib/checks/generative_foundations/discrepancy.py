"""Exercise 3 of unit 08: how far apart two samples are, by a kernel."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.generative_foundations.common import known
from course_lib.checks.mistakes import compare, gradients_flow
from course_lib.generative.distances import mmd

TYPICAL = "seven and five samples in the plane"
NARROW = "six and nine samples in space, a narrow kernel"
SPLIT = "four samples, cut into two and two"


def _cases(generator: torch.Generator) -> list[Case]:
    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    few = 0.7 * draw(4, 2)
    return [
        Case(TYPICAL, (draw(7, 2), draw(5, 2) + 2.0, 1.5)),
        Case(NARROW, (0.6 * draw(6, 3), 0.6 * draw(9, 3) + 1.0, 0.6)),
        Case(SPLIT, (few[:2], few[2:], 1.3)),
    ]


def _sets(ask: Ask, case: Case) -> Finding | None:
    """Neither the order of the samples counts, nor which set comes first."""
    x, y, bandwidth = case.inputs
    came = ask(*case.inputs)
    for given, words in (
        ((x.flip(0), y, bandwidth), "with the samples of `x` in another order"),
        ((y, x, bandwidth), "with `x` and `y` changing places"),
    ):
        other = ask(*given)
        if abs(float(other - came)) > 1e-4:
            return known(ask, case, _MISTAKES, 1e-5) or Finding(
                f"{words} the distance is another.",
                came=f"{float(other):.4g}, and {float(came):.4g} before",
                wanted="the same: sets have no order",
                hint="Each sample of one set meets each of the other.",
            )
    return None


def _no_bias(ask: Ask, case: Case) -> Finding | None:
    """The three ways to cut four samples into pairs are zero on average, exactly."""
    x, y, bandwidth = case.inputs
    pool = torch.cat([x, y])
    cuts = ([0, 1, 2, 3], [0, 2, 1, 3], [0, 3, 1, 2])
    values = [float(ask(pool[cut[:2]], pool[cut[2:]], bandwidth)) for cut in cuts]
    total = sum(values) / 3
    if abs(total) <= 1e-5:
        return None
    return known(ask, case, _MISTAKES, 1e-5) or Finding(
        "four samples can be cut into two and two in three ways; the mean of the three distances "
        "must be zero, as all samples are from one distribution.",
        came=f"{total:.4g}, the mean of {', '.join(f'{v:.3g}' for v in values)}",
        wanted="0",
        hint="A sample is no news to itself. See hint 2.",
    )


def _agrees(ask: Ask, case: Case) -> Finding | None:
    return compare(ask, case, _MISTAKES, atol=1e-5)


def _gauss(squared: Tensor, h: float) -> Tensor:
    return torch.exp(-squared / (2 * h**2))


def _squares(x: Tensor, y: Tensor) -> Tensor:
    return (x[:, None] - y).square().sum(dim=2)


def _others(kernel: Tensor) -> Tensor:
    N = len(kernel)
    return (kernel.sum() - kernel.trace()) / (N * (N - 1))


def _variant(
    kernel: Callable[[Tensor, float], Tensor] = _gauss,
    within: Callable[[Tensor], Tensor] = _others,
    cross: float = 2.0,
    squares: Callable[[Tensor, Tensor], Tensor] = _squares,
    last: Callable[[Tensor], Tensor] = lambda value: value,
) -> Callable[[Tensor, Tensor, float], Tensor]:
    """The discrepancy with another kernel, another mean or another factor."""

    def function(x: Tensor, y: Tensor, bandwidth: float) -> Tensor:
        inside = [within(kernel(squares(each, each), bandwidth)) for each in (x, y)]
        between = kernel(squares(x, y), bandwidth).mean()
        return last(inside[0] + inside[1] - cross * between)

    return function


def _too_small(kernel: Tensor) -> Tensor:
    return (kernel.sum() - kernel.trace()) / len(kernel) ** 2


def _ones_counted(kernel: Tensor) -> Tensor:
    return kernel.sum() / (len(kernel) * (len(kernel) - 1))


def _one_to_one(x: Tensor, y: Tensor, bandwidth: float) -> Tensor:
    """Only the i-th of each set meet."""
    n = min(len(x), len(y))
    inside = [_others(_gauss(_squares(each, each), bandwidth)) for each in (x, y)]
    between = _gauss((x[:n] - y[:n]).square().sum(dim=1), bandwidth).mean()
    return inside[0] + inside[1] - 2 * between


def _means_only(x: Tensor, y: Tensor, bandwidth: float) -> Tensor:
    return (x.mean(dim=0) - y.mean(dim=0)).square().sum() + 0 * bandwidth


def _sums(x: Tensor, y: Tensor, bandwidth: float) -> Tensor:
    kernels = [_gauss(_squares(a, b), bandwidth) for a, b in ((x, x), (y, y), (x, y))]
    return kernels[0].sum() + kernels[1].sum() - 2 * kernels[2].sum()


def _rooted(x: Tensor, y: Tensor) -> Tensor:
    """Distances by a root, squared again: right values, and no gradient at zero distance."""
    return _squares(x, y).sqrt().square()


def _detached(x: Tensor, y: Tensor, bandwidth: float) -> Tensor:
    return mmd(x, y.detach(), bandwidth)


def _in_place(x: Tensor, y: Tensor, bandwidth: float) -> Tensor:
    x /= bandwidth
    return mmd(x, y / bandwidth, 1.0)


def _of_all_numbers(x: Tensor, y: Tensor) -> Tensor:
    return (x[:, None] - y).square().mean(dim=2)


_with_itself = _variant(within=torch.mean)
_root = _variant(last=lambda value: value.clamp(min=1e-12).sqrt())
_clamped = _variant(last=lambda value: value.clamp(min=0))

_MISTAKES = {
    "each sample is compared with itself, too: the distance comes out too large.": _with_itself,
    "a sample's comparison with itself is left out of the sum, but counted in the mean.": (
        _variant(within=_too_small)
    ),
    "a sample's comparison with itself is in the sum, but not counted in the mean.": (
        _variant(within=_ones_counted)
    ),
    "the mean between the sets is subtracted once; there are two such terms.": _variant(cross=1.0),
    "the mean between the sets is added.": _variant(cross=-2.0),
    "only samples of the same number meet; each sample of `x` is to meet each of `y`.": _one_to_one,
    "only the means of the two sets are compared.": _means_only,
    "the kernel's values are summed, not averaged.": _sums,
    "the factor two under the squared distance is missing.": (
        _variant(lambda squared, h: torch.exp(-squared / h**2))
    ),
    "the bandwidth is not squared.": _variant(lambda squared, h: torch.exp(-squared / (2 * h))),
    "the bandwidth has no effect.": _variant(lambda squared, h: torch.exp(-squared / 2)),
    "the bandwidth multiplies; a wide kernel should see further.": (
        _variant(lambda squared, h: torch.exp(-squared * h**2 / 2))
    ),
    "the kernel falls with the distance; asked is its square.": (
        _variant(lambda squared, h: torch.exp(-(squared + 1e-12).sqrt() / (2 * h**2)))
    ),
    "the squared distance is a mean over the axes; it is their sum.": (
        _variant(squares=_of_all_numbers)
    ),
    "the result is the root; asked is the square.": _root,
    "a value below zero is made zero; then the mean over many draws is too large.": _clamped,
}

MMD = Check(
    name="generative_foundations.mmd",
    reference=mmd,
    cases=_cases,
    properties=(
        Property("sets have no order", 1, _sets, (TYPICAL,)),
        Property("the same distribution is at distance zero, on average", 1, _no_bias, (SPLIT,)),
        Property("values agree with the reference", 2, _agrees, (TYPICAL, NARROW), "See hint 1."),
        gradients_flow(1, (0, 1), cases=(TYPICAL,), hint="See hint 3."),
    ),
    mutants={
        "with itself": _with_itself,
        "mean too small": _variant(within=_too_small),
        "mean too large": _variant(within=_ones_counted),
        "cross once": _variant(cross=1.0),
        "cross added": _variant(cross=-2.0),
        "one to one": _one_to_one,
        "means only": _means_only,
        "sums": _sums,
        "no two": _variant(lambda squared, h: torch.exp(-squared / h**2)),
        "bandwidth not squared": _variant(lambda squared, h: torch.exp(-squared / (2 * h))),
        "no bandwidth": _variant(lambda squared, h: torch.exp(-squared / 2)),
        "bandwidth multiplies": _variant(lambda squared, h: torch.exp(-squared * h**2 / 2)),
        "not squared": _variant(
            lambda squared, h: torch.exp(-(squared + 1e-12).sqrt() / (2 * h**2))
        ),
        "mean over axes": _variant(squares=_of_all_numbers),
        "root": _root,
        "clamped": _clamped,
        "root in the distance": _variant(squares=_rooted),
        "detached": _detached,
        "in place": _in_place,
    },
)
