"""Exercise 4 of unit 18: two small Gaussians for a large one, drawn from it."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.mistakes import listed, uniform
from course_lib.checks.splat_training.common import (
    Changed,
    Parameters,
    marks,
    odd_row,
    right_fresh,
    right_origin,
    rows_of,
    scene,
)
from course_lib.rendering.splats import quaternion_to_rotation

SOME = "seven Gaussians, three of them marked"
NOBODY = "nobody is marked"
EVERYBODY = "everybody is marked"
QUARTER = "a long Gaussian, a quarter turn about z, one standard deviation along its axis"
STILL = "noise that is zero"
CLOUD = "1500 equal Gaussians, slanted, all split"

SHRINK = 1.6


def split(parameters: Parameters, mask: Tensor, noise: Tensor, shrink: float) -> Changed:
    """Keep the unmarked rows; put two behind them for each marked one, at mean + R S noise."""
    kept, old = (~mask).nonzero()[:, 0], mask.nonzero()[:, 0]
    origin = torch.cat([kept, old, old])
    fresh = torch.arange(len(origin)) >= len(kept)
    new = rows_of(parameters, origin)
    axes = quaternion_to_rotation(new["quats"][fresh]) * new["log_scales"][fresh].exp()[:, None]
    new["means"][fresh] += (axes @ noise.reshape(-1, 3, 1))[..., 0]
    new["log_scales"][fresh] -= math.log(shrink)
    return new, origin, fresh


def _cases(generator: torch.Generator) -> list[Case]:
    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    def one(quat: Tensor, scales: Tensor, count: int = 1) -> Parameters:
        rows = scene(1, generator) | {"quats": quat[None], "log_scales": scales.log()[None]}
        return {name: value.repeat_interleave(count, 0) for name, value in rows.items()}

    long = uniform(2.0, 3.0, 1, generator=generator).item()
    quarter = one(torch.tensor([1.0, 0.0, 0.0, 1.0]), torch.tensor([long, 0.5, 0.2]))
    along = torch.tensor([[[1.0, 0.0, 0.0]], [[-1.0, 0.0, 0.0]]])
    slanted = one(normal(4), torch.tensor([2.0, 0.7, 0.2]), 1500)
    return [
        Case(SOME, (scene(7, generator), marks(7, 1, 4, 5), normal(2, 3, 3), SHRINK)),
        Case(NOBODY, (scene(4, generator), marks(4), normal(2, 0, 3), SHRINK)),
        Case(EVERYBODY, (scene(3, generator), marks(3, 0, 1, 2), normal(2, 3, 3), 2.0)),
        Case(QUARTER, (quarter, marks(1, 0), along, SHRINK)),
        Case(STILL, (scene(4, generator), marks(4, 0, 2), torch.zeros(2, 2, 3), SHRINK)),
        Case(CLOUD, (slanted, torch.ones(1500, dtype=torch.bool), normal(2, 1500, 3), SHRINK)),
    ]


def _books(ask: Ask, case: Case) -> Finding | None:
    found = right_origin(ask, case) or right_fresh(ask, case)
    if found:
        return found
    parameters, mask = case.inputs[:2]
    new, kept = ask(*case.inputs)[0], int((~mask).sum())
    for name, value in parameters.items():
        row = odd_row(new[name][:kept], value[~mask])
        if row is not None:
            return Finding(
                f"a Gaussian that is not marked changes: row {row} of `{name}`.",
                came=", ".join(f"{v:.3g}" for v in new[name][row].flatten()[:3]),
                wanted=", ".join(f"{v:.3g}" for v in value[~mask][row].flatten()[:3]),
            )
    return None


def _inherits(ask: Ask, case: Case) -> Finding | None:
    """The children have their parent's turn, opacity and colour, and a smaller size."""
    parameters, mask, _, shrink = case.inputs
    new, kept = ask(*case.inputs)[0], int((~mask).sum())
    for name in ("quats", "logit_opacities", "sh"):
        old = parameters[name][mask]
        row = odd_row(new[name][kept:], torch.cat([old, old]))
        if row is not None:
            return Finding(f"the children should inherit `{name}` as it is, and one does not.")
    before = parameters["log_scales"][mask].repeat(2, 1).exp()
    came = new["log_scales"][kept:].exp()
    row = odd_row(came, before / shrink)
    if row is None:
        return None
    return Finding(
        _size_message(new["log_scales"][kept:], before, shrink),
        came=f"scales {listed(came[row])}",
        wanted=f"{listed(before[row] / shrink)}, of the parent's {listed(before[row])}",
        hint="`log_scales` are logarithms. What is a division there?",
    )


