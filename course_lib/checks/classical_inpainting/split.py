"""Exercise 4 of unit 04: a picture as the sum of its large shapes and its fine rest."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.checks.ask import Ask
from course_lib.checks.classical_inpainting.common import (
    blind_to_the_hole,
    paint,
    recognise,
    rectangle,
    uniform,
)
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.properties import difference
from course_lib.inpainting import (
    harmonic_inpaint,
    split_structure_texture,
    total_variation_smooth,
)

Parts = tuple[Tensor, Tensor]

FLAT = "a flat grey picture with a hole"
EDGE = "two flat colours and a sharp edge"
WEAVE = "a fine weave on a grey ground"
NOISE = "two noisy pictures with holes, three steps"
MORE = "two noisy pictures with holes, forty steps"


def _cases(generator: torch.Generator) -> list[Case]:
    grey = torch.full((1, 1, 12, 14), uniform(0.3, 0.7, generator))
    hole = rectangle(12, 14, slice(4, 8), slice(5, 10))
    holes = torch.cat(
        [
            rectangle(14, 18, slice(3, 8), slice(4, 10)),
            rectangle(14, 18, slice(8, 14), slice(0, 5)),
        ]
    )
    noise = torch.rand(2, 3, 14, 18, generator=generator)
    smooth = torch.nn.functional.avg_pool2d(noise, 3, stride=1, padding=1)
    noisy = paint(0.5 * noise + 0.5 * smooth, holes, generator)
    return [
        Case(FLAT, (paint(grey, hole, generator), hole, 0.2, 20)),
        Case(EDGE, (*_edge(generator), 0.1, 100)),
        Case(WEAVE, (*_weave(generator), 0.2, 60)),
        Case(NOISE, (noisy, holes, 0.15, 3)),
        Case(MORE, (noisy, holes, 0.15, 40)),
    ]


def _edge(generator: torch.Generator) -> Parts:
    """Dark columns 0 to 11, bright columns 12 to 23, three channels with their own contrast."""
    contrast = 0.5 + 0.4 * torch.rand(1, 3, 1, 1, generator=generator)
    step = (torch.arange(24) >= 12).float().expand(1, 3, 16, 24)
    return 0.05 + contrast * step, torch.zeros(1, 1, 16, 24, dtype=torch.bool)


def _weave(generator: torch.Generator) -> Parts:
    amplitude = uniform(0.06, 0.1, generator)
    wave = torch.sin(torch.arange(24.0) * torch.pi / 2 + 0.4)  # four pixels a period
    picture = 0.5 + amplitude * wave[:, None] * wave
    return picture.view(1, 1, 24, 24), rectangle(24, 24, slice(8, 14), slice(9, 15))


def _parts_add_up(ask: Ask, case: Case) -> Finding | None:
    image, mask = case.inputs[:2]
    structure, texture = ask(*case.inputs)
    error = torch.where(mask, 0.0, (structure + texture - image).abs())
    if float(error.max()) > 1e-6:
        b, c, y, x = (int(i) for i in torch.unravel_index(error.argmax(), error.shape))
        return Finding(
            "structure + texture is not the picture at the known pixels.",
            came=f"{float(structure[b, c, y, x] + texture[b, c, y, x]):.5g} at {(b, c, y, x)}",
            wanted=f"{float(image[b, c, y, x]):.5g}",
            hint="Texture is what the structure leaves over. It has both signs, and it is neither "
            "scaled nor clamped.",
        )
    inside = torch.where(mask, texture, 0.0).abs().max()
    if float(inside) <= 1e-7:
        return None
    return Finding(
        "nothing is known of the texture in the hole yet, so it should be zero there.",
        came=f"up to {float(inside):.3g} in the hole",
        wanted="0 in the hole",
        hint="Filling the texture is the next exercise's business.",
    )


def _edges_stay(ask: Ask, case: Case) -> Finding | None:
    image = case.inputs[0]
    structure, _ = ask(*case.inputs)
    if float(structure.mean().abs()) < 0.2 * float(image.mean()):
        return Finding("the structure has no brightness of its own: is it the texture?")
    judge = {FLAT: _flat_has_no_texture, EDGE: _edge_is_sharp, WEAVE: _weave_is_texture}[case.name]
    return judge(ask, case)


def _flat_has_no_texture(ask: Ask, case: Case) -> Finding | None:
    structure, texture = ask(*case.inputs)
    grey = float(case.inputs[0][0, 0, 0, 0])
    if float((structure - grey).abs().max()) <= 1e-4 and float(texture.abs().max()) <= 1e-4:
        return None
    return Finding(
        "a flat picture is all structure: there is no texture in it.",
        came=f"texture up to {float(texture.abs().max()):.3g}, structure from "
        f"{float(structure.min()):.3g} to {float(structure.max()):.3g}",
        wanted=f"texture 0, structure {grey:.3g} everywhere",
    )


def _edge_is_sharp(ask: Ask, case: Case) -> Finding | None:
    image = case.inputs[0]
    structure, _ = ask(*case.inputs)
    jump, wanted = (each[0, 0, 8, 12] - each[0, 0, 8, 11] for each in (structure, image))
    share = float(jump / wanted)
    if 0.9 <= share <= 1.01:
        return None
    message = "the structure should keep the edge: in one step from dark to bright, as it was."
    if 0 < share < 0.9:
        message = (
            "the edge has been smeared. Blur cannot tell an edge from texture; the total variation "
            "does not care how steep a step is, only how high."
        )
    return Finding(
        message,
        came=f"{100 * share:.0f} % of the step lies between the two columns",
        wanted="at least 90 %",
        pictures={"the picture": _shown(image), "your structure": _shown(structure)},
    )


def _weave_is_texture(ask: Ask, case: Case) -> Finding | None:
    image, mask = case.inputs[:2]
    structure = ask(*case.inputs)[0]
    before, after = (_total_variation(torch.where(mask, 0.5, u)) for u in (image, structure))
    if after <= 0.2 * before:
        return None
    return Finding(
        "a fine, faint weave is texture, but it is still in the structure.",
        came=f"the structure keeps {100 * after / before:.0f} % of the total variation",
        wanted="next to nothing",
        pictures={"the picture": _shown(image), "your structure": _shown(structure)},
    )


def _total_variation(picture: Tensor) -> float:
    return float(picture.diff(dim=-1).abs().sum() + picture.diff(dim=-2).abs().sum())


def _shown(picture: Tensor) -> Tensor:
    return picture[0].expand(3, -1, -1).permute(1, 2, 0).clamp(0, 1)


def _agrees(ask: Ask, case: Case) -> Finding | None:
    image, mask, weight, steps = case.inputs
    came, wanted = ask(*case.inputs)[0], ask.wanted(*case.inputs)[0]
    if difference(came, wanted, atol=1e-3, rtol=0.0) is None:
        return None
    mistakes = {
        "it takes one step too few": ask.wanted(image, mask, weight, steps - 1)[0],
        "it takes one step too many": ask.wanted(image, mask, weight, steps + 1)[0],
        "the step goes in the wrong direction": _split(image, mask, weight, steps, -1.0)[0],
        "the weight seems to divide where it should multiply, and the other way round": (
            ask.wanted(image, mask, 1 / weight, steps)[0]
        ),
        "the length of g seems to be |g_down| + |g_right|": _split(
            image, mask, weight, steps, length=lambda down, right: down.abs() + right.abs()
        )[0],
    }
    message = recognise(came, mistakes, atol=5e-4)
    return difference(came, wanted, atol=1e-3, rtol=0.0, message=message)


def _split(
    image: Tensor,
    mask: Tensor,
    weight: float,
    iterations: int,
    sign: float = 1.0,
    length: Callable[[Tensor, Tensor], Tensor] = torch.hypot,
    divide: bool = True,
) -> Parts:
    """The same iteration with something wrong in its step."""
    filled = harmonic_inpaint(image, mask)
    down, right = torch.zeros_like(filled), torch.zeros_like(filled)
    for _ in range(iterations):
        g_down, g_right = _gradient(_divergence(down, right) - filled / weight)
        shrink = 1 + 0.25 * length(g_down, g_right) if divide else 1.0
        down = (down + sign * 0.25 * g_down) / shrink
        right = (right + sign * 0.25 * g_right) / shrink
    return _parts(filled - weight * _divergence(down, right), filled, mask)


def _parts(structure: Tensor, filled: Tensor, mask: Tensor) -> Parts:
    return structure, torch.where(mask, 0.0, filled - structure)


def _gradient(picture: Tensor) -> Parts:
    down = torch.nn.functional.pad(picture.diff(dim=-2), (0, 0, 0, 1))
    return down, torch.nn.functional.pad(picture.diff(dim=-1), (0, 1))


def _divergence(down: Tensor, right: Tensor) -> Tensor:
    from_above = torch.nn.functional.pad(down, (0, 0, 1, 0)).diff(dim=-2)
    return from_above + torch.nn.functional.pad(right, (1, 0)).diff(dim=-1)


def _blur(image: Tensor, mask: Tensor, weight: float, iterations: int) -> Parts:
    from torchvision.transforms.functional import gaussian_blur

    filled = harmonic_inpaint(image, mask)
    return _parts(gaussian_blur(filled, [7, 7], [1.5, 1.5]), filled, mask)


def _peeks(image: Tensor, mask: Tensor, weight: float, iterations: int) -> Parts:
    return _parts(total_variation_smooth(image, weight, iterations), image, mask)


def _black_hole(image: Tensor, mask: Tensor, weight: float, iterations: int) -> Parts:
    image = torch.where(mask, 0.0, image)
    return _parts(total_variation_smooth(image, weight, iterations), image, mask)


def _texture_everywhere(image: Tensor, mask: Tensor, weight: float, iterations: int) -> Parts:
    filled = harmonic_inpaint(image, mask)
    structure = total_variation_smooth(filled, weight, iterations)
    return structure, filled - structure


def _texture_clamped(image: Tensor, mask: Tensor, weight: float, iterations: int) -> Parts:
    structure, texture = split_structure_texture(image, mask, weight, iterations)
    return structure, texture.clamp(0.0, 1.0)


def _weight_inverted(image: Tensor, mask: Tensor, weight: float, iterations: int) -> Parts:
    return split_structure_texture(image, mask, 1 / weight, iterations)


SPLIT_STRUCTURE_TEXTURE = Check(
    name="classical_inpainting.split_structure_texture",
    reference=split_structure_texture,
    cases=_cases,
    properties=(
        Property("the two parts add up to the picture", 1, _parts_add_up),
        Property(
            "what the hole held does not count",
            1,
            blind_to_the_hole,
            cases=(FLAT, NOISE, MORE),
            hint="The split needs a whole picture, without a seam at the hole's rim: see hint 1.",
        ),
        Property(
            "edges stay in the structure, fine detail goes into the texture",
            1,
            _edges_stay,
            cases=(FLAT, EDGE, WEAVE),
            hint="See the three lines of the iteration, and hint 2.",
        ),
        Property(
            "the steps are Chambolle's",
            1,
            _agrees,
            cases=(NOISE, MORE),
            hint="p starts at zero and has two parts; both are divided by the same 1 + tau |g|, "
            "pixel by pixel and channel by channel: see hint 3.",
        ),
    ),
    mutants={
        "Gaussian blur": _blur,
        "peeks into the hole": _peeks,
        "the hole is black": _black_hole,
        "texture in the hole": _texture_everywhere,
        "texture clamped": _texture_clamped,
        "texture first": lambda *inputs: split_structure_texture(*inputs)[::-1],
        "wrong direction": lambda *inputs: _split(*inputs, sign=-1.0),
        "sum instead of length": lambda *inputs: _split(
            *inputs, length=lambda down, right: down.abs() + right.abs()
        ),
        "never divided": lambda *inputs: _split(*inputs, divide=False),
        "channels share one length": lambda *inputs: _split(
            *inputs,
            length=lambda down, right: (
                torch.hypot(down, right).square().sum(dim=1, keepdim=True).sqrt()
            ),
        ),
        "one step too few": lambda image, mask, weight, iterations: split_structure_texture(
            image, mask, weight, iterations - 1
        ),
        "weight upside down": _weight_inverted,
    },
)
