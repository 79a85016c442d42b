"""Exercises 2 and 3 of unit 06: a picture's edges, and edges before colours."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from course_lib.checks.ask import Ask
from course_lib.checks.definition import Case, Check, Finding, Property
from course_lib.checks.mistakes import compare, gradients_flow
from course_lib.checks.staged_inpainting.common import (
    Parameters,
    block,
    known_stays,
    named,
    picture,
    small_network,
    spoiled,
)
from course_lib.inpainting.learned import compose
from course_lib.inpainting.stages import apply_network, structure_map, structure_then_texture

STEP = "a step from black to white"
FLAT = "one colour, up to the frame"
NOISE = "two pictures of smooth colours with noise"
SOFT = "a picture, scale 0.3"

Answer = tuple[Tensor, Tensor]


def _map_cases(generator: torch.Generator) -> list[Case]:
    step = torch.zeros(1, 3, 6, 8)
    step[..., 4:] = 1.0
    flat = torch.rand(1, 3, 1, 1, generator=generator).expand(1, 3, 6, 7).clone()
    images = picture(2, 9, 12, generator)
    return [
        Case(STEP, (step, 0.1)),
        Case(FLAT, (flat, 0.1)),
        Case(NOISE, (images, 0.1)),
        Case(SOFT, (images[:1], 0.3)),
    ]


def _map_agrees(ask: Ask, case: Case) -> Finding | None:
    return compare(ask, case, _MAP_MISTAKES)


def _flat(ask: Ask, case: Case) -> Finding | None:
    """No edge in one colour, not even at the frame; then the right edges of a step."""
    came = ask(*case.inputs)
    if float(came.abs().max()) > 1e-4:
        y, x = torch.unravel_index(came[0, 0].argmax(), came.shape[2:])
        return Finding(
            named(ask, case, _MAP_MISTAKES) or "one colour has no edge, and none at the frame.",
            came=f"{float(came.max()):.3f} at row {int(y)}, column {int(x)}",
            wanted="0",
            hint="What does the filter find beyond the frame? See hint 2.",
        )
    step = torch.zeros(1, 3, 6, 8)
    step[..., :3] = 0.5
    return _map_agrees(ask, Case(case.name, (step, 0.1)))


def _alike(ask: Ask, case: Case) -> Finding | None:
    """A transposed picture has the transposed edges, a negative the same ones."""
    image, scale = case.inputs
    first = ask(image, scale)
    for came, wanted, what in (
        (ask(image.mT, scale), first.mT, "edges across and edges along are not treated alike."),
        (ask(1 - image, scale), first, "the negative of a picture has other edges."),
    ):
        if not torch.allclose(came, wanted, atol=1e-4):
            return Finding(named(ask, case, _MAP_MISTAKES) or what)
    return _map_agrees(ask, case)


def _map_variant(
    filters: Tensor | None = None,
    pad: str = "replicate",
    grey: Callable[[Tensor], Tensor] = lambda image: image.mean(dim=1, keepdim=True),
    squash: Callable[[Tensor, float], Tensor] = lambda g, scale: (
        g.square().sum(1, keepdim=True) / (g.square().sum(1, keepdim=True) + scale**2)
    ),
) -> Callable[[Tensor, float], Tensor]:
    """A wrong answer, put together from its parts."""
    across = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]) / 8
    chosen = torch.stack([across, across.T])[:, None] if filters is None else filters

    def function(image: Tensor, scale: float) -> Tensor:
        options = {"mode": pad} if pad != "zeros" else {}
        padded = functional.pad(grey(image), (1, 1, 1, 1), **options)
        return squash(functional.conv2d(padded, chosen), scale)

    return function


_SOBEL = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])
_PREWITT = torch.tensor([[-1.0, 0.0, 1.0]]).expand(3, 3) / 6


def _both(across: Tensor) -> Tensor:
    return torch.stack([across, across.T])[:, None]


def _length(g: Tensor) -> Tensor:
    return g.square().sum(1, keepdim=True).clamp_min(1e-12).sqrt()


_not_divided = _map_variant(_both(_SOBEL))
_prewitt = _map_variant(_both(_PREWITT))
_across_only = _map_variant((_SOBEL / 8)[None, None])
_along_only = _map_variant((_SOBEL.T / 8)[None, None])
_zero_padding = _map_variant(pad="zeros")
_reflected = _map_variant(pad="reflect")
_brightest = _map_variant(grey=lambda image: image.amax(1, keepdim=True))
_green = _map_variant(grey=lambda image: image[:, 1:2])
_summed = _map_variant(grey=lambda image: image.sum(1, keepdim=True))
_not_squared_scale = _map_variant(
    squash=lambda g, scale: (
        g.square().sum(1, keepdim=True) / (g.square().sum(1, keepdim=True) + scale)
    )
)
_length_only = _map_variant(squash=lambda g, scale: _length(g))
_of_length = _map_variant(squash=lambda g, scale: _length(g) / (_length(g) + scale))
_summed_sides = _map_variant(
    squash=lambda g, scale: (
        g.sum(1, keepdim=True).square() / (g.sum(1, keepdim=True).square() + scale**2)
    )
)
_binary = _map_variant(squash=lambda g, scale: (_length(g) > scale).to(g))

_MAP_MISTAKES = {
    "the filters are not divided by 8.": _not_divided,
    "the filter's rows all weigh the same; Sobel's middle row weighs twice.": _prewitt,
    "only edges across x are found.": _across_only,
    "only edges across y are found.": _along_only,
    "beyond the frame there are zeros, so the frame itself is an edge.": _zero_padding,
    "beyond the frame the picture is mirrored; its last pixels are repeated.": _reflected,
    "the brightest channel is taken, not the mean.": _brightest,
    "one channel is taken, not the mean of all.": _green,
    "the channels are summed, not averaged.": _summed,
    "the scale is not squared.": _not_squared_scale,
    "this is the length of the gradient itself; the scale has no effect.": _length_only,
    "the gradient's length is compared with the scale, not its square.": _of_length,
    "the two derivatives are added before they are squared: they can cancel.": _summed_sides,
    "the edges are cut off at the scale: all or nothing, and no gradient.": _binary,
}

STRUCTURE_MAP = Check(
    name="staged_inpainting.structure_map",
    reference=structure_map,
    cases=_map_cases,
    properties=(
        Property("one colour has no edge, a step has one", 1, _flat, (FLAT,)),
        Property("all directions alike, and the negative", 1, _alike, (NOISE,)),
        Property("values agree with the reference", 1, _map_agrees, (STEP, NOISE, SOFT)),
        gradients_flow(1, (0,), cases=(NOISE, SOFT)),
    ),
    mutants={
        "not divided": _not_divided,
        "prewitt": _prewitt,
        "across only": _across_only,
        "along only": _along_only,
        "zero padding": _zero_padding,
        "reflected": _reflected,
        "brightest channel": _brightest,
        "green": _green,
        "channels summed": _summed,
        "scale not squared": _not_squared_scale,
        "length": _length_only,
        "of the length": _of_length,
        "sides summed": _summed_sides,
        "all or nothing": _binary,
        "detached": lambda image, scale: structure_map(image.detach(), scale),
    },
)

EVEN = "a hole in the middle"
FRAME = "a hole at the frame"
UNKNOWN = "NaN in the hole"
NONE = "no hole"


def _cases(generator: torch.Generator) -> list[Case]:
    networks = small_network(5, 1, generator), small_network(5, 3, generator)
    image = picture(2, 10, 12, generator)
    middle, frame = block(10, 12, (3, 7), (4, 9)), block(10, 12, (0, 10), (8, 12))
    return [
        Case(EVEN, (image[:1], middle, *networks)),
        Case(FRAME, (image[1:], frame, *networks)),
        Case(UNKNOWN, (spoiled(image, middle), torch.cat([middle, middle]), *networks)),
        Case(NONE, (image[:1], torch.zeros_like(middle), *networks)),
    ]


def _agrees(ask: Ask, case: Case) -> Finding | None:
    return compare(ask, case, _MISTAKES)


def _stays(ask: Ask, case: Case) -> Finding | None:
    return known_stays(ask, case, 1, _MISTAKES)


def _no_hole(ask: Ask, case: Case) -> Finding | None:
    """Without a hole: the picture's own edges, and the picture; checked with a hole as well."""
    image, _, *networks = case.inputs
    edges, result = ask(*case.inputs)
    if not torch.allclose(edges, structure_map(image), atol=1e-5) or not torch.equal(result, image):
        return Finding(
            "without a hole the edges are not the picture's own, or the picture changes.",
            hint="Where does the first network have a say? Only where the edges are unknown.",
        )
    hole = block(*image.shape[2:], (4, 6), (4, 6))
    return _agrees(ask, Case(case.name, (image, hole, *networks)))


