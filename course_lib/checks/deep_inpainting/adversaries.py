"""Exercise 6 of unit 05: what the generator minimises against its judge."""

import math
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn.functional import softplus

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.mistakes import compare, gradients_flow, recognise

HINGE, SOFT = "hinge", "non-saturating"
LOGITS_HINGE = "logits of five pictures with 4 x 4 patches, hinge"
LOGITS_SOFT = "logits of five pictures with 4 x 4 patches, non-saturating"
ZERO_HINGE = "an undecided judge, hinge"
ZERO_SOFT = "an undecided judge, non-saturating"
SURE_HINGE = "a judge that is sure: logits of -200, hinge"
SURE_SOFT = "a judge that is sure: logits of -200, non-saturating"


def generator_loss(fake: Tensor, kind: str) -> Tensor:
    """-mean fake, or mean softplus(-fake)."""
    return -fake.mean() if kind == HINGE else softplus(-fake).mean()


def _cases(generator: torch.Generator) -> list[Case]:
    logits = 2 * torch.randn(5, 1, 4, 4, generator=generator)
    zero, sure = torch.zeros(3, 1, 2, 2), torch.full((2, 1, 2, 2), -200.0)
    return [
        Case(LOGITS_HINGE, (logits, HINGE)),
        Case(LOGITS_SOFT, (logits, SOFT)),
        Case(ZERO_HINGE, (zero, HINGE)),
        Case(ZERO_SOFT, (zero, SOFT)),
        Case(SURE_HINGE, (sure, HINGE)),
        Case(SURE_SOFT, (sure, SOFT)),
    ]


def _by_hand(ask: Ask, case: Case) -> Finding | None:
    came = float(ask(*case.inputs))
    wanted, words = {
        ZERO_HINGE: (0.0, "logits of 0 have the mean 0."),
        ZERO_SOFT: (math.log(2), "a logit of 0 is a probability of one half; -log(1/2) is 0.693."),
        SURE_HINGE: (200.0, "minus the mean of logits of -200 is 200."),
        SURE_SOFT: (200.0, "-log sigmoid(-200) is 200 to the last digit, and finite."),
    }[case.name]
    if abs(came - wanted) <= 1e-4 * max(1.0, wanted):
        return None
    fake, kind = case.inputs
    other = generator_loss(fake, SOFT if kind == HINGE else HINGE)
    if abs(came - float(other)) <= 1e-4 and abs(came - wanted) > 1e-4:
        return _about_kinds(ask, fake, kind, came, wanted)
    message = recognise(torch.tensor(came), case.inputs, _MISTAKES, 1e-4, 1e-4) or words
    return Finding(message, came=f"{came:.5g}", wanted=f"{wanted:.5g}", hint="See hint 1.")


def _about_kinds(ask: Ask, fake: Tensor, kind: str, came: float, wanted: float) -> Finding:
    """The answer is that of the other kind: are they exchanged, or is one of them always taken?"""
    other = SOFT if kind == HINGE else HINGE
    same = abs(float(ask(fake, other)) - came) <= 1e-4
    message = (
        f"`kind` makes no difference: it is always the one called {other}."
        if same
        else "the two kinds have changed places."
    )
    return Finding(message, came=f"{came:.5g} for {kind}", wanted=f"{wanted:.5g}")


def _wants_to_be_believed(ask: Ask, case: Case) -> Finding | None:
    """The more the judge believes, the lower the loss, always: nobody rests."""
    fake, kind = case.inputs
    levels = (-6.0, -1.5, 0.0, 1.5, 3.0)
    points = [(level, float(ask(torch.full_like(fake, level), kind))) for level in levels]
    for (a, low), (b, high) in pairwise(points):
        if high > low + 1e-6:
            return Finding(
                "the loss rises when the judge believes more: the generator would learn to be "
                "found out.",
                came=f"{low:.4g} at logits of {a:g}, {high:.4g} at {b:g}",
                wanted="falling",
                hint="High logits mean: looks real.",
            )
        if low - high < 1e-3:
            return Finding(
                f"between logits of {a:g} and {b:g} the loss is flat: nothing is learnt there.",
                came=f"{low:.4g} and {high:.4g}",
                wanted="falling",
                hint="The margin is for the judge. See hint 2.",
            )
    return None


