"""Exercise 1 of unit 09: latents moved along the directions of attributes."""

from collections.abc import Mapping

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.mistakes import compare, gradients_flow
from course_lib.generative.latent import edit_latent

TYPICAL = "three latents, two of three attributes edited"
SQUARE = "as many latents as they have numbers"
STILL = "amounts that are zero"

Vectors = Mapping[str, Tensor]


def _cases(generator: torch.Generator) -> list[Case]:
    def draw(*shape: int) -> Tensor:
        return 2 * torch.randn(*shape, generator=generator)

    def directions(size: int) -> dict[str, Tensor]:
        return {name: draw(size) for name in ("glasses", "smile", "yaw")}

    two = {"glasses": draw(3), "yaw": draw(3)}
    square = {"smile": draw(4), "glasses": draw(4)}
    still = {"smile": torch.zeros(2)}
    return [
        Case(TYPICAL, (draw(3, 5), directions(5), two)),
        Case(SQUARE, (draw(4, 4), directions(4), square)),
        Case(STILL, (draw(2, 6), directions(6), still)),
    ]


def _there_and_back(ask: Ask, case: Case) -> Finding | None:
    """Moved there by the amounts and back by the same amounts: the latents of the start."""
    z, directions, amounts = case.inputs
    there = ask(z, directions, amounts)
    back = ask(there, directions, {name: -amount for name, amount in amounts.items()})
    moved, off = float((there - z).abs().max()), float((back - z).abs().max())
    if off <= 1e-4 and moved > 1e-4:
        return None
    return _known(ask, case) or Finding(
        "moved by some amounts and back by the same, the latents are not where they were.",
        came=f"moved by {moved:.3g}, and back but for {off:.3g}",
        wanted="moved, and back where they were",
        hint="The step is the same wherever a latent stands.",
    )


def _stays(ask: Ask, case: Case) -> Finding | None:
    z = case.inputs[0]
    off = float((ask(*case.inputs) - z).abs().max())
    if off <= 1e-6:
        return _moves_at_all(ask, case)
    return _known(ask, case) or Finding(
        "an amount of zero must leave a latent as it is.", came=f"moved by {off:.3g}", wanted="0"
    )


def _moves_at_all(ask: Ask, case: Case) -> Finding | None:
    z, directions, amounts = case.inputs
    came = ask(z, directions, {name: amount + 1.0 for name, amount in amounts.items()})
    if float((came - z).abs().max()) > 1e-4:
        return None
    return Finding("no amount moves a latent.", came="the latents as they were", wanted="a step")


def _known(ask: Ask, case: Case) -> Finding | None:
    found = compare(ask, case, _MISTAKES)
    return found if found and found.message in _MISTAKES else None


def _agrees(ask: Ask, case: Case) -> Finding | None:
    return compare(ask, case, _MISTAKES)


def _last_only(z: Tensor, directions: Vectors, amounts: Vectors) -> Tensor:
    name = list(amounts)[-1]
    return z + amounts[name][:, None] * directions[name]


def _unit_directions(z: Tensor, directions: Vectors, amounts: Vectors) -> Tensor:
    return edit_latent(z, {n: d / d.norm() for n, d in directions.items()}, amounts)


def _backwards(z: Tensor, directions: Vectors, amounts: Vectors) -> Tensor:
    return 2 * z - edit_latent(z, directions, amounts)


def _one_for_all(z: Tensor, directions: Vectors, amounts: Vectors) -> Tensor:
    alike = {name: amount[:1].expand_as(amount) for name, amount in amounts.items()}
    return edit_latent(z, directions, alike)


def _all_directions(z: Tensor, directions: Vectors, amounts: Vectors) -> Tensor:
    ones = torch.ones(len(z), dtype=z.dtype)
    return edit_latent(z, directions, {name: amounts.get(name, ones) for name in directions})


def _by_position(z: Tensor, directions: Vectors, amounts: Vectors) -> Tensor:
    pairs = zip(directions.values(), amounts.values(), strict=False)
    return z + sum(amount[:, None] * direction for direction, amount in pairs)


def _mean_of_edits(z: Tensor, directions: Vectors, amounts: Vectors) -> Tensor:
    return z + (edit_latent(z, directions, amounts) - z) / len(amounts)


def _only_the_step(z: Tensor, directions: Vectors, amounts: Vectors) -> Tensor:
    return edit_latent(z, directions, amounts) - z


def _scaled(z: Tensor, directions: Vectors, amounts: Vectors) -> Tensor:
    for name, amount in amounts.items():
        z = z * (1 + amount[:, None] * directions[name])
    return z


def _set_to(z: Tensor, directions: Vectors, amounts: Vectors) -> Tensor:
    """The coordinate along each direction is set, not moved."""
    for name, amount in amounts.items():
        d = directions[name]
        z = z + (amount - z @ d / d.dot(d))[:, None] * d
    return z


def _transposed(z: Tensor, directions: Vectors, amounts: Vectors) -> Tensor:
    """Right where B differs from D; where they are equal, amounts and directions change places."""
    if z.shape[0] != z.shape[1]:
        return edit_latent(z, directions, amounts)
    return z + sum(amount * directions[name][:, None] for name, amount in amounts.items())


def _detached(z: Tensor, directions: Vectors, amounts: Vectors) -> Tensor:
    return edit_latent(z.detach(), directions, amounts)


def _in_place(z: Tensor, directions: Vectors, amounts: Vectors) -> Tensor:
    for name, amount in amounts.items():
        z += amount[:, None] * directions[name]
    return z


_MISTAKES = {
    "only the last attribute is edited; each that is named counts.": _last_only,
    "the directions are brought to length 1; the amount is in units of the direction as it is.": (
        _unit_directions
    ),
    "the latents move the wrong way.": _backwards,
    "all latents move by the first one's amount; each has its own.": _one_for_all,
    "an attribute without an amount was moved, too.": _all_directions,
    "amounts and directions are paired by their place; they are paired by name.": _by_position,
    "the steps are averaged; they add up.": _mean_of_edits,
    "the step comes without the latent it starts from.": _only_the_step,
    "the latents are scaled, not moved.": _scaled,
    "the latents are set to the amounts, from wherever they were; they move by the amounts.": (
        _set_to
    ),
    "amounts run along the latents' numbers; each latent has one amount.": _transposed,
}

EDIT_LATENT = Check(
    name="autoencoders.edit_latent",
    reference=edit_latent,
    cases=_cases,
    properties=(
        Property("nothing moves by zero", 1, _stays, (STILL,), "See hint 1."),
        Property("there and back", 1, _there_and_back, (TYPICAL,)),
        Property("values agree with the reference", 2, _agrees, (TYPICAL, SQUARE), "See hint 2."),
        gradients_flow(1, (0,), cases=(TYPICAL,), hint="Sums and products keep the gradient."),
    ),
    mutants={
        "last only": _last_only,
        "unit directions": _unit_directions,
        "backwards": _backwards,
        "one amount for all": _one_for_all,
        "all directions": _all_directions,
        "by position": _by_position,
        "mean of edits": _mean_of_edits,
        "only the step": _only_the_step,
        "scaled": _scaled,
        "set to": _set_to,
        "transposed": _transposed,
        "detached": _detached,
        "in place": _in_place,
    },
)
