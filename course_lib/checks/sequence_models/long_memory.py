"""Exercise 2 of unit 01: one step of a long short-term memory."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.mistakes import compare, gradients_flow, listed, uniform
from course_lib.foundations.sequences import lstm_step

SHUT = "gates pushed wide open or shut by their biases"
TYPICAL = "four sequences of three numbers, five units"
ALONE = "one sequence, one unit"
FAR = 25.0  # a bias at which a sigmoid is 0 or 1

Answer = tuple[Tensor, Tensor]


def _cases(generator: torch.Generator) -> list[Case]:
    def case(name: str, batch: int, inputs: int, units: int) -> Case:
        shapes = (
            (batch, inputs), (batch, units), (batch, units),
            (4 * units, inputs), (4 * units, units), (4 * units,),
        )  # fmt: skip
        return Case(name, tuple(uniform(-1.0, 1.0, *s, generator=generator) for s in shapes))

    return [case(SHUT, 3, 2, 4), case(TYPICAL, 4, 3, 5), case(ALONE, 1, 1, 1)]


def _at_their_ends(ask: Ask, case: Case) -> Finding | None:
    """Gates that are 0 or 1 by their biases, whatever is read: what then happens is known."""
    x, h, c, W, U, b = case.inputs
    units, candidate = h.shape[1], b[2 * h.shape[1] : 3 * h.shape[1]].tanh()
    W, U = torch.zeros_like(W), torch.zeros_like(U)
    for i, f, o in ((0, 1, 1), (1, 0, 1), (0, 0, 1), (1, 1, 1), (0, 1, 0)):
        bias = b.clone()
        for gate, is_open in ((0, i), (1, f), (3, o)):
            bias[gate * units : (gate + 1) * units] = FAR if is_open else -FAR
        new_h, new_c = ask(x, h, c, W, U, bias)
        cell = f * c + i * candidate
        finding = _first_off(new_h, new_c, o * cell.tanh(), cell, (i, f, o))
        if finding:
            found = compare(ask, case, _MISTAKES)
            known = found is not None and found.message in _MISTAKES
            return replace(finding, message=found.message) if known else finding
    return None


def _first_off(
    h: Tensor, c: Tensor, wanted_h: Tensor, wanted_c: Tensor, gates: tuple[int, int, int]
) -> Finding | None:
    words = ["open" if gate else "shut" for gate in gates]
    where = (
        f"with the input gate {words[0]}, the forget gate {words[1]}, the output gate {words[2]}"
    )
    for name, came, wanted in (("cell", c, wanted_c), ("state", h, wanted_h)):
        if not torch.allclose(came, wanted, atol=1e-4):
            return Finding(
                f"{where} the new {name} is not what it must be.",
                came=listed(came[0]),
                wanted=listed(wanted[0]),
                hint="A gate multiplies: 1 lets through, 0 stops. Which gate guards what? And an "
                "open forget gate keeps.",
            )
    return None


def _agrees(ask: Ask, case: Case) -> Finding | None:
    return compare(ask, case, _MISTAKES)


def _remembers(ask: Ask, case: Case) -> Finding | None:
    """Over 20 steps an open forget gate loses nothing."""
    x, h, c, W, U, b = case.inputs
    units, bias = h.shape[1], b.clone()
    bias[:units], bias[units : 2 * units] = -FAR, FAR
    W, U, cell = torch.zeros_like(W), torch.zeros_like(U), c
    for _ in range(20):
        h, cell = ask(x, h, cell, W, U, bias)
    if torch.allclose(cell, c, atol=1e-4):
        return None
    return Finding(
        "with the forget gate open and the input gate shut the cell must stay as it is for ever; "
        "after 20 steps it has changed.",
        came=listed(cell[0]),
        wanted=listed(c[0]),
        hint="Nothing but a gate may touch the cell on its way from step to step.",
    )


def _variant(
    order: str = "ifgo",
    candidate: Callable[[Tensor], Tensor] = torch.tanh,
    leave: Callable[[Tensor], Tensor] = torch.tanh,
    carry: Callable[[Tensor, Tensor], Tensor] = lambda f, c: f.sigmoid() * c,
    read: Callable[[Tensor, Tensor], Tensor] = lambda i, g: i.sigmoid() * g,
) -> Callable[..., Answer]:
    """A wrong answer: another order of the gates, another bend, another way to carry."""

    def function(x: Tensor, h: Tensor, c: Tensor, W: Tensor, U: Tensor, b: Tensor) -> Answer:
        rows = dict(zip(order, (x @ W.T + h @ U.T + b).chunk(4, dim=1), strict=True))
        cell = carry(rows["f"], c) + read(rows["i"], candidate(rows["g"]))
        return rows["o"].sigmoid() * leave(cell), cell

    return function


def _old_cell(x: Tensor, h: Tensor, c: Tensor, W: Tensor, U: Tensor, b: Tensor) -> Answer:
    o = (x @ W.T + h @ U.T + b).chunk(4, dim=1)[3]
    return o.sigmoid() * c.tanh(), lstm_step(x, h, c, W, U, b)[1]


def _no_bias(x: Tensor, h: Tensor, c: Tensor, W: Tensor, U: Tensor, b: Tensor) -> Answer:
    return lstm_step(x, h, c, W, U, torch.zeros_like(b))


def _no_state(x: Tensor, h: Tensor, c: Tensor, W: Tensor, U: Tensor, b: Tensor) -> Answer:
    return lstm_step(x, torch.zeros_like(h), c, W, U, b)


def _turned_back(*inputs: Tensor) -> Answer:
    return lstm_step(*inputs)[::-1]


def _detached(x: Tensor, h: Tensor, c: Tensor, W: Tensor, U: Tensor, b: Tensor) -> Answer:
    return lstm_step(x, h, c.detach(), W, U, b)


def _changes_cell(x: Tensor, h: Tensor, c: Tensor, W: Tensor, U: Tensor, b: Tensor) -> Answer:
    state, cell = lstm_step(x, h, c, W, U, b)
    return state, c.copy_(cell)


_FORGETS_TWICE = _variant(carry=lambda f, c: (1 - f.sigmoid()) * c)

_MISTAKES = {
    "input and forget gate have changed places: the rows come as i, f, g, o.": _variant("figo"),
    "candidate and output gate have changed places: the rows come as i, f, g, o.": _variant("ifog"),
    "the candidate is bent by a sigmoid; it may be negative.": _variant(candidate=torch.sigmoid),
    "the candidate is not bent.": _variant(candidate=lambda g: g),
    "the new cell goes into the state without a tanh.": _variant(leave=lambda c: c),
    "the forget gate has no effect: the cell only grows.": _variant(carry=lambda f, c: c),
    "the forget gate works the wrong way: open must keep.": _FORGETS_TWICE,
    "the input gate has no effect.": _variant(read=lambda i, g: g),
    "the state is made from the old cell, not the new one.": _old_cell,
    "the bias has no effect.": _no_bias,
    "the old state has no effect.": _no_state,
    "the results have changed places: first the state, then the cell.": _turned_back,
    "the cell passes a tanh on its way to the next step.": _variant(
        carry=lambda f, c: f.sigmoid() * c.tanh()
    ),
}

LSTM_STEP = Check(
    name="sequence_models.lstm_step",
    reference=lstm_step,
    cases=_cases,
    properties=(
        Property("gates open and shut", 1, _at_their_ends, cases=(SHUT,)),
        Property("an open forget gate remembers", 1, _remembers, cases=(SHUT,)),
        Property("values agree with the reference", 2, _agrees, cases=(TYPICAL, ALONE)),
        gradients_flow(1, (1, 2), cases=(TYPICAL,), hint="See hint 3."),
    ),
    mutants={
        "i and f swapped": _variant("figo"),
        "g and o swapped": _variant("ifog"),
        "sigmoid candidate": _variant(candidate=torch.sigmoid),
        "bare candidate": _variant(candidate=lambda g: g),
        "bare cell": _variant(leave=lambda c: c),
        "no forget gate": _variant(carry=lambda f, c: c),
        "forgets where it should keep": _FORGETS_TWICE,
        "no input gate": _variant(read=lambda i, g: g),
        "old cell": _old_cell,
        "no bias": _no_bias,
        "no state": _no_state,
        "results swapped": _turned_back,
        "cell bent": _variant(carry=lambda f, c: f.sigmoid() * c.tanh()),
        "cell detached": _detached,
        "in place": _changes_cell,
    },
)
