"""Exercise 3 of unit 18: twins of the Gaussians that are pulled and small."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.checks.definition import Case, Check, Property
from course_lib.checks.splat_training.common import (
    Changed,
    Parameters,
    by_library,
    copies_of_origin,
    marks,
    right_fresh,
    right_origin,
    rows_of,
    scene,
    whole_change,
)
from course_lib.rendering import splats

SOME = "seven Gaussians, three of them marked"
GREY = "five Gaussians of one colour each, two marked"
NOBODY = "nobody is marked"
EVERYBODY = "everybody is marked"
ALONE = "a single Gaussian, marked"
EMPTY = "no Gaussians at all"

clone = by_library(splats.clone)


def _cases(generator: torch.Generator) -> list[Case]:
    first, last = torch.randperm(5, generator=generator)[:2].tolist()
    return [
        Case(SOME, (scene(7, generator), marks(7, 1, 4, 5))),
        Case(GREY, (scene(5, generator, sh=1), marks(5, first, last))),
        Case(NOBODY, (scene(4, generator), marks(4))),
        Case(EVERYBODY, (scene(3, generator), marks(3, 0, 1, 2))),
        Case(ALONE, (scene(1, generator), marks(1, 0))),
        Case(EMPTY, (scene(0, generator), marks(0))),
    ]


def _ordered(parameters: Parameters, origin: Tensor, fresh: Tensor) -> Changed:
    return rows_of(parameters, origin), origin, fresh


def _copies_first(parameters: Parameters, mask: Tensor) -> Changed:
    marked = mask.nonzero()[:, 0]
    origin = torch.cat([marked, torch.arange(len(mask))])
    return _ordered(parameters, origin, torch.arange(len(origin)) < len(marked))


def _side_by_side(parameters: Parameters, mask: Tensor) -> Changed:
    origin = torch.arange(len(mask)).repeat_interleave(1 + mask.long())
    fresh = torch.zeros(len(origin), dtype=torch.bool)
    fresh[1:] = origin[1:] == origin[:-1]
    return _ordered(parameters, origin, fresh)


def _counted_on(parameters: Parameters, mask: Tensor) -> Changed:
    new, _, fresh = clone(parameters, mask)
    return new, torch.arange(len(fresh)), fresh


def _neighbours_copied(parameters: Parameters, mask: Tensor) -> Changed:
    return clone(parameters, mask.roll(1))


def _with_fresh(
    wrong: Callable[[Tensor, Tensor], Tensor],
) -> Callable[[Parameters, Tensor], Changed]:
    """A wrong third result, from the mask and the right one."""

    def function(parameters: Parameters, mask: Tensor) -> Changed:
        new, origin, fresh = clone(parameters, mask)
        return new, origin, wrong(mask, fresh)

    return function


def _only_means(parameters: Parameters, mask: Tensor) -> Changed:
    new, origin, fresh = clone(parameters, mask)
    for name, value in new.items():
        if name != "means":
            value[fresh] = 0
    return new, origin, fresh


def _apart(parameters: Parameters, mask: Tensor) -> Changed:
    new, origin, fresh = clone(parameters, mask)
    new["means"][fresh] += 0.01
    return new, origin, fresh


def _shared_opacity(parameters: Parameters, mask: Tensor) -> Changed:
    new, origin, fresh = clone(parameters, mask)
    double = mask[origin]
    half = 1 - (1 - torch.sigmoid(new["logit_opacities"][double])).sqrt()
    new["logit_opacities"][double] = torch.logit(half)
    return new, origin, fresh


def _in_place(parameters: Parameters, mask: Tensor) -> Changed:
    new, origin, fresh = clone(parameters, mask)
    parameters["logit_opacities"][mask] = 0.0
    return new, origin, fresh


CLONE = Check(
    name="splat_training.clone",
    reference=clone,
    cases=_cases,
    properties=(
        Property(
            "who stems from whom",
            1,
            right_origin,
            cases=(SOME, GREY),
            hint="First all the old rows in their order, then the copies in theirs. See hint 1.",
        ),
        Property(
            "copies are equal to what they were copied from",
            1,
            copies_of_origin,
            cases=(SOME, GREY),
            hint="See hint 2.",
        ),
        Property("the copies are fresh, and only they", 1, right_fresh, cases=(SOME, GREY)),
        Property(
            "nobody, everybody, one and none",
            1,
            whole_change,
            cases=(NOBODY, EVERYBODY, ALONE, EMPTY),
        ),
    ),
    mutants={
        "copies first": _copies_first,
        "copies beside their originals": _side_by_side,
        "origin counts on": _counted_on,
        "the neighbours copied": _neighbours_copied,
        "nothing is fresh": _with_fresh(lambda mask, fresh: torch.zeros_like(fresh)),
        "everything is fresh": _with_fresh(lambda mask, fresh: torch.ones_like(fresh)),
        "originals forget too": _with_fresh(
            lambda mask, fresh: torch.cat([mask, fresh[len(mask) :]])
        ),
        "fresh turned round": _with_fresh(lambda mask, fresh: ~fresh),
        "only the means copied": _only_means,
        "copies moved a little": _apart,
        "opacity shared out": _shared_opacity,
        "no copies": lambda parameters, mask: clone(parameters, torch.zeros_like(mask)),
        "marks the originals in place": _in_place,
    },
)
