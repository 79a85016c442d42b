"""Exercise 5 of unit 18: take away what nobody sees."""

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.splat_training.common import (
    Changed,
    Parameters,
    by_library,
    copies_of_origin,
    marks,
    numbers,
    right_fresh,
    right_origin,
    rows_of,
    scene,
    whole_change,
)
from course_lib.rendering import splats

SOME = "eight Gaussians, four of them marked"
GREY = "six Gaussians of one colour each, three marked"
NOBODY = "nobody is marked"
EVERYBODY = "everybody is marked"
EMPTY = "no Gaussians at all"

prune = by_library(splats.prune)


def _cases(generator: torch.Generator) -> list[Case]:
    return [
        Case(SOME, (scene(8, generator), marks(8, 1, 4, 5, 7))),
        Case(GREY, (scene(6, generator, sh=1), marks(6, 0, 2, 3))),
        Case(NOBODY, (scene(4, generator), marks(4))),
        Case(EVERYBODY, (scene(3, generator), marks(3, 0, 1, 2))),
        Case(EMPTY, (scene(0, generator), marks(0))),
    ]


def _stays(ask: Ask, case: Case) -> Finding | None:
    """The survivors are those that are not marked: seen in the tensors, whatever origin says."""
    parameters, mask = case.inputs
    came = ask(*case.inputs)[0]["means"]
    is_row = (came[:, None] == parameters["means"]).all(dim=-1)  # (M, N)
    rows = torch.where(is_row.any(dim=1), is_row.int().argmax(dim=1), -1)
    wanted = (~mask).nonzero()[:, 0]
    if torch.equal(rows, wanted):
        return copies_of_origin(ask, case) if _names(ask, case) else None
    message = "those that are not marked should stay, in their old order."
    if bool((rows < 0).any()):
        message = "some of the rows that are left were not there before."
    elif bool(mask[rows].all()):
        message = "the marked ones stay, and the others are gone."
    return Finding(message, came=f"rows {numbers(rows)} stay", wanted=numbers(wanted))


def _names(ask: Ask, case: Case) -> bool:
    return right_origin(ask, case) is None


def _books(ask: Ask, case: Case) -> Finding | None:
    return right_origin(ask, case) or right_fresh(ask, case)


def _counted_on(parameters: Parameters, mask: Tensor) -> Changed:
    new, origin, fresh = prune(parameters, mask)
    return new, torch.arange(len(origin)), fresh


def _from_the_front(parameters: Parameters, mask: Tensor) -> Changed:
    origin = torch.arange(int((~mask).sum()))
    return rows_of(parameters, origin), origin, torch.zeros(len(origin), dtype=torch.bool)


def _backwards(parameters: Parameters, mask: Tensor) -> Changed:
    new, origin, fresh = prune(parameters, mask)
    return {name: value.flip(0) for name, value in new.items()}, origin.flip(0), fresh


def _keeps_the_marked(parameters: Parameters, mask: Tensor) -> Changed:
    return prune(parameters, ~mask)


def _hidden(parameters: Parameters, mask: Tensor) -> Changed:
    new = {name: value.clone() for name, value in parameters.items()}
    new["logit_opacities"][mask] = -20.0
    return new, torch.arange(len(mask)), torch.zeros_like(mask)


def _all_fresh(parameters: Parameters, mask: Tensor) -> Changed:
    new, origin, fresh = prune(parameters, mask)
    return new, origin, torch.ones_like(fresh)


def _only_means(parameters: Parameters, mask: Tensor) -> Changed:
    new, origin, fresh = prune(parameters, mask)
    return (
        {name: parameters[name][: len(fresh)] for name in new} | {"means": new["means"]},
        (origin),
        fresh,
    )


PRUNE = Check(
    name="splat_training.prune",
    reference=prune,
    cases=_cases,
    properties=(
        Property("who stays", 1, _stays, cases=(SOME, GREY), hint="See hint 1."),
        Property("where they come from", 1, _books, cases=(SOME, GREY), hint="See hint 2."),
        Property("nobody, everybody and none", 1, whole_change, cases=(NOBODY, EVERYBODY, EMPTY)),
    ),
    mutants={
        "keeps the marked": _keeps_the_marked,
        "origin counts on": _counted_on,
        "as many from the front": _from_the_front,
        "backwards": _backwards,
        "made transparent, not removed": _hidden,
        "everything is fresh": _all_fresh,
        "only the means pruned": _only_means,
    },
)