def _size_message(came: Tensor, before: Tensor, shrink: float) -> str:
    def is_near(wrong: Tensor) -> bool:
        return torch.allclose(came, wrong, atol=1e-4)

    if is_near(before.log()):
        return "the children are as large as their parent."
    if is_near(before.log() / shrink):
        return "the logarithms are divided, not the scales."
    if is_near(before.log() + math.log(shrink)):
        return "the children are larger than their parent."
    if is_near(before.log() - shrink):
        return "`shrink` itself is taken off the logarithms, not its logarithm."
    return "each child should be smaller than its parent by the factor `shrink` along each axis."


def _places(ask: Ask, case: Case) -> Finding | None:
    """With noise that one can follow by hand."""
    parameters, mask, noise, shrink = case.inputs
    new, kept = ask(*case.inputs)[0], int((~mask).sum())
    moved = new["means"][kept:] - parameters["means"][mask].repeat(2, 1)
    wanted = torch.zeros_like(moved)
    if case.name == QUARTER:
        wanted[:, 1] = noise[:, 0, 0] * parameters["log_scales"][0, 0].exp()
    row = odd_row(moved, wanted, 1e-4)
    if row is None:
        return None
    message = "without noise a child sits where its parent was."
    if case.name == QUARTER:
        message = (
            "the long axis, x, points along y after a quarter turn about z; one standard deviation "
            "along it is the long scale."
        )
        if odd_row(moved, wanted / shrink, 1e-4) is None:
            message = "the places are drawn from the shrunken Gaussian; asked is the parent."
        elif odd_row(moved, -wanted, 1e-4) is None:
            message = "the rotation goes the wrong way round."
        elif odd_row(moved, noise.reshape(-1, 3), 1e-4) is None:
            message = "the noise moves the children as it is: neither turned nor scaled."
    return Finding(message, came=f"moved by {listed(moved[row])}", wanted=listed(wanted[row]))


def _scatter(ask: Ask, case: Case) -> Finding | None:
    """The children of many equal Gaussians scatter like their parents, each on its own."""
    parameters, _, noise, _ = case.inputs
    moved = (ask(*case.inputs)[0]["means"] - parameters["means"][0]).double()
    first, second = moved.reshape(2, -1, 3)
    if torch.allclose(first, second, atol=1e-5):
        return Finding(
            "both children of each Gaussian land in one place: they will never part.",
            hint="There is noise for the first children and noise for the second ones.",
        )
    if torch.allclose(first, -second, atol=1e-5):
        return Finding("the second child mirrors the first; each has noise of its own.")
    white = noise.reshape(-1, 3).double()
    spread = white.mT @ white / len(white)  # near the identity: what this noise really is
    quats, scales = parameters["quats"][:1], parameters["log_scales"][:1].exp()
    axes = (quaternion_to_rotation(quats) * scales[:, None])[0].double()
    wanted, came = axes @ spread @ axes.mT, moved.mT @ moved / len(moved)
    if float((came - wanted).abs().max()) < 1e-3 * float(wanted.abs().max()):
        return None
    return Finding(
        "the children do not scatter like their parent: its covariance should be theirs.",
        came=f"variances {listed(came.diagonal())}",
        wanted=listed(wanted.diagonal()),
        hint="Noise of variance 1 becomes noise of the Gaussian by scaling first and turning then.",
    )


Offset = Callable[[Tensor, Tensor, Tensor], Tensor]


def _variant(
    offset: Offset | None = None,
    sizes: Callable[[Tensor, float], Tensor] = lambda logs, shrink: logs - math.log(shrink),
) -> Callable[..., Changed]:
    """A wrong answer: other offsets from rotations R, scales s and noise e, or other sizes."""

    def function(parameters: Parameters, mask: Tensor, noise: Tensor, shrink: float) -> Changed:
        new, origin, fresh = split(parameters, mask, noise, shrink)
        parents = rows_of(parameters, origin[fresh])
        if offset is not None:
            turns = quaternion_to_rotation(parents["quats"])
            parts = turns, parents["log_scales"].exp(), noise.reshape(-1, 3)
            new["means"][fresh] = parents["means"] + offset(*parts)
        new["log_scales"][fresh] = sizes(parents["log_scales"], shrink)
        return new, origin, fresh

    return function


