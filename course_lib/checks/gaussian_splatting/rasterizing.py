"""Exercise 6 of unit 17: every pixel, all splats, one picture."""

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.gaussian_splatting.rasterizing_mutants import MUTANTS, rasterize
from course_lib.checks.mistakes import (
    Mistakes,
    gradient_difference,
    listed,
    recognise,
    uniform,
)
from course_lib.rendering import look_at

CROWD = "twelve splats in any order, two of them behind the camera"
THREE = "three large splats, the nearest listed last"
ONE = "one splat in the middle of the picture"
NONE = "all splats behind the camera"
OPAQUE = "opaque splats one behind the other"
FAINT = "thirty splats too faint for a step of 1/255"


def _cases(generator: torch.Generator) -> list[Case]:
    return [
        Case(CROWD, _crowd(generator)),
        Case(THREE, _three()),
        Case(ONE, _scene([[0, 0, 2]], 0.15, [0.8], uniform(0.3, 1.0, 1, 3, generator=generator))),
        Case(NONE, _scene([[0, 0, -2], [0.1, 0, -1]], 0.3, [0.8, 0.9], torch.ones(2, 3))),
        Case(OPAQUE, _opaque()),
        Case(FAINT, _faint(generator)),
    ]


def _camera(width: int, height: int) -> tuple[Tensor, Tensor, int, int]:
    focal = 0.9 * width
    K = torch.tensor([[focal, 0.0, width / 2], [0.0, focal, height / 2], [0.0, 0.0, 1.0]])
    return torch.eye(4), K, width, height


def _scene(
    means: list[list[float]], scale: float, opacities: list[float], colors: Tensor
) -> tuple[Tensor | int, ...]:
    """Round splats of one size, seen by a camera at the origin."""
    count = len(means)
    quats = torch.tensor([[1.0, 0.0, 0.0, 0.0]]).repeat(count, 1)
    scales = torch.full((count, 3), scale)
    where, how_much = torch.tensor(means, dtype=torch.float32), torch.tensor(opacities)
    return where, quats, scales, how_much, colors, *_camera(15, 11)


def _crowd(generator: torch.Generator) -> tuple[Tensor | int, ...]:
    def draw(low: float, high: float, *shape: int) -> Tensor:
        return uniform(low, high, *shape, generator=generator)

    _, K, width, height = _camera(20, 14)
    K[1, 1], K[0, 2] = 16.0, 9.0
    eye = torch.tensor([2.6, -1.0, 0.8]) * draw(0.9, 1.1, 3)
    means = draw(-0.9, 0.9, 12, 3)
    means[:2] = 1.6 * eye * draw(0.9, 1.1, 2, 1)  # beyond the eye
    means = means[torch.randperm(12, generator=generator)]
    scene = means, torch.randn(12, 4, generator=generator), draw(0.1, 0.5, 12, 3)
    return *scene, draw(0.3, 0.95, 12), draw(0.1, 1.0, 12, 3), look_at(eye), K, width, height


def _three() -> tuple[Tensor | int, ...]:
    """Blue is nearest by depth, orange by distance from the camera, green is far by both."""
    colors = torch.tensor([[0.0, 0.6, 0.5], [0.9, 0.6, 0.0], [0.0, 0.45, 0.7]])
    return _scene([[0.4, 0, 4], [-0.3, 0, 2.2], [1.2, 0, 2.0]], 0.8, [0.8] * 3, colors)


