"""Exercise 2 of unit 18: whom to clone, to split, to prune."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.mistakes import compare, uniform
from course_lib.checks.splat_training.common import numbers
from course_lib.rendering import splats

Decision = tuple[Tensor, Tensor, Tensor]

RULES = "six Gaussians, one for each combination"
RARE = "seen by one view of ten, by all, by none"
THIN = "a needle, a sheet and a ball"
MANY = "two hundred Gaussians"
NONE = "no Gaussians at all"

PULL, SIZE, OPACITY = 0.5, 0.1, 0.02


def densify_masks(
    pull_sum: Tensor,
    seen: Tensor,
    scales: Tensor,
    opacities: Tensor,
    pull_threshold: float,
    size_threshold: float,
    opacity_threshold: float,
) -> Decision:
    """The library's rules, for the mean pull over the views that saw a Gaussian."""
    return tuple(
        splats.densify_masks(
            pull_sum / seen.clamp(min=1),
            scales,
            opacities,
            pull_threshold=pull_threshold,
            size_threshold=size_threshold,
            opacity_threshold=opacity_threshold,
        )
    )


def _cases(generator: torch.Generator) -> list[Case]:
    def draw(low: float, high: float, *shape: int) -> Tensor:
        return uniform(low, high, *shape, generator=generator)

    def round_(*sizes: float) -> Tensor:
        return torch.tensor(sizes)[:, None].repeat(1, 3)

    few = torch.full((6,), 4.0)
    rules = (
        torch.tensor([0.9, 0.9, 0.1, 0.1, 0.9, 0.9]) * few,
        few,
        round_(0.05, 0.3, 0.05, 0.3, 0.05, 0.3) * draw(0.8, 1.2, 6, 1),
        torch.tensor([0.5, 0.5, 0.5, 0.5, 0.001, 0.001]),
    )
    rare = torch.tensor([1.0, 10.0, 10.0, 0.0])
    rarely = (
        torch.tensor([0.8, 8.0, 1.0, 0.0]) * draw(0.9, 1.1, 4),
        rare,
        round_(0.03, 0.03, 0.03, 0.03),
        draw(0.3, 0.9, 4),
    )
    thin = torch.tensor([[0.25, 0.01, 0.01], [0.01, 0.13, 0.13], [0.08, 0.08, 0.08]])
    shapes = (torch.full((3,), 1.8), torch.full((3,), 2.0), thin, draw(0.3, 0.9, 3))
    views = torch.randint(0, 9, (200,), generator=generator).float()
    many = (views * draw(0.0, 1.0, 200), views, draw(0.0, 0.16, 200, 3), draw(0.0, 0.2, 200) ** 1.5)
    none = (torch.zeros(0), torch.zeros(0), torch.zeros(0, 3), torch.zeros(0))
    named = {RULES: rules, RARE: rarely, THIN: shapes, MANY: many, NONE: none}
    return [Case(name, (*each, PULL, SIZE, OPACITY)) for name, each in named.items()]


def _rules(ask: Ask, case: Case) -> Finding | None:
    wanted = ask.wanted(*case.inputs)
    came = ask(*case.inputs)
    for name, one, other in zip(("cloned", "split", "pruned"), came, wanted, strict=True):
        if not torch.equal(one, other):
            return Finding(
                _told(came) or f"the wrong Gaussians are {name}.",
                came=f"{name}: {numbers(one.nonzero()[:, 0])}",
                wanted=numbers(other.nonzero()[:, 0]),
                hint="Of the six, the first two are pulled hard, the next two are not, and the "
                "last two are transparent. Each second one is large.",
            )
    return None


def _told(came: Decision) -> str:
    clone, split, prune = came
    if bool((clone & prune).any() or (split & prune).any()):
        return "a Gaussian that is pruned is cloned or split as well."
    if bool((clone & split).any()):
        return "a Gaussian is cloned and split at once."
    return ""


def _mean_over_those_that_saw(ask: Ask, case: Case) -> Finding | None:
    clone, split, _ = ask(*case.inputs)
    picked = (clone | split).tolist()
    if picked == [True, True, False, False]:
        return None
    row = next(i for i, each in enumerate(picked) if each != (i < 2))
    message = {
        0: "a Gaussian that one view saw, and pulled hard, is passed over.",
        1: "a Gaussian that ten views pulled hard is passed over.",
        2: "a Gaussian that ten views pulled a little counts as pulled hard: asked is the mean "
        "over the views, not the sum.",
        3: "a Gaussian that no view has seen is cloned or split. Nothing is known of it.",
    }[row]
    return Finding(
        message,
        came=f"densified: {numbers(torch.tensor(picked).nonzero()[:, 0])}",
        wanted="0, 1",
        hint="How many views is the sum to be divided by? And what if there were none?",
    )


