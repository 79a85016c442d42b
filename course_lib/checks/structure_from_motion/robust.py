"""Exercise 5 of unit 15: what most matches agree on."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.mistakes import uniform
from course_lib.checks.structure_from_motion.common import HEIGHT, WIDTH, two_pictures
from course_lib.rendering import sfm

CLEAN = "sixty matches, all right"
THIRD = "a third of the matches wrong"
MOST = "more wrong matches than right ones"
STRICT = "noise of two pixels, threshold of six"
SCORES = "the best sample comes in the middle"


def ransac_fundamental(
    first: Tensor, second: Tensor, samples: Tensor, threshold: float
) -> tuple[Tensor, Tensor]:
    """F (3, 3) fitted to those that agree with the best sample, and who agrees with it, (N,)."""
    fits, _ = sfm.epipolar.eight_point_batch(first[samples], second[samples])
    agree = sfm.sampson_distance(fits, first, second) < threshold
    inliers = agree[agree.sum(dim=1).argmax()]
    F = sfm.eight_point(first[inliers], second[inliers])
    return F, sfm.sampson_distance(F, first, second) < threshold


def _cases(generator: torch.Generator) -> list[Case]:
    def matches(count: int, wrong: int, noise: float) -> tuple[Tensor, Tensor]:
        first, second, _ = two_pictures(count, noise, generator)
        size = torch.tensor([WIDTH, HEIGHT])
        second[:wrong] = uniform(0.0, 1.0, wrong, 2, generator=generator).double() * size
        order = torch.randperm(count, generator=generator)
        return first[order], second[order]

    def draw(count: int, rounds: int) -> Tensor:
        return sfm.draw_samples(count, rounds, 8, generator=generator)

    many = two_pictures(120, 0.1, generator)[:2]
    many[1][48:] = uniform(0.0, 480.0, 72, 2, generator=generator).double()
    lucky = draw(120, 300)
    lucky[7::40] = torch.stack([torch.randperm(48, generator=generator)[:8] for _ in range(8)])
    first, second, _ = two_pictures(60, 0.1, generator)
    second[40:] = second[40:] + uniform(20.0, 60.0, 20, 2, generator=generator).double()
    trap = draw(60, 31)  # each of them with wrong matches in it, but one
    trap[:, 0] = 40 + torch.arange(31) % 20
    trap[15] = torch.randperm(40, generator=generator)[:8]
    trap[torch.arange(31) != 15, 1:] = torch.stack(
        [torch.randperm(40, generator=generator)[:7] for _ in range(30)]
    )
    return [
        Case(CLEAN, (*matches(60, 0, 0.2), draw(60, 10), 1.5)),
        Case(THIRD, (*matches(90, 30, 0.2), draw(90, 150), 1.5)),
        Case(MOST, (*many, lucky, 1.5)),
        Case(STRICT, (*matches(80, 0, 2.0), draw(80, 20), 6.0)),
        Case(SCORES, (first, second, trap, 1.5)),
    ]


def _who(ask: Ask, case: Case) -> Finding | None:
    """The inliers are those of the reference, up to a few at the threshold."""
    (_, came), (_, wanted) = ask(*case.inputs), ask.wanted(*case.inputs)
    extra, lost = int((came & ~wanted).sum()), int((wanted & ~came).sum())
    if extra + lost <= 0.06 * len(came):
        return None
    if extra > lost:
        message = "wrong matches are counted among those that agree."
    elif case.name == STRICT:
        message = "matches nearer than the threshold are left out."
    elif case.name == SCORES:
        message = "the sample that most matches agree with is not the one that won."
    else:
        message = "right matches are missing among those that agree."
    if torch.equal(came, ~wanted):
        message = "the mask is turned round: True means that a match agrees."
    elif case.name == MOST and lost > 0.2 * int(wanted.sum()):
        message = "with more wrong matches than right ones the right answer is lost."
    return Finding(
        message,
        came=f"{int(came.sum())} agree, {extra} of them wrongly",
        wanted=f"{int(wanted.sum())}",
        hint="Count, for each sample, the matches below the threshold. See hint 2.",
    )


def _fit(ask: Ask, case: Case) -> Finding | None:
    """F fits the right matches about as well as the reference's."""
    first, second, _, _ = case.inputs
    (F, _), (wanted, right) = ask(*case.inputs), ask.wanted(*case.inputs)
    off = [
        float(sfm.sampson_distance(each, first[right], second[right]).square().mean().sqrt())
        for each in (F, wanted)
    ]
    if off[0] <= 1.05 * off[1] + 1e-6:
        return None
    message = "F does not fit the matches that agree as well as a fit to all of them does."
    if off[0] > 5 * off[1] + 1.0:
        message = "F does not fit the right matches: wrong ones have a say in it."
    return Finding(
        message,
        came=f"{off[0]:.3g} pixels",
        wanted=f"{off[1]:.3g} pixels",
        hint="Eight noisy matches fix F only roughly. Who else could help? See hint 3.",
    )


def _variant(
    score: Callable[[Tensor, float], Tensor] = lambda off, threshold: (off < threshold).sum(dim=1),
    refit: str = "inliers",
    final: bool = True,
    squared: float = 1.0,
    rounds: int = 10**9,
    mask: Callable[[Tensor], Tensor] = lambda inliers: inliers,
) -> Callable[[Tensor, Tensor, Tensor, float], tuple[Tensor, Tensor]]:
    """A wrong answer, put together from its parts."""

    def function(
        first: Tensor, second: Tensor, samples: Tensor, threshold: float
    ) -> tuple[Tensor, Tensor]:
        samples = samples[:rounds]
        fits, _ = sfm.epipolar.eight_point_batch(first[samples], second[samples])
        off = sfm.sampson_distance(fits, first, second)
        limit = threshold**squared
        best = int(score(off, limit).argmax())
        inliers = off[best] < limit
        F = fits[best]
        if refit == "inliers" and int(inliers.sum()) >= 8:
            F = sfm.eight_point(first[inliers], second[inliers])
        elif refit == "all":
            F = sfm.eight_point(first, second)
        if final:
            inliers = sfm.sampson_distance(F, first, second) < limit
        return F, mask(inliers)

    return function


def _last_good(off: Tensor, threshold: float) -> Tensor:
    return torch.arange(len(off))


RANSAC_FUNDAMENTAL = Check(
    name="structure_from_motion.ransac_fundamental",
    reference=ransac_fundamental,
    cases=_cases,
    properties=(
        Property("it knows who agrees", 1, _who, cases=(CLEAN, THIRD, STRICT)),
        Property("it finds the best sample", 2, _who, cases=(MOST, SCORES)),
        Property("F is fitted to all who agree", 1, _fit, cases=(CLEAN, THIRD)),
    ),
    mutants={
        "the last sample": _variant(_last_good),
        "the first sample": _variant(lambda off, threshold: -torch.arange(len(off))),
        "fewest agree": _variant(lambda off, threshold: -(off < threshold).sum(dim=1)),
        "no second fit": _variant(refit="none"),
        "fitted to everybody": _variant(refit="all"),
        "smallest mean error": _variant(lambda off, threshold: -off.mean(dim=1)),
        "smallest median error": _variant(lambda off, threshold: -off.median(dim=1).values),
        "square root of the threshold": _variant(squared=0.5),
        "only ten samples": _variant(rounds=10),
        "the mask turned round": _variant(mask=lambda inliers: ~inliers),
        "everybody agrees": _variant(mask=lambda inliers: torch.ones_like(inliers)),
    },
)
