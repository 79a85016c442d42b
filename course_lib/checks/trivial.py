"""Answers that compute nothing: one number for every input, or the input handed back.

Such an answer can have a property by accident: zeros are zero off the fill front, and an unchanged
picture is unchanged outside the hole. It earns nothing.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch

Call = tuple[tuple[Any, ...], Any, Any]  # inputs, the student's answer, the reference's


def nothing_computed(calls: Sequence[Call]) -> str | None:
    """Say how the answers are trivial where the reference's are not, or return None."""
    answers, wanted = [call[1] for call in calls], [call[2] for call in calls]
    if _one_number(answers) and not _one_number(wanted):
        return "the result is the same number everywhere, whatever comes in."
    for position in range(min((len(call[0]) for call in calls), default=0)):
        inputs = [call[0][position] for call in calls]
        if _same(answers, inputs) and not _same(wanted, inputs):
            return "the result is one of the inputs, handed back as it came."
    return None


def _one_number(values: Sequence[Any]) -> bool:
    found = torch.cat([leaf.flatten() for value in values for leaf in _leaves(value)] or [_NONE])
    return len(found) > 0 and bool((found == found[0]).all())


def _same(values: Sequence[Any], others: Sequence[Any]) -> bool:
    pairs = [(list(_leaves(a)), list(_leaves(b))) for a, b in zip(values, others, strict=True)]
    return all(
        len(a) == len(b) > 0 and all(map(torch.equal, a, b))
        for a, b in pairs
        if sum(leaf.numel() for leaf in b)
    )


def _leaves(value: Any) -> Iterator[torch.Tensor]:
    """The numbers of an answer as float64 tensors."""
    if isinstance(value, dict):
        value = tuple(value.values())
    if isinstance(value, (tuple, list)):
        for item in value:
            yield from _leaves(item)
    elif isinstance(value, (torch.Tensor, bool, int, float)) or hasattr(value, "dtype"):
        yield torch.as_tensor(value).double()


_NONE = torch.zeros(0, dtype=torch.float64)