def _rim(mask: Tensor) -> Tensor:
    return functional.max_pool2d(mask.float(), 3, 1, 1) > 0


def _cross(mask: Tensor) -> Tensor:
    tall = functional.max_pool2d(mask.float(), (3, 1), 1, (1, 0)) > 0
    return tall | (functional.max_pool2d(mask.float(), (1, 3), 1, (0, 1)) > 0)


def _variant(
    unknown: Callable[[Tensor], Tensor] = _rim,
    known: Callable[[Tensor, Tensor], Tensor] = lambda edges, gone: torch.where(gone, 0.0, edges),
    told: Callable[[Tensor, Tensor], Tensor] = lambda gone, mask: gone,
    join: Callable[[Tensor, Tensor, Tensor], Tensor] = compose,
    texture_sees: Callable[[Tensor, Tensor], Tensor] = lambda edges, before: edges,
    hidden: Callable[[Tensor, Tensor], Tensor] = lambda mask, gone: mask,
    finish: Callable[[Tensor, Tensor, Tensor], Tensor] = compose,
) -> Callable[[Tensor, Tensor, Parameters, Parameters], Answer]:
    """A wrong answer, put together from its parts."""

    def function(image: Tensor, mask: Tensor, structure: Parameters, texture: Parameters) -> Answer:
        seen, gone = torch.where(mask, 0.0, image), unknown(mask)
        before = known(structure_map(seen), gone)
        x = torch.cat([seen, before, told(gone, mask).to(seen)], dim=1)
        edges = join(before, apply_network(structure, x), gone)
        x = [seen, texture_sees(edges, before), hidden(mask, gone).to(seen)]
        painted = apply_network(texture, torch.cat(x, dim=1))
        return edges, finish(seen, painted, mask)

    return function


