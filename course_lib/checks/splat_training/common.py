"""What the checks of unit 18 share: tables of parameters, and the book-keeping of a change.

A scene is a dict of tensors with N rows each. A change of it is a tuple: the new dict; ``origin``
(M,), the old row that each new one stems from; ``fresh`` (M,), where the optimiser starts afresh.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Finding
from course_lib.rendering.splats import Change, Gaussians

Parameters = dict[str, Tensor]
Changed = tuple[Parameters, Tensor, Tensor]


def scene(count: int, generator: torch.Generator, sh: int = 4) -> Parameters:
    """Return ``count`` Gaussians whose rows all differ.

    >>> {k: tuple(v.shape) for k, v in scene(2, torch.Generator()).items()}["sh"]
    (2, 4, 3)
    """
    shapes = {
        "means": (3,),
        "quats": (4,),
        "log_scales": (3,),
        "logit_opacities": (),
        "sh": (sh, 3),
    }
    rows = {name: torch.randn(count, *each, generator=generator) for name, each in shapes.items()}
    rows["log_scales"] = rows["log_scales"].clamp(-2, 1) - 1.0
    return rows


def marks(count: int, *chosen: int) -> Tensor:
    """Return (count,) bool, True at the chosen rows.

    >>> marks(3, 1)
    tensor([False,  True, False])
    """
    mask = torch.zeros(count, dtype=torch.bool)
    mask[list(chosen)] = True
    return mask


def plain(change: Change) -> Changed:
    """The library's change as a tuple of dict and tensors."""
    return change.gaussians.parameters(), change.origin, change.fresh


def by_library(change: Callable[[Gaussians, Tensor], Change]) -> Callable[..., Changed]:
    """A function of the library, from dict and mask to a tuple."""
    return lambda parameters, mask: plain(change(Gaussians(**parameters), mask))


def rows_of(parameters: Parameters, origin: Tensor) -> Parameters:
    """The rows ``origin`` of every tensor."""
    return {name: value[origin] for name, value in parameters.items()}


def numbers(rows: Tensor, most: int = 12) -> str:
    """Return a list of row numbers, cut short.

    >>> numbers(torch.arange(20), 3)
    '0, 1, 2, ... (20 rows)'
    """
    listed = ", ".join(str(row) for row in rows[:most].tolist()) or "none"
    return listed if len(rows) <= most else f"{listed}, ... ({len(rows)} rows)"


def odd_row(came: Tensor, wanted: Tensor, atol: float = 1e-5) -> int | None:
    """The first row in which two tensors of one shape differ, or None."""
    off = ((came - wanted).abs() > atol)[:, None].flatten(1).any(dim=1)
    return int(off.nonzero()[0]) if bool(off.any()) else None


def right_origin(ask: Ask, case: Case) -> Finding | None:
    """``origin`` is the reference's."""
    came, wanted = ask(*case.inputs)[1], ask.wanted(*case.inputs)[1]
    if torch.equal(came, wanted):
        return None
    message = "`origin` should name, for each new row, the old row that it stems from."
    if torch.equal(came.sort().values, wanted.sort().values):
        message = "`origin` names the right rows in another order than the exercise asks for."
    return Finding(message, came=numbers(came), wanted=numbers(wanted))


def right_fresh(ask: Ask, case: Case) -> Finding | None:
    """``fresh`` is the reference's."""
    came, wanted = ask(*case.inputs)[2], ask.wanted(*case.inputs)[2]
    if torch.equal(came, wanted):
        return None
    message = "`fresh` should be True for the rows that are new, and for no others."
    if torch.equal(came, ~wanted):
        message = "`fresh` is True for the rows that stay and False for the new ones."
    elif not bool(came.any()):
        message = "`fresh` is False everywhere, but there are new rows."
    elif bool(came.all()):
        message = "`fresh` is True everywhere, but some rows only stay what they were."
    return Finding(
        message,
        came=f"True in rows: {numbers(came.nonzero()[:, 0])}",
        wanted=f"True in rows: {numbers(wanted.nonzero()[:, 0])}",
    )


def copies_of_origin(ask: Ask, case: Case) -> Finding | None:
    """Every new row is the old row that the answer's own ``origin`` names, in all five tensors."""
    parameters = case.inputs[0]
    new, origin, _ = ask(*case.inputs)
    if bool(((origin < 0) | (origin >= len(parameters["means"]))).any()):
        return Finding("`origin` names rows that there are not.", came=numbers(origin))
    for name, wanted in rows_of(parameters, origin).items():
        row = odd_row(new[name], wanted)
        if row is not None:
            return Finding(
                f"row {row} of `{name}` is not the old row {int(origin[row])}, which your own "
                "`origin` names.",
                came=", ".join(f"{v:.3g}" for v in new[name][row].flatten()[:3]),
                wanted=", ".join(f"{v:.3g}" for v in wanted[row].flatten()[:3]),
                hint="All five tensors of the dict have to be treated alike.",
            )
    return None


def whole_change(ask: Ask, case: Case) -> Finding | None:
    """Everything at once, for small cases."""
    return right_origin(ask, case) or right_fresh(ask, case) or copies_of_origin(ask, case)