def _longest_axis(ask: Ask, case: Case) -> Finding | None:
    clone, split, _ = ask(*case.inputs)
    off = (split != torch.tensor([True, True, False])) | (
        clone != torch.tensor([False, False, True])
    )
    if not bool(off.any()):
        return None
    row = int(off.nonzero()[0])
    name = ("needle", "sheet", "ball")[row]
    wanted = "cloned" if row == 2 else "split"
    done = [word for word, mask in (("cloned", clone), ("split", split)) if bool(mask[row])]
    return Finding(
        f"the size of a Gaussian is its longest axis: by that the {name} is to be {wanted}.",
        came=" and ".join(done) or "neither",
        wanted=wanted,
        hint="A needle is long, however thin. Which of three scales says so?",
    )


Rule = Callable[[Tensor, Tensor, Tensor], Decision]


def _decided(pulled: Tensor, large: Tensor, prune: Tensor) -> Decision:
    pulled = pulled & ~prune
    return pulled & ~large, pulled & large, prune


def _variant(
    mean: Callable[[Tensor, Tensor], Tensor] = lambda total, seen: total / seen.clamp(min=1),
    size: Callable[[Tensor], Tensor] = lambda scales: scales.amax(dim=1),
    rule: Rule = _decided,
) -> Callable[..., Decision]:
    """A wrong answer: another mean, another size or another rule."""

    def function(
        total: Tensor,
        seen: Tensor,
        scales: Tensor,
        opacities: Tensor,
        pull: float,
        large: float,
        faint: float,
    ) -> Decision:
        pulled = ~(mean(total, seen) < pull)
        return rule(pulled, size(scales) > large, opacities < faint)

    return function


_swapped = _variant(rule=lambda p, large, prune: _decided(p, ~large, prune))
_also_pruned = _variant(rule=lambda p, large, prune: (p & ~large, p & large, prune))
_opaque_pruned = _variant(rule=lambda p, large, prune: _decided(p, large, ~prune))
_unpulled = _variant(rule=lambda p, large, prune: _decided(~p, large, prune))
_always_split = _variant(rule=lambda p, large, prune: (p & ~large & ~prune, large & ~prune, prune))
_always_clone = _variant(rule=lambda p, large, prune: (p & ~prune, p & large & ~prune, prune))
_summed = _variant(mean=lambda total, seen: total)

_MISTAKES = {
    "clone and split have changed places.": _swapped,
    "Gaussians that are pruned are cloned or split as well.": _also_pruned,
    "the opaque ones are pruned and the transparent ones kept.": _opaque_pruned,
    "those that are pulled little are densified, and those that are pulled hard are not.": (
        _unpulled
    ),
    "large Gaussians are split even if nothing pulls them.": _always_split,
    "pulls are summed up over the views; asked is their mean.": _summed,
}


DENSIFY_MASKS = Check(
    name="splat_training.densify_masks",
    reference=densify_masks,
    cases=_cases,
    properties=(
        Property("the rules, one Gaussian for each", 1, _rules, cases=(RULES,)),
        Property(
            "the mean over the views that saw a Gaussian",
            1,
            _mean_over_those_that_saw,
            cases=(RARE,),
            hint="See hint 1.",
        ),
        Property("needles and sheets", 1, _longest_axis, cases=(THIN,), hint="See hint 2."),
        Property(
            "two hundred Gaussians, and none",
            1,
            lambda ask, case: compare(ask, case, _MISTAKES),
            cases=(MANY, NONE),
            hint="See hint 3.",
        ),
    ),
    mutants={
        "clone and split swapped": _swapped,
        "pruned ones densified": _also_pruned,
        "opaque ones pruned": _opaque_pruned,
        "the unpulled densified": _unpulled,
        "large ones always split": _always_split,
        "large ones cloned too": _always_clone,
        "sum over views": _summed,
        "mean over all views": _variant(mean=lambda total, seen: total / seen.max()),
        "never seen divides by zero": _variant(mean=lambda total, seen: total / seen),
        "mean of the scales": _variant(size=lambda scales: scales.mean(dim=1)),
        "smallest scale": _variant(size=lambda scales: scales.amin(dim=1)),
        "volume": _variant(size=lambda scales: scales.prod(dim=1) ** (1 / 3)),
        "first scale": _variant(size=lambda scales: scales[:, 0]),
    },
)