def _opaque() -> tuple[Tensor | int, ...]:
    """Red, blue, and a wide green one behind both that shows around them."""
    scene = list(_scene([[0, 0, 3], [0, 0, 2], [0, 0, 4]], 0.2, [1.0] * 3, torch.eye(3)))
    scene[4] = torch.tensor([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    scene[2] = torch.tensor([0.2, 0.2, 1.5])[:, None].repeat(1, 3)
    return tuple(scene)


def _faint(generator: torch.Generator) -> tuple[Tensor | int, ...]:
    depths = uniform(1.5, 3.0, 30, generator=generator).tolist()
    return _scene([[0, 0, z] for z in depths], 0.8, [0.0035] * 30, torch.ones(30, 3))


def _one_splat(ask: Ask, case: Case) -> Finding | None:
    came = ask(*case.inputs)
    if case.name == ONE:
        middle, colour = came[5, 7], case.inputs[3] * case.inputs[4][0]
        message = "the splat has the wrong size, or fades out in the wrong way."
        if float((middle - colour).abs().max()) > 1e-4:
            message = "at its very middle a splat shows its colour times its opacity, on black."
        return _compare(ask, case, message, hint="See hint 2.")
    if float(came.abs().max()) == 0.0:
        return None
    return Finding(
        "all splats are behind the camera, so the picture should be black.",
        came=f"as bright as {float(came.max()):.3g}",
        wanted="0 everywhere",
        hint="A mean behind the camera still has a projection, upside down.",
        pictures={"yours": came.clamp(0, 1)},
    )


def _order(ask: Ask, case: Case) -> Finding | None:
    means, quats, scales, opacities, colors, *camera = case.inputs
    back = torch.arange(len(means)).flip(0)
    listed_back = [each[back] for each in (means, quats, scales, opacities, colors)]
    first, again = ask(*case.inputs), ask(*listed_back, *camera)
    error = (first - again).abs()
    if float(error.max()) > 1e-4:
        i, j = divmod(int(error.amax(dim=2).argmax()), error.shape[1])
        return Finding(
            "the same splats, listed in another order, give another picture.",
            came=f"{listed(first[i, j])} and {listed(again[i, j])} at pixel {i, j}",
            wanted="the same twice",
            hint="Who is in front is decided by the depth, not by the place in the list.",
            pictures={"as listed": first.clamp(0, 1), "listed backwards": again.clamp(0, 1)},
        )
    return None if case.name == CROWD else _nearest_in_front(first, ask, case)


def _nearest_in_front(came: Tensor, ask: Ask, case: Case) -> Finding | None:
    """Whatever else may be wrong: which order of the splats is the picture most like?"""
    wanted = ask.wanted(*case.inputs)
    orders = {"": wanted} | {words: _MISTAKES[words](*case.inputs) for words in _ORDERS}
    like = min(orders, key=lambda words: float((came - orders[words]).square().sum()))
    if like == "":
        return None
    i, j = divmod(int((wanted - orders[like]).abs().amax(dim=2).argmax()), wanted.shape[1])
    return Finding(
        like,
        came=f"{listed(came[i, j])} at pixel {i, j}",
        wanted=listed(wanted[i, j]),
        hint="The depth is the third result of project.",
        pictures={"yours": came.clamp(0, 1), "wanted": wanted.clamp(0, 1)},
    )


def _constants(ask: Ask, case: Case) -> Finding | None:
    message = "an opaque splat in front hides, but for a thousandth, what lies behind it."
    if case.name == FAINT:
        message = "an alpha below 1/255 is skipped, and here all of them are."
    return _compare(ask, case, message, hint="See hint 3.")


def _compare(
    ask: Ask, case: Case, message: str = "", hint: str = "", few: int = 0
) -> Finding | None:
    """Compare the pictures; say which mistake it is if it is a known one, else ``message``.

    Rounding may push an alpha to the other side of 1/255: ``few`` pixels may differ by that much.
    """
    came, wanted = ask(*case.inputs), ask.wanted(*case.inputs)
    error = (came - wanted).abs().amax(dim=2)
    off, worst = int((error > 2e-4).sum()), float(error.max())
    if off == 0 or (off <= few and worst <= 5e-3):
        return None
    i, j = divmod(int(error.argmax()), error.shape[1])
    plain = (
        f"the picture is not the one that the course's renderer draws: {off} of {error.numel()} "
        f"pixels are off."
    )
    return Finding(
        recognise(came, case.inputs, _MISTAKES, atol=1e-4, rtol=0.0) or message or plain,
        came=f"{listed(came[i, j], 4)} at pixel {i, j}",
        wanted=f"{listed(wanted[i, j], 4)}",
        hint=hint,
        pictures={"yours": came.clamp(0, 1), "wanted": wanted.clamp(0, 1)},
    )


def _agrees_with_gradients(ask: Ask, case: Case) -> Finding | None:
    found = _compare(ask, case, few=2)
    if found:
        return found
    for wrt in (0, 2, 3, 4):  # means, scales, opacities, colors
        found = gradient_difference(ask, case.inputs, wrt, share=5e-3)
        if found:
            return found
    return None


_ORDERS = (
    "the farthest splat is drawn in front.",
    "the splats are sorted by their distance from the camera; asked is their depth, along z.",
)
_MISTAKES: Mistakes = {
    _ORDERS[0]: MUTANTS["far to near"],
    _ORDERS[1]: MUTANTS["sorted by distance"],
    "what is behind the camera is drawn too.": MUTANTS["behind not dropped"],
    "each splat is half a pixel off: a pixel's centre lies at +0.5 in x and in y.": (
        MUTANTS["pixel corners"]
    ),
    "x and y have changed places: x counts columns, y counts rows.": MUTANTS["rows for columns"],
    "the exponent lacks its factor 1/2.": MUTANTS["no half in the exponent"],
    "the offset meets the covariance itself; it should meet its inverse.": (
        MUTANTS["covariance not inverted"]
    ),
    "only the diagonal of the covariance is used: no ellipse is slanted.": MUTANTS["diagonal only"],
    "the opacities have no effect.": MUTANTS["opacities ignored"],
    "the light that a splat stops is not missing behind it.": MUTANTS["light not stopped"],
    "alpha is not capped at 0.999.": MUTANTS["no cap"],
    "alphas below 1/255 are drawn; they are skipped.": MUTANTS["faint drawn"],
    "a pixel goes on after its light is used up: its transmittance falls below 1e-4.": (
        MUTANTS["never stops"]
    ),
    "as soon as one pixel is finished, all others stop too.": MUTANTS["one stops all"],
    "the background is white; without splats a pixel is black.": MUTANTS["white background"],
}


RASTERIZE = Check(
    name="gaussian_splatting.rasterize",
    reference=rasterize,
    cases=_cases,
    properties=(
        Property("one splat, and none", 1, _one_splat, cases=(ONE, NONE)),
        Property(
            "the order of the list does not matter, the depth does",
            1,
            _order,
            cases=(CROWD, THREE),
            hint="See hint 1.",
        ),
        Property("cap, threshold and early stop", 1, _constants, cases=(OPAQUE, FAINT)),
        Property(
            "picture and gradients agree with the reference",
            1,
            _agrees_with_gradients,
            cases=(CROWD,),
            hint="The order is a list of whole numbers and has no gradient; all the rest has.",
        ),
    ),
    mutants=MUTANTS,
)
