"""What a check is made of: seeded cases, properties worth points, known-wrong mutants.

A check is data. It knows neither notebooks nor graders: ``evaluate`` runs one against a
student's function, wherever that function lives.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from course_lib.checks.ask import Ask


@dataclass(frozen=True)
class Case:
    """One set of inputs with a name that a student understands.

    ``inputs`` are the positional arguments of the function.
    """

    name: str
    inputs: tuple[Any, ...]


@dataclass(frozen=True)
class Finding:
    """What was wrong in one case, in words that teach and do not give the answer away.

    ``came`` and ``wanted`` are short descriptions for the table. ``pictures`` maps a label to a
    picture (H, W) or (H, W, 3) with values in [0, 1], shown below the table.
    """

    message: str
    came: str = ""
    wanted: str = ""
    hint: str = ""
    kind: str = "wrong"
    case: str = ""
    pictures: Mapping[str, torch.Tensor] = field(default_factory=dict)

    def told_as(self, other: "Finding") -> bool:
        """Whether a reader who was told ``other`` knows this one too."""
        return self.message == other.message


Judgement = Callable[["Ask", Case], "Finding | str | None"]


@dataclass(frozen=True)
class Property:
    """A statement that must hold for the student's function, and what it is worth.

    ``holds(ask, case)`` calls the function through ``ask`` and returns None if the property
    holds, else a ``Finding`` or a message. ``cases`` names the cases it applies to (all: None).
    ``hint`` is shown where the finding brings none of its own.
    """

    name: str
    points: int
    holds: Judgement
    cases: tuple[str, ...] | None = None
    hint: str = ""


@dataclass(frozen=True)
class Check:
    """Everything needed to judge one function.

    ``name`` is ``unit.function``; ``reference`` the right answer; ``cases(generator)`` draws the
    inputs; ``mutants`` maps a description of a plausible mistake to a function that makes it.
    With ``kernel`` the student's function is a CUDA kernel: its text is launched in the kernel
    laboratory, and the answer is the launch's report.
    """

    name: str
    reference: Callable[..., Any]
    cases: Callable[[torch.Generator], Sequence[Case]]
    properties: tuple[Property, ...]
    mutants: Mapping[str, Callable[..., Any]]
    kernel: bool = False

    @property
    def function(self) -> str:
        """The name of the student's function, without its unit."""
        return self.name.rpartition(".")[2]

    @property
    def points(self) -> int:
        """The sum of the properties' points; the notebook's grade cell states the same number."""
        return sum(each.points for each in self.properties)
