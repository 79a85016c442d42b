"""Exercise 3 of unit 01: gradients that are too long are shortened together."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.mistakes import compare, uniform
from course_lib.foundations.sequences import clip_by_global_norm

LONG = "three tensors, together ten times too long"
SHORT = "tensors that are short enough"
JUST = "one tensor exactly as long as it may be"
ZERO = "gradients that are all zero"
UNEQUAL = "one long tensor beside a short one"

Answer = tuple[tuple[Tensor, ...], Tensor]


def _cases(generator: torch.Generator) -> list[Case]:
    def draw(*shapes: tuple[int, ...]) -> list[Tensor]:
        return [uniform(-1.0, 1.0, *shape, generator=generator) for shape in shapes]

    long, short = draw((4, 3), (5,), (2, 2, 2)), draw((3, 3), (4,))
    unequal = [30.0 * draw((6,))[0], 0.1 * draw((2, 3))[0]]
    return [
        Case(LONG, (long, float(_norm(long)) / 10)),
        Case(SHORT, (short, 4.0 * float(_norm(short)))),
        Case(JUST, ([torch.tensor([0.6, -0.8])], 1.0)),
        Case(ZERO, ([torch.zeros(3), torch.zeros(2, 2)], 1.0)),
        Case(UNEQUAL, (unequal, 1.5)),
    ]


def _norm(gradients: list[Tensor]) -> Tensor:
    return torch.cat([gradient.flatten() for gradient in gradients]).norm()


def _stays(ask: Ask, case: Case) -> Finding | None:
    gradients, largest = case.inputs
    clipped, _ = ask(*case.inputs)
    pairs = zip(clipped, gradients, strict=True)
    if all(torch.allclose(a, b, atol=1e-6, rtol=1e-5) for a, b in pairs):
        return None
    return Finding(
        "these gradients are short enough and must stay as they are.",
        came=f"a norm of {float(_norm(clipped)):.4g}",
        wanted=f"{float(_norm(gradients)):.4g}, as before (largest: {largest:.4g})",
        hint="The factor is never above 1.",
    )


def _same_direction(ask: Ask, case: Case) -> Finding | None:
    """Shortened to the largest norm, all by one factor."""
    gradients, largest = case.inputs
    clipped, _ = ask(*case.inputs)
    length = float(_norm(clipped))
    if abs(length - largest) > 1e-3 * largest:
        message = _named(ask, case) or "the shortened gradients do not have the length they should."
        return Finding(message, came=f"a norm of {length:.4g}", wanted=f"{largest:.4g}")
    factors = [float(a.norm() / b.norm()) for a, b in zip(clipped, gradients, strict=True)]
    if max(factors) - min(factors) > 1e-3 * max(factors):
        return Finding(
            "the tensors are not shortened by the same factor, so the step points elsewhere.",
            came=" and ".join(f"{factor:.3g}" for factor in factors),
            wanted="one factor for all",
            hint="See hint 2.",
        )
    return None


def _norm_before(ask: Ask, case: Case) -> Finding | None:
    _, norm = ask(*case.inputs)
    wanted = float(_norm(case.inputs[0]))
    if abs(float(norm) - wanted) <= 1e-4 * max(wanted, 1.0):
        return None
    return Finding(
        _named(ask, case) or "the second result is not the norm that the gradients had.",
        came=f"{float(norm):.4g}",
        wanted=f"{wanted:.4g}",
        hint="All squares of all tensors, summed; one root of the sum.",
    )


def _named(ask: Ask, case: Case) -> str:
    found = compare(ask, case, _MISTAKES)
    return found.message if found and found.message in _MISTAKES else ""


def _agrees(ask: Ask, case: Case) -> Finding | None:
    return compare(ask, case, _MISTAKES)


def _with_norm(norm: Callable[[list[Tensor]], Tensor]) -> Callable[[list[Tensor], float], Answer]:
    """A wrong answer: another measure of length."""

    def function(gradients: list[Tensor], largest: float) -> Answer:
        length = norm(gradients)
        factor = min(1.0, largest / max(float(length), 1e-12))
        return tuple(g * factor for g in gradients), length

    return function


def _flat(gradients: list[Tensor]) -> Tensor:
    return torch.cat([gradient.flatten() for gradient in gradients])


def _each_alone(gradients: list[Tensor], largest: float) -> Answer:
    clipped = tuple(clip_by_global_norm([g], largest)[0][0] for g in gradients)
    return clipped, _norm(gradients)


def _by_value(gradients: list[Tensor], largest: float) -> Answer:
    return tuple(g.clamp(-largest, largest) for g in gradients), _norm(gradients)


def _always(gradients: list[Tensor], largest: float) -> Answer:
    norm = _norm(gradients)
    return tuple(g * (largest / norm.clamp_min(1e-12)) for g in gradients), norm


def _not_guarded(gradients: list[Tensor], largest: float) -> Answer:
    norm = _norm(gradients)
    factor = torch.minimum(norm, torch.tensor(largest)) / norm
    return tuple(g * factor for g in gradients), norm


def _norm_after(gradients: list[Tensor], largest: float) -> Answer:
    clipped, _ = clip_by_global_norm(gradients, largest)
    return clipped, _norm(list(clipped))


def _the_factor(gradients: list[Tensor], largest: float) -> Answer:
    clipped, norm = clip_by_global_norm(gradients, largest)
    return clipped, (largest / norm).clamp_max(1.0)


def _in_place(gradients: list[Tensor], largest: float) -> Answer:
    clipped, norm = clip_by_global_norm(gradients, largest)
    for gradient, shorter in zip(gradients, clipped, strict=True):
        gradient.copy_(shorter)
    return tuple(gradients), norm


_root_missing = _with_norm(lambda gradients: _flat(gradients).square().sum())
_absolute = _with_norm(lambda gradients: _flat(gradients).abs().sum())
_largest_entry = _with_norm(lambda gradients: _flat(gradients).abs().max())
_sum_of_norms = _with_norm(lambda gradients: torch.stack([g.norm() for g in gradients]).sum())
_mean_square = _with_norm(lambda gradients: _flat(gradients).square().mean().sqrt())

_MISTAKES = {
    "the root is missing: the norm is compared by its square.": _root_missing,
    "the absolute values are summed, not the squares.": _absolute,
    "only the largest entry is looked at.": _largest_entry,
    "the norms of the tensors are summed; their squares have to be.": _sum_of_norms,
    "the mean of the squares is taken, not their sum.": _mean_square,
    "each number is clamped for itself.": _by_value,
    "the second result is the norm afterwards; wanted is the one before.": _norm_after,
    "the second result is the factor; wanted is the norm before.": _the_factor,
}

CLIP_BY_GLOBAL_NORM = Check(
    name="sequence_models.clip_by_global_norm",
    reference=clip_by_global_norm,
    cases=_cases,
    properties=(
        Property("short gradients stay, zeros too", 1, _stays, cases=(SHORT, JUST, ZERO)),
        Property("long ones keep their direction", 1, _same_direction, cases=(LONG, UNEQUAL)),
        Property("the norm before is told", 1, _norm_before, cases=(LONG, SHORT, ZERO)),
        Property("values agree with the reference", 1, _agrees),
    ),
    mutants={
        "root missing": _root_missing,
        "absolute values": _absolute,
        "largest entry": _largest_entry,
        "sum of norms": _sum_of_norms,
        "mean square": _mean_square,
        "each tensor alone": _each_alone,
        "by value": _by_value,
        "always rescaled": _always,
        "zero divided by zero": _not_guarded,
        "norm afterwards": _norm_after,
        "factor told": _the_factor,
        "in place": _in_place,
    },
)
