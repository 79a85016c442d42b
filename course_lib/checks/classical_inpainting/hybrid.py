"""Exercise 5 of unit 04: shapes flow in, texture is copied, and the two are added."""

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.classical_inpainting.common import (
    blind_to_the_hole,
    known_pixels_stay,
    recognise,
    rectangle,
    uniform,
)
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.data import gradient_picture
from course_lib.inpainting import (
    exemplar_inpaint,
    harmonic_inpaint,
    hybrid_inpaint,
    split_structure_texture,
)

SHADED = "a woven cloth in changing light"
BATCH = "two cloths, the second torn at the border"
NOISE = "black and white noise"


def _cases(generator: torch.Generator) -> list[Case]:
    # The reference's compiled loops are ready before anybody's time is taken.
    hybrid_inpaint(torch.zeros(1, 1, 12, 12), rectangle(12, 12, slice(0, 1), slice(0, 1)))
    noise = (torch.rand(1, 3, 28, 30, generator=generator) > 0.5).float()
    noise_hole = rectangle(28, 30, slice(9, 18), slice(10, 20))
    hole = rectangle(36, 40, slice(12, 24), slice(13, 26))
    torn = rectangle(36, 40, slice(0, 9), slice(26, 40))
    cloths = torch.cat([_cloth(generator), _cloth(generator).flip(3)])
    holes = torch.cat([hole, torn])
    return [
        Case(SHADED, (_negative(_cloth(generator), hole), hole)),
        Case(BATCH, (_negative(cloths, holes), holes)),
        Case(NOISE, (_negative(noise, noise_hole), noise_hole)),
    ]


def _cloth(generator: torch.Generator) -> Tensor:
    """Shading without texture (it solves Laplace's equation) plus a weave of period 4."""
    y, x = torch.arange(36.0)[:, None], torch.arange(40.0)
    down, right = (uniform(0.0, 2 * torch.pi, generator) for _ in "yx")
    weave = torch.sin(y * torch.pi / 2 + down) * torch.sin(x * torch.pi / 2 + right)
    return gradient_picture((36, 40)) + 0.1 * weave


def _negative(image: Tensor, mask: Tensor) -> Tensor:
    """Paint the hole with its own negative, so that the judge can restore the truth."""
    return torch.where(mask, 1.0 - image, image)


def _in_range(ask: Ask, case: Case) -> Finding | None:
    came = ask(*case.inputs)
    low, high = float(came.min()), float(came.max())
    if low >= 0.0 and high <= 1.0:
        return None
    return Finding(
        "two fillings were added, and the sum has left the range of a picture.",
        came=f"from {low:.4g} to {high:.4g}",
        wanted="from 0 to 1",
        hint="See the last line of hint 1.",
    )


def _beats_each_alone(ask: Ask, case: Case) -> Finding | None:
    image, mask = case.inputs
    truth = _negative(image, mask)
    came = ask(*case.inputs)
    alone = {"diffusion": harmonic_inpaint(image, mask), "copying": exemplar_inpaint(image, mask)}
    limit = 0.5 * min(_error(each, truth, mask) for each in alone.values())
    error = _error(came, truth, mask)
    if error <= limit:
        return None
    return Finding(
        recognise(came, _mistakes(image, mask))
        or "the filling is not clearly better than what one method alone would do.",
        came=f"root mean square error {error:.4f} in the hole",
        wanted=f"at most {limit:.4f}: half of what the better of "
        f"{' and '.join(alone)} makes on the whole picture",
        pictures={
            "with its hole": _shown(torch.where(mask, 0.5, image)),
            "yours": _shown(came),
            "the truth": _shown(truth),
        },
    )


def _mistakes(image: Tensor, mask: Tensor) -> dict[str, Tensor]:
    return {
        "this is what diffusion makes of the whole picture: no texture.": harmonic_inpaint(
            image, mask
        ),
        "this is what copying makes of the whole picture: the shading does not fit.": (
            exemplar_inpaint(image, mask)
        ),
        "the structure is there, but where is the texture?": _structure_only(image, mask),
        "the two methods have changed places: diffusion blurs the texture, copying breaks the "
        "shading.": _swapped(image, mask),
        "the texture went into the copying without its negative half.": _half_texture(image, mask),
        "the texture was shifted into [0, 1] for the copying, and never shifted back.": (
            _not_shifted_back(image, mask)
        ),
    }


