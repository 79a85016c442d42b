"""Exercise 1 of unit 01: one step of a recurrent network."""

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.mistakes import compare, gradients_flow, listed, uniform
from course_lib.foundations.sequences import rnn_step

ALONE = "one sequence, one number, one unit"
TYPICAL = "four sequences of three numbers, five units"
SQUARE = "as many numbers as units"


def _cases(generator: torch.Generator) -> list[Case]:
    def draw(*shape: int) -> Tensor:
        return uniform(-1.0, 1.0, *shape, generator=generator)

    def case(name: str, batch: int, inputs: int, units: int) -> Case:
        shapes = ((batch, inputs), (batch, units), (units, inputs), (units, units), (units,))
        return Case(name, tuple(draw(*shape) for shape in shapes))

    return [case(ALONE, 1, 1, 1), case(TYPICAL, 4, 3, 5), case(SQUARE, 3, 4, 4)]


def _parts(ask: Ask, case: Case) -> Finding | None:
    """With two of the three terms set to zero the third stands alone."""
    x, h, W, U, b = case.inputs
    zero = [torch.zeros_like(tensor) for tensor in (W, U, b)]
    tried = {
        "only the bias": (x, h, zero[0], zero[1], b),
        "only the element, W x": (x, h, W, zero[1], zero[2]),
        "only the state, U h": (x, h, zero[0], U, zero[2]),
    }
    for what, inputs in tried.items():
        came, wanted = ask(*inputs), ask.wanted(*inputs)
        if not torch.allclose(came, wanted, atol=1e-5):
            found = compare(ask, case, _MISTAKES)  # all three terms tell mistakes apart
            known = found is not None and found.message in _MISTAKES
            message = f"with {what} different from zero the new state is not right."
            message = found.message if known else message
            return Finding(
                message,
                came=listed(came[0]),
                wanted=listed(wanted[0]),
                hint="Look at one term at a time: which matrix meets which vector?",
            )
    return None


def _each_for_itself(ask: Ask, case: Case) -> Finding | None:
    """A sequence does not notice who else is in the batch."""
    together = ask(*case.inputs)
    x, h, *rest = case.inputs
    alone = torch.cat([ask(x[k : k + 1], h[k : k + 1], *rest) for k in range(len(x))])
    off = float((together - alone).abs().max())
    if off <= 1e-5:
        return None
    return Finding(
        "a sequence gets another state when others are read beside it.",
        came=f"off by up to {off:.3g}",
        wanted="the same, alone or in a batch",
        hint="Rows are sequences: nothing may be summed or averaged over the first axis.",
    )


def _agrees(ask: Ask, case: Case) -> Finding | None:
    return compare(ask, case, _MISTAKES)


def _without_tanh(x: Tensor, h: Tensor, W: Tensor, U: Tensor, b: Tensor) -> Tensor:
    return x @ W.T + h @ U.T + b


def _sigmoid(*inputs: Tensor) -> Tensor:
    return _without_tanh(*inputs).sigmoid()


def _u_turned(x: Tensor, h: Tensor, W: Tensor, U: Tensor, b: Tensor) -> Tensor:
    return rnn_step(x, h, W, U.T, b)


def _bias_outside(x: Tensor, h: Tensor, W: Tensor, U: Tensor, b: Tensor) -> Tensor:
    return rnn_step(x, h, W, U, torch.zeros_like(b)) + b


def _no_bias(x: Tensor, h: Tensor, W: Tensor, U: Tensor, b: Tensor) -> Tensor:
    return rnn_step(x, h, W, U, torch.zeros_like(b))


def _no_state(x: Tensor, h: Tensor, W: Tensor, U: Tensor, b: Tensor) -> Tensor:
    return rnn_step(x, torch.zeros_like(h), W, U, b)


def _no_element(x: Tensor, h: Tensor, W: Tensor, U: Tensor, b: Tensor) -> Tensor:
    return rnn_step(torch.zeros_like(x), h, W, U, b)


def _added(x: Tensor, h: Tensor, W: Tensor, U: Tensor, b: Tensor) -> Tensor:
    return h + rnn_step(x, h, W, U, b)


_MISTAKES = {
    "the sum is never bent: the hyperbolic tangent is missing.": _without_tanh,
    "the sum is bent by a sigmoid; states of an RNN may be negative.": _sigmoid,
    "U meets the state the wrong way round: rows of U belong to the new state's units.": _u_turned,
    "the bias is added behind the tanh, not inside.": _bias_outside,
    "the bias has no effect.": _no_bias,
    "the old state has no effect: nothing would be remembered.": _no_state,
    "the element has no effect: nothing would be read.": _no_element,
    "the old state is added once more, outside of the tanh.": _added,
}


def _mixes(x: Tensor, h: Tensor, W: Tensor, U: Tensor, b: Tensor) -> Tensor:
    return rnn_step(x, h.mean(dim=0, keepdim=True).expand_as(h), W, U, b)


def _changes_state(x: Tensor, h: Tensor, W: Tensor, U: Tensor, b: Tensor) -> Tensor:
    return h.copy_(rnn_step(x, h, W, U, b))


def _detached(x: Tensor, h: Tensor, W: Tensor, U: Tensor, b: Tensor) -> Tensor:
    return rnn_step(x, h.detach(), W, U, b)


RNN_STEP = Check(
    name="sequence_models.rnn_step",
    reference=rnn_step,
    cases=_cases,
    properties=(
        Property("each of the three terms alone", 1, _parts, cases=(ALONE, SQUARE)),
        Property("a batch is many sequences, each for itself", 1, _each_for_itself, (TYPICAL,)),
        Property("values agree with the reference", 1, _agrees, hint="See hint 2."),
        gradients_flow(1, (1, 3), cases=(TYPICAL,), hint="The state carries the gradient back."),
    ),
    mutants={
        "no tanh": _without_tanh,
        "sigmoid": _sigmoid,
        "U turned": _u_turned,
        "bias outside": _bias_outside,
        "no bias": _no_bias,
        "no state": _no_state,
        "no element": _no_element,
        "state added": _added,
        "batch mixed": _mixes,
        "in place": _changes_state,
        "state detached": _detached,
        "relu": lambda *inputs: _without_tanh(*inputs).relu(),
    },
)
