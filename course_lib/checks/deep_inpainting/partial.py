"""Exercise 5 of unit 05: a convolution over what is known."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from course_lib.checks.ask import Ask
from course_lib.checks.deep_inpainting.common import (
    blocks,
    finite_or_none,
    pictures,
    place,
    speckled,
    worst,
)
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.mistakes import compare, recognise
from course_lib.checks.properties import difference
from course_lib.checks.subject import Subject

Filled = tuple[Tensor, Tensor]

RANDOM = "two pictures with scattered holes, 3 channels to 4"
STRIDE = "every second pixel, a kernel of 5 x 5"
CONSTANT = "a constant picture with a block missing, a kernel that averages"
NOTHING = "nothing is missing"
ALL = "everything is missing"


def partial_conv(x: Tensor, mask: Tensor, weight: Tensor, bias: Tensor, stride: int) -> Filled:
    """Convolve the known pixels, scaled by how many there are; the hole that is left."""
    return _general(x, mask, weight, bias, stride)


def _general(
    x: Tensor,
    mask: Tensor,
    weight: Tensor,
    bias: Tensor,
    stride: int,
    *,
    known: Callable[[Tensor, Tensor], Tensor] = lambda x, mask: torch.where(mask, 0.0, x),
    factor: Callable[[Tensor, int], Tensor] = lambda seen, size: size**2 / seen.clamp_min(1.0),
    left: Callable[[Tensor, int], Tensor] = lambda seen, size: seen == 0,
    bias_first: bool = False,
    silent: bool = True,
) -> Filled:
    """The right answer, in parts that can be made wrong."""
    size = weight.shape[-1]
    options = {"stride": stride, "padding": size // 2}
    seen = conv2d((~mask).to(x), x.new_ones(1, 1, size, size), **options)
    y = conv2d(known(x, mask), weight, **options)
    if bias_first:
        y = (y + bias[:, None, None]) * factor(seen, size)
    else:
        y = y * factor(seen, size) + bias[:, None, None]
    return torch.where(seen == 0, 0.0, y) if silent else y, left(seen, size)


def _cases(generator: torch.Generator) -> list[Case]:
    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    def kernel(D: int, C: int, size: int) -> tuple[Tensor, Tensor]:
        return draw(D, C, size, size) / size, draw(D)

    one = torch.ones(1, 1, 6, 6, dtype=torch.bool)
    level = float(torch.rand((), generator=generator)) * 0.5 + 0.3
    average = torch.full((1, 1, 3, 3), 1 / 9), torch.zeros(1)
    return [
        Case(
            CONSTANT,
            (
                torch.full((1, 1, 9, 9), level),
                blocks((2, 7, 2, 7), height=9, width=9),
                *average,
                1,
            ),
        ),
        Case(
            RANDOM,
            (
                pictures(2, 3, 8, 7, generator=generator),
                speckled(2, 8, 7, 0.7, generator),
                *kernel(4, 3, 3),
                1,
            ),
        ),
        Case(
            STRIDE,
            (
                pictures(1, 2, 9, 8, generator=generator),
                blocks((0, 9, 0, 5), height=9, width=8),
                *kernel(3, 2, 5),
                2,
            ),
        ),
        Case(NOTHING, (pictures(1, 3, 6, 6, generator=generator), ~one, *kernel(2, 3, 3), 1)),
        Case(ALL, (pictures(1, 3, 6, 6, generator=generator), one, *kernel(2, 3, 3), 1)),
    ]


def _constants(ask: Ask, case: Case) -> Finding | None:
    x, mask, *_ = case.inputs
    y, left = ask(*case.inputs)
    wanted = torch.full_like(y, float(x[0, 0, 0, 0]))
    wanted[..., 3:6, 3:6] = 0.0  # where no pixel in reach is known
    off, at = worst(y, wanted)
    if off <= 1e-4:
        return None
    words = (
        "where nothing in reach is known, the answer is 0."
        if float(wanted[at]) == 0.0
        else "the average of a constant picture is that constant, beside a hole and at the border, "
        "too."
    )
    message = recognise((y, left), case.inputs, _MISTAKES, 1e-5, 1e-4) or words
    return Finding(
        message,
        came=f"{float(y[at]):.4g} at {place(at)}",
        wanted=f"{float(wanted[at]):.4g}",
        hint="See hint 2.",
        pictures={"your answer": y[0, 0].clamp(0, 1), "the hole": mask[0, 0].float()},
    )


def _shrinks(ask: Ask, case: Case) -> Finding | None:
    """The hole that is left has lost one ring for each pixel that the kernel reaches."""
    left, wanted = ask(*case.inputs)[1], ask.wanted(*case.inputs)[1]
    wrong = left != wanted
    if not bool(wrong.any()):
        return None
    at = tuple(wrong.nonzero()[0].tolist())
    message = "a pixel is left missing only where *nothing* in reach of the kernel is known."
    if torch.equal(left, ~wanted):
        message = "the mask that is left is True where there is an answer; True means hole."
    elif torch.equal(left, _unchanged(*case.inputs)[1]):
        message = "the hole is as large as before."
    elif not bool(left.any()):
        message = "nothing is left missing, although some pixels saw nothing that is known."
    elif torch.equal(left, _grown(*case.inputs)[1]):
        message = "the hole grows: one missing pixel in reach is enough to call the answer missing."
    return Finding(
        message,
        came=f"{bool(left[at])} at {place(at)}",
        wanted=str(bool(wanted[at])),
        hint="See hint 1.",
        pictures={"yours": left[0, 0].float(), "wanted": wanted[0, 0].float()},
    )


def _never_looks(ask: Ask, case: Case) -> Finding | None:
    x, mask, *rest = case.inputs
    y, _ = ask(*case.inputs)
    if torch.equal(ask(torch.where(mask, x, 1 - x), mask, *rest)[0], y):
        return Finding("the known pixels changed, and the answer did not.", hint="See hint 1.")
    changed, _ = ask(torch.where(mask, 1 - x, x), mask, *rest)
    off, at = worst(changed, y)
    if off > 1e-5:
        return Finding(
            "with other numbers in the hole, the answer changed: the hole is looked at.",
            came=f"{float(changed[at]):.4g} at {place(at)}",
            wanted=f"{float(y[at]):.4g}, as before",
            hint="See hint 1.",
        )
    if finite_or_none(ask, torch.where(mask, torch.nan, x), mask, *rest) is not None:
        return None
    return Finding(
        "with NaN in the hole there is NaN in the answer. A hole may hold anything.",
        hint="0 times NaN is NaN. See hint 1.",
    )


def _limits(ask: Ask, case: Case) -> Finding | None:
    x, _, weight, bias, _ = case.inputs
    y, left = ask(*case.inputs)
    if case.name == ALL:
        off, at = worst(y, torch.zeros_like(y))
        if off <= 1e-6:
            return None
        return Finding(
            "where nothing in reach is known the answer is 0; not even the bias is added.",
            came=f"{float(y[at]):.4g} at {place(at)}",
            wanted="0",
        )
    inner = slice(1, -1)
    wanted = conv2d(x, weight, bias, padding=1)[..., inner, inner]
    off, at = worst(y[..., inner, inner], wanted)
    if off <= 1e-4:
        return None
    return Finding(
        recognise((y, left), case.inputs, _MISTAKES, 1e-4, 1e-4)
        or "where nothing in reach is missing it is an ordinary convolution.",
        came=f"{float(y[..., inner, inner][at]):.4g}",
        wanted=f"{float(wanted[at]):.4g}",
    )


def _gradients(ask: Ask, case: Case) -> Finding | None:
    """With respect to picture, weight and bias; the mask has none."""
    y, left = ask.wanted(*case.inputs)
    cotangent = torch.randn(y.shape, generator=torch.Generator().manual_seed(0))
    both = cotangent, torch.zeros(left.shape, dtype=torch.bool)
    for wrt, name in ((0, "x"), (2, "weight"), (3, "bias")):
        wanted = Subject(ask.reference).vjp(case.inputs, wrt, both)
        came = ask.vjp(case.inputs, wrt, both)
        found = difference(
            came, wanted, 1e-4, 1e-3, f"the gradient with respect to `{name}` is wrong"
        )
        if found:
            return found
    return None


def _unchanged(x: Tensor, mask: Tensor, weight: Tensor, bias: Tensor, stride: int) -> Filled:
    y, _ = partial_conv(x, mask, weight, bias, stride)
    return y, mask[..., ::stride, ::stride].clone()


def _variant(**parts: object) -> Callable[..., Filled]:
    return lambda *inputs: _general(*inputs, **parts)


def _detached(position: int) -> Callable[..., Filled]:
    def function(*inputs: Tensor) -> Filled:
        given = list(inputs)
        given[position] = given[position].detach()
        return partial_conv(*given)

    return function


_no_factor = _variant(factor=lambda seen, size: torch.ones_like(seen))
_mean = _variant(factor=lambda seen, size: 1 / seen.clamp_min(1.0))
_upside_down = _variant(factor=lambda seen, size: seen / size**2)
_leaks = _variant(known=lambda x, mask: x)
_scaled_bias = _variant(bias_first=True)
_hole_seen = _variant(
    known=lambda x, mask: torch.where(mask, x, 0.0),
    factor=lambda seen, size: size**2 / seen.clamp_min(1.0),
)
_grown = _variant(left=lambda seen, size: seen < size**2)
_closed = _variant(left=lambda seen, size: torch.zeros_like(seen, dtype=torch.bool))
_inverted = _variant(left=lambda seen, size: seen > 0)
_loud = _variant(silent=False)
_product = _variant(known=lambda x, mask: x * (~mask).to(x))


def _padding_known(x: Tensor, mask: Tensor, weight: Tensor, bias: Tensor, stride: int) -> Filled:
    """Counts what lies beyond the border as known."""
    size = weight.shape[-1]
    options = {"stride": stride, "padding": size // 2}
    ones = x.new_ones(1, 1, size, size)
    unseen = conv2d(mask.to(x), ones, **options)
    y = conv2d(torch.where(mask, 0.0, x), weight, **options)
    seen = conv2d((~mask).to(x), ones, **options)
    y = y * (size**2 / (size**2 - unseen).clamp_min(1.0)) + bias[:, None, None]
    return torch.where(seen == 0, 0.0, y), seen == 0


_MISTAKES = {
    "the answer is not scaled up for the pixels that are missing: it fades beside a hole.": (
        _no_factor
    ),
    "the sum is divided by the number of known pixels; a kernel's own sum is lost. The factor is 1 "
    "where all are known.": _mean,
    "the factor is upside down: the fewer pixels are known, the *larger* it has to be.": (
        _upside_down
    ),
    "the bias is scaled as well; it is added at the end.": _scaled_bias,
    "only the hole is looked at; asked is what is known.": _hole_seen,
    "what lies beyond the border counts as known, and it is black.": _padding_known,
    "the bias is added where nothing is known.": _loud,
}


PARTIAL_CONV = Check(
    name="deep_inpainting.partial_conv",
    reference=partial_conv,
    cases=_cases,
    properties=(
        Property("a constant stays constant", 1, _constants, cases=(CONSTANT,)),
        Property("the hole shrinks as it should", 1, _shrinks, cases=(CONSTANT, RANDOM, STRIDE)),
        Property(
            "the hole is never looked at",
            1,
            _never_looks,
            cases=(CONSTANT, RANDOM, STRIDE),
        ),
        Property("nothing missing, everything missing", 1, _limits, cases=(NOTHING, ALL)),
        Property(
            "values agree with the reference",
            1,
            lambda ask, case: compare(ask, case, _MISTAKES, atol=1e-4),
            cases=(RANDOM, STRIDE),
            hint="See hint 3.",
        ),
        Property("gradients agree with the reference", 1, _gradients, cases=(RANDOM, STRIDE)),
    ),
    mutants={
        "no factor": _no_factor,
        "mean of what is seen": _mean,
        "factor upside down": _upside_down,
        "hole not removed": _leaks,
        "times nought": _product,
        "hole in place of known": _hole_seen,
        "bias scaled": _scaled_bias,
        "bias everywhere": _loud,
        "border known": _padding_known,
        "mask unchanged": _unchanged,
        "mask grown": _grown,
        "mask closed": _closed,
        "mask inverted": _inverted,
        "stride forgotten": lambda x, mask, weight, bias, stride: partial_conv(
            x, mask, weight, bias, 1
        ),
        "weight detached": _detached(2),
        "picture detached": _detached(0),
    },
)
