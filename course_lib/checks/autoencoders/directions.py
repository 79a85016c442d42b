"""Exercise 3 of unit 09: how the latent moves with an attribute, the others held."""

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.mistakes import compare, uniform
from course_lib.generative.latent import attribute_direction

GLASSES = "glasses, yes or no, and nothing else"
SMILE = "a smile from -1 to 1, and one other attribute"
TOGETHER = "glasses mostly on those who smile"
FAR = "latents far from the origin"


def _cases(generator: torch.Generator) -> list[Case]:
    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    yes = torch.cat([torch.ones(13), torch.zeros(27)]).bool()[
        torch.randperm(40, generator=generator)
    ]
    smile, yaw = (uniform(-1.0, 1.0, 50, generator=generator) for _ in range(2))
    smiles = uniform(-1.0, 1.0, 60, generator=generator)
    wears = smiles + 0.4 * draw(60) > 0
    planted = 3 + wears[:, None] * draw(1, 5) + smiles[:, None] * draw(1, 5)
    leaning = 0.6 * smile + 0.3 * draw(50) + 0.5
    return [
        Case(GLASSES, (draw(40, 4) + yes[:, None] * draw(1, 4), yes, torch.zeros(40, 0))),
        Case(SMILE, (draw(50, 3) + smile[:, None] * draw(1, 3), smile, yaw[:, None])),
        Case(TOGETHER, (planted, wears, smiles[:, None])),
        Case(FAR, (20 + draw(50, 3), leaning, torch.stack([smile, yaw], dim=1))),
    ]


def _means(ask: Ask, case: Case) -> Finding | None:
    """Of an attribute that is 0 or 1, alone: the difference of the two means."""
    z, yes, _ = case.inputs
    wanted = z[yes].mean(dim=0) - z[~yes].mean(dim=0)
    off = float((ask(*case.inputs) - wanted).abs().max())
    if off <= 1e-3:
        return None
    return _known(ask, case) or Finding(
        "alone and with two values only, the direction leads from the mean of those without to the "
        "mean of those with.",
        came=f"off by up to {off:.3g}",
        wanted="the difference of the means",
    )


def _units(ask: Ask, case: Case) -> Finding | None:
    """The same attribute counted in halves: twice the number, half the step."""
    z, attribute, others = case.inputs
    once, twice = ask(*case.inputs), ask(z, 2 * attribute, others)
    off = float((2 * twice - once).abs().max())
    if off <= 1e-3 and float(once.abs().max()) > 1e-4:
        return None
    return _known(ask, case) or Finding(
        "an attribute counted in units half as large must move the latent half as far a unit.",
        came=f"twice the step differs by {off:.3g}",
        wanted="the same way, whatever the unit",
        hint="The direction is a step in the latent for a step of one in the attribute.",
    )


def _held(ask: Ask, case: Case) -> Finding | None:
    """What the others do to the latent does not show in the direction."""
    z, attribute, others = case.inputs
    push = torch.linspace(-3, 3, z.shape[1])
    once, pushed = ask(*case.inputs), ask(z + others[:, :1] * push, attribute, others)
    off = float((pushed - once).abs().max())
    if off <= 1e-3 and float(once.abs().max()) > 1e-4:
        return None
    return _known(ask, case) or Finding(
        "another attribute now moves the latents more, and this one's direction has changed.",
        came=f"changed by up to {off:.3g}",
        wanted="no change: the others are held",
        hint="Those with glasses smile more. Whose step is it?",
    )


def _known(ask: Ask, case: Case) -> Finding | None:
    found = compare(ask, case, _MISTAKES, atol=1e-3)
    return found if found and found.message in _MISTAKES else None


def _agrees(ask: Ask, case: Case) -> Finding | None:
    return compare(ask, case, _MISTAKES, atol=1e-3)


def _others_ignored(z: Tensor, attribute: Tensor, others: Tensor) -> Tensor:
    return attribute_direction(z, attribute)


def _difference_of_means(z: Tensor, attribute: Tensor, others: Tensor) -> Tensor:
    above = attribute.to(z) > attribute.to(z).mean()
    return z[above].mean(dim=0) - z[~above].mean(dim=0)


