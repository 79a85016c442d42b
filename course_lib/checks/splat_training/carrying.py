"""Exercise 6 of unit 18: what the optimiser remembers of whom."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.mistakes import recognise
from course_lib.checks.properties import difference
from course_lib.checks.splat_training.common import Parameters, rows_of, scene

State = dict[str, Parameters]

PRUNED = "three of six are pruned"
CLONED = "two of five are cloned"
SPLIT = "two of five are split"
MOVED = "two of five are moved to a third, as relocation does"
SAME = "nothing changes"

BETAS = (0.9, 0.99)


def carry_optimizer_state(state: State, origin: Tensor, fresh: Tensor) -> State:
    """Rows by origin, zero where fresh; counters stay."""

    def carried(value: Tensor) -> Tensor:
        if value.ndim == 0:
            return value.clone()
        rows = value[origin]
        rows[fresh] = 0
        return rows

    return {
        name: {key: carried(value) for key, value in memory.items()}
        for name, memory in state.items()
    }


def _adam(parameters: Parameters) -> torch.optim.Adam:
    groups = [{"params": [value], "name": name} for name, value in parameters.items()]
    return torch.optim.Adam(groups, lr=0.05, betas=BETAS, eps=1e-15)


def _steps(optimizer: torch.optim.Adam, goals: Parameters, count: int) -> None:
    """Each row goes towards its own goal, so no row knows of another."""
    for _ in range(count):
        optimizer.zero_grad()
        loss = sum(
            (group["params"][0] - goals[group["name"]]).square().sum()
            for group in optimizer.param_groups
        )
        loss.backward()
        optimizer.step()


def _memory(optimizer: torch.optim.Adam) -> State:
    return {
        group["name"]: {k: v.clone() for k, v in optimizer.state[group["params"][0]].items()}
        for group in optimizer.param_groups
    }


def _trained(count: int, generator: torch.Generator, steps: int = 5) -> State:
    """What Adam remembers after a few steps."""
    start = {name: v.requires_grad_() for name, v in scene(count, generator).items()}
    optimizer = _adam(start)
    _steps(optimizer, scene(count, generator), steps)
    return _memory(optimizer)


def _cases(generator: torch.Generator) -> list[Case]:
    changes = {
        PRUNED: (6, [1, 2, 5], []),
        CLONED: (5, [0, 1, 2, 3, 4, 1, 3], [5, 6]),
        SPLIT: (5, [0, 2, 4, 1, 3, 1, 3], [3, 4, 5, 6]),
        MOVED: (5, [0, 3, 2, 3, 3], [1, 3, 4]),
        SAME: (4, [0, 1, 2, 3], []),
    }
    cases = []
    for name, (count, origin, new) in changes.items():
        fresh = torch.zeros(len(origin), dtype=torch.bool)
        fresh[new] = True
        cases.append(Case(name, (_trained(count, generator), torch.tensor(origin), fresh)))
    return cases


def _goes_on(ask: Ask, case: Case) -> Finding | None:
    """After the change, those that stay take the very steps that they would have taken anyway."""
    state, origin, fresh = case.inputs
    start = scene(len(state["means"]["exp_avg"]), torch.Generator().manual_seed(7))
    goals = {name: torch.zeros_like(value) for name, value in start.items()}
    wanted = rows_of(_continued(start, goals, state), origin)
    there = rows_of(start, origin)
    carried = ask(*case.inputs)
    came = _continued(there, rows_of(goals, origin), carried)
    for name in start:
        off = (came[name] - wanted[name]).abs().reshape(len(origin), -1).amax(dim=1)
        off = off.masked_fill(fresh, 0.0)
        if float(off.max()) > 1e-4:
            row = int(off.argmax())
            moved = float((came[name] - there[name])[row].flatten()[0])
            usual = float((wanted[name] - there[name])[row].flatten()[0])
            told = recognise(carried, case.inputs, _MISTAKES, 1e-6, 1e-4)
            return Finding(
                told
                or f"new row {row} was old row {int(origin[row])} and should go on as if nothing "
                f"had happened, but Adam now moves its `{name}` otherwise.",
                came=f"{moved:+.4f} in three steps",
                wanted=f"{usual:+.4f}",
                hint="Whose memory does this row carry now?",
            )
    return None


def _continued(start: Parameters, goals: Parameters, state: State) -> Parameters:
    """The parameters after three more steps of an Adam that remembers ``state``."""
    leaves = {name: value.clone().requires_grad_() for name, value in start.items()}
    optimizer = _adam(leaves)
    for name, value in leaves.items():
        optimizer.state[value] = {key: each.clone() for key, each in state[name].items()}
        optimizer.state[value]["step"].fill_(5.0)  # the counter is another property's
    _steps(optimizer, goals, 3)
    return {name: value.detach() for name, value in leaves.items()}


def _starts_afresh(ask: Ask, case: Case) -> Finding | None:
    origin, fresh = case.inputs[1:]
    for name, memory in ask(*case.inputs).items():
        filled = {
            key: memory[key].reshape(len(origin), -1).abs().amax(dim=1) > 0
            for key in ("exp_avg", "exp_avg_sq")
        }
        full = [key for key, rows in filled.items() if bool((rows & fresh).any())]
        if full:
            row = int((filled[full[0]] & fresh).nonzero()[0])
            return Finding(
                f"new row {row} starts afresh, but has a memory in `{'` and `'.join(full)}` of "
                f"`{name}`.",
                came=f"{float(memory[full[0]][row].flatten()[0]):.3g}",
                wanted="0",
                hint="A twin that remembers what the other one does will do the same for ever.",
            )
        if not any(bool(rows[~fresh].any()) for rows in filled.values()):
            return Finding(f"all rows of `{name}` have forgotten everything, old ones too.")
    return None


def _rows(ask: Ask, case: Case) -> Finding | None:
    """Every row has the memory of its origin, or none, in every tensor."""
    state = case.inputs[0]
    came, wanted = ask(*case.inputs), ask.wanted(*case.inputs)
    for name in state:
        for key in ("exp_avg", "exp_avg_sq"):
            found = difference(came[name][key], wanted[name][key], atol=1e-6)
            if found:
                told = recognise(came, case.inputs, _MISTAKES, 1e-6, 1e-4)
                return replace(
                    found,
                    message=told
                    or f"`{key}` of `{name}` is not that of the rows in `origin`: {found.message}",
                    hint="`origin` is an index: rows of the old tensor are looked up by it.",
                )
    return None


def _counter(ask: Ask, case: Case) -> Finding | None:
    state = case.inputs[0]
    came = ask(*case.inputs)
    for name, memory in came.items():
        if float(memory["step"]) != float(state[name]["step"]):
            return Finding(
                f"the counter `step` of `{name}` belongs to the tensor, not to a row. It stays.",
                came=f"{float(memory['step']):g}",
                wanted=f"{float(state[name]['step']):g}",
            )
    return None


Change = Callable[[str, str, Tensor], Tensor]


def _variant(change: Change) -> Callable[[State, Tensor, Tensor], State]:
    """A wrong answer: ``change(name, key, rows)`` on the tensors of the right one."""

    def function(state: State, origin: Tensor, fresh: Tensor) -> State:
        right = carry_optimizer_state(state, origin, fresh)
        return {
            name: {key: change(name, key, value) for key, value in memory.items()}
            for name, memory in right.items()
        }

    return function


def _nothing_forgotten(state: State, origin: Tensor, fresh: Tensor) -> State:
    return carry_optimizer_state(state, origin, torch.zeros_like(fresh))


def _the_others_forget(state: State, origin: Tensor, fresh: Tensor) -> State:
    return carry_optimizer_state(state, origin, ~fresh)


def _parents_forget(state: State, origin: Tensor, fresh: Tensor) -> State:
    return carry_optimizer_state(state, origin, torch.isin(origin, origin[fresh]))


def _by_place(state: State, origin: Tensor, fresh: Tensor) -> State:
    """Row m keeps the memory of row m, as if nobody had moved up."""
    count = len(state["means"]["exp_avg"])
    places = torch.arange(len(origin)).clamp(max=count - 1)
    return carry_optimizer_state(state, places, fresh)


def _in_place(state: State, origin: Tensor, fresh: Tensor) -> State:
    result = carry_optimizer_state(state, origin, fresh)
    for memory in state.values():
        memory["exp_avg"].zero_()
    return result


_MISTAKES: dict[str, Callable[..., State]] = {
    "the memory of each place is kept, not that of each Gaussian: they have moved up.": _by_place,
}


CARRY_OPTIMIZER_STATE = Check(
    name="splat_training.carry_optimizer_state",
    reference=carry_optimizer_state,
    cases=_cases,
    properties=(
        Property(
            "those that stay go on as if nothing had happened",
            1,
            _goes_on,
            cases=(PRUNED, CLONED, SPLIT),
            hint="See hint 1.",
        ),
        Property(
            "new ones start without a memory",
            1,
            _starts_afresh,
            cases=(CLONED, SPLIT),
            hint="See hint 2.",
        ),
        Property("relocated ones, and no change at all", 1, _rows, cases=(MOVED, SAME)),
        Property(
            "the counter of steps stays", 1, _counter, cases=(PRUNED, CLONED), hint="See hint 3."
        ),
    ),
    mutants={
        "nothing forgotten": _nothing_forgotten,
        "everything forgotten": _variant(lambda name, key, new: new if key == "step" else 0 * new),
        "those that stay forget": _the_others_forget,
        "parents forget too": _parents_forget,
        "memory by place": _by_place,
        "only the mean forgotten": lambda state, origin, fresh: {
            name: memory | {"exp_avg": carry_optimizer_state(state, origin, fresh)[name]["exp_avg"]}
            for name, memory in _nothing_forgotten(state, origin, fresh).items()
        },
        "only the squares forgotten": lambda state, origin, fresh: {
            name: memory
            | {"exp_avg_sq": carry_optimizer_state(state, origin, fresh)[name]["exp_avg_sq"]}
            for name, memory in _nothing_forgotten(state, origin, fresh).items()
        },
        "counter back to zero": _variant(lambda name, key, new: 0 * new if key == "step" else new),
        "memory halved": _variant(lambda name, key, new: new if key == "step" else new / 2),
        "only the means' memory": _variant(
            lambda name, key, new: new if name == "means" or key == "step" else 0 * new
        ),
        "empties the old state in place": _in_place,
    },
)