def _agrees(ask: Ask, case: Case) -> Finding | None:
    image, mask = case.inputs
    came, wanted = ask(*case.inputs), ask.wanted(*case.inputs)
    for index in range(len(image)):
        each = slice(index, index + 1)
        error = _error(came[each], wanted[each], mask[each])
        if error > 0.01:
            return Finding(
                recognise(came, _mistakes(image, mask))
                or f"the filling of picture {index} differs from the reference's.",
                came=f"root mean square difference {error:.4f} in the hole of picture {index}",
                wanted="at most 0.01",
                pictures={"yours": _shown(came[each]), "the reference": _shown(wanted[each])},
            )
    return None


def _error(came: Tensor, wanted: Tensor, mask: Tensor) -> float:
    """The root of the mean squared error over the hole."""
    return float((came - wanted)[mask.expand_as(came)].square().mean().sqrt())


def _shown(picture: Tensor) -> Tensor:
    return picture[0].permute(1, 2, 0).clamp(0, 1)


def _fill(shapes: Tensor, details: Tensor, image: Tensor, mask: Tensor) -> Tensor:
    return torch.where(mask, (shapes + details).clamp(0, 1), image)


def _copied(texture: Tensor, mask: Tensor) -> Tensor:
    """Exemplar-based filling of values in [-1, 1]."""
    return 2 * exemplar_inpaint((texture + 1) / 2, mask) - 1


def _structure_only(image: Tensor, mask: Tensor) -> Tensor:
    structure, _ = split_structure_texture(image, mask)
    return torch.where(mask, harmonic_inpaint(structure, mask), image)


def _swapped(image: Tensor, mask: Tensor) -> Tensor:
    structure, texture = split_structure_texture(image, mask)
    details = 2 * harmonic_inpaint((texture + 1) / 2, mask) - 1
    return _fill(exemplar_inpaint(structure, mask), details, image, mask)


def _half_texture(image: Tensor, mask: Tensor) -> Tensor:
    structure, texture = split_structure_texture(image, mask)
    details = exemplar_inpaint(texture.clamp(0, 1), mask)
    return _fill(harmonic_inpaint(structure, mask), details, image, mask)


def _not_shifted_back(image: Tensor, mask: Tensor) -> Tensor:
    structure, texture = split_structure_texture(image, mask)
    details = exemplar_inpaint((texture + 1) / 2, mask)
    return _fill(harmonic_inpaint(structure, mask), details, image, mask)


def _added(image: Tensor, mask: Tensor) -> Tensor:
    """Everything right but for the last line: neither clamped nor put back."""
    structure, texture = split_structure_texture(image, mask)
    return harmonic_inpaint(structure, mask) + _copied(texture, mask)


def _not_clamped(image: Tensor, mask: Tensor) -> Tensor:
    return torch.where(mask, _added(image, mask), image)


def _split_without_mask(image: Tensor, mask: Tensor) -> Tensor:
    structure, texture = split_structure_texture(image)
    return _fill(harmonic_inpaint(structure, mask), _copied(texture, mask), image, mask)


def _mean_of_both(image: Tensor, mask: Tensor) -> Tensor:
    return (harmonic_inpaint(image, mask) + exemplar_inpaint(image, mask)) / 2


def _one_mask(image: Tensor, mask: Tensor) -> Tensor:
    return hybrid_inpaint(image, mask[:1].expand_as(mask))


HYBRID_INPAINT = Check(
    name="classical_inpainting.hybrid_inpaint",
    reference=hybrid_inpaint,
    cases=_cases,
    properties=(
        Property(
            "known pixels stay, and what the hole held does not count",
            1,
            lambda ask, case: known_pixels_stay(ask, case) or blind_to_the_hole(ask, case),
            cases=(SHADED, BATCH),
            hint="Give every step the mask, the split as well: see hint 2.",
        ),
        Property("values lie in [0, 1]", 1, _in_range, cases=(NOISE,)),
        Property(
            "better than each method alone",
            1,
            _beats_each_alone,
            cases=(SHADED,),
            hint="Which part does each method do well? See hint 2; and for the two signs, hint 3.",
        ),
        Property(
            "every picture is filled as the reference fills it",
            1,
            _agrees,
            cases=(SHADED, BATCH),
            hint="Leave the other arguments of the three functions as they are: see hint 3.",
        ),
    ),
    mutants={
        "diffusion alone": lambda image, mask: harmonic_inpaint(image, mask),
        "copying alone": lambda image, mask: exemplar_inpaint(image, mask),
        "structure alone": _structure_only,
        "methods swapped": _swapped,
        "negative texture lost": _half_texture,
        "texture not shifted back": _not_shifted_back,
        "known pixels rounded": lambda image, mask: _added(image, mask).clamp(0, 1),
        "not clamped": _not_clamped,
        "split without the mask": _split_without_mask,
        "mean of both": _mean_of_both,
        "one mask for all": _one_mask,
    },
)