def _steep_where_it_is_hard(ask: Ask, case: Case) -> Finding | None:
    """Where the judge is sure, the slope is -1, shared by all logits."""
    fake, _ = case.inputs
    slope = ask.vjp(case.inputs, 0, torch.tensor(1.0))
    wanted = -1 / fake.numel()
    if float((slope - wanted).abs().max()) <= 1e-5:
        return None
    came = float(slope.flatten()[0])
    message = "the slope with respect to each logit is not what the mean's share is."
    if abs(came) < 1e-5:
        message = (
            "where the judge is sure the loss is flat: a generator that is found out each time "
            "would learn nothing. It saturates."
        )
    elif abs(came - 1 / fake.numel()) < 1e-5:
        message = "the slope has the wrong sign."
    elif abs(came + 1.0) < 1e-4:
        message = "the slope is as large for many patches as for one: this is a sum, not a mean."
    return Finding(message, came=f"{came:.3g}", wanted=f"{wanted:.3g}", hint="See hint 3.")


def _saturating(fake: Tensor, kind: str) -> Tensor:
    return -fake.mean() if kind == HINGE else -softplus(fake).mean()


def _margin(fake: Tensor, kind: str) -> Tensor:
    return (1 - fake).relu().mean() if kind == HINGE else softplus(-fake).mean()


def _as_judge(fake: Tensor, kind: str) -> Tensor:
    return (1 + fake).relu().mean() if kind == HINGE else softplus(fake).mean()


def _wrong_sign(fake: Tensor, kind: str) -> Tensor:
    return fake.mean() if kind == HINGE else softplus(fake).mean()


def _unstable(fake: Tensor, kind: str) -> Tensor:
    return -fake.mean() if kind == HINGE else -fake.sigmoid().log().mean()


def _guarded(fake: Tensor, kind: str) -> Tensor:
    return -fake.mean() if kind == HINGE else -(fake.sigmoid() + 1e-8).log().mean()


def _sum(fake: Tensor, kind: str) -> Tensor:
    return generator_loss(fake, kind) * fake.numel()


def _hinge_only(fake: Tensor, kind: str) -> Tensor:
    return -fake.mean()


def _soft_only(fake: Tensor, kind: str) -> Tensor:
    return softplus(-fake).mean()


def _exchanged(fake: Tensor, kind: str) -> Tensor:
    return generator_loss(fake, SOFT if kind == HINGE else HINGE)


def _by_picture(fake: Tensor, kind: str) -> Tensor:
    """Judges the mean logit of all patches, where each patch is to be judged."""
    return -fake.mean() if kind == HINGE else softplus(-fake.mean())


_MISTAKES = {
    "this is what the judge minimises, with its sign turned: log(1 - sigmoid). It saturates.": (
        _saturating
    ),
    "this is the judge's loss for filled pictures: low when they are found out.": _as_judge,
    "the sign is wrong: low when filled pictures are found out.": _wrong_sign,
    "the generator has a margin of its own; only the judge has one.": _margin,
    "this is a sum; asked is a mean.": _sum,
    "`kind` makes no difference: it is always the hinge's.": _hinge_only,
    "`kind` makes no difference: it is always the non-saturating one.": _soft_only,
    "the two kinds have changed places.": _exchanged,
    "the logits are averaged first; each patch has a loss of its own.": _by_picture,
    "a small number is added inside the logarithm: where the judge is sure, it is all that is left."
    "": _guarded,
}


GENERATOR_LOSS = Check(
    name="deep_inpainting.generator_loss",
    reference=generator_loss,
    cases=_cases,
    properties=(
        Property(
            "losses that can be worked out by hand",
            1,
            _by_hand,
            cases=(ZERO_HINGE, ZERO_SOFT, SURE_HINGE, SURE_SOFT),
            hint="See hint 1.",
        ),
        Property(
            "the more the judge believes, the lower",
            1,
            _wants_to_be_believed,
            cases=(LOGITS_HINGE, LOGITS_SOFT),
        ),
        Property(
            "steep where the judge is sure", 1, _steep_where_it_is_hard, (SURE_HINGE, SURE_SOFT)
        ),
        Property(
            "values and gradients agree with the reference",
            1,
            lambda ask, case: (
                compare(ask, case, _MISTAKES) or gradients_flow(1, (0,)).holds(ask, case)
            ),
            cases=(LOGITS_HINGE, LOGITS_SOFT),
            hint="See hints 1 and 2.",
        ),
    ),
    mutants={
        "saturating": _saturating,
        "the judge's": _as_judge,
        "wrong sign": _wrong_sign,
        "margin": _margin,
        "log of sigmoid": _unstable,
        "small number inside": _guarded,
        "sum": _sum,
        "always hinge": _hinge_only,
        "always non-saturating": _soft_only,
        "kinds exchanged": _exchanged,
        "mean logit": _by_picture,
        "detached": lambda fake, kind: generator_loss(fake.detach(), kind),
    },
)