def _no_constant(z: Tensor, attribute: Tensor, others: Tensor) -> Tensor:
    design = torch.cat([attribute.to(z)[:, None], others], dim=1)
    return torch.linalg.lstsq(design, z).solution[0]


def _constant_returned(z: Tensor, attribute: Tensor, others: Tensor) -> Tensor:
    ones = torch.ones(len(z), 1)
    design = torch.cat([ones, attribute.to(z)[:, None], others], dim=1)
    return torch.linalg.lstsq(design, z).solution[0]


def _last_returned(z: Tensor, attribute: Tensor, others: Tensor) -> Tensor:
    design = torch.cat([torch.ones(len(z), 1), attribute.to(z)[:, None], others], dim=1)
    return torch.linalg.lstsq(design, z).solution[-1]


def _unit_length(z: Tensor, attribute: Tensor, others: Tensor) -> Tensor:
    direction = attribute_direction(z, attribute, others)
    return direction / direction.norm()


def _reversed(z: Tensor, attribute: Tensor, others: Tensor) -> Tensor:
    return -attribute_direction(z, attribute, others)


def _mean_of_those_with(z: Tensor, attribute: Tensor, others: Tensor) -> Tensor:
    return z[attribute.to(z) > 0].mean(dim=0)


def _covariance(z: Tensor, attribute: Tensor, others: Tensor) -> Tensor:
    a = attribute.to(z)
    return (a - a.mean()) @ (z - z.mean(dim=0)) / len(z)


def _standardised(z: Tensor, attribute: Tensor, others: Tensor) -> Tensor:
    return attribute_direction(z, attribute, others) * attribute.to(z).std()


def _read_off(z: Tensor, attribute: Tensor, others: Tensor) -> Tensor:
    """The other way round: what reads the attribute off the latent."""
    centred = z - z.mean(dim=0)
    a = attribute.to(z) - attribute.to(z).mean()
    return torch.linalg.lstsq(centred, a[:, None]).solution[:, 0]


def _in_place(z: Tensor, attribute: Tensor, others: Tensor) -> Tensor:
    z -= z.mean(dim=0)
    return attribute_direction(z, attribute, others)


_MISTAKES = {
    "the others are left out: what goes along with the attribute counts as its own.": (
        _others_ignored
    ),
    "the attribute is cut into two halves; it is a number, and each unit of it counts.": (
        _difference_of_means
    ),
    "the fit has no constant: it goes through the origin.": _no_constant,
    "the constant is returned: the mean latent where all attributes are zero.": _constant_returned,
    "the last row of the fit is returned; which row is the attribute's?": _last_returned,
    "the direction was brought to length 1; how far is a step of one?": _unit_length,
    "the direction points the wrong way.": _reversed,
    "this is where those with the attribute are, not the way there.": _mean_of_those_with,
    "this is the covariance with the attribute, not a step for each unit of it.": _covariance,
    "a step for one standard deviation of the attribute; asked is a step for one unit.": (
        _standardised
    ),
    "this direction reads the attribute off a latent; asked is where the latent goes.": _read_off,
}

ATTRIBUTE_DIRECTION = Check(
    name="autoencoders.attribute_direction",
    reference=attribute_direction,
    cases=_cases,
    properties=(
        Property("yes or no: from mean to mean", 1, _means, (GLASSES,), "See hint 1."),
        Property("a step for each unit", 1, _units, (SMILE,), "See hint 2."),
        Property("the others are held", 2, _held, (TOGETHER,), "See hint 3."),
        Property(
            "values agree with the reference", 1, _agrees, (SMILE, TOGETHER, FAR), "See hint 2."
        ),
    ),
    mutants={
        "others ignored": _others_ignored,
        "difference of means": _difference_of_means,
        "no constant": _no_constant,
        "constant returned": _constant_returned,
        "last returned": _last_returned,
        "unit length": _unit_length,
        "reversed": _reversed,
        "mean of those with": _mean_of_those_with,
        "covariance": _covariance,
        "standardised": _standardised,
        "read off": _read_off,
        "in place": _in_place,
    },
)