def _prediction(image: Tensor, prediction: Tensor, mask: Tensor) -> Tensor:
    return prediction


_rim_known = _variant(unknown=lambda mask: mask)
_rim_cross = _variant(unknown=_cross)
_rim_wide = _variant(unknown=lambda mask: _rim(_rim(mask)))
_edges_left_in = _variant(known=lambda edges, gone: edges)
_told_mask = _variant(told=lambda gone, mask: mask)
_not_told = _variant(told=lambda gone, mask: torch.zeros_like(mask))
_edges_not_composed = _variant(join=_prediction)
_no_edges = _variant(join=lambda before, answer, gone: before)
_texture_blind = _variant(texture_sees=lambda edges, before: before)
_texture_told_rim = _variant(hidden=lambda mask, gone: gone)
_not_composed = _variant(finish=_prediction)


def _turned(image: Tensor, mask: Tensor, structure: Parameters, texture: Parameters) -> Answer:
    edges, result = structure_then_texture(image, mask, structure, texture)
    return result, edges


_MISTAKES = {
    "the hole's own border is taken for an edge: its neighbours' edges are unknown.": _rim_known,
    "diagonal neighbours of the hole are taken as known; the filter reaches them.": _rim_cross,
    "more than the hole's neighbours is taken as unknown.": _rim_wide,
    "edges at the hole are handed to the first network as if they were true.": _edges_left_in,
    "the first network is told the hole; it must be told where edges are unknown.": _told_mask,
    "the first network is not told where edges are unknown.": _not_told,
    "edges that are known are replaced by the network's.": _edges_not_composed,
    "the first network's answer is not used at all.": _no_edges,
    "the second network does not see the continued edges.": _texture_blind,
    "the second network is told the rim too; it must be told the hole.": _texture_told_rim,
    "the result replaces pixels that are known.": _not_composed,
}

STRUCTURE_THEN_TEXTURE = Check(
    name="staged_inpainting.structure_then_texture",
    reference=structure_then_texture,
    cases=_cases,
    properties=(
        Property("without a hole nothing is made up", 1, _no_hole, (NONE,)),
        Property("edges first, colours then", 2, _agrees, (EVEN, FRAME)),
        Property("known pixels stay, the hole's content does not count", 1, _stays, (UNKNOWN,)),
        gradients_flow(1, (0,), cases=(EVEN,)),
    ),
    mutants={
        "rim known": _rim_known,
        "rim without corners": _rim_cross,
        "rim too wide": _rim_wide,
        "false edges left in": _edges_left_in,
        "told the hole": _told_mask,
        "not told": _not_told,
        "edges not composed": _edges_not_composed,
        "edges unused": _no_edges,
        "texture without edges": _texture_blind,
        "texture told the rim": _texture_told_rim,
        "not composed": _not_composed,
        "results swapped": _turned,
        "detached": lambda i, m, s, t: structure_then_texture(i.detach(), m, s, t),
    },
)
