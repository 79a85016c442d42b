"""Exercise 1 of unit 18: how far a picture is from a photograph."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.mistakes import compare, gradients_flow, uniform
from course_lib.rendering.splats import photometric_loss

LIKE = "a picture and a noisy copy, w = 0.2"
WIDE = "a wide picture, w = 0.5"
STRUCTURE = "only structure counts, w = 1"
EQUAL = "equal pictures, w = 0.2"
ABSOLUTE = "only absolute differences count, w = 0"
FLAT = "two flat grey pictures, w = 1"
MIRRORED = "stripes against the same stripes in negative, w = 1"

C1, C2 = 0.01**2, 0.03**2


def local_mean(x: Tensor) -> Tensor:
    """Gaussian-weighted mean over 11 x 11 pixels, (H, W, 3) to the same shape."""
    weights = torch.exp(-0.5 * (torch.arange(-5.0, 6.0) / 1.5) ** 2)
    weights = (weights / weights.sum()).expand(3, 1, 11)
    x = torch.nn.functional.pad(x.permute(2, 0, 1)[None], (5, 5, 5, 5), mode="reflect")
    x = torch.nn.functional.conv2d(x, weights[..., None, :], groups=3)
    x = torch.nn.functional.conv2d(x, weights[..., :, None], groups=3)
    return x[0].permute(1, 2, 0)


def _cases(generator: torch.Generator) -> list[Case]:
    def smooth(height: int, width: int) -> Tensor:
        """A picture with structure, in [0.1, 0.9]."""
        x = local_mean(torch.randn(height, width, 3, generator=generator))
        return 0.5 + 0.4 * x / x.abs().max()

    def noisy(picture: Tensor, by: float) -> Tensor:
        return (picture + uniform(-by, by, *picture.shape, generator=generator)).clamp(0, 1)

    target, wide, other = smooth(20, 24), smooth(13, 31), smooth(18, 18)
    stripes = (torch.arange(24) % 4 < 2).float()[None, :, None].expand(24, 24, 3).clone()
    stripes = 0.3 + 0.4 * stripes
    grey = torch.tensor([0.2, 0.6]) + uniform(-0.1, 0.1, 2, generator=generator)
    flat = [float(each) * torch.ones(16, 16, 3) for each in grey]
    return [
        Case(LIKE, (noisy(target, 0.2), target, 0.2)),
        Case(WIDE, (noisy(wide, 0.1), wide, 0.5)),
        Case(STRUCTURE, (noisy(other, 0.1), other, 1.0)),
        Case(EQUAL, (target.clone(), target, 0.2)),
        Case(ABSOLUTE, (noisy(target, 0.3), target, 0.0)),
        Case(FLAT, (flat[0], flat[1], 1.0)),
        Case(MIRRORED, (1 - stripes, stripes, 1.0)),
    ]


def _limits(ask: Ask, case: Case) -> Finding | None:
    image, target, _ = case.inputs
    wanted = 0.0 if case.name == EQUAL else float((image - target).abs().mean())
    came = float(ask(*case.inputs))
    if abs(came - wanted) < 1e-5:
        return None
    message = "two equal pictures have no loss: L1 is 0, and SSIM is 1."
    if case.name == ABSOLUTE:
        message = "with w = 0 only the mean of the absolute differences is left."
        if abs(came - float((image - target).square().mean())) < 1e-5:
            message = "the differences are squared; asked is their absolute value."
    return Finding(message, came=f"{came:.4g}", wanted=f"{wanted:.4g}")


def _structure_by_hand(ask: Ask, case: Case) -> Finding | None:
    image, target, _ = case.inputs
    came = float(ask(*case.inputs))
    if case.name == MIRRORED:
        return _negative(came)
    a, b = float(image[0, 0, 0]), float(target[0, 0, 0])
    wanted = 1 - (2 * a * b + C1) / (a * a + b * b + C1)
    if abs(came - wanted) < 1e-4:
        return None
    halved = abs(came - wanted / 2) < 1e-4
    return Finding(
        "the term is halved: asked is 1 - SSIM, not half of it."
        if halved
        else "flat pictures have no variance, so only their means are compared: the second "
        "fraction is 1.",
        came=f"{came:.4g}",
        wanted=f"{wanted:.4g}",
        hint="A variance is the mean of the squares minus the square of the mean.",
    )


def _negative(came: float) -> Finding | None:
    if 1.8 < came < 2.0 + 1e-4:
        return None
    return Finding(
        "a picture and its negative vary in opposite ways, so their SSIM is near -1.",
        came=f"a loss of {came:.4g}",
        wanted="between 1.8 and 2",
        hint="The covariance has a sign.",
    )


def _variant(
    similarity: Callable[..., Tensor] | None = None,
    absolute: Callable[[Tensor], Tensor] = lambda gap: gap.abs().mean(),
    mix: Callable[[Tensor, Tensor, float], Tensor] = lambda l1, s, w: (1 - w) * l1 + w * (1 - s),
) -> Callable[[Tensor, Tensor, float], Tensor]:
    """A wrong answer, put together from its parts."""
    similarity = similarity or _similarity

    def function(image: Tensor, target: Tensor, weight: float) -> Tensor:
        return mix(absolute(image - target), similarity(image, target).mean(), weight)

    return function


def _similarity(
    a: Tensor, b: Tensor, c1: float = C1, c2: float = C2, mean: Callable = local_mean
) -> Tensor:
    mean_a, mean_b = mean(a), mean(b)
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    varies = mean(a * a) - mean_a**2 + mean(b * b) - mean_b**2
    return luminance * (2 * (mean(a * b) - mean_a * mean_b) + c2) / (varies + c2)


def _not_centred(a: Tensor, b: Tensor) -> Tensor:
    mean_a, mean_b = local_mean(a), local_mean(b)
    luminance = (2 * mean_a * mean_b + C1) / (mean_a**2 + mean_b**2 + C1)
    return luminance * (2 * local_mean(a * b) + C2) / (local_mean(a * a) + local_mean(b * b) + C2)


def _without_sign(a: Tensor, b: Tensor) -> Tensor:
    mean_a, mean_b = local_mean(a), local_mean(b)
    luminance = (2 * mean_a * mean_b + C1) / (mean_a**2 + mean_b**2 + C1)
    spread_a = (local_mean(a * a) - mean_a**2).clamp_min(1e-9)
    spread_b = (local_mean(b * b) - mean_b**2).clamp_min(1e-9)
    return luminance * (2 * (spread_a * spread_b).sqrt() + C2) / (spread_a + spread_b + C2)


_whole_picture = _variant(
    lambda a, b: _similarity(a, b, mean=lambda x: x.mean(dim=(0, 1), keepdim=True))
)
_squares = _variant(absolute=lambda gap: gap.square().mean())
_swapped = _variant(mix=lambda l1, s, w: w * l1 + (1 - w) * (1 - s))
_rewarded = _variant(mix=lambda l1, s, w: (1 - w) * l1 + w * s)
_halved = _variant(mix=lambda l1, s, w: (1 - w) * l1 + w * (1 - s) / 2)
_added = _variant(mix=lambda l1, s, w: l1 + w * (1 - s))
_raw_constants = _variant(lambda a, b: _similarity(a, b, 0.01, 0.03))

_MISTAKES = {
    "the differences are squared; asked is their absolute value.": _squares,
    "the two weights have changed places: w belongs to the structure.": _swapped,
    "SSIM grows as the pictures get alike; as a loss it has to be turned round.": _rewarded,
    "the structural term is halved: asked is 1 - SSIM.": _halved,
    "L1 keeps its full weight: the two weights should add to one.": _added,
    "the constants c1 and c2 are squares: 0.01² and 0.03².": _raw_constants,
    "means are taken over the whole picture; asked are local ones.": _whole_picture,
    "variances and covariance lack their second half: the product of the means.": (
        _variant(_not_centred)
    ),
}


PHOTOMETRIC_LOSS = Check(
    name="splat_training.photometric_loss",
    reference=photometric_loss,
    cases=_cases,
    properties=(
        Property("limits: equal pictures, and w = 0", 1, _limits, cases=(EQUAL, ABSOLUTE)),
        Property(
            "structure that can be worked out by hand",
            1,
            _structure_by_hand,
            cases=(FLAT, MIRRORED),
            hint="See hint 2.",
        ),
        Property(
            "values agree with the reference",
            1,
            lambda ask, case: compare(ask, case, _MISTAKES, atol=1e-4, rtol=1e-4),
            cases=(LIKE, WIDE, STRUCTURE),
            hint="See hint 3.",
        ),
        gradients_flow(1, (0,), cases=(LIKE, STRUCTURE), hint="The fit follows this gradient."),
    ),
    mutants={
        "squares for absolute values": _squares,
        "weights swapped": _swapped,
        "similarity rewarded": _rewarded,
        "structure halved": _halved,
        "weights do not add to one": _added,
        "constants not squared": _raw_constants,
        "means over the whole picture": _whole_picture,
        "variances not centred": _variant(_not_centred),
        "covariance without its sign": _variant(_without_sign),
        "sum for mean": _variant(absolute=lambda gap: gap.abs().sum()),
        "structure without gradient": _variant(lambda a, b: _similarity(a.detach(), b)),
        "detached": lambda image, target, weight: photometric_loss(image, target, weight).detach(),
    },
)