def _turned(R: Tensor, vector: Tensor) -> Tensor:
    return (R @ vector[..., None])[..., 0]


def _twice_the_first(R: Tensor, s: Tensor, e: Tensor) -> Tensor:
    return _turned(R, s * e[: len(e) // 2].repeat(2, 1))


def _fresh_none(parameters: Parameters, mask: Tensor, noise: Tensor, shrink: float) -> Changed:
    new, origin, fresh = split(parameters, mask, noise, shrink)
    return new, origin, torch.zeros_like(fresh)


def _parents_kept(parameters: Parameters, mask: Tensor, noise: Tensor, shrink: float) -> Changed:
    new, _, _ = split(parameters, mask, noise, shrink)
    old, born = mask.nonzero()[:, 0], len(mask) - int(mask.sum())
    origin = torch.cat([torch.arange(len(mask)), old])
    children = {name: value[born + len(old) :] for name, value in new.items()}
    new = {name: torch.cat([value, children[name]]) for name, value in parameters.items()}
    return new, origin, torch.arange(len(origin)) >= len(mask)


def _all_shrunk(parameters: Parameters, mask: Tensor, noise: Tensor, shrink: float) -> Changed:
    new, origin, fresh = split(parameters, mask, noise, shrink)
    new["log_scales"] = parameters["log_scales"][origin] - math.log(shrink)
    return new, origin, fresh


def _fainter(parameters: Parameters, mask: Tensor, noise: Tensor, shrink: float) -> Changed:
    new, origin, fresh = split(parameters, mask, noise, shrink)
    new["logit_opacities"][fresh] -= math.log(2)
    return new, origin, fresh


def _pairs(parameters: Parameters, mask: Tensor, noise: Tensor, shrink: float) -> Changed:
    """The two children of one parent side by side."""
    new, origin, fresh = split(parameters, mask, noise, shrink)
    kept, two = int((~mask).sum()), int(mask.sum())
    born = kept + torch.arange(2 * two).reshape(2, two).T.reshape(-1)
    order = torch.cat([torch.arange(kept), born])
    return rows_of(new, order), origin[order], fresh


SPLIT = Check(
    name="splat_training.split",
    reference=split,
    cases=_cases,
    properties=(
        Property(
            "who stays, who goes, who stems from whom",
            1,
            _books,
            cases=(SOME, NOBODY, EVERYBODY),
            hint="First the unmarked rows, then all first children, then all second ones.",
        ),
        Property(
            "children are like their parent, but smaller",
            1,
            _inherits,
            cases=(SOME, EVERYBODY),
            hint="See hint 1.",
        ),
        Property(
            "places that can be worked out by hand",
            1,
            _places,
            cases=(STILL, QUARTER),
            hint="See hint 2.",
        ),
        Property("children scatter like their parent", 1, _scatter, cases=(CLOUD,)),
    ),
    mutants={
        "noise not turned": _variant(lambda R, s, e: s * e),
        "rotation transposed": _variant(lambda R, s, e: _turned(R.mT, s * e)),
        "turned before scaled": _variant(lambda R, s, e: s * _turned(R, e)),
        "noise not scaled": _variant(lambda R, s, e: _turned(R, e)),
        "bare noise": _variant(lambda R, s, e: e),
        "variances for scales": _variant(lambda R, s, e: _turned(R, s * s * e)),
        "logarithms for scales": _variant(lambda R, s, e: _turned(R, s.log() * e)),
        "drawn from the shrunken one": _variant(lambda R, s, e: _turned(R, s * e / SHRINK)),
        "one noise for both": _variant(_twice_the_first),
        "not moved at all": _variant(lambda R, s, e: 0 * e),
        "not smaller": _variant(sizes=lambda logs, shrink: logs),
        "logarithms divided": _variant(sizes=lambda logs, shrink: logs / shrink),
        "larger": _variant(sizes=lambda logs, shrink: logs + math.log(shrink)),
        "shrink subtracted": _variant(sizes=lambda logs, shrink: logs - shrink),
        "always 1.6": _variant(sizes=lambda logs, shrink: logs - math.log(1.6)),
        "the parent is kept": _parents_kept,
        "everybody shrinks": _all_shrunk,
        "children fainter": _fainter,
        "children in pairs": _pairs,
        "nothing is fresh": _fresh_none,
    },
)
